"""Products with inputs that are streamed bit by bit: sums, noise, conversion and adding up, in one pass.

Digits that are zero or one need no multiplication: the sums of some rows are tabulated for all patterns of digits, and
a product is a sum of rows of that table, one for each group of rows (the method of four Russians: Arlazarov et al.,
Soviet Mathematics Doklady 11, 1970). Groups without any digit are left out, and so are pulses without any.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import apart, kernel, part
from sim.kernels.normal import Words, fill

Reals: TypeAlias = npt.NDArray[np.floating[Any]]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]

SIDE = 64  # columns of a table: in single precision, sums of a row take half of the registers for vectors
_SECTION = 32  # groups of rows whose table stays in the cache
_PULSES = 512  # at a time; a pulse is a step of a vector


@part
def _any(values: Reals) -> bool:
    """Whether there is a number but zero."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            if values[i, j] != 0:
                return True
    return False


@apart
def _take(numbers: Reals, begin: int, first: int, added: int, whole: Ints) -> None:
    """Some rows of some vectors as whole numbers, vectors side by side."""
    for v in range(whole.shape[1]):
        vector = numbers[begin + v, first:]
        for k in range(whole.shape[0]):
            whole[k, v] = np.int32(vector[k]) + np.int32(added)


@part
def _digit(number: int, bit: int) -> int:
    """A bit of a number's magnitude, shifted for negative ones: digits zero, one, and two for -1."""
    digit = np.int32(np.int32(abs(number)) >> np.int32(bit)) & np.int32(1)
    return np.int32(digit << np.int32(number < 0))


@apart
def _code(whole: Ints, k: int, groups: int, bit: int, kinds: int, codes: Ints) -> None:
    """The patterns of all groups in one step, as numbers in the base of two or three."""
    bit = np.int32(bit)
    for q in range(groups):
        for v in range(codes.shape[1]):
            if kinds == 2:
                low = (whole[k + q, v] >> bit & 1) + (whole[k + groups + q, v] >> bit & 1) * 2
                high = (whole[k + 2 * groups + q, v] >> bit & 1) + (whole[k + 3 * groups + q, v] >> bit & 1) * 2
                codes[q, v] = low + 4 * high
            else:
                low = _digit(whole[k + q, v], bit) + 3 * _digit(whole[k + groups + q, v], bit)
                codes[q, v] = low + 9 * _digit(whole[k + 2 * groups + q, v], bit)


@apart
def _note(codes: Ints, groups: int, vectors: int, patterns: int, step: int, steps: int, used: Ints, number: Ints) -> None:
    """The rows of the table that are to be added for each pulse, and how many; one of zeros is behind the last."""
    for v in range(vectors):
        n = 0
        for q in range(groups):
            used[v * steps + step, n] = q * patterns + codes[q, v]
            n += codes[q, v] != 0
        number[v * steps + step] = n


@apart
def _find(number: Ints, always: bool, live: Ints) -> int:
    """The pulses to which something is to be added, and how many."""
    alive = 0
    for r in range(number.shape[1]):
        some = always
        for s in range(number.shape[0]):
            some = some or number[s, r] > 0
        live[r] = some
        alive += some
    return alive


@apart
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


@apart
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


@apart
def _convert(sums: Reals, p: int, top: float, counts: float, total: Reals) -> None:
    """Add codes to what all steps count."""
    zero = top - top
    for w in range(len(total)):
        current = sums[p, w]
        code = np.rint(current)
        code = code if code > zero else zero
        code = code if code < top else top
        total[w] += counts * (code if top > zero else current)


@apart
def _disturb(pairs: Reals, p: int, noise: Reals) -> None:
    """Add noise to currents, beside which are their variances."""
    for w in range(noise.shape[1]):
        pairs[p, 0, w] += np.sqrt(pairs[p, 1, w]) * noise[p, w]


@apart
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
    top: float,
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
    size = 4 if kinds == 2 else 3
    groups = -(-rows // size)
    sections = -(-groups // _SECTION)
    vectors = max(1, _PULSES // steps)
    pulses = vectors * steps
    codes = np.empty((_SECTION, vectors), np.int32)
    used, number = np.empty((sections, pulses, _SECTION), np.uint16), np.empty((sections, pulses), np.int64)
    live, table = np.empty(pulses, np.bool_), np.empty((_SECTION * kinds**size, SIDE), out.dtype)
    half = start.shape[1] // 2
    sums, noise = np.empty((pulses + 1, 2 * half), out.dtype), np.empty((pulses, half), np.float32)
    pairs = sums.reshape(pulses + 1, 2, half)
    total = np.empty(half if noisy else 2 * half, out.dtype)
    always = noisy and _any(start[:, half:])
    for begin in range(0, len(numbers), vectors):
        end = min(begin + vectors, len(numbers))
        pulses = (end - begin) * steps
        whole = np.zeros((sections * _SECTION * size, end - begin), np.int32)
        _take(numbers, begin, first, added, whole[:rows])
        for s in range(sections):
            few = min(_SECTION, groups - s * _SECTION)
            for step in range(steps):
                _code(whole, s * _SECTION * size, few, step, kinds, codes[:, : end - begin])
                _note(codes, few, end - begin, kinds**size, step, steps, used[s], number[s])
        alive = _find(number[:, :pulses], always, live)
        for t in range(len(start)):
            for s in range(sections):
                _tabulate(terms, t, s * _SECTION * size, min(_SECTION, groups - s * _SECTION), size, table)
                p = 0
                for r in range(pulses):
                    if live[r]:
                        _sum(start, t, table, used, s, r, number[s, r], sums, p)
                        p += 1
            sums[alive] = start[t]
            if noisy:
                fill(state, noise[:alive].reshape(-1))
            p = 0
            for v in range(begin, end):
                total[:] = 0
                for step in range(steps):
                    if live[(v - begin) * steps + step]:
                        if noisy:
                            _disturb(pairs, p, noise)
                        _convert(sums, p, top, counts[step], total)
                        p += 1
                    else:
                        _convert(sums, alive, top, counts[step], total)
                _add(total, weight, t * len(total), v, out)
