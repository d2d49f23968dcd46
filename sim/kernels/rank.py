"""Sums over the positions of one rank, by enumeration: the factors of which `sim.kernels.reuse` makes its products.

The loops outside a keep play one of four parts. SUMMED loops have every value once; the MOVED loop has every value
but zero, and the tile before has the value one less; WRAPPED loops are at zero, and the tile before is at their last
value that exists; SHARED loops are copies in space whose tiles are united. Loops
from the keep inward have none.

A dimension on which a tensor does not depend is a rank with the coefficient zero: it has one word, which is there
at every position, so that its sums count iterations.
"""

from __future__ import annotations

import numpy as np

from sim.kernels.jit import part
from sim.kernels.lane import ABOVE, CODE, EXTENTS, INNERMOST, NEXT, NODE, RECORD, WHICH
from sim.kernels.layout import (
    AXIS,
    BOUND,
    COEF,
    DIM,
    EXTENT,
    LENGTH,
    OFFSET,
    PART,
    STEP,
    TERM,
    TERMS,
    Ints,
    Ints1,
    extent,
)

SUMMED, MOVED, WRAPPED, SHARED = 1, 2, 4, 8

# What is summed; see `_sum`. The last two are for what an output's first visits bring: what is wanted at any time, by
# copies that share; and by all copies since the last keep.
WANTED, KEPT, PASSED, BEGUN, TOGETHER = range(5)
KEY = 5  # columns of a row of remembered sums before those that tell of loops

# Rows of the table of stamps. Three have a column a word: the last group of copies that needed the word, the last
# copy that had it, the last group in which a copy lacked it. One begins with the last stamp that was given. Five have
# a column a term of the index: where a tile begins, and its extents now; the same of the tile before; the extents of
# a full tile. The last has a column a loop outside the keep: its value now.
NEEDED, HELD, LACKED, LAST_STAMP, START, SPAN, BEFORE, SPAN_BEFORE, FULL, DIGIT = range(10)


@part
def _next(ranks: Ints, k: int, end: int, loops: Ints, parts: int, stamp: Ints) -> bool:
    """Next digits of the rank's loops with one of the `parts`; False, and all at their start, after the last."""
    for i in range(end - 1, -1, -1):
        for term in range(TERMS):
            if loops[PART, i] & parts and ranks[k, TERM + term] == loops[DIM, i]:
                stamp[DIGIT, i] += 1
                if stamp[DIGIT, i] < loops[BOUND, i]:
                    return True
                stamp[DIGIT, i] = 1 if loops[PART, i] == MOVED else 0
    return False


