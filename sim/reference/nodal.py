"""A crossbar with resistive wires as a circuit: Kirchhoff's law at every node, solved as it stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def currents(
    g_us: Matrix, volts: Matrix, row_ohm: float, column_ohm: float, below: int = 0
) -> npt.NDArray[np.float64]:
    """Currents at the ends of the columns, in microamperes.

    A node for each cell on its row and one on its column, in a matrix of conductances; drivers stand at the left of
    the rows, the columns end at the bottom in ground. Wires need some resistance.

    Args:
        g_us: conductances of the cells [rows, columns], in microsiemens.
        volts: of the drivers [rows].
        below: cells of a column between the last row and ground that are not selected.
    """
    rows, columns = g_us.shape
    size = rows * columns
    nodal, injected = np.zeros((2 * size, 2 * size)), np.zeros(2 * size)

    def join(a: int, b: int, g: float) -> None:
        nodal[[a, b], [a, b]] += g
        nodal[[a, b], [b, a]] -= g

    row_us, column_us, last_us = 1e6 / row_ohm, 1e6 / column_ohm, 1e6 / column_ohm / (1 + below)
    for i in range(rows):
        for j in range(columns):
            on_row = i * columns + j
            on_column = size + on_row
            join(on_row, on_column, g_us[i, j])
            if j:
                join(on_row, on_row - 1, row_us)
            else:
                nodal[on_row, on_row] += row_us
                injected[on_row] += row_us * volts[i]
            if i < rows - 1:
                join(on_column, on_column + columns, column_us)
            else:
                nodal[on_column, on_column] += last_us
    potential = np.linalg.solve(nodal, injected)
    return np.asarray(potential[2 * size - columns :] * last_us)
