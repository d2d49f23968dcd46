"""A roofline as a picture: both axes logarithmic, a point for each network."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.report.energy_plot import COLOURS, DOTS
from sim.report.roofline import Point, Roof

_MARKS = "*osD^vPX"
_SIZE = (8.0, 5.0)  # inches


def roofline_plot(roof: Roof, points: Sequence[Point], form: str) -> bytes:
    """The picture as a file of the form ``png``, ``svg`` or ``pdf``."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    known = [*(p.macs_per_byte for p in points), roof.ridge]
    low, high = min(known) / 3, max(known) * 4
    corners = [low, roof.ridge, high]
    axes.plot(corners, [2e-12 * roof.at(x) for x in corners], color="black", lw=1.5)
    axes.plot([roof.ridge] * 2, [0, 2e-12 * roof.peak], color="#999999", lw=0.8, ls=":")
    for number, p in enumerate(points):
        colour, mark = COLOURS[number % len(COLOURS)], _MARKS[number % len(_MARKS)]
        axes.plot([p.macs_per_byte] * 2, [p.tops, p.roof_tops], color=colour, lw=0.8, ls="--")
        label = f"{p.workload}, batch {p.batch}: {p.tops:.3g} of {p.roof_tops:.3g} TOPS"
        axes.plot(p.macs_per_byte, p.tops, mark, color=colour, ms=8, ls="none", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(min([*(p.tops for p in points), 2e-12 * roof.at(low)]) / 2, 2e-12 * roof.peak * 2)
    axes.set_xlabel(f"operational intensity (multiply-accumulates for each byte from {roof.memory})")
    axes.set_ylabel("TOPS (two operations a multiply-accumulate)")
    about = f"{2e-12 * roof.peak:.3g} TOPS, {1e-9 * roof.bandwidth:.4g} GB/s, ridge at {roof.ridge:,.4g} MAC/B"
    axes.set_title(f"{roof.arch}: {about}", fontsize=10)
    axes.grid(which="both", lw=0.4, alpha=0.4)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=8)
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=DOTS)
    return out.getvalue()
