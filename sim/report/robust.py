"""A study of accuracy as tables: effects one by one with the layers that suffer, or machines side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from sim.accuracy.robust import Study
from sim.accuracy.study import ALL, ARRAY, BASELINES, LayerRow, Row, front
from sim.report.quantities import area, energy, number, seconds, several, share
from sim.report.rows import Cells, Sheet
from sim.report.table import sheet_table

_COSTS = ("energy", "latency")
_LAYER = ("layer", "matrix", "arrays", "cells", "clipped", "SNR", "alone", "lost")


def robust_table(study: Study) -> RenderableType:
    """What was asked, a row for each answer, and what is to be known beside it."""
    if study.layers:
        parts = [part for model in study.layers for part in _of_one(study, model)]
    else:
        parts = [sheet_table(_compared(study)), Text(), *map(Text, _found(study))]
    return Group(
        Text(title(study), style="bold"), Text(), *parts, *(Text(f"note     {note}") for note in study.notes)
    )


def title(study: Study) -> str:
    """What was asked."""
    names = ", ".join(dict.fromkeys(row.model for row in study.rows))
    chips = several(len(study.seeds), "chip")
    reads = f", most of {study.reads} reads" if study.reads > 1 else ""
    again = ", recalibrated" if study.recalibrated else ""
    return f"{names} on {study.arch}: {number(study.samples)} samples of {study.dataset}, {chips}{reads}{again}"


def _of_one(study: Study, model: str) -> Iterator[RenderableType]:
    """Effects and layers of one network."""
    rows = [row for row in study.rows if row.model == model]
    exact = rows[0].mean
    headings = ("hardware", "accuracy", "±", "lost", *_COSTS)
    cells = [(named(row), *_accuracy(row, exact), *_cost(row)) for row in rows]
    if len(study.layers) > 1:
        yield Text(model, style="bold")
    last = cells.pop() if rows[-1].what == ALL else ()
    yield sheet_table(Sheet(headings, tuple(cells), last, (False, *[True] * 5)))
    yield Text()
    layers = study.layers[model]
    worst = min(layers, key=lambda layer: layer.share)
    yield sheet_table(Sheet(_LAYER, tuple(_layer(layer, exact) for layer in layers), (), (False, *[True] * 7)))
    yield Text()
    if worst.share < exact:
        yield Text(
            f"layers   {worst.name} hurts most: alone on the arrays it loses {_points(exact - worst.share)} points"
        )


def named(row: Row) -> str:
    """What a row is about."""
    said = {ARRAY: "arrays without noise", ALL: "all effects"}
    return said.get(row.what) or (row.what if row.what in BASELINES else f"{row.what} alone")


def _layer(layer: LayerRow, exact: float) -> Cells:
    matrix = f"{layer.rows} x {layer.columns}"
    return (
        layer.name,
        f"{layer.groups} x ({matrix})" if layer.groups > 1 else matrix,
        str(layer.arrays),
        share(layer.cells, 1),
        share(layer.clipped, 1),
        "-" if layer.snr_db is None else f"{layer.snr_db:.1f} dB",
        _percent(layer.share),
        _points(exact - layer.share),
    )


def _compared(study: Study) -> Sheet:
    """A row for each machine and network; settings that always go together have one column."""
    exact = {row.model: row.mean for row in study.rows if row.what == "float"}
    machines = [row for row in study.rows if row.what == ALL]
    best = front(machines) if costs_differ(machines) and not study.budget else []

    def cells(row: Row) -> Iterator[tuple[str, bool, str]]:
        """Heading, whether it holds numbers, and what a row has there."""
        if len({other.model for other in study.rows}) > 1:
            yield "model", False, row.model
        for place, path in enumerate(paths_of(machines)):
            yield heading(path), False, spoken(dict(row.settings).get(path, "" if place else row.what))
        words = (*_accuracy(row, exact.get(row.model)), *_cost(row), area(row.cost.area_um2) if row.cost else "-")
        yield from zip(("accuracy", "±", "lost", *_COSTS, "area"), [True] * 6, words, strict=True)
        if best:
            yield "front", False, "*" if row in best else ""

    table = [tuple(cells(row)) for row in study.rows]
    headings, right = tuple(word for word, _, _ in table[0]), tuple(numbers for _, numbers, _ in table[0])
    return Sheet(headings, tuple(tuple(word for _, _, word in row) for row in table), (), right)


def paths_of(rows: Sequence[Row]) -> list[str]:
    """What was changed, but for what always has the value of something before it."""
    paths = list(dict(rows[0].settings)) if rows else []
    columns = {path: tuple(dict(row.settings)[path] for row in rows) for path in paths}
    return [path for i, path in enumerate(paths) if columns[path] not in [columns[p] for p in paths[:i]]]


def heading(path: str) -> str:
    """What was changed, without what is said by most paths."""
    return path.removeprefix("noise.").removeprefix("crossbar.")


def spoken(value: str) -> str:
    """A setting as options of the command line call it."""
    return {"true": "on", "false": "off"}.get(value, value)


def _found(study: Study) -> Iterator[str]:
    """What a comparison says in a line."""
    machines = [row for row in study.rows if row.what == ALL]
    if study.budget:
        goal = f"{_percent(study.budget.accuracy)} with least {study.budget.least}"
        if study.met:
            row = machines[-1]
            yield f"found    {goal}: {_settings(row)}; none of the {len(machines) - 1} that take less reach it"
            if row.mean - (row.half_width or 0) < study.budget.accuracy:
                yield "unsure   its confidence interval begins below that: more --seeds tell"
        else:
            yield f"found    {goal}: none of {several(len(machines), 'machine')}; the best has {_best(machines)}"
    elif costs_differ(machines):
        yield "front    *: no other is better in accuracy, energy and latency"
    if len({row.model for row in machines}) > 1:
        yield f"ranking  best is {', then '.join(_ranking(machines))}"


def _best(rows: Sequence[Row]) -> str:
    row = max(rows, key=lambda row: row.mean)
    return f"{_percent(row.mean)} ({_settings(row)})"


def _ranking(rows: Sequence[Row]) -> Iterator[str]:
    """Which network is best where, with the settings from which on."""
    last = ""
    for settings in dict.fromkeys(row.settings for row in rows):
        best = max((row for row in rows if row.settings == settings), key=lambda row: row.mean)
        if best.model != last:
            yield f"{best.model} from {_settings(best)} on" if last else f"{best.model} at {_settings(best)}"
        last = best.model


def _settings(row: Row) -> str:
    return ", ".join(f"{path}={spoken(value)}" for path, value in row.settings) or "the machine as it is"


def costs_differ(rows: Sequence[Row]) -> bool:
    """Whether machines differ in what a network costs on them."""
    return len({row.cost for row in rows if row.cost}) > len({row.model for row in rows})


def _accuracy(row: Row, exact: float | None) -> Cells:
    wide = row.half_width
    lost = "-" if exact is None or row.what == "float" else _points(exact - row.mean)
    return _percent(row.mean), "-" if wide is None else _points(wide), lost


def _cost(row: Row) -> Cells:
    return (energy(row.cost.energy_pj), seconds(row.cost.latency_s)) if row.cost else ("-", "-")


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"


def _points(part: float) -> str:
    return f"{round(100 * part, 1) + 0.0:.1f}"  # the addition makes -0.0 of nothing 0.0
