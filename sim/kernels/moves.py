"""How a part of a nest continues: it grows by a prime, closes an edge or crosses a fanout."""

from __future__ import annotations

import math

from sim.kernels.bounds import (
    BITS,
    ENERGY,
    IS_HARD,
    NEVER,
    Chain,
    Place,
    Task,
)
from sim.kernels.compare import keep_label
from sim.kernels.follow import close_window, cross_windows, grow_windows
from sim.kernels.jit import part
from sim.kernels.labels import CLOSE, CROSS, GROW, Goal, Labels, closing, copy_label, covered
from sim.kernels.layout import Ints
from sim.kernels.roots import Floor
from sim.kernels.tables import (
    Tables,
    cost_at,
    digit,
    least_at,
    may_cross,
    may_grow,
    most_at,
    slides,
    status_of,
    statuses,
)


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
            labels.low[new, v] += cost_at(e, v, point, tile, chain, tables)
            labels.high[new, v] += NEVER if task.kind[IS_HARD, t] else most_at(e, v, point, tile, chain, tables)
        if v >= covered(tables.whose):  # what it costs at least has been taken before
            labels.low[new, v] += floor.rest[t, j, v] - floor.rest[t, i, v]
            labels.high[new, v] += floor.rest[t, j, v] - floor.rest[t, i, v]
    _forget_full(k, status + (j - i) * statuses(t, chain), new, task, chain, tables, labels)
    return True


@part
def _limit(old: int, best: float, goal: Goal, labels: Labels) -> float:
    """With how much more energy than that of a label what follows may still beat the best nest: no less than that."""
    most, cycles = goal.most[0], labels.cycles[old]
    if best < NEVER and goal.power[0] > 0 and goal.power[2] == 0:
        most = min(most, math.exp((best - goal.power[1] * math.log(max(cycles, 1e-12))) / goal.power[0]))
    return most * (1 + 1e-9) - goal.fixed[0] - goal.fixed[1] * cycles - labels.low[old, ENERGY]


@part
def _may_follow(cost: float, row: int, point: int, limit: float, tables: Tables) -> bool:
    """Whether a move that costs so much energy may lead on from there: a look before it is made."""
    ahead = tables.ahead[ENERGY, row, point]
    return ahead < NEVER and cost + ahead <= limit


@part
def _grown(
    old: int,
    made: int,
    best: float,
    limit: float,
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
            if not _may_follow(0.0, row, to, limit, tables):
                continue
            copy_label(old, made, GROW, d, place.divisors[d, j] // place.divisors[d, i], labels)
            grow_windows(made, d, point, to, task, chain, place, tables, labels)
            made += keep_label(made, row, to, best, tables, task, chain, place, goal, labels)
    return made


@part
def expand(
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
    complete = tables.lack[point] == 0
    limit = _limit(old, best, goal, labels)
    made = _grown(old, made, best, limit, complete, started, grows, task, chain, place, goal, tables, labels)
    crosses = k < len(task.node) and may_cross(k, status, point, task, chain, place, tables)
    crosses = crosses and _may_follow(0.0, row + kinds, point, limit, tables)
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
            tile = tables.tile[t * chain.level.shape[1] + i, point]
            cost = least_at(chain.between[t, i, j], k, ENERGY, point, tile, task, chain, place, tables)
            if not _may_follow(cost, to, point, limit, tables):
                continue
            if _closed(old, made, t, i, j, k, status, task, chain, place, tables, floor, labels):
                made += keep_label(made, to, point, best, tables, task, chain, place, goal, labels)
    return made
