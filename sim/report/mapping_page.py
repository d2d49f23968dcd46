"""The mapping that was found for a layer: what it costs, how good it is, and what else there is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from sim.arch.tree import Architecture
from sim.mapping.alternatives import Alternative
from sim.mapping.found import Found
from sim.mapping.objective import Objective
from sim.report.quantities import count, energy, seconds, several, share, size
from sim.results import LayerResult

_UNITS = ("pJ", "cycles", "bit")


def summary(result: LayerResult, arch: Architecture) -> Table:
    """Energy, latency, their product, utilization."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    per_mac = f"{result.energy_pj / result.macs:.3g} pJ/MAC"
    clock = f"{count(arch.clock_hz / 1e6)} MHz"
    cycles = f"{result.latency_cycles:,.0f} cycles at {clock}; {result.bound_by} decides"
    table.add_row("energy", energy(result.energy_pj), per_mac)
    table.add_row("latency", seconds(result.latency_s), cycles)
    table.add_row("energy x delay", f"{result.energy_pj * 1e-12 * result.latency_s:.3g} J s", "")
    busy = f"{result.active_pes:,} of {several(arch.pes, 'PE')} have work"
    table.add_row("utilization", share(result.utilization, 1), busy)
    return table


def proof(found: Found, objective: Objective, took_s: float) -> str:
    """What is known about how good a mapping is, in a sentence.

    >>> nest = Found(None, 2e6, 1e6, 2e12, 41200, bound=2e12, space=1.3e17)
    >>> proof(nest, Objective.parse("edp"), 0.08)
    'optimal within the map space (1.3e17 mappings; 41,200 evaluated; 80 ms)'
    """
    effort = [f"{found.evaluated:,} evaluated", _time([found], took_s)]
    if found.space is not None:
        effort.insert(0, f"{_many(found.space)} mappings")
    how = f"({'; '.join(effort)})"
    if found.gap is None or found.bound is None:
        return f"nothing is proved: this is the best mapping that was found {how}"
    if found.optimal:
        return f"optimal within the map space {how}"
    least = f"lower bound {found.bound:.4g} {_unit(objective)}, this one {found.value:.4g}"
    return f"not proved optimal: {objective} can be at most {share(found.gap, 1)} lower, {least} {how}"


def _time(points: Sequence[Found], took_s: float) -> str:
    """The time that searches take, or took when they were made."""
    took = [point.searched_s for point in points if point.searched_s is not None]
    return seconds(took_s) if len(took) < len(points) else f"from the cache, searched in {seconds(sum(took))}"


def _many(things: float) -> str:
    """A number, as powers of ten from a million on.

    >>> _many(41200), _many(2e6)
    ('41,200', '2.0e6')
    """
    mantissa, exponent = f"{things:.1e}".split("e")
    return f"{things:,.0f}" if things < 1e6 else f"{mantissa}e{int(exponent)}"


def _unit(objective: Objective) -> str:
    """The unit of an objective's value.

    >>> _unit(Objective.parse("ed2p"))
    'pJ cycles^2'
    """
    factors = [f"{unit}^{power:g}" for unit, power in zip(_UNITS, objective.powers, strict=True) if power]
    return " ".join(factor.removesuffix("^1") for factor in factors)


def front_table(points: Sequence[Found], clock_hz: float) -> Table:
    """The points of a front, from the least energy to the least latency."""
    table = _numbers("", "energy", "latency", "cycles", "energy x delay", "PEs", "proof")
    for i, point in enumerate(points, start=1):
        latency_s = point.latency_cycles / clock_hz
        table.add_row(
            str(i),
            energy(point.energy_pj),
            seconds(latency_s),
            f"{point.latency_cycles:,.0f}",
            f"{point.energy_pj * 1e-12 * latency_s:.3g} J s",
            str(point.mapping.spatial()),
            _proved(point),
        )
    return table


def _proved(point: Found) -> str:
    if point.gap is None:
        return "-"
    return "optimal" if point.optimal else f"energy at most {share(point.gap, 1)} lower"


def front_note(points: Sequence[Found], step: float, took_s: float) -> str:
    """What is known about a front, in a sentence."""
    how = f"({sum(point.evaluated for point in points):,} evaluated; {_time(points, took_s)})"
    many = several(len(points), "point")
    if all(point.optimal for point in points):
        between = f"; between them, latencies less than {100 * step:g} % apart are left out" if step else ""
        return f"{many}: no mapping that is as fast takes less energy{between} {how}"
    if any(point.gap is not None for point in points):
        return f"{many}, not all proved: a mapping that is as fast may take less energy {how}"
    return f"{many}: nothing is proved, these are the best mappings that were found {how}"


def dataflow_table(others: Sequence[Alternative], best: Found, objective: Objective, arch: Architecture) -> Table:
    """What other dataflows reach, the best one first."""
    table = _numbers("dataflow", f"{objective} / this", "energy", "latency", "", title="Other dataflows")
    for other in sorted(others, key=lambda a: a.found.value if a.found else math.inf):
        table.add_row(other.name, *_compared(other, best, arch))
    return table


def room_table(others: Sequence[Alternative], best: Found, objective: Objective, arch: Architecture) -> Table:
    """What larger memories bring."""
    title = "10 % more room, at its price"
    table = _numbers("memory", "room", f"{objective} / this", "energy", "latency", "", title=title)
    for other in others:
        table.add_row(other.name, size(other.size_bits), *_compared(other, best, arch))
    return table


def _compared(other: Alternative, best: Found, arch: Architecture) -> tuple[str, ...]:
    found = other.found
    if found is None:
        return "-", "-", "-", other.why_not
    ratio = _times(found.value / best.value) if best.value else "-"
    return ratio, energy(found.energy_pj), seconds(found.latency_cycles / arch.clock_hz), ""


def _times(ratio: float) -> str:
    """How many times as much, to four digits.

    >>> _times(0.99714), _times(87.0091), _times(6261.133)
    ('0.997', '87.01', '6,261')
    """
    return f"{ratio:.3f}" if ratio < 10 else f"{ratio:.2f}" if ratio < 100 else f"{ratio:,.0f}"


def _numbers(*headings: str, title: str | None = None) -> Table:
    """A table whose first and last columns are text."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i in (0, len(headings) - 1) else "right")
    return table
