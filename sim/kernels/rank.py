"""Sums over the positions of one rank: the factors of which `sim.kernels.reuse` makes its products.

The loops outside a keep play one of four parts. SUMMED loops have every value once; the MOVED loop has every value
but zero, and the tile before has the value one less; WRAPPED loops are at zero, and the tile before is at their last
value that exists; SHARED loops are copies in space whose tiles are united.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sim.kernels.layout import Ints, Nest, Shape, extent

SUMMED, MOVED, WRAPPED, SHARED = 1, 2, 4, 8


@njit(cache=True)
def positions(size: int, d: int, end: int, nest: Nest, role: Ints, roles: int) -> tuple[int, int]:
    """Tiles of dimension `d` below `size` at the positions that loops of the given `roles` reach.

    Only the first `end` loops count, and those with another role stand at zero. Returns how many tiles are full,
    and the extent of the last, short one (which may be full too, but not zero unless there is none). Every chunk
    of a loop but the last is full, so one pass over the loops is enough.
    """
    inner = 1
    for i in range(end):
        if nest.dim[i] == d and role[i] & roles:
            inner *= nest.bound[i]
    count = 0
    rest = size
    for i in range(end):
        if nest.dim[i] != d:
            continue
        if role[i] & roles:
            inner //= nest.bound[i]
            full = rest // nest.step[i]
            count += full * inner
            rest -= full * nest.step[i]
        else:
            rest = min(rest, nest.step[i])
    return count, rest


@njit(cache=True)
def iterations(size: int, d: int, end: int, nest: Nest, role: Ints, roles: int) -> int:
    """How many positions there are; see `positions`."""
    full, rest = positions(size, d, end, nest, role, roles)
    return full + (rest > 0)


@njit(cache=True)
def _is_plain(shape: Shape, k: int) -> bool:
    """Whether a rank is a single dimension all of whose words exist."""
    return shape.rank_dim[k, 1] < 0 and shape.rank_extent[k] < 0


@njit(cache=True)
def rank_sum(shape: Shape, nest: Nest, role: Ints, k: int, end: int, scratch: Ints) -> int:
    """Sum of the tile sizes of rank `k` over all summed positions; shared positions are united."""
    if _is_plain(shape, k):
        d = shape.rank_dim[k, 0]
        return shape.size[d] if d >= 0 else 1  # tiles of one dimension cut it up without overlap
    return _enumerate(shape, nest, role, k, end, -1, scratch)


@njit(cache=True)
def rank_common(shape: Shape, nest: Nest, role: Ints, k: int, end: int, moving: int, scratch: Ints) -> int:
    """Sum of the words of rank `k` that every copy in need of them already has when loop `moving` advances."""
    if not _is_plain(shape, k):
        return _enumerate(shape, nest, role, k, end, moving, scratch)
    d = shape.rank_dim[k, 0]
    if d < 0:
        return 1
    if nest.dim[moving] == d:
        return 0
    # The tile is the same as before, or it has nothing in common with it. It is the same where the wrapped loops
    # have one iteration only, be it because a short last chunk leaves no room for a second.
    second = 0
    for i in range(end):
        if nest.dim[i] == d and role[i] == WRAPPED and nest.bound[i] > 1:
            second = nest.step[i]
    if second == 0:
        return shape.size[d]
    size = shape.size[d]
    tile = extent(size, d, end, nest)
    still = SUMMED | MOVED | SHARED
    full, rest = positions(size, d, end, nest, role, still)
    words = full * tile + rest
    if size > second:  # where a second iteration exists, the first tile is full and has been left
        words -= tile * iterations(size - second, d, end, nest, role, still)
    return words


@njit(cache=True)
def _next(digit: Ints, end: int, nest: Nest, role: Ints, roles: int, uses: Ints) -> bool:
    """Next digits of the rank's loops with one of the `roles`; False, and all at their start, after the last."""
    for i in range(end - 1, -1, -1):
        if role[i] & roles and uses[nest.dim[i]] >= 0:
            digit[i] += 1
            if digit[i] < nest.bound[i]:
                return True
            digit[i] = role[i] == MOVED
    return False


