"""Blocks of rows with their converters: from digits to what is added to the sums."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from sim.nonideal.cells import Cells, Signal
from sim.nonideal.converters import AdcRange, adc_range, clipped_share
from sim.nonideal.layout import Layout
from sim.nonideal.streams import FloatArray, normal

_SAMPLED = 1 << 16  # currents of a slice and a step, of all blocks together, that are looked at to calibrate


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that are read at once, and the ADCs of their columns. All currents are in steps of these.

    Attributes:
        matrix: [rows, conversions * outputs], current by digit.
        variance: the same, of currents by the square of the digit; None without noise of cells.
        offset: [conversions * outputs], current without inputs, from the lowest code on.
        floor: [conversions * outputs], variance whatever the inputs are.
        noisy: whether there is any variance.
        top: the largest code; 0 where ADCs lose nothing.
        weight: [conversions * outputs], what a step counts in the sum.
    """

    rows: slice
    matrix: FloatArray
    variance: FloatArray | None
    offset: FloatArray
    floor: FloatArray
    noisy: bool
    top: float
    weight: FloatArray

    def add(self, numbers: FloatArray, plan: Layout, out: FloatArray, rng: np.random.Generator) -> None:
        """Add to the sums what the ADCs say to all steps of the inputs [B, all rows]."""
        from sim.kernels.convert import convert, disturb

        dac, kind = plan.noise.dac, out.dtype.type
        for counts, digits in plan.inputs.pulses(np.ascontiguousarray(numbers[:, self.rows])):
            if dac and dac.noise:
                digits = digits + kind(dac.noise) * normal(digits.shape, rng)
            seen = plan.bent(digits)
            currents = seen @ self.matrix
            if self.noisy:
                variance = np.zeros_like(currents) if self.variance is None else np.square(seen) @ self.variance
                disturb(currents, variance, self.floor, normal(currents.shape, rng))
            convert(currents, self.offset, kind(self.top), self.weight * kind(counts), out)


@dataclass(frozen=True, slots=True)
class Streamed:
    """Such rows, for inputs that come bit by bit; see `sim.kernels.pulses.stream`."""

    rows: slice
    terms: FloatArray
    start: FloatArray
    noisy: bool
    top: float
    weight: FloatArray

    @classmethod
    def of(cls, block: Block, signed: bool) -> Streamed:
        """The same block; with signs, digits may be negative."""
        from sim.kernels.pulses import SIDE

        def beside(currents: FloatArray, variance: FloatArray) -> FloatArray:
            """[..., columns] in tiles [..., tiles, SIDE], the last one filled up; variances stand beside currents."""
            parts = [currents, variance] if block.noisy else [currents]
            width = SIDE // 2 if block.noisy else SIDE
            behind = [(0, 0)] * (currents.ndim - 1) + [(0, -currents.shape[-1] % width)]
            tiles = [np.pad(part, behind).reshape(*part.shape[:-1], -1, width) for part in parts]
            return np.concatenate(tiles, axis=-1)

        variance = np.zeros_like(block.matrix) if block.variance is None else block.variance
        terms = [beside(sign * block.matrix, variance) for sign in ((1, -1) if signed else (1,))]
        start = beside(block.offset, block.floor)
        width = start.size // (2 if block.noisy else 1)
        weight = np.pad(block.weight, (0, width - len(block.weight)))
        return cls(
            block.rows,
            np.ascontiguousarray(np.stack(terms).transpose(2, 0, 1, 3)),
            start,
            block.noisy,
            block.top,
            weight,
        )

    def add(self, numbers: FloatArray, plan: Layout, out: FloatArray, rng: np.random.Generator) -> None:
        """As `Block.add`, in one pass."""
        from sim.kernels.normal import LANES
        from sim.kernels.pulses import stream

        first, code, top = self.rows.start, plan.inputs, out.dtype.type(self.top)
        counts = np.array(code.counts, out.dtype)
        state = rng.integers(1, 2**32, (4, LANES), np.uint32)
        stream(numbers, first, code.shift, counts, self.terms, self.start, self.noisy, top, self.weight, state, out)


