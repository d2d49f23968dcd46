"""The exact search: from the inside of a nest outward, the most promising part of a nest first.

A label is a part of a nest: a stretch between fanouts, which edges are closed, a point of the lattice, what it costs
so far. It grows by a prime, closes an edge or crosses a fanout. What it can become costs at least what it costs and
what is still to come (`sim.kernels.ahead`); labels that cannot beat the best nest are dropped, and so are those that
another label at the same place beats in every respect. Whole nests are counted and priced exactly.
"""

from __future__ import annotations

from sim.kernels.ahead import fill_ahead, set_rents
from sim.kernels.bounds import (
    BITS,
    ENERGY,
    IS_HARD,
    NEVER,
    OUTERMOST,
    TIMES,
    Chain,
    Place,
    Task,
)
from sim.kernels.compare import keep_label
from sim.kernels.cost import Floats1
from sim.kernels.follow import close_window, cross_windows, grow_windows, is_pending
from sim.kernels.jit import caller, maker, part
from sim.kernels.labels import (
    CLOSE,
    CROSS,
    FULL,
    GONE,
    GROW,
    MADE,
    SLACK,
    STOP,
    Goal,
    Labels,
    closing,
    copy_label,
    covered,
    most_promising,
    pop,
    push,
    value,
)
from sim.kernels.lattice import set_lattice
from sim.kernels.layout import Ints, Ints1, Ints2
from sim.kernels.lend import give_back, lend
from sim.kernels.nests import Exact, is_allowed, price_nest, take_best, write_nest
from sim.kernels.place import new_place, set_place
from sim.kernels.room import ints1
from sim.kernels.roots import Floor, fill_floor, new_floor, set_steps, set_total, worth
from sim.kernels.tables import (
    Tables,
    cost_at,
    digit,
    fill_tables,
    make_tables,
    may_cross,
    may_grow,
    most_at,
    slides,
    status_of,
    statuses,
)

PATIENCE = 1500  # labels, before bounds are sought that see what room several tensors share, and orders are given up


@part
def _forget_full(k: int, status: int, new: int, task: Task, chain: Chain, tables: Tables, labels: Labels) -> None:
    """Room in a memory matters only as long as tiles are still to come that might not fit."""
    most, last = chain.level.shape[1], tables.tile.shape[1] - 1
    for level in range(labels.used.shape[1]):
        need = 0.0
        for t in range(len(chain.number)):
            largest = 0.0
            for i in range(status_of(status, t, chain), chain.number[t] - 1):
                if chain.level[t, i] == level and chain.stage[t, i] >= k:
                    largest = max(largest, tables.tile[t * most + i, last] * task.kind[BITS, t])
            need += largest
        if labels.used[new, level] + need <= task.room[level]:
            labels.used[new, level] = 0.0


@part
def _place_tile(
    t: int, i: int, point: int, new: int, task: Task, chain: Chain, tables: Tables, labels: Labels
) -> bool:
    """Take the room for a tile; whether there is as much."""
    level = chain.level[t, i]
    labels.used[new, level] += tables.tile[t * chain.level.shape[1] + i, point] * task.kind[BITS, t]
    return labels.used[new, level] <= task.room[level]


@part
def _crossed(
    old: int,
    new: int,
    k: int,
    status: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    labels: Labels,
) -> bool:
    """Cross a fanout: what is kept inside it takes its room. Whether it fits."""
    copy_label(old, new, CROSS, k, 0, labels)
    labels.crossed[new, k] = labels.at[old, 1]
    for t in range(len(task.depends)):
        i = status_of(status, t, chain)
        kept = chain.stage[t, i] == k and chain.level[t, i] > 0
        if kept and not _place_tile(t, i, labels.at[old, 1], new, task, chain, tables, labels):
            return False
    _forget_full(k + 1, status, new, task, chain, tables, labels)
    cross_windows(old, new, k, task, chain, place, tables, labels)
    return True


