"""What windows cost, loop by loop: the words of an edge that has closed, as the loops outside become known.

A tensor with windows closes at a point; then a loop over one window moves its tile, and until a loop over something
else that the tensor depends on comes, tiles have words in common with those before them. What that brings is known
step by step (`sim.kernels.steps`). Gaps that the same copies share are one class of gaps.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.kernels.apart import apart
from sim.kernels.bounds import CHILD_NODE, PARENT_NODE, TENSOR, Chain, Place, Task, divided, times_of
from sim.kernels.cost import Floats, Floats2, Floats4
from sim.kernels.jit import part
from sim.kernels.layout import Ints, Ints1
from sim.kernels.steps import ALL, AT_MOST, FIRST, OTHER, REST, SECOND, fill_steps

# What has become of an edge with windows: nothing has moved its tile; loops over the first or the second window have;
# no more is to come.
UNMOVED, MOVED, SETTLED = 0, 1, 3

# How well the words of a class are known: not before fanouts further out are crossed; as if all tiles were alike; or
# exactly.
STATIC, EVEN, EXACT = range(3)

# Rows of the prices of a class: above zero, and below, where some copies may have no work; the same if all have.
SOME, BELOW_SOME, FULL, BELOW_FULL = range(4)
PRICE_ROWS = 4


@part
def shares_from(t: int, node: int, task: Task) -> bool:
    """Whether a node is a fanout whose copies share tensor `t`."""
    for f in range(len(task.node)):
        if task.node[f] == node:
            return task.share[t, f] > 0
    return False


@part
def set_classes(e: int, task: Task, chain: Chain, place: Place, starts: Ints, prices: Floats) -> None:
    """The first gap of every class of an edge (-1: no more), [C], and what a word of it costs, [C, PRICE_ROWS, V]."""
    t, c = chain.edge[e, TENSOR], -1
    starts[:] = -1
    prices[:, :, :] = 0.0
    for g in range(chain.edge[e, CHILD_NODE] - 1, chain.edge[e, PARENT_NODE] - 1, -1):
        if c < 0 or shares_from(t, g + 1, task):
            c += 1
            starts[c] = g
        times = times_of(e, g, task, chain, place) * task.words[t, 0]
        some = place.uneven[t] if times > task.words[t, 0] else 1.0  # then not all copies have work every time
        for v in range(prices.shape[2]):
            price = chain.down[v, e, g] * times / divided(v, e, chain, place)
            row = SOME if price > 0 else BELOW_SOME
            prices[c, row, v] += price * some
            prices[c, row + FULL, v] += price


@part
def is_static(e: int, k: int, g: int, task: Task, chain: Chain, place: Place) -> bool:
    """Whether copies across a fanout that is still to be crossed share windows."""
    t = chain.edge[e, TENSOR]
    for f in range(k, len(task.node)):
        if g < task.node[f] < chain.edge[e, CHILD_NODE] and task.share[t, f] and has_copies(t, f, 0, task, place):
            return True
    return False


@part
def has_copies(t: int, f: int, state: int, task: Task, place: Place) -> bool:
    """Whether copies across fanout `f` have other words of the window that has been moved, or of any."""
    for w in range(2):
        for term in range(2):
            d = task.window[t, w, term]
            if d >= 0 and place.copies[f, d] > 1 and (state == UNMOVED or state == MOVED + w):
                return True
    return False


@part
def is_uneven(t: int, task: Task, place: Place) -> bool:
    """Whether some copies have no work in some passes over what a tensor does not depend on."""
    return place.uneven[t] < 1


@part
def spots(t: int, w: int, task: Task, place: Place) -> int:
    """How many points the lattice of a window has."""
    d0, d1 = task.window[t, w, 0], task.window[t, w, 1]
    return 1 if d0 < 0 else place.counts[d0] * place.counts[d1]


class Steps(NamedTuple):
    """Where tables of steps go, and what they are made with: P spots in a window."""

    crossed: Ints1  # [F] the points where fanouts were crossed; -1: not yet
    group: Floats2  # working memory (see `sim.kernels.windows.new_group`)
    tables: Floats4  # [rows, columns, STEP_ROWS, P]


@apart
def fill_spot(
    e: int, w: int, k: int, g: int, at: int, flat: int, row: int, column: int, task: Task, chain: Chain, place: Place,
    steps: Steps,
) -> int:  # fmt: skip
    """The table of steps for tiles that reach to a spot; 1 if it is exact, else 0. Without a window, of one word."""
    t, out = chain.edge[e, TENSOR], steps.tables[row, column]
    d1 = task.window[t, w, 1]
    if task.window[t, w, 0] < 0:
        out[:, 0] = 1.0
        out[OTHER, 0] = out[AT_MOST + OTHER, 0] = 0.0
        return 1
    i0, i1 = at // place.counts[d1], at % place.counts[d1]
    exact = fill_steps(e, w, k, g, i0, i1, flat == 1, steps.crossed, task, chain, place, steps.group, out)
    return 1 if exact else 0


@part
def ahead(
    state: int,
    at0: int,
    now0: int,
    last0: int,
    at1: int,
    now1: int,
    last1: int,
    left: float,
    one: Floats,
    two: Floats,
) -> tuple[float, float]:
    """Words still to come, at least and at most, of tiles of spots `at` if loops now reach to `now`.

    `left` passes over what the tensor does not depend on are still to come; `one` and `two` are tables of steps.
    """
    low0 = one[REST, now0] * left + one[ALL, last0] - one[REST, last0]  # the very first tile comes as a whole
    low1 = two[REST, now1] * left + two[ALL, last1] - two[REST, last1]
    if state == UNMOVED:
        low = min(low0 * two[ALL, at1], one[ALL, at0] * min(low1, two[ALL, at1] * left))
        return low, one[AT_MOST + ALL, at0] * two[AT_MOST + ALL, at1] * left
    if state == MOVED:
        return low0 * two[ALL, at1], one[AT_MOST + ALL, now0] * left * two[AT_MOST + ALL, at1]
    return low1 * one[ALL, at0], two[AT_MOST + ALL, now1] * left * one[AT_MOST + ALL, at0]


@part
def whole(
    state: int, at0: int, now0: int, at1: int, now1: int, left: float, one: Floats, two: Floats
) -> tuple[float, float]:
    """The same if no tile has words in common with the one before any more."""
    spot0, spot1 = now0 if state == MOVED else at0, at1 if state <= MOVED else now1
    low, high = one[ALL, spot0] * two[ALL, spot1], one[AT_MOST + ALL, spot0] * two[AT_MOST + ALL, spot1]
    return low * left, high * left


@part
def stepped(
    state: int,
    term: int,
    at0: int,
    now0: int,
    next0: int,
    at1: int,
    now1: int,
    next1: int,
    left: float,
    after: float,
    one: Floats,
    two: Floats,
) -> tuple[float, float]:
    """Words that a loop brings, over a term of the window that has been moved, or over neither (`term` is -1)."""
    if state == UNMOVED:
        return 0.0, 0.0
    own, at, now, to = (one, at1, now0, next0) if state == MOVED else (two, at0, now1, next1)
    other = two if state == MOVED else one
    row = OTHER if term < 0 else SECOND if term else FIRST
    if term < 0:
        low, high = own[row, now] * (left - after), own[row + AT_MOST, now] * (left - after)
    else:
        low = (own[row, now] - own[row, to]) * left
        high = (own[row + AT_MOST, now] - own[row + AT_MOST, to]) * left
    return low * other[ALL, at], high * other[AT_MOST + ALL, at]


@part
def add_words(
    low: float, high: float, tile: float, prices: Floats, per_tile: Ints, at_least: Floats, at_most: Floats
) -> None:
    """Add what so many words of a class cost, to costs [V] at least and at most."""
    for v in range(len(at_least)):
        share = tile if per_tile[v] and tile > 0 else 1.0
        at_least[v] += (prices[SOME, v] * low + prices[BELOW_FULL, v] * high) / share
        at_most[v] += (prices[FULL, v] * high + prices[BELOW_SOME, v] * low) / share


@part
def add_width(words: float, tile: float, prices: Floats, per_tile: Ints, out: Floats) -> None:
    """Add by how much the costs [V] of words of a class differ if it is not known whether there are any."""
    for v in range(len(out)):
        share = tile if per_tile[v] and tile > 0 else 1.0
        out[v] += (prices[FULL, v] - prices[BELOW_FULL, v]) * words / share
