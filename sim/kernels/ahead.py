"""What is still to come at least, at every point of the lattice: a shortest path from the outside in.

Its state is a stretch between two fanouts, and for every tensor the memory inside which all edges are closed. Either
an edge to a memory further out closes at a point, or the fanout is crossed, or the nest grows to a point further out.
Tensors that are kept inside a fanout that has been crossed have to close before loops over their dimensions grow.
Room that several tensors share is only looked at where they enter it together. To see more of it, tiles can be made
to pay rent: what nests that fit cost is at least what they cost with rent, less the rent of all the room.
"""

from __future__ import annotations

from sim.kernels.apart import apart
from sim.kernels.bounds import BASE, BITS, ENERGY, FIRST_TILE, NEVER, SLOPE, TIMES, Chain, Place, Task
from sim.kernels.cost import Floats
from sim.kernels.fill import fill_costs
from sim.kernels.grid import add_tiles, close, close_at, cross, forbid, grow, grow_where, put
from sim.kernels.jit import part
from sim.kernels.lattice import block, blocks
from sim.kernels.room import floats2, ints1
from sim.kernels.tables import Tables, may_grow, status_of, statuses

RENT = 2.0  # the first rent that is tried, for all the room, as a share of what is to come
RENTS = 7  # at most so many are tried, each a third of the one before


@part
def _grow(
    d: int, only_done: bool, begin: int, end: int, step: int, run: int, place: Place, tables: Tables, values: Floats
) -> None:
    """The least value at a point or further out along dimension `d`; runs of points begin at every `step`."""
    stride, lack = place.strides[d], tables.lack
    for i in range(place.counts[d] - 2, -1, -1):
        for p in range(place.grown.shape[2]):
            if place.grown[d, i, p] < 0:
                break
            first, far = begin + i * stride, (place.grown[d, i, p] - i) * stride
            if only_done:
                grow_where(first, first + end - begin, step, run, far, lack, values)
            else:
                grow(first, first + end - begin, step, run, far, values)


@part
def _grow_all(k: int, only_done: bool, d: int, points: int, place: Place, tables: Tables, values: Floats) -> None:
    """The same for all blocks."""
    stride, count, reach, size = place.strides[d], place.counts[d], place.block[0], place.block[1]
    if stride < size:
        for b in range(blocks(k, points, place)):
            begin, end = block(k, b, points, place)
            _grow(d, only_done, begin, end, stride * count, stride, place, tables, values)
        return
    for base in range(0, points, stride * count):  # what a PE does whole leads from block to block
        for begin in range(base, base + stride, size):
            _grow(d, only_done, begin, begin + 1, 1, reach, place, tables, values)


@part
def _close_all(
    k: int, row: int, t: int, i: int, begin: int, end: int, a: int, task: Task, chain: Chain, tables: Tables
) -> None:
    """What is to come if tensor `t` closes next."""
    tile, level, v = tables.tile[t * chain.level.shape[1] + i], chain.level[t, i], tables.whose[a]
    kept = chain.stage[t, i] == k
    room = task.room[level] / task.kind[BITS, t] if kept else NEVER
    pays = tables.rent[a, level] * task.kind[BITS, t] if kept else 0.0
    for j in range(i + 1, chain.number[t]):
        e = chain.between[t, i, j]
        if e < 0 or (chain.stage[t, j] < k and j < chain.number[t] - 1):
            continue
        here, there = tables.ahead[a, row], tables.ahead[a, row + (j - i) * statuses(t, chain)]
        slope, base, first = tables.line[SLOPE, v, e], tables.line[BASE, v, e], tables.line[FIRST_TILE, v, e] + pays
        if tables.slot[e, k] >= 0:
            close_at(begin, end, room, first, tables.cost[tables.slot[e, k]], tile, there, here)
        else:
            close(begin, end, room, slope, base, first, tables.left[t], tile, there, here)


