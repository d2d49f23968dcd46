"""Long wires on a chip: energy per bit and millimetre (Keckler et al., IEEE Micro 2011).

Random data, full swing, repeaters included: 0.121 pJ/bit/mm at 0.9 V. The capacitance of a millimetre hardly changes
from node to node (same source), so only the supply counts, squared; the source's own projections to 10 nm, 0.75 V and
0.65 V lie 7 % below that. Dally et al. (CACM 2020) give 0.1 pJ/bit/mm at 14 nm. Area and leakage are not modelled.
"""

from __future__ import annotations

from sim.arch.tree import Converter, Given, Link
from sim.components.data import load
from sim.components.model import Model, NodeCosts, Part
from sim.units import LENGTH


def _costs(part: Part[Link | Converter]) -> NodeCosts:
    table = load("wires")
    length = part.quantity("length", LENGTH, "mm")
    per_bit_mm = table["energy_pj"] / (table["bits"] * table["length_mm"]) * (part.volts / table["volts"]) ** 2
    source = f"Keckler et al. 2011: {per_bit_mm:.3g} pJ/bit/mm at {part.volts:.3g} V, {length:g} mm"
    return NodeCosts(bit=Given(per_bit_mm * length, source))


WIRE: Model[Link | Converter] = Model("wire", (Link, Converter), ("length",), _costs)
