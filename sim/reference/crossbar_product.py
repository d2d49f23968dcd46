"""A product with a matrix in crossbars as they do it: every cell, every pulse and every conversion on its own.

All that can be wrong with a cell comes in as its conductance, or as a function that is asked for it at every pulse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sim.arch.crossbar import Crossbar

Conductance = Callable[[int, int, int, int], float]
"""Of a cell by its sign (0 or 1), slice (0 counts least), row and output, in microsiemens."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Products of a matrix with vectors.

    Attributes:
        weights: rows of numbers.
        ranges: for each slice the lowest and the highest current that its ADCs know (in currents of a cell that is
            fully on), and how many codes they have; 0 codes lose nothing.
        peak, signed: the largest input, and whether there are negative ones.
        conductance: of cells; what was to be written where it is None.
    """

    weights: Sequence[Sequence[float]]
    xbar: Crossbar
    ranges: Sequence[tuple[float, float, int]]
    peak: float
    signed: bool
    conductance: Conductance | None = None

    def product(self, inputs: Sequence[float]) -> list[float]:
        """What comes out, scales undone."""
        numbers = [self._number(x) for x in inputs]
        return [self._output(m, numbers) for m in range(len(self.weights[0]))]

    # -- digits ----------------------------------------------------------------------------------------------------

    @property
    def _most_weight(self) -> int:
        return (1 << (self.xbar.weight_bits - 1)) - 1

    @property
    def _heaviest(self) -> float:
        return max(abs(w) for row in self.weights for w in row)

    def _weight(self, k: int, m: int) -> float:
        """A weight as a number of its least digit; a continuous cell does not round it."""
        share = self.weights[k][m] / self._heaviest
        return round(share * self._most_weight) if self.xbar.cell.bits else share

    def _digit(self, sign: int, piece: int, k: int, m: int) -> float:
        """What a cell holds, between 0 and the largest digit."""
        weight = self._weight(k, m)
        if self.xbar.signs != "offset":
            held = max(0, -weight if sign else weight)
        else:
            held = weight + self._most_weight + 1 if self.xbar.cell.bits else (weight + 1) / 2
        if not self.xbar.cell.bits:
            return held
        bits = self.xbar.cell.bits
        return float(int(held) >> (bits * piece) & (1 << bits) - 1)

    def _current(self, sign: int, piece: int, k: int, m: int) -> float:
        """Of a cell at full voltage, relative to one that is fully on."""
        cell = self.xbar.cell
        if self.conductance is not None:
            return self.conductance(sign, piece, k, m) / cell.most_us
        largest = 2**cell.bits - 1 if cell.bits else 1
        share = self._digit(sign, piece, k, m) / largest
        return (cell.least_us + (cell.most_us - cell.least_us) * share) / cell.most_us

    @property
    def _most_input(self) -> int:
        signed = self.xbar.input_signs == "pulses" or self.signed
        return (1 << (self.xbar.input_bits - signed)) - 1

    def _number(self, value: float) -> int:
        most = self._most_input
        return min(max(round(value / self.peak * most), -most if self.signed else 0), most)

    def _pulses(self, number: int) -> Iterator[tuple[int, float]]:
        """For each step what it counts, and the voltage of the row, relative to the largest."""
        xbar = self.xbar
        bits = xbar.input_bits - (xbar.input_signs == "pulses")
        width = min(xbar.step_bits, bits)
        if xbar.input_signs == "pulses" or not self.signed:
            sign, code = (-1 if number < 0 else 1), abs(number)
        elif xbar.input_signs == "offset":
            sign, code = 1, number + 2 ** (bits - 1)
        else:
            sign, code = 1, number % 2**bits
        text = f"{code:0{width * xbar.steps}b}"[::-1]
        for step in range(xbar.steps):
            digit = int(text[step * width : (step + 1) * width][::-1], 2)
            last = self.signed and xbar.input_signs == "twos" and step == xbar.steps - 1
            yield (-1 if last else 1) * 2 ** (step * width), sign * digit / (2**width - 1)

    # -- analog ----------------------------------------------------------------------------------------------------

    def _blocks(self) -> Iterator[range]:
        """Rows that are read at once."""
        rows, size = len(self.weights), self.xbar.rows
        for first in range(0, rows, size):
            end = min(first + size, rows)
            for begin in range(first, end, self.xbar.rows_at_once):
                yield range(begin, min(begin + self.xbar.rows_at_once, end))

    def _output(self, m: int, numbers: Sequence[int]) -> float:
        xbar, cell = self.xbar, self.xbar.cell
        pulses = [list(self._pulses(number)) for number in numbers]
        full = 2 ** min(xbar.step_bits, xbar.input_bits - (xbar.input_signs == "pulses")) - 1
        unit = full * (2**cell.bits - 1 if cell.bits else 1) * cell.most_us / (cell.most_us - cell.least_us)
        total = 0.0
        for rows in self._blocks():
            for step in range(xbar.steps):
                counts = pulses[0][step][0]
                for piece in range(xbar.slices):
                    volts = [(k, pulses[k][step][1]) for k in rows]
                    read = self._read(piece, volts, m)
                    total += counts * 2 ** (cell.bits * piece) * unit * read
        total -= self._digital(m, numbers)
        scale = self._heaviest / self._most_weight if cell.bits else self._heaviest
        if xbar.signs == "offset" and not cell.bits:
            scale *= 2
        return total * scale * self.peak / self._most_input

    def _read(self, piece: int, volts: Sequence[tuple[int, float]], m: int) -> float:
        """What the ADCs say, without what cells carry that hold nothing."""
        sums = [
            sum(v * self._current(sign, piece, k, m) for k, v in volts)
            for sign in range(1 if self.xbar.signs == "offset" else 2)
        ]
        if self.xbar.signs == "balanced":
            return self._converted(sums[0] - sums[1], piece)
        if self.xbar.signs == "differential":
            return self._converted(sums[0], piece) - self._converted(sums[1], piece)
        empty = self.xbar.cell.least_us / self.xbar.cell.most_us
        return self._converted(sums[0], piece) - empty * sum(v for _, v in volts)

    def _converted(self, current: float, piece: int) -> float:
        low, high, codes = self.ranges[piece]
        if not codes:
            return current
        step = (high - low) / (codes - 1)
        return low + step * min(max(round((current - low) / step), 0), codes - 1)

    def _digital(self, m: int, numbers: Sequence[int]) -> float:
        """What is taken off the sum digitally: the halves that were added to weights, and to inputs."""
        xbar, rows = self.xbar, range(len(numbers))
        added = 2 ** (xbar.input_bits - 1) if self.signed and xbar.input_signs == "offset" else 0
        half = 0.0
        if xbar.signs == "offset":
            half = self._most_weight + 1 if xbar.cell.bits else 0.5
        by_weights = half * sum(number + added for number in numbers)
        scale = 2 if xbar.signs == "offset" and not xbar.cell.bits else 1
        return by_weights + added * sum(self._weight(k, m) for k in rows) / scale
