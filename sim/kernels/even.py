"""The counting kernel's fast lane: one tensor of a nest whose bounds all divide, in one pass over the loops.

Where bounds divide, all positions of a rank are alike and the sums of `sim.kernels.reuse` become products of bounds.
From the keep outward, the first loop over a plain rank ends the sum over j: no later tile has a word in common with
the one before. A window (two dimensions, as P*U + R*D) is an interval of `width` words; the tile before lies `shift`
words away, and copies that share lie at sums of multiples of `gap`s.
"""

from __future__ import annotations

from sim.kernels.jit import inlined, part
from sim.kernels.layout import (
    ALONE,
    AXIS,
    BOUND,
    COEF,
    DIM,
    FLAT,
    KIND,
    LAST,
    LENGTH,
    LOST,
    NODES,
    OUTPUT,
    PASSED_ON,
    PLAIN,
    RANK_OF,
    STEP,
    TERM,
    WINDOWS,
    WORDS,
    Ints,
)

# Columns of the working table of loops, whose row i tells of loop i what it is to the tensor in question and how many
# words of a window one of its iterations is; and of the loops before i that are in time the products of the bounds of
# those that are independent (OUTER), over the first and over the second window. Row a tells also, of axis a, how
# copies along it SHARE, how many ALIKE, that want the same, there are so far, and whether it is IN_USE. SPACE lists
# the loops in space over windows.
WHAT, FAR, OUTER, SPACE, SHARE, ALIKE, IN_USE = 0, 1, 2, 5, 6, 7, 8
INDEPENDENT, FLAT_RANK = 0, 3  # 1 and 2: a loop over a window

# Columns of the last two rows, one a window: the extents of its two dimensions inside the loops so far, words of a
# tile, of the tiles of all copies that share, words common with the tiles before times positions, copies that do not
# share, how far the tile before lies, how many lists of copies share, how far apart they lie and how many they are.
INNER, WIDTH, ALL, NOW, EACH, SHIFT, LISTS, GAP, COPIES = 0, 2, 3, 4, 5, 6, 7, 8, 11
MOST_LISTS = 3
IRREGULAR = -1
NO_NEWS = -1


@part
def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@part
def window_words(c0: int, n0: int, c1: int, n1: int) -> int:
    """Distinct values of c0*i + c1*j for i < n0, j < n1.

    With coprime coefficients the pairs (i, j) and (i + c1, j - c0) coincide, so there are
    n0*n1 - max(0, n0 - c1) * max(0, n1 - c0) values.
    """
    if c0 > 1 and c1 > 1:
        g = _gcd(c0, c1)
        c0, c1 = c0 // g, c1 // g
    return n0 * n1 - max(0, n0 - c1) * max(0, n1 - c0)


@part
def _width(c0: int, n0: int, c1: int, n1: int) -> int:
    """Words of a window's tile, or IRREGULAR if it has holes."""
    if n0 == 1:
        whole = c1 == 1 or n1 == 1
    elif n1 == 1:
        whole = c0 == 1
    else:
        whole = (c0 == 1 and n0 >= c1) or (c1 == 1 and n1 >= c0)
    return c0 * (n0 - 1) + c1 * (n1 - 1) + 1 if whole else IRREGULAR


@part
def _union(width: int, row: int, lane: Ints) -> int:
    """Size of the union of intervals of `width` at all sums of multiples of a window's gaps (ascending)."""
    span, words = width, width
    for i in range(lane[row, LISTS]):
        gap, more = lane[row, GAP + i], lane[row, COPIES + i] - 1
        if words == span and gap <= span:
            words += more * gap
        elif gap >= span:
            words += more * words
        else:
            return IRREGULAR
        span += more * gap
    return words


