"""The parts of a map space: what the loops in space leave to be searched, and what a part is worth at least."""

from __future__ import annotations

from typing import NamedTuple

from sim.kernels.apart import apart
from sim.kernels.bounds import (
    BASE,
    DELAY,
    IS_HARD,
    LINES,
    NEVER,
    SLOPE,
    TENSOR,
    TIMES,
    Chain,
    Place,
    Task,
    set_lines,
)
from sim.kernels.cost import Floats, Floats1, Floats2, Floats3, Floats4
from sim.kernels.jit import caller, kernel, maker, part
from sim.kernels.labels import Goal, least
from sim.kernels.layout import Ints1, Ints2, Ints3
from sim.kernels.lend import give_back, lend
from sim.kernels.paths import PRICE_ROWS, UNMOVED, Steps, add_words, fill_spot, set_classes, spots, whole
from sim.kernels.place import new_place, set_place
from sim.kernels.room import floats2, floats3, floats4, ints1, zeros1, zeros2, zeros3
from sim.kernels.steps import STEP_ROWS
from sim.kernels.tables import slides
from sim.kernels.windows import new_group


@part
def set_steps(fixed: Floats, place: Place, goal: Goal) -> None:
    """Put the cycles of the arithmetic in the place of those of a step, which `fixed` has."""
    goal.fixed[2] = fixed[2]
    for passes in place.passes:
        goal.fixed[2] *= passes


@part
def _most_often(t: int, task: Task, place: Place) -> float:
    """How often a word of a tensor comes at most: for every step for which it is wanted."""
    out = 1.0
    for d in range(len(task.size)):
        if not task.depends[t, d]:
            out *= place.passes[d]
    for w in range(2):
        if task.window[t, w, 0] >= 0:
            for d in task.window[t, w, :2]:
                out *= place.passes[d] * place.inside[len(place.copies), d]
            out /= task.words[t, 1 + w]
    return out


class Floor(NamedTuple):
    """What is to come at least, whatever follows: V costs, T tensors, S statuses, L memories."""

    anew: Floats2  # [T, V] of what is never kept
    rest: Floats3  # [T, S, V] from a status of a tensor on
    total: Floats1  # [V] of a whole nest
    lines: Floats2  # working memory (see `sim.kernels.bounds.set_lines`), and for `worth`
    ahead: Floats3
    whose: Ints1
    rent: Floats2
    none: Ints1


@maker
def new_floor(task: Task, costs: int, statuses: int) -> Floor:
    """Room for it."""
    levels, whose = len(task.room), ints1(TIMES, 0)
    for v in range(TIMES):
        whose[v] = v
    return Floor(
        zeros2(len(task.depends), costs),
        zeros3(len(task.depends), statuses, costs),
        zeros1(costs),
        floats2(LINES, costs),
        zeros3(TIMES, 1, 1),
        whose,
        zeros2(TIMES, levels),
        ints1(0, 0),
    )


@apart
def fill_floor(task: Task, chain: Chain, place: Place, floor: Floor) -> None:
    """Find what is to come at least."""
    costs, tensors, out, anew = len(chain.down), len(task.depends), floor.rest, floor.anew
    lines = floor.lines
    anew[:, :] = 0.0
    for t in range(tensors):
        often = _most_often(t, task, place)
        for i in range(chain.number[t] - 2, -1, -1):
            out[t, i, :] = NEVER
            for j in range(i + 1, chain.number[t]):
                e = chain.between[t, i, j]
                if e >= 0:
                    set_lines(e, task, chain, place, lines)
                    for v in range(costs):
                        if chain.role[v] <= DELAY and v >= TIMES:
                            out[t, i, v] = 0.0
                            continue
                        moved = lines[SLOPE, v] * (1.0 if lines[SLOPE, v] > 0 else often) + lines[BASE, v]
                        out[t, i, v] = min(out[t, i, v], moved + out[t, j, v])
    for e in range(chain.searched[0], len(chain.edge)):
        t, left = chain.edge[e, TENSOR], 1.0
        for d in range(len(task.size)):
            left *= 1 if task.depends[t, d] or task.kind[IS_HARD, t] else place.passes[d]
        if slides(t, task):
            _add_unkept(e, left, task, chain, place, anew[t])
            continue
        set_lines(e, task, chain, place, lines)
        for v in range(costs):
            anew[t, v] += lines[SLOPE, v] * left + lines[BASE, v]


