"""A result as rows of text, for whatever shows it: a terminal, a notebook, plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping as Map
from dataclasses import dataclass

from sim.report.quantities import area, count, energy, seconds, several, share
from sim.results import LayerResult, Provenance, Result, Totals

Cells = tuple[str, ...]

_COSTS = ("layer", "kind", "MACs", "energy", "pJ/MAC", "latency", "util.", "PEs", "bound by")
_IN_CELLS = {"PEs": "cells"}
_TEXTS = ("layer", "kind", "bound by")

COSTS = len(_COSTS)
"""So many columns say what a layer costs; the others, how many words each memory moves."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of text.

    Attributes:
        rows: one for each layer that costs anything.
        total: the last row; empty where there is none.
        right: for every column, whether it holds numbers.
    """

    headings: Cells
    rows: tuple[Cells, ...]
    total: Cells
    right: tuple[bool, ...]

    def columns(self, *wanted: int) -> Sheet:
        """Some of the columns."""

        def pick(cells: Cells) -> Cells:
            return tuple(cells[i] for i in wanted)

        rows = tuple(map(pick, self.rows))
        return Sheet(pick(self.headings), rows, pick(self.total), tuple(self.right[i] for i in wanted))


def sheet(result: Result) -> Sheet:
    """The whole table: what layers cost, then the words that every memory moves."""
    totals = result.totals
    shown = [layer for layer in result.layers if layer.fused is None]
    rows = tuple((*_costs(layer), *(_count(layer.words(level)) for level in result.levels)) for layer in shown)
    total = (*_total(totals, len(shown)), *(_count(totals.words[level]) for level in result.levels))
    costs = _COSTS if not any(layer.crossbar for layer in shown) else tuple(_IN_CELLS.get(h, h) for h in _COSTS)
    headings = (*costs, *(_heading(level) for level in result.levels))
    return Sheet(headings, rows, total, tuple(heading not in _TEXTS for heading in headings))


def title(result: Result) -> str:
    """What was run on what."""
    made = result.provenance
    clock = _with_unit(result.clock_hz, "Hz")
    how = f"best {goal(made, result.clock_hz)}"
    if lies := next((layer.systolic for layer in result.layers if layer.systolic), None):
        how = f"timing {lies.timing}"
    start = f"{result.workload} on {result.arch}: batch {result.batch}, "
    if laid := next((layer.crossbar for layer in result.layers if layer.crossbar), None):
        chips = f" on {laid.chips} chips" if laid.chips > 1 else ""
        return f"{start}{made.dataflow}, {count(laid.chips * result.pes)} cells{chips} at {clock}"
    return f"{start}dataflow {made.dataflow}, {how}, {several(result.pes, 'PE')} at {clock}"


def goal(made: Provenance, clock_hz: float) -> str:
    """What made a mapping good, with the limits that each had to keep."""
    limits = [] if made.most_pj is None else [energy(made.most_pj)]
    limits += [] if made.most_cycles is None else [seconds(made.most_cycles / clock_hz)]
    return f"{made.objective} within {' and '.join(limits)} a layer" if limits else made.objective


def notes(result: Result) -> list[str]:
    """What stands below the table: totals, where the energy goes, layers that are not shown."""
    totals = result.totals
    out = [_speed(totals)]
    if totals.energy_pj:
        out.append(f"energy   {_parts(totals.energy_breakdown)}")
    if result.area_um2:
        out.append(f"area     {_area(result)}")
    if proved := _proved(result):
        out.append(f"optimal  {proved}")
    if divided := Counter(layer.systolic.divided for layer in result.layers if layer.systolic):
        shares = [f"{what} in {several(many, 'layer')}" for what, many in sorted(divided.items()) if what]
        out += [f"arrays   divide {' and '.join(shares)}"] if shares else []
    if result.provenance.fuse:
        from sim.report.groups import saving

        out.append(f"fusing   {saving(result)}")
    fused = [layer.name for layer in result.layers if layer.fused is not None]
    if fused:
        names = _some(fused)
        verbs = ("work", "cost", "their") if len(fused) > 1 else ("works", "costs", "its")
        out.append("fused    {}: {} on words that pass by and {} nothing of {} own".format(names, *verbs))
    return out + [f"note     {note}" for note in result.notes]


def _proved(result: Result) -> str:
    """How many of the mappings that were searched for are proved optimal, and how far off the others may be."""
    known = [layer for layer in result.layers if layer.optimal is not None]
    if not known:
        return ""
    gaps = [f"{layer.name} {share(layer.gap or 0.0, 1)}" for layer in known if not layer.optimal]
    text = f"proved for {len(known) - len(gaps)} of {several(len(known), 'mapping')} searched for"
    return f"{text}; where the search ended early, the best may be lower by: {_some(gaps)}" if gaps else text


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:4]) + (f", ... ({len(texts)} in all)" if len(texts) > 4 else "")


def _heading(level: str) -> str:
    return level.replace("_", "_\n") + "\nwords"


def _costs(layer: LayerResult) -> Cells:
    return (
        layer.name,
        layer.kind,
        _count(layer.macs),
        energy(layer.energy_pj),
        _per(layer.energy_pj, layer.macs),
        seconds(layer.latency_s) if layer.latency_s else "-",
        _percent(layer.utilization),
        (count(layer.active_pes) if layer.crossbar else str(layer.active_pes)) if layer.active_pes else "-",
        layer.bound_by,
    )


def _total(totals: Totals, layers: int) -> Cells:
    return (
        "total",
        several(layers, "layer"),
        _count(totals.macs),
        energy(totals.energy_pj),
        _per(totals.energy_pj, totals.macs),
        seconds(totals.latency_s),
        _percent(totals.utilization),
        "",
        "",
    )


def _speed(totals: Totals) -> str:
    out = f"total    {energy(totals.energy_pj)} in {seconds(totals.latency_s)}"
    if totals.macs and totals.latency_s and totals.energy_pj:
        per_joule = totals.macs / (totals.energy_pj * 1e-12)
        out += f": {_with_unit(totals.macs / totals.latency_s, 'MAC/s')}, {_with_unit(per_joule, 'MAC/J')}"
    return f"{out}, energy x delay {totals.edp_js:.3g} J s"


def _parts(of: Map[str, float]) -> str:
    parts, total = sorted(of.items(), key=lambda part: -part[1]), sum(of.values())
    return ", ".join(f"{name} {share(value, total)}" for name, value in parts if value)


def _area(result: Result) -> str:
    """The area; of analog arrays, where what is digital is small, also by component."""
    text = area(sum(result.area_um2.values()))
    chips = max((layer.crossbar.chips for layer in result.layers if layer.crossbar), default=0)
    if not chips:
        return f"{text} of the components whose area is known"
    return f"{text}{' a chip' if chips > 1 else ''}: {_parts(result.area_um2)}"


def _count(number: int) -> str:
    return count(number) if number else "-"


def _with_unit(number: float, unit: str) -> str:
    text = count(number)
    return f"{text}{unit}" if text[-1].isalpha() else f"{text} {unit}"


def _per(pj: float, macs: int) -> str:
    if not macs:
        return "-"
    return f"{pj / macs:,.0f}" if pj >= 1000 * macs else f"{pj / macs:.3g}"


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %" if part else "-"
