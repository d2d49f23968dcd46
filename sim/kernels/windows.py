"""How many words the tiles of a window are, over all positions, and how many of them neighbouring tiles share."""

from __future__ import annotations

import numpy as np

from sim.kernels.bounds import CHILD_NODE, NEVER, STAGE, TENSOR, Chain, Place, Task
from sim.kernels.cost import Floats
from sim.kernels.even import window_words
from sim.kernels.jit import part
from sim.kernels.layout import PASSED_ON, Ints

# Columns of the sums over a window: no loop over it leads, or the one over its first or its second term; rows: at
# least, at most.
FLAT, FIRST_LEADS, SECOND_LEADS = range(3)
SUMS = 2, 3

# Of a window's words: how far the first lies behind the first that exists; how many exist (-1: all); how often, over
# all positions, a word is touched that does not exist.
OFFSET, EXTENT, MISSES = range(3)

# Of the copies that share a window: words of a tile; its width; words of all tiles at least; at most; whether they
# are known exactly; whether copies pass words on; how many lists of copies there are.
WORDS, WIDTH, LEAST, MOST, KNOWN, PASSES_ON, LISTS = range(7)
MOST_LISTS = 6


@part
def new_group() -> Floats:
    """Room for a description of copies that share: rows of which the first is as above, then gaps, then copies."""
    return np.empty((3, 7))


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
        if _span(group) == every:
            return min(every, float(shift))
    else:
        lacked = _union(min(width, float(shift)), group)
        if lacked >= 0:
            return lacked
    return every if most else min(float(shift), block)


