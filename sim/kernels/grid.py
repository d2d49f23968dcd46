"""Loops over the points of a lattice: most of the time that tables take.

The points stand in rows without gaps; what is written overlaps with nothing that is read, and no index is negative
(see `sim.kernels.lean`). So LLVM makes vectors of them.
"""

from __future__ import annotations

from sim.kernels.bounds import NEVER
from sim.kernels.cost import Floats
from sim.kernels.layout import Ints
from sim.kernels.lean import straight


@straight
def extend(many: int, count: int, factor: Floats, out: Floats) -> None:
    """A product with a factor for every dimension, known at `many` points: go on along the next dimension."""
    for i in range(count - 1, -1, -1):
        for n in range(many):
            out[i * many + n] = out[n] * factor[i]


@straight
def extend_sum(many: int, count: int, term: Ints, out: Ints) -> None:
    """The same for a sum."""
    for i in range(count - 1, -1, -1):
        for n in range(many):
            out[i * many + n] = out[n] + term[i]


@straight
def multiply(points: int, at: Ints, factor: Floats, out: Floats) -> None:
    """Multiply by a factor that stands at `at`."""
    for n in range(points):
        out[n] *= factor[at[n]]


@straight
def look_up(
    begin: int, end: int, v: int, at0: Ints, at1: Ints, many1: int, worth: Floats, left: Floats, out: Floats
) -> None:
    """What `left` passes cost of what stands in a row of a table [P, V]."""
    for n in range(begin, end):
        out[n] = worth[at0[n] * many1 + at1[n], v] * left[n]


@straight
def put(begin: int, end: int, value: float, out: Floats) -> None:
    """Set all to a value."""
    for n in range(begin, end):
        out[n] = value


@straight
def add_tiles(begin: int, end: int, bits: float, tile: Floats, out: Floats) -> None:
    """Add the bits of tiles."""
    for n in range(begin, end):
        out[n] += bits * tile[n]


@straight
def forbid(begin: int, end: int, room: float, need: Floats, due: Floats) -> None:
    """Where the room is not enough, no price will do."""
    for n in range(begin, end):
        due[n] = due[n] if need[n] <= room else NEVER


@straight
def cross(begin: int, end: int, due: Floats, there: Floats, here: Floats) -> None:
    """The least of what was found and what is `there` and due."""
    for n in range(begin, end):
        here[n] = min(here[n], there[n] + due[n])


@straight
def close(
    begin: int, end: int, room: float, slope: float, base: float, first: float, left: Floats, tile: Floats,
    there: Floats, here: Floats,
) -> None:  # fmt: skip
    """The least of what was found and what is `there` after an edge, where its tile fits."""
    for n in range(begin, end):
        worth = slope * left[n] + base + first * tile[n] + there[n]
        worth = worth if tile[n] <= room else NEVER
        here[n] = min(here[n], worth)


@straight
def close_at(
    begin: int, end: int, room: float, first: float, cost: Floats, tile: Floats, there: Floats, here: Floats
) -> None:
    """The same for an edge whose costs are known point by point."""
    for n in range(begin, end):
        worth = cost[n] + first * tile[n] + there[n]
        worth = worth if tile[n] <= room else NEVER
        here[n] = min(here[n], worth)


@straight
def grow(begin: int, end: int, step: int, run: int, far: int, values: Floats) -> None:
    """The least at a point and at another one that lies `far` away, in runs of points at every `step`."""
    for base in range(begin, end, step):
        for n in range(base, base + run):
            values[n] = min(values[n], values[n + far])


@straight
def grow_where(begin: int, end: int, step: int, run: int, far: int, lack: Ints, values: Floats) -> None:
    """The same, where nothing is lacking."""
    for base in range(begin, end, step):
        for n in range(base, base + run):
            worth = values[n + far] if lack[n] == 0 else NEVER
            values[n] = min(values[n], worth)
