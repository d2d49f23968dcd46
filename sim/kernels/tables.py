"""The tables of a search: how large tiles are and what every edge costs, at every point of the lattice."""

from __future__ import annotations

from typing import NamedTuple

from sim.kernels.bounds import (
    BASE,
    BASE_AT_MOST,
    BITS,
    FIRST_AT_MOST,
    FIRST_TILE,
    IS_HARD,
    LINES,
    SLOPE,
    SLOPE_AT_MOST,
    STAGE,
    TENSOR,
    TIMES,
    Chain,
    Place,
    Task,
)
from sim.kernels.cost import Floats, Floats1, Floats2, Floats3, Floats4
from sim.kernels.jit import maker, part
from sim.kernels.layout import Ints, Ints1, Ints2
from sim.kernels.paths import (
    PRICE_ROWS,
    spots,
)
from sim.kernels.room import floats1, floats3, floats4, ints1, ints2, zeros2
from sim.kernels.steps import STEP_ROWS
from sim.kernels.windows import new_group

MOST_STEPS = 1 << 19  # places in tables of steps; without them windows are not followed


class Tables(NamedTuple):
    """What is known of every point: N of them, T tensors, S statuses, V costs, E edges, W slots
    for edges with windows, C classes of gaps, P spots in a window."""

    lack: Ints1  # [N] inner dimensions whose loops are not complete
    spot: Ints2  # [2 * T, N] where in the lattice of its two windows a point lies
    left: Floats2  # [T, N] how often a tensor that closes there comes
    tile: Floats2  # [T * S, N] words of the largest tile
    line: Floats3  # [6, V, E] of edges without windows (see `sim.kernels.bounds.set_lines`)
    slot: Ints2  # [E, F + 1] of a tensor with windows: its row in `cost`, by the stretch where it closes; -1 without
    worth: Floats3  # [W, spots, looked] what words cost of tiles of these spots in both windows, as they come once
    cost: Floats2  # [W, N] the same at every point, as often as they come, for the cost that is looked at
    starts: Ints2  # [E, C] the first gaps of the classes of edges with windows (see `sim.kernels.paths`); -1: no more
    prices: Floats4  # [E, C, PRICE_ROWS, V]
    known: Ints2  # [W, C] how well
    row: Ints2  # [W, C] where their steps are
    exact: Ints1  # [2 * W * C + 2] whether they are exact
    group: Floats2  # working memory (see `sim.kernels.windows.new_group`)
    seen: Floats1  # [2] working memory
    steps: Floats4  # [2 * W * C + 2, P, STEP_ROWS, P] what loops bring, by the spots of a tile and of its loops
    ahead: Floats3  # [A, (F + 1) * statuses, N] what is still to come at least
    whose: Ints1  # [A] of which cost; -1: of none yet
    rent: Floats2  # [A, L] what every bit of a tile costs on top (see `sim.kernels.ahead`)


