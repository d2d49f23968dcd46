"""Where the cycles of a matrix unit go, layer by layer, in the columns of Table 3 of the TPU's paper (ISCA 2017)."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from sim.report.quantities import seconds, several
from sim.report.rows import Cells, Sheet, title
from sim.report.table import sheet_table
from sim.results import Breakdown, Result

COLUMNS = {
    "array\nactive": "active",
    "useful\nMACs": "useful",
    "unused\nMACs": "unused",
    "weight\nstall": "weight_stall",
    "weight\nshift": "weight_shift",
    "non-\nmatrix": "non_matrix",
    "input\nstall": "input_stall",
}
"""Headings, and the parts of a `Breakdown` below them."""

_LEGEND = (
    "Shares of the cycles. Array active, weight stall, weight shift and non-matrix are all of them; useful and "
    "unused MACs are parts of array active, the input stall is a part of non-matrix. TOPS count two operations a MAC."
)


def breakdown_sheet(result: Result) -> Sheet:
    """The rows of all layers that take time, and the network's, of a result that has them."""
    total = result.totals
    assert total.breakdown is not None
    shown = [layer for layer in result.layers if layer.breakdown and layer.breakdown.cycles]
    rows = tuple(
        _cells(layer.name, layer.kind, layer.breakdown, layer.latency_s, layer.macs)
        for layer in shown
        if layer.breakdown
    )
    last = _cells("total", several(len(shown), "layer"), total.breakdown, total.latency_s, total.macs)
    headings = ("layer", "kind", "latency", *COLUMNS, "TOPS")
    return Sheet(headings, rows, last, (False, False, *[True] * (len(headings) - 2)))


def breakdown_table(result: Result) -> RenderableType:
    """The same as a table for a terminal."""
    table = sheet_table(breakdown_sheet(result))
    return Group(Text(title(result), style="bold"), Text(), table, Text(), Text(_LEGEND))


def _cells(name: str, kind: str, parts: Breakdown, latency_s: float, macs: int) -> Cells:
    shares = (f"{100 * parts.share(part):.1f} %" for part in COLUMNS.values())
    return name, kind, seconds(latency_s), *shares, f"{2e-12 * macs / latency_s:.3g}" if macs else "-"
