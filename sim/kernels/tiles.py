"""Tiles that go between DRAM and the memories on the chip, while an array works: event by event.

A memory has room for so many tiles of a tensor, two at least (double buffering). The array does steps one after the
other. For a step the tiles that it reads must be there, and the place into which it writes must have been drained. A
tile is asked for when the tile whose place it takes is done with; a tile that is written is sent off when its last
step is done. The DRAM serves what is asked for in that order, one after the other, a whole number of bursts each;
words that are read arrive some time later, while the next are under way.

`sim.reference.tiles` is the same as a queue of events.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel, part

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int32]

WRITTEN, INPUTS, WEIGHTS, SUMS = range(4)
"""Streams, in the order in which they ask at the same time: tiles that are written, and three that are read."""
STREAMS = 4

END, BUSY, FIRST, STALLS, LAST = range(5)
"""What comes out, in cycles: when all is over, how long the DRAM is busy, how long the first step waits, how long
later ones do, and how long the DRAM still takes after the last one."""
OUTCOMES = 5


@part
def serve(bits: int, asked: float, dram: Floats, out: Floats) -> float:
    """Send a tile; says when it is there, and leaves in `dram[3]` when the DRAM is free."""
    if bits == 0:
        return asked
    burst = dram[1]
    sent = np.ceil(bits / burst) * burst / dram[0]
    dram[3] = max(asked, dram[3]) + sent
    out[BUSY] += sent
    return dram[3]


@kernel
def run(cycles: Floats, tile: Ints, bits: Ints, room: Ints, dram: Floats, out: Floats) -> None:
    """Simulate.

    Args:
        cycles: [steps] that the array takes.
        tile: [STREAMS, steps] number of the tile that a step takes or makes, from 0 on without a gap.
        bits: [STREAMS, tiles] that have to go to or come from DRAM.
        room: [STREAMS] tiles that a memory has room for.
        dram: bits per cycle, bits of a burst, cycles until what is read arrives, and 0.
        out: [OUTCOMES], all 0.
    """
    steps = len(cycles)
    ready = np.zeros((STREAMS, bits.shape[1]))
    for ahead in range(room[1:].max()):
        for stream in range(1, STREAMS):
            if ahead < room[stream] and ahead <= tile[stream, steps - 1]:
                ready[stream, ahead] = arrival(stream, bits[stream, ahead], 0.0, dram, out)
    end = 0.0
    for s in range(steps):
        begin = end
        for stream in range(STREAMS):
            before = tile[stream, s] - room[stream] if stream == WRITTEN else tile[stream, s]
            if before >= 0:
                begin = max(begin, ready[stream, before])
        out[FIRST if s == 0 else STALLS] += begin - end
        end = begin + cycles[s]
        for stream in range(STREAMS):
            own = tile[stream, s]
            later = own + room[stream]
            if s == steps - 1 or tile[stream, s + 1] != own:
                if stream == WRITTEN:
                    ready[stream, own] = serve(bits[stream, own], end, dram, out)
                elif later <= tile[stream, steps - 1]:
                    ready[stream, later] = arrival(stream, bits[stream, later], end, dram, out)
    out[END] = max(end, dram[3])
    out[LAST] = out[END] - end


@part
def arrival(stream: int, bits: int, asked: float, dram: Floats, out: Floats) -> float:
    """When a tile that is read has come."""
    return serve(bits, asked, dram, out) + (dram[2] if bits else 0.0)


@kernel
def new_words(of_x: Ints, of_k: Ints, extents: Ints, parts: Ints, keep: int, stamps: Stamps, out: Ints) -> None:
    """Inputs that tiles need and that no tile of the last `keep` had: units of neighbouring channels, not words.

    Args:
        of_x, of_k, extents: see `sim.workload.product.Addresses`.
        parts: [tiles, 4] the first x of a tile, the one after its last, and the same for k.
        stamps: [addresses], all 0.
        out: [tiles].
    """
    for tile in range(len(parts)):
        for x in range(parts[tile, 0], parts[tile, 1]):
            for k in range(parts[tile, 2], parts[tile, 3]):
                at, there = 0, True
                for r in range(len(extents)):
                    index = of_x[r, x] + of_k[r, k]
                    if index < 0 or index >= extents[r]:
                        there = False
                        break
                    at = at * extents[r] + index
                if there:
                    last = stamps[at]
                    if last == 0 or last < tile + 1 - keep:
                        out[tile] += 1
                    stamps[at] = tile + 1
