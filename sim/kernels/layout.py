"""The tables that kernels work on: a layer on a machine, a loop nest, working memory and the counts.

Passing an array to a compiled function costs as much as a handful of multiplications, and passing a tuple of arrays
costs that much for each. So there are few tables, with named rows and columns, and the last row of some of them
holds what is not about a single row.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.kernels.jit import part
from sim.kernels.lane import RECORD

Ints = NDArray[np.int64]
Ints1 = Annotated[Ints, 1]  # by their number of axes
Ints2 = Annotated[Ints, 2]
Ints3 = Annotated[Ints, 3]
Ints4 = Annotated[Ints, 4]

# Rows of the table of loops; LENGTH begins with their number, the columns after them are spare.
DIM, BOUND, AXIS, STEP, PART, LENGTH = range(6)
LOOP_ROWS = 6

# Columns of the table of ranks: three dimensions (-1: unused), three coefficients, the lowest index, the number of
# words that exist (-1: all that are touched), the number of distinct words that exist and are touched, the kind, and
# for a window how many words at its ends do not exist.
TERM, COEF, OFFSET, EXTENT, WORDS, KIND, LOST = 0, 3, 6, 7, 8, 9, 10
RANK_COLUMNS = 11
TERMS = 3

# Kinds of rank: a single dimension all of whose words exist; two dimensions, of whose words at most the first and
# the last do not exist; anything else.
PLAIN, WINDOW, OTHER = range(3)

# Columns of the table of tensors: the ranks FIRST <= k < LAST are its own, then whether it is the output, and the
# product of its plain ranks; the number of its windows, which are its last ranks (-1: it has other ranks, too); then
# for every dimension the rank in which it stands (-1: in none), then for every fanout axis how the copies along it
# share what they take or give. The last row holds, in the columns of the axes, the node of each axis, and in
# OPERATIONS and NODES what these names say.
FIRST, LAST, OUTPUT, FLAT, WINDOWS, RANK_OF = range(6)
OPERATIONS, NODES = FIRST, LAST

# How copies share: not at all; what they want in the same step comes once (multicast), or what they give goes as one
# (reduction); what any of them has is passed on to the others (neighbour links).
ALONE, TOGETHER, PASSED_ON = range(3)

# Columns of a row of counts: words that cross every gap towards the arithmetic, then those that cross it away from
# it, then for every level the words of the largest tile, then for every level the partial sums that are read to be
# added to although they do not go down. The last row holds the steps of the array in time and the copies of the
# arithmetic in use at most.
STEPS, USED = 0, 1


class Shape(NamedTuple):
    """A layer on a machine: D dimensions, K ranks, T tensors, A fanout axes, L memories; all int64."""

    size: Ints  # [D] bounds of the layer
    ranks: Ints  # [K + D, 11]; the last D have one dimension each, and one word
    tensors: Ints  # [T + 1, 5 + D + A]


class Nest(NamedTuple):
    """A mapping: n loops, outermost first; int64.

    Rows of `loops`: the dimension, the bound, the fanout axis (-1: a loop in time), how far the dimension advances
    in one iteration, and the part that the loop plays in a sum (working memory, see `sim.kernels.rank`); then the
    number of loops.
    `keep` tells how many loops are outside the keep of a tensor at a level, -1 where it is not kept; its last row
    holds the node of every level.
    """

    loops: Ints  # [6, n]
    keep: Ints  # [T + 1, L]


class Scratch(NamedTuple):
    """Working memory of one thread for one `Shape`; see `new_scratch`."""

    lane: Ints  # [1, numbers], see `sim.kernels.lane`
    stamp: Ints  # [10, words of the longest rank, loops or terms], for `sim.kernels.rank`
    memo: Ints  # [rows, columns] remembered sums of ranks: the key, then the sums (see `sim.kernels.rank.find_sums`)


def new_scratch(shape: Shape, loops: int) -> Scratch:
    """Working memory for nests of up to `loops` loops."""
    dims, coefs = shape.ranks[:, TERM : TERM + TERMS], shape.ranks[:, COEF : COEF + TERMS]
    reach = (coefs * (shape.size[dims] - 1)).sum(axis=1) + 1
    places = 2 + max(loops + 1, int(shape.tensors[-1, NODES])) + len(shape.ranks)
    return Scratch(
        lane=np.zeros((1, RECORD * places + 2 * len(shape.size)), np.int64),
        stamp=np.zeros((10, max(TERMS, loops, int(reach.max(initial=1)))), np.int64),
        memo=np.zeros((8192, 6 + 3 * loops), np.int64),
    )


def new_counts(shape: Shape, levels: int) -> Ints:
    """Room for the counts of one nest: [T + 1, 2 * gaps + 2 * levels]."""
    tensors = len(shape.tensors)
    return np.zeros((tensors, 2 * (int(shape.tensors[-1, NODES]) - 1) + 2 * levels), np.int64)


@part
def set_steps(loops: Ints, inner: Ints) -> None:
    """Fill the row STEP: the product of the bounds of the same dimension further in; in all, they are `inner`."""
    for d in range(len(inner)):
        inner[d] = 1
    for i in range(loops[LENGTH, 0] - 1, -1, -1):
        loops[STEP, i] = inner[loops[DIM, i]]
        inner[loops[DIM, i]] *= loops[BOUND, i]


@part
def extent(size: int, d: int, end: int, loops: Ints) -> int:
    """Extent of a dimension that the loops from `end` inward touch."""
    out = 1
    for i in range(end, loops[LENGTH, 0]):
        if loops[DIM, i] == d:
            out *= loops[BOUND, i]
    return min(out, size)
