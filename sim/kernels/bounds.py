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

from sim.kernels.cost import Floats
from sim.kernels.even import window_words
from sim.kernels.jit import part
from sim.kernels.layout import PASSED_ON, Ints

# Columns of a table of edges: the tensor, the memories (-1: the arithmetic) and nodes at both ends, the number of
# fanouts inside the inner one (-1 for the arithmetic, inside all of them).
TENSOR, PARENT, CHILD, PARENT_NODE, CHILD_NODE, STAGE = range(6)

# Rows of the table of kinds of tensor: whether it is the output; whether no good bound is known; bits of a word.
IS_OUTPUT, IS_HARD, BITS = range(3)

# Costs of which there is one in every search, the first ones: energy, what is added to the cycles of the arithmetic,
# bits that cross the port of the outermost memory. Others are times that bound the latency.
ENERGY, EXTRA, OUTERMOST, TIMES = range(4)

# Columns of the sums over a window: no loop over it leads, or the one over its first or its second term.
FLAT, FIRST_LEADS, SECOND_LEADS = range(3)

# Rows of the costs of an edge without windows; see `set_lines`.
SLOPE, BASE, FIRST_TILE, SLOPE_AT_MOST, BASE_AT_MOST = range(5)
LINES = 5

NEVER = np.inf
MOST_LISTS = 4


class Task(NamedTuple):
    """A layer on a machine: D dimensions, T tensors, F fanouts (the innermost first), L memories."""

    size: Ints  # [D]
    depends: Ints  # [T, D] whether a tensor depends on a dimension
    most: Ints  # [T, D] words of the plain rank over a dimension
    window: Ints  # [T, 2, 4] two windows: the dimension of each term (-1: no window), then the coefficients
    words: Floats  # [T, 3] words of all plain ranks; of each window
    lost: Ints  # [T, 2] words at the ends of a window that do not exist
    kind: Ints  # [3, T]
    share: Ints  # [T, F] how copies share (see `sim.kernels.layout`)
    node: Ints  # [F] nodes of the fanouts
    rules: Ints  # [3, D] is done whole by a PE; its loops stand inside; PEs may loop over it
    room: Floats  # [L] bits


class Chain(NamedTuple):
    """Which memories may keep which tensor, if it is given which one feeds the arithmetic: V costs, E edges.

    The statuses of a tensor are the memories that may keep it, from the one that feeds the arithmetic outward (before
    that the arithmetic itself, if copies pass on to each other what it works on). An edge leads from a status inward.
    """

    level: Ints  # [T, S] the memory of a status; -1: the arithmetic
    stage: Ints  # [T, S] fanouts inside it; -1: the arithmetic, inside all of them
    number: Ints  # [T] of statuses
    between: Ints  # [T, S, S] the edge from an inner to an outer status; -1: none
    edge: Ints  # [E, 6] at the end those where nothing is kept
    searched: Ints  # [1] edges before those
    down: Floats  # [V, E, G] costs of a word in a gap
    up: Floats  # [V, E, G]
    added: Floats  # [V, E] of a partial sum that is read to be added to
    tile: Floats  # [V, E] of a word of a first tile
    among: Ints  # [V, E] the number of fanouts inside the copies among which a cost is divided; -1: not divided


class Place(NamedTuple):
    """What loops in space do, and the lattice of loops in time."""

    copies: Ints  # [F, D] bounds in space
    inside: Ints  # [F + 1, D] their products inside a stretch between fanouts
    passes: Ints  # [D] what loops in time have to cover
    divisors: Ints  # [D, most]
    grown: Ints  # [D, most, primes]
    counts: Ints  # [D]
    strides: Ints  # [D]


@part
def _alike(t: int, f: int, task: Task, place: Place) -> float:
    """Copies below a fanout that want the same words of a tensor."""
    out = 1.0
    for d in range(len(task.size)):
        if not task.depends[t, d]:
            out *= place.copies[f, d]
    return out


@part
def times_of(e: int, g: int, task: Task, chain: Chain, place: Place) -> float:
    """How often a word that enters the tiles of an edge crosses gap `g`: once for every copy that does not share."""
    t, out = chain.edge[e, TENSOR], 1.0
    for f in range(len(task.node)):
        if task.node[f] < chain.edge[e, CHILD_NODE] and not (task.share[t, f] and task.node[f] > g):
            out *= _alike(t, f, task, place)
    return out