@part
def _cross(
    k: int, status: int, row: int, to: int, begin: int, end: int, a: int, task: Task, chain: Chain, tables: Tables,
    work: Floats,
) -> None:  # fmt: skip
    """What is to come if the fanout is crossed next, where `may_cross` holds."""
    due, need = work[0], work[1]
    put(begin, end, 0.0, due)
    for level in range(1, len(task.room)):
        some = False
        for t in range(len(task.depends)):
            i = status_of(status, t, chain)
            if chain.level[t, i] == level and chain.stage[t, i] == k:
                if not some:
                    put(begin, end, 0.0, need)
                some = True
                tile = tables.tile[t * chain.level.shape[1] + i]
                add_tiles(begin, end, task.kind[BITS, t], tile, need)
                if tables.rent[a, level] > 0:
                    add_tiles(begin, end, tables.rent[a, level] * task.kind[BITS, t], tile, due)
        if some:
            forbid(begin, end, task.room[level], need, due)
    cross(begin, end, due, tables.ahead[a, to], tables.ahead[a, row])


@part
def is_reached(k: int, status: int, task: Task, chain: Chain) -> bool:
    """Whether the edges that are closed lead from memories that this stretch has reached."""
    for t in range(len(task.depends)):
        i = status_of(status, t, chain)
        first = 1 if chain.level[t, 0] < 0 else 0
        if i > first and chain.stage[t, i - 1] > k:
            return False
    return True


@part
def _fill_row(
    k: int, status: int, points: int, a: int, task: Task, chain: Chain, place: Place, tables: Tables, work: Floats
) -> None:
    """The same for a stretch and a status, but for what grows."""
    kinds, fanouts = statuses(len(task.depends), chain), len(task.node)
    row, last = k * kinds + status, k == fanouts and status == kinds - 1
    some = not last and is_reached(k, status, task, chain)
    for b in range(blocks(k, points, place)):
        begin, end = block(k, b, points, place)
        put(begin, end, 0.0 if last else NEVER, tables.ahead[a, row])
        for t in range(len(task.depends) if some else 0):
            i = status_of(status, t, chain)
            if i < chain.number[t] - 1 and chain.stage[t, i] <= k:
                _close_all(k, row, t, i, begin, end, a, task, chain, tables)
        if some and k < fanouts and (k or b == blocks(k, points, place) - 1):
            _cross(k, status, row, row + kinds, begin, end, a, task, chain, tables, work)


@apart
def fill_ahead(points: int, a: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """What is still to come at least, row `a` of the table; infinite where nothing fits.

    Only at points that can be reached.
    """
    kinds = statuses(len(task.depends), chain)
    grows, work = ints1(len(task.size), 0), floats2(2, points)
    fill_costs(points, tables.whose[a], task, chain, place, tables)
    for k in range(len(task.node), -1, -1):
        for status in range(kinds - 1, -1, -1):
            _fill_row(k, status, points, a, task, chain, place, tables, work)
            if (k == len(task.node) and status == kinds - 1) or not is_reached(k, status, task, chain):
                continue
            started = may_grow(k, status, task, chain, grows)
            for first in range(2):  # inner dimensions grow first: they come last
                for d in range(len(task.size)):
                    if grows[d] and task.rules[1, d] == first:
                        _grow_all(
                            k, started and not first, d, points, place, tables, tables.ahead[a, k * kinds + status]
                        )


@part
def _shared(task: Task, chain: Chain) -> int:
    """The outermost memory that has an end and that several tensors may share; 0 if there is none."""
    for level in range(1, len(task.room)):
        users = 0
        for t in range(len(task.depends)):
            for i in range(chain.number[t]):
                users += chain.level[t, i] == level
        if users > 1 and task.room[level] < NEVER:
            return level
    return 0


@apart
def set_rents(points: int, looked: int, task: Task, chain: Chain, place: Place, tables: Tables) -> int:
    """Find rents for which bounds are high, and fill the rows with rent; 1 if there is anything to rent, else 0."""
    level = _shared(task, chain)
    if not level:
        return 0
    for a in range(looked, len(tables.ahead)):
        tables.whose[a] = ENERGY if a == looked else TIMES
        plain = tables.ahead[tables.whose[a], 0, 0]
        best, chosen, rent = plain, 0.0, RENT * plain / task.room[level]
        for _ in range(RENTS):
            tables.rent[a, level] = rent
            fill_ahead(points, a, task, chain, place, tables)
            bound = tables.ahead[a, 0, 0] - rent * task.room[level]
            if bound <= best and chosen > 0:
                break
            if bound > best:
                best, chosen = bound, rent
            rent /= 3
        tables.rent[a, level] = chosen
        fill_ahead(points, a, task, chain, place, tables)
    return 1
