"""Simulated annealing over loop nests: the engine of the first mapper.

A nest is a row of slots, loops that may have a bound of one. Slots come in blocks, alternately in time and in space
(one pair for every fanout), and only change places within a block in time. A step moves a factor of a bound to
another loop of the same dimension, gives a loop in space a bound that does not divide, swaps two loops, moves a keep
or drops it. Only nests that the machine can run are counted and priced. Where bounds do not divide, the layer is
taken to be as large as their product here, which makes a nest look a little dearer than it is.
"""

from __future__ import annotations

import math

import numpy as np

from sim.kernels.cost import Floats, energy, latency, overflow
from sim.kernels.jit import kernel, part
from sim.kernels.layout import (
    AXIS,
    BOUND,
    DIM,
    FIRST,
    FLAT,
    KIND,
    LAST,
    LENGTH,
    OPERATIONS,
    PLAIN,
    STEP,
    TERM,
    Ints,
    set_steps,
)
from sim.kernels.reuse import count

# Planes of the tables of slots and of positions: the best nest so far, the one from which the search goes on, and the
# one that is looked at.
BEST, NOW, NEW = range(3)

# Rows of a table of slots: dimension, bound, fanout axis (-1: in time), block, whether the bound is fixed.
SLOT_DIM, SLOT_BOUND, SLOT_AXIS, SLOT_BLOCK, SLOT_FIXED = range(5)

# Rows of the table of axes: how many copies there are, and how many are in use (worked in).
ROOM, COPIES = range(2)

NO_FIT = 1e6

# Chosen by trying, over ten seeds each, on a ResNet-18 convolution with and without row-stationary constraints: the
# share by which ln(cost) may grow at the start of a run, and how much larger than a dimension its bounds may be.
HEAT = 0.03
WASTE = 1.1
TRIES = 50  # at finding a step that changes something

# What a machine and a dataflow say about keeping a tensor at a level.
NEVER, OPTIONAL, ALWAYS = range(3)


@part
def _copy(source: int, target: int, slots: Ints, position: Ints) -> None:
    """Copy a nest from one plane to another."""
    for row in range(slots.shape[1]):
        for i in range(slots.shape[2]):
            slots[target, row, i] = slots[source, row, i]
    for t in range(position.shape[1]):
        for level in range(position.shape[2]):
            position[target, t, level] = position[source, t, level]


@part
def _random(state: Ints, n: int) -> int:
    """A number below `n` (xorshift64*; Vigna, ACM TOMS 42(4), 2016)."""
    x = np.uint64(state[0])
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = np.int64(x)
    return int(np.int64((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)) % n)


@part
def write_nest(slots: Ints, position: Ints, loops: Ints, keep: Ints) -> bool:
    """The nest of the slots with bounds above one. False if there are more than the table holds."""
    tensors, levels = position.shape
    n = 0
    for i in range(slots.shape[1] + 1):
        for t in range(tensors):
            for level in range(levels):
                if position[t, level] == i:
                    keep[t, level] = n
                elif position[t, level] < 0:
                    keep[t, level] = -1
        if i < slots.shape[1] and slots[SLOT_BOUND, i] > 1:
            if n == loops.shape[1]:
                return False
            loops[DIM, n], loops[BOUND, n] = slots[SLOT_DIM, i], slots[SLOT_BOUND, i]
            loops[AXIS, n] = slots[SLOT_AXIS, i]
            n += 1
    loops[LENGTH, 0] = n
    return True


