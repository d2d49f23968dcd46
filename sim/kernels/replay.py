"""What a buffer fetches while a systolic array asks it for words, line by line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel, part

Ints = npt.NDArray[np.int64]
Stamps = npt.NDArray[np.int32]

SKEWED, REVERSED = range(2)
"""How the lines of a fold come: lane j asks j lines late; or all at once, and the last line first."""

PADDING = 2**31 - 1
"""The stamp of what is no word: it is held for good."""

_LAP, _FETCHED, _HELD, _EMPTIED, _EPOCH, _MARK, _MARKED_LAP, _MARKED = range(8)
"""The state of a replay: the lap, words fetched, words held, the cycle in which the buffer was emptied last, and how
often; the place in its lap of an emptying before, its lap, and words fetched until then."""
_STATE = 8


@kernel
def misses(
    lines: Ints, lanes: Ints, folds: Ints, laps: int, lap_cycles: int, order: int, capacity: int, stamps: Stamps
) -> tuple[int, int]:
    """Words that a buffer fetches that is emptied whenever it is full, and the cycle in which it last was, or -1.

    Args:
        lines, lanes: the parts of an address that a line and a lane decide.
        folds: [folds, 5], the first line and the one after the last, the first lane and the one after the last, and
            the cycle in which the first line is asked for in the first lap; the others follow cycle by cycle.
        laps: how often all the folds are asked for.
        lap_cycles: cycles from a lap to the next.
        order: how the lines of a fold come.
        capacity: words that the buffer holds.
        stamps: [addresses], `PADDING` or 0.
    """
    state = np.zeros(_STATE, np.int64)
    state[_EPOCH], state[_EMPTIED], state[_MARK] = 1, -1, -1
    while state[_LAP] < laps:
        for f in range(len(folds)):
            ask(lines, lanes, folds[f], laps, lap_cycles, order, capacity, stamps, state)
        state[_LAP] += 1
    return state[_FETCHED], state[_EMPTIED]


@part
def ask(
    lines: Ints,
    lanes: Ints,
    fold: Ints,
    laps: int,
    lap_cycles: int,
    order: int,
    capacity: int,
    stamps: Stamps,
    state: Ints,
) -> None:
    """Ask for a fold. A stamp says since which emptying a word is held.

    Indices are unsigned, as for others Numba asks each time whether they count from the end.
    """
    deep_lines, wide_lanes = lines[fold[0] : fold[1]], lanes[fold[2] : fold[3]]
    deep, wide, late = len(deep_lines), len(wide_lanes), order == SKEWED
    epoch, held, fetched = np.int32(state[_EPOCH]), state[_HELD], 0
    for t in range(deep + (wide - 1 if late else 0)):
        low, high = (max(0, t - deep + 1), min(wide, t + 1)) if late else (0, wide)
        for j in range(low, high):
            line = t - j if late else deep - 1 - t
            at = np.uint64(deep_lines[np.uint64(line)] + wide_lanes[np.uint64(j)])
            if stamps[at] < epoch:
                stamps[at] = epoch
                fetched += 1
                held += 1
                if held == capacity:
                    state[_FETCHED] += fetched
                    held, fetched = 0, 0
                    epoch += np.int32(1)
                    skip((fold[4] + t) * len(lanes) + j, laps, state)
                    state[_EMPTIED] = state[_LAP] * lap_cycles + fold[4] + t
    state[_EPOCH], state[_HELD] = epoch, held
    state[_FETCHED] += fetched


@part
def skip(place: int, laps: int, state: Ints) -> None:
    """Pass over laps that repeat what came since the buffer was emptied in the same place of a lap before.

    What comes after an emptying depends on its place alone. The last place in each of the laps 0, 2, 6, 14, ... is
    kept in mind, so that it is found out whatever number of laps repeats.
    """
    lap = state[_LAP]
    if place == state[_MARK] and lap > state[_MARKED_LAP]:
        repeat = lap - state[_MARKED_LAP]
        times = (laps - 1 - lap) // repeat
        state[_LAP] += times * repeat
        state[_FETCHED] += times * (state[_FETCHED] - state[_MARKED])
    elif (lap + 1) & (lap + 2) == 0:
        state[_MARK], state[_MARKED_LAP], state[_MARKED] = place, lap, state[_FETCHED]


@kernel
def served(lines: Ints, lanes: Ints, folds: Ints, order: int, stamps: Stamps) -> tuple[int, int]:
    """The first and the last cycle in which folds ask for a word that is no padding."""
    first = last = -1
    for f in range(len(folds)):
        first = edge_cycle(lines, lanes, folds[f], order, stamps, 1)
        if first >= 0:
            break
    for f in range(len(folds) - 1, -1, -1):
        last = edge_cycle(lines, lanes, folds[f], order, stamps, -1)
        if last >= 0:
            break
    return first, last


@part
def edge_cycle(lines: Ints, lanes: Ints, fold: Ints, order: int, stamps: Stamps, way: int) -> int:
    """The first cycle of a fold, or with a `way` of -1 the last, in which a word is no padding; -1 if all are."""
    late = 1 if order == SKEWED else 0
    many = fold[1] - fold[0] + late * (fold[3] - fold[2] - 1)
    for i in range(many):
        t = i if way > 0 else many - 1 - i
        if in_cycle(lines, lanes, fold, order, stamps, t):
            return fold[4] + t
    return -1


@kernel
def cycle_of(lines: Ints, lanes: Ints, fold: Ints, order: int, stamps: Stamps, number: int) -> int:
    """The cycle in which a fold asks for a word that is no padding, by its number, counted from 1."""
    t, before = -1, 0
    while before < number:
        t += 1
        before += in_cycle(lines, lanes, fold, order, stamps, t)
    return fold[4] + t


@part
def in_cycle(lines: Ints, lanes: Ints, fold: Ints, order: int, stamps: Stamps, t: int) -> int:
    """How many words that are no padding a fold asks for in a cycle."""
    late = 1 if order == SKEWED else 0
    deep, words = fold[1] - fold[0], 0
    for j in range(fold[3] - fold[2]):
        own = t - late * j
        if 0 <= own < deep:
            line = fold[0] + (deep - 1 - own if order == REVERSED else own)
            words += stamps[lines[line] + lanes[fold[2] + j]] != PADDING
    return words
