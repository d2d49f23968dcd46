"""Does ``tilenest map`` say how good a mapping is, what else there is, and what energy buys?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim.arch.tree import Architecture
from sim.mapping.annealer import Sampled, anneal
from sim.mapping.found import Found, Interrupted
from sim.mapping.objective import Objective
from sim.workload.layer import Layer
from tests.cli.conftest import QUICK

ASKED = ("map", "--arch", "eyeriss", "--workload", "alexnet", "--layer", "conv3")
FRONT = (*ASKED, "--pareto", "energy,latency")
PARETO = [(2e9, 3e6), (3e9, 2e6), (5e9, 1.5e6)]  # pJ and cycles


def text(out: str) -> str:
    """Without line breaks and columns."""
    return " ".join(out.split())


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the exact search pretend that what it finds is at most by this share above the best."""

    def prove(gap: float) -> None:
        def optimum(*what: Any) -> Found:
            found = anneal(*what[:-1], Sampled(1, 300))
            return replace(found, evaluated=41200, bound=found.value * (1 - gap), space=1.3e17)

        monkeypatch.setattr("sim.mapping.mapper.optimum", optimum)

    return prove


@pytest.fixture
def known_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the exact search find one of the points of `PARETO`."""

    def optimum(layer: Layer, arch: Architecture, flow: Any, objective: Objective, how: Any) -> Found:
        able = [p for p in PARETO if p[1] <= objective.most_cycles]
        pj, cycles = min(able, key=lambda p: objective.score(*p, 1.0))
        some = anneal(layer, arch, flow, Objective(energy=1), Sampled(1, 100))
        value = pj if objective.energy else cycles
        return Found(some.mapping, pj, cycles, value, evaluated=100, bound=value, space=1e9)

    monkeypatch.setattr("sim.mapping.mapper.optimum", optimum)


class TestTheMapping:
    def test_is_drawn_with_what_it_costs(self, tilenest: Any) -> None:
        status, out, err = tilenest(*ASKED, *QUICK)
        lines = out.splitlines()
        assert (status, err) == (0, "")
        assert lines[0] == "conv3 of alexnet on eyeriss: row_stationary, best edp"
        assert any("parallel for" in line and "on array.y" in line for line in lines)
        named = [line.split("  ")[0] for line in lines[-6:-2]]
        assert named == ["energy", "latency", "energy x delay", "utilization"]
        assert "nothing is proved: this is the best mapping that was found (" in lines[-1]

    def test_is_the_one_that_run_finds(self, tilenest: Any) -> None:
        mapped = json.loads(tilenest(*ASKED, *QUICK, "--json")[1])
        ran = json.loads(tilenest("run", *ASKED[1:-2], "--layers", "conv3", *QUICK, "--json")[1])
        assert mapped["result"] == ran["layers"][0]
        assert (mapped["arch"], mapped["workload"], mapped["layer"]) == ("eyeriss", "alexnet", "conv3")
        assert mapped["provenance"]["mapper"] == "sampled, 1 x 3000 trials, seed 0"
        assert (mapped["front"], mapped["dataflows"], mapped["room"]) == (None, None, None)

    def test_is_optimal(self, tilenest: Any, proved: Any) -> None:
        proved(0)
        _, out, _ = tilenest(*ASKED)
        assert "optimal within the map space (1.3e17 mappings; 41,200 evaluated; " in out

    def test_is_not_known_to_be_optimal(self, tilenest: Any, proved: Any) -> None:
        proved(0.021)
        _, out, _ = tilenest(*ASKED, "--budget", "2s", "--json", "out.json")
        assert "not proved optimal: edp can be at most 2.1 % lower, lower bound" in text(out)
        result = json.loads(Path("out.json").read_text())["result"]
        assert (result["optimal"], result["gap"]) == (False, pytest.approx(0.021))

    def test_keeps_limits_and_says_so(self, tilenest: Any) -> None:
        limits = ("--limit", "latency<=50ms", "--limit", "energy<=20mJ")
        _, out, _ = tilenest(*ASKED, *QUICK, *limits, "--objective", "energy*latency^2")
        assert out.splitlines()[0].endswith("row_stationary, best ed2p within 20 mJ and 50 ms a layer")

    def test_of_an_unknown_layer(self, tilenest: Any) -> None:
        assert tilenest(*ASKED[:-1], "convv2") == (
            2,
            "",
            "network alexnet has no layer convv2; did you mean 'conv2'?\n",
        )


class TestTheExplanation:
    def test_says_what_decides_and_what_else_there_is(self, tilenest: Any) -> None:
        status, out, _ = tilenest(*ASKED, *QUICK, "--explain")
        rows = [line.split() for line in out.splitlines()]
        assert status == 0
        cost, flows = rows.index(["What", "it", "costs"]), rows.index(["Other", "dataflows"])
        room = rows.index(["10", "%", "more", "room,", "at", "its", "price"])
        assert len([row for row in rows[cost:flows] if row[-1:] == ["decides"]]) == 1
        ratios = {row[0]: float(row[1].replace(",", "")) for row in rows[flows + 4 : room] if row}
        assert {"any", "weight_stationary"} <= set(ratios)
        assert "row_stationary" not in ratios
        assert [*ratios.values()] == sorted(ratios.values())
        sizes = {row[0]: row[1:3] for row in rows[room + 4 :] if row}
        assert sizes["glb"] == ["110", "KiB"]
        assert "dram" not in sizes, "it is unbounded"

    def test_in_json(self, tilenest: Any) -> None:
        report = json.loads(tilenest(*ASKED, *QUICK, "--explain", "--json")[1])
        assert {other["dataflow"] for other in report["dataflows"]} >= {"any", "weight_stationary"}
        glb = next(other for other in report["room"] if other["memory"] == "glb")
        assert glb["size_bits"] == 110 * 1024 * 8
        assert glb["found"]["value"] == pytest.approx(glb["found"]["energy_pj"] * glb["found"]["latency_cycles"])

    def test_a_dataflow_without_any_mapping_says_why(self, tilenest: Any) -> None:
        limits = ("--limit", "latency<=50ms")  # far too little for output stationary
        _, out, _ = tilenest(*ASKED, *QUICK, "--explain", *limits)
        assert " - no mapping of layer conv3 on eyeriss was found within the limits;" in text(out)


class TestTheFront:
    def test_is_a_table_with_its_proof(self, tilenest: Any, known_front: None) -> None:
        status, out, err = tilenest(*FRONT)
        rows = [line.split() for line in out.splitlines()]
        assert (status, err) == (0, "")
        assert [row[:5] for row in rows if row[-1:] == ["optimal"]] == [
            ["1", "2", "mJ", "15", "ms"],
            ["2", "3", "mJ", "10", "ms"],
            ["3", "5", "mJ", "7.5", "ms"],
        ]
        assert "3 points: no mapping that is as fast takes less energy; between them, latencies less" in text(out)

    def test_with_a_larger_step_has_fewer_points(self, tilenest: Any, known_front: None) -> None:
        _, out, _ = tilenest(*FRONT, "--step", "40%", "--json")
        report = json.loads(out)
        assert [(p["energy_pj"], p["latency_cycles"]) for p in report["front"]] == [PARETO[0], PARETO[2]]
        assert report["provenance"]["objective"] == "energy,latency"
        assert all(p["optimal"] and p["mapping"][0].startswith("keep dram") for p in report["front"])

    @pytest.mark.parametrize(("form", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
    def test_is_drawn(self, tilenest: Any, tmp_path: Path, known_front: None, form: str, begin: bytes) -> None:
        assert tilenest(*FRONT, "--plot", f"front.{form}")[0] == 0
        assert (tmp_path / f"front.{form}").read_bytes().startswith(begin)

    def test_of_what_was_sampled_proves_nothing(self, tilenest: Any) -> None:
        status, out, _ = tilenest(*FRONT, *QUICK)
        assert status == 0
        assert "nothing is proved, these are the best mappings that were found" in text(out)


class TestAnInterruption:
    def test_shows_the_best_so_far(self, tilenest: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def optimum(*what: Any) -> Found:
            found = anneal(*what[:-1], Sampled(1, 300))
            raise Interrupted(replace(found, bound=found.value * 0.5, space=1e9))

        monkeypatch.setattr("sim.mapping.mapper.optimum", optimum)
        status, out, err = tilenest(*ASKED, "--explain", "--json", "out.json")
        assert (status, err) == (130, "interrupted\n")
        assert "not proved optimal: edp can be at most 50 % lower" in text(out)
        assert list(tmp_path.iterdir()) == []

    def test_without_anything_found_is_quiet(self, tilenest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def optimum(*what: Any) -> Found:
            raise KeyboardInterrupt

        monkeypatch.setattr("sim.mapping.mapper.optimum", optimum)
        assert tilenest(*ASKED) == (130, "", "interrupted\n")
        assert tilenest(*FRONT) == (130, "", "interrupted\n")

    def test_of_a_front_shows_its_points_so_far(
        self, tilenest: Any, known_front: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from sim.mapping import front as module

        whole = module.front

        def interrupted(*what: Any) -> Any:
            points = whole(*what)
            yield next(points)
            yield next(points)
            raise KeyboardInterrupt

        monkeypatch.setattr(module, "front", interrupted)
        status, out, err = tilenest(*FRONT, "--plot", "front.png")
        assert (status, err) == (130, "interrupted\n")
        assert "2 points: no mapping" in text(out)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--step", "3%"], "--step is for the front that --pareto finds"),
        (["--plot", "x.png"], "--plot is for the front that --pareto finds"),
        (
            ["--pareto", "energy,latency", "--objective", "energy"],
            "--pareto is for energy and latency, and for no other --objective",
        ),
        (
            ["--pareto", "energy"],
            "tilenest map: argument --pareto: no 'energy'; there are energy,latency "
            "(did you mean 'energy,latency'?); see `tilenest map --help`",
        ),
        (
            ["--pareto", "energy,latency", "--explain"],
            "tilenest map: argument --explain: not allowed with argument --pareto; see `tilenest map --help`",
        ),
        (
            ["--pareto", "energy,latency", "--step", "3"],
            "tilenest map: argument --step: '3' is not a percentage below 100, e.g. 1%; see `tilenest map --help`",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tilenest: Any, words: list[str], message: str) -> None:
    assert tilenest(*ASKED, *words) == (2, "", f"{message}\n")
