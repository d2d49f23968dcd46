"""Does the same work from Python, and does `import sim` cost nothing?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sim

HEAVY = ("numpy", "numba", "networkx", "pydantic", "yaml", "rich", "matplotlib", "onnx", "scipy")


@pytest.mark.parametrize(
    "code",
    [
        "import sim",
        "import sim.cli; sim.cli.parser()",
        "from sim.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from sim.cli import main\ntry: main(['run', '--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    check = f"{code}\nimport sys; print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_a_run_needs_no_plotting_no_graphs_and_no_onnx() -> None:
    code = (
        "import sys, sim; sim.run('eyeriss', 'alexnet', layers=['conv5'], mapper='sampled', effort='low')\n"
        "print([m for m in ('networkx', 'rich', 'matplotlib', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    result = sim.run("eyeriss", "alexnet", batch=4, layers=["conv*"], mapper="sampled", effort="low")
    (tmp_path / "out.json").write_text(result.to_json())
    data = json.loads((tmp_path / "out.json").read_text())
    assert data["totals"]["energy_pj"] == result.totals.energy_pj
    assert data["layers"][1]["utilization"] == result["conv2"].utilization
    assert "conv2" in str(result)


def test_every_public_name_is_there() -> None:
    assert set(sim.__all__) <= set(dir(sim))
    assert all(getattr(sim, name) is not None for name in sim.__all__)
    with pytest.raises(AttributeError, match="module 'sim' has no attribute 'rnu'"):
        sim.rnu  # noqa: B018


def test_it_takes_things_as_well_as_their_names() -> None:
    arch = sim.load_arch("eyeriss", set={"array.x": 16})
    network = sim.load_workload("alexnet", batch=2)
    result = sim.run(
        arch, network, dataflow=sim.load_dataflow("any"), layers=["conv5"], mapper="sampled", effort="low"
    )
    assert (result.pes, result.batch, result.provenance.dataflow) == (192, 2, "any")


def test_a_mapping_can_be_given_as_one() -> None:
    found = sim.run("eyeriss", "alexnet", layers=["conv3"], mapper="sampled", effort="low")["conv3"]
    from sim.schema.mapping import parse_item

    nest = sim.Mapping(tuple(map(parse_item, found.mapping)))
    again = sim.run("eyeriss", "alexnet", layers=["conv3"], mappings={"conv3": nest})["conv3"]
    assert (again.energy_pj, again.latency_cycles, again.evaluated) == (found.energy_pj, found.latency_cycles, 0)


def test_a_mapper_may_be_a_strategy_and_leaves_its_name() -> None:
    result = sim.run(
        "eyeriss", "alexnet", layers=["conv5"], mapper=sim.Sampled(1, 500, seed=3), limits=["energy<=1J"]
    )
    made = result.provenance
    assert (made.mapper, made.most_pj, made.most_cycles) == ("sampled, 1 x 500 trials, seed 3", 1e12, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arch": sim.load_arch("eyeriss"), "set": {"array.x": 3}}, "`set` changes an architecture when it is read"),
        ({"workload": sim.load_workload("alexnet"), "batch": 3}, "`batch` changes a workload when it is read"),
        (
            {"objective": "enrgy"},
            r"no objective 'enrgy'; there are .*, dram \(did you mean 'energy'\?\), and products",
        ),
        ({"mapper": "optmal"}, r"no mapper 'optmal'; there are optimal, sampled \(did you mean 'optimal'\?\)"),
        (
            {"mapper": "sampled", "effort": "hihg"},
            r"no effort 'hihg'; there are low, normal, high \(did you mean 'high'\?\)",
        ),
        (
            {"mapper": "optimal", "seed": 0},
            r"--seed is for --mapper sampled alone \(in Python: seed, mapper='sampled'\)",
        ),
        ({"mapper": sim.Sampled(), "seed": 3}, r"are for a mapper by name; this one is a strategy already"),
        ({"layers": ["c0*"]}, r"network alexnet has no layer c0\*"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(sim.TilenestError, match=message):
        sim.run(**{"arch": "eyeriss", "workload": "alexnet", **options})  # type: ignore[arg-type]


def test_a_layer_that_the_result_does_not_have() -> None:
    result = sim.run("eyeriss", "alexnet", layers=["pool5"])
    with pytest.raises(KeyError) as error:
        result["pool6"]
    assert str(error.value) == "the result has no layer 'pool6'; did you mean 'pool5'?"
    assert isinstance(error.value, sim.TilenestError)
