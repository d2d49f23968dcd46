"""Multiply-accumulate units: Horowitz's table of adders and multipliers (ISSCC 2014, 45 nm, 0.9 V).

One operation is a multiplication of two operands of `bits` and an addition of `accumulate` bits. Widths between the
tabulated ones lie on a power law between their neighbours: integer multipliers grow as width ** 1.98, integer adders
as width ** 0.74 below and width ** 1.0 above 16 bits, floating-point multipliers as width ** 1.75 and adders as
width ** 1.17. Other nodes and supplies by `scaling`. Pipeline registers and leakage are not in the table.
"""

from __future__ import annotations

from sim.arch.tree import Compute, Given
from sim.components.curve import loglog
from sim.components.data import load
from sim.components.model import Model, NodeCosts, Part
from sim.components.scaling import area_factor, energy_factor
from sim.units import DATA


def _interpolate(circuit: str, column: int, bits: float) -> float:
    rows = {row[0]: row[column] for row in load("horowitz")[circuit]}
    return loglog(bits, rows, rows.__getitem__)


def mac_pj(kind: str, bits: float, accumulate: float) -> float:
    """Energy of a multiply-accumulate in Horowitz's technology; `kind` is ``int`` or ``float``.

    >>> round(mac_pj("int", 8, 32), 3), round(mac_pj("float", 16, 32), 3)
    (0.3, 2.0)
    """
    return _interpolate(f"{kind}_multiply", 1, bits) + _interpolate(f"{kind}_add", 1, accumulate)


def from_horowitz(node_nm: float, volts: float) -> float:
    """What an energy of Horowitz's table is multiplied by at this node and supply."""
    table = load("horowitz")
    return energy_factor(table["node_nm"], table["volts"], node_nm, volts)


def _mac(kind: str, part: Part[Compute], bits: float, accumulate: float) -> NodeCosts:
    table = load("horowitz")
    area = _interpolate(f"{kind}_multiply", 2, bits) + _interpolate(f"{kind}_add", 2, accumulate)
    source = (
        f"Horowitz ISSCC 2014: {kind} multiply {bits:g} bit{_beyond(kind, 'multiply', bits)}, "
        f"add {accumulate:g} bit{_beyond(kind, 'add', accumulate)}; "
    )
    return NodeCosts(
        op=Given(
            mac_pj(kind, bits, accumulate) * from_horowitz(part.node_nm, part.volts),
            source + f"to {part.node_nm:g} nm, {part.volts:.3g} V by Stillmaker & Baas 2017",
        ),
        area=Given(
            area * area_factor(table["node_nm"], part.node_nm),
            source + f"to {part.node_nm:g} nm by Stillmaker & Baas 2017",
        ),
    )


def _beyond(kind: str, circuit: str, bits: float) -> str:
    widths = [row[0] for row in load("horowitz")[f"{kind}_{circuit}"]]
    return "" if min(widths) <= bits <= max(widths) else f" (extrapolated from {min(widths)} to {max(widths)})"


def _int_mac(part: Part[Compute]) -> NodeCosts:
    bits = part.quantity("bits", DATA, "bit", part.body.bits)
    return _mac("int", part, bits, part.quantity("accumulate", DATA, "bit", 2 * bits))


def _float_mac(part: Part[Compute]) -> NodeCosts:
    bits = part.quantity("bits", DATA, "bit", part.body.bits)
    return _mac("float", part, bits, part.quantity("accumulate", DATA, "bit", bits))


INT_MAC = Model("int_mac", (Compute,), ("bits", "accumulate"), _int_mac)
FLOAT_MAC = Model("float_mac", (Compute,), ("bits", "accumulate"), _float_mac)
