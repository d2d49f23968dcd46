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
from sim.kernels.jit import maker, part
from sim.kernels.layout import Ints
from sim.kernels.room import floats1, ints1, zeros1
from sim.kernels.tables import Tables, may_grow, status_of, statuses

RENT = 2.0  # the first rent that is tried, for all the room, as a share of what is to come
RENTS = 7  # at most so many are tried, each a third of the one before


@part
def _grow(d: int, only_done: bool, points: int, place: Place, done: Ints, values: Floats) -> None:
    """The least value at a point or further out along dimension `d`."""
    stride, count = place.strides[d], place.counts[d]
    for i in range(count - 2, -1, -1):
        for p in range(place.grown.shape[2]):
            j = place.grown[d, i, p]
            if j < 0:
                break
            for base in range(0, points, stride * count):
                low, high = base + i * stride, base + j * stride
                for n in range(stride):
                    if not only_done or done[low + n]:
                        values[low + n] = min(values[low + n], values[high + n])


@part
def _close_all(
    k: int, row: int, t: int, i: int, points: int, begin: int, end: int, task: Task, chain: Chain, tables: Tables
) -> None:
    """What is to come if tensor `t` closes next."""
    most = chain.level.shape[1]
    tile = tables.tile[t * most + i]
    room = task.room[chain.level[t, i]] / task.kind[BITS, t] if chain.stage[t, i] == k else NEVER
    for j in range(i + 1, chain.number[t]):
        e = chain.between[t, i, j]
        if e < 0 or (chain.stage[t, j] < k and j < chain.number[t] - 1):
            continue
        to = row + (j - i) * statuses(t, chain)
        for a in range(begin, end):
            v = tables.whose[a]
            here, there = tables.ahead[a, row], tables.ahead[a, to]
            pays = tables.rent[a, chain.level[t, i]] * task.kind[BITS, t] if chain.stage[t, i] == k else 0.0
            slope, base, first = tables.line[SLOPE, v, e], tables.line[BASE, v, e], tables.line[FIRST_TILE, v, e]
            slot = tables.slot[e, k]
            cost = tables.cost[max(0, slot * tables.line.shape[1] + v)]
            left = tables.left[t]
            for point in range(points):
                if tile[point] <= room:
                    moved = cost[point] if slot >= 0 else slope * left[point] + base
                    here[point] = min(here[point], moved + (first + pays) * tile[point] + there[point])


@part
def _fill_crossings(
    k: int,
    status: int,
    points: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    need: Floats,
    cross: Ints,
) -> None:
    """Where `may_cross` holds, for all points at once."""
    most = chain.level.shape[1]
    cross[:] = 1
    for d in range(len(task.size)):
        if k == 0 and task.rules[0, d]:
            stride, last = place.strides[d], place.counts[d] - 1
            for point in range(points):
                if (point // stride) % place.counts[d] < last:
                    cross[point] = 0
    for level in range(1, len(task.room)):
        need[:] = 0.0
        some = False
        for t in range(len(task.depends)):
            i = status_of(status, t, chain)
            if chain.level[t, i] == level and chain.stage[t, i] == k:
                some = True
                tile, bits = tables.tile[t * most + i], task.kind[BITS, t]
                for point in range(points):
                    need[point] += tile[point] * bits
        if some:
            room = task.room[level]
            for point in range(points):
                if need[point] > room:
                    cross[point] = 0


@part
def is_reached(k: int, status: int, task: Task, chain: Chain) -> bool:
    """Whether the edges that are closed lead from memories that this stretch has reached."""
    for t in range(len(task.depends)):
        i = status_of(status, t, chain)
        first = 1 if chain.level[t, 0] < 0 else 0
        if i > first and chain.stage[t, i - 1] > k:
            return False
    return True


@maker
def _cross(
    a: int, k: int, status: int, points: int, task: Task, chain: Chain, tables: Tables, kinds: int, cross: Ints
) -> None:
    """What is to come if the fanout is crossed next."""
    row, most = k * kinds + status, chain.level.shape[1]
    here, there = tables.ahead[a, row], tables.ahead[a, row + kinds]
    due = zeros1(points)
    for t in range(len(task.depends)):
        i = status_of(status, t, chain)
        if chain.stage[t, i] == k and chain.level[t, i] > 0 and tables.rent[a, chain.level[t, i]] > 0:
            pays, tile = tables.rent[a, chain.level[t, i]] * task.kind[BITS, t], tables.tile[t * most + i]
            for point in range(points):
                due[point] += pays * tile[point]
    for point in range(points):
        if cross[point]:
            here[point] = min(here[point], there[point] + due[point])


@apart
def fill_ahead(points: int, begin: int, end: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """What is still to come at least, rows `begin` to `end` of the table; infinite where nothing fits."""
    fanouts, tensors, ahead = len(task.node), len(task.depends), tables.ahead
    kinds = statuses(tensors, chain)
    grows = ints1(len(task.size), 0)
    cross, need = ints1(points, 0), floats1(points)
    for k in range(fanouts, -1, -1):
        for status in range(kinds - 1, -1, -1):
            row = k * kinds + status
            last = k == fanouts and status == kinds - 1
            for a in range(begin, end):
                ahead[a, row, :] = 0.0 if last else NEVER
            if last or not is_reached(k, status, task, chain):
                continue
            started = may_grow(k, status, task, chain, grows)
            for t in range(tensors):
                i = status_of(status, t, chain)
                if i < chain.number[t] - 1 and chain.stage[t, i] <= k:
                    _close_all(k, row, t, i, points, begin, end, task, chain, tables)
            if k < fanouts:
                _fill_crossings(k, status, points, task, chain, place, tables, need, cross)
                for a in range(begin, end):
                    _cross(a, k, status, points, task, chain, tables, kinds, cross)
            for a in range(begin, end):
                for first in range(2):  # inner dimensions grow first: they come last
                    for d in range(len(task.size)):
                        if grows[d] and task.rules[1, d] == first:
                            _grow(d, started and not first, points, place, tables.done, ahead[a, row])


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
            fill_ahead(points, a, a + 1, task, chain, place, tables)
            bound = tables.ahead[a, 0, 0] - rent * task.room[level]
            if bound <= best and chosen > 0:
                break
            if bound > best:
                best, chosen = bound, rent
            rent /= 3
        tables.rent[a, level] = chosen
        fill_ahead(points, a, a + 1, task, chain, place, tables)
    return 1
