"""What every systolic array has, whatever stays in its PEs: registers, signals, what wanders right, what is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Matrix = tuple[Numbers, Flags]
"""Words, and which of them are words of the tensor and no padding."""

VALUE, LEFT, REAL = range(3)


@dataclass(frozen=True, slots=True)
class Rules:
    """By which rules the array runs; see `sim.kernels.systolic`."""

    overlap: bool = True
    drain: bool = True
    whole: bool = False
    places: int = 1


@dataclass(slots=True)
class Words:
    """What was seen of a tensor's words: at its SRAM, in the registers of PEs, and between PEs."""

    sram_reads: int = 0
    sram_updates: int = 0
    writes: int = 0
    reads: int = 0
    hops: int = 0
    drains: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What every PE holds after a cycle: of each register the word, and whether there is one.

    Attributes:
        right: goes right.
        stay: stays, and is in use.
        down: goes down: a weight, or a sum.
        beside: is in the second register: is loaded, or waits for its use; a finished sum on its way out.
        busy: PEs that multiplied.
    """

    cycle: int
    right: Matrix
    stay: Matrix
    down: Matrix
    beside: Matrix
    busy: Flags


@dataclass(slots=True)
class Run:
    """What came out of it."""

    product: Numbers
    cycles: int = 0
    inputs: Words = field(default_factory=Words)
    weights: Words = field(default_factory=Words)
    outputs: Words = field(default_factory=Words)


Watch = Callable[[Snapshot], Any] | None


@dataclass(frozen=True, slots=True)
class Fold:
    """A part of the product that is on the array at one time."""

    rows: range
    columns: range


def folds_of(on_rows: int, on_columns: int, rows: int, columns: int, places: int = 1) -> list[Fold]:
    """Rows first: all folds of a column of them, then the next column. Equal parts of the rows share no fold."""
    part = on_rows // places
    return [
        Fold(range(r, min(r + rows, first + part)), range(c, min(c + columns, on_columns)))
        for c in range(0, on_columns, columns)
        for first in range(0, on_rows, part)
        for r in range(first, first + part, rows)
    ]


def padded(words: Matrix, rows: int, columns: int) -> Matrix:
    """With padding at the end, so that folds are whole."""
    more = [(0, -words[0].shape[0] % rows), (0, -words[0].shape[1] % columns)]
    return np.pad(words[0], more), np.pad(words[1], more)


def count(flags: Flags) -> int:
    """How many are true."""
    return int(np.count_nonzero(flags))


class Wave:
    """A signal that leaves a corner of the array and comes a PE further in a cycle; -1 says nothing."""

    def __init__(self, cycles: int, delay: Numbers) -> None:
        self._latest = int(delay.max())
        self._says = np.full(cycles + self._latest, -1)
        self._at = self._latest - delay

    def say(self, cycle: int, numbers: npt.ArrayLike) -> None:
        """Leave the corner in this cycle and those after it."""
        said = np.atleast_1d(numbers)
        begin = self._latest + cycle
        self._says[begin : begin + len(said)] = said[: max(0, len(self._says) - begin)]

    def __call__(self, cycle: int) -> Numbers:
        """What every PE hears."""
        return self._says.take(self._at + cycle)

    def heard(self) -> Flags:
        """For every cycle, whether any PE hears anything."""
        said = self._says >= 0
        cycles = len(said) - self._latest
        heard: Flags = np.any([said[delay : delay + cycles] for delay in range(self._latest + 1)], axis=0)
        return heard


class Array:
    """The registers of what wanders right, and the SRAM to which sums go."""

    def __init__(self, run: Run, size: tuple[int, int], rules: Rules, watch: Watch) -> None:
        self.run, self.shape, self.rules, self.watch = run, size, rules, watch
        self.q, self.c = np.indices(size)
        self.right = self.registers()

    def registers(self) -> Numbers:
        """One in every PE: the word, to how many PEs more it comes (below 0: there is none), whether it is real."""
        out = np.zeros((3, *self.shape), np.int64)
        out[LEFT] = -1
        return out

    def edge(self, cycles: int, across: int) -> Numbers:
        """What enters at an edge, as registers hold it, [cycle, :, place]."""
        out = np.zeros((cycles, 3, across), np.int64)
        out[:, LEFT] = -1
        return out

    def shift_right(self, entering: Numbers, words: Words) -> Flags:
        """Everything goes one PE to the right; says where there is a word now."""
        self.right[:, :, 1:] = self.right[:, :, :-1]
        self.right[LEFT] -= 1
        self.right[:, :, 0] = entering
        return self.seen(self.right, entering, words)

    def seen(self, registers: Numbers, entering: Numbers, words: Words) -> Flags:
        """Count the words that have just come; says where there is one, padding included."""
        here: Flags = registers[LEFT] >= 0
        new = count(here & (registers[REAL] > 0))
        entered = count((entering[LEFT] >= 0) & (entering[REAL] > 0))
        words.sram_reads += entered
        words.writes += new
        words.hops += new - entered
        return here

    def add_up(self, cycle: Numbers, sums: Numbers, x: Numbers, n: Numbers) -> None:
        """Sums that have left the array are added to what the SRAM has."""
        self.run.cycles = int(cycle.max()) + 1
        inside = (x < self.run.product.shape[0]) & (n < self.run.product.shape[1])
        x, n = x[inside], n[inside]
        np.add.at(self.run.product, (x, n), sums[inside])
        out = self.run.outputs
        out.drains = out.sram_updates = len(x)
        out.sram_reads = len(x) - len(np.unique(x * self.run.product.shape[1] + n))
