"""The ways to run a group: into which tiles it is cut, what stays in the buffer, and the room that is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sim.arch.tree import Architecture, Memory, keeps
from sim.fusion.room import held_bits, memory_for, room_of, rounded_down
from sim.fusion.tiles import Along, Tiling, cut, follow, whole
from sim.fusion.units import Unit
from sim.workload.layer import Layer, LayerError, Tensor, VectorLayer
from sim.workload.network import AnyLayer
from sim.workload.part import Span, part_of

Homes = tuple[tuple[str, str], ...]
"""(tensor, memory) pairs, see `Architecture.homes`."""


_ENOUGH = 0.25  # share of the buffer; tiles that hold less are not made smaller


@dataclass(frozen=True, slots=True)
class Job:
    """A part of a layer that is to be run where tensors have these homes, and so many bits of memories are taken."""

    layer: AnyLayer
    homes: Homes
    taken: tuple[tuple[str, float], ...]

    def machine(self, arch: Architecture) -> Architecture:
        """The machine that it has."""
        taken = dict(self.taken)
        nodes = [
            replace(n, taken_bits=taken[n.name]) if isinstance(n, Memory) and n.name in taken else n for n in arch
        ]
        return replace(arch, nodes=tuple(nodes), homes=self.homes)


@dataclass(frozen=True, slots=True)
class Resident:
    """An operand of a unit that is brought into a memory once, and stays there over all tiles."""

    unit: int
    tensor: Tensor
    words: int
    memory: Memory

    @property
    def bits(self) -> int:
        """Its room."""
        return self.words * self.tensor.bits


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to run a group.

    Attributes:
        residents: operands that stay over all tiles.
        jobs: by unit, how often each is done, by its number.
        held: by unit, the most bits of the buffer that are held while a job is done, by its number.
    """

    tiling: Tiling
    residents: tuple[Resident, ...]
    jobs: dict[int, Counter[int]]
    held: dict[int, dict[int, int]]


