"""The first TPU (Jouppi et al., ISCA 2017): where the cycles of its six applications go, its roofs, and its power.

The shapes of the applications' layers are not public; the workloads are stand-ins that have all columns of Table 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sim.engines.run import run_network
from sim.results import Result
from sim.schema import yaml12
from sim.schema.architecture import read_architecture
from sim.schema.workload import read_workload
from sim.validate.row import Row
from sim.workload.build import NetworkBuilder
from sim.workload.value import Format, Formats

PARTS = {
    "active": "array active",
    "useful": "useful MACs",
    "unused": "unused MACs",
    "weight_stall": "weight stall",
    "weight_shift": "weight shift",
    "non_matrix": "non-matrix",
    "input_stall": "input stall",
}
"""The rows of Table 3, by the part of a `Breakdown`."""

_WORD, _BYTE = Format(16), Format(8)
_LSTM = Formats(_WORD, _BYTE, _WORD)
_MORE = 10  # layers by which two chains differ, so that their ends do not count


@cache
def published() -> dict[str, Any]:
    """What the paper says; see ``data/tpu_v1.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "tpu_v1.yaml").plain()
    return data


def run(application: str, *sets: str) -> Result:
    """An application on the TPU, changed by `sets`."""
    return run_network(read_workload(application), read_architecture("tpu_v1", sets))


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    results = {}
    for name in published()["applications"]:
        results[name] = run(name)
        progress(name)
    yield from cycle_rows(results)
    yield from roof_rows()
    yield from bandwidth_rows(results)
    yield from larger_rows()
    yield from power_rows(results)


def _row(group: str, what: str, value: float, found: float, unit: str, note: str = "") -> Row:
    about, paper = published()[group], published()["paper"]
    return Row(
        paper, about["where"], what, float(value), found, unit, about["tolerance"], note, about.get("within", 0.0)
    )


def cycle_rows(results: Mapping[str, Result]) -> Iterator[Row]:
    """Table 3: shares of the cycles in percent."""
    table = published()["table3"]
    for part, what in PARTS.items():
        for name, result in results.items():
            parts = result.totals.breakdown
            assert parts is not None
            note = table["notes"].get(f"{name}.{part}", "")
            yield _row("table3", f"{name}: {what}", table[part][name], 100 * parts.share(part), "%", note)


def roof_rows() -> Iterator[Row]:
    """The ridge, and the roofs of the applications that are below it."""
    data, arch = published()["roofs"], read_architecture("tpu_v1")
    memory = arch.home("weights")
    bytes_a_second = memory.bandwidth * arch.clock_hz / 8
    yield _row("roofs", "ridge", data["ridge"], arch.pes * arch.clock_hz / bytes_a_second, "MAC/B")
    for name, tops in data["tops"].items():
        network = read_workload(name)
        roof = 2e-12 * network.macs / network.weight_words * bytes_a_second
        yield _row("roofs", f"{name}: memory roof", tops, roof, "TOPS")


def bandwidth_rows(results: Mapping[str, Result]) -> Iterator[Row]:
    """How much faster all applications are with more bandwidth, by weight."""
    data, shares = published()["bandwidth"], published()["shares"]
    memory = read_architecture("tpu_v1").home("weights")
    more = f"{memory.name}.bandwidth={data['factor'] * memory.bandwidth} bit/cycle"
    total = 0.0
    for name, result in results.items():
        faster = result.totals.latency_s / run(name, more).totals.latency_s
        total += faster * shares[name[:-1]] / 2
    found = total / sum(shares.values())
    note = "MLPs and LSTMs are 2.7 to 3.5 times as fast, CNNs hardly faster"
    yield _row("bandwidth", "four times the bandwidth", data["faster"], found, "x", note)


def _chain_s(side: str, length: int) -> float:
    layers = NetworkBuilder("chain", batch=96, formats=_LSTM)
    tensor = layers.input(600)
    for i in range(length):
        tensor = layers.linear(f"fc{i}", tensor, 600)
    return run_network(layers.network(), read_architecture("tpu_v1", [f"side={side}"])).totals.latency_s


def larger_rows() -> Iterator[Row]:
    """What a larger matrix unit makes of 600 x 600 weights: four large steps instead of nine small ones."""
    for side, us in published()["larger"]["us"].items():
        found = (_chain_s(side, 2 * _MORE) - _chain_s(side, _MORE)) / _MORE
        yield _row("larger", f"600 x 600 on {side} x {side}", us, found * 1e6, "us")


def power_rows(results: Mapping[str, Result]) -> Iterator[Row]:
    """The mean power while the applications run: the busy die's, and below what it may take at most."""
    data, shares = published()["power"], published()["shares"]
    watts = {name: 1e-12 * r.totals.energy_pj / r.totals.latency_s for name, r in results.items()}
    mean = sum(w * shares[name[:-1]] / 2 for name, w in watts.items()) / sum(shares.values())
    yield _row(
        "power", "busy, mean by share", data["busy"], mean, "W", "28 W of it are those of an idle die, as measured"
    )
    most = max(watts, key=watts.__getitem__)
    what = f"{most}, the hottest: at most TDP"
    yield Row(published()["paper"], data["where"], what, data["thermal"], watts[most], "W", 0.0, bound=True)
