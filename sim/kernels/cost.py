"""The cost kernel: energy and latency of a counted nest, as cheap as possible, for the mapper.

Energy is linear in the counts. Latency is cycle-approximate: the arithmetic, every port and every network take their
time; what is double-buffered or streams overlaps, so the longest of them decides; what is single-buffered waits.

The readable twin of this module is `sim.engines.spatial`.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.kernels.jit import part
from sim.kernels.layout import AXIS, BOUND, LENGTH, NODES, OPERATIONS, OUTPUT, RANK_OF, STEPS, USED, Ints
from sim.kernels.lean import lean

Floats = NDArray[np.float64]
Floats1 = Annotated[Floats, 1]  # by their number of axes
Floats2 = Annotated[Floats, 2]
Floats3 = Annotated[Floats, 3]
Floats4 = Annotated[Floats, 4]

# Actions at a memory, and how much a partial sum that is read or filled again is more than a finished word, which may
# be compressed; directions across a gap.
FILL, READ, UPDATE, DRAIN, AGAIN = range(5)
DOWN, UP = range(2)

# Columns of the table of levels: cycles per bit of the port for reads, for writes and for both together; whether
# filling and use alternate (single buffering); whether a whole tile has to be there before use begins; the room for
# tiles, in bits; the number of fanouts above.
READ_TIME, WRITE_TIME, PORT_TIME, ALTERNATES, WHOLE, ROOM, STAGE = range(7)

# The row of totals: pJ of all operations; pJ per clock cycle; cycles per step of the array; cycles before the first
# result.
FIXED, STATIC, CYCLES, DEPTH = range(4)


class Prices(NamedTuple):
    """What the counts of a layer on a machine cost: T tensors, L memories, G gaps; float64."""

    energy: Floats  # [T, L, 4] pJ of one word's fill, read, update, drain
    port: Floats  # [T, L, 5] bits of one word's fill, read, update, drain; more bits, read and written, if again
    gap: Floats  # [T, G, 2] pJ of one word that crosses a gap down or up: links and converters
    wire: Floats  # [T, G] cycles of one word that crosses the gap above a fanout, in either direction
    level: Floats  # [L, 7]
    bits: Floats  # [T] room of one word
    total: Floats  # [4]


@part
def _reads(t: int, level: int, node: int, counts: Ints, tensors: Ints) -> int:
    """Words of tensor `t` that memory `level`, which is node `node`, reads: to send them down, or to add to them."""
    gaps = tensors[len(tensors) - 1, NODES] - 1
    levels = (counts.shape[1] - 2 * gaps) // 2
    return counts[t, node] + counts[t, 2 * gaps + levels + level]


@lean
def energy(counts: Ints, tensors: Ints, keep: Ints, price: Floats, gap_price: Floats, total: Floats) -> float:
    """Energy in pJ, without what grows with time."""
    last, levels = len(tensors) - 1, keep.shape[1]
    gaps = tensors[last, NODES] - 1
    out = total[FIXED]
    for t in range(last):
        for g in range(gaps):
            out += counts[t, g] * gap_price[t, g, DOWN] + counts[t, gaps + g] * gap_price[t, g, UP]
        for level in range(levels):
            if keep[t, level] < 0:
                continue
            node = keep[last, level]
            out += _reads(t, level, node, counts, tensors) * price[t, level, READ]
            out += counts[t, gaps + node] * price[t, level, UPDATE]
            if node > 0:
                out += counts[t, node - 1] * price[t, level, FILL]
                out += counts[t, gaps + node - 1] * price[t, level, DRAIN]
    return out


@part
def _is_above(t: int, i: int, keep: Ints) -> bool:
    """Whether a memory outside memory `i` keeps tensor `t`."""
    for j in range(i):
        if keep[t, j] >= 0:
            return True
    return False


@lean
def overflow(counts: Ints, tensors: Ints, keep: Ints, level: Floats, bits: Floats) -> float:
    """Bits by which tiles exceed their memories, in all; 0 if they fit. At home on the chip, a tensor is no tile."""
    tile = 2 * (tensors[len(tensors) - 1, NODES] - 1)
    over = 0.0
    for i in range(len(level)):
        need = 0.0
        for t in range(len(tensors) - 1):
            if i == 0 or _is_above(t, i, keep):
                need += counts[t, tile + i] * bits[t]
        over += max(0.0, need - level[i, ROOM])
    return over


@part
def _used(node: int, size: Ints, tensors: Ints, loops: Ints, counts: Ints) -> float:
    """Copies of a node that have work: those of the arithmetic, over those inside each of the node's."""
    last, axes = len(tensors) - 1, RANK_OF + len(size)
    inside = 1
    for i in range(loops[LENGTH, 0]):
        if loops[AXIS, i] >= 0 and tensors[last, axes + loops[AXIS, i]] >= node:
            inside *= loops[BOUND, i]
    return max(1.0, counts[last, USED] / inside)


