"""The other parts of analog arrays: what drives rows, cells, sample-and-hold, shift-and-add, embedded DRAM.

Capacitances of drivers shrink with the square of the feature size, the rest follows `scaling`. Sources of all numbers
are in ``data/analog.yaml``.
"""

from __future__ import annotations

import math
from typing import Any

from sim.arch.tree import Compute, Converter, Given, Memory
from sim.components.data import load
from sim.components.model import ComponentError, Model, NodeCosts, Part
from sim.components.scaling import area_factor, energy_factor, nominal_supply
from sim.units import CONDUCTANCE, DATA, TIME, VOLTAGE

_UM_PER_NM = 1e-3


def _dac(part: Part[Converter]) -> NodeCosts:
    """A ``driver`` charges the line of a row and its cells, once for every bit; ``time`` makes a pulse of some width.

    Counting a width doubles with every bit, and so does the energy of ``time``.
    """
    table = load("analog")[part.choice("type", ("driver", "time"), "driver")]
    if "driver_ff" in table:
        columns = part.count("columns", 128)
        femtofarads = (table["driver_ff"] + columns * table["cell_ff"]) * (part.node_nm / table["node_nm"]) ** 2
        volts = part.quantity("volts", VOLTAGE, "V", part.volts)
        source = f"{table['source']}; {columns} columns, {part.node_nm:g} nm, {volts:.3g} V"
        return NodeCosts(bit=Given(femtofarads * 1e-3 * volts**2, source))
    bits = part.quantity("bits", DATA, "bit")
    energy = table["energy_pj"] * math.pow(2, bits - table["bits"])
    return NodeCosts(word=_moved(part, table, energy, f"{bits:g} bit"))


def _memristor(part: Part[Compute]) -> NodeCosts:
    """A resistor at the largest conductance with the largest input: ``G V^2 t``. Writing is one such pulse, too.

    A phase-change cell (``pcm``) is written at the conductance of its melt, whatever it holds.
    """
    rows = {row[0]: row[1:] for row in load("analog")["memristor"]["rows"]}
    device = part.choice("device", rows, "rram")
    read, write, write_ns, write_us, cell_f2, source = rows[device]
    most = part.quantity("conductance", CONDUCTANCE, "uS")
    volts = part.quantity("volts", VOLTAGE, "V", read)
    seconds = part.quantity("pulse", TIME, "s")
    how = f"{most:g} uS at {volts:g} V for {seconds * 1e9:g} ns; voltages and size: {source}"
    writing = (write_us or most) * write**2 * write_ns * 1e-3
    return NodeCosts(
        op=Given(most * volts**2 * seconds * 1e6, how),  # uS V^2 s are uJ
        write=Given(writing, f"one pulse of {write:g} V for {write_ns:g} ns: {source}"),
        area=Given(cell_f2 * (part.node_nm * _UM_PER_NM) ** 2, f"{cell_f2:g} F2: {source}"),
    )


def _sram_cell(part: Part[Compute]) -> NodeCosts:
    table = load("analog")["sram_cell"]
    cell = _moved(part, table, table["energy_pj"], "a bit times a bit")
    write = _moved(part, table | {"source": table["write_source"]}, table["write_pj"], "a bit")
    return NodeCosts(op=cell, write=write, area=_area(part, table, table["area_um2"]))


def _sample_hold(part: Part[Converter]) -> NodeCosts:
    table = load("analog")["isaac"]
    hold = _moved(part, table, table["hold_pj"], "a sample")
    return NodeCosts(word=hold, area=_area(part, table, table["hold_um2"]))


def _shift_add(part: Part[Converter]) -> NodeCosts:
    table = load("analog")["isaac"]
    add = _moved(part, table, table["shift_add_pj"], "a conversion")
    return NodeCosts(word=add, area=_area(part, table, table["shift_add_um2"]))


def _edram(part: Part[Memory]) -> NodeCosts:
    """Energy per bit, whatever the size; refresh is not modelled."""
    table = load("analog")["edram"]
    if math.isinf(part.body.size_bits):
        raise ComponentError("an eDRAM needs a size")
    access = table | {"node_nm": table["energy_node_nm"]}
    energy = _moved(part, access, table["bit_pj"] * part.body.width_bits, f"{part.body.width_bits} bit")
    size = table | {"node_nm": table["area_node_nm"]}
    return NodeCosts(read=energy, write=energy, area=_area(part, size, table["bit_um2"] * part.body.size_bits))


def _moved(part: Part[Any], table: dict[str, Any], pj: float, what: str) -> Given:
    """An energy at the node and supply of a table, moved to those of the part."""
    node = table["node_nm"]
    scale = energy_factor(node, table.get("volts") or nominal_supply(node), part.node_nm, part.volts)
    return Given(pj * scale, f"{table['source']}; {what}, {part.node_nm:g} nm, {part.volts:.3g} V")


def _area(part: Part[Any], table: dict[str, Any], um2: float) -> Given:
    return Given(um2 * area_factor(table["node_nm"], part.node_nm), f"{table['source']}; {part.node_nm:g} nm")


DAC = Model("dac", (Converter,), ("type", "bits", "columns", "volts"), _dac)
MEMRISTOR = Model("memristor", (Compute,), ("device", "conductance", "volts", "pulse"), _memristor)
SRAM_CELL = Model("sram_cell", (Compute,), (), _sram_cell)
SAMPLE_HOLD = Model("sample_hold", (Converter,), (), _sample_hold)
SHIFT_ADD = Model("shift_add", (Converter,), (), _shift_add)
EDRAM = Model("edram", (Memory,), (), _edram)
