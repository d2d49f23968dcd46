"""How many nests a map space has, counted without looking at one.

What counts as a nest is what `sim.reference.space` lists: a sequence of loops and keeps.

- ``for M 2 / for M 2`` and ``for M 4`` are two nests, though nothing may tell them apart;
- so are two nests that spread the same over different axes of a fanout;
- loops in space over one axis have one order, and so have keeps between the same two loops;
- a fanout over which nothing is spread has a place but leaves no trace of it: nests that differ in it alone are one.

Room is not looked at: many of these nests fit into no memory.

The count takes a nest apart. How loops in space leave so many passes is counted in `sim.mapping.ways`. Loops in time
are a *pattern*, which tells of every loop the class of its dimension alone, and for each class a sequence of its own
loops, which fills its places in the pattern. Where keeps may stand, and what a dataflow allows, depends on the
pattern; how many sequences there are, on the prime factors of the passes.

Where nothing is spread over a fanout, all places that it may have are in a row, one loop between any two. Such a nest
is counted once if it is counted for every place and taken off for every loop between two places. Choices of loops in
space in which a fanout may be used or not count places; those in which it is certainly not used take off the loops.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import comb

import numpy as np

from sim.arch.tree import Architecture, Fanout
from sim.mapping.dataflow import Dataflow
from sim.mapping.space import Space
from sim.mapping.ways import REGIONS, Kinds, ways
from sim.workload.layer import Layer

CLASSES = 2 * REGIONS


@functools.lru_cache(maxsize=64)
def count_nests(layer: Layer, arch: Architecture, dataflow: Dataflow) -> int:
    """How many nests a layer has on a machine under a dataflow, whether they fit or not.

    >>> from sim.arch.tree import Compute, Memory
    >>> layer = Layer.einsum("outer", {"M": 4, "N": 2}, inputs="M", weights="N", outputs="M N")
    >>> dram, mac = Memory("dram", ("all",), 1e9), Compute("mac")
    >>> count_nests(layer, Architecture("tiny", (dram, mac)), Dataflow("any"))
    5
    >>> glb = Memory("glb", ("all",), 1e5)
    >>> count_nests(layer, Architecture("small", (dram, glb, mac)), Dataflow("any"))
    503
    """
    space = Space(layer, arch, dataflow)
    return sum(_nests(space, ways(space, unused), unused) for unused in _subsets(arch.fanouts))


def _subsets(fanouts: tuple[Fanout, ...]) -> Iterable[frozenset[Fanout]]:
    sizes = range(len(fanouts) + 1)
    return (frozenset(some) for n in sizes for some in itertools.combinations(fanouts, n))


def _nests(space: Space, choices: Counter[Kinds], unused: frozenset[Fanout]) -> int:
    """Nests with these choices of loops in space, places less loops where a fanout is not used."""
    many = [(times, [_sequences(own) for own in _by_class(kinds)]) for kinds, times in choices.items()]
    if not many:
        return 0
    shape = tuple(max(len(sequences[c]) for _, sequences in many) for c in range(CLASSES))
    patterns = _patterns(_kept_in(space), _must_keep(space), _numbers(space, unused), _rounded(sum(shape) - CLASSES))
    table = np.empty(shape, object)
    for lengths in np.ndindex(*shape):
        table[lengths] = patterns.count(*lengths)
    several = [c for c in range(CLASSES) if shape[c] > 1]
    table = table.reshape([shape[c] for c in several])
    total = 0
    for times, sequences in many:
        rest = table
        for c in reversed(several):
            own = np.array(sequences[c], object)
            rest = rest[..., : len(own)] @ own
        total += times * int(rest if several else table[()])
    return total


# ---------------------------------------------------------------------- loops


def _by_class(kinds: Kinds) -> list[tuple[tuple[int, ...], ...]]:
    """The exponents of the dimensions of each class."""
    return [tuple(exponents for own, exponents in kinds if own == c) for c in range(CLASSES)]


@functools.cache
def _sequences(dimensions: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """How many sequences of 0, 1, 2 ... loops make all passes over some dimensions.

    >>> _sequences(((2,), (1,)))  # for M 4 and N 2: two loops in either order, or 2 2 and 2
    (0, 0, 2, 3)
    """
    if not dimensions:
        return (1,)
    some, one = _sequences(dimensions[:-1]), _factorizations(dimensions[-1])
    out = [0] * (len(some) + len(one) - 1)
    for (i, a), (j, b) in itertools.product(enumerate(some), enumerate(one)):
        out[i + j] += comb(i + j, i) * a * b
    return tuple(out)


@functools.cache
def _factorizations(exponents: tuple[int, ...]) -> tuple[int, ...]:
    """In how many ways a number is a product of 0, 1, 2 ... factors above one, in order.

    >>> _factorizations((2, 1))  # 12; 2 6, 6 2, 3 4, 4 3; 2 2 3, 2 3 2, 3 2 2
    (0, 1, 4, 3)
    """
    any_factors = [np.prod([comb(e + k - 1, e) for e in exponents], dtype=object) for k in range(sum(exponents) + 1)]
    return tuple(
        sum((-1) ** (k - j) * comb(k, j) * any_factors[j] for j in range(k + 1)) for k in range(len(any_factors))
    )


# ---------------------------------------------------------------------- patterns


Kept = tuple[tuple[int, ...], ...]
"""How many memories of every stretch may keep each tensor, the outermost stretch first."""


def _kept_in(space: Space) -> Kept:
    stages = [space.stage(memory) for memory in space.arch.memories]
    keepers = [space.keepers(tensor)[1:] for tensor in space.layer.tensors]
    inside = reversed(range(len(space.fanouts) + 1))
    return tuple(tuple(sum(stages[i] == below for i in own) for own in keepers) for below in inside)


def _must_keep(space: Space) -> bool:
    """Whether the innermost stretch has to keep what it may keep."""
    return space.dataflow.pe_keeps is not None


def _numbers(space: Space, unused: frozenset[Fanout]) -> frozenset[int]:
    return frozenset(f for f, fanout in enumerate(space.arch.fanouts) if fanout in unused)


def _rounded(loops: int) -> int:
    """So many loops or more, so that layers have their patterns in common."""
    return 1 << loops.bit_length()


@functools.lru_cache(maxsize=64)
def _patterns(kept: Kept, must: bool, unused: frozenset[int], loops: int) -> _Patterns:
    """They depend on little: layers on one machine have them in common."""
    return _Patterns(kept, must, unused, loops)


class _Patterns:
    """Patterns of loops in time with keeps and fanouts at their places.

    The fanouts cut a nest into stretches. A memory's keeps all stand in one stretch, and there as they like, but that
    those of a tensor go inward: what decides is how many places a stretch has. As of the loops outside the innermost
    keep the inner ones (`Dataflow.inner`) stand last, patterns are counted by the place of that keep. The innermost
    fanout, the array, decides which loops may stand where.

    Attributes:
        last: the stretch below the array, 0 if there is none.
        on_loop: whether it is not places of the array that are counted but loops between two of them.
        keeps: by stretch and its places, in how many ways its keeps stand.
        ends: by stretch and place, in how many ways its keeps stand if the innermost of all is there.
        before: by stretch and loops outside it, in how many ways keeps and fanouts stand among these.
        within: by stretch and loops outside the innermost keep, in how many ways keeps and fanouts stand among these
            if that keep is in the stretch.
        after: by stretch and loops, in how many ways the fanouts between the stretch and the array stand among loops
            outside the array if no keep does.
    """

    def __init__(self, kept: Kept, must: bool, unused: frozenset[int], loops: int) -> None:
        self.last = len(kept) - 1
        self.on_loop = self.last - 1 in unused
        self.keeps = [_keeps(own, must and f == self.last > 0, loops + 2) for f, own in enumerate(kept)]
        self.ends = [
            [own[at + 1] - (own[at] if f or at else 0) for at in range(loops + 1)] for f, own in enumerate(self.keeps)
        ]
        place, loop, anywhere = [1] + [0] * loops, [0, -1] + [0] * loops, [1] * (loops + 1)
        cuts = [loop if f in unused else place for f in range(self.last - 1)]
        self.before = [place]
        for f in range(self.last):
            self.before.append(_product(self.before[-1], self.keeps[f][1:], (*cuts, place)[f]))
        self.within = [_product(outside, own) for outside, own in zip(self.before, self.ends, strict=True)]
        self.after = [anywhere]
        for f in reversed(range(self.last - 1)):
            self.after.insert(0, _product(self.after[0], cuts[f], [self.keeps[f + 1][0]] * len(anywhere)))
        self._outer, self._inner = functools.cache(self._ends_outside), functools.cache(self._ends_below)
        self.count = functools.cache(self._count)

    def _count(
        self, outside: int, any_: int, below: int, inner_outside: int, inner_any: int, inner_below: int
    ) -> int:
        """Patterns with so many loops of each class: where they may stand, and whether they are inner ones."""
        total = 0
        for bordering in (0, 1) if self.on_loop else (None,):
            free, inner_free = any_ - (bordering == 0), inner_any - (bordering == 1)
            for i, j in itertools.product(range(free + 1), range(inner_free + 1)):
                x, u = outside + i, inner_outside + j
                z, t = below + free - i, inner_below + inner_free - j
                ways = comb(x, i) * comb(z, below) * comb(u, j) * comb(t, inner_below)
                total += ways * self._merged(x, u, z, t, bordering)
        return total

    def _merged(self, x: int, u: int, z: int, t: int, bordering: int | None) -> int:
        """Patterns of `x` loops and `u` inner ones outside the array, `z` and `t` below it, and one where it is."""
        out = self._outer(x, u) * comb(z + t, z)
        if bordering != 0 or not u:
            out += self.before[-1][x + u] * self._inner(z, t, bool(u) or bordering == 1)
        return out if bordering is None else -out

    def _ends_outside(self, x: int, u: int) -> int:
        """Patterns of loops outside the array if the innermost keep of all is there."""

        def ways(outside: int, rest: int) -> int:
            return sum(self.within[f][outside] * self.after[f][rest] for f in range(self.last))

        return self.keeps[-1][0] * _sorted_first(x, u, ways)

    def _ends_below(self, z: int, t: int, inner_only: bool) -> int:
        """Patterns of loops below the array if the innermost keep is there, perhaps with inner ones alone outside."""
        return _sorted_first(0 if inner_only else z, t, lambda outside, _: self.ends[-1][outside], z * inner_only)


def _sorted_first(x: int, u: int, ways: Callable[[int, int], int], more: int = 0) -> int:
    """Orders of `x` loops and `u` inner ones round a keep, outside which the inner ones stand last.

    `ways` tells for so many loops outside and inside the keep how often it counts; `more` loops stand inside it.
    """
    return sum(
        ways(i + j, x + u + more - i - j) * comb(x + u + more - i - j, u - j)
        for i, j in itertools.product(range(x + 1), range(u + 1))
    )


def _keeps(own: tuple[int, ...], must: bool, most: int) -> list[int]:
    """In how many ways the memories of a stretch keep tensors, or do not, in 0, 1, 2 ... places for keeps."""
    return [math.prod(_kept(memories, places, must and memories > 0) for memories in own) for places in range(most)]


@functools.cache
def _kept(memories: int, places: int, must: bool) -> int:
    """In how many ways a tensor is kept in some of a stretch's memories; the innermost perhaps must keep it."""
    least = int(must)
    return sum(comb(memories - least, k - least) * _inward(k, places) for k in range(least, memories + 1))


def _inward(keeps: int, places: int) -> int:
    """In how many ways so many keeps, one after the other, stand in some places; several may stand in one."""
    return comb(places + keeps - 1, keeps) if keeps else 1


def _product(first: Sequence[int], *others: Sequence[int]) -> list[int]:
    """The product of polynomials by their coefficients, as far as that of the first goes."""
    out = list(first)
    for other in others:
        out = [sum(out[i] * other[n - i] for i in range(n + 1)) for n in range(len(out))]
    return out