@part
def _busy(used: float, counts: Ints, tensors: Ints) -> float:
    """Copies of a node among which its work is divided, of `used`: fewer, if some have less work than the busiest."""
    last = len(tensors) - 1
    return max(1.0, used * tensors[last, OPERATIONS] / (counts[last, STEPS] * counts[last, USED]))


@part
def _port_cycles(i: int, used: float, counts: Ints, tensors: Ints, keep: Ints, port: Floats, level: Floats) -> float:
    """Cycles that the ports of the busiest copy of memory `i` are busy."""
    last = len(tensors) - 1
    gaps, node = tensors[last, NODES] - 1, keep[last, i]
    reads, writes = 0.0, 0.0
    for t in range(last):
        if keep[t, i] >= 0:
            read = _reads(t, i, node, counts, tensors)
            fill = counts[t, node - 1] if node > 0 else 0
            again = (read + fill) * port[t, i, AGAIN]
            reads += read * port[t, i, READ] + again
            writes += counts[t, gaps + node] * port[t, i, UPDATE] + fill * port[t, i, FILL] + again
            if node > 0:
                reads += counts[t, gaps + node - 1] * port[t, i, DRAIN]
    both = (reads + writes) * level[i, PORT_TIME]
    slower = max(reads * level[i, READ_TIME], writes * level[i, WRITE_TIME])
    return max(both, slower) / _busy(used, counts, tensors)


@part
def _way(
    t: int, i: int, parent: int, bits: float, time: int, keep: Ints, used: Floats, wire: Floats, level: Floats
) -> float:
    """Cycles per word of tensor `t` between memory `parent`, whose port it takes so many bits, and those of `i`."""
    last = len(keep) - 1
    out = _port_time(bits, parent, time, level)
    for g in range(keep[last, parent], keep[last, i]):
        out = max(out, wire[t, g])
    return out / used[parent]


@part
def _port_time(bits: float, i: int, time: int, level: Floats) -> float:
    """Cycles that one copy of memory `i` is busy with these bits; `time` is READ_TIME or WRITE_TIME."""
    return bits * max(level[i, time], level[i, PORT_TIME])


@part
def _first_tile(t: int, i: int, parent: int, counts: Ints, tensors: Ints, keep: Ints, used: Floats) -> float:
    """Words that leave memory `parent` for one tile of tensor `t` in every copy of memory `i`."""
    last = len(tensors) - 1
    gaps = tensors[last, NODES] - 1
    way = gaps if tensors[t, OUTPUT] else 0
    taken = counts[t, way + keep[last, i] - 1]
    shared = counts[t, way + keep[last, parent]] / taken if taken > 0 else 0.0
    return counts[t, 2 * gaps + i] * used[i] * shared


@part
def _changes(stage: int, counts: Ints, tensors: Ints, keep: Ints, used: Floats, level: Floats) -> float:
    """How often the tiles of the single-buffered memories below so many fanouts change."""
    last, levels = len(tensors) - 1, keep.shape[1]
    gaps = tensors[last, NODES] - 1
    changes = 0.0
    for i in range(1, levels):
        for t in range(last):
            if level[i, STAGE] == stage and level[i, ALTERNATES] and keep[t, i] >= 0:
                moved = counts[t, keep[last, i] - 1] + counts[t, gaps + keep[last, i] - 1]
                changes = max(changes, moved / (counts[t, 2 * gaps + i] * used[i]))
    return changes