@part
def _lost(t: int, w: int, n0: int, n1: int, tiles0: float, tiles1: float, task: Task) -> float:
    """Words that tiles lack over all positions, as some have fewer passes than others."""
    d0, d1, c0, c1 = task.window[t, w]
    size0, size1 = task.size[d0], task.size[d1]
    if size0 == tiles0 * n0 and size1 == tiles1 * n1:
        return 0.0
    some = 0.0
    for i in range(2):  # whole tiles, and what is left at the end
        for j in range(2):
            a, many0 = (size0 % n0, 1) if i else (n0, size0 // n0)
            b, many1 = (size1 % n1, 1) if j else (n1, size1 // n1)
            if a and b:
                some += many0 * many1 * window_words(c0, a, c1, b)
    return tiles0 * tiles1 * window_words(c0, n0, c1, n1) - some


@part
def _fill_rest(
    i0: int,
    i1: int,
    first0: int,
    first1: int,
    d0: int,
    d1: int,
    c0: int,
    n0: int,
    c1: int,
    n1: int,
    far0: int,
    far1: int,
    place: Place,
    group: Floats,
    rest: Floats,
) -> None:
    """At least how many words tiles of a window lack, on average over the steps of the loops that are further out.

    [3, digits, digits], from the digits `first0` and `first1` on: whatever these loops are (row 2); or if the next
    loop is not over the first term's dimension, or the second's: two such loops are as one with both bounds. When a
    loop steps, the tile returns from where the loops inside end, and moves on if the loop is over the window.
    """
    for j0 in range(place.counts[d0] - 1, first0 - 1, -1):
        if place.divisors[d0, j0] % place.divisors[d0, i0]:
            continue
        for j1 in range(place.counts[d1] - 1, first1 - 1, -1):
            if place.divisors[d1, j1] % place.divisors[d1, i1]:
                continue
            on0 = far0 * (place.divisors[d0, j0] // place.divisors[d0, i0])
            on1 = far1 * (place.divisors[d1, j1] // place.divisors[d1, i1])
            back = on0 - far0 + on1 - far1
            other = fresh_words(c0, n0, c1, n1, back, False, group)
            over0, over1 = NEVER, NEVER
            fresh = fresh_words(c0, n0, c1, n1, abs(on0 - back), False, group)
            for p in range(place.grown.shape[2]):
                k = place.grown[d0, j0, p]
                if k < 0:
                    break
                bound = place.divisors[d0, k] // place.divisors[d0, j0]
                over0 = min(over0, ((bound - 1) * fresh + rest[2, k, j1]) / bound)
            fresh = fresh_words(c0, n0, c1, n1, abs(on1 - back), False, group)
            for p in range(place.grown.shape[2]):
                k = place.grown[d1, j1, p]
                if k < 0:
                    break
                bound = place.divisors[d1, k] // place.divisors[d1, j1]
                over1 = min(over1, ((bound - 1) * fresh + rest[2, j0, k]) / bound)
            rest[0, j0, j1] = min(other, over1, (other + over0) / 2)
            rest[1, j0, j1] = min(other, over0, (other + over1) / 2)
            rest[2, j0, j1] = min(other, over0, over1)


@part
def _is_whole(c0: int, n0: int, c1: int, n1: int, size0: int, size1: int) -> bool:
    """Whether the tiles of a window have no holes, those at the ends of the layer neither."""
    for i in range(2):
        for j in range(2):
            a, b = size0 % n0 if i else n0, size1 % n1 if j else n1
            if a and b and window_words(c0, a, c1, b) != c0 * (a - 1) + c1 * (b - 1) + 1:
                return False
    return True


@part
def _fill_steps(t: int, w: int, n0: int, n1: int, far0: int, far1: int, task: Task, steps: Floats) -> None:
    """Words of the tiles without holes of a window, and those that they do not share with the one before.

    Rows of `steps`: both, if a loop over the first term leads, by its step; then over the second. Tiles are of
    n0 x n1 passes; a step of a loop over the first dimension is one of `far0` passes.
    """
    d0, d1, c0, c1 = task.window[t, w]
    offset, extent, _ = task.ends[t, w]
    size0, size1 = task.size[d0], task.size[d1]
    steps[:, :] = 0.0
    for i in range(0, size0, n0):
        for j in range(0, size1, n1):
            start = c0 * i + c1 * j + offset
            wide0, wide1 = c0 * (min(n0, size0 - i) - 1), c1 * (min(n1, size1 - j) - 1)
            end = start + wide0 + wide1 + 1
            first, last = max(start, 0), end if extent < 0 else min(end, extent)
            own = float(max(0, last - first))
            steps[0, i // far0] += own
            steps[2, j // far1] += own
            # the tile before is as far back, and is whole in the dimension of the loop
            before = start - c0 * far0 + c0 * (n0 - 1) + wide1 + 1
            steps[1, i // far0] += max(0, last - max(first, before)) if i >= far0 else own
            before = start - c1 * far1 + wide0 + c1 * (n1 - 1) + 1
            steps[3, j // far1] += max(0, last - max(first, before)) if j >= far1 else own


@part
def window_sums(
    e: int,
    w: int,
    k: int,
    g: int,
    i0: int,
    i1: int,
    bound: int,
    less: float,
    crossed: Ints,
    task: Task,
    chain: Chain,
    place: Place,
    group: Floats,
    out: Floats,
) -> None:
    """The words of window `w` that cross gap `g`, over all positions, if the tensor closes `k` fanouts further out.

    The loops in time make `divisors[i0]` and `divisors[i1]` passes over its two dimensions. `bound` is that of the
    loop that leads; 0: it may be any; 1: this window does not lead. Tiles lack `less` words.
    """
    t, stage = chain.edge[e, TENSOR], max(0, chain.edge[e, STAGE])
    d0, d1, c0, c1 = task.window[t, w]
    time0, time1 = place.divisors[d0, i0], place.divisors[d1, i1]
    n0, n1 = time0 * place.inside[stage, d0], time1 * place.inside[stage, d1]
    fanouts = len(task.node)
    tiles0 = place.passes[d0] * place.inside[fanouts, d0] / n0
    tiles1 = place.passes[d1] * place.inside[fanouts, d1] / n1
    set_group(e, w, k, g, i0, i1, crossed, task, chain, place, group)
    every, every_most = group[0, LEAST], group[0, MOST]
    whole0, whole1, times = n0, n1, tiles0 * tiles1  # of what copies that share want together, as if it was one tile
    for f in range(fanouts):
        if g < task.node[f] < chain.edge[e, CHILD_NODE] and task.share[t, f]:
            times /= place.copies[f, d0] * place.copies[f, d1]
            whole0, whole1 = whole0 * place.copies[f, d0], whole1 * place.copies[f, d1]
    far0, far1 = time0 * place.inside[k, d0], time1 * place.inside[k, d1]
    is_whole = _span(group) == every and every == c0 * (whole0 - 1) + c1 * (whole1 - 1) + 1
    is_whole = is_whole and _is_whole(c0, whole0, c1, whole1, task.size[d0], task.size[d1])
    is_lone = group[0, LISTS] == 0 or group[0, PASSES_ON] > 0
    steps = np.empty((4, max(task.size[d0] // far0, task.size[d1] // far1) + 1))
    if is_whole:
        _fill_steps(t, w, whole0, whole1, far0, far1, task, steps)
        total = steps[0].sum()
        out[0, FLAT], out[1, FLAT], less = total, total, times * every - total
    else:
        lone = every_most == group[0, WORDS]  # then what lacks is known, too
        out[0, FLAT] = max(1.0, times * every - less)
        out[1, FLAT] = times * every_most - (less if lone else 0.0)
    out[0, FIRST_LEADS], out[0, SECOND_LEADS] = NEVER, NEVER
    if bound == 1:
        return
    rest = np.empty((3, place.counts[d0], place.counts[d1]))
    _fill_rest(i0, i1, i0, i1, d0, d1, c0, n0, c1, n1, c0 * far0, c1 * far1, place, group, rest)
    # a tile may lack what its neighbours have, so that it comes twice
    lost = _lost(t, w, n0, n1, tiles0, tiles1, task)
    for term in range(2):
        d, i, far = (d1, i1, c1 * far1) if term else (d0, i0, c0 * far0)
        low, high = NEVER, NEVER
        fresh = fresh_words(c0, n0, c1, n1, far, False, group)
        fresh_most = fresh_words(c0, n0, c1, n1, far, True, group)
        for j in range(i + 1, place.counts[d]):
            b = place.divisors[d, j] // place.divisors[d, i]
            if place.divisors[d, j] % place.divisors[d, i] or (bound and b != bound):
                continue
            least = rest[1, i0, j] if term else rest[0, j, i1]
            if is_whole and is_lone:
                begun, more = 0.0, 0.0
                for step in range(-(-task.size[d] // (far1 if term else far0))):
                    if step % b:
                        more += steps[2 * term + 1, step]
                    else:
                        begun += steps[2 * term, step]
                low = min(low, more + max(0.0, begun - times / b * (every - least)))
                high = min(high, more + begun)
            else:
                low = min(low, times * ((b - 1) * fresh + least) / b - less)
                high = min(high, times * ((b - 1) * fresh_most + every_most) / b + lost)
        if low < NEVER:
            out[0, 1 + term], out[1, 1 + term] = max(1.0, low), min(high, times * every_most)


@part
def _span(group: Floats) -> float:
    """How far from its first to its last word reaches what copies that share want."""
    out = group[0, WIDTH]
    for i in range(int(group[0, LISTS])):
        out += group[1, i] * (group[2, i] - 1)
    return out
