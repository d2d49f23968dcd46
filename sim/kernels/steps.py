"""What the loops outside a window's tile bring, step by step: the words that are fresh when one of them steps.

A loop steps when all loops inside it return from their end to their beginning. So the place of a step is a point of
the lattice of the window's two dimensions: how far the loops inside reach. What the steps of a loop bring depends on
that point and on its dimension alone, and what is still to come on the point alone.
"""

from __future__ import annotations

from sim.kernels.bounds import CHILD_NODE, STAGE, TENSOR, Chain, Place, Task
from sim.kernels.cost import Floats
from sim.kernels.even import window_words
from sim.kernels.jit import part
from sim.kernels.layout import Ints
from sim.kernels.windows import (
    EXTENT,
    KNOWN,
    LEAST,
    LISTS,
    MISSES,
    MOST,
    OFFSET,
    PASSES_ON,
    WORDS,
    fresh_words,
    missing,
    set_group,
    span_of,
)

# Rows of a table of steps, whose columns are points of the lattice of a window's two dimensions: words that are fresh
# when a loop over the first dimension steps whose loops inside reach to the point, over the second, or one over
# neither; words of whole tiles; all at the beginnings of the blocks that reach to the point. At least, then at most;
# and at the end the least that can follow.
FIRST, SECOND, OTHER, ALL, AT_MOST, REST = 0, 1, 2, 3, 4, 8
STEP_ROWS = 9


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
def _pitch(c0: int, n0: int, c1: int, n1: int) -> int:
    """How far the words of a tile of n0 x n1 passes lie apart; 0 if that varies."""
    if n0 == 1 or n1 == 1:
        return c1 if n1 > 1 else c0 if n0 > 1 else 1
    return 1 if (c0 == 1 and n0 >= c1) or (c1 == 1 and n1 >= c0) else 0


@part
def _coarsest(c0: int, n0: int, c1: int, n1: int, size0: int, size1: int) -> int:
    """How far the words of tiles lie apart at most, those at the ends of the layer, too; 0 if that is not clear.

    Words are counted by one pitch, so that tiles lie close together or all of them equally far apart.
    """
    out = 1
    for i in range(2):
        for j in range(2):
            a, b = size0 % n0 if i else n0, size1 % n1 if j else n1
            if a and b:
                pitch = _pitch(c0, a, c1, b)
                if pitch == 0 or (pitch > 1 and out > 1 and pitch != out):
                    return 0
                out = max(out, pitch)
    return out


@part
def _tile(p0: int, p1: int, n0: int, n1: int, t: int, w: int, task: Task) -> tuple[int, int, int]:
    """The first and the last word of the tile at a position, as if all existed, and how far its words lie apart.

    The last lies before the first if there is no such tile.
    """
    d0, d1, c0, c1 = task.window[t, w]
    if p0 < 0 or p1 < 0 or p0 >= task.size[d0] or p1 >= task.size[d1]:
        return 0, -1, 1
    own0, own1 = min(n0, task.size[d0] - p0), min(n1, task.size[d1] - p1)
    first = c0 * p0 + c1 * p1 + task.ends[t, w, OFFSET]
    return first, first + c0 * (own0 - 1) + c1 * (own1 - 1), _pitch(c0, own0, c1, own1)


