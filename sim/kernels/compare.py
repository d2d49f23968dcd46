"""Which parts of nests need not be continued: those that cannot beat the best nest, or that another one beats.

Partial nests at the same place are compared in what differs between them, and in what they trade: being a little
later may be made up for by being cheaper, as the objective weighs them.
"""

from __future__ import annotations

import math

from sim.kernels.bounds import (
    ADDED,
    COMPARED,
    DELAY,
    ENERGY,
    NEVER,
    OUTERMOST,
    TENSOR,
    TIMES,
    WHOLE,
    Chain,
    Place,
    Task,
)
from sim.kernels.cost import Floats
from sim.kernels.jit import part
from sim.kernels.labels import (
    GONE,
    SLACK,
    Goal,
    Labels,
    closed_at,
    least,
    point_of,
    push,
    status_inside,
    waited_for,
)
from sim.kernels.paths import EXACT, SETTLED, add_width, ahead, spots
from sim.kernels.tables import Tables, cost_at, most_at, row_of, slides, spot, statuses

LOOKS = 16  # labels at the same place with which a new one is compared


@part
def _fill_alike(
    one: int,
    other: int,
    point: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    labels: Labels,
    out: Floats,
) -> None:
    """What is not known of both labels, but is the same: of edges that closed at the same place."""
    out[:] = 0.0
    for f in range(labels.crossed.shape[1]):
        if labels.crossed[one, f] != labels.crossed[other, f]:
            return
    alike = labels.trace[one] == labels.trace[other]
    for e in range(chain.searched[0]):
        t, closed = chain.edge[e, TENSOR], labels.closed[one, e]
        same = closed == labels.closed[other, e] and labels.state[one, e] == labels.state[other, e]
        if slides(t, task):
            alike = alike and same
        if closed < 0 or not same:
            continue
        if slides(t, task):
            if labels.state[one, e] < SETTLED:
                _add_width(e, point, labels.state[one, e], closed, task, chain, place, tables, out)
            continue
        tile = tables.tile[t * chain.level.shape[1] + status_inside(closed, chain), point_of(closed)]
        for v in range(len(out)):
            high = most_at(e, v, point_of(closed), tile, chain, tables)
            out[v] += high - cost_at(e, v, point_of(closed), tile, chain, tables)
    if alike:
        for v in range(len(out)):
            out[v] += labels.wide[one, v]


@part
def _add_width(
    e: int,
    point: int,
    state: int,
    closed: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    out: Floats,
) -> None:
    """Add by how much what is to come of the windows of an edge that are known exactly may differ."""
    t, base, slot = chain.edge[e, TENSOR], point_of(closed), tables.slot[e, closed_at(closed, chain)]
    at0, now0 = spot(t, 0, base, tables), spot(t, 0, point, tables)
    at1, now1 = spot(t, 1, base, tables), spot(t, 1, point, tables)
    last0, last1, left = spots(t, 0, task, place) - 1, spots(t, 1, task, place) - 1, tables.left[t, point]
    tile = tables.tile[t * chain.level.shape[1] + status_inside(closed, chain), base]
    for c in range(tables.starts.shape[1]):
        if tables.starts[e, c] >= 0 and tables.known[slot, c] == EXACT:
            row = row_of(slot, c, tables)
            one, two = tables.steps[row, at0], tables.steps[row + 1, at1]
            low, high = ahead(state, at0, now0, last0, at1, now1, last1, left, one, two)
            add_width(high - low, tile, tables.prices[e, c], chain.per_tile, out)


@part
def _is_as_good(
    one: int,
    other: int,
    point: int,
    best: float,
    task: Task,
    chain: Chain,
    place: Place,
    goal: Goal,
    tables: Tables,
    labels: Labels,
) -> bool:
    """Whether one label is at least as good as another at the same place, whatever follows that can beat the best."""
    if labels.low[one, ENERGY] > labels.low[other, ENERGY] * (1 + 1e-13):
        return False
    for i in range(labels.used.shape[1]):
        if labels.used[one, i] > labels.used[other, i]:
            return False
    out = labels.alike
    for v in range(len(out)):
        out[v] = labels.high[one, v] - labels.low[one, v]
    if not _beats(one, other, best, goal, labels):
        return False
    out[:] = 0.0
    if _beats(one, other, best, goal, labels):
        return True
    _fill_alike(one, other, point, task, chain, place, tables, labels, out)
    return _beats(one, other, best, goal, labels)


@part
def _beats(one: int, other: int, best: float, goal: Goal, labels: Labels) -> bool:
    """The same, if what is not known of both and yet the same is `labels.alike`."""
    time, added, delay = 0.0, 0.0, 0.0  # by which latency is longer at most
    for v in range(OUTERMOST if goal.power[2] > 0 else TIMES, labels.low.shape[1]):
        low, role = labels.low[other, v], goal.role[v]
        more = labels.high[one, v] - labels.alike[v] - low
        if more <= 1e-13 * abs(low) or role == WHOLE:
            continue
        if role == COMPARED:
            return False
        if role == DELAY:
            delay += more
        elif role == ADDED:
            added = max(added, more)
        else:
            time = max(time, more)
    low, later = labels.low[other, ENERGY], time + added + delay
    more = labels.high[one, ENERGY] - labels.alike[ENERGY] - low
    if later == 0:
        return more <= 1e-13 * abs(low)
    more += goal.fixed[1] * later
    if more > 0 or goal.power[0] == 0 or goal.power[2] > 0 or goal.most[1] < NEVER or best == NEVER:
        return False
    # the less the energy is and the longer it takes, the less a delay matters: so take the most of what still can
    # beat the best nest, at the least latency
    cycles = labels.cycles[other]
    pj = math.exp((best - goal.power[1] * math.log(cycles)) / goal.power[0])
    return more > -pj and goal.power[0] * math.log1p(more / pj) + goal.power[1] * math.log1p(later / cycles) <= 0


@part
def keep_label(
    new: int,
    row: int,
    point: int,
    best: float,
    tables: Tables,
    task: Task,
    chain: Chain,
    place: Place,
    goal: Goal,
    labels: Labels,
) -> bool:
    """Keep the label if it can become better than the best nest and no other is as good; whether it was kept."""
    low = labels.low[new]
    waited = waited_for(row % statuses(len(chain.number), chain), low, chain) if len(chain.waited) else NEVER
    labels.key[new], labels.cycles[new] = least(
        row,
        point,
        low,
        labels.used[new],
        tables.ahead,
        tables.whose,
        tables.rent,
        task.room,
        waited,
        chain.port,
        goal,
    )
    if labels.key[new] >= best - SLACK:
        return False
    place_ = row * tables.ahead.shape[2] + point
    looks, before, other = 0, -1, labels.head[place_]
    while other >= 0 and looks < LOOKS:
        after = labels.at[other, 2]
        if _is_as_good(other, new, point, best, task, chain, place, goal, tables, labels):
            if before >= 0:  # it may beat others, too: look at it first next time
                labels.at[before, 2], labels.at[other, 2], labels.head[place_] = after, labels.head[place_], other
            return False  # those that the new one has beaten, the other one beats, too
        if _is_as_good(new, other, point, best, task, chain, place, goal, tables, labels):
            labels.at[other, 2] = GONE
            if before < 0:
                labels.head[place_] = after
            else:
                labels.at[before, 2] = after
        else:
            before = other
        other = after
        looks += 1
    labels.at[new, 0], labels.at[new, 1], labels.at[new, 2] = row, point, labels.head[place_]
    labels.head[place_] = new
    push(new, labels)
    return True
