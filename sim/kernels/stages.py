"""Layers one after the other on an array where weights stay: what it does in every cycle, and what it waits for.

Four things work side by side. A memory sends tiles of weights into a FIFO, in order and ahead as far as there is
room. A tile is shifted into the second register of every PE, when it has come and the one before is in use. The array
streams the rows of a block of outputs through each tile. What leaves it is added up in one half of the accumulators,
until a block is complete and the unit behind the array has taken it, while the next block goes into the other half.
A layer begins when all outputs of the one before are there, and the words that come from outside the chip.

Each cycle in which the array does not work is charged to the last thing that the next step waits for. So waits for
weights are those that nothing else would have made.

`sim.reference.stages` is the same, cycle by cycle.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel, part

Floats = npt.NDArray[np.float64]

CYCLES, FETCH, SHIFT, OPENS, CLOSES = range(5)
"""A step: cycles that the array works, cycles that the memory takes to send its tile and the array to shift it in
(both 0 if the tile is that of the step before), whether it is the first one of a block, and, if it is the last, the
cycles from its end until the block has left, else 0."""
STEP = 5

STEPS, VECTOR, COMES, LEAVES, ROOM, DEPTH = range(6)
"""A layer: how many steps it has, or how many cycles it takes the unit behind the array; cycles in which words come
from and go to the outside; tiles for which the FIFO has room; cycles of a block's way through the array, which the
unit behind it spends waiting."""
LAYER = 6

ACTIVE, WEIGHTS, SHIFTING, OUTSIDE, OTHER = range(5)
"""What the cycles of a layer go into: the array works; it waits for weights, for them to be shifted in, for words
from outside the chip, or for something else (blocks that leave, vector layers)."""
CAUSES = 5


@part
def wait(cursor: float, until: float, cause: int, own: Floats) -> float:
    """Charge the time until a moment, if that is still to come."""
    if until > cursor:
        own[cause] += until - cursor
        return until
    return cursor


@kernel
def run(steps: Floats, layers: Floats, latency: float, out: Floats) -> None:
    """Simulate.

    Args:
        steps: [steps, STEP] of all layers.
        layers: [layers, LAYER].
        latency: cycles from the end of a tile's transfer until it is there.
        out: [layers, CAUSES], all 0.
    """
    shifted = np.zeros(len(steps) + 1)  # by tile: when it has left the FIFO
    memory = link = unit = used = now = done = there = arrived = 0.0
    free, other = 0.0, 0.0  # when the half for this block, and the other one, have been emptied
    tile, s = 0, 0
    for number in range(len(layers)):
        layer, own = layers[number], out[number]
        outside = 0.0
        if layer[COMES] > 0:
            link += layer[COMES]
            outside = link
        if layer[STEPS] == 0:
            now = wait(now, done, OTHER, own)
            now = wait(now, outside, OUTSIDE, own)
            done = now + layer[VECTOR]
            now = wait(now, done, OTHER, own)
        ready = done
        for s in range(s, s + int(layer[STEPS])):  # noqa: B020 (the same steps go on in the next layer)
            step = steps[s]
            if step[FETCH] > 0:
                room = int(layer[ROOM])
                slot = shifted[tile - room] if tile >= room else 0.0
                memory = max(memory, slot) + step[FETCH]
                arrived = memory + latency
                there = max(arrived, used) + step[SHIFT]
                shifted[tile] = there
                tile += 1
            if step[OPENS]:
                free, other = other, free
            now = wait(now, max(ready, free), OTHER, own)
            now = wait(now, outside, OUTSIDE, own)
            now = wait(now, arrived, WEIGHTS, own)
            now = wait(now, there, SHIFTING, own)
            if step[FETCH] > 0:
                used = now
            own[ACTIVE] += step[CYCLES]
            now += step[CYCLES]
            if step[CLOSES] > 0:
                unit = max(unit, now + layer[DEPTH]) + step[CLOSES]
                free = done = unit
        s += layer[STEPS] > 0
        if layer[LEAVES] > 0:
            link = max(link, done) + layer[LEAVES]
    now = wait(now, done, OTHER, out[len(layers) - 1])
    wait(now, link, OUTSIDE, out[len(layers) - 1])
