"""Parts of nests in the exact search: what they cost, what they can become, and which is the most promising."""

from __future__ import annotations

import math
from typing import NamedTuple

from sim.kernels.bounds import (
    ADDED,
    DELAY,
    ENERGY,
    EXTRA,
    NEVER,
    OUTERMOST,
    WALL,
    Chain,
)
from sim.kernels.cost import Floats, Floats1, Floats2
from sim.kernels.jit import part
from sim.kernels.layout import Ints, Ints1, Ints2
from sim.kernels.tables import status_of

# Kinds of move, the first column of a label's move; then the dimension, edge or fanout, then the prime.
START, GROW, CLOSE, CROSS = range(4)

# What a run of the search says of itself: labels made, nests counted; whether labels ran out. Whether it is to stop.
MADE, COUNTED, FULL, STOP = range(4)

GONE = -2  # in the place of the next label: this one need not be continued

SLACK = 1e-12  # of a logarithm: as good is not better


class Goal(NamedTuple):
    """What is to be small, and what is the same for all nests of a search."""

    power: Floats1  # [3] of energy, latency and the outermost memory's bits
    most: Floats1  # [2] pJ and cycles
    fixed: Floats1  # [4] pJ of all operations, pJ a cycle, cycles of the arithmetic, cycles before the first result
    role: Ints1  # [V] what a cost is


class Labels(NamedTuple):
    """Parts of nests, and the heap of those that are to be continued."""

    at: Ints2  # [N, 3] row of `ahead`, point, next label at the same place
    move: Ints2  # [N, 4] kind, what, how, the label it came from
    low: Floats2  # [N, V]
    high: Floats2  # [N, V]
    used: Floats2  # [N, L] bits
    crossed: Ints2  # [N, F] the point where a fanout was crossed; -1: it was not
    closed: Ints2  # [N, E] where an edge closed (see `closing`); -1: it did not
    state: Ints2  # [N, E] what has become of edges with windows (see `sim.kernels.paths`); -1: not closed
    trace: Ints1  # [N] the loops outside windows that had closed: a hash
    wide: Floats2  # [N, V] what of `high` - `low` is due to windows that are not known exactly
    heap: Ints1  # [N]
    top: Floats1  # [N] their keys, in the order of the heap
    key: Floats1  # [N] of every label: the least that it can become
    cycles: Floats1  # [N] the least latency that it can have
    head: Ints1  # [rows * points] first label at a place, -1: none
    order: Ints1  # [1] labels in the heap
    alike: Floats1  # [V] working memory


@part
def value(pj: float, cycles: float, bits: float, goal: Goal) -> float:
    """The logarithm of the objective; infinite beyond a limit."""
    if pj > goal.most[0] * (1 + 1e-12) or cycles > goal.most[1] * (1 + 1e-12):
        return NEVER
    out = 0.0
    if goal.power[0]:
        out += goal.power[0] * math.log(max(pj, 1e-12))
    if goal.power[1]:
        out += goal.power[1] * math.log(max(cycles, 1e-12))
    if goal.power[2]:
        out += goal.power[2] * math.log(max(bits, 1e-12))
    return out


@part
def covered(whose: Ints) -> int:
    """How many costs are looked at ahead."""
    out = 0
    for v in whose:
        out = max(out, v + 1)
    return out


@part
def least(
    row: int,
    point: int,
    low: Floats,
    used: Floats,
    ahead: Floats,
    whose: Ints,
    rent: Floats,
    room: Floats,
    waited: float,
    port: Ints,
    goal: Goal,
) -> tuple[float, float]:
    """The least that a part of a nest can become, and the least latency that it can have.

    `waited` is what waits take off the times of the port of the first memory at most, which are the costs `port`.
    """
    if ahead[ENERGY, row, point] == NEVER:
        return NEVER, NEVER
    pj, extra, bits, whole, steps = -NEVER, -NEVER, -NEVER, 0.0, goal.fixed[2]
    for a in range(len(whose)):
        v = whose[a]
        if v < 0:
            continue
        least_ = low[v] + ahead[a, row, point]
        for level in range(rent.shape[1]):
            if rent[a, level] > 0:
                least_ += rent[a, level] * (used[level] - room[level])
        if v == ENERGY:
            pj = max(pj, least_)
        elif v == EXTRA:
            extra = max(extra, least_)
        elif v == OUTERMOST:
            bits = max(bits, least_)
        elif goal.role[v] == WALL:
            steps = max(steps, least_)
        else:
            whole = max(whole, least_)
    for v in range(covered(whose), len(low)):
        if goal.role[v] == WALL:
            steps = max(steps, low[v])
        elif goal.role[v] == ADDED:
            extra = max(extra, low[v])
        elif goal.role[v] > DELAY:
            whole = max(whole, low[v])
    if waited < extra:
        for v in port:
            whole = max(whole, low[v] + extra - waited)
    cycles = max(whole, steps + extra) + goal.fixed[3]
    return value(goal.fixed[0] + pj + goal.fixed[1] * cycles, cycles, bits, goal), cycles


