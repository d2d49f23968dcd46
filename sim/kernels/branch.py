"""The exact search: from the inside of a nest outward, the most promising part of a nest first.

A label is a part of a nest: a stretch between fanouts, which edges are closed, a point of the lattice, what it costs
so far. It grows by a prime, closes an edge or crosses a fanout. What it can become costs at least what it costs and
what is still to come (`sim.kernels.ahead`); labels that cannot beat the best nest are dropped, and so are those that
another label at the same place beats in every respect. Whole nests are counted and priced exactly.
"""

from __future__ import annotations

from sim.kernels.ahead import fill_ahead, set_rents
from sim.kernels.bounds import (
    ENERGY,
    NEVER,
    OUTERMOST,
    TIMES,
    Chain,
    Place,
    Task,
)
from sim.kernels.compare import keep_label
from sim.kernels.cost import Floats, Floats1
from sim.kernels.fill import fill_tables
from sim.kernels.follow import is_pending
from sim.kernels.jit import caller, maker, part
from sim.kernels.labels import (
    FULL,
    GONE,
    MADE,
    SLACK,
    STOP,
    Goal,
    Labels,
    most_promising,
    pop,
    push,
    value,
)
from sim.kernels.lattice import set_lattice
from sim.kernels.layout import Ints, Ints1, Ints3, Ints4
from sim.kernels.lend import give_back, lend
from sim.kernels.moves import expand
from sim.kernels.nests import Exact, is_allowed, price_nest, take_best, write_nest
from sim.kernels.place import new_place, set_place
from sim.kernels.room import ints1
from sim.kernels.roots import Floor, fill_floor, new_floor, set_steps, set_total, unkept, worth
from sim.kernels.tables import (
    Tables,
    make_tables,
    statuses,
)

AT_ONCE = 4096  # labels, after which whoever asked for the search may look what else has come
PATIENCE = 1500  # labels, before bounds are sought that see what room several tensors share, and orders are given up


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


@maker
def _search(
    copies: Ints,
    limits: Ints,
    task: Task,
    chain: Chain,
    fixed: Floats,
    power: Floats,
    most: Floats,
    exact: Exact,
    labels: Labels,
    work: Floats,
    best: float,
) -> tuple[float, float]:
    """The same for one way to use the copies."""
    own_place, own_floor = new_place(task, limits), new_floor(task, len(chain.down), chain.level.shape[1])
    own_goal = Goal(power, most, fixed.copy(), chain.role)
    place, floor, goal = lend(own_place), lend(own_floor), lend(own_goal)
    set_place(copies, task, place)
    set_steps(fixed, place, goal)
    points = set_lattice(task, place)
    costs, rows = len(chain.down), (len(task.node) + 1) * statuses(len(task.depends), chain)
    fill_floor(task, chain, place, floor)
    set_total(floor)
    looked = _looked(min(costs, limits[2]), floor, goal)
    own_tables = make_tables(points, rows, looked, task, chain, place, work)
    tables = lend(own_tables)
    fill_tables(points, task, chain, place, tables)
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
                exact.tally[MADE] += made
                made = _begin(floor, looked, best, task, chain, place, goal, tables, labels)
            else:
                push(label, labels)
        elif made + 1000 > len(labels.key) or exact.tally[STOP]:
            exact.tally[FULL] += exact.tally[STOP] == 0
            left = min(labels.key[label], labels.top[0]) if labels.order[0] else labels.key[label]
            break
        else:
            begun = made
            made = expand(label, made, best, task, chain, place, goal, tables, floor, grows, labels)
            if best == NEVER or follows or made > again:  # the straight way to a nest, so that less has to be kept
                again = 2 * made
                next_ = most_promising(begun, made, labels)
    exact.tally[MADE] += made
    give_back(own_place)
    give_back(own_tables)
    give_back(own_goal)
    give_back(own_floor)
    return best, left


@part
def _looked(most: int, floor: Floor, goal: Goal) -> int:
    """How many costs are looked at ahead: times only if they may be longer than that of the arithmetic."""
    for v in range(TIMES, most):
        if floor.total[v] > goal.fixed[2]:
            return most
    return min(most, TIMES)


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
    for i in range(looked):
        v = i if i == ENERGY else i + TIMES - 1 if i < looked - TIMES + 1 else i - (looked - TIMES)
        if v == OUTERMOST and not goal.power[2]:
            continue
        fill_ahead(points, v, task, chain, place, tables)
        floor.total[v] = unkept(v, floor) + tables.ahead[v, 0, 0]
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
    for v in range(labels.low.shape[1]):
        labels.low[0, v] = unkept(v, floor)
        for t in range(len(floor.rest) if v >= looked else 0):
            labels.low[0, v] += floor.rest[t, 0, v]
        labels.high[0, v] = labels.low[0, v]
    return 1 if keep_label(0, 0, 0, best, tables, task, chain, place, goal, labels) else 0


@caller
def branch(
    copies: Ints3,
    axes: Ints4,
    bounds: Floats1,
    limits: Ints1,
    task: Task,
    chain: Chain,
    fixed: Floats1,
    power: Floats1,
    most: Floats1,
    exact: Exact,
    labels: Labels,
    work: Floats1,
    best: float,
) -> tuple[float, float, int]:
    """Search all nests with one of these bounds in space for one better than `best`.

    The ways to use the copies, `copies` [S, F, D] and by axis, stand in the order of their `bounds`. `limits` are the
    most divisors and primes there may be, how many costs are looked at ahead, and after how many labels no other way
    is begun. Returns the best value then; the least that can be worth what was left out, for want of labels or as it
    was told to stop (infinite if nothing was); and how many ways are done with.
    """
    task, chain, exact, labels, begun = lend(task), lend(chain), lend(exact), lend(labels), exact.tally[MADE]
    left, done = NEVER, len(copies)
    for s in range(len(copies)):
        if bounds[s] >= best - SLACK:
            break
        if exact.tally[STOP] or exact.tally[MADE] > limits[3]:
            left = min(left, bounds[s])
            break
        if exact.tally[MADE] > begun + AT_ONCE:
            done = s
            break
        for f in range(exact.axes.shape[0]):
            for a in range(2):
                for d in range(exact.axes.shape[2]):
                    exact.axes[f, a, d] = axes[s, f, a, d]
        best, more = _search(copies[s], limits, task, chain, fixed, power, most, exact, labels, work, best)
        left = min(left, more)
    return best, left, done
