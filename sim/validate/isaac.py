"""ISAAC (Shafiee et al., ISCA 2016): does its table of parts add up again, and does a full chip do what it should?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sim.engines.crossbar import evaluate
from sim.engines.crossbar_peak import Peak, peak
from sim.engines.run import area_um2
from sim.schema import yaml12
from sim.schema.architecture import read_architecture
from sim.validate.row import Row
from sim.workload.layer import Layer

_GIGA, _TERA = 1e9, 1e12
_CHIP = "other_tiles"  # what is not in a tile


@cache
def published() -> dict[str, Any]:
    """What the paper says; see ``data/isaac.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "isaac.yaml").plain()
    return data


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    arch = read_architecture("isaac")
    most, areas = peak(arch), area_um2(arch)
    yield from _group("peak", _chip(most))
    tiles = arch.instances("edram")
    watts = sum(w for name, w in most.watts.items() if name != _CHIP) / tiles
    mm2 = 1e-6 * sum(um2 for name, um2 in areas.items() if name != _CHIP) / tiles
    yield from _group("tile", {"mW": 1e3 * watts, "mm2": mm2})
    adcs, adc_mm2 = most.watts["adc"], 1e-6 * areas["adc"]
    shares = (adcs / tiles / watts, adc_mm2 / tiles / mm2, adcs / sum(most.watts.values()))
    yield from _group(
        "shares", dict(zip(published()["shares"]["values"], (100 * s for s in shares), strict=True)), "%"
    )
    about = published()["engine"]
    tops = _filled(about["vectors"]) / _TERA
    what = f"{about['vectors']:,} vectors"
    yield Row(published()["paper"], about["where"], what, about["TOPS"], tops, "TOPS", about["tolerance"])
    progress("isaac")


def _chip(most: Peak) -> dict[str, float]:
    watts = sum(most.watts.values())
    return {
        "TOPS": most.ops / _TERA,
        "W": watts,
        "mm2": most.mm2,
        "GOPS/W": most.ops_per_watt / _GIGA,
        "GOPS/mm2": most.ops_per_mm2 / _GIGA,
    }


def _group(name: str, found: dict[str, float], unit: str = "") -> Iterator[Row]:
    about = published()[name]
    for what, value in about["values"].items():
        yield Row(
            published()["paper"],
            about["where"],
            what if unit else {"W": "power", "mW": "power", "mm2": "area"}.get(what, "peak " + what),
            float(value),
            found[what],
            unit or what,
            about["tolerance"],
            about.get("notes", {}).get(what, ""),
            about.get("within", 0.0),
        )


def _filled(vectors: int) -> float:
    """Operations a second of a layer that fills every cell of the chip."""
    arch = read_architecture("isaac")
    assert arch.crossbar is not None
    columns = arch.crossbar.outputs * arch.instances("array")
    sizes = {"X": vectors, "K": arch.crossbar.rows, "N": columns}
    layer = Layer.einsum("full", sizes, inputs="X K", weights="K N", outputs="X N")
    return 2 * layer.macs / evaluate(layer, arch).latency_s
