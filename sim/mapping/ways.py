"""What loops in space may do, counted by what they leave to the loops in time.

Of the passes over a dimension only this much matters: where in the nest its loops in time may stand, and the
exponents of the passes' prime factors, on which alone depends in how many ways they are a product. That is the
dimension's `Kind`; that of a choice of loops in space is the kinds of all dimensions that are passed over repeatedly.

There may be millions of choices. They are counted dimension by dimension, and all that have used up the same of every
axis are one: of X copies of which u are used, X // u are left, and that takes few values. The dimensions are counted
in two halves, which meet in the end where both fit together.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from sim.arch.tree import Fanout
from sim.kernels.layout import Ints
from sim.mapping.problem import AXES
from sim.mapping.space import Space

# Where loops in time over a dimension may stand, as seen from the innermost fanout.
OUTSIDE, ANYWHERE, BELOW = range(3)
REGIONS = 3

Kind = tuple[int, tuple[int, ...]]
"""The class of a dimension, its region and REGIONS more if it is an inner one, and the exponents of its passes."""

Kinds = tuple[Kind, ...]
"""Those of some dimensions, sorted."""


def ways(space: Space, unused: frozenset[Fanout]) -> Counter[Kinds]:
    """How many choices of loops in space there are in which some fanouts are not used; others may be.

    Numbers may be negative. Where a loop in space would run into nothing if no loop in time stood outside its fanout,
    the choice counts once, less once for the nests in which none does.
    """
    axes = [_Axis(fanout, axis, fanout not in unused) for fanout in space.arch.fanouts for axis in AXES]
    room = np.array([axis.copies for axis in axes], np.int64)
    single = sorted((_of_dimension(space, d, axes, room) for d in range(len(space.dims))), key=lambda c: -len(c.many))
    if not all(len(choices.many) for choices in single):
        return Counter()
    halves = [_Choices.none(len(axes)), _Choices.none(len(axes))]
    for choices in single:
        halves.sort(key=lambda half: len(half.many))
        halves[0] = halves[0].times(choices, room)
    return _matched(halves[0], halves[1], room)


@dataclass(frozen=True, slots=True)
class _Axis:
    fanout: Fanout
    name: str
    usable: bool

    @property
    def copies(self) -> int:
        return int(getattr(self.fanout, self.name))


@dataclass(frozen=True, slots=True)
class _Choices:
    """Choices of loops in space over some dimensions.

    Attributes:
        used: [K, A] copies that are used of each axis, or as many more as leave the same to others.
        kind: [K] which of the `kinds`.
        many: [K] how many choices there are.
    """

    used: Ints
    kind: Ints
    many: Ints
    kinds: tuple[Kinds, ...]

    @classmethod
    def none(cls, axes: int) -> _Choices:
        """Over no dimension."""
        return cls(np.ones((1, axes), np.int64), np.zeros(1, np.int64), np.ones(1, np.int64), ((),))

    @classmethod
    def of(cls, used: Ints, kind: Ints, many: Ints, kinds: tuple[Kinds, ...], room: Ints) -> _Choices:
        """Those that are alike become one."""
        steps = [_steps(copies) for copies in room.tolist()]
        rows = [np.searchsorted(own, u) for own, u in zip(steps, (room // (room // used)).T, strict=True)]
        shape = len(kinds), *map(len, steps)
        alike, at = np.unique(np.ravel_multi_index((kind, *rows), shape), return_inverse=True)
        kind, *rows = np.unravel_index(alike, shape)
        counts = np.zeros(len(alike), np.int64)
        np.add.at(counts, at, many)
        used = (
            np.stack([own[row] for own, row in zip(steps, rows, strict=True)], 1)
            if rows
            else np.empty((len(alike), 0), np.int64)
        )
        return cls(used, kind, counts, kinds)

    def times(self, other: _Choices, room: Ints) -> _Choices:
        """Every choice of these with every one of others, if the room is enough."""
        i, j = np.nonzero(_fits(self.used, other.used, room))
        kinds, number = _together(self.kinds, other.kinds)
        many = self.many[i] * other.many[j]
        return _Choices.of(self.used[i] * other.used[j], number[self.kind[i], other.kind[j]], many, kinds, room)

    def table(self) -> tuple[Ints, Ints]:
        """The rows of `used` that there are, and how many choices of each kind use so much."""
        used, at = np.unique(self.used, axis=0, return_inverse=True)
        out = np.zeros((len(used), len(self.kinds)), np.int64)
        np.add.at(out, (at.reshape(-1), self.kind), self.many)
        return used, out


@functools.cache
def _steps(copies: int) -> Ints:
    """Of the copies of an axis, how many can be used at most to leave as many others.

    >>> _steps(10)  # with 4 or 5 used there is room for 2
    array([ 1,  2,  3,  5, 10])
    """
    return np.unique(copies // np.arange(1, copies + 1))


def _fits(a: Ints, b: Ints, room: Ints) -> np.ndarray:
    out = np.ones((len(a), len(b)), bool)
    for axis, copies in enumerate(room):
        out &= np.multiply.outer(a[:, axis], b[:, axis]) <= copies
    return out


def _together(a: tuple[Kinds, ...], b: tuple[Kinds, ...]) -> tuple[tuple[Kinds, ...], Ints]:
    """The kinds of two choices together, and their numbers."""
    number: dict[Kinds, int] = {}
    table = [[number.setdefault(tuple(sorted((*x, *y))), len(number)) for y in b] for x in a]
    return tuple(number), np.array(table, np.int64)


def _matched(a: _Choices, b: _Choices, room: Ints) -> Counter[Kinds]:
    """Every choice of the one with every choice of the other, if the room is enough."""
    (used, many), (others, too) = a.table(), b.table()
    number = np.float64 if int(abs(many).sum()) * int(abs(too).sum()) < 2**53 else np.object_  # exact, and fast
    counts = many.T.astype(number) @ (_fits(used, others, room).astype(number) @ too.astype(number))
    out: Counter[Kinds] = Counter()
    for i, j in zip(*np.nonzero(counts), strict=True):
        out[tuple(sorted((*a.kinds[i], *b.kinds[j])))] += int(counts[i, j])
    return out


# ---------------------------------------------------------------------- one dimension


def _of_dimension(space: Space, d: int, axes: list[_Axis], room: Ints) -> _Choices:
    """Every way to spread a dimension; see `sim.reference.space`."""
    size = int(space.size[d])
    choices = [_bounds(space, d, axis) for axis in axes]
    given = _given(space, d, axes)
    left = -(-size // given)
    totals = np.arange(1, 1 + min(left, math.prod(max(c, default=0) for c in choices) // given))
    totals = totals[-(-left // -(-left // totals)) == totals]  # the least for the passes that they leave
    bounds, rest = np.empty((len(totals), 0), np.int64), totals * given
    for choice in choices:
        own = np.array(choice, np.int64)
        i, j = np.nonzero(rest[:, None] % own == 0)
        bounds, rest = np.column_stack([bounds[i], own[j]]), rest[i] // own[j]
    bounds = bounds[rest == 1]
    passes = -(-size // bounds.prod(1))
    step, beyond = passes.copy(), np.zeros(len(passes), bool)  # with all loops in time inside
    for axis in reversed(range(len(axes))):
        beyond |= (bounds[:, axis] - 1) * step >= size
        step *= bounds[:, axis]
    return _sorted_out(space, d, bounds, passes, beyond, room)


def _sorted_out(space: Space, d: int, bounds: Ints, passes: Ints, beyond: np.ndarray, room: Ints) -> _Choices:
    """The ways by their kinds; those that go beyond the dimension only with a loop in time outside the fanout."""
    region, inner = _region(space, d), REGIONS * (space.letters[d] in space.dataflow.inner)
    number: dict[Kinds, int] = {}
    rows: list[tuple[int, int, int]] = []
    for i, (n, over) in enumerate(zip(passes.tolist(), beyond.tolist(), strict=True)):
        if n == 1 and not over:
            rows.append((i, number.setdefault((), len(number)), 1))
        if n == 1:
            continue
        where = [(region, 1)] if not over or region != ANYWHERE else [(ANYWHERE, 1), (BELOW, -1)]
        for place, sign in where:
            kinds: Kinds = ((place + inner, exponents(n)),)
            rows.append((i, number.setdefault(kinds, len(number)), sign))
    way, kind, many = np.array(rows, np.int64).reshape(-1, 3).T
    return _Choices.of(bounds[way], kind, many, tuple(number), room)


def _bounds(space: Space, d: int, axis: _Axis) -> list[int]:
    """The bounds that a dimension may have over an axis, each alone."""
    must = _must(space, d, axis)
    if must:
        return [must] if axis.usable or must == 1 else []
    return list(range(1, 1 + (axis.copies if axis.usable and _may(space, d, axis) else 1)))


def _given(space: Space, d: int, axes: list[_Axis]) -> int:
    """Copies that the dataflow leaves no choice about."""
    return math.prod(_must(space, d, axis) or 1 for axis in axes)


def _must(space: Space, d: int, axis: _Axis) -> int:
    """The bound that a dimension must have over an axis; 0 if that is open."""
    array = axis.fanout is space.arch.fanouts[-1]
    must = array and _may(space, d, axis) and space.dataflow.must_spread(axis.name, space.letters[d])
    return min(int(space.size[d]), axis.copies) if must else 0


def _may(space: Space, d: int, axis: _Axis) -> bool:
    """Whether the dataflow allows to spread a dimension over an axis."""
    letter, flow = space.letters[d], space.dataflow
    array = axis.fanout is space.arch.fanouts[-1]
    return letter not in flow.pe_whole and (not array or flow.may_spread(axis.name, letter))


def _region(space: Space, d: int) -> int:
    """Where loops in time over a dimension may stand."""
    flow, letter = space.dataflow, space.letters[d]
    if not space.fanouts or letter in flow.pe_whole:
        return BELOW
    return ANYWHERE if flow.pe_dims is None or letter in flow.pe_dims else OUTSIDE


@functools.cache
def exponents(n: int) -> tuple[int, ...]:
    """The exponents of a number's prime factors, the largest first.

    >>> exponents(360)
    (3, 2, 1)
    """
    out, factor = [], 2
    while n > 1:
        if factor * factor > n:
            factor = n
        times = next(k for k in itertools.count() if n % factor ** (k + 1))
        n //= factor**times
        out.append(times)
        factor += 1
    return tuple(sorted(filter(None, out), reverse=True))
