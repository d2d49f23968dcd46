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

_SAMPLED = 1 << 16  # currents of a block and a step that are looked at to calibrate


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that are read at once, and the ADCs of their columns.

    Attributes:
        noisy: whether there is any variance; see `sim.nonideal.cells.Cells` for `variance` and `floor`.
        slope, shift, top, weight: of the ADCs; see `sim.kernels.convert.convert`.
    """

    signal: Signal
    variance: FloatArray | None
    floor: FloatArray
    noisy: bool
    slope: FloatArray
    shift: FloatArray
    top: FloatArray
    weight: FloatArray

    def add(self, counts: float, digits: FloatArray, out: FloatArray, rng: np.random.Generator) -> None:
        """Add to the sums what the ADCs say to one step of the inputs, which counts so much."""
        from sim.kernels.convert import convert, disturb

        currents = digits @ self.signal.matrix
        if self.noisy:
            variance = np.zeros_like(currents) if self.variance is None else np.square(digits) @ self.variance
            disturb(currents, variance, self.floor, normal(currents.shape, rng))
        convert(currents, self.slope, self.shift, self.top, self.weight * out.dtype.type(counts), out)


def equipped(
    cells: Iterable[Cells], ranges: tuple[AdcRange, ...], plan: Layout, errors: np.random.Generator
) -> tuple[Block, ...]:
    """The blocks with their ADCs, of which each has an offset and a gain of its own.

    Blocks of one array are read in turns by the same ADCs: their errors do not average out.
    """
    blocks: list[Block] = []
    for _, together in groupby(cells, lambda c: plan.array_of(c.now.rows)):
        gain, offset = _adc_errors(plan, errors)
        blocks += [_equipped(c, ranges, plan, gain, offset) for c in together]
    return tuple(blocks)


def _equipped(
    cells: Cells, ranges: tuple[AdcRange, ...], plan: Layout, gain: FloatArray, offset: FloatArray
) -> Block:
    dtype, outputs = cells.now.matrix.dtype, plan.outputs
    each = np.repeat(np.array(ranges, object), plan.signs)
    steps = np.array([r.step if r.codes else 1.0 for r in each])
    lows = np.array([r.low if r.codes else 0.0 for r in each])
    slope = gain / np.repeat(steps, outputs)
    shift = offset - np.repeat(lows / steps, outputs) + cells.now.bias * slope
    noise = plan.noise.adc.noise if plan.noise.adc else 0.0
    floor = cells.floor + np.repeat((noise * steps) ** 2, outputs)
    return Block(
        cells.now,
        cells.variance,
        floor.astype(dtype),
        cells.variance is not None or bool(floor.any()),
        slope.astype(dtype),
        shift.astype(dtype),
        np.array([max(0, r.codes - 1) for r in each], dtype),
        (plan.counts * steps * cells.compensation).astype(dtype),
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


def _some(currents: FloatArray) -> FloatArray:
    """Some of many currents [B, C], evenly from all columns: steps that divide C would never see most of them."""
    step = max(1, currents.size // _SAMPLED)
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
                seen[s].append(_some(part))
    ranges, clipped = [], []
    for parts in seen:
        values = np.concatenate(parts) if parts else None
        r = adc_range(plan.xbar.adc, plan.symmetric, float(plan.xbar.rows_at_once), plan.granule, values)
        ranges.append(r)
        clipped.append(clipped_share(values, r) if values is not None else 0.0)
    return tuple(ranges), tuple(clipped)
