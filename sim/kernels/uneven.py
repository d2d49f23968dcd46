"""Counting the long way: one tensor of any nest, whatever its ranks and the bounds.

As in `sim.kernels.even` one pass goes inward over the loops. Dimensions whose bounds divide, and which are a rank of
their own or not the tensor's, need a few products. Every other rank has a record; the sums over its positions are
looked up (`sim.kernels.rank`). From the keep outward one loop after the other advances, and in each such group of
steps only the sum over its own rank is another one than before.
"""

from __future__ import annotations

from sim.kernels.even import window_words
from sim.kernels.jit import part
from sim.kernels.lane import (
    ABOVE,
    ALIKE,
    CODE,
    EVEN,
    EXTENTS,
    FACTOR,
    FAR,
    INNERMOST,
    INSIDE,
    LINK,
    LISTED,
    MORE,
    NEXT,
    NODE,
    OUTER,
    OVER,
    PART_OF,
    RANK,
    RECORD,
    SPENT,
    SPREAD_OVER,
    SUMS,
    TIMES,
    WHICH,
)
from sim.kernels.layout import (
    ALONE,
    COEF,
    FIRST,
    FLAT,
    KIND,
    LAST,
    LENGTH,
    NODES,
    OUTPUT,
    PASSED_ON,
    PLAIN,
    RANK_OF,
    TERM,
    TERMS,
    WORDS,
    Ints,
    Ints1,
)
from sim.kernels.plain import set_tiles
from sim.kernels.rank import BEGUN, KEPT, PASSED, TOGETHER, find_sums, values_at


@part
def _add_record(record: int, k: int, size: Ints, ranks: Ints, lane: Ints1) -> None:
    """Make a record of rank `k`: no loop has been seen."""
    lane[record + WHICH], lane[record + LISTED], lane[record + INNERMOST] = k, 0, -1
    lane[record + SPREAD_OVER] = 0
    for term in range(TERMS):
        d = ranks[k, TERM + term]
        lane[record + EXTENTS + term] = size[d] if d >= 0 else 1
        if d >= 0:
            lane[len(lane) - 2 * len(size) + 2 * d + PART_OF] = record * TERMS + term


@part
def _set_records(size: Ints, ranks: Ints, tensor: Ints1, lane: Ints1) -> int:
    """Make the records of a tensor's ranks, from the end of the row; returns the last one."""
    record = dims = len(lane) - 2 * len(size)
    for d in range(len(size)):
        lane[dims + 2 * d + PART_OF] = -1
        if tensor[RANK_OF + d] < 0 and not lane[dims + 2 * d + EVEN]:
            record -= RECORD
            _add_record(record, len(ranks) - len(size) + d, size, ranks, lane)
    for k in range(tensor[FIRST], tensor[LAST]):
        d = ranks[k, TERM]
        if ranks[k, KIND] != PLAIN or (d >= 0 and not lane[dims + 2 * d + EVEN]):
            record -= RECORD
            _add_record(record, k, size, ranks, lane)
    return record


@part
def _tile(record: int, dims: int, ranks: Ints, lane: Ints1) -> int:
    """Words of the largest tile over the ranks that have records; holes are not counted.

    Those that a third term of an index leaves are taken for words where they might be.
    """
    words = 1
    for r in range(record, dims, RECORD):
        rank = ranks[lane[r + WHICH]]
        count, coef, span = 1, 1, 1
        for term in range(TERMS):
            c, n = rank[COEF + term], lane[r + EXTENTS + term]
            span += c * (n - 1)
            if n > 1 and count == 1:
                count, coef = n, c
            elif n > 1:
                count = window_words(coef, count, c, n) if coef > 0 else count * n
                coef = 0
        words *= min(count, min(span, rank[WORDS]))
    return words