@part
def _share(row: int, gap: int, copies: int, lane: Ints) -> bool:
    """Note that copies `gap` words apart share the window. False if there are too many lists of them."""
    i = lane[row, LISTS]
    if i == MOST_LISTS:
        return False
    while i > 0 and lane[row, GAP + i - 1] > gap:  # gaps ascend
        lane[row, GAP + i], lane[row, COPIES + i] = lane[row, GAP + i - 1], lane[row, COPIES + i - 1]
        i -= 1
    lane[row, GAP + i], lane[row, COPIES + i] = gap, copies
    lane[row, LISTS] += 1
    return True


@part
def _kept(row: int, shift: int, passed_on: bool, lane: Ints) -> int:
    """Words that every copy in need of them has kept, or any copy can pass on, when tiles move by `shift`."""
    if shift == 0:
        return lane[row, ALL]
    if abs(shift) >= lane[row, WIDTH] and not passed_on:
        return 0
    if passed_on:
        span = lane[row, WIDTH]
        for i in range(lane[row, LISTS]):
            span += lane[row, GAP + i] * (lane[row, COPIES + i] - 1)
        return max(0, span - abs(shift)) if span == lane[row, ALL] else IRREGULAR
    lacked = _union(min(lane[row, WIDTH], abs(shift)), row, lane)
    return lane[row, ALL] - lacked if lacked != IRREGULAR else IRREGULAR


@inlined
def _set_window(w: int, k: int, end: int, spaces: int, ranks: Ints, loops: Ints, lane: Ints) -> bool:
    """Describe window `w`, of rank `k`, of tiles kept after `end` loops. False if it is irregular."""
    row = len(lane) - 1 - w
    width = _width(ranks[k, COEF], lane[row, INNER], ranks[k, COEF + 1], lane[row, INNER + 1])
    if width == IRREGULAR:
        return False
    lane[row, LISTS] = 0
    each = 1
    for s in range(spaces):
        i = lane[s, SPACE]
        if lane[i, WHAT] == w + 1:
            if not lane[loops[AXIS, i], SHARE]:
                each *= loops[BOUND, i]
            elif not _share(row, lane[i, FAR], loops[BOUND, i], lane):
                return False
    everything = _union(width, row, lane)
    lane[row, WIDTH], lane[row, ALL], lane[row, EACH], lane[row, SHIFT] = width, everything, each, 0
    lane[row, NOW] = everything * each * lane[end, OUTER + 1 + w] - ranks[k, LOST]
    return everything != IRREGULAR


@inlined
def _entered(two: bool, end: int, stop: int, passed_on: bool, loops: Ints, lane: Ints) -> int:
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
        moved = _kept(row, lane[row, SHIFT] + lane[j, FAR], passed_on, lane)
        wrapped = _kept(row, shift, passed_on, lane)
        if moved == IRREGULAR or wrapped == IRREGULAR:
            return IRREGULAR
        times = lane[j, OUTER + 1 + w] * lane[row, EACH]
        other = lane[2 * first - 1 - row, NOW] if two else 1
        total -= lane[j, OUTER] * other * moved * times * (bound - 1)
        lane[row, SHIFT], lane[row, NOW] = shift, wrapped * times
        now = other * lane[row, NOW]
        if (
            two and other == 0 and lane[row, NOW] == 0
        ):  # from here outward tiles have nothing in common with those before
            break
    return total


@part
def note_axes(loops: Ints, lane: Ints) -> None:
    """Note which axes have copies in use: once for a nest."""
    for a in range(len(lane)):
        lane[a, IN_USE] = 0
    for i in range(loops[LENGTH, 0]):
        if loops[AXIS, i] >= 0 and loops[BOUND, i] > 1:
            lane[loops[AXIS, i], IN_USE] = 1


@inlined
def _set_share(t: int, above: int, below: int, axes: int, tensors: Ints, lane: Ints) -> int:
    """Note how copies of tensor `t` share along the axes between two nodes.

    Returns the closest sharing there is among copies that are in use, or NO_NEWS if that is as one node further in.
    """
    last = len(tensors) - 1
    best, news = ALONE, above == below - 1
    for a in range(tensors.shape[1] - axes):
        lane[a, SHARE] = tensors[t, axes + a] if above < tensors[last, axes + a] < below else ALONE
        best = max(best, lane[a, SHARE] if lane[a, IN_USE] else ALONE)
        news |= lane[a, SHARE] != ALONE and tensors[last, axes + a] == above + 1
    return best if news else NO_NEWS


