"""The counting kernel's fast lane: one tensor of a nest whose bounds all divide, in one pass inward over the loops.

Where bounds divide, all positions of a rank are alike and the sums of `sim.kernels.reuse` become products of bounds.
From the keep outward, the first loop over a plain rank ends the sum over j: no later tile has a word in common with
the one before. A window (two dimensions, as P*U + R*D) is an interval of `width` words; the tile before lies `shift`
words away, and copies that share lie at sums of multiples of `gap`s.

Besides a few products it needs two short lists of what it has seen: of loops in time since the last one over a plain
rank, and of loops in space over windows.
"""

from __future__ import annotations

from sim.kernels.jit import part
from sim.kernels.lane import (
    ABOVE,
    ALIKE,
    ALL,
    APART,
    COPIES,
    EACH,
    FAR,
    GAP,
    INNER,
    INSIDE,
    LINK,
    LISTS,
    MANY,
    MORE,
    MOST_LISTS,
    MOVES,
    NODE,
    NOW,
    OF,
    OUTER,
    OVER,
    PLACES,
    RANK,
    RECORD,
    SHIFT,
    SPREAD,
    TILES,
    TIMES,
    WIDTH,
)
from sim.kernels.layout import (
    ALONE,
    COEF,
    FLAT,
    LAST,
    LOST,
    NODES,
    PASSED_ON,
    RANK_OF,
    TERM,
    WINDOWS,
    WORDS,
    Ints,
    Ints1,
)
from sim.kernels.plain import count_plain, set_tiles

IRREGULAR = -1


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
def _union(width: int, row: int, lane: Ints1) -> int:
    """Size of the union of intervals of `width` at all sums of multiples of a window's gaps (ascending)."""
    span, words = width, width
    for i in range(row, row + lane[row + LISTS]):
        gap, more = lane[i + GAP], lane[i + OF] - 1
        if words == span and gap <= span:
            words += more * gap
        elif gap >= span:
            words += more * words
        else:
            return IRREGULAR
        span += more * gap
    return words


@part
def _share(row: int, gap: int, copies: int, lane: Ints1) -> bool:
    """Note that copies `gap` words apart share the window. False if there are too many lists of them."""
    i = row + lane[row + LISTS]
    if i == row + MOST_LISTS:
        return False
    while i > row and lane[i + GAP - 1] > gap:  # gaps ascend
        lane[i + GAP], lane[i + OF] = lane[i + GAP - 1], lane[i + OF - 1]
        i -= 1
    lane[i + GAP], lane[i + OF] = gap, copies
    lane[row + LISTS] += 1
    return True


@part
def _kept(row: int, shift: int, passed_on: bool, lane: Ints1) -> int:
    """Words that every copy in need of them has kept, or any copy can pass on, when tiles move by `shift`."""
    if shift == 0:
        return lane[row + ALL]
    if abs(shift) >= lane[row + WIDTH] and not passed_on:
        return 0
    if passed_on:
        span = lane[row + WIDTH]
        for i in range(row, row + lane[row + LISTS]):
            span += lane[i + GAP] * (lane[i + OF] - 1)
        return max(0, span - abs(shift)) if span == lane[row + ALL] else IRREGULAR
    lacked = _union(min(lane[row + WIDTH], abs(shift)), row, lane)
    return lane[row + ALL] - lacked if lacked != IRREGULAR else IRREGULAR


@part
def _set_window(w: int, k: int, gap: int, begin: int, spaces: int, ranks: Ints, lane: Ints1) -> bool:
    """Describe window `w`, of rank `k`, of the tiles inside the loops so far, seen from a gap. False if irregular.

    Loops in space since the last keep, from the `begin` of the list, may share.
    """
    row = RECORD * w
    width = _width(ranks[k, COEF], lane[row + INNER], ranks[k, COEF + 1], lane[row + INNER + 1])
    if width == IRREGULAR:
        return False
    lane[row + LISTS] = 0
    each, everything = lane[row + COPIES], width
    if begin < spaces:
        each = 1
        for s in range(0, spaces, RECORD):
            if lane[s + SPREAD] != w:
                continue
            if lane[s + ABOVE] <= gap:
                each *= lane[s + MANY]
            elif not _share(row, lane[s + APART], lane[s + MANY], lane):
                return False
        everything = _union(width, row, lane)
    lane[row + WIDTH], lane[row + ALL], lane[row + EACH], lane[row + SHIFT] = width, everything, each, 0
    lane[row + NOW] = everything * each * lane[row + PLACES] - ranks[k, LOST]
    return everything != IRREGULAR


@part
def _entered(outer: int, spared: int, passed_on: bool, lane: Ints1) -> int:
    """Words of a tensor's windows that enter tiles, times independent iterations.

    From the outermost of the loops that are listed outward tiles have no word in common with those before.
    """
    now = lane[NOW] * lane[RECORD + NOW]
    total = outer * now
    for j in range(spared - RECORD, -1, -RECORD):
        more, w = lane[j + MORE], lane[j + OVER]
        if w < 0:
            total -= lane[j + OUTER] * more * now
            continue
        row = RECORD * w
        shift = lane[row + SHIFT] - lane[j + MOVES] * more
        moved = _kept(row, lane[row + SHIFT] + lane[j + MOVES], passed_on, lane)
        wrapped = _kept(row, shift, passed_on, lane)
        if moved == IRREGULAR or wrapped == IRREGULAR:
            return IRREGULAR
        times = lane[j + TILES] * lane[row + EACH]
        other = lane[RECORD - row + NOW]
        total -= lane[j + OUTER] * other * moved * times * more
        lane[row + SHIFT], lane[row + NOW] = shift, wrapped * times
        now = other * lane[row + NOW]
        if other == 0 and lane[row + NOW] == 0:  # from here outward tiles have nothing in common with those before
            break
    return total