@part
def _entered(record: int, dims: int, total: int, listed: int, lane: Ints1, memo: Ints) -> int:
    """Words that enter tiles, over all ranks that have records, of the `total` that is wanted there."""
    value = values_at(memo.shape[1])
    for j in range(listed - RECORD, -1, -RECORD):
        more, over = lane[j + OUTER], lane[j + OVER]
        for r in range(record, dims, RECORD):
            more *= lane[r + FACTOR] if r != over else 1
        if over < 0:
            total -= more * lane[j + MORE]
            continue
        at = value + lane[over + SPENT]
        total -= more * memo[lane[over + SUMS], at + 1]
        lane[over + FACTOR] = memo[lane[over + SUMS], at + 2]
        lane[over + SPENT] += 2
    return total


@part
def _known(record: int, mode: int, moves: int, ranks: Ints, dims: int, lane: Ints1) -> int:
    """Words that are wanted over a rank, if that is plain to see: no loop over it moves a tile; else -1."""
    k = lane[record + WHICH]
    if k >= len(ranks) - dims:  # a count of copies that do not share
        return 1 if mode >= BEGUN and not lane[record + SPREAD_OVER] else -1
    return ranks[k, WORDS] if ranks[k, KIND] == PLAIN and moves == 0 else -1


@part
def _wanted(
    record: int,
    mode: int,
    spares: bool,
    gap: int,
    end: int,
    rows: int,
    size: Ints,
    ranks: Ints,
    loops: Ints,
    lane: Ints1,
    stamp: Ints,
    memo: Ints,
) -> int:
    """Words that are wanted, over all ranks that have records; sums are looked up in as many `rows` for each."""
    total, value, first = 1, values_at(memo.shape[1]), 0
    for r in range(record, len(lane) - 2 * len(size), RECORD):
        moves = lane[r + LISTED] if spares and mode < BEGUN else 0
        factor = _known(r, mode, moves, ranks, len(size), lane)
        if factor < 0:
            row = find_sums(r, mode, moves, gap, end, first, rows, size, ranks, loops, lane, stamp, memo)
            lane[r + SUMS], lane[r + SPENT], factor = row, 0, memo[row, value]
        lane[r + FACTOR] = factor
        total *= factor
        first += rows
    return total


@part
def _note_own(i: int, of: int, share: int, listed: int, outer: int, size: Ints, lane: Ints1) -> int:
    """Note loop `i` over a rank that has a record, and list it if it is in time; returns the next place."""
    record, term = of // TERMS, of % TERMS
    d = lane[i + RANK] - RANK_OF
    lane[record + EXTENTS + term] = min(lane[i + FAR], size[d])
    lane[i + NEXT], lane[record + INNERMOST] = lane[record + INNERMOST], i
    lane[i + CODE], lane[i + ABOVE] = lane[i + TIMES] * TERMS + term, lane[i + NODE] if share else -1
    if lane[i + NODE] >= 0:
        lane[record + SPREAD_OVER] = 1
        return listed
    lane[listed + OVER], lane[listed + OUTER] = record, outer
    lane[record + LISTED] += 1
    return listed + RECORD


@part
def _words(
    level: int,
    gap: int,
    parent: int,
    passed: int,
    outer: int,
    listed: int,
    record: int,
    end: int,
    rows: int,
    size: Ints,
    ranks: Ints,
    tensor: Ints1,
    levels: int,
    loops: Ints,
    lane: Ints1,
    stamp: Ints,
    memo: Ints,
) -> tuple[int, int, int]:
    """Words that cross a gap; of an output those that are begun by copies that share, and (outermost) by all."""
    words, begun, together = 0, tensor[OUTPUT], 1
    # the arithmetic keeps nothing: every operand comes anew, unless it is passed on
    what, spares = PASSED if gap < passed else KEPT, level < levels or gap < passed
    for mode in (TOGETHER, BEGUN, what):
        if (mode >= BEGUN and not tensor[OUTPUT]) or (mode == TOGETHER and gap > parent):
            continue
        wanted = _wanted(record, mode, spares, gap, end, rows, size, ranks, loops, lane, stamp, memo)
        if mode == TOGETHER:
            together = wanted
        elif mode == BEGUN:
            begun = wanted
        else:
            words = outer * wanted
    if spares:
        words = _entered(record, len(lane) - 2 * len(size), words, listed, lane, memo)
    return words, begun, together


