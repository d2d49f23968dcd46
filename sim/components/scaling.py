"""From one technology node and supply to another: Stillmaker & Baas (2017).

The equations were fitted to circuit simulations with predictive transistor models, not to chips. Nodes between the
tabulated ones are interpolated on log-log paper; nodes outside 7 to 180 nm are refused, and so are supplies below the
minimum of an energy curve, where the curve no longer means anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sim.components.curve import loglog
from sim.components.data import load
from sim.errors import TilenestError

Transistors = Literal["HP", "LP"]


class ScalingError(TilenestError):
    """A technology node or supply that the scaling equations do not cover."""


@dataclass(frozen=True, slots=True)
class _Polynomials:
    """Delay and energy of one node against the supply, in units that cancel in a ratio."""

    node_nm: float
    d3: float
    d2: float
    d1: float
    d0: float
    e2: float
    e1: float
    e0: float

    def delay(self, volts: float) -> float:
        value = ((self.d3 * volts + self.d2) * volts + self.d1) * volts + self.d0
        if not value > 0:
            raise ScalingError(f"the delay curve of {self.node_nm:g} nm does not cover {volts:g} V")
        return value

    def energy(self, volts: float) -> float:
        lowest = -self.e1 / (2 * self.e2) if self.e2 else -self.e0 / self.e1
        if not volts > lowest:
            raise ScalingError(
                f"{volts:g} V is too low for {self.node_nm:g} nm: its energy curve begins at {lowest:.2f} V"
            )
        return (self.e2 * volts + self.e1) * volts + self.e0


def energy_factor(
    from_nm: float, from_volts: float, to_nm: float, to_volts: float, transistors: Transistors = "HP"
) -> float:
    """What the energy of a piece of logic is multiplied by.

    Raises:
        ScalingError: for a node or supply that the equations do not cover.

    >>> round(energy_factor(45, 0.9, 65, 1.0), 3)
    1.906
    """
    return _ratio(_Polynomials.energy, from_nm, from_volts, to_nm, to_volts, transistors)


def delay_factor(
    from_nm: float, from_volts: float, to_nm: float, to_volts: float, transistors: Transistors = "HP"
) -> float:
    """What the delay of a piece of logic is multiplied by; the 180 nm curve lacks a term and is poor.

    Raises:
        ScalingError: for a node or supply that the equations do not cover.
    """
    return _ratio(_Polynomials.delay, from_nm, from_volts, to_nm, to_volts, transistors)


def area_factor(from_nm: float, to_nm: float) -> float:
    """What the area of a piece of logic is multiplied by.

    Raises:
        ScalingError: for a node that the table does not cover.

    >>> area_factor(65, 45)
    0.66
    """
    table = load("stillmaker")["area"]
    nodes: list[float] = table["nodes_nm"]
    rows = dict(zip(nodes, table["rows"], strict=True))
    _check(from_nm, nodes)
    _check(to_nm, nodes)
    if from_nm == to_nm:
        return 1.0

    def from_node(start: float) -> float:
        return loglog(to_nm, nodes, dict(zip(nodes, rows[start], strict=True)).__getitem__)

    return loglog(from_nm, nodes, from_node)


def nominal_supply(node_nm: float) -> float:
    """The volts that a node is supplied with where nobody says otherwise; sources in ``data/stillmaker.yaml``.

    Raises:
        ScalingError: for a node outside 7 to 180 nm.
    """
    volts = {node: volts for node, volts, _ in load("stillmaker")["supplies"]["rows"]}
    _check(node_nm, volts)
    return loglog(node_nm, volts, volts.__getitem__)


def _ratio(
    curve: Callable[[_Polynomials, float], float],
    from_nm: float,
    from_volts: float,
    to_nm: float,
    to_volts: float,
    transistors: Transistors,
) -> float:
    nodes = _polynomials(transistors)

    def level(node_nm: float, volts: float) -> float:
        _check(node_nm, nodes)
        return loglog(node_nm, nodes, lambda node: curve(nodes[node], volts))

    return level(to_nm, to_volts) / level(from_nm, from_volts)


@cache
def _polynomials(transistors: Transistors) -> dict[float, _Polynomials]:
    table = load("stillmaker")["polynomials"]
    return {row[0]: _Polynomials(*row) for row in (*table["both"], *table[transistors])}


def _check(node_nm: float, nodes: Iterable[float]) -> None:
    low, high = min(nodes), max(nodes)
    if not low <= node_nm <= high:
        raise ScalingError(f"technology {node_nm:g} nm lies outside {low:g} to {high:g} nm")
