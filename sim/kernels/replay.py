"""What a buffer fetches while a systolic array asks it for words, line by line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel, part

Ints = npt.NDArray[np.int64]
Stamps = npt.NDArray[np.int32]

SKEWED, REVERSED = range(2)
"""How the lines of a fold come: lane j asks j lines late; or all at once, and the last line first."""


@part
def address(lines: Ints, lanes: Ints, i: int, j: int, extents: Ints) -> int:
    """Where a word lies of which line and lane each decide a part, -1 if it is not there.

    Row 0 of `lines` and `lanes` adds up to the address; row r + 1 to an index that exists below ``extents[r]``.
    """
    for r in range(len(extents)):
        index = lines[r + 1, i] + lanes[r + 1, j]
        if index < 0 or index >= extents[r]:
            return -1
    return lines[0, i] + lanes[0, j]


@kernel
def misses(
    lines: Ints, lanes: Ints, extents: Ints, folds: Ints, order: int, capacity: int, stamps: Stamps
) -> tuple[int, int]:
    """Words that a buffer fetches that is emptied whenever it is full, and the cycle in which it last was, or -1.

    Args:
        lines, lanes, extents: see `address`.
        folds: [folds, 5], the first line and the one after the last, the first lane and the one after the last, and
            the cycle in which the first line is asked for; the others follow cycle by cycle.
        order: how the lines of a fold come.
        capacity: words that the buffer holds.
        stamps: [addresses], all 0.
    """
    epoch, held, fetched, emptied = np.int32(1), 0, 0, -1
    for f in range(len(folds)):
        first_line, first_lane = folds[f, 0], folds[f, 2]
        many_lines, many_lanes = folds[f, 1] - first_line, folds[f, 3] - first_lane
        late = 1 if order == SKEWED else 0
        for t in range(many_lines + late * (many_lanes - 1)):
            low = max(0, t - many_lines + 1) if late else 0
            high = min(many_lanes, t + 1) if late else many_lanes
            for j in range(low, high):
                i = many_lines - 1 - t if order == REVERSED else t - late * j
                at = address(lines, lanes, first_line + i, first_lane + j, extents)
                if at >= 0 and stamps[at] != epoch:
                    stamps[at] = epoch
                    fetched += 1
                    held += 1
                    if held == capacity:
                        held = 0
                        epoch += np.int32(1)
                        emptied = folds[f, 4] + t
    return fetched, emptied
