"""SCALE-Sim's conventions: its words in SRAM and DRAM, and the columns of its reports.

They are those of SCALE-Sim 3.0.0 (scalesim-project/SCALE-Sim, commit 1d62b68) where the interface bandwidth is
calculated (``InterfaceBandwidth: CALC``), so that nothing ever waits; `docs/systolic.md` lists them, mistakes included.
Samik, Zhu et al., *SCALE-Sim: Systolic CNN Accelerator Simulator*, arXiv 1811.02883; Samajdar et al., ISPASS 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sim.arch.systolic import SystolicMachine
from sim.engines.systolic_tiles import Folds
from sim.kernels.replay import REVERSED, SKEWED, misses
from sim.workload.product import Product

Ints = npt.NDArray[np.int64]

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

    def _folds(self, role: str) -> tuple[Ints, int]:
        """The lines in which an operand is asked for, as `sim.kernels.replay` has them, and their order."""
        f, stationary = self.folds, self._stationary
        rows, columns = _ranges(f.on_rows, f.rows), _ranges(f.on_columns, f.columns)
        across = {"os": {"inputs": "rows", "weights": "columns"}, "ws": {"inputs": "rows"}, "is": {"weights": "rows"}}
        lanes = across[stationary].get(role)
        load = 0 if stationary == "os" else f.rows
        made, begin = [], 0
        for column in columns:
            for row in rows:
                if lanes is None:  # what stays comes before the rest, the last row first, after those that are missing
                    made.append((*row, *column, begin + f.rows - (row[1] - row[0])))
                else:
                    made.append((0, f.steps, *(row if lanes == "rows" else column), begin + load))
                begin += self.fold_lines
        return np.array(made, np.int64), REVERSED if lanes is None else SKEWED

    def _parts(self, role: str) -> tuple[Ints, Ints, Ints, int]:
        """Of the operand that x (or n) and k decide: the parts of its addresses, extents, and how many there are."""
        _, n, k = self.product.sizes
        if role == "weights":
            return np.arange(n)[None] * k, np.arange(k)[None].copy(), np.zeros(0, np.int64), n * k
        a = self.product.addresses()
        of_x, of_k = ((part * a.strides[:, None]).sum(axis=0)[None] for part in (a.of_x, a.of_k))
        if self.product.existing == self.product.sizes[0] * k:
            return of_x, of_k, np.zeros(0, np.int64), a.words
        return np.vstack((of_x, a.of_x)), np.vstack((of_k, a.of_k)), a.extents, a.words

    def fetches(self, role: str) -> Fetches:
        """What comes from DRAM for one group.

        A buffer is in 100 sets of ``floor(words / 100)``, of which 50 are in use. A word that is not in them is fetched;
        when they are full they are given up all at once. What is asked for until then comes after the time before,
        the first of them before everything.
        """
        of_first, of_k, extents, words = self._parts(role)
        folds, order = self._folds(role)
        in_set = self._room(role) // _SETS
        capacity = in_set * _SETS // 2
        k_is_line = self._stationary == "os" or order == REVERSED
        lines, lanes = (of_k, of_first) if k_is_line else (of_first, of_k)
        stamps = np.zeros(words, np.int32)
        fetched, emptied = misses(lines, lanes, extents, folds, order, max(1, capacity), stamps)
        first = int(folds[0, 4])
        if emptied < 0:
            sets = -(-fetched // max(1, in_set))
            return Fetches(fetched, -math.ceil(sets * in_set / _ASSUMED_WORDS), -1)
        return Fetches(fetched, first - math.ceil(capacity / _ASSUMED_WORDS), emptied + _READ_LATENCY)

    def writes(self) -> Fetches:
        """What goes to DRAM for one group: all sums of every fold, and lines that are sent before they are full.

        The buffer is sent off by halves, in lines as wide as the array, a line in a cycle. While that goes on, nothing
        else is sent.
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
        divided_by = self.fold_lines if self._stationary == "os" else self.fold_lines + f.columns - 1
        start = min(fetched["inputs"].start, fetched["weights"].start)
        dram = {**fetched, "outputs": written}
        sram = {role: self.sram[role] // groups for role in _ROLES}
        compute: dict[str, float] = {
            "Total Cycles (incl. prefetch)": written.stop - start,
            "Total Cycles": total,
            "Stall Cycles": 0,
            "Overall Util %": 100 * macs / (total * pes),
            "Mapping Efficiency %": 100 * f.efficiency,
            "Compute Util %": 100 * macs / (pes * divided_by * f.row_folds * f.column_folds),
        }
        bandwidth: dict[str, float] = {f"Avg {_NAMES[r].upper()} SRAM BW": sram[r] / total for r in _ROLES}
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
        folds, order = self._folds(role)
        late = 0 if order == REVERSED else int(folds[-1, 3] - folds[-1, 2]) - 1
        last = int(folds[-1, 4] + folds[-1, 1] - folds[-1, 0]) - 1 + late
        return int(folds[0, 4]) + _READ_LATENCY, last + _READ_LATENCY


@dataclass(frozen=True)
class _Coming:
    """When the array's sums come out, word by word: a line in a cycle, and every column a line later than the last."""

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
        """[lines] words of a fold up to this line, its first word's line being 0."""
        deep, wide = int(self._shape[0][fold]), int(self._shape[1][fold])
        t = np.arange(deep + wide - 1)
        return np.cumsum(np.minimum(np.minimum(t + 1, deep + wide - 1 - t), min(deep, wide)))

    def cycle_of(self, word: int) -> int:
        """The cycle in which a word comes, counted from 1."""
        fold = int(np.searchsorted(self._ends, word))
        before = int(self._ends[fold - 1]) if fold else 0
        return fold * self.fold_lines + int(self._shape[2][fold]) + int(np.searchsorted(self._made(fold), word - before))

    def before(self, cycle: int) -> int:
        """How many words come before a cycle."""
        fold = min(cycle // self.fold_lines, len(self._ends) - 1)
        before = int(self._ends[fold - 1]) if fold else 0
        line = cycle - fold * self.fold_lines - int(self._shape[2][fold])
        made = self._made(fold)
        return before + (int(made[min(line, len(made)) - 1]) if line > 0 else 0)


def _ranges(size: int, step: int) -> list[tuple[int, int]]:
    return [(low, min(low + step, size)) for low in range(0, size, step)]


def _store(queue: list[list[int]], words: int, width: int) -> None:
    """Words become lines, [how many in a row, their words]; the last one may not be full."""
    if words >= width:
        queue.append([words // width, width])
    if words % width:
        queue.append([1, words % width])


def _send(queue: list[list[int]], lines: int, width: int) -> tuple[int, int]:
    """Send so many lines; words that count as sent (of lines that are not full, only the last one's gaps are seen)."""
    taken, words = 0, width
    while queue and taken < lines:
        many = min(queue[0][0], lines - taken)
        words = queue[0][1]
        taken += many
        queue[0][0] -= many
        if not queue[0][0]:
            queue.pop(0)
    return taken * width - (width - words), taken
