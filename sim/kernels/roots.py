"""The parts of a map space: what the loops in space leave to be searched, and what a part is worth at least."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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
from sim.kernels.cost import Floats, Floats1, Floats3
from sim.kernels.jit import caller, maker, part
from sim.kernels.labels import Goal, least
from sim.kernels.layout import Ints
from sim.kernels.lend import give_back, lend
from sim.kernels.paths import PRICE_ROWS, UNMOVED, add_words, fill_spot, set_classes, spots, whole
from sim.kernels.steps import STEP_ROWS
from sim.kernels.tables import slides
from sim.kernels.windows import new_group


@maker
def make_place(copies: Ints, size: Ints, room: Ints) -> Place:
    """The place for bounds in space [F, D]; `room` is the most divisors and primes there may be."""
    fanouts, dims = copies.shape
    inside = np.ones((fanouts + 1, dims), np.int64)
    for f in range(fanouts):
        for d in range(dims):
            inside[f + 1, d] = inside[f, d] * copies[f, d]
    passes, busy = np.empty(dims, np.int64), 1.0
    for d in range(dims):
        passes[d] = -(-size[d] // inside[fanouts, d])
        busy *= size[d] / (passes[d] * inside[fanouts, d])
    divisors = np.ones((dims, room[0]), np.int64)
    grown = np.full((dims, room[0], room[1]), -1)
    return Place(copies, inside, passes, divisors, grown, np.ones(dims, np.int64), np.ones(dims, np.int64), busy)


@maker
def with_steps(fixed: Floats, place: Place) -> Floats:
    """`fixed` with the cycles of the arithmetic in the place of those of a step."""
    out = fixed.copy()
    for passes in place.passes:
        out[2] *= passes
    return out


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
    """What is to come at least, whatever follows: V costs, T tensors, S statuses."""

    anew: Floats1  # [V] of what is never kept
    rest: Floats3  # [T, S, V] from a status of a tensor on


@maker
def new_floor(task: Task, chain: Chain) -> Floor:
    """Room for it."""
    costs = len(chain.down)
    return Floor(np.empty(costs), np.zeros((len(task.depends), chain.level.shape[1], costs)))


@apart
def fill_floor(task: Task, chain: Chain, place: Place, floor: Floor) -> None:
    """Find what is to come at least."""
    costs, tensors, out, anew = len(chain.down), len(task.depends), floor.rest, floor.anew
    lines = np.empty((LINES, costs))
    anew[:] = 0.0
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
            _add_unkept(e, left, task, chain, place, anew)
            continue
        set_lines(e, task, chain, place, lines)
        for v in range(costs):
            anew[v] += lines[SLOPE, v] * left + lines[BASE, v]


@maker
def _add_unkept(e: int, left: float, task: Task, chain: Chain, place: Place, anew: Floats) -> None:
    """Add what words of a tensor with windows cost that nothing keeps: every word anew for every step."""
    t, classes, spots_ = chain.edge[e, TENSOR], len(task.node) + 1, 1
    crossed = np.full(len(task.node), -1)
    for w in range(2):
        spots_ = max(spots_, spots(t, w, task, place))
    starts, prices = np.empty(classes, np.int64), np.empty((classes, PRICE_ROWS, len(anew)))
    steps, unused = np.empty((2, STEP_ROWS, spots_)), np.zeros(len(anew))
    set_classes(e, task, chain, place, starts, prices)
    for c in range(classes):
        if starts[c] < 0:
            break
        for w in range(2):
            fill_spot(e, w, 0, starts[c], 0, True, crossed, task, chain, place, new_group(), steps[w])
        low, high = whole(UNMOVED, 0, 0, 0, 0, left, steps[0], steps[1])
        add_words(low, high, 0.0, prices[c], chain.per_tile, anew, unused)


@part
def set_total(floor: Floor, out: Floats) -> None:
    """The least that a nest costs, [V]."""
    for v in range(len(out)):
        out[v] = floor.anew[v]
        for t in range(len(floor.rest)):
            out[v] += floor.rest[t, 0, v]


@maker
def worth(total: Floats, task: Task, goal: Goal) -> float:
    """The least that nests are worth whose costs are at least these."""
    ahead, rent, none = np.zeros((TIMES, 1, 1)), np.zeros((TIMES, len(task.room))), np.empty(0, np.int64)
    out, _ = least(0, 0, total, np.zeros(len(task.room)), ahead, np.arange(TIMES), rent, task.room, NEVER, none, goal)
    return out


@caller
def root_bounds(
    chosen: Ints, task: Task, chain: Chain, fixed: Floats, power: Floats, most: Floats, out: Floats
) -> None:
    """For all ways to use the copies in space, [S, F, D], at least what any nest is worth: for sorting them out."""
    task, chain = lend(task), lend(chain)
    own_floor, total = new_floor(task, chain), np.empty(len(chain.down))
    floor = lend(own_floor)
    for s in range(len(chosen)):
        own_place = make_place(chosen[s], task.size, np.ones(2, np.int64))  # of the lattice, only the first point
        place = lend(own_place)
        fill_floor(task, chain, place, floor)
        set_total(floor, total)
        own_goal = Goal(power, most, with_steps(fixed, place), chain.role)
        out[s] = worth(total, task, lend(own_goal))
        give_back(own_place)
        give_back(own_goal)
    give_back(own_floor)