@part
def divided(v: int, e: int, chain: Chain, place: Place) -> float:
    """The copies among which cost `v` of an edge is divided."""
    out = 1.0
    if chain.among[v, e] >= 0:
        for f in range(chain.among[v, e], len(place.copies)):
            for d in range(place.copies.shape[1]):
                out *= place.copies[f, d]
    return out


@part
def uneven(t: int, task: Task, place: Place) -> float:
    """The share of the copies' passes over dimensions on which a tensor does not depend that have work."""
    out = 1.0
    for d in range(len(task.size)):
        covered = place.passes[d] * place.inside[len(place.copies), d]
        if not task.depends[t, d] and covered > task.size[d]:
            out *= task.size[d] / covered
    return out


@part
def set_lines(e: int, task: Task, chain: Chain, place: Place, out: Floats) -> None:
    """Costs of an edge without windows: rows SLOPE to SLOPE_AT_MOST.

    For each of the m times and once, at least; for each word of a first tile; and as the first two, at most. What is
    at most and at least differs where bounds do not divide: then not all copies have work in every pass.
    """
    t, first = chain.edge[e, TENSOR], chain.edge[e, PARENT_NODE]
    words, some = task.words[t, 0] * task.words[t, 1] * task.words[t, 2], uneven(t, task, place)
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
        together *= _alike(t, f, task, place) if task.node[f] <= first else 1.0
    head = first_words(e, task, chain, place)
    for v in range(out.shape[1]):
        share = divided(v, e, chain, place)
        if task.kind[IS_OUTPUT, t]:
            least, most = max(0.0, begun * some - together), max(0.0, begun - together * some)
            _add_range(chain.added[v, e], least, most, BASE, BASE_AT_MOST, v, out)
        for row in range(len(out)):
            out[row, v] *= words / share
        out[FIRST_TILE, v] = head * chain.tile[v, e] / share


@part
def _add_range(price: float, least: float, most: float, low: int, high: int, v: int, out: Floats) -> None:
    """Add what so many words cost at least and at most; a price may be negative."""
    out[low, v] += price * (least if price > 0 else most)
    out[high, v] += price * (most if price > 0 else least)


@part
def first_words(e: int, task: Task, chain: Chain, place: Place) -> float:
    """Words that leave the outer memory of an edge for one word of a tile of each copy of the inner one."""
    t, out = chain.edge[e, TENSOR], 1.0
    for f in range(max(0, chain.edge[e, STAGE]), len(task.node)):
        for d in range(len(task.size)):
            if task.depends[t, d] and not in_window(t, d, task):
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


@part
def _union(width: float, gaps: Floats, copies: Floats, lists: int) -> float:
    """Size of the union of intervals of `width` at all sums of multiples of the gaps (ascending); -1 if irregular."""
    span, words = width, width
    for i in range(lists):
        more = copies[i] - 1
        if words == span and gaps[i] <= span:
            words += more * gaps[i]
        elif gaps[i] >= span:
            words += more * words
        else:
            return -1.0
        span += more * gaps[i]
    return words


