"""The arrays that kernels work on: a layer on a machine, a loop nest, and the counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Shape(NamedTuple):
    """A layer on a machine as arrays of int64.

    T tensors, D dimensions, K ranks (of all tensors, consecutive), A fanout axes, L memory levels. A rank has up
    to 3 terms; unused ones have dimension -1 and coefficient 0.
    """

    size: Ints  # [D] loop bounds of the layer
    first_rank: Ints  # [T + 1] ranks of tensor t are first_rank[t]:first_rank[t + 1]
    rank_dim: Ints  # [K, 3]
    rank_coef: Ints  # [K, 3]
    rank_offset: Ints  # [K]
    rank_extent: Ints  # [K] words that exist, -1 for all that are touched
    rank_words: Ints  # [K] distinct words that exist and are touched
    is_output: Ints  # [T]
    shared: Ints  # [T, A] 1 where copies along the axis are served by one multicast, or reduced
    axis_node: Ints  # [A] index of the fanout's node
    level_node: Ints  # [L] index of the memory's node
    nodes: int  # number of nodes; gap g lies between nodes g and g + 1


class Nest(NamedTuple):
    """A mapping as arrays of int64, outermost loop first."""

    dim: Ints  # [n]
    bound: Ints  # [n]
    axis: Ints  # [n] fanout axis, -1 for a loop in time
    step: Ints  # [n] how far the dimension advances in one iteration
    keep: Ints  # [T, L] number of loops outside the keep of tensor t at level l, -1 where it is not kept


class Counts(NamedTuple):
    """What the counting kernel fills in, int64. Words crossing a gap are summed over all its copies."""

    down: Ints  # [T, nodes - 1] words that cross gap g towards the arithmetic
    up: Ints  # [T, nodes - 1] words that cross gap g away from it
    tile: Ints  # [T, L] words of the largest tile, 0 where not kept
    steps: Ints  # [2] steps of the array in time; copies of the compute node in use at most


@njit(cache=True)
def set_steps(dim: Ints, bound: Ints, n_dims: int, step: Ints) -> None:
    """Fill `step`: the product of the bounds of the same dimension further in."""
    inner = np.ones(n_dims, np.int64)
    for i in range(len(dim) - 1, -1, -1):
        step[i] = inner[dim[i]]
        inner[dim[i]] *= bound[i]


@njit(cache=True)
def extent(size: int, d: int, end: int, nest: Nest) -> int:
    """Extent of a dimension that the loops from `end` inward touch."""
    out = 1
    for i in range(end, len(nest.dim)):
        if nest.dim[i] == d:
            out *= nest.bound[i]
    return min(out, size)