@inlined
def _crossings(
    t: int,
    parent: int,
    child: int,
    end: int,
    stop: int,
    spaces: int,
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    loops: Ints,
    lane: Ints,
    out: Ints,
) -> bool:
    """Words of tensor `t`, which has windows, between two nodes, where its tile is kept after `end` loops."""
    axes, windows, gaps = RANK_OF + len(size), tensors[t, WINDOWS], tensors[len(tensors) - 1, NODES] - 1
    words = 0
    for gap in range(child - 1, parent - 1, -1):
        share = _set_share(t, gap, child, axes, tensors, lane)
        if share != NO_NEWS:
            for w in range(windows):
                if not _set_window(w, tensors[t, LAST] - 1 - w, end, spaces, ranks, loops, lane):
                    return False
            # the arithmetic keeps nothing: every operand comes anew, as if the last loop were over a plain rank
            anew = child == gaps and share != PASSED_ON
            words = _entered(windows == 2, end, end if anew else stop, share == PASSED_ON, loops, lane)
            if words == IRREGULAR:
                return False
            words *= tensors[t, FLAT]
            for a in range(tensors.shape[1] - axes):
                words *= 1 if lane[a, SHARE] else lane[a, ALIKE]
        out[t, gap] = words
        out[t, gaps + gap] = 0
    return True


@inlined
def _pass(t: int, i: int, spaces: int, ranks: Ints, tensors: Ints, loops: Ints, lane: Ints) -> int:
    """Take note of loop `i`; returns how many loops in space over windows there are now."""
    bound, a = loops[BOUND, i], loops[AXIS, i]
    k = tensors[t, RANK_OF + loops[DIM, i]]
    what = INDEPENDENT
    for column in range(OUTER, OUTER + 3):
        lane[i + 1, column] = lane[i, column]
    if k >= 0 and ranks[k, KIND] == PLAIN:
        what = FLAT_RANK
    elif k >= 0:
        w = tensors[t, LAST] - 1 - k
        term = 0 if ranks[k, TERM] == loops[DIM, i] else 1
        what = w + 1
        lane[i, FAR] = ranks[k, COEF + term] * loops[STEP, i]
        lane[len(lane) - 1 - w, INNER + term] = loops[STEP, i]
        if a >= 0 and bound > 1:
            lane[spaces, SPACE] = i
            spaces += 1
    elif a >= 0:
        lane[a, ALIKE] *= bound
    lane[i, WHAT] = what
    if a < 0 and what != FLAT_RANK:
        lane[i + 1, OUTER + what] *= bound
    return spaces


@part
def count_windows(
    t: int, size: Ints, ranks: Ints, tensors: Ints, loops: Ints, keep: Ints, lane: Ints, out: Ints
) -> bool:
    """Count an input that has windows. False if it has to be counted the long way."""
    last, levels, windows, first = len(tensors) - 1, keep.shape[1], tensors[t, WINDOWS], len(lane) - 1
    gaps = tensors[last, NODES] - 1
    for a in range(tensors.shape[1] - RANK_OF - len(size)):
        lane[a, ALIKE] = 1
    for w in range(windows):
        for term in range(2):
            lane[first - w, INNER + term] = size[ranks[tensors[t, LAST] - 1 - w, TERM + term]]
    lane[0, OUTER], lane[0, OUTER + 1], lane[0, OUTER + 2] = 1, 1, 1
    i, parent, stop, spaces, parts = 0, -1, 0, 0, 1
    for level in range(levels + 1):
        end = keep[t, level] if level < levels else loops[LENGTH, 0]
        node = keep[last, level] if level < levels else gaps
        while i < end:
            spaces = _pass(t, i, spaces, ranks, tensors, loops, lane)
            i += 1
            if lane[i - 1, WHAT] == FLAT_RANK:
                parts *= loops[BOUND, i - 1]
                stop = i if loops[AXIS, i - 1] < 0 and loops[BOUND, i - 1] > 1 else stop
        if level < levels:
            words = tensors[t, FLAT] // parts if end >= 0 else 0
            for w in range(windows):
                k = tensors[t, LAST] - 1 - w
                n0, n1 = lane[first - w, INNER], lane[first - w, INNER + 1]
                words *= min(window_words(ranks[k, COEF], n0, ranks[k, COEF + 1], n1), ranks[k, WORDS])
            out[t, 2 * gaps + level], out[t, 2 * gaps + levels + level] = words, 0
        if end < 0:
            continue
        if parent >= 0 and not _crossings(t, parent, node, end, stop, spaces, size, ranks, tensors, loops, lane, out):
            return False
        parent = node
    return True


