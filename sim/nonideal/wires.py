"""Voltage that is lost in the wires of an array. Linear, so an array with wires is just another matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.arch.noise import Wires

Matrix = npt.NDArray[np.float64]


def effective(g_us: Matrix, wires: Wires, below: int = 0) -> Matrix:
    """The conductances of an array without wires that gives the same currents.

    Rows are driven at their left end, columns end at the bottom in a virtual ground; each cell is joined to its
    neighbours by one piece of row wire and one of column wire, and to driver and ground by one, too.

    The node equations are eliminated column by column from the right. With r the resistance of a piece of row wire,
    S_j what a column draws from its row nodes (column nodes eliminated), and u_j the voltages of these,

        u_j = T_j u_(j-1),   T_j = (2 - T_(j+1) + r S_j)^-1,

    with 1 for 2 - T in the last column. A column's current is the sum of S_j u_j. So it takes an inverse for each
    column, of the order of the rows, instead of a sparse system of two unknowns for each cell.

    Args:
        g_us: conductances of the cells [rows, columns], in microsiemens.
        below: cells of the column between the last of these rows and ground that are not selected.

    Returns:
        The matrix [rows, columns] of which the product with the voltages gives the currents of the columns.
    """
    rows, columns = g_us.shape
    draws = _Columns.of(g_us, wires, below)
    if not wires.row_ohm:
        return np.stack([draws.of_column(j).sum(axis=0) for j in range(columns)], axis=1)
    out = np.empty((columns, rows))
    transfer: Matrix = np.eye(rows)
    twice = 2 * transfer
    for j in reversed(range(columns)):
        draw = draws.of_column(j)
        transfer = np.asarray(np.linalg.inv(twice - transfer + draw * (wires.row_ohm * 1e-6)), np.float64)
        out[j] = draw.sum(axis=0)
        out[j:] = out[j:] @ transfer
    return out.T


class _Columns:
    """What columns draw from the nodes of the rows: D - D M D.

    D are the conductances of the cells; M, the inverse of the chain of column wire with D to the side, is known by
    its diagonal and the ratios of neighbouring voltages above a source.
    """

    def __init__(self, g: Matrix, diagonal: Matrix, fallen: Matrix) -> None:
        self._g, self._diagonal, self._fallen = g, diagonal, fallen

    @classmethod
    def of(cls, g: Matrix, wires: Wires, below: int) -> _Columns:
        """Of all columns at once, going down and up along the rows."""
        if not wires.column_ohm:
            return cls(g, np.zeros_like(g), np.zeros_like(g))
        wire, rows = 1e6 / wires.column_ohm, len(g)
        up, down = g.copy(), np.full_like(g, wire / (1 + below))
        for i in range(1, rows):
            up[i] += up[i - 1] * (wire / (wire + up[i - 1]))
        for i in reversed(range(rows - 1)):
            side = g[i + 1] + down[i + 1]
            down[i] = side * (wire / (wire + side))
        fallen = np.zeros_like(g)
        np.cumsum(np.log1p(up[:-1] / wire), axis=0, out=fallen[1:])
        return cls(g, 1 / (up + down), fallen)

    def of_column(self, j: int) -> Matrix:
        """Currents into a column from its row nodes, by their voltages."""
        g, log = self._g[:, j], self._fallen[:, j]
        lower = np.arange(len(g))[:, None] >= np.arange(len(g))
        inner = np.where(lower, self._diagonal[:, j, None], self._diagonal[:, j]) * np.exp(
            -np.abs(log[:, None] - log)
        )
        return np.diag(g) - g[:, None] * inner * g
