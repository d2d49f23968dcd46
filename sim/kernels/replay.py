"""What a buffer fetches while a systolic array asks it for words, line by line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel

Ints = npt.NDArray[np.int64]
Stamps = npt.NDArray[np.int32]

SKEWED, REVERSED = range(2)
"""How the lines of a fold come: lane j asks j lines late; or all at once, and the last line first."""

PADDING = -1
"""The stamp of what is no word."""


@kernel
def misses(lines: Ints, lanes: Ints, folds: Ints, order: int, capacity: int, stamps: Stamps) -> tuple[int, int]:
    """Words that a buffer fetches that is emptied whenever it is full, and the cycle in which it last was, or -1.

    Args:
        lines, lanes: the parts of an address that a line and a lane decide.
        folds: [folds, 5], the first line and the one after the last, the first lane and the one after the last, and
            the cycle in which the first line is asked for; the others follow cycle by cycle.
        order: how the lines of a fold come.
        capacity: words that the buffer holds.
        stamps: [addresses], `PADDING` or 0.
    """
    epoch, held, fetched, emptied = np.int32(1), 0, 0, -1
    for f in range(len(folds)):
        first_line, first_lane = folds[f, 0], folds[f, 2]
        many_lines, many_lanes = folds[f, 1] - first_line, folds[f, 3] - first_lane
        late = 1 if order == SKEWED else 0
        for t in range(many_lines + late * (many_lanes - 1)):
            low = max(0, t - many_lines + 1) if late else 0
            high = min(many_lanes, t + 1) if late else many_lanes
            line = first_line + (many_lines - 1 - t if order == REVERSED else t)
            for j in range(low, high):
                at = lines[line - late * j] + lanes[first_lane + j]
                stamp = stamps[at]
                if stamp != epoch and stamp != PADDING:
                    stamps[at] = epoch
                    fetched += 1
                    held += 1
                    if held == capacity:
                        held = 0
                        epoch += np.int32(1)
                        emptied = folds[f, 4] + t
    return fetched, emptied
