"""Analog-to-digital converters, by type.

- ``survey``: what converters of a resolution and speed cost in general, a regression through Murmann's survey
  (Andrulis et al., arXiv 2404.06553), for 4 to 20 bits. Single ones are several times better or worse.
- ``sar``: successive approximation, from ISAAC's 8 bits at 1.2 GS/s; between and beyond 4 and 10 bits on power laws.
- ``flash``: 2^bits - 1 comparisons; its area is not modelled.
- ``ramp``: a counter that counts 2^bits steps; two of its flip-flops change in each on average. The comparator and
  the ramp, which columns share, are left out.

The last three are moved to other nodes by `scaling`; the survey has the node as a variable.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim.arch.tree import Converter, Given
from sim.components.curve import loglog
from sim.components.data import load
from sim.components.model import ComponentError, Model, NodeCosts, Part
from sim.components.scaling import area_factor, energy_factor, nominal_supply
from sim.units import DATA, TIME

_LEAST, _MOST = 4, 20  # bits that the survey's regression is for


def survey_pj(node_nm: float, bits: float, hz: float) -> float:
    """Energy of a conversion by the regression.

    >>> round(survey_pj(32, 8, 1e9), 5)
    1.71371
    """
    s = load("analog")["survey"]
    (low, low_db), (high, high_db) = s["sndr"].items()
    sndr = low_db + (high_db - low_db) * (bits - float(low)) / (float(high) - float(low))
    most = s["foms_most"]["intercept"] + s["foms_most"]["per_bit"] * math.ceil(bits)
    foms = min(s["foms"]["intercept"] + s["foms"]["per_ln_hz"] * math.log(hz), most)
    e = s["energy"]
    scale = math.exp(e["offset"] + e["tech"] * math.log(node_nm) + e["bits"] * math.log(bits))
    return scale / (2 * math.pow(10, (foms - sndr) / 10))


def survey_um2(node_nm: float, hz: float, pj: float) -> float:
    """Area of a converter by the regression."""
    a = load("analog")["survey"]["area"]
    return math.exp(a["offset"] + a["tech"] * math.log(node_nm) + a["hz"] * math.log(hz) + a["pj"] * math.log(pj))


def _survey(part: Part[Converter], bits: float) -> NodeCosts:
    if not _LEAST <= bits <= _MOST:
        other = "; another type: flash" if bits < _LEAST else ""
        raise ComponentError(f"the survey's converters have {_LEAST} to {_MOST} bit, not {bits:g}{other}")
    hz = 1 / part.quantity("time", TIME, "s")
    source = f"{load('analog')['survey']['source']}; {bits:g} bit, {hz / 1e6:g} MS/s, {part.node_nm:g} nm"
    pj = survey_pj(part.node_nm, bits, hz)
    return NodeCosts(word=Given(pj, source), area=Given(survey_um2(part.node_nm, hz, pj), source))


def _sar(part: Part[Converter], bits: float) -> NodeCosts:
    table = load("analog")["sar"]
    known = {float(b): pj for b, pj in table["energy_pj"].items()}
    return _moved(part, table, loglog(bits, known, known.__getitem__), table["area_um2"], f"{bits:g} bit")


def _flash(part: Part[Converter], bits: float) -> NodeCosts:
    table, comparisons = load("analog")["flash"], math.pow(2, bits) - 1
    costs = _moved(part, table, comparisons * table["comparison_pj"], 0.0, f"{comparisons:g} comparisons")
    return NodeCosts(word=costs.word)


def _ramp(part: Part[Converter], bits: float) -> NodeCosts:
    flipflop = {**load("registers")["flipflop"], "source": "a counter of Aladdin's flip-flops (ISCA 2014)"}
    changes = 2 * math.pow(2, bits)
    pj, um2 = changes * flipflop["energy_pj"], bits * flipflop["area_um2"]
    return _moved(part, flipflop, pj, um2, f"{changes:g} changes")


def _moved(part: Part[Converter], table: dict[str, float], pj: float, um2: float, what: str) -> NodeCosts:
    """Costs at the node and supply of a table, moved to those of the part."""
    node = table["node_nm"]
    scale = energy_factor(node, table.get("volts") or nominal_supply(node), part.node_nm, part.volts)
    source = f"{table['source']}; {what}, {part.node_nm:g} nm, {part.volts:.3g} V"
    return NodeCosts(word=Given(pj * scale, source), area=Given(um2 * area_factor(node, part.node_nm), source))


_TYPES: dict[str, Callable[[Part[Converter], float], NodeCosts]] = {
    "survey": _survey,
    "sar": _sar,
    "flash": _flash,
    "ramp": _ramp,
}


def _costs(part: Part[Converter]) -> NodeCosts:
    return _TYPES[part.choice("type", _TYPES, "survey")](part, part.quantity("bits", DATA, "bit"))


ADC = Model("adc", (Converter,), ("type", "bits", "time"), _costs)