@part
def _flat(record: int, dims: int, size: Ints, ranks: Ints, tensor: Ints1, lane: Ints1) -> int:
    """The product of a tensor's plain ranks that have no records."""
    flat = tensor[FLAT]
    for r in range(record, dims, RECORD):
        k = lane[r + WHICH]
        if k < len(ranks) - len(size) and ranks[k, KIND] == PLAIN:
            flat //= ranks[k, WORDS]
    return flat


@part
def count_uneven(
    size: Ints,
    ranks: Ints,
    tensor: Ints1,
    machine: Ints1,
    kept: Ints1,
    nodes: Ints1,
    loops: Ints,
    lane: Ints1,
    stamp: Ints,
    memo: Ints,
    out: Ints1,
) -> None:
    """Count a tensor of a legal nest."""
    levels, gaps, dims = len(kept), machine[NODES] - 1, len(lane) - 2 * len(size)
    record = _set_records(size, ranks, tensor, lane)
    rows = (len(memo) - 1) * RECORD // max(RECORD, dims - record)  # for each rank, so that the sums of all can stay
    copies, outer, words, begun, all_ = _flat(record, dims, size, ranks, tensor, lane), 1, 0, 0, 0
    for node in range(0, RECORD * gaps, RECORD):
        lane[node + ALIKE] = 1
    i, above, parent, listed = 0, -1, gaps, 0
    for level in range(levels + 1):
        end, node = loops[LENGTH, 0], gaps
        if level < levels:
            end, node = kept[level], nodes[level]
            out[2 * gaps + level], out[2 * gaps + levels + level] = 0, 0
            if end < 0:
                continue
        together, inside, passed, news = copies, 1, -1, 1 << parent  # in which gaps copies share more than further in
        while i < RECORD * end:
            bound, fanout, k = lane[i + TIMES], lane[i + NODE], tensor[lane[i + RANK]]
            of = lane[dims + 2 * (lane[i + RANK] - RANK_OF) + PART_OF]
            share = tensor[lane[i + LINK]] if fanout >= 0 and bound > 1 else ALONE
            if share == PASSED_ON:
                passed = max(passed, fanout)
            if share and (of >= 0 or share == PASSED_ON):
                news |= 1 << fanout
            if bound == 1:
                pass
            elif of >= 0:
                listed = _note_own(i, of, share, listed, outer, size, lane)
            elif k >= 0:
                inside *= bound
                if fanout < 0:  # no later tile has a word in common with the one before
                    listed = 0
                    for r in range(record, dims, RECORD):
                        lane[r + LISTED] = 0
            elif fanout < 0:
                lane[listed + OVER], lane[listed + MORE], lane[listed + OUTER] = -1, bound - 1, outer
                listed += RECORD
                outer *= bound
            elif share:
                lane[RECORD * fanout + ALIKE] *= bound
            else:
                copies *= bound
            i += RECORD
        for gap in range(parent, node):
            copies *= lane[RECORD * gap + ALIKE]
            if news >> gap & 1:
                words, begun, all_ = _words(
                    level, gap, parent, passed, outer, listed, record, end, rows, size, ranks, tensor, levels, loops,
                    lane, stamp, memo,
                )  # fmt: skip
                if gap == parent:  # an output's words are begun once by all copies together: the others' are added
                    out[2 * gaps + levels + above] = begun * copies - all_ * together if tensor[OUTPUT] else 0
            # every word of an output is begun once by every group of copies, and does not come down then
            out[gap], out[gaps + gap] = (words - begun) * copies, words * copies * tensor[OUTPUT]
        if above >= 0:
            lane[RECORD * above + INSIDE] = inside
        if level < levels:
            out[2 * gaps + level] = _tile(record, dims, ranks, lane)
            above, parent = level, node
    set_tiles(2 * gaps, kept, lane, out)