def equipped(
    cells: Iterable[Cells], ranges: tuple[AdcRange, ...], plan: Layout, errors: np.random.Generator
) -> tuple[Block | Streamed, ...]:
    """The blocks with their ADCs, of which each has an offset and a gain of its own.

    Blocks of one array are read in turns by the same ADCs: their errors do not average out.
    """
    blocks: list[Block | Streamed] = []
    for _, together in groupby(cells, lambda c: plan.array_of(c.now.rows)):
        gain, offset = _adc_errors(plan, errors)
        made = [_equipped(c, ranges, plan, gain, offset) for c in together]
        blocks += [Streamed.of(block, plan.inputs.bipolar) for block in made] if plan.streamed else made
    return tuple(blocks)


def _equipped(
    cells: Cells, ranges: tuple[AdcRange, ...], plan: Layout, gain: FloatArray, offset: FloatArray
) -> Block:
    dtype, outputs = cells.now.matrix.dtype, plan.outputs
    each = np.repeat(np.array(ranges, object), plan.signs)
    steps = np.array([r.step if r.codes else 1.0 for r in each])
    lows = np.array([r.low if r.codes else 0.0 for r in each])
    slope = gain / np.repeat(steps, outputs)
    noise = plan.noise.adc.noise if plan.noise.adc else 0.0
    floor = (cells.floor + np.repeat((noise * steps) ** 2, outputs)) * slope**2
    return Block(
        cells.now.rows,
        cells.now.matrix * slope.astype(dtype),
        None if cells.variance is None else cells.variance * np.square(slope).astype(dtype),
        (offset - np.repeat(lows / steps, outputs) + cells.now.bias * slope).astype(dtype),
        floor.astype(dtype),
        cells.variance is not None or bool(floor.any()),
        max(0, ranges[0].codes - 1),
        np.repeat(plan.counts * steps * cells.compensation, outputs).astype(dtype),
    )


def lowest(ranges: tuple[AdcRange, ...], cells: Cells, plan: Layout) -> float:
    """What codes of zero stand for, summed over all steps: what is to be added to the sums of a block."""
    lows = np.repeat([r.low if r.codes else 0.0 for r in ranges], plan.signs)
    return float(lows @ plan.counts) * sum(plan.inputs.counts) * cells.compensation


def _adc_errors(plan: Layout, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Gains and offsets, in steps, for each conversion: those of the ADC that its column shares with neighbours."""
    error, conversions = plan.noise.adc, plan.converted * plan.outputs
    if error is None:
        return np.ones(conversions), np.zeros(conversions)
    taken = 2 if plan.xbar.signs == "balanced" else 1
    array, output = np.divmod(np.arange(plan.outputs), plan.xbar.outputs)
    column = (output * plan.converted + np.arange(plan.converted)[:, None]) * taken
    of_an_array = math.ceil(plan.xbar.columns / plan.xbar.adc.columns)
    adc = (array * of_an_array + column // plan.xbar.adc.columns).ravel()
    gains, offsets = rng.standard_normal((2, adc.max() + 1))[:, adc]
    return 1 + error.gain * gains, error.offset * offsets


def _some(currents: FloatArray, most: int) -> FloatArray:
    """Some of many currents [B, C], evenly from all columns: steps that divide C would never see most of them."""
    step = max(1, currents.size // most)
    while math.gcd(step, currents.shape[1]) > 1:
        step += 1
    return currents.ravel()[::step]


def calibrated(
    signals: list[Signal], plan: Layout, numbers: FloatArray | None
) -> tuple[tuple[AdcRange, ...], tuple[float, ...]]:
    """For each slice the range of its ADCs, and the share of the sample's currents beyond it."""
    slices = plan.weights.slices
    seen: list[list[FloatArray]] = [[] for _ in range(slices)]
    for _, digits in plan.inputs.pulses(numbers) if numbers is not None else ():
        bent = plan.bent(digits)
        for signal in signals:
            currents = bent[:, signal.rows] @ signal.matrix + signal.bias
            for s, part in enumerate(np.split(currents, slices, axis=1)):
                seen[s].append(_some(part, math.ceil(_SAMPLED / len(signals))))
    ranges, clipped = [], []
    for parts in seen:
        values = np.concatenate(parts) if parts else None
        r = adc_range(plan.xbar.adc, plan.symmetric, float(plan.xbar.rows_at_once), plan.granule, values)
        ranges.append(r)
        clipped.append(clipped_share(values, r) if values is not None else 0.0)
    return tuple(ranges), tuple(clipped)