@part
def _common(c0: int, n0: int, c1: int, n1: int, shift: int) -> float:
    """At most how many words a tile of a window has in common with one that lies `shift` words away."""
    words = window_words(c0, n0, c1, n1)
    span = c0 * (n0 - 1) + c1 * (n1 - 1) + 1
    if shift >= span:
        return 0.0
    if words == span:
        return float(span - shift)
    if n1 == 1:
        return float(max(0, n0 - shift // c0)) if shift % c0 == 0 else 0.0
    if n0 == 1:
        return float(max(0, n1 - shift // c1)) if shift % c1 == 0 else 0.0
    return float(words)


@part
def window_sums(
    e: int, w: int, k: int, g: int, i0: int, i1: int, bound: int, task: Task, chain: Chain, place: Place, out: Floats
) -> None:
    """The words of window `w` that cross gap `g`, over all positions, if the tensor closes `k` fanouts further out.

    The loops in time make `divisors[i0]` and `divisors[i1]` passes over its two dimensions. Written are: FLAT, if no
    loop over the window leads; then at least how many if one over the first or the second term leads, and at most
    how many (columns 3 and 4). If `bound` is given, it is that of the loop that leads; otherwise any may be.
    """
    t = chain.edge[e, TENSOR]
    stage = max(0, chain.edge[e, STAGE])
    d0, d1, c0, c1 = task.window[t, w]
    time0, time1 = place.divisors[d0, i0], place.divisors[d1, i1]
    n0, n1 = time0 * place.inside[stage, d0], time1 * place.inside[stage, d1]
    far0, far1 = c0 * time0 * place.inside[k, d0], c1 * time1 * place.inside[k, d1]
    fanouts = len(task.node)
    cover0, cover1 = place.passes[d0] * place.inside[fanouts, d0], place.passes[d1] * place.inside[fanouts, d1]
    tiles0, tiles1 = cover0 / n0, cover1 / n1
    gaps, copies = np.empty(MOST_LISTS), np.empty(MOST_LISTS)
    lists, regular, passed, beyond = 0, True, False, False
    for f in range(fanouts):
        if not (g < task.node[f] < chain.edge[e, CHILD_NODE]) or not task.share[t, f]:
            continue
        passed = passed or task.share[t, f] == PASSED_ON
        for term in range(2):
            d = d1 if term else d0
            if place.copies[f, d] == 1:
                continue
            far = (c1 * time1 if term else c0 * time0) * place.inside[min(f, k), d]
            if term:
                tiles1 /= place.copies[f, d]
            else:
                tiles0 /= place.copies[f, d]
            if (f >= k and beyond) or lists == MOST_LISTS:
                regular = False
                continue
            beyond = f >= k  # loops in time between may lay copies further apart, in one direction
            i = lists
            while i > 0 and gaps[i - 1] > far:
                gaps[i], copies[i] = gaps[i - 1], copies[i - 1]
                i -= 1
            gaps[i], copies[i] = far, place.copies[f, d]
            lists += 1
    words = window_words(c0, n0, c1, n1)
    width = c0 * (n0 - 1) + c1 * (n1 - 1) + 1
    every = float(words)
    if lists:
        every = _union(width, gaps, copies, lists) if regular and words == width else -1.0
        if every < 0:
            every, regular = float(words), False
    gone = float(task.lost[t, w])
    missing0, missing1 = float(c0 * (cover0 - task.size[d0])), float(c1 * (cover1 - task.size[d1]))
    less = tiles1 * (gone + missing0) * np.ceil((gone + missing0) / (c0 * n0)) + tiles0 * missing1 * np.ceil(
        missing1 / (c1 * n1)
    )
    out[FLAT] = max(1.0, tiles0 * tiles1 * every - less)
    for term in range(2):
        own, other = (d1, d0) if term else (d0, d1)
        far, across = (far1, far0) if term else (far0, far1)
        own_time, other_time = (time1, time0) if term else (time0, time1)
        left = place.passes[own] // own_time
        out[1 + term], out[3 + term] = NEVER, NEVER
        if left == 1:
            continue
        fresh = every - _spared(c0, n0, c1, n1, far, every, width, gaps, copies, lists, regular, passed)
        low, high = NEVER, NEVER
        for b in range(2, left + 1):
            if left % b or (bound and b != bound):
                continue
            back = far * (b - 1)
            spared = _spared(c0, n0, c1, n1, back, every, width, gaps, copies, lists, regular, passed)
            if place.passes[other] > other_time:
                turn = _spared(c0, n0, c1, n1, abs(across - back), every, width, gaps, copies, lists, regular, passed)
                spared = max(spared, turn, every / 2)
            if b < left:
                spared = max(spared, (every - fresh) / 2)
            low = min(low, (every + (b - 1) * fresh - spared) / b)
            high = min(high, (every + (b - 1) * fresh) / b)
        out[1 + term] = max(1.0, tiles0 * tiles1 * low - less)
        out[3 + term] = tiles0 * tiles1 * high


@part
def _spared(
    c0: int,
    n0: int,
    c1: int,
    n1: int,
    shift: int,
    every: float,
    width: int,
    gaps: Floats,
    copies: Floats,
    lists: int,
    regular: bool,
    passed: bool,
) -> float:
    """At most how many words of the tiles of copies that share are spared when the tiles move by `shift`."""
    if lists == 0:
        return _common(c0, n0, c1, n1, shift)
    if not regular:
        return every
    if passed:
        span = float(width)
        for i in range(lists):
            span += gaps[i] * (copies[i] - 1)
        return max(0.0, span - shift) if span == every else every
    lacked = _union(float(min(width, shift)), gaps, copies, lists)
    return every - lacked if lacked >= 0 else every
