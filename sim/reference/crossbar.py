"""Analog arrays walked through, cell by cell: the twin of `sim.engines.crossbar`, and a lesson.

Every array is given its weights, slice by slice. Then every vector is applied to it, step by step, row by row;
columns are converted one by one without loss, shifted and added, and what was added to weights or inputs so that they
have no sign is taken off again. So the counts are observed, and the result must be the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sim.arch.crossbar import Crossbar

Ints = npt.NDArray[np.int64]


@dataclass
class Walk:
    """What was seen.

    Attributes:
        product: [group, x, n].
        arrays: arrays that hold weights.
        cells: cells that hold weights.
        pulses: rows that were driven, in all steps; padding drives none.
        cells_read: cells that a driven row reached and that hold weights.
        conversions: columns that were converted.
        reads: times that the busiest array was read.
        inputs: (array, copy, group, vector, row) of every row that took an input.
        sums: (array, copy, group, vector, column) of every sum that left an array.
    """

    product: Ints
    arrays: int = 0
    cells: int = 0
    pulses: int = 0
    cells_read: int = 0
    conversions: int = 0
    reads: int = 0
    inputs: set[tuple[int, ...]] = field(default_factory=set)
    sums: set[tuple[int, ...]] = field(default_factory=set)


def walk(inputs: Ints, exists: npt.NDArray[np.bool_], weights: Ints, xbar: Crossbar, copies: int) -> Walk:
    """Multiplies matrices in arrays.

    Args:
        inputs: [group, x, k] whole numbers.
        exists: [x, k] which inputs are no padding.
        weights: [group, k, n] whole numbers.
        copies: how often all arrays are there; they divide the vectors.
    """
    groups, vectors, k = inputs.shape
    n = weights.shape[2]
    seen = Walk(np.zeros((groups, vectors, n), np.int64))
    bounds = [i * vectors // copies for i in range(copies + 1)]
    for copy in range(copies):
        own = range(bounds[copy], bounds[copy + 1])
        for group in range(groups):
            for columns in _parts(n, xbar.outputs):
                for rows in _parts(k, xbar.rows):
                    place = (seen.arrays, copy, group)
                    _array(inputs[group], exists, weights[group], xbar, seen, place, own, rows, columns)
                    seen.arrays += 1
    return seen


def _array(
    inputs: Ints,
    exists: npt.NDArray[np.bool_],
    weights: Ints,
    xbar: Crossbar,
    seen: Walk,
    place: tuple[int, int, int],
    vectors: Sequence[int],
    rows: range,
    columns: range,
) -> None:
    """One array: the part `rows` by `columns` of a matrix, and the vectors that it takes."""
    held = {(q, m): list(_cells(int(weights[q, m]), xbar)) for q in rows for m in columns}
    seen.cells += sum(map(len, held.values()))
    reads = 0
    for x in vectors:
        present = [q for q in rows if exists[x, q]]
        seen.inputs |= {(*place, x, q) for q in present}
        seen.sums |= {(*place, x, m) for m in columns}
        for step in range(xbar.steps):
            for active in _parts(len(rows), xbar.rows_at_once):
                reads += 1
                driven = [q for q in present if q - rows.start in active]
                seen.pulses += len(driven)
                for m in columns:
                    seen.product[place[2], x, m] += _read(inputs[x], held, driven, m, step, xbar, seen)
        for m in columns:
            seen.product[place[2], x, m] -= _offsets(inputs[x], weights, present, m, xbar)
    seen.reads = max(seen.reads, reads)


def _read(
    vector: Ints,
    held: dict[tuple[int, int], list[tuple[int, int]]],
    driven: list[int],
    m: int,
    step: int,
    xbar: Crossbar,
    seen: Walk,
) -> int:
    """The columns of one output in one step: currents add up, are converted, shifted and added."""
    total = 0
    for cell in range(xbar.cells_per_weight):
        current = 0
        for q in driven:
            level, factor = held[q, m][cell]
            current += _piece(int(vector[q]), step, xbar) * level * factor
            seen.cells_read += 1
        total += current
        seen.conversions += xbar.signs != "balanced" or cell % 2 == 0  # of a pair, the difference alone
    return total << (step * xbar.step_bits)


def _cells(weight: int, xbar: Crossbar) -> Iterator[tuple[int, int]]:
    """The levels of a weight's cells, with what each counts."""
    magnitude = weight + 2 ** (xbar.weight_bits - 1) if xbar.signs == "offset" else abs(weight)
    bits = xbar.cell.bits or xbar.weight_bits
    for i in range(xbar.slices):
        level, factor = (magnitude >> (i * bits)) % 2**bits, 2 ** (i * bits)
        if xbar.signs == "offset":
            yield level, factor
        else:
            yield level * (weight > 0), factor
            yield level * (weight < 0), -factor


def _piece(value: int, step: int, xbar: Crossbar) -> int:
    """The bits of an input that are applied in a step; the first step has the lowest."""
    size = xbar.step_bits
    largest: int = 2**size - 1
    if xbar.input_signs == "pulses":
        return ((abs(value) >> (step * size)) & largest) * (-1 if value < 0 else 1)
    if xbar.input_signs == "offset":
        return ((value + (1 << (xbar.input_bits - 1))) >> (step * size)) & largest
    return value >> (step * size) if step == xbar.steps - 1 else (value >> (step * size)) & largest


def _offsets(vector: Ints, weights: Ints, present: list[int], m: int, xbar: Crossbar) -> int:
    """What is taken off digitally."""
    of_weight = 2 ** (xbar.weight_bits - 1) if xbar.signs == "offset" else 0
    of_input = 2 ** (xbar.input_bits - 1) if xbar.input_signs == "offset" else 0
    out = 0
    for q in present:
        out += of_input * (int(weights[q, m]) + of_weight) + int(vector[q]) * of_weight
    return out


def _parts(size: int, most: int) -> list[range]:
    return [range(first, min(size, first + most)) for first in range(0, size, most)]
