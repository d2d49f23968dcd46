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
def look_up(points: int, v: int, at0: Ints, at1: Ints, many1: int, worth: Floats, left: Floats, out: Floats) -> None:
    """What `left` passes cost of what stands in a row of a table [P, V]."""
    for n in range(points):
        out[n] = worth[at0[n] * many1 + at1[n], v] * left[n]


@straight
def add_tiles(points: int, bits: float, tile: Floats, out: Floats) -> None:
    """Add the bits of tiles."""
    for n in range(points):
        out[n] += bits * tile[n]


@straight
def mark(points: int, room: float, need: Floats, over: Ints) -> None:
    """Mark the points at which the room is not enough."""
    for n in range(points):
        over[n] += need[n] > room


@straight
def cross(points: int, over: Ints, due: Floats, there: Floats, here: Floats) -> None:
    """The least of what was found and what is `there`, where nothing is marked."""
    for n in range(points):
        worth = there[n] + due[n] if over[n] == 0 else NEVER
        here[n] = min(here[n], worth)


@straight
def close(
    points: int, room: float, slope: float, base: float, first: float, left: Floats, tile: Floats, there: Floats,
    here: Floats,
) -> None:  # fmt: skip
    """The least of what was found and what is `there` after an edge, where its tile fits."""
    for n in range(points):
        worth = slope * left[n] + base + first * tile[n] + there[n]
        worth = worth if tile[n] <= room else NEVER
        here[n] = min(here[n], worth)


@straight
def close_at(
    points: int, room: float, first: float, cost: Floats, tile: Floats, there: Floats, here: Floats
) -> None:  # fmt: skip
    """The same for an edge whose costs are known point by point."""
    for n in range(points):
        worth = cost[n] + first * tile[n] + there[n]
        worth = worth if tile[n] <= room else NEVER
        here[n] = min(here[n], worth)


@straight
def grow(points: int, stride: int, count: int, low: int, high: int, values: Floats) -> None:
    """The least at one position along a dimension and at another one further out."""
    for base in range(0, points, stride * count):
        for n in range(stride):
            a, b = base + low * stride + n, base + high * stride + n
            values[a] = min(values[a], values[b])


@straight
def grow_where(points: int, stride: int, count: int, low: int, high: int, lack: Ints, values: Floats) -> None:
    """The same, where nothing is lacking."""
    for base in range(0, points, stride * count):
        for n in range(stride):
            a, b = base + low * stride + n, base + high * stride + n
            worth = values[b] if lack[a] == 0 else NEVER
            values[a] = min(values[a], worth)
