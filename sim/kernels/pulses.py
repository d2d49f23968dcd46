"""Products with inputs that are streamed bit by bit: sums, noise, conversion and adding up, in one pass.

Digits that are zero or one need no multiplication: the sums of some rows are tabulated for all patterns of digits, and
a product is a sum of rows of that table, one for each group of rows (the method of four Russians: Arlazarov et al.,
Soviet Mathematics Doklady 11, 1970). Groups without any digit are left out, and so are vectors.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import apart, kernel
from sim.kernels.normal import Words, fill

Reals: TypeAlias = npt.NDArray[np.floating[Any]]
Ints: TypeAlias = npt.NDArray[np.integer[Any]]

SIDE = 64  # sums at a time: in single precision, half of the registers for vectors hold them
HALF = SIDE // 2
_SECTION = 32  # groups of rows whose table stays in the cache
_PULSES = 512  # at a time


@apart
def _take(numbers: Reals, added: int, whole: Ints) -> None:
    """Some vectors as whole numbers, side by side."""
    for v in range(len(numbers)):
        for k in range(numbers.shape[1]):
            whole[k, v] = np.int32(numbers[v, k]) + np.int32(added)


@apart
def _code(whole: Ints, begin: int, groups: int, size: int, bit: int, signed: bool, codes: Ints) -> None:
    """The patterns of all groups in one step: digits with the base of two, or three, where two is minus one."""
    vectors = whole.shape[1]
    for q in range(groups):
        for v in range(vectors):
            codes[q, v] = 0
        unit = np.int32(1)
        for j in range(size):
            k = begin + j * groups + q
            if signed:
                for v in range(vectors):
                    number = whole[k, v]
                    digit = (abs(number) >> np.int32(bit)) & np.int32(1)
                    codes[q, v] += (digit << np.int32(number < 0)) * unit
                unit *= np.int32(3)
            else:
                for v in range(vectors):
                    codes[q, v] += ((whole[k, v] >> np.int32(bit)) & np.int32(1)) * unit
                unit *= np.int32(2)


@apart
def _note(codes: Ints, groups: int, patterns: int, v: int, used: Ints, s: int, r: int) -> int:
    """The rows of the table that are to be added for a pulse; how many there are."""
    n = 0
    for q in range(groups):
        used[s, r, n] = q * patterns + codes[q, v]
        n += codes[q, v] != 0
    return n


@apart
def _tabulate(terms: Reals, begin: int, groups: int, size: int, t: int, table: Reals) -> None:
    """Sums of rows for all patterns of groups."""
    kinds, rows = len(terms) + 1, terms.shape[1]
    patterns = kinds**size
    for q in range(groups):
        base, known = q * patterns, 1
        for w in range(SIDE):
            table[base, w] = 0
        for j in range(size):
            k = begin + j * groups + q
            for d in range(len(terms) if k < rows else 0):
                for i in range(known):
                    for w in range(SIDE):
                        table[base + (d + 1) * known + i, w] = table[base + i, w] + terms[d, k, t, w]
            known *= kinds


@apart
def _add(start: Reals, t: int, table: Reals, used: Ints, s: int, r: int, n: int, sums: Reals, p: int) -> None:
    """Add rows of the table to the sums of a pulse."""
    first = 0
    if s == 0:  # the first row is one of zeros where no row is to be added
        row, first = used[s, r, 0], 1
        for w in range(SIDE):
            sums[p, w] = start[t, w] + table[row, w]
    for e in range(first, n):
        row = used[s, r, e]
        for w in range(SIDE):
            sums[p, w] += table[row, w]


@apart
def _disturb(sums: Reals, p: int, numbers: Reals) -> None:
    """Add noise: variances stand beside the sums."""
    half = numbers.shape[1]
    for w in range(half):
        sums[p, w] += np.sqrt(sums[p, half + w]) * numbers[p, w]


@apart
def _convert(sums: Reals, p: int, top: float, counts: float, total: Reals) -> None:
    """Add the codes of some sums to what all steps count."""
    zero = top - top
    if top > zero:
        for w in range(len(total)):
            code = np.rint(sums[p, w])
            code = code if code > zero else zero
            total[w] += counts * (code if code < top else top)
    else:
        for w in range(len(total)):
            total[w] += counts * sums[p, w]


@kernel
def stream(
    numbers: Reals,
    row: int,
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
    vectors, steps, outputs = len(numbers), len(counts), out.shape[1]
    rows, kinds = terms.shape[1], len(terms) + 1
    half = start.shape[1] // 2
    width = half if noisy else start.shape[1]
    size = 4 if kinds == 2 else 3
    groups = -(-rows // size)
    sections = -(-groups // _SECTION)
    at_once = max(1, _PULSES // steps)
    most = at_once * steps
    whole = np.zeros((sections * _SECTION * size, at_once), np.int32)
    codes = np.empty((_SECTION, at_once), np.int32)
    used, number = np.empty((sections, most, _SECTION), np.uint16), np.empty((sections, most), np.int64)
    live = np.empty(most, np.bool_)
    total_of = np.empty(most, np.int64)
    table = np.empty((_SECTION * kinds**size, SIDE), out.dtype)
    sums = np.empty((most + 1, SIDE), out.dtype)
    total = np.empty(width, out.dtype)
    noise = np.empty((most if noisy else 0, half), np.float32)
    floor = False
    if noisy:
        for t in range(len(start)):
            for w in range(HALF, SIDE):
                floor = floor or start[t, w] > 0
    for begin in range(0, vectors, at_once):
        now = min(at_once, vectors - begin)
        pulses = 0
        _take(numbers[begin : begin + now, row : row + rows], added, whole)
        total_of[:] = 0
        for step in range(steps):
            for s in range(sections):
                first = s * _SECTION
                few = min(_SECTION, groups - first)
                _code(whole[:, :now], first * size, few, size, step, kinds == 3, codes[:, :now])
                for v in range(now):
                    r = v * steps + step
                    number[s, r] = _note(codes, few, kinds**size, v, used, s, r)
                    total_of[r] += number[s, r]
        for r in range(now * steps):
            live[r] = total_of[r] > 0 or floor
            pulses += live[r]
        for t in range(len(start)):
            for s in range(sections):
                first = s * _SECTION
                _tabulate(terms, first * size, min(_SECTION, groups - first), size, t, table)
                p = 0
                for r in range(now * steps):
                    if live[r]:
                        _add(start, t, table, used, s, r, number[s, r], sums, p)
                        p += 1
            if noisy:
                fill(state, noise[:pulses].reshape(-1))
            for w in range(SIDE):
                sums[pulses, w] = start[t, w]
            p = 0
            for v in range(now):
                for w in range(width):
                    total[w] = 0
                for step in range(steps):
                    if live[v * steps + step]:
                        if noisy:
                            _disturb(sums, p, noise)
                        _convert(sums, p, top, counts[step], total)
                        p += 1
                    else:
                        _convert(sums, pulses, top, counts[step], total)
                at = t * width
                m = at % outputs
                for w in range(width):
                    out[begin + v, m] += weight[at + w] * total[w]
                    m = m + 1 if m + 1 < outputs else 0
