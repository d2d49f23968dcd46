"""A study of accuracy as a picture: effects as bars, or machines as lines beside what they cost."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from sim.accuracy.robust import Study
from sim.accuracy.study import ALL, Row
from sim.errors import TilenestError
from sim.report.energy_plot import COLOURS, DOTS
from sim.report.quantities import ENERGIES, unit_of
from sim.report.robust import costs_differ, heading, named, paths_of, spoken, title
from sim.units import Quantity

_MARKS = "os^Dv*PX"
_MOST_LINES = len(COLOURS)
_LETTERS = 12  # of a title fit into an inch
_LOG = 100.0  # positions that span more than this are drawn on a logarithmic axis


def robust_plot(study: Study, form: str) -> bytes:
    """The picture as a file of the form ``png``, ``svg`` or ``pdf``."""
    machines = [row for row in study.rows if row.what == ALL]
    if study.layers:
        figure = _bars(study)
    else:
        panels = 1 + costs_differ(machines)
        figure = Figure(figsize=(6.5 * panels, 4.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        _lines(axes[0], study, machines)
        if panels > 1:
            _against_energy(axes[1], machines)
    wide = int(_LETTERS * figure.get_figwidth())
    figure.suptitle(textwrap.fill(title(study), wide), fontsize=10, x=0.01, ha="left")
    for axes_ in figure.axes:
        axes_.grid(axis="x" if study.layers else "both", lw=0.5, alpha=0.5)
        axes_.set_axisbelow(True)
        axes_.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=DOTS)
    return out.getvalue()


def _bars(study: Study) -> Figure:
    """A bar for each kind of hardware, with its interval; networks side by side."""
    models = list(study.layers)
    kinds = list(dict.fromkeys(row.what for row in study.rows))
    thick = 0.8 / len(models)
    figure = Figure(figsize=(8.0, 1.2 + 0.3 * len(kinds) * max(1, 0.6 * len(models))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number, model in enumerate(models):
        rows = [row for row in study.rows if row.model == model]
        places = [kinds.index(row.what) + (number - (len(models) - 1) / 2) * thick for row in rows]
        widths, errors = [100 * row.mean for row in rows], [100 * (row.half_width or 0) for row in rows]
        axes.barh(
            places, widths, thick, xerr=errors, color=COLOURS[number % len(COLOURS)], label=model, ecolor="black"
        )
        for place, width, error in zip(places, widths, errors, strict=True):
            axes.annotate(
                f"{width:.1f}", (width + error, place), (4, 0), textcoords="offset points", va="center", size=7
            )
    axes.set_yticks(range(len(kinds)), [named(next(r for r in study.rows if r.what == kind)) for kind in kinds])
    axes.invert_yaxis()
    axes.set_xlim(0, 108)
    axes.set_xlabel("accuracy (%), with 95 % confidence intervals over chips")
    if len(models) > 1:
        figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def _lines(axes: Axes, study: Study, machines: Sequence[Row]) -> None:
    """Accuracy over what has most values; a line for each network and each of the other settings."""
    paths = paths_of(machines)
    x = max(paths, key=lambda path: len({dict(row.settings)[path] for row in machines}))
    values = list(dict.fromkeys(dict(row.settings)[x] for row in machines))
    places, scale = _places(values)
    for number, (label, rows) in enumerate(list(_by_line(machines, x, paths).items())[:_MOST_LINES]):
        colour = COLOURS[number % len(COLOURS)]
        at = [places[dict(row.settings)[x]] for row in rows]
        means = [100 * row.mean for row in rows]
        half = [100 * (row.half_width or 0) for row in rows]
        lows, highs = ([m + sign * h for m, h in zip(means, half, strict=True)] for sign in (-1, 1))
        axes.plot(at, means, marker=_MARKS[number % len(_MARKS)], ms=5, lw=1.5, color=colour, label=label or None)
        axes.fill_between(at, lows, highs, color=colour, alpha=0.15, lw=0)
    exact = [row for row in study.rows if row.what == "float"]
    for number, row in enumerate(exact):
        colour = COLOURS[number % len(COLOURS)] if len(exact) > 1 else "#666666"
        axes.axhline(100 * row.mean, color=colour, lw=0.8, ls="--", label=None if number else "float")
    _label_x(axes, heading(x), places, scale)
    axes.set_ylabel("accuracy (%), shaded: 95 % confidence")
    low, high = axes.get_ylim()
    axes.set_ylim(max(0, low), min(100, high))
    axes.legend(fontsize=8, frameon=False)


def _by_line(machines: Sequence[Row], x: str, paths: Iterable[str]) -> Mapping[str, list[Row]]:
    several = len({row.model for row in machines}) > 1
    lines: dict[str, list[Row]] = {}
    others = [path for path in paths if path != x]
    for row in machines:
        settings = dict(row.settings)
        words = [row.model] if several else []
        words += [f"{heading(path)} {spoken(settings[path])}" for path in others]
        lines.setdefault(", ".join(words), []).append(row)
    return lines


def _places(values: Sequence[str]) -> tuple[dict[str, float], str]:
    """Where values stand on an axis: numbers and quantities where they are, others one after another."""
    try:
        numbers = [_number(value) for value in values]
    except (ValueError, TilenestError):
        return {value: float(i) for i, value in enumerate(values)}, "words"
    positive = min(numbers) > 0 and max(numbers) / min(numbers) > _LOG
    return dict(zip(values, numbers, strict=True)), "log" if positive else "linear"


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return Quantity.read(value).value


def _label_x(axes: Axes, name: str, places: Mapping[str, float], scale: str) -> None:
    if scale == "log":
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(name)
    if len(places) <= 12:
        axes.set_xticks(list(places.values()), [spoken(value) for value in places])


def _against_energy(axes: Axes, machines: Sequence[Row]) -> None:
    """Accuracy over the energy of a sample, and the most that there is for so much energy."""
    priced = [(row, row.cost.energy_pj) for row in machines if row.cost]
    scale, unit = unit_of(max(pj for _, pj in priced), ENERGIES)
    for number, model in enumerate(dict.fromkeys(row.model for row in machines)):
        of = [(row, pj) for row, pj in priced if row.model == model]
        axes.errorbar(
            [pj / scale for _, pj in of],
            [100 * row.mean for row, _ in of],
            [100 * (row.half_width or 0) for row, _ in of],
            fmt=_MARKS[number % len(_MARKS)],
            color=COLOURS[number % len(COLOURS)],
            label=model,
            ms=5,
            elinewidth=0.8,
        )
    steps = sorted((pj / scale, 100 * row.mean) for row, pj in priced)
    highest = list(itertools.accumulate((share for _, share in steps), max))
    axes.step([pj for pj, _ in steps], highest, where="post", color="black", lw=1, label="most for the energy")
    axes.set_xlabel(f"energy of a sample ({unit})")
    axes.set_ylabel("accuracy (%)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.legend(fontsize=8, frameon=False, loc="lower right")
