"""The counting kernel: how many words cross every gap of the hierarchy, in closed form.

For tensor t kept at level L let T(i) be its tile at iteration i of the loops outside its keep. The level fetches

    sum over i of |T(i) minus T(i-1)|  =  sum over i of |T(i)|  -  sum over i of |T(i) and T(i-1)|.

A tile is a product of index sets, one a rank, and so is the intersection of two tiles. Group the steps i-1 -> i by
the loop j that advances (the temporal loops inside j then wrap round to zero, those outside stand still). Every
dimension stands in one rank of a tensor, so within a group the sum over all loop values factorizes:

    fetched = product over ranks of base  -  sum over j of product over ranks of common(j)

where `base` sums the tile sizes of one rank, `common(j)` the overlaps of one rank, and a dimension that the tensor
does not depend on contributes a plain count of iterations. For copies of a level that are served by one multicast a
word counts once a step; it is spared only if every copy that needs it already has it, a condition that factorizes
over ranks as well, so the same formula holds with unions in place of tiles. Where copies pass words on to each other
it is spared if any of them has it, which factorizes, too. Bounds that do not divide, strides,
dilations and padding only change the sums of single ranks, which are exact in each case: `sim.kernels.rank` sums
over the positions of one rank, and where bounds divide `sim.kernels.even` does with a few multiplications.

A partial sum travels the same way upward: what enters a tile leaves it later. It comes down again unless its tile
is entered for the first time, and the words ever touched are one more product over ranks. Copies whose links do not
reduce begin the same word each for itself, so the memory above them reads it as often, less one, to add to it.

The naive twin of this module is `sim.reference.walk`.
"""

from __future__ import annotations

from sim.kernels.even import ALL, WIDTH, count_even, note_loops, window_words
from sim.kernels.jit import inlined, part
from sim.kernels.lean import lean
from sim.kernels.layout import (
    AXIS,
    BOUND,
    COEF,
    FIRST,
    LAST,
    LENGTH,
    NODES,
    OUTPUT,
    PART,
    PASSED_ON,
    RANK_OF,
    STEPS,
    TERM,
    TERMS,
    USED,
    WORDS,
    Ints,
    extent,
)
from sim.kernels.rank import KEPT, MOVED, PASSED, SHARED, SUMMED, WANTED, WRAPPED, rank_sum


@part
def _product(
    t: int, end: int, what: int, size: Ints, ranks: Ints, tensors: Ints, loops: Ints, stamp: Ints, memo: Ints
) -> int:
    """The product over the ranks of tensor `t` and over the dimensions on which it does not depend."""
    total = 1
    for k in range(tensors[t, FIRST], tensors[t, LAST]):
        if total:
            total *= rank_sum(size, ranks, k, end, what, loops, stamp, memo)
    for d in range(len(size)):
        if total and tensors[t, RANK_OF + d] < 0:
            total *= rank_sum(size, ranks, len(ranks) - len(size) + d, end, what, loops, stamp, memo)
    return total


@part
def _set_times(end: int, part: int, loops: Ints) -> None:
    """Give all loops in time one part."""
    for i in range(end):
        if loops[AXIS, i] < 0:
            loops[PART, i] = part


@inlined
def _entered(
    t: int, end: int, what: int, size: Ints, ranks: Ints, tensors: Ints, loops: Ints, stamp: Ints, memo: Ints
) -> int:
    """Words that enter the tiles of tensor `t` kept after `end` loops."""
    total = _product(t, end, WANTED, size, ranks, tensors, loops, stamp, memo)
    for j in range(end - 1, -1, -1):
        if loops[AXIS, j] < 0 and loops[BOUND, j] > 1:
            loops[PART, j] = MOVED
            total -= _product(t, end, what, size, ranks, tensors, loops, stamp, memo)
            loops[PART, j] = WRAPPED
    _set_times(end, SUMMED, loops)
    return total


@part
def _begun_together(
    t: int,
    parent: int,
    child: int,
    end: int,
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    loops: Ints,
    stamp: Ints,
    memo: Ints,
) -> int:
    """Words of an output ever begun under each copy of node `parent`, by whichever copy of node `child`."""
    last, axes = len(tensors) - 1, RANK_OF + len(size)
    for i in range(end):
        if loops[AXIS, i] < 0 or parent < tensors[last, axes + loops[AXIS, i]] < child:
            loops[PART, i] = SHARED
    return _product(t, end, WANTED, size, ranks, tensors, loops, stamp, memo)


