"""Which tiles a systolic array needs of its operands, when, and how many words of them come from and go to DRAM.

The array runs folds, rows first. What streams through a fold comes in chunks, as many steps as half a memory holds.

- An operand of which a memory holds everything is fetched once; weights that stay for a column of folds (outputs
  stationary) once for that column, if half the memory holds them; others whenever a fold needs them.
- Inputs that the tile before had are not fetched again, as neighbouring windows overlap.
- Sums of a column of folds stay in their memory until they are complete, if half of it holds them. If not, they go to
  DRAM after every fold, and come back for the next one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.engines.systolic_folds import Folds, Ints, Placed
from sim.errors import RoomError
from sim.kernels import systolic as fold_kernel
from sim.kernels import tiles as tile_kernel
from sim.kernels.tiles import INPUTS, STREAMS, SUMS, WEIGHTS, WRITTEN
from sim.workload.layer import ROLES

Floats = npt.NDArray[np.float64]

_ROLE = {WRITTEN: "outputs", INPUTS: "inputs", WEIGHTS: "weights", SUMS: "outputs"}


@dataclass(frozen=True)
class Plan:
    """What the event simulation is told, and what is known without it.

    Attributes:
        cycles, tile, bits, room: see `sim.kernels.tiles.run`.
        fetched: words that come from DRAM, by role; those of outputs are sums that come back.
        written: words of outputs that go to DRAM.
        largest: words of the largest tile, by role.
    """

    cycles: Floats
    tile: Ints
    bits: Ints
    room: Ints
    fetched: dict[str, int]
    written: int
    largest: dict[str, int]


@dataclass(frozen=True)
class Planner(Placed):
    """A layer on a machine, in tiles."""

    def plan(self) -> Plan:
        """The tiles of a layer for which there is room (`check`)."""
        steps, groups = _Steps.of(self.folds, self.chunk()), self.product.repeats
        written, sums = self._outputs(steps)
        streams = {WRITTEN: written, INPUTS: self._inputs(steps), WEIGHTS: self._weights(steps), SUMS: sums}
        tiles = {s: int(tile[-1]) + 1 for s, (tile, _) in streams.items()}
        tile = np.zeros((STREAMS, len(steps.fold) * groups), np.int64)
        bits = np.zeros((STREAMS, max(tiles.values()) * groups), np.int64)
        for s, (own, words) in streams.items():
            tile[s] = (own + tiles[s] * np.arange(groups)[:, None]).reshape(-1)
            bits[s, : tiles[s] * groups] = np.tile(words[: tiles[s]], groups) * self.bits[_ROLE[s]]
        largest = {s: int(words.max()) for s, (_, words) in streams.items()}
        total = {s: int(words[: tiles[s]].sum()) * groups for s, (_, words) in streams.items()}
        return Plan(
            cycles=self._cycles(steps),
            tile=tile,
            bits=bits,
            room=self._room(largest, int(steps.chunk[-1]) + 1),
            fetched={"inputs": total[INPUTS], "weights": total[WEIGHTS], "outputs": total[SUMS]},
            written=total[WRITTEN],
            largest={_ROLE[s]: largest[s] for s in (INPUTS, WEIGHTS, WRITTEN)},
        )

    # --- room

    @property
    def _stationary(self) -> str:
        return self.machine.settings.dataflow

    def _half(self, role: str) -> int:
        """Words of a tensor that fit beside the next tile."""
        return int(self.machine.half_bits(role) // self.bits[role])

    def _words(self, role: str) -> int:
        """Words of a tensor in one group."""
        x, n, _ = self.product.sizes
        name = self.product.tensor(role).name
        return x * n if role == "outputs" else self.product.layer.words(name) // self.product.repeats

    def _room(self, largest: Map[int, int], chunks: int) -> Ints:
        """Tiles of each stream for which there is room, two at least.

        Sums that come back must have been sent before they are asked for: in the fold before, so many chunks ago.
        """
        most = [max(2, 2 * self._half(_ROLE[s]) // max(1, largest[s])) for s in range(STREAMS)]
        if largest[SUMS]:
            most[WRITTEN] = most[SUMS] = min(most[WRITTEN], max(2, chunks))
        return np.array(most, np.int64)

    def _all_fits(self, role: str) -> bool:
        return self._words(role) <= 2 * self._half(role)

    @property
    def _weights_stay(self) -> bool:
        """Whether the weights of a column of folds stay, outputs stationary."""
        return self.folds.streams * self.folds.used_columns <= self._half("weights")

    @property
    def _sums_stay(self) -> bool:
        """Whether the sums of a column of folds stay until they are complete, where they do not stay in PEs."""
        return self.folds.streams * self.folds.used_columns <= self._half("outputs")

    def _lanes(self, role: str) -> int:
        """Words of a tensor that streams that enter or leave the arrays in a step."""
        f = self.folds
        down = role == "outputs" or (role == "weights" and self._stationary == "os")
        return (f.used_columns if down else f.used_rows) * f.at_once

    def _chunk_of(self, role: str) -> int:
        """Steps for which half of a memory has room."""
        return self._half(role) // self._lanes(role)

    def check(self) -> None:
        """Pass silently if half of every memory has room for what a fold needs of it at least.

        Raises:
            RoomError: says which have not.
        """
        if faults := list(self._faults()):
            raise RoomError((self.product.layer.name, fault) for fault in faults)

    def _faults(self) -> Iterator[str]:
        staying, f = {"os": "outputs", "ws": "weights", "is": "inputs"}[self._stationary], self.folds
        for role in ROLES:
            memory, bits, half = self.machine.sram(role), self.bits[role], self._half(role)
            if role == staying:
                need, what = f.used_rows * f.used_columns, f"{f.used_rows} x {f.used_columns} {role} of a fold"
            else:
                need = self._lanes(role)
                what = f"the {need} {role} of one step"
            if need > half:
                room = f"half of the room for {role} is {self.machine.half_bits(role):g} bit"
                yield (
                    f"{memory.name} is too small for one fold: {what} are {need * bits} bit, and {room} (the other "
                    "half is for those of the next)"
                )

    def chunk(self) -> int:
        """Steps of a fold that come at a time."""
        f, limits = self.folds, [self.folds.steps]
        if self._stationary != "is" and not self._all_fits("inputs"):
            limits.append(self._chunk_of("inputs"))
        if self._stationary == "os" and not (self._weights_stay or self._all_fits("weights")):
            limits.append(self._chunk_of("weights"))
        if self._stationary == "is" and not self._all_fits("weights"):
            limits.append(self._chunk_of("weights"))
        if self._stationary != "os" and not self._sums_stay:
            limits.append(self._chunk_of("outputs"))
        chunk = -(-f.steps // -(-f.steps // min(limits)))
        side = self.product.side_by_side
        if self._stationary == "os" and side < chunk < f.steps:
            chunk -= chunk % side
        return chunk

    # --- streams: the number of the tile of each step, and the words of each tile

    def _inputs(self, s: _Steps) -> tuple[Ints, Ints]:
        f, a = self.folds, np.arange(len(s.fold))
        one_pass = s.column == 0
        if self._stationary == "is":
            first = s.chunk == 0
            parts = np.column_stack((s.from_column, s.to_column, s.from_row, s.to_row))[first]
            return s.fold, self._new_inputs(parts)
        if self._stationary == "os":
            parts = np.column_stack((s.from_row, s.to_row, s.from_step, s.to_step))[one_pass]
        else:
            parts = np.column_stack((s.from_step, s.to_step, s.from_row, s.to_row))[one_pass]
        words = self._new_inputs(parts)
        later = np.zeros_like(words) if self._all_fits("inputs") else words
        return a, np.concatenate((words, np.tile(later, f.column_folds - 1)))

    def _new_inputs(self, parts: Ints) -> Ints:
        """Words that tiles need and the one before has not, or none before, where all of them stay."""
        addresses, side = self.product.addresses(), self.product.side_by_side
        unit = side
        for edge in (parts[:, 2], parts[:, 3]):
            unit = math.gcd(unit, *map(int, edge))
        mixed = [r for r in range(len(addresses.extents)) if len(np.unique(addresses.of_k[r, :side])) == 1]
        of_k = addresses.of_k[mixed][:, ::unit]
        units = np.arange(of_k.shape[1]) % (side // unit)
        of_x = np.vstack((addresses.of_x[mixed], np.zeros_like(addresses.of_x[:1])))
        extents = np.append(addresses.extents[mixed], side // unit)
        inside = parts.copy()
        inside[:, 2:] //= unit
        out = np.zeros(len(parts), np.int64)
        keep = len(parts) + 1 if self._all_fits("inputs") else 1
        stamps = np.zeros(math.prod(map(int, extents)), np.int32)
        tile_kernel.new_words(of_x, np.vstack((of_k, units)), extents, inside, keep, stamps, out)
        return out * unit

    def _weights(self, s: _Steps) -> tuple[Ints, Ints]:
        columns, rows, length = s.to_column - s.from_column, s.to_row - s.from_row, s.to_step - s.from_step
        each: Ints = np.arange(len(s.fold), dtype=np.int64)
        if self._stationary == "ws":
            return s.fold, (rows * columns)[s.chunk == 0]
        if self._stationary == "is":
            again = 0 if self._all_fits("weights") else 1
            return each, rows * length * np.where(s.column == 0, 1, again)
        if self._all_fits("weights"):
            return each, columns * length * (s.row == 0)
        if self._weights_stay:
            return s.column, (columns * self.folds.streams)[(s.row == 0) & (s.chunk == 0)]
        return each, columns * length

    def _outputs(self, s: _Steps) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
        """What is written, and the sums that come back."""
        nothing: tuple[Ints, Ints] = np.zeros(len(s.fold), np.int64), np.zeros(1, np.int64)
        columns, rows, length = s.to_column - s.from_column, s.to_row - s.from_row, s.to_step - s.from_step
        if self._stationary == "os":
            return (s.fold, (rows * columns)[s.chunk == 0]), nothing
        if self._sums_stay:
            return (s.column, (columns * self.folds.streams)[(s.row == 0) & (s.chunk == 0)]), nothing
        each: Ints = np.arange(len(s.fold), dtype=np.int64)
        words: Ints = columns * length
        return (each, words), (each, words * (s.row > 0))

    def _cycles(self, s: _Steps) -> Floats:
        """Cycles of each step of all groups; the last one has what is left of all that the first array takes."""
        f, case, groups = self.folds, self.case, self.product.repeats
        loaded = self._stationary != "os"
        rows = np.minimum(s.to_row - s.from_row, f.array_rows)
        columns = np.minimum(s.to_column - s.from_column, f.array_columns)
        last = s.to_step == f.streams
        own = np.ceil((s.to_step - s.from_step) / f.abreast)
        if case[fold_kernel.OVERLAP]:
            after = np.roll(rows[s.chunk == 0], -1)[s.fold] if loaded else rows
            own += last * np.maximum(0, after - f.steps)
        elif loaded:
            own += rows * (s.chunk == 0) + last * (f.array_rows + columns - 2)
        else:
            own += last * (rows + columns - 2 + (f.array_rows - 1) * case[fold_kernel.DRAIN])
        out = np.tile(own, groups)
        if loaded and case[fold_kernel.OVERLAP]:
            out[0] += rows[0]
        out[-1] += fold_kernel.cycles(case) - out.sum()
        out *= self.machine.step_cycles(self.product.layer.operand_bits)
        out[-1] += self.machine.compute.depth - 1
        return out


@dataclass(frozen=True)
class _Steps:
    """What each step of the simulation is about: [steps] the number of its fold, in all and by column and row, of its
    chunk in the fold, and the ranges of rows, of columns and of what streams."""

    fold: Ints
    column: Ints
    row: Ints
    chunk: Ints
    from_row: Ints
    to_row: Ints
    from_column: Ints
    to_column: Ints
    from_step: Ints
    to_step: Ints

    @classmethod
    def of(cls, f: Folds, chunk: int) -> _Steps:
        """All steps of a group, in order, of so many steps of the arrays each."""
        size = chunk * f.at_once
        column, row, part = np.indices((f.column_folds, f.row_folds, -(-f.streams // size))).reshape(3, -1)
        edges = []
        for index, each, whole in (
            (row, f.rows, f.on_rows),
            (column, f.columns, f.on_columns),
            (part, size, f.streams),
        ):
            edges += [index * each, np.minimum((index + 1) * each, whole)]
        return cls(column * f.row_folds + row, column, row, part, *edges)