@njit(cache=True)
def _place(shape: Shape, k: int, end: int, nest: Nest, role: Ints, digit: Ints, uses: Ints, tile: Ints) -> bool:
    """Set start (row 0) and length (row 1) of the tile at these digits; False where it lies beyond a dimension."""
    tile[0] = 0
    for i in range(end):
        term = uses[nest.dim[i]]
        if term >= 0 and role[i] != WRAPPED:
            tile[0, term] += digit[i] * nest.step[i]
    for term in range(3):
        d = shape.rank_dim[k, term]
        if d < 0:
            tile[1, term] = 1
            continue
        room = shape.size[d] - tile[0, term]
        if room <= 0:
            return False
        tile[1, term] = min(room, tile[2, term])
    return True


@njit(cache=True)
def _place_before(
    shape: Shape, k: int, end: int, nest: Nest, role: Ints, moving: int, now: Ints, before: Ints
) -> None:
    """Set `before` to the tile that preceded `now`: one less in the moved loop, the wrapped loops at their last."""
    for term in range(3):
        d = shape.rank_dim[k, term]
        start = now[0, term]
        before[1, term] = 1
        if d >= 0:
            if nest.dim[moving] == d:
                start -= nest.step[moving]
            offset = 0
            for i in range(end):
                if nest.dim[i] == d and role[i] == WRAPPED:
                    room = shape.size[d] - 1 - start - offset
                    offset += min(nest.bound[i] - 1, room // nest.step[i]) * nest.step[i]
            start += offset
            before[1, term] = min(shape.size[d] - start, now[2, term])
        before[0, term] = start


@njit(cache=True)
def _stamp(shape: Shape, k: int, tile: Ints, row: Ints, stamp: int, spare: Ints, spared: int) -> int:
    """Stamp the existing words of a tile in `row`, those stamped `spared` in `spare` excepted; how many were new."""
    new = 0
    c0, c1, c2 = shape.rank_coef[k, 0], shape.rank_coef[k, 1], shape.rank_coef[k, 2]
    for i in range(tile[0, 0], tile[0, 0] + tile[1, 0]):
        for j in range(tile[0, 1], tile[0, 1] + tile[1, 1]):
            for h in range(tile[0, 2], tile[0, 2] + tile[1, 2]):
                word = c0 * i + c1 * j + c2 * h
                index = word + shape.rank_offset[k]
                padding = shape.rank_extent[k] >= 0 and (index < 0 or index >= shape.rank_extent[k])
                if not padding and spare[word] != spared and row[word] != stamp:
                    row[word] = stamp
                    new += 1
    return new


@njit(cache=True)
def _enumerate(shape: Shape, nest: Nest, role: Ints, k: int, end: int, moving: int, scratch: Ints) -> int:
    """`rank_sum` (`moving` < 0) or `rank_common` of any rank, position by position.

    `scratch` holds by word the stamp of the last group of copies that needed it, of the last copy that had it, and
    of the last group in which a copy lacked it.
    """
    needed, held, lacked = scratch[0], scratch[1], scratch[2]
    uses = np.full(len(shape.size), -1, np.int64)
    now, before = np.zeros((3, 3), np.int64), np.zeros((2, 3), np.int64)
    for term in range(3):
        d = shape.rank_dim[k, term]
        if d >= 0:
            uses[d] = term
            now[2, term] = extent(shape.size[d], d, end, nest)
    digit = np.zeros(end, np.int64)
    for i in range(end):
        digit[i] = role[i] == MOVED
    total = 0
    while True:
        scratch[3, 0] += 1
        group = scratch[3, 0]
        while True:
            if _place(shape, k, end, nest, role, digit, uses, now):
                total += _stamp(shape, k, now, needed, group, needed, -1)
                if moving >= 0:
                    scratch[3, 0] += 1
                    _place_before(shape, k, end, nest, role, moving, now, before)
                    _stamp(shape, k, before, held, scratch[3, 0], held, -1)
                    total -= _stamp(shape, k, now, lacked, group, held, scratch[3, 0])
            if not _next(digit, end, nest, role, SHARED, uses):
                break
        if not _next(digit, end, nest, role, SUMMED | MOVED, uses):
            return total


def new_scratch(shape: Shape) -> Ints:
    """Scratch for one thread: [4, words of the longest rank]."""
    reach = (shape.rank_coef * (shape.size[shape.rank_dim] - 1)).sum(axis=1) + 1
    return np.zeros((4, int(reach.max(initial=1))), np.int64)