@part
def count_plain(t: int, size: Ints, tensors: Ints, loops: Ints, keep: Ints, lane: Ints, out: Ints) -> None:
    """Count a tensor that has plain ranks only.

    A tile is the same as before as long as only independent loops advance, and has nothing in common with it after
    that. So what enters a tile is the tensor times the independent loops outside the last one over a plain rank.
    """
    axes, last, levels, n_axes = (
        RANK_OF + len(size),
        len(tensors) - 1,
        keep.shape[1],
        tensors.shape[1] - RANK_OF - len(size),
    )
    gaps, flat, is_output = tensors[last, NODES] - 1, tensors[t, FLAT], tensors[t, OUTPUT]
    for a in range(n_axes):
        lane[a, ALIKE] = 1
    i, above = 0, -1
    outer, entered, parts = 1, 1, 1
    for level in range(levels + 1):
        end = keep[t, level] if level < levels else loops[LENGTH, 0]
        node = keep[last, level] if level < levels else gaps
        while i < end:
            bound, a = loops[BOUND, i], loops[AXIS, i]
            if tensors[t, RANK_OF + loops[DIM, i]] >= 0:
                parts *= bound
                if a < 0 and bound > 1:
                    entered = outer
            elif a < 0:
                outer *= bound
            else:
                lane[a, ALIKE] *= bound
            i += 1
        if level < levels:
            out[t, 2 * gaps + level], out[t, 2 * gaps + levels + level] = flat // parts if end >= 0 else 0, 0
        if end < 0:
            continue
        parent = keep[last, above] if above >= 0 else node
        words, copies = entered, flat
        for gap in range(node - 1, parent - 1, -1):
            share = _set_share(t, gap, node, axes, tensors, lane)
            if share != NO_NEWS:
                # the arithmetic keeps nothing: every operand comes anew, unless it is passed on
                words = outer if level == levels and share != PASSED_ON else entered
                copies = flat
                for a in range(n_axes):
                    copies *= 1 if lane[a, SHARE] else lane[a, ALIKE]
            # every word of an output is begun once by every group of copies, and does not come down then
            out[t, gap] = (words - is_output) * copies
            out[t, gaps + gap] = words * copies * is_output
        if is_output and above >= 0:  # once by all copies together: the others' are added to it
            together = flat
            for a in range(n_axes):
                together *= lane[a, ALIKE] if tensors[last, axes + a] <= parent else 1
            out[t, 2 * gaps + levels + above] = copies - together
        above = level


@inlined
def count_even(
    t: int, size: Ints, ranks: Ints, tensors: Ints, loops: Ints, keep: Ints, lane: Ints, out: Ints
) -> bool:
    """Count tensor `t` of a nest all of whose bounds divide. False if it has to be counted the long way."""
    if tensors[t, WINDOWS] == 0:
        count_plain(t, size, tensors, loops, keep, lane, out)
        return True
    return tensors[t, WINDOWS] > 0 and count_windows(t, size, ranks, tensors, loops, keep, lane, out)