@part
def waited_for(status: int, low: Floats, chain: Chain) -> float:
    """What is waited for at the port of the first memory at most; infinite if that is not known yet.

    Of what streams past, a first tile comes for every change of a single-buffered tile but the first. The rows of
    `Chain.waited` hold the numbers of costs (-1: none), which are minus what is waited for, minus what streams past
    after the first tile and minus that tile.
    """
    out = 0.0
    for row in chain.waited:
        for t in range(len(chain.number)):
            for i in range(status_of(status, t, chain), chain.number[t] - 1):
                if chain.stage[t, i] == row[0]:
                    return NEVER
        if row[1] >= 0:
            out -= low[row[1]]
        if row[2] >= 0 and row[3] >= 0:
            changes = 1.0
            for other in chain.change:
                changes = max(changes, -low[other[1]] if other[0] == row[0] else 1.0)
            out += max(0.0, min(-low[row[2]], -low[row[3]] * (changes - 1)))
    return out


@part
def push(label: int, labels: Labels) -> None:
    """Put a label on the heap."""
    i, key = labels.order[0], labels.key[label]
    labels.order[0] += 1
    while i > 0:
        up = (i - 1) // 2
        if labels.top[up] <= key:
            break
        labels.heap[i], labels.top[i] = labels.heap[up], labels.top[up]
        i = up
    labels.heap[i], labels.top[i] = label, key


@part
def pop(labels: Labels) -> int:
    """Take the most promising label from the heap."""
    out = labels.heap[0]
    labels.order[0] -= 1
    n = labels.order[0]
    last, key = labels.heap[n], labels.top[n]
    i = 0
    while 2 * i + 1 < n:
        j = 2 * i + 1
        if j + 1 < n and labels.top[j + 1] < labels.top[j]:
            j += 1
        if key <= labels.top[j]:
            break
        labels.heap[i], labels.top[i] = labels.heap[j], labels.top[j]
        i = j
    labels.heap[i], labels.top[i] = last, key
    return out


@part
def most_promising(begin: int, end: int, labels: Labels) -> int:
    """The label of least key among those with these numbers, -1 if there is none."""
    out = -1
    for label in range(begin, end):
        if labels.at[label, 2] != GONE and (out < 0 or labels.key[label] < labels.key[out]):
            out = label
    return out


@part
def closing(point: int, k: int, i: int, chain: Chain) -> int:
    """A number that tells the point and the stretch where an edge closed, inside which the tensor had status `i`."""
    return (k * chain.level.shape[1] + i) + (point << 24)


@part
def point_of(closed: int) -> int:
    """The point where an edge closed."""
    return closed >> 24


@part
def closed_at(closed: int, chain: Chain) -> int:
    """The stretch where an edge closed."""
    return closed % (1 << 24) // chain.level.shape[1]


@part
def status_inside(closed: int, chain: Chain) -> int:
    """The status of the tensor inside an edge that closed."""
    return closed % (1 << 24) % chain.level.shape[1]


@part
def copy_label(old: int, new: int, kind: int, what: int, how: int, labels: Labels) -> None:
    """Begin a label as another one after a move."""
    for v in range(labels.low.shape[1]):
        labels.low[new, v], labels.high[new, v] = labels.low[old, v], labels.high[old, v]
        labels.wide[new, v] = labels.wide[old, v]
    for i in range(labels.used.shape[1]):
        labels.used[new, i] = labels.used[old, i]
    for f in range(labels.crossed.shape[1]):
        labels.crossed[new, f] = labels.crossed[old, f]
    for e in range(labels.closed.shape[1]):
        labels.closed[new, e], labels.state[new, e] = labels.closed[old, e], labels.state[old, e]
    labels.trace[new] = labels.trace[old]
    labels.move[new, 0], labels.move[new, 1], labels.move[new, 2], labels.move[new, 3] = kind, what, how, old
