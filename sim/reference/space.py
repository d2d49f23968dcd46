"""The naive twin of the mapper: it lists every nest that a layer may have on a machine.

The map space, as the mapper knows it:

- A tensor is kept at its home, mostly the outermost memory, before any loop, and in any memory further in that may
  keep it or not at all. A keep stands anywhere between the fanouts round its memory; those of one tensor go inward.
- A dimension of X iterations has s copies in all, spread over the axes of the fanouts in any way, where s is the
  least number that needs ceil(X / s) passes. (So is every divisor of X.)
- The loops in time over a dimension multiply to exactly its passes. They may be any factors above one, in any order,
  and stand anywhere, but not between the loops in space of a fanout. Those stand in one order: x before y, and then
  as the layer names its dimensions.
- A fanout has a place in the nest even where nothing is spread over it.

A dataflow leaves fewer; where it demands that a dimension be spread over an axis as far as that reaches, this much is
given, and the rule for s holds for what is left, ceil(X / given).

It is meant to be read, and to be believed because of it. Use it on small layers: the number of nests explodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from itertools import chain, combinations_with_replacement, pairwise, product

from sim.arch.tree import Architecture, Fanout, Memory
from sim.errors import MappingError
from sim.mapping.check import check
from sim.mapping.dataflow import ANY, Dataflow, letters, pe_memories
from sim.mapping.nest import Axis, For, Item, Keep, Mapping, Parallel
from sim.workload.layer import Layer, Rank, Tensor

Loops = tuple[For | Parallel, ...]
Place = int | None  # how many loops stand outside a keep; None where a memory does not keep a tensor
AXES: tuple[Axis, ...] = ("x", "y")


def all_mappings(layer: Layer, arch: Architecture, dataflow: Dataflow = ANY) -> Iterator[Mapping]:
    """Every nest of the map space, once; but not those of which it is plain that a machine cannot run them.

    >>> from sim.arch.tree import Compute
    >>> layer = Layer.einsum("outer", {"M": 4, "N": 2}, inputs="M", weights="N", outputs="M N")
    >>> machine = Architecture("tiny", (Memory("dram", ("all",), math.inf), Compute("mac")))
    >>> for mapping in all_mappings(layer, machine):
    ...     print(*mapping.loops, sep=", ")
    for M 2, for M 2, for N 2
    for M 2, for N 2, for M 2
    for M 4, for N 2
    for N 2, for M 2, for M 2
    for N 2, for M 4
    """
    space = _Space(layer, arch, dataflow, letters(layer))
    for spread in space.spreads():
        copies = {d: math.prod(p.bound for p in chain(*spread) if p.dim == d) for d in layer.sizes}
        passes = {d: -(-size // copies[d]) for d, size in layer.dims}
        for order in _orders(passes):
            # a fanout over which nothing is spread may have several places in the same nest
            yield from dict.fromkeys(space.nests(order, spread))


def legal_mappings(layer: Layer, arch: Architecture, dataflow: Dataflow = ANY) -> Iterator[Mapping]:
    """Those that the machine can run."""
    return (mapping for mapping in all_mappings(layer, arch, dataflow) if is_legal(mapping, layer, arch))


def is_legal(mapping: Mapping, layer: Layer, arch: Architecture) -> bool:
    """Whether the machine can run a mapping; see `sim.mapping.check`."""
    try:
        check(mapping, layer, arch)
    except MappingError:
        return False
    return True


def _orders(passes: Map[str, int]) -> Iterator[tuple[For, ...]]:
    """Every sequence of loops in time that makes so many passes over each dimension."""
    if all(n == 1 for n in passes.values()):
        yield ()
    for d, n in passes.items():
        for bound in range(2, n + 1):
            if n % bound == 0:
                yield from ((For(d, bound), *rest) for rest in _orders({**passes, d: n // bound}))


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where one tensor is kept in each memory, and the bits of room that it takes there."""

    places: tuple[Place, ...]
    bits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Space:
    layer: Layer
    arch: Architecture
    dataflow: Dataflow
    letter: dict[str, str]

    def spreads(self) -> Iterator[tuple[tuple[Parallel, ...], ...]]:
        """Every choice of loops in space: those of each fanout."""
        axes = [(fanout, axis) for fanout in self.arch.fanouts for axis in AXES]
        room = [getattr(fanout, axis) for fanout, axis in axes]
        for bounds in product(*(self.ways_to_spread(d, size) for d, size in self.layer.dims)):
            if any(math.prod(way[a] for way in bounds) > copies for a, copies in enumerate(room)):
                continue
            loops = [
                Parallel(fanout.name, axis, d, way[a])
                for a, (fanout, axis) in enumerate(axes)
                for (d, _), way in zip(self.layer.dims, bounds, strict=True)
                if way[a] > 1
            ]
            yield tuple(tuple(loop for loop in loops if loop.fanout == f.name) for f in self.arch.fanouts)

    def ways_to_spread(self, dim: str, size: int) -> Iterator[tuple[int, ...]]:
        """Every way to spread a dimension: its bound on each axis of each fanout."""
        flow, letter = self.dataflow, self.letter[dim]
        choices: list[range] = []
        given = 1
        for fanout, axis in product(self.arch.fanouts, AXES):
            copies = getattr(fanout, axis)
            array = fanout is self.arch.fanouts[-1]
            if letter in flow.pe_whole or (array and not flow.may_spread(axis, letter)):
                choices.append(range(1, 2))
            elif array and flow.must_spread(axis, letter):
                bound = min(size, copies)
                choices.append(range(bound, bound + 1))
                given *= bound
            else:
                choices.append(range(1, copies + 1))
        left = -(-size // given)
        for bounds in product(*choices):
            copies = math.prod(bounds) // given
            if copies == -(-left // -(-left // copies)):
                yield bounds

    def nests(self, order: tuple[For, ...], spread: tuple[tuple[Parallel, ...], ...]) -> Iterator[Mapping]:
        """Every nest with these loops in time, in this order, and these loops in space."""
        for cuts in combinations_with_replacement(range(len(order) + 1), len(spread)):
            stretches = [order[a:b] for a, b in pairwise((0, *cuts, len(order)))]
            if not self.may_stand(stretches):
                continue
            loops: Loops = stretches[0]
            spans = [(0, len(loops))]  # between which places a memory's keeps stand, by the fanouts outside it
            for parallel, stretch in zip(spread, stretches[1:], strict=True):
                loops += parallel + stretch
                spans.append((len(loops) - len(stretch), len(loops)))
            if _runs_into_nothing(loops, self.layer):
                continue
            for kept in product(*(self.ways_to_keep(tensor, loops, spans) for tensor in self.layer.tensors)):
                if self.fits(kept) and self.inner_stand_inside(kept, loops):
                    yield self.nest(loops, kept)

    def may_stand(self, stretches: list[tuple[For, ...]]) -> bool:
        """Whether the dataflow allows these loops in time outside and below the innermost fanout."""
        if not self.arch.fanouts:
            return True
        whole, dims = self.dataflow.pe_whole, self.dataflow.pe_dims
        *outside, below = stretches
        return all(self.letter[loop.dim] not in whole for loop in chain(*outside)) and (
            dims is None or all(self.letter[loop.dim] in (*dims, *whole) for loop in below)
        )

    def ways_to_keep(self, tensor: Tensor, loops: Loops, spans: list[tuple[int, int]]) -> Iterator[_Kept]:
        """Every choice of the memories that keep a tensor, and of the places at which they do."""
        choices: list[list[Place]] = []
        for memory in self.arch.memories:
            if memory == self.arch.home(tensor.name):
                choices.append([0])
                continue
            outside = self.arch.nodes[: self.arch.nodes.index(memory)]
            first, last = spans[sum(isinstance(node, Fanout) for node in outside)]
            may, must = self.keeping(tensor, memory)
            choices.append([*([] if must else [None]), *(range(first, last + 1) if may else [])])
        sizes = self.layer.sizes
        words = [_words(tensor, Mapping(loops).tile(place, sizes), sizes) for place in range(len(loops) + 1)]
        for places in product(*choices):
            kept = [place for place in places if place is not None]
            if kept == sorted(kept):
                bits = (
                    0 if place is None else self.room(tensor, memory, words[place])
                    for place, memory in zip(places, self.arch.memories, strict=True)
                )
                yield _Kept(places, tuple(bits))

    def room(self, tensor: Tensor, memory: Memory, words: int) -> int:
        """Bits that a tile takes; at home on the chip a tensor is no tile."""
        at_home = (tensor.name, memory.name) in self.arch.homes
        return 0 if at_home else words * tensor.bits * memory.room_per_tile

    def keeping(self, tensor: Tensor, memory: Memory) -> tuple[bool, bool]:
        """Whether a memory other than its home may keep a tensor, and whether it must."""
        _, *inward = self.arch.keepers(tensor.name, tensor.role)
        if memory not in inward:
            return False, False
        inside = [m for m in pe_memories(self.arch) if m in inward]
        if self.dataflow.pe_keeps is None or memory not in inside:
            return True, False
        held = tensor.role in self.dataflow.pe_keeps
        return held, held and memory == inside[-1]

    def fits(self, kept: tuple[_Kept, ...]) -> bool:
        """Whether the tiles fit into every memory."""
        needs = zip(*(k.bits for k in kept), strict=True)
        room = (memory.size_bits - memory.taken_bits for memory in self.arch.memories)
        return all(sum(need) <= bits for need, bits in zip(needs, room, strict=True))

    def inner_stand_inside(self, kept: tuple[_Kept, ...], loops: Loops) -> bool:
        """Whether, of the loops in time outside the innermost keep, those over inner dimensions stand last."""
        innermost = max(place for k in kept for place in k.places if place is not None)
        inner = [self.letter[x.dim] in self.dataflow.inner for x in loops[:innermost] if isinstance(x, For)]
        return inner == sorted(inner)

    def nest(self, loops: Loops, kept: tuple[_Kept, ...]) -> Mapping:
        """The loops, with the keeps at their places."""
        items: list[Item] = []
        for place in range(len(loops) + 1):
            for i, memory in enumerate(self.arch.memories):
                held = tuple(t.name for t, k in zip(self.layer.tensors, kept, strict=True) if k.places[i] == place)
                if held:
                    items.append(Keep(memory.name, held))
            items += loops[place : place + 1]
        return Mapping(tuple(items))


def _runs_into_nothing(loops: Loops, layer: Layer) -> bool:
    """Whether some loop goes on beyond its dimension, wherever the loops outside it are."""
    steps = Mapping(loops).steps()
    return any((loop.bound - 1) * step >= layer.sizes[loop.dim] for loop, step in zip(loops, steps, strict=True))


def _words(tensor: Tensor, tile: Map[str, int], sizes: Map[str, int]) -> int:
    """Words of a tile, or fewer where an index has padding or three terms: `check` knows that better."""
    return math.prod(min(Rank(rank.terms).count(tile), rank.count(sizes)) for rank in tensor.ranks)
