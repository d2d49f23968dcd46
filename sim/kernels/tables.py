"""The tables of a search: how large tiles are and what every edge costs, at every point of the lattice."""

from __future__ import annotations

from typing import NamedTuple

from sim.kernels.apart import apart
from sim.kernels.bounds import (
    BASE,
    BASE_AT_MOST,
    BITS,
    CHILD_NODE,
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
    set_lines,
)
from sim.kernels.cost import Floats, Floats1, Floats2, Floats3, Floats4
from sim.kernels.even import window_words
from sim.kernels.jit import maker, part
from sim.kernels.layout import Ints, Ints1, Ints2
from sim.kernels.paths import (
    EVEN,
    EXACT,
    PRICE_ROWS,
    STATIC,
    add_words,
    fill_spot,
    is_static,
    is_uneven,
    set_classes,
    spot,
    spots,
)
from sim.kernels.room import floats1, floats2, floats3, floats4, ints1, ints2, zeros1, zeros2
from sim.kernels.steps import ALL, AT_MOST, REST, STEP_ROWS
from sim.kernels.windows import new_group

MOST_STEPS = 1 << 19  # places in tables of steps; without them windows are not followed


class Tables(NamedTuple):
    """What is known of every point: N of them, T tensors, S statuses, V costs, E edges, W slots
    for edges with windows, C classes of gaps, P spots in a window."""

    done: Ints1  # [N] whether the loops over the inner dimensions are complete
    left: Floats2  # [T, N] how often a tensor that closes there comes
    tile: Floats2  # [T * S, N] words of the largest tile
    line: Floats3  # [6, V, E] of edges without windows (see `sim.kernels.bounds.set_lines`)
    slot: Ints2  # [E, F + 1] of a tensor with windows: its row in `cost`, by the stretch where it closes; -1 without
    cost: Floats2  # [W * V, N]
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
    at = ints1(dims, 0)
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
def _find_row(e: int, k: int, c: int, task: Task, chain: Chain, tables: Tables) -> int:
    """The row of another edge whose tiles are the same, and what shares them; -1 if there is none."""
    t, g = chain.edge[e, TENSOR], tables.starts[e, c]
    for other in range(e + 1):
        if (
            chain.edge[other, TENSOR] != t
            or chain.edge[other, STAGE] != chain.edge[e, STAGE]
            or tables.slot[other, k] < 0
        ):
            continue
        for b in range(tables.starts.shape[1]):
            same = tables.starts[other, b] >= 0 and (other < e or b < c)
            for f in range(len(task.node)):
                inside = g < task.node[f] < chain.edge[e, CHILD_NODE]
                same = same and inside == (tables.starts[other, b] < task.node[f] < chain.edge[other, CHILD_NODE])
            if same:
                return tables.row[tables.slot[other, k], b]
    return -1


@maker
def _fill_window(e: int, k: int, points: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """Costs of an edge with windows at all points, at least, without first tiles; and its steps."""
    t, costs, slot = chain.edge[e, TENSOR], tables.line.shape[1], tables.slot[e, k]
    many0, many1 = spots(t, 0, task, place), spots(t, 1, task, place)
    table, unused = zeros2(many0 * many1, costs), zeros1(costs)
    crossed = ints1(len(task.node), -1)
    for c in range(tables.starts.shape[1]):
        g = tables.starts[e, c]
        if g < 0:
            break
        last = len(tables.steps) - 2
        found = _find_row(e, k, c, task, chain, tables)
        row = found if 0 <= found < last else min((slot * tables.starts.shape[1] + c) * 2, last)
        tables.row[slot, c] = row
        for w in range(2 if row != found else 0):
            tables.exact[row + w] = 1
            for at in range(spots(t, w, task, place)):
                out = tables.steps[row + w, at]
                if not fill_spot(e, w, k, g, at, False, crossed, task, chain, place, tables.group, out):
                    tables.exact[row + w] = 0
        exact = tables.exact[row] == 1 and tables.exact[row + 1] == 1 and not is_uneven(t, task, place)
        tables.known[slot, c] = EXACT if exact else EVEN
        if is_static(e, k, g, task, chain, place) or row == last:
            tables.known[slot, c] = STATIC
        for i in range(many0):
            for j in range(many1):
                one, two = tables.steps[row, i], tables.steps[row + 1, j]
                low = min(one[REST, i] * two[ALL, j], one[ALL, i] * min(two[REST, j], two[ALL, j]))
                high = one[AT_MOST + ALL, i] * two[AT_MOST + ALL, j]
                add_words(low, high, 0.0, tables.prices[e, c], chain.per_tile, table[i * many1 + j], unused)
    for point in range(points):
        at = spot(t, 0, point, task, place) * many1 + spot(t, 1, point, task, place)
        for v in range(costs):
            tables.cost[slot * costs + v, point] = table[at, v] * tables.left[t, point]


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


@apart
def fill_tables(points: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """All tables but what is still to come."""
    _fill_points(points, task, chain, place, tables)
    costs = tables.line.shape[1]
    lines = floats2(LINES, costs)
    for e in range(len(chain.edge)):
        if slides(chain.edge[e, TENSOR], task):
            set_classes(e, task, chain, place, tables.starts[e], tables.prices[e])
        if e >= chain.searched[0]:
            continue
        set_lines(e, task, chain, place, lines)
        for row in range(LINES):
            for v in range(costs):
                tables.line[row, v, e] = lines[row, v]
        for k in range(len(task.node) + 1):
            if tables.slot[e, k] >= 0:
                _fill_window(e, k, points, task, chain, place, tables)


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


@maker
def make_tables(points: int, rows: int, looked: int, task: Task, chain: Chain, place: Place, work: Floats) -> Tables:
    """Room for the tables, cut from `work`."""
    tensors, most, costs, edges = len(task.depends), chain.level.shape[1], len(chain.down), len(chain.edge)
    slot = ints2(edges, len(task.node) + 1, -1)
    slots, classes, spots_ = max(1, set_slots(task, chain, slot)), len(task.node) + 1, most_spots(task, place)
    rows_ = 2 * slots * classes if slots * classes * spots_**2 <= MOST_STEPS else 0
    a = tensors * points
    b = a + tensors * most * points
    c = b + slots * costs * points
    whose = ints1(looked + (2 if looked > TIMES else 1), -1)
    for i in range(len(whose)):
        whose[i] = i if i < looked else -1
    d = c + len(whose) * rows * points
    return Tables(
        ints1(points, 0),
        work[:a].reshape((tensors, points)),
        work[a:b].reshape((tensors * most, points)),
        floats3(LINES, costs, edges),
        slot,
        work[b:c].reshape((slots * costs, points)),
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
