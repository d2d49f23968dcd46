"""The counting kernel's fast lane for tensors of plain ranks, and what all lanes have in common.

One pass goes inward over the loops. All that it needs of those that it has seen are a few products, in registers.
"""

from __future__ import annotations

from sim.kernels.jit import part
from sim.kernels.lane import ALIKE, FAR, INSIDE, LINK, NODE, RANK, RECORD, TIMES
from sim.kernels.layout import (
    AXIS,
    BOUND,
    DIM,
    FLAT,
    LENGTH,
    NODES,
    OPERATIONS,
    OUTPUT,
    PASSED_ON,
    RANK_OF,
    STEP,
    STEPS,
    USED,
    Ints,
    Ints1,
)


@part
def note_loops(dims: int, machine: Ints1, loops: Ints, lane: Ints1, out: Ints1) -> bool:
    """Note all loops of a nest, for all tensors. Whether all bounds divide; if so, steps and copies in use are set.

    The bounds of a legal nest cover every dimension, so they divide if together they multiply to the operations.
    """
    time, space = 1, 1
    for i in range(loops[LENGTH, 0]):
        r, bound, a = RECORD * i, loops[BOUND, i], loops[AXIS, i]
        lane[r + RANK], lane[r + TIMES], lane[r + FAR] = RANK_OF + loops[DIM, i], bound, loops[STEP, i]
        if a < 0:
            time *= bound
            lane[r + NODE] = -1
        else:
            space *= bound
            lane[r + LINK] = RANK_OF + dims + a
            lane[r + NODE] = machine[RANK_OF + dims + a]
    out[STEPS], out[USED] = time, space
    return time * space == machine[OPERATIONS]


@part
def count_plain(tensor: Ints1, machine: Ints1, kept: Ints1, nodes: Ints1, n: int, lane: Ints1, out: Ints1) -> None:
    """Count a tensor of plain ranks.

    A tile is the same as before as long as only independent loops advance, and has nothing in common with it after
    that. So what enters a tile is the tensor times the independent loops outside the last one over a plain rank.
    """
    levels, gaps, output = len(kept), machine[NODES] - 1, tensor[OUTPUT]
    copies, outer, entered = tensor[FLAT], 1, 1
    for node in range(0, RECORD * gaps, RECORD):
        lane[node + ALIKE] = 1
    i, above, parent = 0, -1, gaps
    for level in range(levels + 1):
        end, node = n, gaps
        if level < levels:
            end, node = kept[level], nodes[level]
            out[2 * gaps + level], out[2 * gaps + levels + level] = 0, 0
            if end < 0:
                continue
        together, inside, passed = copies, 1, -1
        while i < RECORD * end:
            bound, fanout = lane[i + TIMES], lane[i + NODE]
            if tensor[lane[i + RANK]] >= 0:
                inside *= bound
                if fanout < 0:
                    entered = outer if bound > 1 else entered
                elif bound > 1 and tensor[lane[i + LINK]] == PASSED_ON:
                    passed = max(passed, fanout)
            elif fanout < 0:
                outer *= bound
            else:
                share = tensor[lane[i + LINK]]
                if share:
                    lane[RECORD * fanout + ALIKE] *= bound
                    if share == PASSED_ON and bound > 1:
                        passed = max(passed, fanout)
                else:
                    copies *= bound
            i += RECORD
        for gap in range(parent, node):
            # the arithmetic keeps nothing: every operand comes anew, unless it is passed on
            words = entered if level < levels or gap < passed else outer
            copies *= lane[RECORD * gap + ALIKE]
            # every word of an output is begun once by every group of copies, and does not come down then
            out[gap], out[gaps + gap] = (words - output) * copies, words * copies * output
            if output and gap == parent:  # once by all copies together: the others' are added to it
                out[2 * gaps + levels + above] = copies - together
        if above >= 0:
            lane[RECORD * above + INSIDE] = inside
        if level < levels:
            out[2 * gaps + level] = 1
            above, parent = level, node
    set_tiles(2 * gaps, kept, lane, out)


@part
def set_tiles(tile: int, kept: Ints1, lane: Ints1, out: Ints1) -> None:
    """Multiply the words of tiles, in the columns from `tile`, by the bounds over plain ranks inside their keeps."""
    inside = 1
    for level in range(len(kept) - 1, -1, -1):
        if kept[level] >= 0:
            inside *= lane[RECORD * level + INSIDE]
            out[tile + level] *= inside
