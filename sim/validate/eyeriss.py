"""Eyeriss: the chip of JSSC 2017 with the mappings that it ran, and the dataflow comparison of ISCA 2016.

The chip's rows use the published mappings, so they test the counts, the latency model and the energy model. The rows
of the comparison use the mappings that our mapper finds, so they test the mapper and the dataflows' constraints, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sim.arch.tree import Architecture
from sim.components.table import node_costs
from sim.engines.options import Options
from sim.engines.spatial import evaluate
from sim.mapping.annealer import Sampled
from sim.mapping.nest import Mapping
from sim.mapping.objective import OBJECTIVES
from sim.results import LayerResult
from sim.schema import yaml12
from sim.schema.architecture import read_architecture
from sim.schema.dataflow import read_dataflow
from sim.schema.mapping import parse_item
from sim.schema.workload import read_workload
from sim.validate.row import Row
from sim.workload.layer import Layer, Rank, Tensor

_BITS_PER_MIB = 8 * 2**20
_COMPONENTS = {"alu": "mac", "dram": "dram", "buffer": "glb", "array": "array", "rf": "rf"}


@cache
def published() -> dict[str, Any]:
    """What the papers say; see ``data/eyeriss.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "eyeriss.yaml").plain()
    return data


# -- the chip ------------------------------------------------------------------------------------------------------


def chip_mapping(layer: str) -> Mapping:
    """The nest that Table III describes for a layer."""
    return Mapping(tuple(parse_item(line) for line in published()["mapping"][layer]))


def _dram_mib(result: LayerResult, dram_pj_per_bit: float) -> float:
    """What the DRAM moves after run-length coding; its energy is proportional to that."""
    return result.energy_breakdown["dram"] / dram_pj_per_bit / _BITS_PER_MIB


def chip_rows(progress: Callable[[str], None]) -> Iterator[Row]:
    """AlexNet's convolutions on the chip."""
    data = published()["chip"]
    arch, network = read_architecture("eyeriss"), read_workload("alexnet", batch=data["batch"])
    pj_per_bit = _pj_per_bit(arch)
    total = dict.fromkeys(("latency", "buffer", "dram", "power"), 0.0)
    for name, numbers in data["layers"].items():
        layer = network[name]
        assert isinstance(layer, Layer)
        result = evaluate(layer, arch, chip_mapping(name))
        mj = (result.energy_pj - result.energy_breakdown["dram"]) * 1e-9
        found = {
            "pes": float(result.active_pes),
            "latency": result.latency_s * 1e3,
            "buffer": result.words("glb") * 16 / _BITS_PER_MIB,
            "dram": _dram_mib(result, pj_per_bit),
            "power": mj / result.latency_s,
        }
        for key in total:
            total[key] += mj if key == "power" else found[key]
        yield from _chip_layer(name, numbers, found)
        progress(name)
    total["power"] /= total["latency"] * 1e-3
    yield from _chip_layer("total", data["total"], total)


def _pj_per_bit(arch: Architecture) -> float:
    return node_costs(arch)["dram"].read.value / arch.memories[0].width_bits


def _chip_layer(name: str, numbers: dict[str, float], found: dict[str, float]) -> Iterator[Row]:
    data = published()["chip"]
    names = {
        "pes": ("active PEs", ""),
        "latency": ("processing latency", "ms"),
        "buffer": ("global buffer words", "MiB"),
        "dram": ("DRAM words after RLC", "MiB"),
        "power": ("chip power", "mW"),
    }
    for key, value in numbers.items():
        what, unit = names[key]
        yield Row(
            data["paper"],
            data["where"],
            f"{name}: {what}",
            float(value),
            found[key],
            unit,
            data["tolerance"][key],
            data["notes"].get(f"{name}.{key}", ""),
        )


# -- the comparison ------------------------------------------------------------------------------------------------


def comparison_layer(name: str, batch: int) -> Layer:
    """A layer of Table II: inputs come padded, and the channels are those of one group."""
    h, r, e, c, m, u = published()["comparison"]["shapes"][name]
    assert u * (e - 1) + r == h
    dims = (("N", batch), ("M", m), ("C", c), ("P", e), ("Q", e), ("R", r), ("S", r))
    window = (Rank((("P", u), ("R", 1))), Rank((("Q", u), ("S", 1))))
    return Layer(
        name,
        "conv",
        dims,
        (
            Tensor("weights", "weights", tuple(map(Rank.of, "MCRS"))),
            Tensor("inputs", "inputs", (*map(Rank.of, "NC"), *window)),
            Tensor("outputs", "outputs", tuple(map(Rank.of, "NMPQ"))),
        ),
    )


def _run(name: str, batch: int, arch: str, dataflow: str) -> LayerResult:
    options = Options(read_dataflow(dataflow), OBJECTIVES["energy"], Sampled(runs=4, trials=30000))
    return evaluate(comparison_layer(name, batch), read_architecture(arch), None, options)


def breakdown_rows(progress: Callable[[str], None]) -> Iterator[Row]:
    """Fig. 10: where the energy of row stationary goes, layer by layer."""
    data = published()["comparison"]
    figure = data["breakdown"]
    for name in data["shapes"]:
        result = _run(name, figure["batch"], "eyeriss_isca16", "row_stationary")
        found = {key: result.energy_breakdown[part] * 1e-9 for key, part in _COMPONENTS.items()}
        found["total"] = result.energy_pj * 1e-9
        for key, value in figure[name].items():
            note = figure.get("notes", {}).get(key, "")
            yield Row(
                data["paper"],
                figure["where"],
                f"{name}: {key}",
                value,
                found[key],
                "G MACs",
                figure["tolerance"],
                note,
            )
        progress(name)


def dataflow_rows(progress: Callable[[str], None]) -> Iterator[Row]:
    """Fig. 11 and 12a: energy and DRAM words per operation of six dataflows on storage of equal area."""
    data = published()["comparison"]
    figure = data["dataflows"]
    layers = [name for name in data["shapes"] if name.startswith("CONV")]
    for flow in ("RS", "OSA", "OSB", "OSC", "WS", "NLR"):
        bars = figure[flow]
        for batch in map(int, bars["energy"]):
            results = [_run(name, batch, bars["arch"], bars["dataflow"]) for name in layers]
            macs = sum(r.macs for r in results)
            moved = [a for r in results for a in r.actions["dram"].values()]
            found = {
                "energy": sum(r.energy_pj for r in results) / macs * figure["scale"],
                "dram": sum(a.reads + a.updates for a in moved) / macs,
            }
            for key, what in (("energy", "energy per MAC"), ("dram", "DRAM words per MAC")):
                yield Row(
                    data["paper"],
                    figure["where"],
                    f"{flow}, batch {batch}: {what}",
                    bars[key][str(batch)],
                    found[key],
                    "",
                    figure["tolerance"],
                    figure["notes"].get(f"{flow}.{key}", ""),
                )
            progress(f"{flow}, batch {batch}")


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    yield from chip_rows(progress)
    yield from breakdown_rows(progress)
    yield from dataflow_rows(progress)