@part
def digit(point: int, d: int, place: Place) -> int:
    """The number of the divisor of dimension `d` at a point."""
    return (point // place.strides[d]) % place.counts[d]


@part
def spot(t: int, w: int, point: int, tables: Tables) -> int:
    """Where in the lattice of a window a point lies; 0 if there is no such window."""
    return tables.spot[2 * t + w, point]


@part
def slides(t: int, task: Task) -> bool:
    """Whether neighbouring tiles of a tensor overlap in a way for which there are bounds."""
    return task.window[t, 0, 0] >= 0 and not task.kind[IS_HARD, t]


@part
def statuses(t: int, chain: Chain) -> int:
    """By how much the number of a status grows when that of tensor `t` does by one."""
    out = 1
    for u in range(t):
        out *= chain.number[u]
    return out


@part
def status_of(status: int, t: int, chain: Chain) -> int:
    """The status of one tensor."""
    return (status // statuses(t, chain)) % chain.number[t]


@part
def is_held(k: int, t: int, i: int, chain: Chain) -> bool:
    """Whether in stretch `k` a tensor with status `i` is kept, with its tile as it was when a fanout was crossed."""
    return chain.stage[t, i] < k and i < chain.number[t] - 1


@part
def most_spots(task: Task, place: Place) -> int:
    """The most points that the lattice of a window has."""
    most = 1
    for t in range(len(task.depends)):
        for w in range(2 if slides(t, task) else 0):
            if task.window[t, w, 0] >= 0:
                most = max(most, place.counts[task.window[t, w, 0]] * place.counts[task.window[t, w, 1]])
    return most


@part
def row_of(slot: int, c: int, tables: Tables) -> int:
    """Where the steps of a class of an edge are: of the first window, then of the second."""
    return tables.row[slot, c]


@part
def set_slots(task: Task, chain: Chain, slot: Ints) -> int:
    """Number the places for costs of edges with windows; how many there are."""
    n = 0
    slot[:, :] = -1
    for e in range(chain.searched[0]):
        if slides(chain.edge[e, TENSOR], task):
            for k in range(max(0, chain.edge[e, STAGE]), len(task.node) + 1):
                slot[e, k] = n
                n += 1
    return n


@part
def cost_at(e: int, v: int, point: int, tile: float, chain: Chain, tables: Tables) -> float:
    """What an edge without windows that closes at a point costs at least."""
    first = tables.line[FIRST_TILE, v, e] * tile
    moved = tables.line[SLOPE, v, e] * tables.left[chain.edge[e, TENSOR], point] + tables.line[BASE, v, e]
    return moved / tile if chain.per_tile[v] else moved + first


@part
def least_at(
    e: int, k: int, v: int, point: int, tile: float, task: Task, chain: Chain, place: Place, tables: Tables
) -> float:
    """What an edge that closes at a point of stretch `k` costs at least; of costs that are looked at ahead."""
    slot, t = tables.slot[e, k], chain.edge[e, TENSOR]
    if slot < 0:
        return cost_at(e, v, point, tile, chain, tables)
    at = spot(t, 0, point, tables) * spots(t, 1, task, place) + spot(t, 1, point, tables)
    return tables.worth[slot, at, v] * tables.left[t, point] + tables.line[FIRST_TILE, v, e] * tile


@part
def most_at(e: int, v: int, point: int, tile: float, chain: Chain, tables: Tables) -> float:
    """What an edge without windows that closes at a point costs at most."""
    slope, base, first = (
        tables.line[SLOPE_AT_MOST, v, e],
        tables.line[BASE_AT_MOST, v, e],
        tables.line[FIRST_AT_MOST, v, e],
    )
    moved = slope * tables.left[chain.edge[e, TENSOR], point] + base
    return moved / tile if chain.per_tile[v] else moved + first * tile


@part
def may_grow(k: int, status: int, task: Task, chain: Chain, out: Ints) -> bool:
    """Write in which dimensions loops in time may grow; returns whether those of inner ones have to come first."""
    for d in range(len(task.size)):
        out[d] = 1
        if len(task.node):
            whole = task.rules[0, d] == 1
            out[d] = (whole or task.rules[2, d] == 1) if k == 0 else not whole
    started = False
    for t in range(len(task.depends)):
        i = status_of(status, t, chain)
        started = started or (chain.stage[t, i] < k and chain.level[t, i] > 0) or _begun(t, i, chain)
        if is_held(k, t, i, chain):
            for d in range(len(task.size)):
                if task.depends[t, d]:
                    out[d] = 0
    return started


@part
def _begun(t: int, i: int, chain: Chain) -> bool:
    """Whether an edge to a memory of a tensor has closed."""
    return i > (1 if chain.level[t, 0] < 0 else 0)


@part
def may_cross(k: int, status: int, point: int, task: Task, chain: Chain, place: Place, tables: Tables) -> bool:
    """Whether the next fanout may be crossed here: what is kept inside it fits, and what must be done is."""
    if k == 0 and point < len(tables.lack) - place.block[1]:  # something is not done whole
        return False
    most = chain.level.shape[1]
    for t in range(len(task.depends)):
        i = status_of(status, t, chain)
        if chain.stage[t, i] != k or chain.level[t, i] <= 0:
            continue
        need = 0.0
        for u in range(len(task.depends)):
            j = status_of(status, u, chain)
            if chain.level[u, j] == chain.level[t, i]:
                need += tables.tile[u * most + j, point] * task.kind[BITS, u]
        if need > task.room[chain.level[t, i]]:
            return False
    return True


@maker
def make_tables(points: int, rows: int, looked: int, task: Task, chain: Chain, place: Place, work: Floats) -> Tables:
    """Room for the tables, cut from `work`."""
    tensors, most, costs, edges = len(task.depends), chain.level.shape[1], len(chain.down), len(chain.edge)
    slot = ints2(edges, len(task.node) + 1, -1)
    slots, classes, spots_ = max(1, set_slots(task, chain, slot)), len(task.node) + 1, most_spots(task, place)
    rows_ = 2 * slots * classes if slots * classes * spots_**2 <= MOST_STEPS else 0
    pairs = 1
    for t in range(tensors):
        pairs = max(pairs, spots(t, 0, task, place) * spots(t, 1, task, place) if slides(t, task) else 1)
    a = tensors * points
    b = a + tensors * most * points
    c = b + slots * points
    whose = ints1(looked + (2 if looked > TIMES else 1), -1)
    for i in range(len(whose)):
        whose[i] = i if i < looked else -1
    d = c + len(whose) * rows * points
    return Tables(
        ints1(points, 0),
        ints2(2 * tensors, points, 0),
        work[:a].reshape((tensors, points)),
        work[a:b].reshape((tensors * most, points)),
        floats3(LINES, costs, edges),
        slot,
        floats3(slots, pairs, looked),
        work[b:c].reshape((slots, points)),
        ints2(edges, classes, -1),
        floats4(edges, classes, PRICE_ROWS, costs),
        ints2(slots, classes, 0),
        ints2(slots, classes, 0),
        ints1(rows_ + 2, 0),
        new_group(),
        floats1(2),
        floats4(rows_ + 2, spots_, STEP_ROWS, spots_),
        work[c:d].reshape((len(whose), rows, points)),
        whose,
        zeros2(len(whose), len(task.room)),
    )
