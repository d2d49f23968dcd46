"""SRAM arrays: a fit to 100 runs of CACTI 7 (512 B to 4 MiB, 32 to 512 bits wide, 90 to 22 nm, two cell types).

For every node and cell type, with capacity C and access width W, by least squares:

    ln y = a + b ln C + c (ln C)^2 + d ln W

d stands only where the width matters (energies, the interval between accesses), c not for read energy, where it does
not help to foretell a point left out. Beyond the fitted capacities the tangent goes on, so that everything grows with
capacity and width everywhere. The fit is off by so much at the points (at most, and in the median):

    read 29 % (5 %), write 16 % (4 %), leakage 20 % (2 %), area 14 % (4 %), latency 14 % (4 %), interval 30 % (4 %)

Nodes between the fitted ones are interpolated on log-log paper; smaller and larger ones, and other supplies than
CACTI's, follow `scaling`, leakage like energy for want of anything better.

A memory has one port for reads and writes. Banks divide it: an access costs what it costs in a memory of
1 / `banks` the size; wires between the banks are not modelled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.arch.tree import Given, Memory
from sim.components.curve import loglog
from sim.components.data import load
from sim.components.model import ComponentError, Model, NodeCosts, Part
from sim.components.scaling import Transistors, area_factor, delay_factor, energy_factor

# The columns of the points behind node, bytes and width, and which of a, b, c and d each has.
_TERMS = {
    "read": (0, 1, 3),
    "write": (0, 1, 2, 3),
    "leakage": (0, 1, 2),
    "area": (0, 1, 2),
    "latency": (0, 1, 2),
    "interval": (0, 1, 2, 3),
}
_UM2_PER_MM2 = 1e6

_TRANSISTORS: dict[str, Transistors] = {"itrs-hp": "HP", "itrs-lstp": "LP"}


@dataclass(frozen=True, slots=True)
class _Fit:
    """The curves of one cell type.

    Attributes:
        volts: CACTI's supply by node.
        sizes, widths: the range of the points, in bytes and bits.
        coefficients: by node and quantity.
    """

    volts: dict[float, float]
    sizes: tuple[float, float]
    widths: tuple[float, float]
    coefficients: dict[tuple[float, str], NDArray[np.float64]]

    def value(self, quantity: str, node_nm: float, size_bytes: float, width_bits: float) -> float:
        """A quantity at CACTI's supply, for a node within the range of the points."""
        terms = _terms(size_bytes, width_bits, self.sizes)[list(_TERMS[quantity])]

        def at(node: float) -> float:
            return math.exp(self.coefficients[node, quantity] @ terms)

        return loglog(node_nm, self.volts, at)


@cache
def _fit(cell: str) -> _Fit:
    table = load("cacti7_sram")
    points = np.array(table["points"][cell], dtype=float)
    volts = dict(table["supplies"][cell])
    sizes = (float(points[:, 1].min()), float(points[:, 1].max()))
    widths = (float(points[:, 2].min()), float(points[:, 2].max()))
    coefficients = {}
    for node in volts:
        rows = points[points[:, 0] == node]
        terms = np.array([_terms(size, width, sizes) for size, width in rows[:, 1:3]])
        for (quantity, used), column in zip(_TERMS.items(), rows[:, 3:].T, strict=True):
            coefficients[node, quantity] = np.linalg.lstsq(terms[:, used], np.log(column), rcond=None)[0]
    return _Fit(volts, sizes, widths, coefficients)


def _terms(size_bytes: float, width_bits: float, sizes: tuple[float, float]) -> NDArray[np.float64]:
    """What a, b, c and d are multiplied by; outside `sizes` the parabola gives way to its tangent."""
    size = math.log(size_bytes)
    inside = math.log(min(max(size_bytes, sizes[0]), sizes[1]))
    return np.array([1.0, size, inside * (2 * size - inside), math.log(width_bits)])


def _costs(part: Part[Memory]) -> NodeCosts:
    if math.isinf(part.body.size_bits):
        raise ComponentError("an SRAM needs a size")
    cell = part.choice("cell", _TRANSISTORS, "itrs-lstp")
    banks = part.count("banks", 1)
    fit = _fit(cell)
    size, width = part.body.size_bits / 8 / banks, part.body.width_bits
    node = min(max(part.node_nm, min(fit.volts)), max(fit.volts))
    volts = loglog(node, fit.volts, fit.volts.__getitem__)

    step = (node, volts, part.node_nm, part.volts, _TRANSISTORS[cell])
    energy, delay, area = energy_factor(*step), delay_factor(*step), area_factor(node, part.node_nm)
    scale = {"leakage": banks * energy, "area": banks * area * _UM2_PER_MM2, "latency": delay, "interval": delay}
    source = _source(fit, part, cell, size, banks)

    def given(quantity: str) -> Given:
        return Given(fit.value(quantity, node, size, width) * scale.get(quantity, energy), source)

    return NodeCosts(**{quantity: given(quantity) for quantity in _TERMS})


def _source(fit: _Fit, part: Part[Memory], cell: str, size: float, banks: int) -> str:
    text = f"fit to CACTI 7, {cell}, {size:g} B by {part.body.width_bits} bit"
    if banks > 1:
        text += f", {banks} banks"
    text += f", {part.node_nm:g} nm, {part.volts:.3g} V"
    outside = []
    if not fit.sizes[0] <= size <= fit.sizes[1]:
        outside.append("capacity")
    if not fit.widths[0] <= part.body.width_bits <= fit.widths[1]:
        outside.append("width")
    if not min(fit.volts) <= part.node_nm <= max(fit.volts):
        outside.append("node")
    return f"{text} (extrapolated in {', '.join(outside)})" if outside else text


SRAM = Model("sram", (Memory,), ("cell", "banks"), _costs)
