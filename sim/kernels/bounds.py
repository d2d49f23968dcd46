"""Bounds from below of what a tensor costs between two memories, wherever in the nest its tile changes.

A tile stays until the first loop outside its keep over a dimension on which its tensor depends. Where that loop
stands, the tensor *closes*: if the loops in time further in make tau_d passes over dimension d, of q_d in all, then
without overlaps every word comes

    m = product over the dimensions on which the tensor does not depend of q_d / tau_d

times. So what all loops together cost is a sum over tensors and pairs of memories, each term a function of one point
of the lattice alone. For a tensor without windows this is exact. Neighbouring windows overlap; the loop outside the
tile that leads, if it is over a window, spares the overlap. How much else is spared depends on loops further out, so
as much is taken off as they could spare.

A cost is a vector: energy, and the times of ports and wires that bound the latency (see `sim.mapping.pricing`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.kernels.cost import Floats, Floats1, Floats2, Floats3
from sim.kernels.jit import part
from sim.kernels.layout import Ints1, Ints2, Ints3

# Columns of a table of edges: the tensor, the memories (-1: the arithmetic) and nodes at both ends, the number of
# fanouts inside the inner one (-1 for the arithmetic, inside all of them).
TENSOR, PARENT, CHILD, PARENT_NODE, CHILD_NODE, STAGE = range(6)

# Rows of the table of kinds of tensor: whether it is the output; whether no good bound is known; bits of a word; the
# memory that is its home.
IS_OUTPUT, IS_HARD, BITS, HOME = range(4)

# Costs of which there is one in every search, the first ones: energy, what is added to the cycles of the arithmetic,
# bits that cross the port of the outermost memory. Others are times that bound the latency.
ENERGY, EXTRA, OUTERMOST, TIMES = range(4)

# What a cost is: only compared; the same, where latency grows with it no faster than it does; cycles before or after
# the arithmetic; a time that bounds the latency, together with all that is added to it, or without; or a time to
# which what is added to the arithmetic's cycles is added, too.
COMPARED, DELAY, ADDED, WHOLE, TIME, WALL = range(6)

# Rows of the costs of an edge without windows; see `set_lines`.
SLOPE, BASE, FIRST_TILE, SLOPE_AT_MOST, BASE_AT_MOST, FIRST_AT_MOST = range(6)
LINES = 6

NEVER = np.inf


class Task(NamedTuple):
    """A layer on a machine: D dimensions, T tensors, F fanouts (the innermost first), L memories."""

    size: Ints1  # [D]
    depends: Ints2  # [T, D] whether a tensor depends on a dimension
    most: Ints2  # [T, D] words of the plain rank over a dimension
    window: Ints3  # [T, 2, 4] two windows: the dimension of each term (-1: no window), then the coefficients
    words: Floats2  # [T, 3] words of all plain ranks; of each window
    ends: Ints3  # [T, 2, 3] of a window's words (see `sim.kernels.windows`)
    kind: Ints2  # [4, T]
    share: Ints2  # [T, F] how copies share (see `sim.kernels.layout`)
    node: Ints1  # [F] nodes of the fanouts
    rules: Ints2  # [3, D] is done whole by a PE; its loops stand inside; PEs may loop over it
    room: Floats1  # [L] bits


class Chain(NamedTuple):
    """Which memories may keep which tensor, if it is given which one feeds the arithmetic: V costs, E edges.

    The statuses of a tensor are the memories that may keep it, from the one that feeds the arithmetic outward (before
    that the arithmetic itself, if copies pass on to each other what it works on). An edge leads from a status inward.
    """

    level: Ints2  # [T, S] the memory where a status takes room; 0: at home, where is no tile; -1: the arithmetic
    stage: Ints2  # [T, S] fanouts inside it; -1: the arithmetic, inside all of them
    number: Ints1  # [T] of statuses
    between: Ints3  # [T, S, S] the edge from an inner to an outer status; -1: none
    edge: Ints2  # [E, 6] at the end those where nothing is kept
    searched: Ints1  # [1] edges before those
    down: Floats3  # [V, E, G] costs of a word in a gap
    up: Floats3  # [V, E, G]
    added: Floats2  # [V, E] of a partial sum that is read to be added to
    tile: Floats2  # [V, E] of a word of a first tile
    among: Ints2  # [V, E] the number of fanouts inside the copies among which a cost is divided; -1: not divided
    role: Ints1  # [V] what a cost is
    per_tile: Ints1  # [V] whether it is divided by the words of a tile
    waited: Ints2  # [W, 4] what waits take off the times `port`: the stretch; costs (see `sim.kernels.labels`)
    change: Ints2  # [C, 2] the stretch; minus how often a tile changes there
    port: Ints1  # [P] times of the port of the first memory, the outermost that is the home of a tensor


class Place(NamedTuple):
    """What loops in space do, and the lattice of loops in time."""

    copies: Ints2  # [F, D] bounds in space
    inside: Ints2  # [F + 1, D] their products inside a stretch between fanouts
    passes: Ints1  # [D] what loops in time have to cover
    divisors: Ints2  # [D, most]
    grown: Ints3  # [D, most, primes]
    counts: Ints1  # [D]
    strides: Ints1  # [D]
    order: Ints1  # [D] the dimensions by their strides
    block: Ints1  # [2] points that loops inside the innermost fanout reach; points of a block (see `lattice`)
    busy: Floats1  # [1] the share of all copies' steps that have work
    alike: Floats2  # [T, F] copies below a fanout that want the same words of a tensor
    beyond: Floats1  # [F + 1] all copies across a fanout and those further out
    uneven: Floats1  # [T] the share of the copies' passes over what a tensor does not depend on that have work


@part
def times_of(e: int, g: int, task: Task, chain: Chain, place: Place) -> float:
    """How often a word that enters the tiles of an edge crosses gap `g`: once for every copy that does not share."""
    t, out = chain.edge[e, TENSOR], 1.0
    for f in range(len(task.node)):
        if task.node[f] < chain.edge[e, CHILD_NODE] and not (task.share[t, f] and task.node[f] > g):
            out *= place.alike[t, f]
    return out


@part
def divided(v: int, e: int, chain: Chain, place: Place) -> float:
    """The copies among which cost `v` of an edge is divided."""
    out = place.beyond[chain.among[v, e]] if chain.among[v, e] >= 0 else 1.0
    if chain.role[v] >= TIME:  # copies that have less work than others do not help
        out = max(1.0, out * place.busy[0])
    return out


@part
def set_lines(e: int, task: Task, chain: Chain, place: Place, out: Floats) -> None:
    """Costs of an edge without windows: rows SLOPE to SLOPE_AT_MOST.

    For each of the m times and once, at least; for each word of a first tile; and the same at most. What is at most
    and at least differs where bounds do not divide: then not all copies have work in every pass.
    """
    t, first = chain.edge[e, TENSOR], chain.edge[e, PARENT_NODE]
    words, some = task.words[t, 0] * task.words[t, 1] * task.words[t, 2], place.uneven[t]
    out[:, :] = 0.0
    for g in range(first, chain.edge[e, CHILD_NODE]):
        most = times_of(e, g, task, chain, place)
        least = most * some if most > 1 else most
        for v in range(out.shape[1]):
            down, up = chain.down[v, e, g], chain.up[v, e, g]
            _add_range(down, least, most, SLOPE, SLOPE_AT_MOST, v, out)
            _add_range(up, least, most, SLOPE, SLOPE_AT_MOST, v, out)
            if task.kind[IS_OUTPUT, t]:  # what is begun does not come down
                _add_range(-down, least, most, BASE, BASE_AT_MOST, v, out)
    begun, together = times_of(e, first, task, chain, place), 1.0
    for f in range(len(task.node)):
        together *= place.alike[t, f] if task.node[f] <= first else 1.0
    for v in range(out.shape[1]):
        share = divided(v, e, chain, place)
        if task.kind[IS_OUTPUT, t]:
            least, most = max(0.0, begun * some - together), max(0.0, begun - together * some)
            if begun == together:
                least, most = 0.0, 0.0
            _add_range(chain.added[v, e], least, most, BASE, BASE_AT_MOST, v, out)
        for row in range(len(out)):
            out[row, v] *= words / share
        for high in range(2 if chain.tile[v, e] else 0):
            first = first_words(e, high == (chain.tile[v, e] > 0), task, chain, place)
            out[FIRST_AT_MOST if high else FIRST_TILE, v] = first * chain.tile[v, e] / share


@part
def _add_range(price: float, least: float, most: float, low: int, high: int, v: int, out: Floats) -> None:
    """Add what so many words cost at least and at most; a price may be negative."""
    out[low, v] += price * (least if price > 0 else most)
    out[high, v] += price * (most if price > 0 else least)


@part
def first_words(e: int, most: bool, task: Task, chain: Chain, place: Place) -> float:
    """Words that leave the outer memory of an edge for one word of a tile of each copy of the inner one.

    At least, if copies share all of a window, and not all of them have work; or at most.
    """
    t = chain.edge[e, TENSOR]
    some = place.uneven[t]
    out = 1 / some if most else some
    for f in range(max(0, chain.edge[e, STAGE]), len(task.node)):
        for d in range(len(task.size)):
            if task.depends[t, d] and (most or not in_window(t, d, task)):
                out *= place.copies[f, d]
    return out * times_of(e, chain.edge[e, PARENT_NODE], task, chain, place)


@part
def in_window(t: int, d: int, task: Task) -> bool:
    """Whether a dimension stands in a window of a tensor."""
    return (
        task.window[t, 0, 0] == d
        or task.window[t, 0, 1] == d
        or task.window[t, 1, 0] == d
        or task.window[t, 1, 1] == d
    )
