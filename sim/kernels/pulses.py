"""Products with inputs that are streamed bit by bit: sums, noise, conversion and adding up, in one pass.

Digits that are zero or one need no multiplication: the sums of some rows are tabulated for all patterns of digits,
and a product is a sum of rows of that table, one for each group of rows (the method of four Russians: Arlazarov et
al., Soviet Mathematics Doklady 11, 1970). Groups without any digit are left out, and so are pulses without any.

What is called with numbers that are known only when it runs is vectorized; loops over few numbers that are known
are unrolled first, and are not.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import disjoint, kernel, part
from sim.kernels.normal import Words, fill

Reals: TypeAlias = npt.NDArray[np.floating[Any]]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]

SIDE = 64  # columns of a table: in single precision, sums of a row take half of the registers for vectors
_SECTION = 32  # groups of rows whose table stays in the cache
_PULSES = 512  # at a time; a pulse is a step of a vector


@part
def _is_always_noisy(start: Reals) -> bool:
    """Whether there is a variance without inputs."""
    for t in range(start.shape[0]):
        for w in range(SIDE // 2, SIDE):
            if start[t, w] > 0:
                return True
    return False


@disjoint
def _take(numbers: Reals, begin: int, vectors: int, first: int, rows: int, added: int, whole: Ints) -> None:
    """Some rows of some vectors as whole numbers, vectors side by side; rows that there are not are zero."""
    for v in range(vectors):
        vector = numbers[begin + v, first : first + rows]
        for k in range(rows):
            whole[k, v] = np.int32(vector[k]) + np.int32(added)
    for k in range(rows, len(whole)):
        for v in range(vectors):
            whole[k, v] = 0


@part
def _digit(number: np.int32, bit: np.int32) -> np.int32:
    """A bit of a number's magnitude, shifted for negative ones: digits zero, one, and two for -1."""
    digit = np.int32(np.int32(abs(number)) >> bit) & np.int32(1)
    return np.int32(digit << np.int32(number < 0))


@disjoint
def _code(whole: Ints, k: int, groups: int, vectors: int, step: int, kinds: int, codes: Ints) -> None:
    """The patterns of all groups in one step, as numbers in the base of two or three."""
    bit = np.int32(step)
    for q in range(groups):
        for v in range(vectors):
            if kinds == 2:
                low = (whole[k + q, v] >> bit & 1) + (whole[k + groups + q, v] >> bit & 1) * 2
                high = (whole[k + 2 * groups + q, v] >> bit & 1) + (whole[k + 3 * groups + q, v] >> bit & 1) * 2
                codes[q, v] = low + 4 * high
            else:
                low = _digit(whole[k + q, v], bit) + 3 * _digit(whole[k + groups + q, v], bit)
                codes[q, v] = low + 9 * _digit(whole[k + 2 * groups + q, v], bit)


@disjoint
def _note(
    codes: Ints,
    groups: int,
    vectors: int,
    patterns: int,
    s: int,
    step: int,
    steps: int,
    used: Ints,
    number: Ints,
) -> None:
    """The rows of the table that are to be added for each pulse, and how many; where there is none, one of zeros."""
    for v in range(vectors):
        r, n = v * steps + step, 0
        for q in range(groups):
            used[s, r, n] = q * patterns + codes[q, v]
            n += codes[q, v] != 0
        number[s, r] = n


@disjoint
def _find(number: Ints, pulses: int, always: bool, place: Ints) -> int:
    """A place for each pulse to which something is to be added, and -1 for the others; how many places there are."""
    alive = 0
    for r in range(pulses):
        some = always
        for s in range(len(number)):
            some = some or number[s, r] > 0
        place[r] = alive if some else -1
        alive += some
    return alive


@disjoint
def _begin(start: Reals, t: int, sums: Reals, p: int) -> None:
    """Put what there is without inputs."""
    for w in range(start.shape[1]):
        sums[p, w] = start[t, w]


@disjoint
def _tabulate(terms: Reals, t: int, begin: int, groups: int, size: int, table: Reals) -> None:
    """Sums of rows for all patterns of groups."""
    kinds, rows = terms.shape[1] + 1, terms.shape[2]
    for q in range(groups):
        base, known = q * kinds**size, 1
        for w in range(SIDE):
            table[base, w] = 0
        for j in range(size):
            k = begin + j * groups + q
            for d in range(terms.shape[1] if k < rows else 0):
                for i in range(known):
                    for w in range(SIDE):
                        table[base + (d + 1) * known + i, w] = table[base + i, w] + terms[t, d, k, w]
            known *= kinds


