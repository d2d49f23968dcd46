"""DRAM: energy per bit by type, interface and array together, whatever the access pattern.

Published figures for one type differ by more than three times; ``data/dram.yaml`` lists what was taken and what was
not. For DDR3 that is 20 pJ/bit (three of five sources say 20 to 24), and not the 70 of a poorly used system.
Background power, refresh and row misses are not modelled, nor are the area and leakage of a part off the chip.
"""

from __future__ import annotations

from sim.arch.tree import Given, Memory
from sim.components.data import load
from sim.components.model import Model, NodeCosts, Part


def _costs(part: Part[Memory]) -> NodeCosts:
    rows = {row[0]: row for row in load("dram")["rows"]}
    _, pj_per_bit, source, _ = rows[part.choice("type", rows)]
    access = Given(float(pj_per_bit * part.body.width_bits), f"{pj_per_bit:g} pJ/bit: {source}")
    return NodeCosts(read=access, write=access)


DRAM = Model("dram", (Memory,), ("type",), _costs)
