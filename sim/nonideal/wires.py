"""Voltage that is lost in the wires of an array. Linear, so an array with wires is just another matrix."""

from __future__ import annotations

import numpy as np

from sim.arch.noise import Wires
from sim.nonideal.streams import FloatArray

_SMALL = 80.0  # exp of it fits into single precision
_ROUNDINGS = 16  # errors of so many roundings do not matter
_FAR, _MOST_STEPS = 0.5, 8


def effective(g_us: FloatArray, wires: Wires, below: int = 0) -> FloatArray:
    """The conductances of an array without wires that gives the same currents, in the same precision.

    Rows are driven at their left end, columns end at the bottom in a virtual ground; each cell is joined to its
    neighbours by one piece of row wire and one of column wire, and to driver and ground by one, too.

    The node equations are eliminated column by column from the right. With r the resistance of a piece of row wire,
    S_j what a column draws from its row nodes (column nodes eliminated), and u_j the voltages of these,

        u_j = (1 - L_j) u_(j-1),   L_j = (1 + A)^-1 A,   A = L_(j+1) + r S_j,

    beginning with 0: L_j is the share of the voltage that is lost in a piece of wire. A column's current is the
    sum of S_j u_j. So it takes a system of equations for each column, of the order of the rows, instead of a sparse
    one of two unknowns for each cell, and as only losses are subtracted, single precision suffices for them.

    Args:
        g_us: conductances of the cells [rows, columns], in microsiemens.
        below: cells of the column between the last of these rows and ground that are not selected.

    Returns:
        The matrix [rows, columns] of which the product with the voltages gives the currents of the columns.
    """
    rows, columns = g_us.shape
    draws = _Columns(g_us, wires, below)
    if not wires.row_ohm:
        return np.stack([draws.of_column(j).sum(axis=0) for j in range(columns)], axis=1)
    out = np.empty((columns, rows), g_us.dtype)
    lost = np.zeros((rows, rows), g_us.dtype)
    for j in reversed(range(columns)):
        draw = draws.of_column(j)
        lost = _share(lost + draw * g_us.dtype.type(wires.row_ohm * 1e-6), lost)
        out[j] = draw.sum(axis=0)
        out[j:] -= out[j:] @ lost
    return out.T


def _share(a: FloatArray, guess: FloatArray) -> FloatArray:
    """L of (1 + A) L = A, by Newton's method from that of the neighbouring column.

    Schulz, Zeitschrift für Angewandte Mathematik und Mechanik 13 (1933): each time two products of matrices square
    the error. Where the guess is far off, the equations are solved as they are.
    """
    tolerance = _ROUNDINGS * np.finfo(a.dtype).eps
    for _ in range(_MOST_STEPS):
        rest = a - guess - a @ guess
        size = float(np.abs(rest).sum(axis=1).max())
        if size > _FAR:
            break
        guess = guess + rest - guess @ rest
        if size**2 <= tolerance * float(np.abs(guess).max()):
            return guess
    return np.linalg.solve(np.eye(len(a), dtype=a.dtype) + a, a)


class _Columns:
    """What columns draw from the nodes of the rows: D - D M D.

    D are the conductances of the cells; M, the inverse of the chain of column wire with D to the side, is known by
    its diagonal and by how voltages fall above a source.
    """

    def __init__(self, g: FloatArray, wires: Wires, below: int) -> None:
        """Of all columns at once, going down and up along the rows."""
        self._g = g
        self._diagonal, self._fallen = np.zeros_like(g), np.zeros_like(g)
        if not wires.column_ohm:
            return
        wire, rows = 1e6 / wires.column_ohm, len(g)
        up, down = g.astype(np.float64), np.full(g.shape, wire / (1 + below))
        for i in range(1, rows):
            up[i] += up[i - 1] * (wire / (wire + up[i - 1]))
        for i in reversed(range(rows - 1)):
            side = g[i + 1] + down[i + 1]
            down[i] = side * (wire / (wire + side))
        self._diagonal = (1 / (up + down)).astype(g.dtype)
        np.cumsum(np.log1p(up[:-1] / wire), axis=0, out=self._fallen[1:])

    def of_column(self, j: int) -> FloatArray:
        """Currents into a column from its row nodes, by their voltages."""
        g, fallen = self._g[:, j], self._fallen[:, j]
        if fallen[-1] < _SMALL:
            ratio = np.exp(fallen)[:, None] * np.exp(-fallen)
        else:
            ratio = np.exp(np.minimum(fallen[:, None] - fallen, 0))
        above = np.triu(ratio * self._diagonal[:, j])
        inner = above + np.triu(above, 1).T
        return np.diag(g) - g[:, None] * inner * g
