"""What is still to come at least, at every point of the lattice: a shortest path from the outside in.

Its state is a stretch between two fanouts, and for every tensor the memory inside which all edges are closed. Either
an edge to a memory further out closes at a point, or the fanout is crossed, or the nest grows to a point further out.
Tensors that are kept inside a fanout that has been crossed have to close before loops over their dimensions grow.
Room that several tensors share is only looked at where they enter it together.
"""

from __future__ import annotations

import numpy as np

from sim.kernels.bounds import BITS, NEVER, Chain, Place, Task
from sim.kernels.cost import Floats
from sim.kernels.jit import part
from sim.kernels.layout import Ints
from sim.kernels.tables import Tables, may_grow, status_of, statuses


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
    k: int, row: int, t: int, i: int, points: int, unused: int, task: Task, chain: Chain, tables: Tables
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
        for v in range(len(tables.ahead)):
            if v == unused:
                continue
            here, there = tables.ahead[v, row], tables.ahead[v, to]
            slope, base, first = tables.line[0, v, e], tables.line[1, v, e], tables.line[2, v, e]
            slot = tables.slot[e, k]
            cost = tables.cost[max(0, slot * tables.line.shape[1] + v)]
            left = tables.left[t]
            for point in range(points):
                if tile[point] <= room:
                    moved = cost[point] if slot >= 0 else slope * left[point] + base
                    here[point] = min(here[point], moved + first * tile[point] + there[point])


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


@part
def fill_ahead(points: int, unused: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """What is still to come at least; infinite where nothing fits. Cost `unused` is left out."""
    fanouts, tensors, ahead = len(task.node), len(task.depends), tables.ahead
    kinds = statuses(tensors, chain)
    grows = np.empty(len(task.size), np.int64)
    cross, need = np.empty(points, np.int64), np.empty(points)
    for k in range(fanouts, -1, -1):
        for status in range(kinds - 1, -1, -1):
            row = k * kinds + status
            end = k == fanouts and status == kinds - 1
            for v in range(len(ahead)):
                ahead[v, row, :] = 0.0 if end or v == unused else NEVER
            if end or not is_reached(k, status, task, chain):
                continue
            started = may_grow(k, status, task, chain, grows)
            for t in range(tensors):
                i = status_of(status, t, chain)
                if i < chain.number[t] - 1 and chain.stage[t, i] <= k:
                    _close_all(k, row, t, i, points, unused, task, chain, tables)
            if k < fanouts:
                _fill_crossings(k, status, points, task, chain, place, tables, need, cross)
                for v in range(len(ahead)):
                    if v == unused:
                        continue
                    for point in range(points):
                        if cross[point]:
                            ahead[v, row, point] = min(ahead[v, row, point], ahead[v, row + kinds, point])
            for v in range(len(ahead)):
                for first in range(2 if v != unused else 0):  # inner dimensions grow first: they come last
                    for d in range(len(task.size)):
                        if grows[d] and task.rules[1, d] == first:
                            _grow(d, started and not first, points, place, tables.done, ahead[v, row])