@part
def is_legal(size: Ints, loops: Ints, keep: Ints, axes: Ints, is_inner: Ints) -> bool:
    """Whether loops in space fit their axes, no loop runs into nothing, and the dataflow's order is kept.

    Outside the innermost keep, loops in time over inner dimensions stand inside all others.
    """
    for a in range(axes.shape[1]):
        axes[COPIES, a] = 1
    innermost = 0
    for t in range(len(keep) - 1):
        for level in range(keep.shape[1]):
            innermost = max(innermost, keep[t, level])
    seen_inner = False
    for i in range(loops[LENGTH, 0]):
        if loops[BOUND, i] > -(-size[loops[DIM, i]] // loops[STEP, i]):
            return False
        if loops[AXIS, i] >= 0:
            axes[COPIES, loops[AXIS, i]] *= loops[BOUND, i]
            if axes[COPIES, loops[AXIS, i]] > axes[ROOM, loops[AXIS, i]]:
                return False
        elif i < innermost:
            if is_inner[loops[DIM, i]]:
                seen_inner = True
            elif seen_inner:
                return False
    return True


@part
def _round_up(ranks: Ints, tensors: Ints, rounded: Ints) -> None:
    """Take the layer to be as large as the product of its bounds, so that all bounds divide."""
    last = len(tensors) - 1
    for t in range(last):
        tensors[t, FLAT] = 1
        for k in range(tensors[t, FIRST], tensors[t, LAST]):
            if ranks[k, KIND] == PLAIN and ranks[k, TERM] >= 0:
                tensors[t, FLAT] *= rounded[ranks[k, TERM]]
    tensors[last, OPERATIONS] = 1
    for bound in rounded:
        tensors[last, OPERATIONS] *= bound


@part
def _pick(slots: Ints, state: Ints) -> int:
    """A random slot with a bound above one, or -1."""
    m = slots.shape[1]
    for _ in range(64):
        i = _random(state, m)
        if slots[SLOT_BOUND, i] > 1:
            return i
    return -1


@part
def _exchange(i: int, j: int, slots: Ints) -> None:
    for row in (SLOT_DIM, SLOT_BOUND, SLOT_FIXED):
        slots[row, i], slots[row, j] = slots[row, j], slots[row, i]


@part
def _move_factor(slots: Ints, state: Ints) -> bool:
    """Move a random factor of a bound to another slot of its dimension, wherever in its block that stands."""
    m = slots.shape[1]
    i = _pick(slots, state)
    if i < 0 or slots[SLOT_FIXED, i]:
        return False
    j = _random(state, m)
    while slots[SLOT_DIM, j] != slots[SLOT_DIM, i]:
        j = _random(state, m)
    if i == j or slots[SLOT_FIXED, j]:
        return False
    bound = slots[SLOT_BOUND, i]
    factor = 2 + _random(state, bound - 1)
    while bound % factor:
        factor -= 1
    if factor == 1:
        factor = bound
    if slots[SLOT_BOUND, j] == 1 and slots[SLOT_AXIS, j] < 0:
        k = _random(state, m)
        while slots[SLOT_BLOCK, k] != slots[SLOT_BLOCK, j]:
            k = _random(state, m)
        if k != i:
            _exchange(j, k, slots)
            j = k
    slots[SLOT_BOUND, i] = bound // factor
    slots[SLOT_BOUND, j] *= factor
    return True


@part
def _set_uneven(size: Ints, slots: Ints, axes: Ints, state: Ints) -> bool:
    """Give a loop in space any bound; another loop of its dimension covers the rest."""
    m = slots.shape[1]
    i, j = _random(state, m), _random(state, m)
    d = slots[SLOT_DIM, i]
    if i == j or d != slots[SLOT_DIM, j] or slots[SLOT_AXIS, i] < 0:
        return False
    if slots[SLOT_FIXED, i] or slots[SLOT_FIXED, j]:
        return False
    others = 1
    for k in range(m):
        if slots[SLOT_DIM, k] == d and k != i and k != j:
            others *= slots[SLOT_BOUND, k]
    bound = 1 + _random(state, min(size[d], axes[ROOM, slots[SLOT_AXIS, i]]))
    rest = -(-size[d] // (others * bound))
    if others * bound * rest > WASTE * size[d]:
        return False
    slots[SLOT_BOUND, i], slots[SLOT_BOUND, j] = bound, rest
    return True


@part
def _swap(slots: Ints, state: Ints) -> bool:
    """Swap two loops of a block in time."""
    i, j = _pick(slots, state), _pick(slots, state)
    if i < 0 or j < 0 or i == j or slots[SLOT_BLOCK, i] != slots[SLOT_BLOCK, j] or slots[SLOT_AXIS, i] >= 0:
        return False
    _exchange(i, j, slots)
    return True


@part
def _move_keep(position: Ints, low: Ints, high: Ints, may: Ints, state: Ints) -> bool:
    """Move a keep to another place in its block, or drop it, or bring it back."""
    t, level = _random(state, position.shape[0]), 1 + _random(state, max(1, position.shape[1] - 1))
    if level >= position.shape[1] or may[t, level] == NEVER:
        return False
    if may[t, level] == OPTIONAL and position[t, level] >= 0 and _random(state, 4) == 0:
        position[t, level] = -1
        return True
    new = low[level] + _random(state, high[level] - low[level] + 1)
    for i in range(position.shape[1]):  # a tensor's keeps go inward
        other = position[t, i]
        if other >= 0 and ((i < level and other > new) or (i > level and other < new)):
            return False
    position[t, level] = new
    return True


@part
def vary(size: Ints, slots: Ints, position: Ints, low: Ints, high: Ints, may: Ints, axes: Ints, state: Ints) -> None:
    """Change a nest in one to three places."""
    todo = 1 + _random(state, 3)
    for _ in range(TRIES):
        if todo == 0:
            break
        kind = _random(state, 8)
        if kind < 4:
            changed = _move_factor(slots, state)
        elif kind == 4:
            changed = _set_uneven(size, slots, axes, state)
        elif kind == 5:
            changed = _swap(slots, state)
        else:
            changed = _move_keep(position, low, high, may, state)
        todo -= 1 if changed else 0


@kernel
def anneal(
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    lane: Ints,
    stamp: Ints,
    memo: Ints,
    price: Floats,
    port: Floats,
    gap: Floats,
    wire: Floats,
    level: Floats,
    bits: Floats,
    total: Floats,
    slots: Ints,
    position: Ints,
    low: Ints,
    high: Ints,
    may: Ints,
    axes: Ints,
    is_inner: Ints,
    loops: Ints,
    keep: Ints,
    counts: Ints,
    rounded: Ints,
    used: Floats,
    state: Ints,
    weight: Floats,
    trials: int,
) -> tuple[float, int]:
    """Improve the BEST nest in `slots` and `position`.

    Worked in are `tensors`, a `Scratch`, a `Nest`, a table of counts, `rounded` [D], `used` [2 * L] and `state` [1],
    from which random numbers come (not zero). The cost is weight[0] * ln(energy) + weight[1] * ln(latency). Returns
    the best cost and how many nests were counted. If no nest fits, the cost is NO_FIT and the bits that are too many
    (infinite if none can be run at all).
    """
    new_slots, new_position = slots[NEW], position[NEW]
    now, best, counted = math.inf, math.inf, 0
    _copy(BEST, NOW, slots, position)
    for trial in range(trials + 1):
        _copy(NOW, NEW, slots, position)
        if trial > 0:
            vary(size, new_slots, new_position, low, high, may, axes, state)
        if not write_nest(new_slots, new_position, loops, keep):
            continue
        set_steps(loops, rounded)
        if not is_legal(size, loops, keep, axes, is_inner):
            continue
        _round_up(ranks, tensors, rounded)
        count(rounded, ranks, tensors, loops, keep, lane, stamp, memo, counts)
        counted += 1
        over = overflow(counts, tensors, keep, level, bits)
        if over > 0:
            if now >= NO_FIT and NO_FIT + over <= now:  # no nest fits yet: come nearer
                now = NO_FIT + over
                _copy(NEW, NOW, slots, position)
                if now < best:
                    best = now
                    _copy(NEW, BEST, slots, position)
            continue
        cycles = latency(rounded, tensors, loops, keep, counts, port, wire, level, total, used)
        pj = energy(counts, tensors, keep, price, gap, total) + cycles * total[1]
        cost = weight[0] * math.log(pj + 1e-12) + weight[1] * math.log(cycles + 1e-12)
        heat = HEAT * (1 - trial / (trials + 1))
        if cost <= now or _random(state, 1 << 20) < math.exp((now - cost) / (heat + 1e-9)) * (1 << 20):
            now = cost
            _copy(NEW, NOW, slots, position)
            if cost < best:
                best = cost
                _copy(NEW, BEST, slots, position)
    return best, counted
