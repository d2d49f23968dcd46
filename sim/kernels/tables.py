"""The tables of a search: how large tiles are and what every edge costs, at every point of the lattice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.kernels.bounds import (
    BASE,
    BASE_AT_MOST,
    BITS,
    CHILD_NODE,
    FIRST_AT_MOST,
    FIRST_TILE,
    IS_HARD,
    LINES,
    NEVER,
    PARENT_NODE,
    SLOPE,
    SLOPE_AT_MOST,
    STAGE,
    TENSOR,
    Chain,
    Place,
    Task,
    divided,
    first_words,
    set_lines,
    times_of,
    uneven,
)
from sim.kernels.cost import Floats
from sim.kernels.even import window_words
from sim.kernels.jit import maker, part
from sim.kernels.layout import Ints
from sim.kernels.windows import FLAT, SUMS, missing, new_group, window_sums

LEADS = 5  # no window leads; the loop over a term of one of two windows


class Tables(NamedTuple):
    """What is known of every point: N of them, T tensors, S statuses, V costs, E edges, W places for windows."""

    done: Ints  # [N] whether the loops over the inner dimensions are complete
    left: Floats  # [T, N] how often a tensor that closes there comes
    tile: Floats  # [T * S, N] words of the largest tile
    line: Floats  # [6, V, E] of edges without windows (see `sim.kernels.bounds.set_lines`)
    slot: Ints  # [E, F + 1] of a tensor with windows: its row in `cost`, by the stretch where it closes; -1 without
    cost: Floats  # [W * V, N]
    less: Floats  # [T * 2 * (F + 1), places in a window] words that tiles lack (see `sim.kernels.windows.missing`)
    ahead: Floats  # [A, (F + 1) * statuses, N] what is still to come at least
    whose: Ints  # [A] of which cost; -1: of none yet
    rent: Floats  # [A, L] what every bit of a tile costs on top (see `sim.kernels.ahead`)


@part
def digit(point: int, d: int, place: Place) -> int:
    """The number of the divisor of dimension `d` at a point."""
    return (point // place.strides[d]) % place.counts[d]


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


@maker
def _fill_points(points: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """The first three tables."""
    dims, most = len(task.size), chain.level.shape[1]
    at = np.zeros(dims, np.int64)
    for point in range(points):
        tables.done[point] = 1
        for d in range(dims):
            if task.rules[1, d] and at[d] < place.counts[d] - 1:
                tables.done[point] = 0
        for t in range(len(task.depends)):
            out = 1.0
            for d in range(dims):
                if not task.depends[t, d]:
                    out *= place.passes[d] // place.divisors[d, at[d]]
            tables.left[t, point] = 1.0 if task.kind[IS_HARD, t] else out
            for i in range(chain.number[t] - 1):
                if i and chain.stage[t, i] == chain.stage[t, i - 1]:
                    tables.tile[t * most + i, point] = tables.tile[t * most + i - 1, point]
                else:
                    tables.tile[t * most + i, point] = _tile_words(t, max(0, chain.stage[t, i]), at, task, place)
        d = dims - 1
        while d >= 0:
            at[d] += 1
            if at[d] < place.counts[d]:
                break
            at[d] = 0
            d -= 1


@part
def _tile_words(t: int, stage: int, at: Ints, task: Task, place: Place) -> float:
    """Words of the largest tile of a tensor in stretch `stage`."""
    out = 1.0
    if task.kind[IS_HARD, t]:
        return out
    for d in range(len(task.size)):
        if task.most[t, d]:
            out *= min(task.most[t, d], place.divisors[d, at[d]] * place.inside[stage, d])
    for w in range(2):
        d0, d1, c0, c1 = task.window[t, w]
        if d0 >= 0:
            n0 = min(task.size[d0], place.divisors[d0, at[d0]] * place.inside[stage, d0])
            n1 = min(task.size[d1], place.divisors[d1, at[d1]] * place.inside[stage, d1])
            out *= min(float(window_words(c0, n0, c1, n1)), task.words[t, 1 + w])
    return out


@maker
def window_cost(
    e: int,
    k: int,
    point: int,
    left: float,
    tile: float,
    lead: int,
    bound: int,
    crossed: Ints,
    lacks: Floats,
    task: Task,
    chain: Chain,
    place: Place,
    pair: Floats,
) -> bool:
    """Costs of an edge of a tensor with windows that closes at a point of stretch `k`, at least and at most.

    `lead` is 0 if no window leads, and 1 + 2 * window + term otherwise. False if the loop that should lead has
    nothing left to cover. `lacks` is `Tables.less`, or empty.
    """
    t, sums, group = chain.edge[e, TENSOR], np.empty(SUMS), new_group()
    leading, column = (lead - 1) // 2, 1 + (lead - 1) % 2
    full = left * task.words[t, 0]
    pair[:, :] = 0.0
    least, most = full, full
    for g in range(chain.edge[e, CHILD_NODE] - 1, chain.edge[e, PARENT_NODE] - 1, -1):
        if g == chain.edge[e, CHILD_NODE] - 1 or shares_from(t, g + 1, task):
            least, most = full, full
            for w in range(2):
                if task.window[t, w, 0] < 0:
                    continue
                i0, i1 = digit(point, task.window[t, w, 0], place), digit(point, task.window[t, w, 1], place)
                leads = lead > 0 and w == leading
                less = _lacked(e, w, i0, i1, lacks, task, chain, place)
                window_sums(e, w, k, g, i0, i1, bound if leads else 0, less, crossed, task, chain, place, group, sums)
                c = column if leads else FLAT
                if sums[0, c] == NEVER:
                    return False
                least, most = least * sums[0, c], most * sums[1, c]
        times = times_of(e, g, task, chain, place)
        some = uneven(t, task, place) if times > 1 else 1.0  # then not all copies have work in every pass
        for v in range(pair.shape[1]):
            price = chain.down[v, e, g] * times
            pair[0, v] += price * (least * some if price > 0 else most)
            pair[1, v] += price * (most if price > 0 else least * some)
    for v in range(pair.shape[1]):
        share = divided(v, e, task, chain, place)
        price = tile * chain.tile[v, e]
        if price:
            pair[0, v] += price * first_words(e, price < 0, task, chain, place)
            pair[1, v] += price * first_words(e, price > 0, task, chain, place)
        share *= tile if chain.per_tile[v] and tile > 0 else 1.0
        pair[0, v], pair[1, v] = pair[0, v] / share, pair[1, v] / share
    return True


@part
def _lacked(e: int, w: int, i0: int, i1: int, lacks: Floats, task: Task, chain: Chain, place: Place) -> float:
    """Words that tiles of a window lack over all positions: from a table, if there is one."""
    t, stage, fanouts = chain.edge[e, TENSOR], max(0, chain.edge[e, STAGE]), len(task.node)
    d0, d1 = task.window[t, w, 0], task.window[t, w, 1]
    if len(lacks):
        return lacks[(2 * t + w) * (fanouts + 1) + stage, i0 * place.counts[d1] + i1]
    return _missing(t, w, stage, place.divisors[d0, i0], place.divisors[d1, i1], task, place)


@part
def _missing(t: int, w: int, stage: int, time0: int, time1: int, task: Task, place: Place) -> float:
    """The same, worked out."""
    d0, d1, fanouts = task.window[t, w, 0], task.window[t, w, 1], len(task.node)
    n0, n1 = time0 * place.inside[stage, d0], time1 * place.inside[stage, d1]
    tiles0 = place.passes[d0] * place.inside[fanouts, d0] / n0
    tiles1 = place.passes[d1] * place.inside[fanouts, d1] / n1
    return missing(t, w, n0, n1, tiles0, tiles1, task)


@part
def shares_from(t: int, node: int, task: Task) -> bool:
    """Whether a node is a fanout whose copies share tensor `t`."""
    for f in range(len(task.node)):
        if task.node[f] == node:
            return task.share[t, f] > 0
    return False


@part
def _fill_less(task: Task, place: Place, less: Floats) -> None:
    """What tiles of windows lack, for all their extents."""
    fanouts = len(task.node)
    for t in range(len(task.depends)):
        for w in range(2 if slides(t, task) else 0):
            d0, d1 = task.window[t, w, 0], task.window[t, w, 1]
            if d0 < 0:
                continue
            for stage in range(fanouts + 1):
                row = (2 * t + w) * (fanouts + 1) + stage
                for i in range(place.counts[d0] * place.counts[d1]):
                    time0 = place.divisors[d0, i // place.counts[d1]]
                    less[row, i] = _missing(t, w, stage, time0, place.divisors[d1, i % place.counts[d1]], task, place)


@part
def most_places(task: Task, place: Place) -> int:
    """The most extents that tiles of a window may have."""
    most = 1
    for t in range(len(task.depends)):
        for w in range(2 if slides(t, task) else 0):
            if task.window[t, w, 0] >= 0:
                most = max(most, place.counts[task.window[t, w, 0]] * place.counts[task.window[t, w, 1]])
    return most


@maker
def _fill_window(
    e: int,
    k: int,
    points: int,
    task: Task,
    chain: Chain,
    place: Place,
    less: Floats,
    left: Floats,
    out: Floats,
) -> None:
    """Costs of an edge with windows at all points, whatever leads, without first tiles. `out`: [V, points]."""
    t, costs = chain.edge[e, TENSOR], len(out)
    first, last = chain.edge[e, PARENT_NODE], chain.edge[e, CHILD_NODE]
    seconds, most = np.ones(2, np.int64), 1
    for w in range(2):
        if task.window[t, w, 0] >= 0:
            seconds[w] = place.counts[task.window[t, w, 1]]
            most = max(most, place.counts[task.window[t, w, 0]] * seconds[w])
    sums = np.ones((2, last - first, most, *SUMS))
    crossed, group = np.full(len(task.node), -1), new_group()
    for w in range(2):
        if task.window[t, w, 0] < 0:
            continue
        row = (2 * t + w) * (len(task.node) + 1) + max(0, chain.edge[e, STAGE])
        for i in range(place.counts[task.window[t, w, 0]] * seconds[w]):
            i0, i1 = i // seconds[w], i % seconds[w]
            for g in range(last - 1, first - 1, -1):
                if g == last - 1 or shares_from(t, g + 1, task):
                    window_sums(
                        e, w, k, g, i0, i1, 0, less[row, i], crossed, task, chain, place, group, sums[w, g - first, i]
                    )
                else:
                    for row_ in range(SUMS[0]):
                        for column in range(SUMS[1]):
                            sums[w, g - first, i, row_, column] = sums[w, g - first + 1, i, row_, column]
    two = task.window[t, 1, 0] >= 0
    prices = np.empty((costs, last - first))
    for v in range(costs):
        share = divided(v, e, task, chain, place)
        for g in range(first, last):
            times = times_of(e, g, task, chain, place)
            some = uneven(t, task, place) if times > 1 and chain.down[v, e, g] > 0 else 1.0
            prices[v, g - first] = chain.down[v, e, g] * times * some * task.words[t, 0] / share
    # what an edge costs depends on the point by the windows' digits, and by a factor
    places = place.counts[task.window[t, 1, 0]] * seconds[1] if two else 1
    table = np.empty((costs, place.counts[task.window[t, 0, 0]] * seconds[0], places))
    for i in range(table.shape[1]):
        for j in range(places):
            for v in range(costs):
                best = NEVER
                for lead in range(LEADS if two else 3):
                    i_leads, j_leads = (lead if lead < 3 else FLAT), (lead - 2 if lead > 2 else FLAT)
                    total = 0.0
                    for g in range(last - first):
                        row = 0 if prices[v, g] > 0 else 1  # at least, or at most
                        words = sums[0, g, i, row, i_leads] * sums[1, g, j, row, j_leads]
                        if sums[0, g, i, 0, i_leads] == NEVER or sums[1, g, j, 0, j_leads] == NEVER:
                            total = NEVER
                        elif prices[v, g]:
                            total += prices[v, g] * words
                    best = min(best, total)
                table[v, i, j] = best
    for point in range(points):
        i = digit(point, task.window[t, 0, 0], place) * seconds[0] + digit(point, task.window[t, 0, 1], place)
        j = 0
        if two:
            j = digit(point, task.window[t, 1, 0], place) * seconds[1] + digit(point, task.window[t, 1, 1], place)
        for v in range(costs):
            out[v, point] = table[v, i, j] * left[point]


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


@maker
def fill_tables(points: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """All tables but what is still to come."""
    _fill_points(points, task, chain, place, tables)
    _fill_less(task, place, tables.less)
    costs = tables.line.shape[1]
    lines = np.empty((LINES, costs))
    for e in range(chain.searched[0]):
        set_lines(e, task, chain, place, lines)
        for row in range(LINES):
            for v in range(costs):
                tables.line[row, v, e] = lines[row, v]
        for k in range(len(task.node) + 1):
            if tables.slot[e, k] >= 0:
                row = tables.slot[e, k] * costs
                left = tables.left[chain.edge[e, TENSOR]]
                _fill_window(e, k, points, task, chain, place, tables.less, left, tables.cost[row : row + costs])


@part
def cost_at(e: int, k: int, v: int, point: int, tile: float, chain: Chain, tables: Tables) -> float:
    """What an edge that closes at a point costs at least."""
    first = tables.line[FIRST_TILE, v, e] * tile
    if tables.slot[e, k] >= 0:
        return tables.cost[tables.slot[e, k] * tables.line.shape[1] + v, point] + first
    moved = tables.line[SLOPE, v, e] * tables.left[chain.edge[e, TENSOR], point] + tables.line[BASE, v, e]
    return moved / tile if chain.per_tile[v] else moved + first


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
    if k == 0:
        for d in range(len(task.size)):
            if task.rules[0, d] and digit(point, d, place) < place.counts[d] - 1:
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
