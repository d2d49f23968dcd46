"""The cells of a block of rows: what becomes of their conductances, and of these as seen from the columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sim.arch.noise import Stuck
from sim.nonideal.drift import drift_exponents, drifted, heated
from sim.nonideal.layout import Layout
from sim.nonideal.programming import Lines, programmed, stuck_cells, stuck_lines, with_stuck, with_variation
from sim.nonideal.read import read_sigma, thermal_variance
from sim.nonideal.streams import FloatArray, Seed, stream
from sim.nonideal.wires import effective


@dataclass(frozen=True, slots=True)
class Signal:
    """What a block of rows sends to the ADCs.

    Attributes:
        matrix: [rows, conversions * outputs], current by digit, in units of the largest current of a cell.
        bias: [conversions * outputs], current without inputs.
    """

    rows: slice
    matrix: FloatArray
    bias: FloatArray


@dataclass(frozen=True, slots=True)
class Cells:
    """A block of rows, as written and now.

    Attributes:
        variance: [rows, conversions * outputs], variance of the current by the square of the digit; None without
            noise.
        floor: [conversions * outputs], variance of the current whatever the inputs are.
        compensation: by what currents have fallen since, on average.
    """

    fresh: Signal
    now: Signal
    variance: FloatArray | None
    floor: FloatArray
    compensation: float


def _fallen(fresh: FloatArray, now: FloatArray) -> float:
    """By what to multiply to make up for drift: the ratio of the currents of all cells, as written and now."""
    before, after = fresh.sum(dtype=np.float64), now.sum(dtype=np.float64)
    return float(before / after) if after else 1.0


@dataclass(slots=True)
class Writer:
    """Writes blocks of rows, one after the other."""

    plan: Layout
    seed: Seed
    cycle: int
    _streams: dict[tuple[str, int], np.random.Generator] = field(default_factory=dict)
    _lines: dict[int, Lines] = field(default_factory=dict)

    def write(self, weights: FloatArray) -> Iterator[Cells]:
        """The cells of all blocks."""
        for rows in self.plan.blocks:
            yield self._block(rows, self.plan.conductances(weights[rows]))

    def _device(self, effect: str) -> np.random.Generator:
        """Random numbers of the devices."""
        return self._stream(effect, 0)

    def _writing(self, effect: str) -> np.random.Generator:
        """Random numbers of this time of writing."""
        return self._stream(effect, 1 + self.cycle)

    def _stream(self, effect: str, number: int) -> np.random.Generator:
        key = (effect, number)
        if key not in self._streams:
            self._streams[key] = stream(self.seed, effect, number)
        return self._streams[key]

    def _block(self, rows: slice, target: FloatArray) -> Cells:
        noise = self.plan.noise
        fresh, now = self._conductances(rows, target)
        compensation = _fallen(fresh, now) if noise.compensation else 1.0
        if noise.read and noise.read.slow:
            sigma = read_sigma(now, fresh, noise.read, noise.time_s, self.plan.xbar.cell)
            draw = self._writing("read").standard_normal(now.shape, now.dtype)
            now = np.maximum(now + sigma * draw, 0)
        gains, offsets = self._drivers(len(target[0, 0]), target.dtype)
        variance, floor = self._variances(now, fresh)
        seen = self._behind_wires(rows, now) if noise.wires else now
        signal = self._signal(rows, seen, gains, offsets)
        if now is fresh:
            return Cells(signal, signal, variance, floor, compensation)
        # What wires take hardly depends on drift, and is costly to know: before drift it was the same share.
        share = np.divide(seen, now, out=np.ones_like(now), where=now > 0) if noise.wires else 1
        return Cells(self._signal(rows, fresh * share, gains, offsets), signal, variance, floor, compensation)

    def _conductances(self, rows: slice, target: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As written, and now: the same where nothing changes."""
        noise, cell = self.plan.noise, self.plan.xbar.cell
        g = target
        if noise.variation:
            g = with_variation(g, noise.variation, self._device("variation"), self._writing("variation"))
        if noise.programming:
            g = programmed(g, noise.programming, cell, self._writing("programming"))
        now = g
        if noise.drift:
            exponents = drift_exponents(target, noise.drift, self._device("drift"))
            now = drifted(now, exponents, noise.time_s, noise.drift)
        if noise.temperature:
            now = heated(now, noise.kelvin, noise.temperature)
        if not noise.stuck:
            return g, now
        faults = self._faults(rows, g.shape, noise.stuck)
        fresh = with_stuck(g, faults, cell)
        return fresh, fresh if now is g else with_stuck(now, faults, cell)

    def _faults(self, rows: slice, shape: tuple[int, ...], stuck: Stuck) -> np.ndarray:
        """Stuck cells; where a whole column is, it is in all blocks of its array."""
        rng, array = self._device("stuck"), self.plan.array_of(rows)
        if array not in self._lines:
            self._lines[array] = stuck_lines(shape, stuck, rng)
        return stuck_cells(shape, stuck, self._lines[array], rng)

    def _drivers(self, rows: int, dtype: np.dtype) -> tuple[FloatArray, FloatArray]:
        """Gains of the DACs of rows, and what they add, in their steps."""
        error = self.plan.noise.dac
        if error is None:
            return np.ones(rows, dtype), np.zeros(rows, dtype)
        rng = self._device("dac")
        gains = 1 + error.gain * rng.standard_normal(rows, dtype)
        return gains, error.offset * rng.standard_normal(rows, dtype)

    def _variances(self, g: FloatArray, written: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        noise, cell = self.plan.noise, self.plan.xbar.cell
        variance, floor = None, np.zeros(self.plan.converted * self.plan.outputs, g.dtype)
        if noise.read and not noise.read.slow:
            sigma = read_sigma(g, written, noise.read, noise.time_s, cell)
            variance = self._columns(np.square(sigma / (cell.most_us * self.plan.inputs.span)), 1)
        if noise.thermal:
            floor = self._columns(thermal_variance(g, noise.thermal, noise.kelvin, cell), 1).sum(axis=0)
        return variance, floor

    def _signal(self, rows: slice, seen: FloatArray, gains: FloatArray, offsets: FloatArray) -> Signal:
        current = seen / seen.dtype.type(self.plan.xbar.cell.most_us) - seen.dtype.type(self.plan.reference)
        matrix = self._columns(current / seen.dtype.type(self.plan.inputs.span), -1)
        return Signal(rows, matrix * gains[:, None], offsets @ matrix)

    def _columns(self, cells: FloatArray, sign: int) -> FloatArray:
        """[signs, slices, rows, outputs] as [rows, conversions * outputs]; balanced pairs become a + sign b."""
        if self.plan.xbar.signs == "balanced":
            cells = cells[:1] + sign * cells[1:]
        return np.ascontiguousarray(cells.transpose(2, 1, 0, 3)).reshape(cells.shape[2], -1)

    def _behind_wires(self, rows: slice, g: FloatArray) -> FloatArray:
        """Conductances without wires that give the same currents; cells of an output are neighbours."""
        wires, size = self.plan.noise.wires, self.plan.xbar.rows
        assert wires is not None
        below = size - 1 - (rows.stop - 1) % size
        out = np.empty_like(g)
        for outputs in self.plan.tiles:
            tile = g[..., outputs].transpose(2, 3, 1, 0)
            flat = np.ascontiguousarray(tile.reshape(tile.shape[0], -1))
            out[..., outputs] = effective(flat, wires, below).reshape(tile.shape).transpose(3, 2, 0, 1)
        return out
