"""What a buffer sends off while a systolic array fills it with sums, line by line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel, part

Ints = npt.NDArray[np.int64]

_FOLD, _BEFORE = range(2)
"""Of a cursor: the number of a fold, and words of all folds before it."""

_HEAD, _COUNT = range(2)
"""Of a queue: where the first entry is, and how many there are."""


@kernel
def sent(folds: Ints, fold_lines: int, width: int, size: int) -> tuple[int, int, int]:
    """Words that are sent, and the cycles of the first and the last of them.

    The buffer is sent off by halves, a line in a cycle, when it is full enough; meanwhile nothing else is sent. Words
    are put into lines as they have come until then, so that lines are sent before they are full.

    Args:
        folds: [folds, 3] sums of a column, columns, and cycles of the fold before the first sum comes. Every column
            begins a cycle after the one before.
        fold_lines: cycles from a fold to the next.
        width: words of a line.
        size: words of the buffer.
    """
    half, words = size - (size + 1) // 2, 0
    lines = -(-half // width)
    for f in range(len(folds)):
        words += folds[f, 0] * folds[f, 1]
    queue, ends = np.empty((4 * width + 16, 2), np.int64), np.zeros(2, np.int64)
    stored_to, seen_to = np.zeros(2, np.int64), np.zeros(2, np.int64)
    free, stored, out, first, last = size, 0, 0, -1, 0
    while True:
        enough = stored + free - (size - half) + 1
        if first >= 0:
            enough = max(enough, before(folds, fold_lines, last, seen_to) + 1)
        if enough > words:
            break
        store(queue, ends, enough - stored, width)
        gone, taken = send(queue, ends, lines, width)
        free, out, stored = free + gone - (enough - stored), out + gone, enough
        now = cycle_of(folds, fold_lines, stored, stored_to)
        first = now if first < 0 else first
        last = now + taken - 1
    store(queue, ends, words - stored, width)
    now = len(folds) * fold_lines - 1
    while ends[_COUNT]:
        gone, taken = send(queue, ends, lines, width)
        first = now if first < 0 else first
        out, now = out + gone, now + taken
        last = max(last, now - 1)
    return out, first, last


@part
def store(queue: Ints, ends: Ints, words: int, width: int) -> None:
    """Words become lines: entries of how many in a row and their words; the last line may not be full."""
    for many, own in ((words // width, width), (min(1, words % width), words % width)):
        if many:
            at = (ends[_HEAD] + ends[_COUNT]) % len(queue)
            queue[at, 0], queue[at, 1] = many, own
            ends[_COUNT] += 1


@part
def send(queue: Ints, ends: Ints, lines: int, width: int) -> tuple[int, int]:
    """Send so many lines; words that count as sent, and lines. Gaps in lines are seen in the last one alone."""
    taken, words = 0, width
    while ends[_COUNT] and taken < lines:
        head = ends[_HEAD]
        many, words = min(queue[head, 0], lines - taken), queue[head, 1]
        taken += many
        queue[head, 0] -= many
        if queue[head, 0] == 0:
            ends[_HEAD] = (head + 1) % len(queue)
            ends[_COUNT] -= 1
    return taken * width - (width - words), taken


@part
def cycle_of(folds: Ints, fold_lines: int, word: int, cursor: Ints) -> int:
    """The cycle in which a word comes, counted from 1; each is at or behind the last one that was asked for."""
    while cursor[_BEFORE] + folds[cursor[_FOLD], 0] * folds[cursor[_FOLD], 1] < word:
        step(folds, cursor)
    deep, wide, late = folds[cursor[_FOLD]]
    return cursor[_FOLD] * fold_lines + late + line_of(deep, wide, word - cursor[_BEFORE])


@part
def before(folds: Ints, fold_lines: int, cycle: int, cursor: Ints) -> int:
    """How many words come before a cycle, at or behind the last one that was asked for."""
    while cursor[_FOLD] < min(cycle // fold_lines, len(folds) - 1):
        step(folds, cursor)
    deep, wide, late = folds[cursor[_FOLD]]
    line = cycle - cursor[_FOLD] * fold_lines - late
    return cursor[_BEFORE] + skewed(deep, wide, min(max(line, 0), deep + wide - 1))


@part
def step(folds: Ints, cursor: Ints) -> None:
    """On to the next fold."""
    cursor[_BEFORE] += folds[cursor[_FOLD], 0] * folds[cursor[_FOLD], 1]
    cursor[_FOLD] += 1


@kernel
def skewed(deep: int, wide: int, lines: int) -> int:
    """Words in so many lines of columns of `deep` words, of which each begins a line after the one before."""
    low, high = min(deep, wide), max(deep, wide)
    left = low + high - 1 - lines
    if lines <= low:
        return lines * (lines + 1) // 2
    if lines <= high:
        return low * (low + 1) // 2 + (lines - low) * low
    return low * high - left * (left + 1) // 2


@kernel
def line_of(deep: int, wide: int, word: int) -> int:
    """The line, counted from 0, in which a word comes, counted from 1; see `skewed`."""
    low, high = 0, deep + wide - 2
    while low < high:
        middle = (low + high) // 2
        if skewed(deep, wide, middle + 1) >= word:
            high = middle
        else:
            low = middle + 1
    return low
