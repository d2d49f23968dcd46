"""Whole nests of the exact search: written out from the labels that led to them, counted and priced exactly."""

from __future__ import annotations

from typing import NamedTuple

from sim.kernels.apart import apart
from sim.kernels.bounds import CHILD, HOME, STAGE, TENSOR, Chain, Place, Task
from sim.kernels.cost import Floats1, Floats2, Floats3, energy, latency, overflow
from sim.kernels.jit import part
from sim.kernels.labels import CLOSE, COUNTED, CROSS, GROW, START
from sim.kernels.layout import AXIS, BOUND, DIM, LENGTH, NODES, STEP, Ints, Ints1, Ints2, Ints3, set_steps
from sim.kernels.reuse import count


class Exact(NamedTuple):
    """What is needed to count and price a nest: the fields of `Shape`, `Scratch` and `Prices`, and working memory."""

    size: Ints1
    ranks: Ints2
    tensors: Ints2
    lane: Ints2
    stamp: Ints2
    memo: Ints2
    price: Floats3
    port: Floats3
    gap: Floats3
    wire: Floats2
    level: Floats2
    bits: Floats1
    total: Floats1
    loops: Ints2
    keep: Ints2
    counts: Ints2
    reach: Ints1  # [D of the layer] working memory
    used: Floats1
    dim: Ints1  # [D] the layer's dimension of each dimension of the search
    axes: Ints3  # [F, 2, D] bounds in space by axis
    best_loops: Ints2
    best_keep: Ints2
    best: Floats1  # [3] pJ, cycles and bits of the best nest
    tally: Ints1  # [4] see `sim.kernels.labels`


@apart
def price_nest(exact: Exact) -> int:
    """Count and price a nest; its pJ, cycles and bits are left in `used`. 0 if it cannot run, else 1."""
    set_steps(exact.loops, exact.reach)
    for i in range(exact.loops[LENGTH, 0]):
        if exact.loops[BOUND, i] > -(-exact.size[exact.loops[DIM, i]] // exact.loops[STEP, i]):
            return 0
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
    exact.tally[COUNTED] += 1
    if overflow(exact.counts, exact.tensors, exact.keep, exact.level, exact.bits) > 0:
        return 0
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
    return 1


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


@part
def _write_loop(n: int, d: int, bound: int, axis: int, exact: Exact) -> int:
    """Write a loop inside `n` others; returns how many loops there are then."""
    exact.loops[DIM, n], exact.loops[BOUND, n], exact.loops[AXIS, n] = exact.dim[d], bound, axis
    return n + 1


@part
def write_nest(
    label: int, at: Ints, move: Ints, kinds: int, task: Task, chain: Chain, place: Place, exact: Exact
) -> None:
    """Write the nest that ends with a label, outermost loop first."""
    exact.keep[:-1, :] = -1
    for t in range(len(task.depends)):
        exact.keep[t, task.kind[HOME, t]] = 0
    n, fanouts, fixed = 0, len(task.node), 0  # loops before `fixed` are not one with what follows
    for inner in range(2):
        for d in range(len(task.size)):
            i = (at[label, 1] // place.strides[d]) % place.counts[d]
            if place.passes[d] > place.divisors[d, i] and task.rules[1, d] == inner:
                n = _write_loop(n, d, place.passes[d] // place.divisors[d, i], -1, exact)
    while move[label, 0] != START:
        kind, what, how, old = move[label, 0], move[label, 1], move[label, 2], move[label, 3]
        k, status = at[old, 0] // kinds, at[old, 0] % kinds
        if kind == GROW and n > fixed and exact.loops[DIM, n - 1] == exact.dim[what]:
            exact.loops[BOUND, n - 1] *= how
        elif kind == GROW:
            n = _write_loop(n, what, how, -1, exact)
        elif kind == CLOSE and chain.edge[what, STAGE] == k:
            exact.keep[chain.edge[what, TENSOR], chain.edge[what, CHILD]] = fixed = n
        elif kind == CROSS:
            for a in range(2):
                for d in range(len(task.size)):
                    if exact.axes[k, a, d] > 1:
                        n = _write_loop(n, d, exact.axes[k, a, d], 2 * (fanouts - 1 - k) + a, exact)
            fixed = n
            for t in range(len(task.depends)):
                i = status % chain.number[t]
                status //= chain.number[t]
                if chain.stage[t, i] == k and chain.level[t, i] > 0:
                    exact.keep[t, chain.level[t, i]] = n
        label = old
    exact.loops[LENGTH, 0] = n
