"""Whole nests of the exact search: written out from the labels that led to them, counted and priced exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.kernels.bounds import CHILD, STAGE, TENSOR, Chain, Place, Task, in_window
from sim.kernels.cost import Floats, energy, latency, overflow
from sim.kernels.jit import maker, part
from sim.kernels.labels import CLOSE, COUNTED, GROW, START
from sim.kernels.layout import AXIS, BOUND, DIM, LENGTH, NODES, STEP, Ints, set_steps
from sim.kernels.reuse import count

MOST_ORDERS = 5040


class Exact(NamedTuple):
    """What is needed to count and price a nest: the fields of `Shape`, `Scratch` and `Prices`, and working memory."""

    size: Ints
    ranks: Ints
    tensors: Ints
    lane: Ints
    stamp: Ints
    memo: Ints
    price: Floats
    port: Floats
    gap: Floats
    wire: Floats
    level: Floats
    bits: Floats
    total: Floats
    loops: Ints
    keep: Ints
    counts: Ints
    reach: Ints  # [D of the layer] working memory
    used: Floats
    dim: Ints  # [D] the layer's dimension of each dimension of the search
    axes: Ints  # [F, 2, D] bounds in space by axis
    best_loops: Ints
    best_keep: Ints
    best: Floats  # [3] pJ, cycles and bits of the best nest


@part
def price_nest(exact: Exact, tally: Ints) -> bool:
    """Count and price a nest; its pJ, cycles and bits are left in `used`. False if it cannot run."""
    set_steps(exact.loops, exact.reach)
    for i in range(exact.loops[LENGTH, 0]):
        if exact.loops[BOUND, i] > -(-exact.size[exact.loops[DIM, i]] // exact.loops[STEP, i]):
            return False
    count(
        exact.size,
        exact.ranks,
        exact.tensors,
        exact.loops,
        exact.keep,
        exact.lane,
        exact.stamp,
        exact.memo,
        exact.counts,
    )
    tally[COUNTED] += 1
    if overflow(exact.counts, exact.tensors, exact.keep, exact.level, exact.bits) > 0:
        return False
    cycles = latency(
        exact.size,
        exact.tensors,
        exact.loops,
        exact.keep,
        exact.counts,
        exact.port,
        exact.wire,
        exact.level,
        exact.total,
        exact.used,
    )
    pj = energy(exact.counts, exact.tensors, exact.keep, exact.price, exact.gap, exact.total)
    gaps, bits = exact.tensors[-1, NODES] - 1, 0.0
    for t in range(len(exact.bits)):
        bits += (exact.counts[t, 0] + exact.counts[t, gaps]) * exact.bits[t]
    exact.used[0], exact.used[1], exact.used[2] = pj + cycles * exact.total[1], cycles, bits
    return True


@part
def take_best(exact: Exact) -> None:
    """Note the nest that has just been priced as the best one."""
    for row in range(len(exact.loops)):
        for i in range(exact.loops.shape[1]):
            exact.best_loops[row, i] = exact.loops[row, i]
    for t in range(len(exact.keep)):
        for level in range(exact.keep.shape[1]):
            exact.best_keep[t, level] = exact.keep[t, level]
    for i in range(len(exact.best)):
        exact.best[i] = exact.used[i]


@part
def _flush(n: int, rest: Ints, task: Task, exact: Exact) -> int:
    """Write the loops in time of a segment, those over windows outside; returns how many loops there are then."""
    for turn in range(2):
        for d in range(len(rest)):
            window = False
            for t in range(len(task.window)):
                window = window or in_window(t, d, task)
            if rest[d] > 1 and window == (turn == 0):
                exact.loops[DIM, n], exact.loops[BOUND, n], exact.loops[AXIS, n] = exact.dim[d], rest[d], -1
                rest[d] = 1
                n += 1
    return n


@part
def _spares(label: int, old: int, low: Floats, high: Floats) -> bool:
    """Whether closing an edge costs more or less, depending on what comes next."""
    for v in range(low.shape[1]):
        if high[label, v] - high[old, v] > low[label, v] - low[old, v]:
            return True
    return False


@part
def is_allowed(task: Task, exact: Exact) -> bool:
    """Whether, of the loops in time outside the innermost keep, those over inner dimensions stand inside."""
    inside = False
    end = 0
    for t in range(len(exact.keep) - 1):
        for level in range(exact.keep.shape[1]):
            end = max(end, exact.keep[t, level])
    for i in range(end):
        if exact.loops[AXIS, i] >= 0:
            continue
        for d in range(len(task.size)):
            if exact.dim[d] == exact.loops[DIM, i]:
                if inside and not task.rules[1, d]:
                    return False
                inside = inside or task.rules[1, d] == 1
    return True


@maker
def write_nest(
    label: int,
    at: Ints,
    move: Ints,
    low: Floats,
    high: Floats,
    kinds: int,
    task: Task,
    chain: Chain,
    place: Place,
    exact: Exact,
    free: Ints,
) -> int:
    """Write the nest that ends with a label, outermost loop first.

    Where what a window spares depends on the order of the loops next outside, `free` gets the first and the end of
    those loops; returned is how many such segments there are.
    """
    exact.keep[:-1, :] = -1
    exact.keep[:-1, 0] = 0
    rest = np.empty(len(task.size), np.int64)
    for d in range(len(task.size)):
        i = (at[label, 1] // place.strides[d]) % place.counts[d]
        rest[d] = place.passes[d] // place.divisors[d, i]
    n, segments, start, end = 0, 0, 0, 0
    fanouts = len(task.node)
    while move[label, 0] != START:
        kind, what, how, bound = move[label, 0], move[label, 1], move[label, 2], move[label, 3]
        old = move[label, 4]
        k, status = at[old, 0] // kinds, at[old, 0] % kinds
        if kind == GROW:
            rest[what] *= how
            label = old
            continue
        m = _flush(n, rest, task, exact)
        if m > n:
            start, end = n, m
        n = m
        if kind == CLOSE:
            if how:
                d = task.window[chain.edge[what, TENSOR], (how - 1) // 2, (how - 1) % 2]
                exact.loops[DIM, n], exact.loops[BOUND, n], exact.loops[AXIS, n] = exact.dim[d], bound, -1
                n += 1
            if (
                _spares(label, old, low, high)
                and end > start + 1
                and (segments == 0 or free[segments - 1, 0] != start)
            ):
                free[segments, 0], free[segments, 1] = start, end
                segments += 1
            if chain.edge[what, STAGE] == k:
                exact.keep[chain.edge[what, TENSOR], chain.edge[what, CHILD]] = n
        else:
            for a in range(2):
                for d in range(len(task.size)):
                    if exact.axes[k, a, d] > 1:
                        exact.loops[DIM, n], exact.loops[BOUND, n] = exact.dim[d], exact.axes[k, a, d]
                        exact.loops[AXIS, n] = 2 * (fanouts - 1 - k) + a
                        n += 1
            for t in range(len(task.depends)):
                i = status % chain.number[t]
                status //= chain.number[t]
                if chain.stage[t, i] == k and chain.level[t, i] > 0:
                    exact.keep[t, chain.level[t, i]] = n
        label = old
    n = _flush(n, rest, task, exact)
    exact.loops[LENGTH, 0] = n
    return segments


@part
def next_order(start: int, end: int, loops: Ints) -> bool:
    """The next order of the loops of a segment, by their dimensions; False, and the first one, after the last."""
    i = end - 2
    while i >= start and loops[DIM, i] >= loops[DIM, i + 1]:
        i -= 1
    if i >= start:
        j = end - 1
        while loops[DIM, j] <= loops[DIM, i]:
            j -= 1
        _swap(i, j, loops)
    low, high = i + 1, end - 1
    while low < high:
        _swap(low, high, loops)
        low, high = low + 1, high - 1
    return i >= start


@part
def _swap(i: int, j: int, loops: Ints) -> None:
    loops[DIM, i], loops[DIM, j] = loops[DIM, j], loops[DIM, i]
    loops[BOUND, i], loops[BOUND, j] = loops[BOUND, j], loops[BOUND, i]
