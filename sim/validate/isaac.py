"""ISAAC (Shafiee et al., ISCA 2016): does its table of parts add up again, and does a full chip do what it should?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sim.arch.tree import Architecture
from sim.engines.crossbar import evaluate
from sim.engines.crossbar_peak import peak
from sim.engines.run import area_um2
from sim.schema import yaml12
from sim.schema.architecture import read_architecture
from sim.validate.row import Row
from sim.workload.layer import Layer

_GIGA, _TERA = 1e9, 1e12
_OUTSIDE = "other_tiles"  # what is not in a tile
_VECTORS = 20_000


@cache
def published() -> dict[str, Any]:
    """What the paper says; see ``data/isaac.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "isaac.yaml").plain()
    return data


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    data, found = published(), simulated(read_architecture("isaac"))
    for group in data["groups"]:
        for what, value, unit in group["rows"]:
            note = data["notes"].get(what, "")
            number = found[what]
            yield Row(data["paper"], group["where"], what, float(value), number, unit, group["tolerance"], note)
    progress("isaac")


def simulated(arch: Architecture) -> dict[str, float]:
    """Our numbers by the names of the published ones."""
    most, mm2 = peak(arch), {name: 1e-6 * um2 for name, um2 in area_um2(arch).items()}
    watts, tiles = sum(most.watts.values()), arch.instances("edram")
    in_tiles = watts - most.watts[_OUTSIDE]
    tiles_mm2 = most.mm2 - mm2[_OUTSIDE]
    return {
        "peak": most.ops / _TERA,
        "power": watts,
        "area": most.mm2,
        "operations for a joule": most.ops_per_watt / _GIGA,
        "operations for an area": most.ops_per_mm2 / _GIGA,
        "power of a tile": 1e3 * in_tiles / tiles,
        "area of a tile": tiles_mm2 / tiles,
        "ADCs of a tile's power": 100 * most.watts["adc"] / in_tiles,
        "ADCs of a tile's area": 100 * mm2["adc"] / tiles_mm2,
        "ADCs of the chip's power": 100 * most.watts["adc"] / watts,
        f"a layer of {_VECTORS} vectors": _filled(arch) / _TERA,
    }


def _filled(arch: Architecture) -> float:
    """Operations a second of a layer that fills every cell of the chip."""
    assert arch.crossbar is not None
    columns = arch.crossbar.outputs * arch.instances("array")
    sizes = {"X": _VECTORS, "K": arch.crossbar.rows, "N": columns}
    layer = Layer.einsum("full", sizes, inputs="X K", weights="K N", outputs="X N")
    return 2 * layer.macs / evaluate(layer, arch).latency_s
