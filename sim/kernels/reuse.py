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
over ranks as well, so the same formula holds with unions in place of tiles. Bounds that do not divide, strides,
dilations and padding only change the sums of single ranks, which are exact in each case: a closed form for a rank of
one dimension, an enumeration of the positions of that one rank otherwise (`sim.kernels.rank`).

A partial sum travels the same way upward: what enters a tile leaves it later. It comes down again unless its tile
is entered for the first time, and the words ever touched are one more product over ranks (`reach`).

The naive twin of this module is `sim.reference.walk`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sim.kernels.layout import Counts, Ints, Nest, Shape, extent
from sim.kernels.rank import MOVED, SHARED, SUMMED, WRAPPED, iterations, rank_common, rank_sum


@njit(cache=True)
def _product(shape: Shape, nest: Nest, role: Ints, t: int, end: int, moving: int, scratch: Ints) -> int:
    """The product over ranks and over independent dimensions, for one loop that moves (-1: base)."""
    total = 1
    depends = np.zeros(len(shape.size), np.bool_)
    for k in range(shape.first_rank[t], shape.first_rank[t + 1]):
        for term in range(3):
            if shape.rank_dim[k, term] >= 0:
                depends[shape.rank_dim[k, term]] = True
    for d in range(len(shape.size)):
        if not depends[d]:
            count = iterations(shape.size[d], d, end, nest, role, SUMMED)
            if moving >= 0 and nest.dim[moving] == d:
                moved = iterations(shape.size[d], d, end, nest, role, SUMMED | MOVED)
                count = moved - count
            total *= count
    for k in range(shape.first_rank[t], shape.first_rank[t + 1]):
        if total == 0:
            return 0
        if moving < 0:
            total *= rank_sum(shape, nest, role, k, end, scratch)
        else:
            total *= rank_common(shape, nest, role, k, end, moving, scratch)
    return total


@njit(cache=True)
def _set_roles(shape: Shape, nest: Nest, t: int, end: int, above: int, below: int, role: Ints) -> None:
    """Loops in time are summed; loops in space too, but shared over the fanouts between nodes `above` and `below`."""
    for i in range(end):
        role[i] = SUMMED
        a = nest.axis[i]
        if a >= 0 and above < shape.axis_node[a] < below and shape.shared[t, a]:
            role[i] = SHARED


@njit(cache=True)
def _entered(shape: Shape, nest: Nest, role: Ints, t: int, end: int, scratch: Ints) -> int:
    """Words that enter the tiles of tensor `t` kept after `end` loops. `role` is left as it was."""
    total = _product(shape, nest, role, t, end, -1, scratch)
    for j in range(end - 1, -1, -1):
        if nest.axis[j] >= 0 or nest.bound[j] == 1:
            continue
        role[j] = MOVED
        total -= _product(shape, nest, role, t, end, j, scratch)
        role[j] = WRAPPED
    for j in range(end):
        if nest.axis[j] < 0:
            role[j] = SUMMED
    return total


@njit(cache=True)
def _reached(shape: Shape, nest: Nest, role: Ints, t: int, end: int, scratch: Ints) -> int:
    """Distinct words that each group of copies ever touches, summed over the groups."""
    for i in range(end):
        if nest.axis[i] < 0:
            role[i] = SHARED
    total = _product(shape, nest, role, t, end, -1, scratch)
    for i in range(end):
        if nest.axis[i] < 0:
            role[i] = SUMMED
    return total


@njit(cache=True)
def _edge(
    shape: Shape, nest: Nest, t: int, parent: int, child: int, end: int, role: Ints, scratch: Ints, out: Counts
) -> None:
    """Words of tensor `t` between the nodes `parent` and `child`, whose tile is kept after `end` loops."""
    compute = child == shape.nodes - 1
    fresh = True
    for gap in range(child - 1, parent - 1, -1):
        if not fresh:
            for a in range(len(shape.axis_node)):
                fresh |= shape.axis_node[a] == gap + 1 and shape.shared[t, a] == 1
        if fresh:
            _set_roles(shape, nest, t, end, gap, child, role)
            if compute:  # the arithmetic keeps nothing: every operand comes anew
                entered = _product(shape, nest, role, t, end, -1, scratch)
            else:
                entered = _entered(shape, nest, role, t, end, scratch)
            reached = _reached(shape, nest, role, t, end, scratch) if shape.is_output[t] else 0
        fresh = False
        out.down[t, gap] = entered - reached
        out.up[t, gap] = entered if shape.is_output[t] else 0


@njit(cache=True)
def _tile_words(shape: Shape, nest: Nest, t: int, end: int) -> int:
    """Words of the largest tile of the loops from `end` inward; holes are not counted.

    For two terms u*p + d*r with coprime u, d and extents a, b the pairs (p, r) and (p + d, r - u) coincide, so
    there are a*b - max(0, a - d) * max(0, b - u) distinct values. A third term is taken as if it left no holes.
    """
    words = 1
    for k in range(shape.first_rank[t], shape.first_rank[t + 1]):
        count, coef, span = 1, 0, 1
        for term in range(3):
            d = shape.rank_dim[k, term]
            if d < 0:
                continue
            n = extent(shape.size[d], d, end, nest)
            c = shape.rank_coef[k, term]
            if n > 1 and coef == 0:
                count, coef, span = n, c, c * (n - 1) + 1
            elif n > 1:
                g = np.gcd(coef, c)
                count = count * n - max(0, count - c // g) * max(0, n - coef // g)
                coef, span = 1, span + c * (n - 1)
        words *= min(count, min(span, shape.rank_words[k]))
    return words


@njit(cache=True)
def count(shape: Shape, nest: Nest, role: Ints, scratch: Ints, out: Counts) -> None:
    """Count one nest.

    `role` is scratch of the length of the nest, `scratch` that of `sim.kernels.rank.new_scratch`.
    """
    n = len(nest.dim)
    levels = len(shape.level_node)
    for t in range(len(shape.is_output)):
        parent = -1
        for level in range(levels):
            end = nest.keep[t, level]
            if end < 0:
                out.tile[t, level] = 0
                continue
            out.tile[t, level] = _tile_words(shape, nest, t, end)
            if parent >= 0:
                _edge(shape, nest, t, parent, shape.level_node[level], end, role, scratch, out)
            parent = shape.level_node[level]
        _edge(shape, nest, t, parent, shape.nodes - 1, n, role, scratch, out)
    steps, used = 1, 1
    for d in range(len(shape.size)):
        for i in range(n):
            role[i] = SUMMED if nest.axis[i] < 0 else SHARED
        steps *= iterations(shape.size[d], d, n, nest, role, SUMMED)
        used *= iterations(shape.size[d], d, n, nest, role, SHARED)
    out.steps[0] = steps
    out.steps[1] = used