@part
def _waits(
    stage: int, counts: Ints, tensors: Ints, keep: Ints, used: Floats, port: Floats, wire: Floats, level: Floats
) -> float:
    """Cycles in which the array waits for the single-buffered memories below so many fanouts.

    Words take their ways side by side, but take turns at the port of the memory that they leave; what that makes is
    added to the second half of `used`. Whenever a tile changes, whatever streams past begins anew, and its first
    tile has to come as well.
    """
    last, levels = len(tensors) - 1, keep.shape[1]
    gaps = tensors[last, NODES] - 1
    changes = _changes(stage, counts, tensors, keep, used, level)
    wait = 0.0
    for parent in range(levels):
        busy = 0.0
        for t in range(last):
            i = _below(t, parent, keep) if keep[t, parent] >= 0 else -1
            if changes == 0 or i < 0 or level[i, STAGE] != stage:
                continue
            down, up = counts[t, keep[last, parent]], counts[t, gaps + keep[last, parent]]
            more = port[t, parent, AGAIN]
            dense = port[t, parent, READ] + more
            if not tensors[t, OUTPUT]:
                if not level[i, ALTERNATES]:  # a first tile for every change but the first, which is the start
                    first = _first_tile(t, i, parent, counts, tensors, keep, used)
                    down = max(0.0, min(down, changes * first) - first)
                cycles = down * _way(t, i, parent, dense, READ_TIME, keep, used, wire, level)
                busy += down * _port_time(dense, parent, READ_TIME, level) / used[parent]
            elif level[i, ALTERNATES]:  # what comes down goes up again, and is not finished
                bits = port[t, parent, UPDATE]
                cycles = down * _way(t, i, parent, dense, READ_TIME, keep, used, wire, level)
                cycles += down * _way(t, i, parent, bits + more, WRITE_TIME, keep, used, wire, level)
                cycles += (up - down) * _way(t, i, parent, bits, WRITE_TIME, keep, used, wire, level)
                busy += down * _port_time(dense, parent, READ_TIME, level) / used[parent]
                busy += (up * bits + down * more) * _port_time(1.0, parent, WRITE_TIME, level) / used[parent]
            else:
                cycles = 0.0
            wait = max(wait, cycles)
        wait = max(wait, busy)
        used[levels + parent] += busy
    return wait


@part
def _below(t: int, i: int, keep: Ints) -> int:
    """The next memory inside memory `i` that keeps tensor `t`, or -1."""
    for j in range(i + 1, keep.shape[1]):
        if keep[t, j] >= 0:
            return j
    return -1


@part
def _start(counts: Ints, tensors: Ints, keep: Ints, used: Floats, port: Floats, wire: Floats, level: Floats) -> float:
    """Cycles until the first operands have come in, and until the last results have gone out.

    First tiles take their ways side by side, but those that leave the same memory take turns at its port. What
    single-buffered memories are filled with is in the waits.
    """
    last, levels = len(tensors) - 1, keep.shape[1]
    first, final = 0.0, 0.0
    for parent in range(levels):
        busy = 0.0
        for t in range(last):
            i = _below(t, parent, keep) if keep[t, parent] >= 0 else -1
            if i >= 0 and _is_awaited(t, i, keep, level) and not tensors[t, OUTPUT]:
                words = _first_tile(t, i, parent, counts, tensors, keep, used)
                busy += words * _port_time(port[t, parent, READ], parent, READ_TIME, level) / used[parent]
        first = max(first, busy)
    for t in range(last):
        action, time = (UPDATE, WRITE_TIME) if tensors[t, OUTPUT] else (READ, READ_TIME)
        cycles, parent, i = 0.0, 0, _below(t, 0, keep)
        while i >= 0:
            if _is_awaited(t, i, keep, level):
                words = _first_tile(t, i, parent, counts, tensors, keep, used)
                cycles += words * _way(t, i, parent, port[t, parent, action], time, keep, used, wire, level)
            parent, i = i, _below(t, i, keep)
        if tensors[t, OUTPUT]:
            final = cycles
        else:
            first = max(first, cycles)
    return first + final


@part
def _is_awaited(t: int, i: int, keep: Ints, level: Floats) -> bool:
    """Whether use begins or ends with a whole tile at memory `i`: not if it streams on, nor if it waits anyway."""
    return (level[i, WHOLE] or _below(t, i, keep) < 0) and not level[i, ALTERNATES]


@lean
def latency(
    size: Ints,
    tensors: Ints,
    loops: Ints,
    keep: Ints,
    counts: Ints,
    port: Floats,
    wire: Floats,
    level: Floats,
    total: Floats,
    used: Floats,
) -> float:
    """Latency in clock cycles; `used` is working memory for two numbers a level."""
    last, levels = len(tensors) - 1, keep.shape[1]
    gaps = tensors[last, NODES] - 1
    for i in range(levels):
        used[i], used[levels + i] = _used(keep[last, i], size, tensors, loops, counts), 0.0
    waits = 0.0
    for stage in range(int(level[levels - 1, STAGE]) + 1):
        waits += _waits(stage, counts, tensors, keep, used, port, wire, level)
    cycles = counts[last, STEPS] * total[CYCLES]
    for i in range(levels):  # what the array waits for does not keep the port from the rest
        busy = _port_cycles(i, used[i], counts, tensors, keep, port, level)
        cycles = max(cycles, busy - used[levels + i])
    for t in range(last):
        for g in range(gaps):
            if wire[t, g] > 0:
                words = max(counts[t, g], counts[t, gaps + g])
                copies = _busy(_used(g + 1, size, tensors, loops, counts), counts, tensors)
                cycles = max(cycles, words * wire[t, g] / copies)
    return cycles + waits + _start(counts, tensors, keep, used, port, wire, level) + total[DEPTH]
