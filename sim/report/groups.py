"""The groups of layers that are fused, as rows of text."""

from __future__ import annotations

from sim.report.quantities import count, energy, seconds, several, share
from sim.report.rows import Sheet
from sim.results import Group, Result

_HEADINGS = ("group", "layers", "tiles", "overlap", "stay", "full", "energy", "alone", "latency", "alone")


def group_sheet(result: Result) -> Sheet | None:
    """A table with a row for every group and their sums; None where there are no groups."""
    groups = result.groups
    if not groups:
        return None
    outer = result.levels[0].replace("_", "_\n") + "\nwords"
    total = (
        "all", several(sum(len(group.layers) for group in groups), "layer"), "", "", "", "",
        energy(sum(group.energy_pj for group in groups)),
        energy(sum(group.unfused_energy_pj for group in groups)),
        seconds(sum(group.latency_s for group in groups)),
        seconds(sum(group.unfused_latency_s for group in groups)),
        count(sum(group.outer_words for group in groups)),
        count(sum(group.unfused_outer_words for group in groups)),
    )  # fmt: skip
    right = (False, False, False, False, True, True, True, True, True, True, True, True)
    return Sheet((*_HEADINGS, outer, "alone"), tuple(_row(group) for group in groups), total, right)


def _row(group: Group) -> tuple[str, ...]:
    return (
        str(group.number),
        f"{group.layers[0]} ... {group.layers[-1]}",
        f"{group.tiles} of {group.dim} {group.rows}" if group.dim else "1",
        group.overlap if group.overlap != "none" else "-",
        str(len(group.residents) or "-"),
        share(group.peak_bits, group.size_bits),
        energy(group.energy_pj),
        energy(group.unfused_energy_pj),
        seconds(group.latency_s),
        seconds(group.unfused_latency_s),
        count(group.outer_words),
        count(group.unfused_outer_words),
    )


def saving(result: Result) -> str:
    """What fusing saves of the energy and the time that the layers take alone."""
    if not result.groups:
        return "no group of layers is better than they are alone"
    totals = result.totals
    pj = sum(group.unfused_energy_pj - group.energy_pj for group in result.groups)
    time = sum(group.unfused_latency_s - group.latency_s for group in result.groups)
    return (
        f"{several(len(result.groups), 'group')} through {result.groups[0].buffer}, tile by tile: "
        f"{_change(pj, totals.energy_pj)} energy and {_change(time, totals.latency_s)} time than layer by layer"
    )


def _change(saved: float, left: float) -> str:
    return f"{share(abs(saved), left + saved) or '0 %'} {'less' if saved >= 0 else 'more'}"
