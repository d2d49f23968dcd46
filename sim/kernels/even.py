"""The counting kernel's fast lane: one tensor of a nest whose bounds all divide, in one pass over the loops.

Where bounds divide, all positions of a rank are alike and the sums of `sim.kernels.reuse` become products of bounds.
From the keep outward, the first loop over a plain rank ends the sum over j: no later tile has a word in common with
the one before. A window (two dimensions, as P*U + R*D) is an interval of `width` words; the tile before lies `shift`
words away, and copies that share lie at sums of multiples of `gap`s.
"""

from __future__ import annotations

from sim.kernels.jit import kernel
from sim.kernels.layout import (
    AXIS,
    BOUND,
    COEF,
    DIM,
    FLAT,
    KIND,
    LAST,
    LOST,
    NODES,
    OUTPUT,
    PLAIN,
    RANK_OF,
    STEP,
    TERM,
    WINDOWS,
    WORDS,
    Ints,
)

# Columns of the working table of loops, whose row i tells of loop i
#   WHAT   what it is to the tensor in question
#   FAR    how many words of a window one of its iterations is
# and of all loops before i
#   OUTER  the product of the bounds of those in time that are independent
#   PARTS  the product of the bounds of those over plain ranks
#   STOP   how many come before the last one in time over a plain rank, and that one
#   TIMES  the product of the bounds of those in time over the first window
#   INNER  the extents of the window's two dimensions inside them; TIMES and INNER once more for the second window
# Then, unrelated to the row: SPACE lists the loops in space, SHARE says whether copies along an axis share.
WHAT, FAR, OUTER, PARTS, STOP, TIMES, INNER, SPACE, SHARE = 0, 1, 2, 3, 4, 5, 6, 11, 12
INDEPENDENT, FLAT_RANK = 0, 3  # 1 and 2: a loop over a window

# Columns of the last two rows, one a window: words of a tile, of the tiles of all copies that share, words common
# with the tiles before times positions, copies that do not share, how far the tile before lies, and how far apart
# copies that share lie and how many they are.
WIDTH, ALL, NOW, EACH, SHIFT, GAP, COPIES = 0, 1, 2, 3, 4, 5, 8
GAPS = 3
IRREGULAR = -1


