"""From currents to sums: conversion and adding up of slices, in one pass over what a product of matrices left."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel

Reals: TypeAlias = npt.NDArray[np.floating[Any]]


@kernel
def disturb(currents: Reals, variance: Reals, floor: Reals, numbers: Reals) -> None:
    """Add noise to currents [B, C]: normal `numbers` times the root of `variance` plus, for each column, `floor`."""
    for b in range(currents.shape[0]):
        for c in range(currents.shape[1]):
            currents[b, c] += np.sqrt(variance[b, c] + floor[c]) * numbers[b, c]


@kernel
def digits(numbers: Reals, shift: int, bit: int, span: int, signed: bool, out: Reals) -> None:
    """One digit of each whole number: that of `numbers` + `shift` from a bit on; `span` is the largest.

    Args:
        signed: whether digits are those of the magnitude, and have the number's sign; else those of two's complement.
    """
    if signed:
        for k in range(len(numbers)):
            number = np.int32(numbers[k]) + np.int32(shift)
            digit = (abs(number) >> np.int32(bit)) & np.int32(span)
            out[k] = np.int32(digit) if number >= 0 else np.int32(-digit)
    else:
        for k in range(len(numbers)):
            number = np.int32(numbers[k]) + np.int32(shift)
            out[k] = np.int32((number >> np.int32(bit)) & np.int32(span))


@kernel
def convert(currents: Reals, offset: Reals, top: np.floating[Any], weight: Reals, out: Reals) -> None:
    """Add what ADCs make of currents [B, J * M], in their steps, to sums [B, M]: J converters for each output.

    Currents are left as what is added.

    A converter's code is ``round(current + offset)``, between 0 and `top`; with `top` 0 they do not round.

    Args:
        offset, weight: [J * M], the code without any current, and what a step counts in the sum.
    """
    zero = top - top
    for b in range(currents.shape[0]):
        for c in range(currents.shape[1]):
            current = currents[b, c] + offset[c]
            code = np.rint(current)
            code = code if code > zero else zero
            code = code if code < top else top
            currents[b, c] = weight[c] * (code if top > zero else current)
        for begin in range(0, currents.shape[1], out.shape[1]):
            for m in range(out.shape[1]):
                out[b, m] += currents[b, begin + m]
