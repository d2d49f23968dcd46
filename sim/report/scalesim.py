"""SCALE-Sim's report files, from a result by timing ``scalesim``."""

from __future__ import annotations

from sim.errors import TilenestError
from sim.results import Result

FILES = ("COMPUTE_REPORT", "BANDWIDTH_REPORT", "DETAILED_ACCESS_REPORT")


def scalesim_reports(result: Result) -> dict[str, str]:
    """The text of each file, by its name: a row a layer, for a layer in groups a row a group, as SCALE-Sim has it.

    Raises:
        TilenestError: when no layer was run by that timing.
    """
    layers = [layer.systolic for layer in result.layers if layer.systolic and layer.systolic.reports]
    if not layers:
        raise TilenestError(
            f"SCALE-Sim's reports need its timing (--set systolic.timing=scalesim), which {result.arch} has not"
        )
    out = {}
    for file in FILES:
        rows = [layer.reports[file] for layer in layers for _ in range(layer.groups)]
        lines = [", ".join(("LayerID", *rows[0]))]
        lines += [", ".join(map(str, (number, *row.values()))) for number, row in enumerate(rows)]
        out[f"{file}.csv"] = "".join(f"{line},\n" for line in lines)
    return out