@kernel
def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@kernel
def window_words(c0: int, n0: int, c1: int, n1: int) -> int:
    """Distinct values of c0*i + c1*j for i < n0, j < n1.

    With coprime coefficients the pairs (i, j) and (i + c1, j - c0) coincide, so there are
    n0*n1 - max(0, n0 - c1) * max(0, n1 - c0) values.
    """
    g = _gcd(c0, c1)
    return n0 * n1 - max(0, n0 - c1 // g) * max(0, n1 - c0 // g)


@kernel
def _width(c0: int, n0: int, c1: int, n1: int) -> int:
    """Words of a window's tile, or IRREGULAR if it has holes."""
    if n0 == 1:
        whole = c1 == 1 or n1 == 1
    elif n1 == 1:
        whole = c0 == 1
    else:
        whole = (c0 == 1 and n0 >= c1) or (c1 == 1 and n1 >= c0)
    return c0 * (n0 - 1) + c1 * (n1 - 1) + 1 if whole else IRREGULAR


@kernel
def _union(width: int, row: int, lane: Ints) -> int:
    """Size of the union of intervals of `width` at all sums of multiples of a window's gaps (ascending)."""
    span, words = width, width
    for i in range(GAPS):
        gap, copies = lane[row, GAP + i], lane[row, COPIES + i]
        if copies == 1:
            continue
        if words == span and gap <= span:
            span += (copies - 1) * gap
            words = span
        elif gap >= span:
            words *= copies
            span += (copies - 1) * gap
        else:
            return IRREGULAR
    return words


@kernel
def _share(row: int, gap: int, copies: int, lane: Ints) -> bool:
    """Note that copies `gap` words apart share the window. False if there are too many."""
    if lane[row, COPIES] != 1:
        return False
    lane[row, GAP], lane[row, COPIES] = gap, copies
    for i in range(GAPS - 1):  # keep the gaps in ascending order
        if lane[row, GAP + i] > lane[row, GAP + i + 1]:
            for column in (GAP, COPIES):
                above = lane[row, column + i + 1]
                lane[row, column + i + 1] = lane[row, column + i]
                lane[row, column + i] = above
    return True


@kernel
def _kept(row: int, shift: int, lane: Ints) -> int:
    """Words that every copy in need of them already has when its tile moves by `shift`."""
    if shift == 0:
        return lane[row, ALL]
    lacked = _union(min(lane[row, WIDTH], abs(shift)), row, lane)
    return lane[row, ALL] - lacked if lacked != IRREGULAR else IRREGULAR


@kernel
def _classify(t: int, size: Ints, ranks: Ints, tensors: Ints, loops: Ints, lane: Ints) -> int:
    """Fill the table of loops for tensor `t`; returns how many loops are in space."""
    last, spaces = tensors[t, LAST], 0
    columns = TIMES + 3 * tensors[t, WINDOWS]
    lane[0, OUTER], lane[0, PARTS], lane[0, STOP], lane[0, TIMES], lane[0, TIMES + 3] = 1, 1, 0, 1, 1
    for w in range(tensors[t, WINDOWS]):
        for term in range(2):
            lane[0, INNER + 3 * w + term] = size[ranks[last - 1 - w, TERM + term]]
    for i in range(loops.shape[1]):
        bound = loops[BOUND, i]
        in_time = loops[AXIS, i] < 0
        k = tensors[t, RANK_OF + loops[DIM, i]]
        for column in range(OUTER, columns):
            lane[i + 1, column] = lane[i, column]
        if not in_time:
            lane[spaces, SPACE] = i
            spaces += 1
        if k < 0:
            lane[i, WHAT] = INDEPENDENT
            if in_time:
                lane[i + 1, OUTER] *= bound
        elif ranks[k, KIND] == PLAIN:
            lane[i, WHAT] = FLAT_RANK
            lane[i + 1, PARTS] *= bound
            if in_time and bound > 1:
                lane[i + 1, STOP] = i + 1
        else:
            w = last - 1 - k
            term = 0 if ranks[k, TERM] == loops[DIM, i] else 1
            lane[i, WHAT] = w + 1
            lane[i, FAR] = ranks[k, COEF + term] * loops[STEP, i]
            lane[i + 1, INNER + 3 * w + term] = loops[STEP, i]
            if in_time:
                lane[i + 1, TIMES + 3 * w] *= bound
    return spaces


@kernel
def _set_window(w: int, k: int, end: int, spaces: int, ranks: Ints, loops: Ints, lane: Ints) -> bool:
    """Describe window `w`, of rank `k`, of tiles kept after `end` loops. False if it is irregular."""
    row = len(lane) - 1 - w
    n0, n1 = lane[end, INNER + 3 * w], lane[end, INNER + 3 * w + 1]
    width = _width(ranks[k, COEF], n0, ranks[k, COEF + 1], n1)
    for i in range(GAPS):
        lane[row, GAP + i], lane[row, COPIES + i] = 0, 1
    each = 1
    for s in range(spaces):
        i = lane[s, SPACE]
        if i < end and lane[i, WHAT] == w + 1 and loops[BOUND, i] > 1:
            if not lane[loops[AXIS, i], SHARE]:
                each *= loops[BOUND, i]
            elif not _share(row, lane[i, FAR], loops[BOUND, i], lane):
                return False
    everything = _union(width, row, lane)
    lane[row, WIDTH], lane[row, ALL], lane[row, EACH], lane[row, SHIFT] = width, everything, each, 0
    lane[row, NOW] = everything * each * lane[end, TIMES + 3 * w] - ranks[k, LOST]
    return width != IRREGULAR and everything != IRREGULAR


@kernel
def _entered(two: bool, end: int, stop: int, loops: Ints, lane: Ints) -> int:
    """Words of a tensor's windows that enter tiles kept after `end` loops, times independent iterations.

    From loop `stop - 1`, the first over a plain rank, outward tiles have no word in common with those before.
    """
    first = len(lane) - 1
    now = lane[first, NOW] * (lane[first - 1, NOW] if two else 1)
    total = lane[end, OUTER] * now
    for j in range(end - 1, stop - 1, -1):
        bound = loops[BOUND, j]
        if loops[AXIS, j] >= 0 or bound == 1:
            continue
        if lane[j, WHAT] == INDEPENDENT:
            total -= (lane[j + 1, OUTER] - lane[j, OUTER]) * now
            continue
        w = lane[j, WHAT] - 1
        row = first - w
        shift = lane[row, SHIFT] - lane[j, FAR] * (bound - 1)
        moved = _kept(row, lane[row, SHIFT] + lane[j, FAR], lane)
        wrapped = _kept(row, shift, lane)
        if moved == IRREGULAR or wrapped == IRREGULAR:
            return IRREGULAR
        times = lane[j, TIMES + 3 * w] * lane[row, EACH]
        other = lane[2 * first - 1 - row, NOW] if two else 1
        total -= lane[j, OUTER] * other * moved * times * (bound - 1)
        lane[row, SHIFT], lane[row, NOW] = shift, wrapped * times
        now = other * lane[row, NOW]
    return total


@kernel
def _tile(t: int, end: int, ranks: Ints, tensors: Ints, lane: Ints) -> int:
    """Words of the tile of tensor `t` kept after `end` loops."""
    words = tensors[t, FLAT] // lane[end, PARTS]
    for w in range(tensors[t, WINDOWS]):
        k = tensors[t, LAST] - 1 - w
        n0, n1 = lane[end, INNER + 3 * w], lane[end, INNER + 3 * w + 1]
        width = _width(ranks[k, COEF], n0, ranks[k, COEF + 1], n1)
        if width == IRREGULAR:
            width = window_words(ranks[k, COEF], n0, ranks[k, COEF + 1], n1)
        words *= min(width, ranks[k, WORDS])
    return words


@kernel
def _crossings(
    t: int,
    parent: int,
    child: int,
    end: int,
    spaces: int,
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    loops: Ints,
    lane: Ints,
    out: Ints,
) -> bool:
    """Words of tensor `t` between the nodes `parent` and `child`, whose tile is kept after `end` loops."""
    last, axes, windows, is_output = len(tensors) - 1, RANK_OF + len(size), tensors[t, WINDOWS], tensors[t, OUTPUT]
    gaps = tensors[last, NODES] - 1
    # the arithmetic keeps nothing: every operand comes anew, as if all loops were over plain ranks
    stop = end if child == gaps else lane[end, STOP]
    entered, copies = lane[stop, OUTER], 1
    for gap in range(child - 1, parent - 1, -1):
        news = gap == child - 1
        for a in range(tensors.shape[1] - axes):
            lane[a, SHARE] = 1 if gap < tensors[last, axes + a] < child and tensors[t, axes + a] else 0
            news |= lane[a, SHARE] == 1 and tensors[last, axes + a] == gap + 1
        if news:
            for w in range(windows):
                if not _set_window(w, tensors[t, LAST] - 1 - w, end, spaces, ranks, loops, lane):
                    return False
            if windows > 0:
                entered = _entered(windows == 2, end, stop, loops, lane)
            if entered == IRREGULAR:
                return False
            copies = tensors[t, FLAT]
            for s in range(spaces):
                i = lane[s, SPACE]
                if i < end and lane[i, WHAT] == INDEPENDENT and not lane[loops[AXIS, i], SHARE]:
                    copies *= loops[BOUND, i]
        # an output has plain ranks only: every word is begun once by every group of copies
        out[t, gap] = (entered - is_output) * copies
        out[t, gaps + gap] = entered * copies * is_output
    return True


@kernel
def count_even(
    t: int, size: Ints, ranks: Ints, tensors: Ints, loops: Ints, keep: Ints, lane: Ints, out: Ints
) -> bool:
    """Count tensor `t` of a nest all of whose bounds divide. False if it has to be counted the long way."""
    last, levels = len(tensors) - 1, keep.shape[1]
    gaps = tensors[last, NODES] - 1
    if tensors[t, WINDOWS] == IRREGULAR:
        return False
    spaces = _classify(t, size, ranks, tensors, loops, lane)
    parent = -1
    for level in range(levels):
        end = keep[t, level]
        out[t, 2 * gaps + level] = 0
        if end >= 0:
            node = keep[last, level]
            out[t, 2 * gaps + level] = _tile(t, end, ranks, tensors, lane)
            if parent >= 0 and not _crossings(t, parent, node, end, spaces, size, ranks, tensors, loops, lane, out):
                return False
            parent = node
    return _crossings(t, parent, gaps, loops.shape[1], spaces, size, ranks, tensors, loops, lane, out)
