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

(X, N, K, GROUPS, ROWS, COLUMNS, STATIONARY, OVERLAP, DRAIN, WHOLE, EXISTING, LOADED, PLACES, ACROSS, ALONG) = range(
    15
)
"""A case: sizes of the product, of the array, and the rules by which it runs.

`OVERLAP`: a fold enters while the one before leaves. `DRAIN`: sums that stayed leave down their column, else at once.
`WHOLE`: folds at the edge take as long as whole ones. `EXISTING`: (x, k) pairs whose input is no padding. `LOADED`:
over these pairs, the sum of the registers that an input passes when it is loaded from the top, its own included.
`PLACES`: equal parts of what lies on the rows, none of which shares a fold with another; 1 where weights do not stay.
`ROWS`, `COLUMNS`: of one array. `ACROSS`: so many arrays divide what lies on the columns. `ALONG`: so many divide
what streams, or, where sums stay, what lies on the rows; one of the two is 1. Arrays work in step, the first one has
most to do, and a word that several of them need enters them all at once.
"""
CASE = 15

SRAM_READS, SRAM_UPDATES, WRITES, READS, HOPS, DRAINS, ENTERS = range(7)
"""Columns of the counts, one row for each of inputs, weights and outputs: words that an SRAM reads for the array (or
to add to them) and that come back to it; words written into and read from registers of PEs, handed from a PE to its
neighbour, and read out of registers to leave the array; words that enter an array, once for each array."""
COLUMN_COUNT = 7


@part
def ceil_div(a: int, b: int) -> int:
    """Rounded up."""
    return -(-a // b)


@kernel
def shape(case: Ints) -> tuple[int, int, int]:
    """What lies on the rows and columns of the arrays, and how many steps stream."""
    if case[STATIONARY] == OUTPUT:
        return case[X], case[N], case[K]
    if case[STATIONARY] == WEIGHT:
        return case[K], case[N], ceil_div(case[X], case[ALONG])
    return case[K], case[X], ceil_div(case[N], case[ALONG])


@kernel
def fold_size(case: Ints) -> tuple[int, int]:
    """Rows and columns of a whole fold on all arrays."""
    rows = case[ROWS] * (case[ALONG] if case[STATIONARY] == OUTPUT else 1)
    return rows, case[COLUMNS] * case[ACROSS]


@part
def on_rows_apart(case: Ints) -> int:
    """What lies on the rows, of one of the parts that share no fold."""
    on_rows, _, _ = shape(case)
    return on_rows // case[PLACES]


@part
def last_fold(on_all: int, size: int, whole: int) -> int:
    """Rows of the last fold of a column of folds, or columns of the last column of them."""
    return size if whole else on_all - (ceil_div(on_all, size) - 1) * size


@part
def span(case: Ints, steps: int, r: int, c: int) -> int:
    """Cycles of a fold from its first step to its last word in the SRAM: of the first array."""
    r, c = min(r, case[ROWS]), min(c, case[COLUMNS])
    if case[STATIONARY] != OUTPUT:
        return steps + case[ROWS] + c - 2
    return steps + r + c - 2 + (case[ROWS] - 1 if case[DRAIN] else 0)


@kernel
def interval(case: Ints, fold: int) -> int:
    """Cycles between the first steps of a fold and of the one after it, where they overlap."""
    _, _, steps = shape(case)
    on_rows, (rows, _) = on_rows_apart(case), fold_size(case)
    folds = ceil_div(on_rows, rows)
    other = fold + 1 if case[STATIONARY] != OUTPUT else fold  # the next one is loaded meanwhile, or this one drains
    r = last_fold(on_rows, rows, case[WHOLE]) if other % folds == folds - 1 else rows
    return max(steps, min(r, case[ROWS]))


@part
def start(case: Ints, fold: int) -> int:
    """Cycle of the first step of a fold, where folds overlap."""
    _, _, steps = shape(case)
    on_rows, (all_rows, _) = on_rows_apart(case), fold_size(case)
    folds, rows = ceil_div(on_rows, all_rows), case[ROWS]
    edge = min(rows, last_fold(on_rows, all_rows, case[WHOLE]))
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
    on_rows, places, groups = on_rows_apart(case), case[PLACES], case[GROUPS]
    rows, columns = fold_size(case)
    row_folds, column_folds = ceil_div(on_rows, rows), ceil_div(on_columns, columns)
    edge_r, edge_c = last_fold(on_rows, rows, case[WHOLE]), last_fold(on_columns, columns, case[WHOLE])
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
    x, n, k, rows, places = case[X], case[N], case[K], case[ROWS], case[PLACES]
    _, on_columns, _ = shape(case)
    on_rows, (fold_rows, fold_columns) = on_rows_apart(case), fold_size(case)
    parts = ceil_div(on_rows, rows)  # folds of each array, with the arrays one below the other
    edge = on_rows - (parts - 1) * rows
    passed = ((parts - 1) * (rows * (rows + 1) // 2) + edge * (edge + 1) // 2) * places  # 1 + 2 + ... in every fold
    row_folds, column_folds = ceil_div(on_rows, fold_rows) * places, ceil_div(on_columns, fold_columns)
    beside = ceil_div(on_columns, case[COLUMNS])  # arrays that a word that goes right enters, over all folds
    existing, weights, outputs = case[EXISTING], k * n, x * n
    counts[:] = 0
    if case[STATIONARY] == OUTPUT:
        move(counts[0], existing * column_folds, existing * beside, existing * n)
        move(counts[1], weights * row_folds, weights * parts, weights * x)
        down = n * (on_rows * rows - passed) if case[DRAIN] else 0
        taken = outputs if case[DRAIN] else 0  # a word goes from the sum's register into that of the column
        counts[2, SRAM_UPDATES] = outputs
        counts[2, WRITES] = outputs * k + taken + down
        counts[2, READS] = outputs * (k - 1) + taken + down
        counts[2, HOPS] = down
        counts[2, DRAINS] = outputs
    else:
        if case[STATIONARY] == WEIGHT:
            move(counts[0], existing * column_folds, existing * beside, existing * n)
            stay(counts[1], weights, n * passed, x, min(x, case[ALONG]), case[OVERLAP])
        else:
            stay(counts[0], existing, case[LOADED], n, min(n, case[ALONG]), case[OVERLAP])
            move(counts[1], weights * column_folds, weights * beside, weights * x)
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
    row[ENTERS] = entering
    row[WRITES] = row[READS] = used
    row[HOPS] = used - entering


@part
def stay(row: Ints, words: int, passed: int, uses: int, arrays: int, overlap: int) -> None:
    """A tensor that is loaded from the top, by all arrays, and used where it stays; with `overlap` from a second
    register."""
    row[SRAM_READS] = words
    row[ENTERS] = words * arrays
    row[HOPS] = (passed - words) * arrays
    row[WRITES] = (passed + (words if overlap else 0)) * arrays
    row[READS] = (passed - words + (words if overlap else 0)) * arrays + words * uses
