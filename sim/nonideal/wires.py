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

    The node equations are eliminated column by column from the right. With g the conductance of a piece of row wire,
    S_j what a column draws from its row nodes (column nodes eliminated), and u_j the voltages of these,

        u_j = T_j u_(j-1),   T_j = (2 - T_(j+1) + S_j / g)^-1,

    with 1 for 2 - T in the last column. A column's current is the sum of S_j u_j. So it takes an inverse for each
    column, of the order of the rows, instead of a sparse system of two unknowns for each cell.

    Args:
        g_us: conductances of the cells [rows, columns], in microsiemens.
        below: cells of the column between the last of these rows and ground that are not selected.

    Returns:
        The matrix [rows, columns] of which the product with the voltages gives the currents of the columns.
    """
    rows, columns = g_us.shape
    previous: Matrix = np.eye(rows)
    identity: Matrix = previous
    if not wires.row_ohm:
        return np.stack([_drawn(g_us[:, j], wires, below).sum(axis=0) for j in range(columns)], axis=1)
    out = np.empty((columns, rows))
    for j in reversed(range(columns)):
        draw = _drawn(g_us[:, j], wires, below)
        transfer = np.linalg.inv(2 * identity - previous + draw * (wires.row_ohm * 1e-6))
        out[j] = draw.sum(axis=0)
        out[j:] = out[j:] @ transfer
        previous = np.asarray(transfer, np.float64)
    return out.T


def _drawn(g: Matrix, wires: Wires, below: int) -> Matrix:
    """Currents into a column from its row nodes, by their voltages.

    With D the conductances of the cells and R the resistance that two currents share on their way to ground,
    the column's nodes have the voltages R i, so i = D (u - R i) and i = (1 + D R)^-1 D u.
    """
    if not wires.column_ohm:
        return np.diag(g)
    rows = len(g)
    to_ground = wires.column_ohm * 1e-6 * (below + rows - np.arange(rows))
    shared = np.minimum(to_ground[:, None], to_ground[None, :])
    return np.linalg.solve(np.eye(rows) + g[:, None] * shared, np.diag(g))
