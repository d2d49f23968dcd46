"""Digital arithmetic of few bits: what a network is worth where quantization is the only error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix of whole numbers, and how inputs become such numbers.

    Attributes:
        weights: [K, M], whole numbers.
        weight_scale: what a step counts, for each column.
        input_scale: what a step of an input counts.
        least, most: range of the whole numbers that inputs are rounded to.
    """

    weights: FloatArray
    weight_scale: FloatArray
    input_scale: float
    least: int
    most: int

    def product(self, inputs: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Inputs [B, K] times the weights; nothing is random about it."""
        numbers = np.clip(np.rint(inputs / inputs.dtype.type(self.input_scale)), self.least, self.most)
        return (numbers @ self.weights) * (self.weight_scale * inputs.dtype.type(self.input_scale))


def quantize(weights: FloatArray, sample: FloatArray, weight_bits: int, input_bits: int) -> Quantized:
    """A matrix in so many bits: symmetric, with a scale for each column; of one bit, signs times the mean magnitude.

    Inputs have one scale, by which the largest of the sample is the largest number; those that are never negative
    have no sign. Columns' scales are as in Krishnamoorthi (arXiv:1806.08342, 2018, section 3), binary weights as in
    Rastegari et al. (XNOR-Net, ECCV 2016, equation 6).

    Args:
        weights: [K, M].
        sample: inputs [B, K].
        weight_bits: 1 or more, sign included.
        input_bits: 2 or more, sign included where there are negative ones.

    >>> quantize(np.array([[0.5], [-1.0]]), np.ones((1, 2)), weight_bits=8, input_bits=8).weights.ravel().tolist()
    [64.0, -127.0]
    """
    magnitude = np.abs(weights)
    if weight_bits == 1:
        scale, numbers = magnitude.mean(axis=0), np.where(weights < 0, -1, 1).astype(weights.dtype)
    else:
        largest = magnitude.max(axis=0)
        scale = np.where(largest > 0, largest, 1) / weights.dtype.type(2 ** (weight_bits - 1) - 1)
        numbers = np.rint(weights / scale)
    signed = bool((sample < 0).any())
    most = 2 ** (input_bits - signed) - 1
    peak = float(np.abs(sample).max()) or 1.0
    return Quantized(numbers, scale.astype(weights.dtype), peak / most, -most if signed else 0, most)
