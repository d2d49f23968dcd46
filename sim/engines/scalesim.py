"""SCALE-Sim's conventions: its words in SRAM and DRAM, and the columns of its reports.

They are those of SCALE-Sim 3.0.0 (scalesim-project/SCALE-Sim, commit 1d62b68) where it calculates the bandwidth
(``InterfaceBandwidth: CALC``), so that nothing ever waits; `docs/systolic.md` lists them, mistakes included. Papers:
Samajdar et al., *SCALE-Sim: Systolic CNN Accelerator Simulator*, arXiv 1811.02883; *A Systematic Methodology for
Characterizing Scalability of DNN Accelerators using SCALE-Sim*, ISPASS 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.arch.systolic import SystolicMachine
from sim.engines.systolic_folds import Folds, Ints
from sim.kernels.replay import PADDING, REVERSED, SKEWED, Stamps, cycle_of, misses, served
from sim.kernels.sending import line_of, sent
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
        elif self._never_found(capacity):
            fetched, emptied = self._all_fetched(folds, capacity)
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

    @cached_property
    def _addresses(self) -> tuple[Ints, Ints, Stamps]:
        """The parts of an input's address that lines and lanes decide, and [addresses] which are padding."""
        of_x, of_k, padding = self.product.padded_addresses()
        lines, lanes = (of_k, of_x) if self._stationary != "ws" else (of_x, of_k)
        return lines, lanes, np.where(padding, PADDING, 0).astype(np.int32)

    def _replayed(self, role: str, folds: Ints, order: int, capacity: int) -> tuple[int, int]:
        """Words fetched, and when the buffer was emptied last (-1 if never), word by word."""
        lines, lanes, stamps = self._addresses
        own, laps = self._laps(role)
        lap_cycles = own * self.fold_lines
        fetched, emptied = misses(lines, lanes, folds[:own], laps, lap_cycles, order, capacity, stamps.copy())
        return int(fetched), int(emptied)

    def _never_found(self, capacity: int) -> bool:
        """Whether no input is in the buffer when it is asked for, though it comes for several places of the window.

        Where weights stay and the channels of a place fill whole folds, the same channels come again only after all
        others have come. So it is if these are as many words as the buffer holds.
        """
        f, product = self.folds, self.product
        between = product.side_by_side // f.rows - 1
        if self._stationary != "ws" or product.side_by_side % f.rows or between < 1 or not product.is_plain:
            return False
        sums = np.concatenate(([0], np.cumsum(np.tile(self._of_folds, 2))))
        return int((sums[between : between + f.row_folds] - sums[: f.row_folds]).min()) >= capacity

    @cached_property
    def _of_folds(self) -> Ints:
        """[row folds] inputs of a column of folds that are no padding, where weights stay."""
        return np.add.reduceat(self.product.existing_of_k, np.arange(0, self.folds.on_rows, self.folds.rows))

    def _all_fetched(self, folds: Ints, capacity: int) -> tuple[int, int]:
        """The same as `_replayed` if no word is ever found in the buffer, where weights stay."""
        ends = np.cumsum(self._of_folds)
        fetched = int(ends[-1]) * self.folds.column_folds
        if fetched < capacity:
            return fetched, -1
        lap, before = divmod(fetched - fetched % capacity - 1, int(ends[-1]))
        fold = int(np.searchsorted(ends, before, "right"))
        number = before + 1 - (int(ends[fold - 1]) if fold else 0)
        lines, lanes, stamps = self._addresses
        at = lap * self.folds.row_folds + fold
        return fetched, int(cycle_of(lines, lanes, folds[at], SKEWED, stamps, number))

    def writes(self) -> Fetches:
        """What goes to DRAM for one group: all sums of every fold, and lines that are sent before they are full."""
        f = self.folds
        column, row = np.indices((f.column_folds, f.row_folds)).reshape(2, -1)
        columns = np.minimum(f.on_columns - column * f.columns, f.columns)
        if self._stationary == "os":
            rows = np.minimum(f.on_rows - row * f.rows, f.rows)
            folds = rows, columns, f.steps - 1 + f.rows - rows
        else:
            folds = np.full_like(row, f.steps), columns, np.full_like(row, 2 * f.rows - 1)
        words, start, stop = sent(np.stack(folds, axis=1), self.fold_lines, f.columns, self._room("outputs"))
        return Fetches(int(words), int(start), int(stop))

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
        folds, order = self._asked[role]
        x, _, k = self.product.sizes
        if role == "weights" or self.product.existing == x * k:
            line, after, lane, lane_after, begin = map(int, folds[-1])
            late = 0 if order == REVERSED else lane_after - lane - 1
            first, last = int(folds[0, 4]), begin + after - line - 1 + late
        else:
            lines, lanes, stamps = self._addresses
            first, last = map(int, served(lines, lanes, folds, order, stamps))
        return first + _READ_LATENCY, last + _READ_LATENCY


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
    return fetched, begin + int(line_of(after - line, lane_after - lane, word))
