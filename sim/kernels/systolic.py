"""Systolic arrays in closed form: how a matrix product folds onto an array, its cycles, and the words that move.

A layer is a product ``outputs[x, n] += inputs[x, k] * weights[k, n]``, `GROUPS` of them one after the other. Two of
its three dimensions lie on the array, in folds of at most `ROWS` by `COLUMNS`; the third one streams:

    dataflow             rows  columns  steps   what stays in a PE
    output stationary    x     n        k       a sum; inputs go right, weights down
    weight stationary    k     n        x       a weight; inputs go right, sums down
    input stationary     k     x        n       an input; weights go right, sums down

So the dataflow is which dimension stands where, and whether sums stay; `sim.reference.systolic` moves every word.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel, part

Ints = npt.NDArray[np.int64]

OUTPUT, WEIGHT, INPUT = range(3)
"""What is stationary."""

(X, N, K, GROUPS, ROWS, COLUMNS, STATIONARY, OVERLAP, DRAIN, WHOLE, EXISTING, LOADED, PLACES, ARRAYS) = range(14)
"""A case: sizes of the product, of the array, and the rules by which it runs.

`OVERLAP`: a fold enters while the one before leaves. `DRAIN`: sums that stayed leave down their column, else at once.
`WHOLE`: folds at the edge take as long as whole ones. `EXISTING`: (x, k) pairs whose input is no padding. `LOADED`:
over these pairs, the sum of the registers that an input passes when it is loaded from the top, its own included.
`PLACES`: equal parts of what lies on the rows, none of which shares a fold with another; 1 where weights do not stay.
`ARRAYS`: arrays side by side that divide columns among them, `COLUMNS` is of all together; words that go right enter
them all at once.
"""
CASE = 14

SRAM_READS, SRAM_UPDATES, WRITES, READS, HOPS, DRAINS = range(6)
"""Columns of the counts, one row for each of inputs, weights and outputs: words that an SRAM reads for the array (or
to add to them) and that come back to it; words written into and read from registers of PEs, handed from a PE to its
neighbour, and read out of registers to leave the array."""
COLUMN_COUNT = 6


@part
def ceil_div(a: int, b: int) -> int:
    """Rounded up."""
    return -(-a // b)


@kernel
def shape(case: Ints) -> tuple[int, int, int]:
    """What lies on the rows and columns of the array, and how many steps stream."""
    if case[STATIONARY] == OUTPUT:
        return case[X], case[N], case[K]
    if case[STATIONARY] == WEIGHT:
        return case[K], case[N], case[X]
    return case[K], case[X], case[N]


@part
def on_rows_apart(case: Ints) -> int:
    """What lies on the rows, of one of the parts that share no fold."""
    on_rows, _, _ = shape(case)
    return on_rows // case[PLACES]


@part
def last_row_fold(on_rows: int, rows: int, whole: int) -> int:
    """Rows of the last fold of a column of folds."""
    return rows if whole else on_rows - (ceil_div(on_rows, rows) - 1) * rows


@part
def span(case: Ints, steps: int, r: int, c: int) -> int:
    """Cycles of a fold from its first step to its last word in the SRAM."""
    c = min(c, case[COLUMNS] // case[ARRAYS])
    if case[STATIONARY] != OUTPUT:
        return steps + case[ROWS] + c - 2
    return steps + r + c - 2 + (case[ROWS] - 1 if case[DRAIN] else 0)


@kernel
def interval(case: Ints, fold: int) -> int:
    """Cycles between the first steps of a fold and of the one after it, where they overlap."""
    _, _, steps = shape(case)
    on_rows = on_rows_apart(case)
    folds = ceil_div(on_rows, case[ROWS])
    other = fold + 1 if case[STATIONARY] != OUTPUT else fold  # the next one is loaded meanwhile, or this one drains
    r = last_row_fold(on_rows, case[ROWS], case[WHOLE]) if other % folds == folds - 1 else case[ROWS]
    return max(steps, r)


@part
def start(case: Ints, fold: int) -> int:
    """Cycle of the first step of a fold, where folds overlap."""
    _, _, steps = shape(case)
    on_rows, rows = on_rows_apart(case), case[ROWS]
    folds, edge = ceil_div(on_rows, rows), last_row_fold(on_rows, rows, case[WHOLE])
    a_pass = (folds - 1) * max(steps, rows) + max(steps, edge)
    before = (fold // folds) * a_pass + (fold % folds) * max(steps, rows)
    if case[STATIONARY] == OUTPUT:
        return before
    first = rows if folds > 1 else edge
    own = edge if fold % folds == folds - 1 else rows
    return before + max(steps, own) - max(steps, first) + first


@kernel
def cycles(case: Ints) -> int:
    """Clock cycles until the last word is in the SRAM, if no operand is ever late."""
    _, on_columns, steps = shape(case)
    on_rows, places = on_rows_apart(case), case[PLACES]
    rows, columns, groups = case[ROWS], case[COLUMNS], case[GROUPS]
    row_folds, column_folds = ceil_div(on_rows, rows), ceil_div(on_columns, columns)
    edge_r = last_row_fold(on_rows, rows, case[WHOLE])
    edge_c = last_row_fold(on_columns, columns, case[WHOLE])
    if not case[OVERLAP]:
        total = 0
        for r, many_r in ((rows, row_folds - 1), (edge_r, 1)):
            for c, many_c in ((columns, column_folds - 1), (edge_c, 1)):
                load = 0 if case[STATIONARY] == OUTPUT else r
                total += many_r * many_c * (load + span(case, steps, r, c))
        return total * groups * places
    end, a_column = 0, row_folds * places
    folds = a_column * column_folds * groups
    for back in (1, 2, 1 + a_column, 2 + a_column):  # the last of each shape: later ones start later
        if back <= folds:
            fold = folds - back
            r = edge_r if fold % row_folds == row_folds - 1 else rows
            c = edge_c if fold // a_column % column_folds == column_folds - 1 else columns
            end = max(end, start(case, fold) + span(case, steps, r, c))
    return end


@kernel
def count(case: Ints, counts: Ints) -> None:
    """The words that move, of all groups, into `counts[3, COLUMN_COUNT]`."""
    x, n, k, rows = case[X], case[N], case[K], case[ROWS]
    _, on_columns, _ = shape(case)
    on_rows, places = on_rows_apart(case), case[PLACES]
    row_folds, column_folds = ceil_div(on_rows, rows), ceil_div(on_columns, case[COLUMNS])
    edge = on_rows - (row_folds - 1) * rows
    passed = (row_folds - 1) * (rows * (rows + 1) // 2) + edge * (edge + 1) // 2  # 1 + 2 + ... in every fold
    row_folds, passed = row_folds * places, passed * places
    arrays = ceil_div(on_columns, case[COLUMNS] // case[ARRAYS])  # that a word that goes right enters, over all folds
    existing, weights, outputs = case[EXISTING], k * n, x * n
    counts[:] = 0
    if case[STATIONARY] == OUTPUT:
        move(counts[0], existing * column_folds, existing * arrays, existing * n)
        move(counts[1], weights * row_folds, weights * row_folds, weights * x)
        down = n * (on_rows * rows - passed) if case[DRAIN] else 0
        taken = outputs if case[DRAIN] else 0  # a word goes from the sum's register into that of the column
        counts[2, SRAM_UPDATES] = outputs
        counts[2, WRITES] = outputs * k + taken + down
        counts[2, READS] = outputs * (k - 1) + taken + down
        counts[2, HOPS] = down
        counts[2, DRAINS] = outputs
    else:
        if case[STATIONARY] == WEIGHT:
            move(counts[0], existing * column_folds, existing * arrays, existing * n)
            stay(counts[1], weights, n * passed, x, case[OVERLAP])
        else:
            stay(counts[0], existing, case[LOADED], n, case[OVERLAP])
            move(counts[1], weights * column_folds, weights * arrays, weights * x)
        counts[2, SRAM_UPDATES] = outputs * row_folds
        counts[2, SRAM_READS] = outputs * (row_folds - 1)
        counts[2, WRITES] = outputs * row_folds * rows
        counts[2, READS] = counts[2, HOPS] = outputs * row_folds * (rows - 1)
        counts[2, DRAINS] = outputs * row_folds
    counts *= case[GROUPS]


@part
def move(row: Ints, read: int, entering: int, used: int) -> None:
    """A tensor whose words wander through an array, or several, and are used by every PE that they come to."""
    row[SRAM_READS] = read
    row[WRITES] = row[READS] = used
    row[HOPS] = used - entering


@part
def stay(row: Ints, words: int, passed: int, uses: int, overlap: int) -> None:
    """A tensor that is loaded from the top and used where it stays; with `overlap` from a second register."""
    row[SRAM_READS] = words
    row[HOPS] = passed - words
    row[WRITES] = passed + (words if overlap else 0)
    row[READS] = passed - words + words * uses + (words if overlap else 0)