@maker
def _add_unkept(e: int, left: float, task: Task, chain: Chain, place: Place, anew: Floats) -> None:
    """Add what words of a tensor with windows cost that nothing keeps: every word anew for every step."""
    t, classes, spots_ = chain.edge[e, TENSOR], len(task.node) + 1, 1
    for w in range(2):
        spots_ = max(spots_, spots(t, w, task, place))
    starts, prices = ints1(classes, 0), floats3(classes, PRICE_ROWS, len(anew))
    tables, unused = floats4(2, 1, STEP_ROWS, spots_), zeros1(len(anew))
    own_steps = Steps(ints1(len(task.node), -1), new_group(), tables)
    steps = lend(own_steps)
    set_classes(e, task, chain, place, starts, prices)
    for c in range(classes):
        if starts[c] < 0:
            break
        for w in range(2):
            fill_spot(e, w, 0, starts[c], 0, 1, w, 0, task, chain, place, steps)
        low, high = whole(UNMOVED, 0, 0, 0, 0, left, tables[0, 0], tables[1, 0])
        add_words(low, high, 0.0, prices[c], chain.per_tile, anew, unused)
    give_back(own_steps)


@part
def unkept(v: int, floor: Floor) -> float:
    """What is never kept costs so much at least."""
    out = 0.0
    for t in range(len(floor.anew)):
        out += floor.anew[t, v]
    return out


@part
def set_total(floor: Floor) -> None:
    """Sum up what a nest costs at least."""
    for v in range(len(floor.total)):
        floor.total[v] = unkept(v, floor)
        for t in range(len(floor.rest)):
            floor.total[v] += floor.rest[t, 0, v]


@part
def worth(floor: Floor, task: Task, goal: Goal) -> float:
    """The least that nests are worth that cost at least `floor.total`."""
    used, ahead, none = floor.rent[0], floor.ahead, floor.none
    out, _ = least(0, 0, floor.total, used, ahead, floor.whose, floor.rent, task.room, NEVER, none, goal)
    return out


@caller
def root_floors(chosen: Ints3, task: Task, chain: Chain, out: Floats3) -> None:
    """For ways to use the copies in space, [S, F, D], what each tensor costs at least, [S, T, V]."""
    task, chain = lend(task), lend(chain)
    own_floor = new_floor(task, len(chain.down), chain.level.shape[1])
    own_place = new_place(task, ints1(2, 1))  # of the lattice, only the first point
    floor, place = lend(own_floor), lend(own_place)
    for s in range(len(chosen)):
        set_place(chosen[s], task, place)
        fill_floor(task, chain, place, floor)
        for t in range(len(task.depends)):
            for v in range(len(chain.down)):
                out[s, t, v] = floor.anew[t, v] + floor.rest[t, 0, v]
    give_back(own_floor)
    give_back(own_place)


@kernel
def root_bounds(
    floors: Floats4,
    picks: Ints2,
    steps: Floats1,
    task: Task,
    fixed: Floats2,
    role: Ints1,
    power: Floats1,
    most: Floats1,
    out: Floats2,
) -> None:
    """At least what any nest is worth, [S, K], for ways to use the copies and kinds of nests: for sorting them out.

    What a tensor costs, `floors` [C, S, T, V], is that of some kinds, `picks` [K, T]. The loops in time make so many
    `steps` [S].
    """
    task = lend(task)
    own_floor, own_goal = new_floor(task, len(role), 1), Goal(power, most, zeros1(fixed.shape[1]), role)
    floor, goal = lend(own_floor), lend(own_goal)
    for k in range(len(picks)):
        for i in range(fixed.shape[1]):
            goal.fixed[i] = fixed[k, i]
        for s in range(len(steps)):
            goal.fixed[2] = fixed[k, 2] * steps[s]
            for v in range(len(role)):
                floor.total[v] = 0.0
                for t in range(picks.shape[1]):
                    floor.total[v] += floors[picks[k, t], s, t, v]
            out[s, k] = worth(floor, task, goal)
    give_back(own_floor)
    give_back(own_goal)
