"""Fills the tables of a search, for one way to use the copies."""

from __future__ import annotations

from sim.kernels.apart import apart
from sim.kernels.bounds import (
    CHILD_NODE,
    IS_HARD,
    LINES,
    STAGE,
    TENSOR,
    Chain,
    Place,
    Task,
    set_lines,
)
from sim.kernels.cost import Floats
from sim.kernels.even import window_words
from sim.kernels.grid import extend, extend_sum, look_up, multiply
from sim.kernels.jit import maker, part
from sim.kernels.lattice import block, blocks
from sim.kernels.layout import Ints
from sim.kernels.lend import give_back, lend
from sim.kernels.paths import (
    EVEN,
    EXACT,
    STATIC,
    Steps,
    add_words,
    fill_spot,
    is_static,
    is_uneven,
    set_classes,
    spots,
)
from sim.kernels.room import floats1, floats2, ints1, zeros1
from sim.kernels.steps import ALL, AT_MOST, REST
from sim.kernels.tables import Tables, most_spots, slides


@maker
def _fill_points(points: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """The first four tables."""
    most = chain.level.shape[1]
    factor, term = floats1(max(place.divisors.shape[1], most_spots(task, place))), ints1(place.divisors.shape[1], 0)
    tables.lack[0] = 0
    for d in place.order:
        for i in range(place.counts[d]):
            term[i] = task.rules[1, d] and i < place.counts[d] - 1
        extend_sum(place.strides[d], place.counts[d], term, tables.lack)
    for t in range(len(task.depends)):
        tables.left[t, 0] = 1.0
        for d in place.order:
            own = not task.depends[t, d] and not task.kind[IS_HARD, t]
            for i in range(place.counts[d]):
                factor[i] = place.passes[d] // place.divisors[d, i] if own else 1.0
            extend(place.strides[d], place.counts[d], factor, tables.left[t])
        if slides(t, task):
            _fill_spots(t, 0, term, task, place, tables)
            _fill_spots(t, 1, term, task, place, tables)
        for i in range(chain.number[t] - 1):
            row = t * most + i
            if i and chain.stage[t, i] == chain.stage[t, i - 1]:
                for point in range(points):
                    tables.tile[row, point] = tables.tile[row - 1, point]
            else:
                _fill_tiles(t, max(0, chain.stage[t, i]), points, row, factor, task, place, tables)


@part
def _fill_spots(t: int, w: int, term: Ints, task: Task, place: Place, tables: Tables) -> None:
    """Where in the lattice of a window points lie."""
    row = 2 * t + w
    tables.spot[row, 0] = 0
    for d in place.order:
        step = 0
        if task.window[t, w, 0] == d:
            step = place.counts[task.window[t, w, 1]]
        elif task.window[t, w, 0] >= 0 and task.window[t, w, 1] == d:
            step = 1
        for i in range(place.counts[d]):
            term[i] = i * step
        extend_sum(place.strides[d], place.counts[d], term, tables.spot[row])


@part
def _fill_tiles(
    t: int, stage: int, points: int, row: int, factor: Floats, task: Task, place: Place, tables: Tables
) -> None:
    """Words of the largest tiles of a tensor in stretch `stage`."""
    tables.tile[row, 0] = 1.0
    for d in place.order:
        plain = task.most[t, d] if not task.kind[IS_HARD, t] else 0
        for i in range(place.counts[d]):
            factor[i] = min(plain, place.divisors[d, i] * place.inside[stage, d]) if plain else 1.0
        extend(place.strides[d], place.counts[d], factor, tables.tile[row])
    for w in range(2 if slides(t, task) else 0):
        d0, d1, c0, c1 = task.window[t, w]
        for at in range(spots(t, w, task, place)):
            i0, i1 = at // place.counts[d1], at % place.counts[d1]
            n0 = min(task.size[d0], place.divisors[d0, i0] * place.inside[stage, d0])
            n1 = min(task.size[d1], place.divisors[d1, i1] * place.inside[stage, d1])
            factor[at] = min(float(window_words(c0, n0, c1, n1)), task.words[t, 1 + w])
        if d0 >= 0:
            multiply(points, tables.spot[2 * t + w], factor, tables.tile[row])


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
def _fill_window(e: int, k: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """What words of an edge with windows cost, at least and without first tiles; and its steps."""
    t, slot = chain.edge[e, TENSOR], tables.slot[e, k]
    many0, many1 = spots(t, 0, task, place), spots(t, 1, task, place)
    unused = zeros1(tables.worth.shape[2])
    own_steps = Steps(ints1(len(task.node), -1), tables.group, tables.steps)
    steps = lend(own_steps)
    worth = tables.worth[slot]
    worth[:, :] = 0.0
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
                if not fill_spot(e, w, k, g, at, 0, row + w, at, task, chain, place, steps):
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
                add_words(
                    low, high, 0.0, tables.prices[e, c], chain.per_tile, tables.worth[slot, i * many1 + j], unused
                )
    give_back(own_steps)


@part
def fill_costs(points: int, v: int, task: Task, chain: Chain, place: Place, tables: Tables) -> None:
    """Cost `v` of edges with windows at every point."""
    for e in range(chain.searched[0]):
        t = chain.edge[e, TENSOR]
        for k in range(len(task.node) + 1):
            for b in range(blocks(k, points, place) if tables.slot[e, k] >= 0 else 0):
                begin, end = block(k, b, points, place)
                look_up(
                    begin, end, v, tables.spot[2 * t], tables.spot[2 * t + 1], spots(t, 1, task, place),
                    tables.worth[tables.slot[e, k]], tables.left[t], tables.cost[tables.slot[e, k]],
                )  # fmt: skip


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
                _fill_window(e, k, task, chain, place, tables)
