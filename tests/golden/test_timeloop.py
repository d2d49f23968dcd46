"""Do the cases that Timeloop counted come out exactly, through the readers and the engine?

Each folder of ``timeloop/`` is one lesson: a machine, a layer, a nest, and what is to be expected, with its source.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.arch.tree import Architecture, Memory
from sim.cli import main
from sim.engines.run import run_network
from sim.schema.architecture import read_architecture
from sim.schema.mapping import read_mappings
from sim.schema.workload import read_workload

FOLDER = Path(__file__).parent / "timeloop"
CASES = sorted(path.name for path in FOLDER.iterdir())
COUNTS = ("fills", "reads", "updates", "drains")


def machine(case: str) -> Architecture:
    return read_architecture(FOLDER / case / "arch.yaml")


@functools.cache
def layer(case: str) -> dict[str, Any]:
    """The layer of the case in the JSON that ``tilenest run --json`` writes."""
    network = read_workload(FOLDER / case / "workload.yaml")
    mappings = read_mappings(FOLDER / case / "mapping.yaml")
    result = run_network(network, machine(case), mappings=mappings)
    (only,) = json.loads(result.to_json())["layers"]
    return only


def expected(case: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / case / "expected.yaml").read_text())


def drained_pj(case: str, level: str, tensor: str) -> float:
    """Energy of drains, which Timeloop does not charge."""
    memory = machine(case)[level]
    assert isinstance(memory, Memory)
    read_pj = dict(memory.component.given)["read_pj"].value
    return layer(case)["actions"][level][tensor]["drains"] * read_pj


def rows(case: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(level, t, row) for level, tensors in expected(case)["words"].items() for t, row in tensors.items()]


def test_the_command_line_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    case = "conv2d_09_row_stationary_like"
    files = {name: str(FOLDER / case / f"{name}.yaml") for name in ("arch", "workload", "mapping")}
    assert main(["run", *(word for name, file in files.items() for word in (f"--{name}", file)), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"] == [layer(case)]


def test_all_cases_are_here() -> None:
    assert len(CASES) == 36


@pytest.mark.parametrize("case", CASES)
def test_words(case: str) -> None:
    found = {
        level: {t: {name: row[name] for name in COUNTS} for t, row in tensors.items()}
        for level, tensors in expected(case)["words"].items()
    }
    assert layer(case)["actions"] == found


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("sp_")])
def test_tiles(case: str) -> None:
    assert {(level, t): layer(case)["tiles"][level][t] for level, t, _ in rows(case)} == {
        (level, t): row["tile"] for level, t, row in rows(case)
    }


@pytest.mark.parametrize("case", CASES)
def test_operations_and_cycles(case: str) -> None:
    found, wanted = layer(case), expected(case)
    assert found["macs"] == wanted["macs"]
    assert found["latency_cycles"] - found["cycles"]["start"] == wanted["cycles"]
    if "active_pes" in wanted:
        assert found["active_pes"] == wanted["active_pes"]


@pytest.mark.parametrize("case", CASES)
def test_energy(case: str) -> None:
    found, wanted = layer(case), expected(case)
    priced = [(level, t, row["energy_pj"]) for level, t, row in rows(case) if "energy_pj" in row]
    assert {
        (level, t): found["energy_by_tensor"][level][t] - drained_pj(case, level, t) for level, t, _ in priced
    } == {(level, t): pj for level, t, pj in priced}
    if "mac_energy_pj" in wanted:
        assert found["energy_breakdown"]["mac"] == wanted["mac_energy_pj"]
    if "energy_pj" in wanted:
        drained = sum(drained_pj(case, level, t) for level, t, _ in rows(case))
        assert found["energy_pj"] - drained == wanted["energy_pj"]


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("sp_")])
def test_what_zeros_leave(case: str) -> None:
    found, wanted = layer(case), expected(case)
    assert {name: found["operations"][name] for name in ("done", "gated")} == wanted["operations"]
    for level, t, row in rows(case):
        zeros = found["zeros"].get(level, {}).get(t)
        plain = {name: row[name] for name in COUNTS[:3]}
        data = {name: zeros["data"][name] for name in COUNTS[:3]} if zeros else plain
        assert data == wanted.get("data", {}).get(level, {}).get(t, plain), (level, t)
        spared = {name: zeros[name] for name in ("gated", "skipped")} if zeros else {"gated": 0, "skipped": 0}
        assert spared == wanted.get("spared", {}).get(level, {}).get(t, {"gated": 0, "skipped": 0}), (level, t)
        for action, bits in wanted.get("metadata_bits", {}).get(level, {}).get(t, {}).items():
            assert zeros["metadata_bits"][action] == bits, (level, t, action)
