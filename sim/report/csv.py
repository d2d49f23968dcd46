"""A result as comma-separated values: a row for every layer, fused ones too."""

from __future__ import annotations

import csv
import io

from sim.results import LayerResult, Result

COLUMNS = (
    "layer", "kind", "fused", "macs", "energy_pj", "latency_cycles", "latency_s", "compute_cycles", "utilization",
    "active_pes", "bound_by", "group",
)  # fmt: skip
"""The first columns; after them come ``energy_pj.COMPONENT`` and ``words.MEMORY``."""


def result_csv(result: Result) -> str:
    """The rows as text, in full precision; units are in the names of the columns."""
    components = list(result.totals.energy_breakdown)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    words = [f"words.{level}" for level in result.levels]
    writer.writerow([*COLUMNS, *(f"energy_pj.{component}" for component in components), *words])
    for layer in result.layers:
        energies = [layer.energy_breakdown.get(component, 0.0) for component in components]
        writer.writerow([*_costs(layer), *energies, *map(layer.words, result.levels)])
    return out.getvalue()


def _costs(layer: LayerResult) -> list[object]:
    return [
        layer.name,
        layer.kind,
        layer.fused or "",
        layer.macs,
        layer.energy_pj,
        layer.latency_cycles,
        layer.latency_s,
        layer.compute_cycles,
        layer.utilization,
        layer.active_pes,
        layer.bound_by,
        "" if layer.group is None else layer.group,
    ]