@part
def _closed(
    old: int,
    new: int,
    t: int,
    i: int,
    j: int,
    k: int,
    status: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    floor: Floor,
    labels: Labels,
) -> bool:
    """Close an edge: what it costs is known, but for windows. Whether its tile fits."""
    e, point = chain.between[t, i, j], labels.at[old, 1]
    copy_label(old, new, CLOSE, e, 0, labels)
    if chain.stage[t, i] == k and not _place_tile(t, i, point, new, task, chain, tables, labels):
        return False
    tile = tables.tile[t * chain.level.shape[1] + i, point]
    labels.closed[new, e] = closing(point, k, i, chain)
    if slides(t, task):
        close_window(e, k, point, tile, new, task, chain, place, tables, labels)
    for v in range(labels.low.shape[1]):
        if not slides(t, task):
            labels.low[new, v] += cost_at(e, k, v, point, tile, chain, tables)
            labels.high[new, v] += NEVER if task.kind[IS_HARD, t] else most_at(e, v, point, tile, chain, tables)
        if v >= covered(tables.whose):  # what it costs at least has been taken before
            labels.low[new, v] += floor.rest[t, j, v] - floor.rest[t, i, v]
            labels.high[new, v] += floor.rest[t, j, v] - floor.rest[t, i, v]
    _forget_full(k, status + (j - i) * statuses(t, chain), new, task, chain, tables, labels)
    return True