@part
def _existing(first: int, last: int, start: int, pitch: int, t: int, w: int, task: Task) -> int:
    """How many words there are between two, of those that lie `pitch` apart from `start`."""
    first = max(first, 0)
    if task.ends[t, w, EXTENT] >= 0:
        last = min(last, task.ends[t, w, EXTENT] - 1)
    return max(0, (last - start) // pitch - (first - 1 - start) // pitch) if last >= first else 0


@part
def _fresh(
    first: int,
    last: int,
    pitch: int,
    words: int,
    p0: int,
    p1: int,
    n0: int,
    n1: int,
    t: int,
    w: int,
    task: Task,
) -> int:
    """Words of a tile that the one at another position does not have."""
    start, end, other = _tile(p0, p1, n0, n1, t, w, task)
    if pitch == other and (start - first) % pitch:
        return words
    coarse, begin = (other, start) if other > pitch else (pitch, first)
    return words - _existing(max(first, start), min(last, end), begin, coarse, t, w, task)


@part
def _alike(p0: int, p1: int, block0: int, block1: int, n0: int, n1: int, t: int, w: int, task: Task) -> int:
    """How many blocks from a position on, over the first dimension, are as this one: no tile lies at an end."""
    d0, d1, c0, c1 = task.window[t, w]
    offset, extent, _ = task.ends[t, w]
    if p0 < n0 or c0 * (p0 - n0) + c1 * max(0, p1 - n1) + offset < 0:
        return 1
    most = task.size[d0] - block0  # the last position of which the block is whole
    if extent >= 0:
        reach = c0 * (block0 - 1) + c1 * (min(task.size[d1], p1 + block1) - 1) + offset
        most = min(most, (extent - 1 - reach) // c0)
    return max(1, (most - p0) // block0 + 1)


@part
def _fill_exactly(t: int, w: int, i0: int, i1: int, n0: int, n1: int, task: Task, place: Place, out: Floats) -> None:
    """The table of steps for tiles of n0 x n1 passes, position by position."""
    d0, d1 = task.window[t, w, 0], task.window[t, w, 1]
    for at in range(i0 * place.counts[d1] + i1, place.counts[d0] * place.counts[d1]):
        j0, j1 = at // place.counts[d1], at % place.counts[d1]
        if not _is_outside(i0, i1, j0, j1, d0, d1, place):
            continue
        block0 = n0 * (place.divisors[d0, j0] // place.divisors[d0, i0])
        block1 = n1 * (place.divisors[d1, j1] // place.divisors[d1, i1])
        first, second, other, every = 0, 0, 0, 0
        for p1 in range(0, task.size[d1], block1):
            p0 = 0
            while p0 < task.size[d0]:
                blocks = _alike(p0, p1, block0, block1, n0, n1, t, w, task)
                start, end, pitch = _tile(p0, p1, n0, n1, t, w, task)
                words = _existing(start, end, start, pitch, t, w, task)
                last0, last1 = p0 + block0 - n0, p1 + block1 - n1  # where the loops inside end
                first += blocks * _fresh(start, end, pitch, words, p0 - n0, last1, n0, n1, t, w, task)
                second += blocks * _fresh(start, end, pitch, words, last0, p1 - n1, n0, n1, t, w, task)
                other += blocks * _fresh(start, end, pitch, words, last0, last1, n0, n1, t, w, task)
                every += blocks * words
                p0 += blocks * block0
        for row in range(0, REST, AT_MOST):
            out[row + FIRST, at], out[row + SECOND, at] = first, second
            out[row + OTHER, at], out[row + ALL, at] = other, every


@part
def _is_outside(i0: int, i1: int, j0: int, j1: int, d0: int, d1: int, place: Place) -> bool:
    """Whether loops over the two dimensions of a window can lead from one point of the lattice to another."""
    return (
        j1 >= i1
        and place.divisors[d0, j0] % place.divisors[d0, i0] == 0
        and place.divisors[d1, j1] % place.divisors[d1, i1] == 0
    )


@part
def _fill_evenly(
    k: int,
    times: float,
    far0: int,
    far1: int,
    n0: int,
    n1: int,
    less: float,
    lost: float,
    t: int,
    w: int,
    i0: int,
    i1: int,
    task: Task,
    place: Place,
    group: Floats,
    out: Floats,
) -> None:
    """The table of steps as if all tiles were alike; a loop over the first dimension steps by `far0` words.

    What tiles lack is taken off, and what may come twice as neighbours lack it is added, once. The last row gets what
    a step brings at least, also if copies in fanouts further out lie between its loop and those inside.
    """
    d0, d1, c0, c1 = task.window[t, w]
    for at in range(i0 * place.counts[d1] + i1, place.counts[d0] * place.counts[d1]):
        j0, j1 = at // place.counts[d1], at % place.counts[d1]
        if not _is_outside(i0, i1, j0, j1, d0, d1, place):
            continue
        by0 = place.divisors[d0, j0] // place.divisors[d0, i0]
        by1 = place.divisors[d1, j1] // place.divisors[d1, i1]
        blocks, back0, back1 = times / (by0 * by1), far0 * (by0 - 1), far1 * (by1 - 1)
        least = fresh_words(c0, n0, c1, n1, back0 + back1, False, group) if by0 * by1 > 1 else group[0, LEAST]
        on0, on1 = far0 * by0, far1 * by1
        for f in range(k, len(place.copies) + 1):
            least = min(least, fresh_words(c0, n0, c1, n1, abs(on0 - back0 - back1), False, group))
            least = min(least, fresh_words(c0, n0, c1, n1, abs(on1 - back0 - back1), False, group))
            if f < len(place.copies):
                on0, on1 = on0 * place.copies[f, d0], on1 * place.copies[f, d1]
        out[REST, at] = least
        for most in range(2):
            row, more = most * AT_MOST, lost if most else -less
            out[row + FIRST, at] = blocks * fresh_words(c0, n0, c1, n1, abs(far0 - back1), most == 1, group)
            out[row + SECOND, at] = blocks * fresh_words(c0, n0, c1, n1, abs(far1 - back0), most == 1, group)
            out[row + OTHER, at] = blocks * fresh_words(c0, n0, c1, n1, back0 + back1, most == 1, group) + more
            out[row + ALL, at] = blocks * group[0, MOST if most else LEAST] + more


@part
def _fill_rest(
    i0: int, i1: int, apart: bool, times: float, less: float, d0: int, d1: int, place: Place, out: Floats
) -> None:
    """The least that can follow, from every point outward, whatever the order of the loops.

    If copies further out may lie between them (`apart`), it is what any step brings at least.
    """
    first = i0 * place.counts[d1] + i1
    for at in range(place.counts[d0] * place.counts[d1] - 1, first - 1, -1):
        j0, j1 = at // place.counts[d1], at % place.counts[d1]
        if not _is_outside(i0, i1, j0, j1, d0, d1, place):
            continue
        least = out[REST, at] if apart else out[ALL, at] if at == first else min(out[OTHER, at], out[ALL, at])
        for p in range(place.grown.shape[2]):
            if place.grown[d0, j0, p] < 0:
                break
            to = place.grown[d0, j0, p] * place.counts[d1] + j1
            least = min(least, out[REST, to] if apart else out[FIRST, at] - out[FIRST, to] + out[REST, to])
        for p in range(place.grown.shape[2]):
            if place.grown[d1, j1, p] < 0:
                break
            to = j0 * place.counts[d1] + place.grown[d1, j1, p]
            least = min(least, out[REST, to] if apart else out[SECOND, at] - out[SECOND, to] + out[REST, to])
        out[REST, at] = least
    for at in range(first, place.counts[d0] * place.counts[d1] if apart else 0):
        j0, j1 = at // place.counts[d1], at % place.counts[d1]
        if _is_outside(i0, i1, j0, j1, d0, d1, place):
            by0 = place.divisors[d0, j0] // place.divisors[d0, i0]
            by1 = place.divisors[d1, j1] // place.divisors[d1, i1]
            out[REST, at] = times / (by0 * by1) * out[REST, at] - less


@part
def _total(t: int, w: int, n0: int, n1: int, task: Task) -> float:
    """Words of all tiles of n0 x n1 passes."""
    size0, size1, extent = task.size[task.window[t, w, 0]], task.size[task.window[t, w, 1]], task.ends[t, w, EXTENT]
    if n0 == 1 and n1 == 1:
        return float(size0 * size1 - task.ends[t, w, MISSES])
    out = 0
    for p0 in range(0, size0, n0):
        first, end, pitch = _tile(p0, 0, n0, n1, t, w, task)
        if size1 % n1 == 0 and first >= 0 and (extent < 0 or _tile(p0, size1 - n1, n0, n1, t, w, task)[1] < extent):
            out += size1 // n1 * ((end - first) // pitch + 1)
            continue
        for p1 in range(0, size1, n1):
            first, end, pitch = _tile(p0, p1, n0, n1, t, w, task)
            out += _existing(first, end, first, pitch, t, w, task)
    return float(out)


@part
def fill_steps(
    e: int,
    w: int,
    k: int,
    g: int,
    i0: int,
    i1: int,
    flat: bool,
    crossed: Ints,
    task: Task,
    chain: Chain,
    place: Place,
    group: Floats,
    out: Floats,
) -> bool:
    """The words of window `w` that cross gap `g`, step by step, if the tensor closes `k` fanouts further out.

    The loops in time make `divisors[i0]` and `divisors[i1]` passes over its two dimensions.
    `out` is [STEP_ROWS, points]: sums over all positions. `flat`: only how many words whole
    tiles have. Returns whether they are exact.
    """
    t, stage = chain.edge[e, TENSOR], max(0, chain.edge[e, STAGE])
    d0, d1, c0, c1 = task.window[t, w]
    n0 = place.divisors[d0, i0] * place.inside[stage, d0]
    n1 = place.divisors[d1, i1] * place.inside[stage, d1]
    far0, far1 = place.divisors[d0, i0] * place.inside[k, d0], place.divisors[d1, i1] * place.inside[k, d1]
    fanouts = len(task.node)
    tiles0 = place.passes[d0] * place.inside[fanouts, d0] / n0
    tiles1 = place.passes[d1] * place.inside[fanouts, d1] / n1
    set_group(e, w, k, g, i0, i1, crossed, task, chain, place, group)
    every, times = group[0, LEAST], tiles0 * tiles1
    whole0, whole1 = n0, n1  # of what copies that share want together, as if it was one tile
    for f in range(fanouts):
        if g < task.node[f] < chain.edge[e, CHILD_NODE] and task.share[t, f]:
            times /= place.copies[f, d0] * place.copies[f, d1]
            whole0, whole1 = whole0 * place.copies[f, d0], whole1 * place.copies[f, d1]
    apart = place.inside[k, d0] < place.inside[fanouts, d0] or place.inside[k, d1] < place.inside[fanouts, d1]
    lists, pitch = group[0, LISTS], _coarsest(c0, whole0, c1, whole1, task.size[d0], task.size[d1])
    # side by side, what copies share is one interval
    is_whole = lists == 0 or (span_of(group) == every and every == c0 * (whole0 - 1) + c1 * (whole1 - 1) + 1)
    is_whole = is_whole and group[0, KNOWN] > 0 and (pitch == 1 or (pitch > 1 and lists == 0))
    is_exact = is_whole and (lists == 0 or group[0, PASSES_ON] > 0) and not apart
    is_exact = is_exact and far0 == whole0 and far1 == whole1
    known = is_whole or group[0, MOST] == group[0, WORDS]  # then what lacks is known, too
    less = 0.0
    if not is_whole:
        less = missing(t, w, n0, n1, tiles0, tiles1, task)
    elif flat or not is_exact:
        less = times * every - _total(t, w, whole0, whole1, task)
    at = i0 * place.counts[d1] + i1
    if flat:
        out[ALL, at] = max(1.0, times * every - less)
        out[AT_MOST + ALL, at] = times * group[0, MOST] - (less if known else 0.0)
        return known
    if is_exact:
        _fill_exactly(t, w, i0, i1, whole0, whole1, task, place, out)
    else:
        # a tile may lack what its neighbours have, so that it comes twice
        lost = _lost(t, w, n0, n1, tiles0, tiles1, task)
        _fill_evenly(k, times, c0 * far0, c1 * far1, n0, n1, less, lost, t, w, i0, i1, task, place, group, out)
        out[AT_MOST + ALL, at] = times * group[0, MOST] - (less if known else 0.0)
    _fill_rest(i0, i1, apart, times, less, d0, d1, place, out)
    return is_exact
