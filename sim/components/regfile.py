"""Small register files of flip-flops or latches, from one word to about 1 KiB.

Energy runs on a power law in the number of words between two published points: a single register (Aladdin, 40 nm:
9 fJ a bit) and a file of 512 B with words of 16 bits, which costs as much as a 16-bit multiply-accumulate (Eyeriss,
ISCA 2016, Table IV; the multiply-accumulate is Horowitz's, with a sum of 32 bits). Reads cost as much as writes.
Area and leakage are those of the flip-flops alone.

Sources differ: CACTI's SRAM array of 512 B costs a third (read) to two thirds (write) of this; expect a factor of
three either way. Latency is not modelled.
"""

from __future__ import annotations

import math

from sim.arch.tree import Given, Memory
from sim.components.arithmetic import from_horowitz, mac_pj
from sim.components.data import load
from sim.components.model import ComponentError, Model, NodeCosts, Part
from sim.components.scaling import area_factor, energy_factor

_LARGEST_BITS = 8 * 1024


def _costs(part: Part[Memory]) -> NodeCosts:
    bits = part.body.size_bits
    if math.isinf(bits):
        raise ComponentError("a register file needs a size")
    cell, file = load("registers")["flipflop"], load("registers")["file"]
    scale = energy_factor(cell["node_nm"], cell["volts"], part.node_nm, part.volts)
    one_word = cell["energy_pj"] * scale
    word_bits = file["word_bits"]
    mac = file["multiply_accumulates"] * mac_pj("int", word_bits, 2 * word_bits)
    many_words = mac * from_horowitz(part.node_nm, part.volts) / word_bits
    growth = math.log(many_words / one_word) / math.log(file["bytes"] * 8 / word_bits)
    words = max(1.0, bits / part.body.width_bits)

    beyond = "" if bits <= _LARGEST_BITS else "; extrapolated, made for up to 1 KiB"
    where = f"{part.node_nm:g} nm, {part.volts:.3g} V{beyond}"
    energy = Given(
        part.body.width_bits * one_word * words**growth,
        f"between Aladdin's register and Eyeriss' 0.5 KB file ({words:g} words, {where})",
    )
    flipflops = f"{bits:g} flip-flops of Aladdin (ISCA 2014); {where}"
    return NodeCosts(
        read=energy,
        write=energy,
        leakage=Given(bits * cell["leakage_mw"] * scale, flipflops),
        area=Given(bits * cell["area_um2"] * area_factor(cell["node_nm"], part.node_nm), flipflops),
    )


REGFILE = Model("regfile", (Memory,), (), _costs)