@disjoint
def _sum(start: Reals, t: int, table: Reals, used: Ints, s: int, r: int, number: int, sums: Reals, p: int) -> None:
    """Add rows of the table to the sums of a pulse, which begin with those of `start`."""
    begin = 0
    if s == 0:
        row, begin = used[s, r, 0], 1
        for w in range(SIDE):
            sums[p, w] = start[t, w] + table[row, w]
    for i in range(begin, number):
        row = used[s, r, i]
        for w in range(SIDE):
            sums[p, w] += table[row, w]


@disjoint
def _convert(sums: Reals, p: int, top: np.floating[Any], counts: np.floating[Any], total: Reals) -> None:
    """Add codes to what all steps count."""
    zero = top - top
    for w in range(len(total)):
        current = sums[p, w]
        code = np.rint(current)
        code = code if code > zero else zero
        code = code if code < top else top
        total[w] += counts * (code if top > zero else current)


@disjoint
def _disturb(sums: Reals, p: int, half: int, numbers: Reals) -> None:
    """Add noise to currents, beside which are their variances."""
    currents, variances, normal = sums[p, :half], sums[p, half:], numbers[p * half :]
    for w in range(half):
        currents[w] += np.sqrt(variances[w]) * normal[w]


@disjoint
def _add(total: Reals, weight: Reals, first: int, v: int, out: Reals) -> None:
    """Add what all steps count to the sums of a vector."""
    w = 0
    while w < len(total):
        m = (first + w) % out.shape[1]
        run = min(len(total) - w, out.shape[1] - m)
        sums, each, some = out[v, m : m + run], weight[first + w : first + w + run], total[w : w + run]
        for i in range(run):
            sums[i] += each[i] * some[i]
        w += run


@kernel
def stream(
    numbers: Reals,
    first: int,
    added: int,
    counts: Reals,
    terms: Reals,
    start: Reals,
    noisy: bool,
    top: np.floating[Any],
    weight: Reals,
    state: Words,
    out: Reals,
) -> None:
    """Add to sums [B, M] what ADCs say to all steps of some rows of the inputs.

    Currents and variances are in steps of the ADCs. They come in tiles of so many columns: currents, or in the first
    half currents and in the second half their variances.

    Args:
        numbers: [B, all rows], whole numbers; `added` is to be added to them.
        first: the first of these rows.
        counts: [steps], what a digit of each step counts.
        terms: [tiles, digits, rows, SIDE], what each digit but zero sends: that of 1, and if there is, that of -1.
        start: [tiles, SIDE], what there is without inputs.
        noisy: whether there are variances.
        top: the largest code; 0 where ADCs lose nothing.
        weight: for each column of a current, what its step counts; columns are those of `out`, again and again.
        state: of the random numbers.
    """
    rows, steps, kinds = terms.shape[2], len(counts), terms.shape[1] + 1
    size, half = 4 if kinds == 2 else 3, start.shape[1] // 2
    groups = -(-rows // size)
    sections = -(-groups // _SECTION)
    vectors = max(1, _PULSES // steps)
    most = vectors * steps
    whole, codes = np.empty((sections * _SECTION * size, vectors), np.int32), np.empty((_SECTION, vectors), np.int32)
    used, number = np.empty((sections, most, _SECTION), np.uint16), np.empty((sections, most), np.int64)
    place, table = np.empty(most, np.int64), np.empty((_SECTION * kinds**size, SIDE), out.dtype)
    sums, noise = np.empty((most + 1, SIDE), out.dtype), np.empty(most * half, np.float32)
    total = np.empty(half if noisy else 2 * half, out.dtype)
    always = noisy and _is_always_noisy(start)
    for begin in range(0, len(numbers), vectors):
        some = min(vectors, len(numbers) - begin)
        _take(numbers, begin, some, first, rows, added, whole)
        for s in range(sections):
            few = min(_SECTION, groups - s * _SECTION)
            for step in range(steps):
                _code(whole, s * _SECTION * size, few, some, step, kinds, codes)
                _note(codes, few, some, kinds**size, s, step, steps, used, number)
        alive = _find(number, some * steps, always, place)
        for t in range(len(start)):
            for s in range(sections):
                _tabulate(terms, t, s * _SECTION * size, min(_SECTION, groups - s * _SECTION), size, table)
                for r in range(some * steps):
                    if place[r] >= 0:
                        _sum(start, t, table, used, s, r, number[s, r], sums, place[r])
            _begin(start, t, sums, alive)
            if noisy:
                fill(state, noise[: alive * half])
            for v in range(some):
                for w in range(len(total)):
                    total[w] = 0
                for step in range(steps):
                    p = place[v * steps + step]
                    if noisy and p >= 0:
                        _disturb(sums, p, half, noise)
                    _convert(sums, p if p >= 0 else alive, top, counts[step], total)
                _add(total, weight, t * len(total), begin + v, out)
