"""How the layers of a network lie on analog arrays, as a table."""

from __future__ import annotations

from sim.layouts import Crossbar
from sim.report.quantities import count, number, seconds, several
from sim.report.rows import Cells, Sheet
from sim.results import LayerResult, Result

_HEADINGS = (
    "layer",
    "matrix",
    "arrays",
    "copies",
    "of all\narrays",
    "cells\nused",
    "ADCs\nbusy",
    "vectors",
    "a vector\ntakes",
    "conversions",
)


def crossbar_sheet(result: Result) -> Sheet | None:
    """Matrices, arrays, and how well these are used; None on other machines.

    Arrays are row blocks x column blocks x groups, or x sets of groups that share an array.
    """
    laid = [(layer, layer.crossbar) for layer in result.layers if layer.crossbar]
    if not laid:
        return None
    rows = tuple(_cells(layer, lies, result.clock_hz) for layer, lies in laid)
    arrays = sum(lies.arrays for _, lies in laid)
    cells = sum(lies.cell_share * lies.arrays for _, lies in laid) / arrays
    cycles = sum(lies.arrays * layer.latency_cycles for layer, lies in laid)
    busy = sum(lies.adc_share * lies.arrays * layer.latency_cycles for layer, lies in laid) / cycles
    total = (
        "total",
        several(len(laid), "layer"),
        number(arrays),
        "",
        "",
        _percent(cells),
        _percent(busy),
        "",
        "",
        count(sum(lies.conversions for _, lies in laid)),
    )
    return Sheet(_HEADINGS, rows, total, (False, *[True] * (len(_HEADINGS) - 1)))


def _cells(layer: LayerResult, lies: Crossbar, clock_hz: float) -> Cells:
    groups = f" x {lies.groups}" if lies.groups > 1 else ""
    sets = lies.arrays // (lies.copies * lies.row_blocks * lies.column_blocks)
    rounds = f" in {lies.rounds} rounds" if lies.rounds > 1 else ""
    return (
        layer.name,
        f"{lies.rows} x {lies.columns}{groups}",
        f"{lies.row_blocks} x {lies.column_blocks}{f' x {sets}' if sets > 1 else ''}{rounds}",
        number(lies.copies),
        _percent(lies.array_share),
        _percent(lies.cell_share),
        _percent(lies.adc_share),
        number(lies.vectors),
        seconds(lies.interval_cycles / clock_hz),
        count(lies.conversions),
    )


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"
