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

from sim.kernels.even import count_even
from sim.kernels.jit import part
from sim.kernels.lane import EVEN
from sim.kernels.layout import AXIS, BOUND, DIM, LENGTH, PART, STEP, STEPS, Ints, Ints1
from sim.kernels.lean import lean
from sim.kernels.plain import note_loops
from sim.kernels.rank import SHARED, SUMMED, positions
from sim.kernels.uneven import count_uneven


@part
def _note_dims(size: Ints, loops: Ints, lane: Ints1) -> None:
    """Note of which dimensions all bounds divide."""
    dims = len(lane) - 2 * len(size)
    for d in range(len(size)):
        lane[dims + 2 * d + EVEN] = size[d] == 1
    for i in range(loops[LENGTH, 0] - 1, -1, -1):  # in the end that of the outermost loop
        d = loops[DIM, i]
        lane[dims + 2 * d + EVEN] = loops[STEP, i] * loops[BOUND, i] == size[d]


@part
def _take_steps(size: Ints, loops: Ints, lane: Ints1, out: Ints1) -> None:
    """Set the steps of the array in time and the copies of the arithmetic in use, where bounds do not divide.

    These are positions in time that any copy reaches, and copies that are reached at any time.
    """
    dims, n = len(lane) - 2 * len(size), loops[LENGTH, 0]
    for column in range(2):
        out[column] = 1
        for i in range(n):
            counts = (loops[AXIS, i] < 0) == (column == STEPS)
            loops[PART, i] = SUMMED if counts else SHARED
            if counts and lane[dims + 2 * loops[DIM, i] + EVEN]:
                out[column] *= loops[BOUND, i]
        for d in range(len(size)):
            if not lane[dims + 2 * d + EVEN]:
                out[column] *= positions(size[d], d, n, loops)


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
    machine, nodes = tensors[last], keep[last]
    if note_loops(len(size), machine, loops, row, out[last]):
        for t in range(last):
            if not count_even(size, ranks, tensors[t], machine, keep[t], nodes, loops[LENGTH, 0], row, out[t]):
                _note_dims(size, loops, row)
                count_uneven(size, ranks, tensors[t], machine, keep[t], nodes, loops, row, stamp, memo, out[t])
        return
    _note_dims(size, loops, row)
    _take_steps(size, loops, row, out[last])
    for t in range(last):
        count_uneven(size, ranks, tensors[t], machine, keep[t], nodes, loops, row, stamp, memo, out[t])