@dataclass
class Planner:
    """Makes the plans of groups of units on a machine.

    Attributes:
        jobs: all that the plans so far consist of; they call them by their numbers.
    """

    units: Sequence[Unit]
    arch: Architecture
    buffer: Memory
    jobs: list[Job] = field(default_factory=list)
    _numbers: dict[object, int] = field(default_factory=dict)
    _parts: dict[object, AnyLayer] = field(default_factory=dict)
    _room: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._room = [room_of(self.units, k) for k in range(len(self.units))]

    def is_group(self, first: int, last: int) -> bool:
        """Whether what all units but the last make is taken by later ones of them alone, out of the buffer."""
        inner = self.units[first:last]
        return (
            len(inner) > 0
            and all(not unit.leaves and unit.takers[-1] <= last for unit in inner)
            and all(self._may_take(k, first) for k in range(first, last + 1))
        )

    def _may_take(self, k: int, first: int) -> bool:
        """Whether the buffer may keep the operands of a unit that come from the group."""
        layer, inside = self.units[k].layer, self._inside(k, first)
        operands = layer.tensors if isinstance(layer, Layer) else ()
        return all(keeps(self.buffer, t.name, t.role) for t in operands if t.name in inside)

    def _inside(self, k: int, first: int) -> set[str]:
        """Operands of a unit that come from the group that begins with unit `first`."""
        return {feed.tensor for feed in self.units[k].feeds if feed.source >= first}

    def plans(self, first: int, last: int) -> Iterator[Plan]:
        """The ways to run a group that fit into the buffer.

        First everything at once, then along every axis but the last of the last unit's output tiles of a half, a
        quarter ... of its rows, until what is held takes a quarter of the buffer at most: finer ones only hold less.
        """
        tiling = whole(first, last)
        held = self._held(tiling)
        yield from self.with_residents(tiling, held)
        if _most(held) <= _ENOUGH * self.buffer.size_bits:
            return
        out = self.units[last].access
        for axis in range(len(out.outputs.ranks) - 1) if out is not None else ():
            along = follow(self.units, first, last, axis)
            if along is not None:
                yield from self._finer(first, last, along)

    def _finer(self, first: int, last: int, along: dict[int, Along]) -> Iterator[Plan]:
        rows, least = along[last].size, self.buffer.size_bits
        while rows > 1 and least > _ENOUGH * self.buffer.size_bits:
            rows = -(-rows // 2)
            again = cut(self.units, first, last, along, rows, keep=False)
            kept = cut(self.units, first, last, along, rows, keep=True)
            for tiling in (again, kept) if again.overlaps else (again,):
                held = self._held(tiling)
                yield from self.with_residents(tiling, held)
                least = min(least, _most(held))

    def _held(self, tiling: Tiling) -> list[dict[int, int]]:
        return held_bits(self.units, self._room, tiling)

    def with_residents(self, tiling: Tiling, held: list[dict[int, int]]) -> Iterator[Plan]:
        """The plans for some tiles: without residents, then with more and more of them, the smallest first."""
        candidates = self._candidates(tiling)
        for n in range(len(candidates) + 1):
            taken = dict.fromkeys((self.buffer, *(r.memory for r in candidates[:n])), 0)
            for resident in candidates[:n]:
                taken[resident.memory] += resident.bits
            if any(bits + (_most(held) if m == self.buffer else 0) > m.size_bits for m, bits in taken.items()):
                return
            try:
                yield self._plan(tiling, held, tuple(candidates[:n]), {m.name: bits for m, bits in taken.items()})
            except LayerError:  # there is a part with nothing but padding
                return

    def _candidates(self, tiling: Tiling) -> list[Resident]:
        """Operands from outside that all tiles take whole, and that have a memory to stay in; the smallest first."""
        out = []
        for k, along in tiling.along.items() if len(tiling.tiles) > 1 else ():
            layer, inside = self.units[k].layer, self._inside(k, tiling.first)
            if isinstance(layer, VectorLayer):
                continue
            for t in layer.tensors:
                memory = memory_for(t, self.arch)
                if t.role != "outputs" and t.name not in inside and along.dim not in t.dims and memory is not None:
                    out.append(Resident(k, t, layer.words(t.name), memory))
        return sorted(out, key=lambda r: (r.bits, r.unit))

    def _plan(
        self, tiling: Tiling, held: list[dict[int, int]], residents: tuple[Resident, ...], stay: dict[str, int]
    ) -> Plan:
        jobs: dict[int, Counter[int]] = {k: Counter() for k in sorted(tiling.along)}
        most: dict[int, dict[int, int]] = {k: {} for k in jobs}
        homes = {k: self._homes(k, tiling, residents) for k in jobs}
        for tile, own in zip(tiling.tiles, held, strict=True):
            for k in jobs:
                made = tile[k].made
                if made[0] < made[1]:
                    bits = own[k] + stay[self.buffer.name]
                    number = self._number(k, tiling.along[k].dim, made, homes[k], stay | {self.buffer.name: bits})
                    jobs[k][number] += 1
                    most[k][number] = max(bits, most[k].get(number, 0))
        return Plan(tiling, residents, jobs, most)

    def _homes(self, k: int, tiling: Tiling, residents: tuple[Resident, ...]) -> Homes:
        names = dict.fromkeys(self._inside(k, tiling.first), self.buffer.name)
        if k < tiling.last:
            names[self.units[k].output] = self.buffer.name
        names |= {r.tensor.name: r.memory.name for r in residents if r.unit == k}
        return tuple(sorted(names.items()))

    def _number(self, k: int, dim: str | None, made: Span, homes: Homes, stay: dict[str, int]) -> int:
        """The number of a job; one that is known already if there is one that is the same."""
        part = self._part(k, dim, made)
        taken = (
            [] if isinstance(part, VectorLayer) else [(m, self._taken(m, bits)) for m, bits in stay.items() if bits]
        )
        key = id(part), homes, tuple(taken)
        if key not in self._numbers:
            self._numbers[key] = len(self.jobs)
            self.jobs.append(Job(part, homes, tuple(taken)))
        return self._numbers[key]

    def _taken(self, memory: str, bits: int) -> float:
        """What is taken of a memory, rounded up."""
        node = self.arch[memory]
        assert isinstance(node, Memory)
        return node.size_bits - rounded_down(node.size_bits - bits) if node.size_bits < float("inf") else 0.0

    def _part(self, k: int, dim: str | None, made: Span) -> AnyLayer:
        """A part of a unit's layer, the same object for all that are the same, whatever they are called."""
        if (k, dim, made) not in self._parts:
            part = _part(self.units[k], dim, made)
            self._parts[k, dim, made] = self._parts.setdefault(part, part)
        return self._parts[k, dim, made]


def _most(held: list[dict[int, int]]) -> int:
    return max(bits for own in held for bits in own.values())


def _part(unit: Unit, dim: str | None, made: Span) -> AnyLayer:
    layer = unit.layer
    if isinstance(layer, Layer):
        part = part_of(layer, dim, made) if dim else layer
        return replace(part, name=layer.kind)
    if dim is None:
        return replace(layer, name=layer.kind, access=None)
    assert layer.access is not None
    access = part_of(layer.access, dim, made)
    words = access.words("outputs")
    inputs = tuple((name, access.words(name)) for name, _ in layer.inputs)
    ops = -(-layer.ops * words // layer.output_words)
    return VectorLayer(layer.kind, layer.kind, inputs, words, ops, layer.bits)
