"""Matrices of several groups along the diagonal of one array."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.arch.crossbar import Crossbar
from sim.arch.noise import Noise
from sim.nonideal.array import Programmed, Report, program
from sim.nonideal.streams import Seed

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Packed:
    """Groups of a layer that are multiplied at once; see `pack`.

    Attributes:
        groups: how many.
        inputs, outputs: what inputs and sums are multiplied by, digitally.
    """

    made: Programmed
    groups: int
    inputs: Array
    outputs: Array

    @property
    def report(self) -> Report:
        """What became of the matrix; only cells on the diagonal hold something."""
        return replace(self.made.report, cells=self.made.report.cells / self.groups)

    def product(self, inputs: Array, rng: np.random.Generator) -> Array:
        """Inputs of all groups side by side, [B, K], times the matrix."""
        return self.made.product(inputs * self.inputs, rng) * self.outputs


def pack(weights: Array, inputs: Array, groups: int, xbar: Crossbar, noise: Noise, seed: Seed) -> Packed:
    """Write a matrix that consists of those of several groups along its diagonal into an array.

    Each group keeps its own largest weight and input, as in an array of its own: they are made alike before, and sums
    are scaled back, which costs a digital factor for each column. ADCs have one range for all.

    Args:
        inputs: [B, K], those of all groups side by side.

    Raises:
        TilenestError: as `sim.nonideal.array.program`.
    """
    (rows, columns), dtype = weights.shape, weights.dtype
    heaviest = _peaks(weights.reshape(groups, -1))
    largest = _peaks(inputs.reshape(len(inputs), groups, -1).swapaxes(0, 1).reshape(groups, -1))
    into = (1 / np.repeat(largest, rows // groups)).astype(dtype)
    alike = weights / np.repeat(heaviest, rows // groups).astype(dtype)[:, None]
    made = program(alike, xbar, noise, seed, inputs * into)
    return Packed(made, groups, into, np.repeat(heaviest * largest, columns // groups).astype(dtype))


def _peaks(values: Array) -> Array:
    """The largest magnitude of each group [groups, values]; 1 where there is none."""
    peaks = np.abs(values).max(axis=1)
    return np.where(peaks > 0, peaks, 1)
