"""The energy-latency front of a layer as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.mapping.found import Found
from sim.report.energy_plot import COLOURS, DOTS
from sim.report.quantities import ENERGIES, TIMES, unit_of

_INCHES = (7.0, 4.5)


def front_plot(points: Sequence[Found], clock_hz: float, title: str, form: str) -> bytes:
    """The picture as a file of the form ``png``, ``svg`` or ``pdf``.

    Between two points there is nothing better than the slower one's energy, so the front is a staircase.
    """
    ordered = sorted(points, key=lambda point: point.latency_cycles)
    times = [point.latency_cycles / clock_hz for point in ordered]
    energies = [point.energy_pj for point in ordered]
    second, time_unit = unit_of(max(times), TIMES)
    pj, energy_unit = unit_of(max(energies), ENERGIES)
    figure = Figure(figsize=_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    x, y = [time / second for time in times], [energy / pj for energy in energies]
    axes.step(x, y, where="post", color=COLOURS[0], lw=1)
    axes.plot(x, y, "o", color=COLOURS[0], ms=5)
    axes.set_xlabel(f"latency of the layer ({time_unit})")
    axes.set_ylabel(f"energy of the layer ({energy_unit})")
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(lw=0.5, alpha=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=DOTS)
    return out.getvalue()
