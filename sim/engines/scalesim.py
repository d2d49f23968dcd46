"""SCALE-Sim's conventions: its words in SRAM and DRAM, and the columns of its reports.

They are those of SCALE-Sim 3.0.0 (scalesim-project/SCALE-Sim, commit 1d62b68) where it calculates the bandwidth
(``InterfaceBandwidth: CALC``), so that nothing ever waits; `docs/systolic.md` lists them, mistakes included. Papers:
Samajdar et al., *SCALE-Sim: Systolic CNN Accelerator Simulator*, arXiv 1811.02883; *A Systematic Methodology for
Characterizing Scalability of DNN Accelerators using SCALE-Sim*, ISPASS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from sim.arch.systolic import SystolicMachine
from sim.engines.systolic_folds import Folds, Ints
from sim.kernels.replay import PADDING, REVERSED, SKEWED, misses
from sim.workload.product import Product

_SETS = 100  # parts of a read buffer; half of them are in use, half of them being filled
_ASSUMED_WORDS = 10  # that come in a cycle before anything is known of the bandwidth
_READ_LATENCY = 1

_ROLES = ("inputs", "weights", "outputs")
_NAMES = {"inputs": "IFMAP", "weights": "Filter", "outputs": "OFMAP"}


@dataclass(frozen=True, slots=True)
class Fetches:
    """Words of an operand that come from DRAM, and the cycles of the first and the last of them."""

    words: int
    start: int
    stop: int


@dataclass(frozen=True)
class ScaleSim:
    """A layer as SCALE-Sim counts it."""

    product: Product
    machine: SystolicMachine
    folds: Folds

    @property
    def _stationary(self) -> str:
        return self.machine.settings.dataflow

    @cached_property
    def fold_lines(self) -> int:
        """Cycles of a fold."""
        f = self.folds
        load = 0 if self._stationary == "os" else f.rows
        return load + f.rows + f.columns + f.steps - 2

    @cached_property
    def lines(self) -> int:
        """Cycles of one group."""
        return self.folds.row_folds * self.folds.column_folds * self.fold_lines

    @cached_property
    def sram(self) -> dict[str, int]:
        """Words that the SRAMs read (inputs, weights) and write (outputs), of all groups."""
        f, (x, n, k) = self.folds, self.product.sizes
        if self._stationary == "os":
            too_many = f.row_folds * f.column_folds * (f.rows + f.columns)
            words = x * k * f.column_folds, k * n * f.row_folds, x * n + too_many
        elif self._stationary == "ws":
            words = x * k * f.column_folds, k * n, x * n * f.row_folds
        else:
            words = x * k, k * n * f.column_folds, x * n * f.row_folds
        return {role: w * self.product.repeats for role, w in zip(_ROLES, words, strict=True)}

    # --- DRAM

    def _room(self, role: str) -> int:
        """Words that a memory holds, which it shares with no other."""
        return int(2 * self.machine.half_bits(role) // self.product.tensor(role).bits)

    @cached_property
    def _asked(self) -> dict[str, tuple[Ints, int]]:
        """`_folds` of inputs and weights."""
        return {role: self._folds(role) for role in ("inputs", "weights")}

    def _folds(self, role: str) -> tuple[Ints, int]:
        """The lines in which an operand is asked for, as `sim.kernels.replay` has them, and their order."""
        f = self.folds
        column, row = np.indices((f.column_folds, f.row_folds)).reshape(2, -1)
        begin = np.arange(len(row)) * self.fold_lines
        rows = row * f.rows, np.minimum((row + 1) * f.rows, f.on_rows)
        columns = column * f.columns, np.minimum((column + 1) * f.columns, f.on_columns)
        if self._stays(role):  # it comes before the rest, the last row first, after those that are missing
            return np.stack((*rows, *columns, begin + f.rows - (rows[1] - rows[0])), axis=1), REVERSED
        lanes = columns if (self._stationary, role) == ("os", "weights") else rows
        load = 0 if self._stationary == "os" else f.rows
        lines = np.zeros_like(row), np.full_like(row, f.steps)
        return np.stack((*lines, *lanes, begin + load), axis=1), SKEWED

    def _stays(self, role: str) -> bool:
        """Whether an operand is what stays in PEs."""
        return (self._stationary, role) in (("ws", "weights"), ("is", "inputs"))

    def _laps(self, role: str) -> tuple[int, int]:
        """An operand is asked for in laps, each word once in a lap: folds of a lap, and how often it is repeated.

        (If words do not come more than once in the lap itself, as inputs of overlapping windows do.)
        """
        f = self.folds
        if self._stays(role):
            return f.row_folds * f.column_folds, 1
        if (self._stationary, role) == ("os", "weights"):
            return 1, f.row_folds
        return f.row_folds, f.column_folds

    def fetches(self, role: str) -> Fetches:
        """What comes from DRAM for one group.

        A buffer is 100 sets of ``floor(words / 100)``, of which 50 are in use. A word that is not in them is fetched;
        when they are full they are given up all at once. The first of them come before everything, the others while
        those before are in use.
        """
        folds, order = self._asked[role]
        in_set = self._room(role) // _SETS
        capacity = max(1, in_set * _SETS // 2)
        if self._comes_once(role):
            fetched, emptied = by_laps(folds, order, capacity, *self._laps(role))
        else:
            fetched, emptied = self._replayed(role, folds, order, capacity)
        if emptied < 0:
            sets = -(-fetched // max(1, in_set))
            return Fetches(fetched, -max(1, math.ceil(sets * in_set / _ASSUMED_WORDS)), -1)
        first = int(folds[0, 4])
        return Fetches(fetched, first - math.ceil(capacity / _ASSUMED_WORDS), emptied + _READ_LATENCY)

    def _comes_once(self, role: str) -> bool:
        """Whether a word comes once in a lap, and none is padding."""
        product, (x, _, k) = self.product, self.product.sizes
        if role == "weights":
            return True
        words = product.layer.words(product.tensor("inputs").name) // product.repeats
        return product.existing == words == x * k

    def _replayed(self, role: str, folds: Ints, order: int, capacity: int) -> tuple[int, int]:
        """Words fetched, and when the buffer was emptied last (-1 if never), word by word."""
        of_x, of_k, padding = self.product.padded_addresses()
        lines, lanes = (of_k, of_x) if self._stationary != "ws" else (of_x, of_k)
        stamps = np.where(padding, PADDING, 0).astype(np.int32)
        fetched, emptied = misses(lines, lanes, folds, order, capacity, stamps)
        return int(fetched), int(emptied)

    def writes(self) -> Fetches:
        """What goes to DRAM for one group: all sums of every fold, and lines that are sent before they are full.

        The buffer is sent off by halves, in lines as wide as the array, a line in a cycle; meanwhile nothing else is.
        """
        size, width = self._room("outputs"), self.folds.columns
        half = size - math.ceil(size / 2)
        coming = _Coming(self.folds, self._stationary, self.fold_lines)
        free, queue, sent, stored = size, list[list[int]](), 0, 0
        starts, stop = list[int](), 0
        while True:
            enough = max(stored + free - (size - half) + 1, coming.before(stop) + 1 if starts else 0)
            if enough > coming.words:
                break
            _store(queue, enough - stored, width)
            gone, lines = _send(queue, -(-half // width), width)
            free += gone - (enough - stored)
            sent, stored = sent + gone, enough
            starts.append(coming.cycle_of(stored))
            stop = starts[-1] + lines - 1
        _store(queue, coming.words - stored, width)
        now = self.lines - 1
        while queue:
            gone, lines = _send(queue, -(-half // width), width)
            sent += gone
            starts.append(now)
            stop = max(stop, now + lines - 1)
            now += lines
        return Fetches(sent, starts[0], stop)

    # --- reports

    def reports(self, fetched: dict[str, Fetches], written: Fetches) -> dict[str, dict[str, float]]:
        """The rows of SCALE-Sim's reports, by file and column; of one group, where there are several."""
        f, groups = self.folds, self.product.repeats
        total = self.lines - 1
        pes, macs = f.rows * f.columns, f.on_rows * f.on_columns * f.steps
        least = max(1, total)  # a single cycle is none in its count
        divided_by = self.fold_lines if self._stationary == "os" else self.fold_lines + f.columns - 1
        start = min(fetched["inputs"].start, fetched["weights"].start)
        dram = {**fetched, "outputs": written}
        sram = {role: self.sram[role] // groups for role in _ROLES}
        compute: dict[str, float] = {
            "Total Cycles (incl. prefetch)": written.stop - start,
            "Total Cycles": total,
            "Stall Cycles": 0,
            "Overall Util %": 100 * macs / (least * pes),
            "Mapping Efficiency %": 100 * f.efficiency,
            "Compute Util %": 100 * macs / (pes * divided_by * f.row_folds * f.column_folds),
        }
        bandwidth: dict[str, float] = {f"Avg {_NAMES[r].upper()} SRAM BW": sram[r] / least for r in _ROLES}
        for role, moved in dram.items():
            bandwidth[f"Avg {_NAMES[role].upper()} DRAM BW"] = moved.words / (moved.stop - moved.start + 1)
        access: dict[str, float] = {}
        for role in _ROLES:
            what = f"SRAM {_NAMES[role]}"
            access[f"{what} Start Cycle"], access[f"{what} Stop Cycle"] = self._sram_cycles(role)
            access[f"{what} {'Writes' if role == 'outputs' else 'Reads'}"] = sram[role]
        for role, moved in dram.items():
            what = f"DRAM {_NAMES[role]}"
            access |= {f"{what} Start Cycle": moved.start, f"{what} Stop Cycle": moved.stop}
            access[f"{what} {'Writes' if role == 'outputs' else 'Reads'}"] = moved.words
        return {"COMPUTE_REPORT": compute, "BANDWIDTH_REPORT": bandwidth, "DETAILED_ACCESS_REPORT": access}

    def _sram_cycles(self, role: str) -> tuple[int, int]:
        """The first and the last cycle in which an SRAM serves the array."""
        f = self.folds
        if role == "outputs":
            deep = f.on_rows - (f.row_folds - 1) * f.rows if f.row_folds == 1 else f.rows
            first = f.steps - 1 + f.rows - deep if self._stationary == "os" else 2 * f.rows - 1
            unused = f.columns - (f.on_columns - (f.column_folds - 1) * f.columns)
            return first, self.lines - 1 - unused
        folds, _ = self._asked[role]
        ends = (self._served(role, fold) for fold in (folds, folds[::-1]))
        (first, _), (_, last) = (next(cycles for cycles in own if cycles) for own in ends)
        return first + _READ_LATENCY, last + _READ_LATENCY

    def _served(self, role: str, folds: Ints) -> Iterator[tuple[int, int] | None]:
        """Fold by fold, the first and the last cycle in which a word is asked for that is there; None if none is."""
        _, order = self._asked[role]
        x, _, k = self.product.sizes
        whole = role == "weights" or self.product.existing == x * k
        if not whole:
            of_x, of_k, padding = self.product.padded_addresses()
            lines, lanes = (of_k, of_x) if self._stationary != "ws" else (of_x, of_k)
        for line, after, lane, lane_after, begin in folds.tolist():
            if whole:
                late = 0 if order == REVERSED else lane_after - lane - 1
                yield begin, begin + after - line - 1 + late
                continue
            i, j = np.nonzero(~padding[lines[line:after, None] + lanes[lane:lane_after]])
            at = after - line - 1 - i if order == REVERSED else i + j
            yield (begin + int(at.min()), begin + int(at.max())) if len(at) else None


def by_laps(folds: Ints, order: int, capacity: int, folds_of_lap: int, repeats: int) -> tuple[int, int]:
    """The same in closed form for a lap, where each word comes once in it: see `sim.kernels.replay.misses`.

    Where a lap has no fewer words than the buffer, each of them is gone when it comes again. Where it has fewer,
    those that came before the buffer was emptied are fetched once more, and then all stay.
    """
    ends = np.cumsum((folds[:, 1] - folds[:, 0]) * (folds[:, 3] - folds[:, 2]))
    fetched, held, emptied_at = 0, 0, 0
    for first in range(0, len(folds), folds_of_lap * repeats):
        before = int(ends[first - 1]) if first else 0
        words = int(ends[first + folds_of_lap - 1]) - before
        asked = words * repeats if words >= capacity else words
        fetched += asked
        if held + asked >= capacity:
            left = (held + asked) % capacity
            emptied_at = before + asked - left
            if words < capacity and repeats > 1:
                fetched += words - left
                left = words
            held = left
        else:
            held += asked
    if not emptied_at:
        return fetched, -1
    fold = int(np.searchsorted(ends, emptied_at))
    line, after, lane, lane_after, begin = map(int, folds[fold])
    word = emptied_at - (int(ends[fold - 1]) if fold else 0)
    if order == REVERSED:
        return fetched, begin + (word - 1) // (lane_after - lane)
    return fetched, begin + int(np.searchsorted(_skewed(after - line, lane_after - lane), word))


@lru_cache(maxsize=64)
def _skewed(deep: int, wide: int) -> Ints:
    """[lines] words up to each line, where each of the columns begins a line after the one before."""
    t = np.arange(deep + wide - 1)
    return np.cumsum(np.minimum(np.minimum(t + 1, deep + wide - 1 - t), min(deep, wide)))


@dataclass(frozen=True)
class _Coming:
    """When the array's sums come out, word by word: a line in a cycle, every column a line later than the last."""

    folds: Folds
    stationary: str
    fold_lines: int

    @cached_property
    def _shape(self) -> tuple[Ints, Ints, Ints]:
        """[folds] words of a column, columns, and lines before the first word."""
        f = self.folds
        column, row = np.indices((f.column_folds, f.row_folds)).reshape(2, -1)
        columns = np.minimum(f.on_columns - column * f.columns, f.columns)
        if self.stationary != "os":
            return np.full_like(row, f.steps), columns, np.full_like(row, 2 * f.rows - 1)
        rows = np.minimum(f.on_rows - row * f.rows, f.rows)
        return rows, columns, f.steps - 1 + f.rows - rows

    @cached_property
    def _ends(self) -> Ints:
        """[folds] words of this fold and all before it."""
        return np.cumsum(self._shape[0] * self._shape[1])

    @property
    def words(self) -> int:
        """All of them."""
        return int(self._ends[-1])

    def _made(self, fold: int) -> Ints:
        """[lines] words of a fold up to each line from its first word's on."""
        return _skewed(int(self._shape[0][fold]), int(self._shape[1][fold]))

    def cycle_of(self, word: int) -> int:
        """The cycle in which a word comes, counted from 1."""
        fold = int(np.searchsorted(self._ends, word))
        before = int(self._ends[fold - 1]) if fold else 0
        return (
            fold * self.fold_lines + int(self._shape[2][fold]) + int(np.searchsorted(self._made(fold), word - before))
        )

    def before(self, cycle: int) -> int:
        """How many words come before a cycle."""
        fold = min(cycle // self.fold_lines, len(self._ends) - 1)
        before = int(self._ends[fold - 1]) if fold else 0
        line = cycle - fold * self.fold_lines - int(self._shape[2][fold])
        made = self._made(fold)
        return before + (int(made[min(line, len(made)) - 1]) if line > 0 else 0)


def _store(queue: list[list[int]], words: int, width: int) -> None:
    """Words become lines, [how many in a row, their words]; the last one may not be full."""
    if words >= width:
        queue.append([words // width, width])
    if words % width:
        queue.append([1, words % width])


def _send(queue: list[list[int]], lines: int, width: int) -> tuple[int, int]:
    """Send so many lines; words that count as sent, and lines. Gaps in lines are seen in the last one alone."""
    taken, words = 0, width
    while queue and taken < lines:
        many = min(queue[0][0], lines - taken)
        words = queue[0][1]
        taken += many
        queue[0][0] -= many
        if not queue[0][0]:
            queue.pop(0)
    return taken * width - (width - words), taken
