"""Analog arrays walked through, cell by cell: the twin of `sim.engines.crossbar`, and a lesson.

Every array is given its weights, slice by slice. Then every vector is applied to it, step by step, row by row;
columns are converted one by one without loss, shifted and added, and what was added to weights or inputs so that they
have no sign is taken off again. So the counts are observed, and the result must be the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt

from sim.arch.crossbar import Crossbar

Ints = npt.NDArray[np.int64]
Line = tuple[int, int]
"""A row or column of an array: the group that it belongs to, and its number there."""


@dataclass
class Walk:
    """What was seen.

    Attributes:
        product: [group, x, n].
        arrays: arrays that hold weights.
        cells: cells that hold weights.
        written: these, and those beside the diagonal, where groups share an array.
        pulses: rows that were driven, in all steps; padding drives none.
        cells_read: cells that a driven row reached and that were written.
        conversions: columns that were converted.
        reads: times that the busiest array was read.
        inputs: (array, copy, group, vector, row) of every row that took an input.
        sums: (array, copy, group, vector, column) of every sum that left an array.
    """

    product: Ints
    arrays: int = 0
    cells: int = 0
    written: int = 0
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
        for together in _sets(groups, k, n, xbar):
            for columns in _parts(n, xbar.outputs):
                for rows in _parts(k, xbar.rows):
                    ins, outs = list(product(together, rows)), list(product(together, columns))
                    _array(inputs, exists, weights, xbar, seen, (seen.arrays, copy), own, ins, outs)
                    seen.arrays += 1
    return seen


def _sets(groups: int, k: int, n: int, xbar: Crossbar) -> Iterator[list[int]]:
    """Groups that share an array: one more, as long as there is room along the diagonal."""
    together: list[int] = []
    for group in range(groups):
        size = len(together) + 1
        fits = size * k <= xbar.rows and size * n <= xbar.outputs
        if together and (xbar.groups == "apart" or not fits):
            yield together
            together = []
        together.append(group)
    yield together


def _array(
    inputs: Ints,
    exists: npt.NDArray[np.bool_],
    weights: Ints,
    xbar: Crossbar,
    seen: Walk,
    place: tuple[int, int],
    vectors: Sequence[int],
    rows: list[Line],
    columns: list[Line],
) -> None:
    """One array: some rows and columns of one group, or all of several, and the vectors that it takes."""
    cells = {(row, column): _weight(weights, row, column) for row in rows for column in columns}
    held = {place: list(_cells(weight, xbar)) for place, weight in cells.items()}
    seen.written += sum(map(len, held.values()))
    seen.cells += sum(len(levels) for (row, column), levels in held.items() if row[0] == column[0])
    reads = 0
    for x in vectors:
        present = [row for row in rows if exists[x, row[1]]]
        values = {(g, q): int(inputs[g, x, q]) for g, q in present}
        seen.inputs |= {(*place, g, x, q) for g, q in present}
        seen.sums |= {(*place, g, x, m) for g, m in columns}
        for step in range(xbar.steps):
            for active in _parts(len(rows), xbar.rows_at_once):
                reads += 1
                driven = [row for row in rows[active.start : active.stop] if row in values]
                seen.pulses += len(driven)
                for g, m in columns:
                    seen.product[g, x, m] += _read(values, held, driven, (g, m), step, xbar, seen)
        for g, m in columns:
            seen.product[g, x, m] -= _offsets(values, cells, (g, m), xbar)
    seen.reads = max(seen.reads, reads)


def _weight(weights: Ints, row: Line, column: Line) -> int:
    """What a cell stands for: nothing, where row and column are of different groups."""
    return int(weights[row[0], row[1], column[1]]) if row[0] == column[0] else 0


def _read(
    values: dict[Line, int],
    held: dict[tuple[Line, Line], list[tuple[int, int]]],
    driven: list[Line],
    column: Line,
    step: int,
    xbar: Crossbar,
    seen: Walk,
) -> int:
    """The columns of one output in one step: currents add up, are converted, shifted and added."""
    total = 0
    for cell in range(xbar.cells_per_weight):
        current = 0
        for row in driven:
            level, factor = held[row, column][cell]
            current += _piece(values[row], step, xbar) * level * factor
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


def _offsets(values: dict[Line, int], cells: dict[tuple[Line, Line], int], column: Line, xbar: Crossbar) -> int:
    """What is taken off digitally."""
    of_weight = 2 ** (xbar.weight_bits - 1) if xbar.signs == "offset" else 0
    of_input = 2 ** (xbar.input_bits - 1) if xbar.input_signs == "offset" else 0
    return sum(of_input * (cells[row, column] + of_weight) + value * of_weight for row, value in values.items())


def _parts(size: int, most: int) -> list[range]:
    return [range(first, min(size, first + most)) for first in range(0, size, most)]
