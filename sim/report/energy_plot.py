"""The energy of every layer as a picture: one bar a layer, stacked by component."""

from __future__ import annotations

import io
from itertools import cycle, islice

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.report.quantities import ENERGIES, energy, unit_of
from sim.results import Result

# Okabe and Ito's colours, which the colour-blind can tell apart too (jfly.uni-koeln.de/color, 2008). Components
# beyond them are hatched.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_HATCHES = ("", "///", "...", "xxx")

_WIDTH = 10.0  # inches, and so are the next ones
_BAR = 0.22
_FRAME = 1.6
_TALLEST = 300.0  # at 150 dots an inch, Agg draws up to 65535 dots
DOTS = 150

_FEWEST = 4  # bars for which there is room at least
_MANY = 40  # more bars need the scale at the top, too


def energy_plot(result: Result, form: str) -> bytes:
    """The picture as a file of the form ``png``, ``svg`` or ``pdf``.

    Bars are horizontal and the picture grows with them, so that the names of a hundred layers can be read.
    """
    layers = [layer for layer in result.layers if layer.fused is None]
    largest = max((layer.energy_pj for layer in layers), default=1.0)
    scale, unit = unit_of(largest, ENERGIES)
    height = min(_FRAME + _BAR * max(len(layers), _FEWEST), _TALLEST)
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places, left = range(len(layers)), [0.0] * len(layers)
    for component, colour, hatch in _styled(result):
        widths = [layer.energy_breakdown.get(component, 0.0) / scale for layer in layers]
        axes.barh(places, widths, 0.8, left, label=component, color=colour, hatch=hatch, edgecolor="white", lw=0)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, end, layer in zip(places, left, layers, strict=True):
        axes.annotate(energy(layer.energy_pj), (end, place), (4, 0), textcoords="offset points", va="center", size=7)
    axes.set_yticks(places, [layer.name for layer in layers], fontsize=8)
    axes.set_ylim(max(len(layers), _FEWEST) - 0.4, -0.6)
    axes.set_xlabel(f"energy of a layer ({unit})")
    axes.set_xlim(0, 1.08 * max(left, default=0.0) or 1.0)
    axes.tick_params(axis="x", top=len(layers) > _MANY, labeltop=len(layers) > _MANY)
    axes.grid(axis="x", lw=0.5, alpha=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    total = energy(result.totals.energy_pj)
    title = f"{result.workload} on {result.arch}, batch {result.batch}: {total}"
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=5,
        fontsize=8,
        title=title,
        alignment="left",
        frameon=False,
    )
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=DOTS)
    return out.getvalue()


def _styled(result: Result) -> list[tuple[str, str, str]]:
    """Components that cost anything, the largest first, each with a colour and a hatch of its own."""
    parts = sorted(result.totals.energy_breakdown.items(), key=lambda part: -part[1])
    names = [name for name, pj in parts if pj]
    hatches = [hatch for hatch in _HATCHES for _ in COLOURS]
    return list(zip(names, islice(cycle(COLOURS), len(names)), islice(cycle(hatches), len(names)), strict=True))