@part
def _crossings(
    t: int,
    parent: int,
    child: int,
    end: int,
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    loops: Ints,
    stamp: Ints,
    memo: Ints,
    out: Ints,
) -> int:
    """Words of tensor `t` between the nodes `parent` and `child`, whose tile is kept after `end` loops.

    Going up from the child, every fanout passed makes the copies along its axes share, if the tensor's link does.
    Returns the partial sums that the parent reads to add to them, although they do not go down.
    """
    last, axes = len(tensors) - 1, RANK_OF + len(size)
    gaps = tensors[last, NODES] - 1
    for i in range(end):
        loops[PART, i] = SUMMED
    fresh = True
    entered, begun, what = 0, 0, KEPT
    for gap in range(child - 1, parent - 1, -1):
        for i in range(end):
            a = axes + loops[AXIS, i]
            if a >= axes and tensors[t, a] and tensors[last, a] == gap + 1 < child:
                loops[PART, i] = SHARED
                fresh = True
                what = PASSED if tensors[t, a] == PASSED_ON and loops[BOUND, i] > 1 else what
        if fresh:
            fresh = False
            if child == gaps and what == KEPT:  # the arithmetic keeps nothing: every operand comes anew
                entered = _product(t, end, WANTED, size, ranks, tensors, loops, stamp, memo)
            else:
                entered = _entered(t, end, what, size, ranks, tensors, loops, stamp, memo)
            if tensors[t, OUTPUT]:
                _set_times(end, SHARED, loops)
                begun = _product(t, end, WANTED, size, ranks, tensors, loops, stamp, memo)
                _set_times(end, SUMMED, loops)
        out[t, gap] = entered - begun
        out[t, gaps + gap] = entered if tensors[t, OUTPUT] else 0
    if tensors[t, OUTPUT]:
        return begun - _begun_together(t, parent, child, end, size, ranks, tensors, loops, stamp, memo)
    return 0


@part
def _tile_words(t: int, end: int, size: Ints, ranks: Ints, tensors: Ints, loops: Ints) -> int:
    """Words of the largest tile of tensor `t` kept after `end` loops; holes are not counted.

    Those that a third term of an index leaves are taken for words where they might be.
    """
    words = 1
    for k in range(tensors[t, FIRST], tensors[t, LAST]):
        count, coef, span = 1, 1, 1
        for term in range(TERMS):
            d, c = ranks[k, TERM + term], ranks[k, COEF + term]
            n = extent(size[d], d, end, loops) if d >= 0 else 1
            span += c * (n - 1)
            if n > 1 and count == 1:
                count, coef = n, c
            elif n > 1:
                count = window_words(coef, count, c, n) if coef > 0 else count * n
                coef = 0
        words *= min(count, min(span, ranks[k, WORDS]))
    return words


@lean
def count_tensor(
    t: int,
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    loops: Ints,
    keep: Ints,
    stamp: Ints,
    memo: Ints,
    out: Ints,
) -> None:
    """Count one tensor, whatever its ranks and the bounds."""
    last, levels = len(tensors) - 1, keep.shape[1]
    gaps = tensors[last, NODES] - 1
    tile, added = 2 * gaps, 2 * gaps + levels
    above = -1
    for level in range(levels + 1):
        end = keep[t, level] if level < levels else loops[LENGTH, 0]
        if level < levels:
            out[t, tile + level] = _tile_words(t, end, size, ranks, tensors, loops) if end >= 0 else 0
            out[t, added + level] = 0
        if end >= 0:
            node = keep[last, level] if level < levels else gaps
            if above >= 0:
                parent = keep[last, above]
                out[t, added + above] = _crossings(
                    t, parent, node, end, size, ranks, tensors, loops, stamp, memo, out
                )
            above = level


@part
def _take_steps(size: Ints, ranks: Ints, tensors: Ints, loops: Ints, stamp: Ints, memo: Ints, out: Ints) -> None:
    """Set the steps of the array in time and the copies of the arithmetic in use, where bounds do not divide."""
    last, n = len(tensors) - 1, loops[LENGTH, 0]
    for column in range(2):  # positions in time that any copy reaches; copies that are reached at any time
        for i in range(n):
            loops[PART, i] = SUMMED if (loops[AXIS, i] < 0) == (column == STEPS) else SHARED
        out[last, column] = 1
        for k in range(len(ranks) - len(size), len(ranks)):
            out[last, column] *= rank_sum(size, ranks, k, n, WANTED, loops, stamp, memo)


@lean
def count(
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    loops: Ints,
    keep: Ints,
    lane: Ints,
    stamp: Ints,
    memo: Ints,
    out: Ints,
) -> None:
    """Count one legal nest: the fields of a `Shape`, a `Nest` and a `Scratch`, and a table from `new_counts`."""
    last, row = len(tensors) - 1, lane[0]
    even = note_loops(len(size), tensors, loops, row)
    out[last, STEPS], out[last, USED] = row[WIDTH], row[ALL]
    if not even:
        _take_steps(size, ranks, tensors, loops, stamp, memo, out)
    for t in range(last):
        if not even or not count_even(
            size, ranks, tensors[t], tensors[last], keep[t], keep[last], loops[LENGTH, 0], row, out[t]
        ):
            count_tensor(t, size, ranks, tensors, loops, keep, stamp, memo, out)