@part
def _place(size: Ints, ranks: Ints, k: int, end: int, loops: Ints, stamp: Ints) -> bool:
    """Set a tile at these digits and the tile before it; False where it lies beyond a dimension."""
    for term in range(TERMS):
        d = ranks[k, TERM + term]
        start, before, length, length_before = 0, 0, 1, 1
        if d >= 0:
            for i in range(end):
                if loops[DIM, i] == d and loops[PART, i] != WRAPPED:
                    start += stamp[DIGIT, i] * loops[STEP, i]
                    before -= loops[STEP, i] if loops[PART, i] == MOVED else 0
            if start >= size[d]:
                return False
            before += start
            for i in range(end):
                if loops[DIM, i] == d and loops[PART, i] == WRAPPED:
                    room = size[d] - 1 - before
                    before += min(loops[BOUND, i] - 1, room // loops[STEP, i]) * loops[STEP, i]
            length = min(size[d] - start, stamp[FULL, term])
            length_before = min(size[d] - before, stamp[FULL, term])
        stamp[START, term], stamp[SPAN, term] = start, length
        stamp[BEFORE, term], stamp[SPAN_BEFORE, term] = before, length_before
    return True


@part
def _stamp(ranks: Ints, k: int, which: int, row: int, value: int, unless: int, stamp: Ints) -> int:
    """Stamp a tile's existing words in `row`, but those with the stamp `unless` in HELD; how many were new."""
    new = 0
    extent_, offset = ranks[k, EXTENT], ranks[k, OFFSET]
    for i in range(stamp[which, 0], stamp[which, 0] + stamp[which + 1, 0]):
        for j in range(stamp[which, 1], stamp[which, 1] + stamp[which + 1, 1]):
            for h in range(stamp[which, 2], stamp[which, 2] + stamp[which + 1, 2]):
                word = ranks[k, COEF] * i + ranks[k, COEF + 1] * j + ranks[k, COEF + 2] * h
                padding = extent_ >= 0 and (word + offset < 0 or word + offset >= extent_)
                if not padding and stamp[HELD, word] != unless and stamp[row, word] != value:
                    stamp[row, word] = value
                    new += 1
    return new


@part
def _enumerate(size: Ints, ranks: Ints, k: int, end: int, what: int, loops: Ints, stamp: Ints) -> int:
    """The sum of `_sum`, position by position."""
    for term in range(TERMS):
        d = ranks[k, TERM + term]
        stamp[FULL, term] = extent(size[d], d, end, loops) if d >= 0 else 1
    for i in range(end):
        stamp[DIGIT, i] = 1 if loops[PART, i] == MOVED else 0
    total = 0
    more_groups = True
    while more_groups:
        stamp[LAST_STAMP, 0] += 1
        group = stamp[LAST_STAMP, 0]
        for look in range(2 if what == PASSED else 1):
            more_copies = True
            while more_copies:
                if _place(size, ranks, k, end, loops, stamp):
                    if what == PASSED and look == 0:
                        _stamp(ranks, k, BEFORE, HELD, group, -1, stamp)
                    else:
                        total += _stamp(ranks, k, START, NEEDED, group, -1, stamp)
                    if what == PASSED and look == 1:
                        total -= _stamp(ranks, k, START, LACKED, group, group, stamp)
                    elif what == KEPT:
                        stamp[LAST_STAMP, 0] += 1
                        copy = stamp[LAST_STAMP, 0]
                        _stamp(ranks, k, BEFORE, HELD, copy, -1, stamp)
                        total -= _stamp(ranks, k, START, LACKED, group, copy, stamp)
                more_copies = _next(ranks, k, end, loops, SHARED, stamp)
        more_groups = _next(ranks, k, end, loops, SUMMED | MOVED, stamp)
    return total


@part
def positions(size: int, d: int, end: int, loops: Ints) -> int:
    """At how many values of the loops over a dimension a tile exists, at least that of the first of sharing copies.

    From the outside in, all but the last value of a loop leave room for everything inside it.
    """
    reach = 0  # of the loops further in, if each is at its last value
    out, rest, inner = 0, size - 1, 1  # tiles may begin up to `rest` words further on
    for i in range(end):
        if loops[DIM, i] == d and loops[PART, i] & (SUMMED | MOVED):
            reach += (loops[BOUND, i] - 1) * loops[STEP, i]
            inner *= loops[BOUND, i] - (loops[PART, i] == MOVED)
    for i in range(end):
        if loops[DIM, i] != d or not loops[PART, i] & (SUMMED | MOVED):
            continue
        bound, step, first = loops[BOUND, i], loops[STEP, i], 1 if loops[PART, i] == MOVED else 0
        reach -= (bound - 1) * step
        inner = inner // (bound - first) if bound > first else 0
        if rest < first * step:
            return out
        whole = min(bound, (rest - reach) // step + 1) if rest >= reach else 0  # values with room for all inside
        out += max(0, whole - first) * inner
        value = max(whole, first)
        if value >= bound or rest < value * step:
            return out
        rest -= value * step
    return out + 1


@part
def _at_once(size: Ints, ranks: Ints, k: int, end: int, what: int, loops: Ints) -> int:
    """The sum of `_sum` where a rank is one dimension all of whose words exist; -1: it has to be enumerated.

    The tiles at all positions are the parts of a partition: what they want, together, is the dimension, and no tile
    has a word in common with another.
    """
    d = ranks[k, TERM]
    if ranks[k, TERM + 1] >= 0 or ranks[k, EXTENT] >= 0:
        return -1
    if ranks[k, COEF] == 0:
        return positions(size[d], d, end, loops)
    if what == WANTED:
        return size[d]
    covered, moves, wraps = 1, False, False
    for i in range(loops[LENGTH, 0]):
        if loops[DIM, i] == d:
            covered *= loops[BOUND, i]
            moves = moves or (i < end and loops[PART, i] == MOVED)
            wraps = wraps or (i < end and loops[PART, i] == WRAPPED and loops[BOUND, i] > 1)
    if moves:
        return 0
    if not wraps:
        return size[d]
    return 0 if covered == size[d] else -1


@part
def _sum(size: Ints, ranks: Ints, k: int, end: int, what: int, loops: Ints, stamp: Ints) -> int:
    """A sum over all positions of rank `k` outside a keep.

    It is of the words WANTED by any of the copies that share; or after the MOVED loop has advanced, of those that
    every copy that wants them has KEPT, or that can be PASSED on because any of the copies has kept them.
    """
    total = _at_once(size, ranks, k, end, what, loops)
    return total if total >= 0 else _enumerate(size, ranks, k, end, what, loops, stamp)


@part
def _set_parts(mode: int, gap: int, end: int, loops: Ints, lane: Ints1) -> None:
    """Give all loops outside a keep their part, before any of them advances."""
    for i in range(end):
        r = RECORD * i
        if loops[AXIS, i] < 0:
            loops[PART, i] = SHARED if mode >= BEGUN else SUMMED
        else:
            loops[PART, i] = SHARED if lane[r + (NODE if mode == TOGETHER else ABOVE)] > gap else SUMMED


@part
def _fill(
    rank: int,
    mode: int,
    moves: int,
    gap: int,
    end: int,
    size: Ints,
    ranks: Ints,
    loops: Ints,
    lane: Ints1,
    stamp: Ints,
    row: Ints1,
) -> None:
    """Work out the sums of a rank: of what is wanted, and for each of its loops that are listed, when it moves."""
    k, what = lane[rank + WHICH], PASSED if mode == PASSED else KEPT
    _set_parts(mode, gap, end, loops, lane)
    value, i = values_at(len(row)), lane[rank + INNERMOST]
    row[value] = _sum(size, ranks, k, end, WANTED, loops, stamp)
    while moves > 0:
        if lane[i + NODE] < 0:
            moves -= 1
            for column, part in ((1, MOVED), (2, WRAPPED)):
                loops[PART, i // RECORD] = part
                row[value + column] = _sum(size, ranks, k, end, what, loops, stamp)
            value += 2
        i = lane[i + NEXT]


@part
def values_at(columns: int) -> int:
    """Where in a row of remembered sums the sums begin; before them is the key."""
    return KEY + (columns - KEY) // 3


@part
def find_sums(
    rank: int,
    mode: int,
    moves: int,
    gap: int,
    end: int,
    first: int,
    rows: int,
    size: Ints,
    ranks: Ints,
    loops: Ints,
    lane: Ints1,
    stamp: Ints,
    memo: Ints,
) -> int:
    """The row, one of `rows` from the `first`, in which the sums of a rank are remembered, seen from a gap.

    Sums come back in many nests. The key is all they depend on: the rank and what is asked, how many of its loops
    move, the extents of a full tile; and bound, term and part of each loop, from the inside out.
    """
    key = memo[len(memo) - 1]  # where it is put together
    key[0] = 1 + (5 * lane[rank + WHICH] + mode) * 64 + moves
    mix, used, i = np.uint64(key[0]), KEY, lane[rank + INNERMOST]
    for term in range(TERMS):
        key[1 + term] = lane[rank + EXTENTS + term]
        mix = (mix ^ np.uint64(key[1 + term])) * np.uint64(0x9E3779B97F4A7C15)
    while i >= 0:
        part = 0
        if lane[i + NODE] >= 0:
            part = 2 if lane[i + (NODE if mode == TOGETHER else ABOVE)] > gap else 1
        key[used] = lane[i + CODE] * 4 + part
        mix = (mix ^ np.uint64(key[used])) * np.uint64(0x9E3779B97F4A7C15)
        mix ^= mix >> np.uint64(29)
        used, i = used + 1, lane[i + NEXT]
    key[KEY - 1] = used
    found = first + np.int64(((mix >> np.uint64(32)) * np.uint64(rows)) >> np.uint64(32))
    row, known, i = memo[found], True, 0
    while known and i < used:
        known, i = row[i] == key[i], i + 1
    if not known:
        _fill(rank, mode, moves, gap, end, size, ranks, loops, lane, stamp, row)
        for i in range(used):
            row[i] = key[i]
    return int(found)
