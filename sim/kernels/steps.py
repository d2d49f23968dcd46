"""What the loops outside a window's tile bring, step by step: the words that are fresh when one of them steps.

A loop steps when all loops inside it return from their end to their beginning. So the place of a step is a point of the
lattice of the window's two dimensions: how far the loops inside reach. What the steps of a loop bring depends on that
point and on its dimension alone, and what is still to come on the point alone.
"""

from __future__ import annotations

from sim.kernels.bounds import CHILD_NODE, STAGE, TENSOR, Chain, Place, Task
from sim.kernels.cost import Floats
from sim.kernels.even import window_words
from sim.kernels.jit import part
from sim.kernels.layout import Ints
from sim.kernels.windows import (
    LEAST,
    LISTS,
    MOST,
    OFFSET,
    PASSES_ON,
    WORDS,
    fresh_words,
    set_group,
    span_of,
)

# Rows of a table of steps, whose places are points of the lattice of a window's two dimensions: words that are fresh
# when a loop over the first dimension steps whose loops inside reach to the point, over the second, or one over neither;
# words of whole tiles; all at the beginnings of the blocks that reach to the point. At least, then at most; and at the
# end the least that can follow.
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
def _is_whole(c0: int, n0: int, c1: int, n1: int, size0: int, size1: int) -> bool:
    """Whether the tiles of a window have no holes, those at the ends of the layer neither."""
    for i in range(2):
        for j in range(2):
            a, b = size0 % n0 if i else n0, size1 % n1 if j else n1
            if a and b and window_words(c0, a, c1, b) != c0 * (a - 1) + c1 * (b - 1) + 1:
                return False
    return True


@part
def _reach(at: int, own: int, size: int, c: int) -> int:
    """Words from the first of a tile of `own` passes over one term to the first of its last pass."""
    return c * (min(own, size - at) - 1)


@part
def _fresh(first: int, last: int, p0: int, p1: int, n0: int, n1: int, t: int, w: int, task: Task) -> int:
    """Words from `first` to `last` that the tile at position p0, p1 does not have; all, if there is no such tile."""
    d0, d1, c0, c1 = task.window[t, w]
    words = max(0, last - first)
    if p0 < 0 or p1 < 0:
        return words
    start = c0 * p0 + c1 * p1 + task.ends[t, w, OFFSET]
    end = start + _reach(p0, n0, task.size[d0], c0) + _reach(p1, n1, task.size[d1], c1) + 1
    return words - max(0, min(last, end) - max(first, start))


@part
def _fill_exactly(t: int, w: int, i0: int, i1: int, n0: int, n1: int, task: Task, place: Place, out: Floats) -> None:
    """The table of steps for tiles of n0 x n1 passes without holes, position by position."""
    d0, d1, c0, c1 = task.window[t, w]
    offset, extent, _ = task.ends[t, w]
    size0, size1 = task.size[d0], task.size[d1]
    for at in range(i0 * place.counts[d1] + i1, place.counts[d0] * place.counts[d1]):
        j0, j1 = at // place.counts[d1], at % place.counts[d1]
        if not _is_outside(i0, i1, j0, j1, d0, d1, place):
            continue
        block0 = n0 * (place.divisors[d0, j0] // place.divisors[d0, i0])
        block1 = n1 * (place.divisors[d1, j1] // place.divisors[d1, i1])
        first, second, other, every = 0, 0, 0, 0
        for p0 in range(0, size0, block0):
            for p1 in range(0, size1, block1):
                start = c0 * p0 + c1 * p1 + offset
                end = start + _reach(p0, n0, size0, c0) + _reach(p1, n1, size1, c1) + 1
                start, end = max(start, 0), end if extent < 0 else min(end, extent)
                last0, last1 = p0 + block0 - n0, p1 + block1 - n1  # where the loops inside end
                first += _fresh(start, end, p0 - n0, last1, n0, n1, t, w, task)
                second += _fresh(start, end, last0, p1 - n1, n0, n1, t, w, task)
                other += _fresh(start, end, last0, last1, n0, n1, t, w, task)
                every += max(0, end - start)
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
    """The table of steps as if all tiles were alike; a step of a loop over the first dimension is one of `far0` words.

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
    """Words of all tiles of n0 x n1 passes without holes."""
    d0, d1, c0, c1 = task.window[t, w]
    offset, extent, _ = task.ends[t, w]
    out = 0
    for p0 in range(0, task.size[d0], n0):
        for p1 in range(0, task.size[d1], n1):
            start = c0 * p0 + c1 * p1 + offset
            end = start + _reach(p0, n0, task.size[d0], c0) + _reach(p1, n1, task.size[d1], c1) + 1
            out += max(0, (end if extent < 0 else min(end, extent)) - max(start, 0))
    return float(out)


@part
def fill_steps(
    e: int,
    w: int,
    k: int,
    g: int,
    i0: int,
    i1: int,
    less: float,
    crossed: Ints,
    task: Task,
    chain: Chain,
    place: Place,
    group: Floats,
    out: Floats,
) -> bool:
    """The words of window `w` that cross gap `g`, step by step, if the tensor closes `k` fanouts further out.

    The loops in time make `divisors[i0]` and `divisors[i1]` passes over its two dimensions; tiles lack `less` words.
    `out` is [STEP_ROWS, points]: sums over all positions. Returns whether they are exact.
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
    is_whole = span_of(group) == every and every == c0 * (whole0 - 1) + c1 * (whole1 - 1) + 1
    is_whole = is_whole and _is_whole(c0, whole0, c1, whole1, task.size[d0], task.size[d1])
    is_lone = group[0, LISTS] == 0 or group[0, PASSES_ON] > 0
    is_exact = is_whole and is_lone and not apart and far0 == whole0 and far1 == whole1
    if is_exact:
        _fill_exactly(t, w, i0, i1, whole0, whole1, task, place, out)
    else:
        if is_whole:
            less = times * every - _total(t, w, whole0, whole1, task)
        # a tile may lack what its neighbours have, so that it comes twice
        lost = _lost(t, w, n0, n1, tiles0, tiles1, task)
        _fill_evenly(k, times, c0 * far0, c1 * far1, n0, n1, less, lost, t, w, i0, i1, task, place, group, out)
        known = is_whole or group[0, MOST] == group[0, WORDS]  # then what lacks is known, too
        out[AT_MOST + ALL, i0 * place.counts[d1] + i1] = times * group[0, MOST] - (less if known else 0.0)
    _fill_rest(i0, i1, apart, times, less, d0, d1, place, out)
    return is_exact