@part
def _grown(
    old: int,
    made: int,
    best: float,
    complete: bool,
    started: bool,
    grows: Ints,
    task: Task,
    chain: Chain,
    place: Place,
    goal: Goal,
    tables: Tables,
    labels: Labels,
) -> int:
    """Let the nest grow by a prime in every dimension; returns how many labels there are then."""
    row, point = labels.at[old, 0], labels.at[old, 1]
    for d in range(len(task.size)):
        if not grows[d] or (started and not complete and not task.rules[1, d]):
            continue
        i = digit(point, d, place)
        for p in range(place.grown.shape[2]):
            j = place.grown[d, i, p]
            if j < 0:
                break
            to = point + (j - i) * place.strides[d]
            if tables.ahead[ENERGY, row, to] == NEVER:
                continue
            copy_label(old, made, GROW, d, place.divisors[d, j] // place.divisors[d, i], labels)
            grow_windows(made, d, point, to, task, chain, place, tables, labels)
            made += keep_label(made, row, to, best, tables, task, chain, place, goal, labels)
    return made


@part
def _expand(
    old: int,
    made: int,
    best: float,
    task: Task,
    chain: Chain,
    place: Place,
    goal: Goal,
    tables: Tables,
    floor: Floor,
    grows: Ints,
    labels: Labels,
) -> int:
    """Continue a label in all ways; returns how many labels there are then."""
    kinds = statuses(len(task.depends), chain)
    row, point = labels.at[old, 0], labels.at[old, 1]
    k, status = row // kinds, row % kinds
    started = may_grow(k, status, task, chain, grows)
    complete = tables.done[point] == 1
    made = _grown(old, made, best, complete, started, grows, task, chain, place, goal, tables, labels)
    crosses = k < len(task.node) and may_cross(k, status, point, task, chain, place, tables)
    if crosses and _crossed(old, made, k, status, task, chain, place, tables, labels):
        made += keep_label(made, row + kinds, point, best, tables, task, chain, place, goal, labels)
    for t in range(len(task.depends)):
        i = status_of(status, t, chain)
        if chain.stage[t, i] > k:
            continue
        for j in range(i + 1, chain.number[t]):
            if chain.between[t, i, j] < 0 or (chain.stage[t, j] < k and j < chain.number[t] - 1):
                continue
            to = row + (j - i) * statuses(t, chain)
            if tables.ahead[ENERGY, to, point] == NEVER:
                continue
            if _closed(old, made, t, i, j, k, status, task, chain, place, tables, floor, labels):
                made += keep_label(made, to, point, best, tables, task, chain, place, goal, labels)
    return made


@part
def _complete(
    label: int,
    best: float,
    task: Task,
    chain: Chain,
    place: Place,
    goal: Goal,
    exact: Exact,
    labels: Labels,
) -> float:
    """Count and price the nest that ends with a label; returns the best value then."""
    write_nest(label, labels.at, labels.move, statuses(len(task.depends), chain), task, chain, place, exact)
    if is_allowed(task, exact) and price_nest(exact):
        found = value(exact.used[0], exact.used[1], exact.used[2], goal)
        if found < best - SLACK:
            best = found
            take_best(exact)
    return best


@caller
def branch(
    copies: Ints2,
    room: Ints1,
    task: Task,
    chain: Chain,
    fixed: Floats1,
    power: Floats1,
    most: Floats1,
    exact: Exact,
    labels: Labels,
    work: Floats1,
    best: float,
) -> tuple[float, float]:
    """Search all nests with these bounds in space for one better than `best`.

    `room` is the most divisors and primes there may be, and how many costs are looked at ahead. Returns the best
    value then, and the least that can be worth what was left out, for want of labels or as it was told to stop
    (infinite if nothing was).
    """
    task, chain, exact, labels, tally = lend(task), lend(chain), lend(exact), lend(labels), exact.tally
    own_place, own_floor = new_place(task, room), new_floor(task, chain)
    own_goal = Goal(power, most, fixed.copy(), chain.role)
    place, floor, goal = lend(own_place), lend(own_floor), lend(own_goal)
    set_place(copies, task, place)
    set_steps(fixed, place, goal)
    points = set_lattice(place.passes, place.divisors, place.grown, place.counts, place.strides)
    costs, rows = len(chain.down), (len(task.node) + 1) * statuses(len(task.depends), chain)
    looked = min(costs, room[2])
    own_tables = make_tables(points, rows, looked, task, chain, place, work)
    tables = lend(own_tables)
    fill_tables(points, task, chain, place, tables)
    fill_floor(task, chain, place, floor)
    if not _look_ahead(points, looked, best, floor, task, chain, place, goal, tables):
        return best, NEVER
    made = _begin(floor, looked, best, task, chain, place, goal, tables, labels)
    grows, rented = ints1(len(task.size), 0), False
    left, next_, again = NEVER, -1, 1000
    while labels.order[0]:
        follows = next_ >= 0
        label, next_ = next_ if follows else pop(labels), -1
        if labels.key[label] >= best - SLACK:
            if follows:
                continue
            break
        if labels.at[label, 2] == GONE:
            continue
        if labels.at[label, 0] == rows - 1 and not is_pending(label, points - 1, made < PATIENCE, task, labels):
            best = _complete(label, best, task, chain, place, goal, exact, labels)
        elif made > PATIENCE and not rented:
            rented = True
            if set_rents(points, looked, task, chain, place, tables):
                tally[MADE] += made
                made = _begin(floor, looked, best, task, chain, place, goal, tables, labels)
            else:
                push(label, labels)
        elif made + 1000 > len(labels.key) or tally[STOP]:
            tally[FULL] += tally[STOP] == 0
            left = labels.key[label]
            break
        else:
            begun = made
            made = _expand(label, made, best, task, chain, place, goal, tables, floor, grows, labels)
            if best == NEVER or follows or made > again:  # the straight way to a nest, so that less has to be kept
                again = 2 * made
                next_ = most_promising(begun, made, labels)
    tally[MADE] += made
    give_back(own_place)
    give_back(own_tables)
    give_back(own_goal)
    give_back(own_floor)
    return best, left


@maker
def _look_ahead(
    points: int,
    looked: int,
    best: float,
    floor: Floor,
    task: Task,
    chain: Chain,
    place: Place,
    goal: Goal,
    tables: Tables,
) -> bool:
    """Fill the tables of what is to come, cost by cost; False as soon as it is clear that nothing can be better."""
    set_total(floor)
    for i in range(looked):
        v = i if i == ENERGY else i + TIMES - 1 if i < looked - TIMES + 1 else i - (looked - TIMES)
        if v == OUTERMOST and not goal.power[2]:
            continue
        fill_ahead(points, v, v + 1, task, chain, place, tables)
        floor.total[v] = floor.anew[v] + tables.ahead[v, 0, 0]
        if worth(floor, task, goal) >= best - SLACK:
            return False
    return True


@part
def _begin(
    floor: Floor,
    looked: int,
    best: float,
    task: Task,
    chain: Chain,
    place: Place,
    goal: Goal,
    tables: Tables,
    labels: Labels,
) -> int:
    """Begin with a single label, of a nest without loops; returns how many labels there are."""
    labels.order[0] = 0
    labels.head[: tables.ahead.shape[1] * tables.ahead.shape[2]] = -1
    labels.used[0, :], labels.move[0, :], labels.crossed[0, :] = 0.0, 0, -1
    labels.closed[0, :], labels.state[0, :], labels.trace[0], labels.wide[0, :] = -1, -1, 0, 0.0
    for v in range(len(floor.anew)):
        labels.low[0, v] = floor.anew[v]
        for t in range(len(floor.rest) if v >= looked else 0):
            labels.low[0, v] += floor.rest[t, 0, v]
        labels.high[0, v] = labels.low[0, v]
    return 1 if keep_label(0, 0, 0, best, tables, task, chain, place, goal, labels) else 0