@part
def _list_window(i: int, w: int, rank: Ints1, outer: int, place: int, lane: Ints1) -> None:
    """List loop `i` over window `w` at a place of the list of loops in time or in space."""
    row, term = RECORD * w, 0 if rank[TERM] == lane[i + RANK] - RANK_OF else 1
    bound, step = lane[i + TIMES], lane[i + FAR]
    lane[row + INNER + term] = step
    if lane[i + NODE] < 0:
        lane[place + OVER], lane[place + MORE], lane[place + MOVES] = w, bound - 1, rank[COEF + term] * step
        lane[place + OUTER], lane[place + TILES] = outer, lane[row + PLACES]
        lane[row + PLACES] *= bound
    else:
        lane[place + SPREAD], lane[place + MANY], lane[place + APART] = w, bound, rank[COEF + term] * step
        lane[row + COPIES] *= bound


@part
def _begin(first: int, windows: int, size: Ints, ranks: Ints, lane: Ints1) -> None:
    """Prepare the records of windows: no loop has been seen."""
    lane[RECORD + NOW] = 1  # where there is no second window
    for w in range(windows):
        row, rank = RECORD * w, ranks[first + w]
        lane[row + INNER], lane[row + INNER + 1] = size[rank[TERM]], size[rank[TERM + 1]]
        lane[row + PLACES], lane[row + COPIES] = 1, 1


@part
def _window_tile(first: int, windows: int, ranks: Ints, lane: Ints1) -> int:
    """Words of a tile over the windows, inside the loops so far."""
    words = 1
    for w in range(windows):
        row, rank = RECORD * w, ranks[first + w]
        tile = window_words(rank[COEF], lane[row + INNER], rank[COEF + 1], lane[row + INNER + 1])
        words *= min(tile, rank[WORDS])
    return words


@part
def count_windows(
    size: Ints, ranks: Ints, tensor: Ints1, machine: Ints1, kept: Ints1, nodes: Ints1, n: int, lane: Ints1, out: Ints1
) -> bool:
    """Count a tensor with windows, which no output has here. False if it has to be counted the long way."""
    levels, gaps, windows = len(kept), machine[NODES] - 1, tensor[WINDOWS]
    copies, outer, first = tensor[FLAT], 1, tensor[LAST] - windows
    for node in range(0, RECORD * gaps, RECORD):
        lane[node + ALIKE] = 1
    _begin(first, windows, size, ranks, lane)
    i, above, parent, listed, spaces = 0, -1, gaps, 0, 0
    for level in range(levels + 1):
        end, node = n, gaps
        if level < levels:
            end, node = kept[level], nodes[level]
            out[2 * gaps + level], out[2 * gaps + levels + level] = 0, 0
            if end < 0:
                continue
        inside, passed, begin, news = 1, -1, spaces, 1 << parent  # in which gaps copies share more than further in
        while i < RECORD * end:
            bound, fanout, k = lane[i + TIMES], lane[i + NODE], tensor[lane[i + RANK]]
            share = tensor[lane[i + LINK]] if fanout >= 0 and bound > 1 else ALONE
            if share == PASSED_ON:
                passed = max(passed, fanout)
                news |= 1 << fanout
            if bound == 1:
                pass
            elif k >= first:
                if fanout >= 0:
                    lane[spaces + ABOVE] = fanout if share else -1
                    news |= 1 << fanout
                _list_window(i, k - first, ranks[k], outer, listed if fanout < 0 else spaces, lane)
                listed, spaces = listed + RECORD * (fanout < 0), spaces + RECORD * (fanout >= 0)
            elif k >= 0:
                inside *= bound
                listed = listed if fanout >= 0 else 0
            elif fanout < 0:
                lane[listed + OVER], lane[listed + MORE], lane[listed + OUTER] = -1, bound - 1, outer
                listed += RECORD
                outer *= bound
            elif share:
                lane[RECORD * fanout + ALIKE] *= bound
            else:
                copies *= bound
            i += RECORD
        words = 0
        for gap in range(parent, node):
            if news >> gap & 1:
                for w in range(windows):
                    if not _set_window(w, first + w, gap, begin, spaces, ranks, lane):
                        return False
                # the arithmetic keeps nothing: every operand comes anew, unless it is passed on
                spares = level < levels or gap < passed
                words = _entered(outer, listed if spares else 0, gap < passed, lane)
                if words == IRREGULAR:
                    return False
            copies *= lane[RECORD * gap + ALIKE]
            out[gap], out[gaps + gap] = words * copies, 0
        if above >= 0:
            lane[RECORD * above + INSIDE] = inside
        if level < levels:
            out[2 * gaps + level] = _window_tile(first, windows, ranks, lane)
            above, parent = level, node
    set_tiles(2 * gaps, kept, lane, out)
    return True


@part
def count_even(
    size: Ints, ranks: Ints, tensor: Ints1, machine: Ints1, kept: Ints1, nodes: Ints1, n: int, lane: Ints1, out: Ints1
) -> bool:
    """Count a tensor of a nest all of whose bounds divide. False if it has to be counted the long way."""
    if tensor[WINDOWS] == 0:
        count_plain(tensor, machine, kept, nodes, n, lane, out)
        return True
    return tensor[WINDOWS] > 0 and count_windows(size, ranks, tensor, machine, kept, nodes, n, lane, out)
