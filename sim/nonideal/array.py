"""A matrix in crossbar arrays, and products with it as such arrays compute them.

`program` does once what does not change: it cuts the matrix into blocks of rows, makes conductances of it, lets
everything befall them that stays, and sets the ranges of the converters. `Programmed.product` is then a product of
matrices for each step of the inputs, one more for the variance where products are noisy, and a conversion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.arch.crossbar import Crossbar
from sim.arch.noise import Noise
from sim.errors import TilenestError
from sim.nonideal.blocks import Block, Streamed, calibrated, equipped, lowest
from sim.nonideal.cells import Writer
from sim.nonideal.converters import AdcRange
from sim.nonideal.digits import input_code, weight_code
from sim.nonideal.layout import Layout
from sim.nonideal.streams import FloatArray, Seed, stream

_CACHED = 1 << 17  # inputs or currents at a time, so that they stay in the cache,
_FEWEST = 256  # unless products of matrices were slow, for so few vectors


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a matrix.

    Attributes:
        arrays: crossbars that it takes.
        blocks: rows are read in so many groups, whose sums are added digitally.
        cells: share of these arrays' cells that hold something.
        input_scale: what one step of the inputs' code counts.
        signed: whether inputs may be negative.
        ranges: of the ADCs, for each slice from the least significant on; in currents of one cell, fully on.
        clipped: share of the sample's currents beyond the range, for each slice.
        compensation: factors that make up for drift, for each block.
    """

    arrays: int
    blocks: int
    cells: float
    input_scale: float
    signed: bool
    ranges: tuple[AdcRange, ...]
    clipped: tuple[float, ...]
    compensation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Programmed:
    """A matrix in arrays; see `program`."""

    layout: Layout
    blocks: tuple[Block | Streamed, ...]
    offsets: FloatArray
    report: Report

    def product(self, inputs: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Products of vectors with the matrix, [B, K] to [B, M], scales undone.

        Args:
            rng: for noise that is new in every product.

        Raises:
            TilenestError: for vectors that are not as long as the matrix has rows.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.layout.rows:
            raise TilenestError(
                f"the inputs have the shape {inputs.shape}, expected any number of rows of {self.layout.rows}"
            )
        inputs = np.ascontiguousarray(inputs, self.offsets.dtype)
        if self.layout.xbar.input_scale == "vector":
            peaks = vector_peaks(inputs)
            return self._product(inputs / peaks, rng) * peaks
        return self._product(inputs, rng)

    def _product(self, inputs: FloatArray, rng: np.random.Generator) -> FloatArray:
        out = np.empty((len(inputs), len(self.offsets)), self.offsets.dtype)
        widest = max(self.layout.converted * self.layout.outputs, self.layout.rows)
        vectors = max(_FEWEST, _CACHED // widest)
        for begin in range(0, len(inputs), vectors):
            part = slice(begin, begin + vectors)
            self._chunk(self.layout.inputs.numbers(inputs[part]), out[part], rng)
        return out

    def _chunk(self, numbers: FloatArray, out: FloatArray, rng: np.random.Generator) -> None:
        inputs, pedestal = self.layout.inputs, self.layout.pedestal
        out[:] = self.offsets
        if pedestal:
            sums = numbers.sum(axis=1, keepdims=True) + inputs.shift * numbers.shape[1]
            out -= out.dtype.type(pedestal) * sums
        for block in self.blocks:
            block.add(numbers, self.layout, out, rng)
        out *= out.dtype.type(inputs.scale * self.layout.weights.scale)


def program(
    weights: FloatArray,
    xbar: Crossbar,
    noise: Noise,
    seed: Seed,
    sample: FloatArray | None = None,
    cycle: int = 0,
) -> Programmed:
    """Write a matrix into crossbars. Everything is computed in the precision of `weights`.

    Args:
        weights: [K, M], the rows of which take the inputs.
        seed: of this chip; the same seed gives the same devices, faults and errors.
        sample: inputs [B, K] on which the scale of inputs and the ranges of ADCs are calibrated; without it, inputs
            are between -1 and 1.
        cycle: how often this chip was written before: devices stay as they are, errors of writing are new.

    Raises:
        ArchitectureError: for effects that are not known for such cells.
        TilenestError: for weights or a sample that are no finite numbers or do not fit, or ADCs to be calibrated
            without a sample.
    """
    _check(weights, sample)
    noise.check(xbar.cell)
    if xbar.adc.bits and xbar.adc.range == "calibrated" and not xbar.adc.limit and sample is None:
        raise TilenestError("the ranges of the ADCs are to be calibrated, but there is no sample of inputs")
    dtype = np.float32 if weights.dtype == np.float32 else np.float64
    weights = np.asarray(weights, dtype)
    if sample is not None and xbar.input_scale == "vector":
        sample = sample / vector_peaks(sample)
    peak, signed = (1.0, True) if sample is None else (float(np.abs(sample).max()), bool(sample.min() < 0))
    inputs, code = input_code(xbar, peak, signed), weight_code(xbar, float(np.abs(weights).max()))
    plan = Layout(weights.shape[0], weights.shape[1], xbar, noise, code, inputs)
    cells = list(Writer(plan, seed, cycle).write(weights))
    numbers = None if sample is None else inputs.numbers(np.asarray(sample, dtype))
    ranges, clipped = calibrated([c.fresh for c in cells], plan, numbers)
    errors = stream(seed, "adc")
    offsets = sum(lowest(ranges, c, plan) for c in cells) - inputs.shift * plan.column_sums(weights)
    return Programmed(
        plan,
        equipped(cells, ranges, plan, errors),
        offsets.astype(dtype),
        Report(
            plan.arrays,
            len(cells),
            plan.utilization,
            inputs.scale,
            signed,
            ranges,
            clipped,
            tuple(c.compensation for c in cells),
        ),
    )


def vector_peaks(inputs: FloatArray) -> FloatArray:
    """The largest magnitude of each vector [B, 1], 1 for one of zeros."""
    peaks = np.abs(inputs).max(axis=1, keepdims=True)
    return np.where(peaks > 0, peaks, 1).astype(inputs.dtype)


def _check(weights: FloatArray, sample: FloatArray | None) -> None:
    if weights.ndim != 2 or not weights.size:
        raise TilenestError(f"weights are a matrix of rows and columns, not of shape {weights.shape}")
    if sample is not None and (sample.ndim != 2 or sample.shape[1] != weights.shape[0] or not len(sample)):
        raise TilenestError(
            f"the sample of inputs has the shape {sample.shape}, expected any number of rows of {weights.shape[0]}"
        )
    for name, values in (("weights", weights), ("the sample of inputs", sample)):
        if values is not None and not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise TilenestError(f"{name} must be finite, but row {row}, column {column} is {values[row, column]}")
