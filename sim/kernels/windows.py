"""How many words the tiles of a window are, over all positions, and how many of them neighbouring tiles share."""

from __future__ import annotations

from sim.kernels.bounds import CHILD_NODE, STAGE, TENSOR, Chain, Place, Task
from sim.kernels.cost import Floats
from sim.kernels.even import window_words
from sim.kernels.jit import maker, part
from sim.kernels.layout import PASSED_ON, Ints
from sim.kernels.room import floats2

# Of a window's words: how far the first lies behind the first that exists; how many exist (-1: all); how often, over
# all positions, a word is touched that does not exist.
OFFSET, EXTENT, MISSES = range(3)

# Of the copies that share a window: words of a tile; its width; words of all tiles at least; at most; whether they
# are known exactly; whether copies pass words on; how many lists of copies there are.
WORDS, WIDTH, LEAST, MOST, KNOWN, PASSES_ON, LISTS = range(7)
MOST_LISTS = 6


@maker
def new_group() -> Floats:
    """Room for a description of copies that share: rows of which the first is as above, then gaps, then copies."""
    return floats2(3, 7)


@part
def _existing(c0: int, n0: int, c1: int, n1: int, start: int, extent: int) -> float:
    """At least how many words of a tile exist."""
    words, end = window_words(c0, n0, c1, n1), start + c0 * (n0 - 1) + c1 * (n1 - 1) + 1
    if extent < 0:
        return float(words)
    beyond = max(0, -start) + max(0, end - extent)
    return float(max(0, words - beyond))


@part
def missing(t: int, w: int, n0: int, n1: int, tiles0: float, tiles1: float, task: Task) -> float:
    """Words that tiles of n0 x n1 passes lack over all positions, as they lie beyond the layer, or do not exist."""
    d0, d1, c0, c1 = task.window[t, w]
    offset, extent, misses = task.ends[t, w]
    size0, size1 = task.size[d0], task.size[d1]
    if n0 == 1 and n1 == 1:
        return tiles0 * tiles1 - size0 * size1 + misses
    full, some = float(window_words(c0, n0, c1, n1)), 0.0
    for i in range(0, size0, n0):
        for j in range(0, size1, n1):
            some += _existing(c0, min(n0, size0 - i), c1, min(n1, size1 - j), c0 * i + c1 * j + offset, extent)
    return tiles0 * tiles1 * full - some


@part
def _union(width: float, group: Floats) -> float:
    """Size of the union of intervals of `width` at all sums of multiples of the gaps (ascending); -1 if irregular."""
    span, words = width, width
    for i in range(int(group[0, LISTS])):
        gap, more = group[1, i], group[2, i] - 1
        if words == span and gap <= span:
            words += more * gap
        elif gap >= span:
            words += more * words
        else:
            return -1.0
        span += more * gap
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
def set_group(
    e: int,
    w: int,
    k: int,
    g: int,
    i0: int,
    i1: int,
    crossed: Ints,
    task: Task,
    chain: Chain,
    place: Place,
    group: Floats,
) -> None:
    """Describe the copies that share window `w` at gap `g`, if the tensor closes `k` fanouts further out.

    How far copies across a fanout lie apart depends on the loops in time inside it: on the point where it is
    crossed, `crossed` [F] (-1: not yet). Where that is not known, unions are bounded: another copy of an interval,
    some words further on, has at least that many words of its own, or all of them if it lies beyond.
    """
    t, stage = chain.edge[e, TENSOR], max(0, chain.edge[e, STAGE])
    d0, d1, c0, c1 = task.window[t, w]
    n0, n1 = place.divisors[d0, i0] * place.inside[stage, d0], place.divisors[d1, i1] * place.inside[stage, d1]
    words, width = float(window_words(c0, n0, c1, n1)), float(c0 * (n0 - 1) + c1 * (n1 - 1) + 1)
    block = width if words == width else 1.0
    lists, more, times, passed = 0, 0.0, 1.0, False
    for f in range(len(task.node)):
        if not (g < task.node[f] < chain.edge[e, CHILD_NODE]) or not task.share[t, f]:
            continue
        passed = passed or task.share[t, f] == PASSED_ON
        for term in range(2):
            d, c, i = (d1, c1, i1) if term else (d0, c0, i0)
            copies = place.copies[f, d]
            if copies == 1:
                continue
            if (f >= k and crossed[f] < 0) or lists == MOST_LISTS:
                more += (copies - 1) * min(float(c * place.divisors[d, i] * place.inside[k, d]), block)
                times *= copies
                continue
            if f >= k:
                i = (crossed[f] // place.strides[d]) % place.counts[d]
            gap, j = float(c * place.divisors[d, i] * place.inside[f, d]), lists
            while j > 0 and group[1, j - 1] > gap:
                group[1, j], group[2, j] = group[1, j - 1], group[2, j - 1]
                j -= 1
            group[1, j], group[2, j] = gap, copies
            lists += 1
    group[0, WORDS], group[0, WIDTH], group[0, PASSES_ON], group[0, LISTS] = words, width, passed, lists
    every = _union(width, group) if words == width else -1.0
    if lists and every < 0:
        group[0, LEAST], group[0, MOST], group[0, KNOWN] = words, words, 0.0
        for j in range(lists):
            group[0, LEAST] += (group[2, j] - 1) * min(group[1, j], block)
            group[0, MOST] *= group[2, j]
    else:
        every = every if lists else words
        group[0, LEAST], group[0, MOST], group[0, KNOWN] = every, every, 1.0
    group[0, LEAST] += more
    group[0, MOST] *= times
    if times > 1:
        group[0, KNOWN] = 0.0


@part
def fresh_words(c0: int, n0: int, c1: int, n1: int, shift: int, most: bool, group: Floats) -> float:
    """Words that copies which share lack when their tiles move by `shift`: at least, or at most."""
    if shift == 0:
        return 0.0
    width = group[0, WIDTH]
    block = width if group[0, WORDS] == width else 1.0
    if not group[0, KNOWN]:
        return group[0, MOST] if most else min(float(shift), block)
    every = group[0, LEAST]
    if group[0, LISTS] == 0:
        common = _common(c0, n0, c1, n1, shift)
        return every - (0.0 if most and block < width and n0 > 1 and n1 > 1 else common)
    if group[0, PASSES_ON]:
        if span_of(group) == every:
            return min(every, float(shift))
    else:
        lacked = _union(min(width, float(shift)), group)
        if lacked >= 0:
            return lacked
    return every if most else min(float(shift), block)


@part
def span_of(group: Floats) -> float:
    """How far from its first to its last word reaches what copies that share want."""
    out = group[0, WIDTH]
    for i in range(int(group[0, LISTS])):
        out += group[1, i] * (group[2, i] - 1)
    return out
