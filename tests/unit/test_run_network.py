"""Is a network run layer by layer, equal layers once, alone or by several processes, and can it be stopped?"""

from __future__ import annotations

import math
import multiprocessing
from dataclasses import replace

import pytest

from sim.arch.tree import Architecture, Component, Compute, Fanout, Given, Link, Memory
from sim.engines import spatial
from sim.engines.options import Options
from sim.engines.run import area_um2, engine_of, run_network
from sim.errors import MappingError, TilenestError
from sim.mapping.annealer import Sampled
from sim.mapping.dataflow import Dataflow
from sim.mapping.nest import For, Keep, Mapping
from sim.mapping.objective import OBJECTIVES
from sim.results import Result
from sim.workload.layer import Layer, VectorLayer
from sim.workload.network import AnyLayer, Flow, Network

ARCH = Architecture(
    "machine",
    (
        Memory("dram", ("all",), math.inf, component=Component(given=(("read_pj", Given(200, "assumed")),))),
        Memory("buffer", ("all",), 16 * 24, component=Component(given=(("read_pj", Given(6, "assumed")),))),
        Compute("mac"),
    ),
)


def product(name: str, m: int) -> Layer:
    return Layer.einsum(name, {"M": m, "N": 6, "K": 8}, "matmul", inputs="M K", weights="K N", outputs="M N")


def relu(name: str, fused: str | None = None) -> VectorLayer:
    return VectorLayer(name, "relu", (("inputs", 24),), 24, 24, fused=fused)


NET = Network(
    "net",
    (
        product("a", 4),
        relu("r1"),
        product("b", 4),
        relu("r2"),
        product("c", 5),
        relu("r3", fused="c"),
        product("d", 4),
    ),
    (Flow("a", "r1", "inputs", 24),),
    batch=3,
)
QUICK = Options(strategy=Sampled(runs=1, trials=200))


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[AnyLayer, Mapping | None]]:
    """What the engine is asked for, in order."""
    seen: list[tuple[AnyLayer, Mapping | None]] = []
    original = spatial.evaluate

    def evaluate(layer: AnyLayer, arch: Architecture, mapping: Mapping | None, options: Options) -> object:
        seen.append((layer, mapping))
        return original(layer, arch, mapping, options)

    monkeypatch.setattr(spatial, "evaluate", evaluate)
    return seen


def test_equal_layers_are_computed_once(evaluated: list[tuple[AnyLayer, Mapping | None]]) -> None:
    result = run_network(NET, ARCH, QUICK)
    assert [layer.name for layer, _ in evaluated] == ["a", "r1", "c", "r3"]
    assert [(r.name, r.kind, r.fused) for r in result.layers] == [
        ("a", "matmul", None), ("r1", "relu", None), ("b", "matmul", None), ("r2", "relu", None),
        ("c", "matmul", None), ("r3", "relu", "c"), ("d", "matmul", None),
    ]  # fmt: skip
    assert replace(result["d"], name="a") == result["a"]
    assert result["c"].macs == 5 * 6 * 8


def test_progress_is_told_of_every_layer_once() -> None:
    told: list[str] = []
    run_network(NET, ARCH, QUICK, progress=told.append)
    assert told == ["a", "b", "d", "r1", "r2", "c", "r3"]  # equal layers are done together


def test_what_the_result_says_of_where_it_comes_from() -> None:
    options = replace(
        QUICK, dataflow=Dataflow("mine"), objective=OBJECTIVES["energy"], strategy=Sampled(1, 100, seed=5)
    )
    result = run_network(NET, ARCH, options, command="tilenest run")
    assert (result.arch, result.workload, result.batch, result.levels, result.pes, result.clock_hz) == (
        "machine", "net", 3, ("dram", "buffer"), 1, 1e9,
    )  # fmt: skip
    was = result.provenance
    assert (was.dataflow, was.objective, was.command) == ("mine", "energy", "tilenest run")
    assert was.mapper == "sampled, 1 x 100 trials, seed 5"
    other = run_network(NET, replace(ARCH, clock_hz=2e9), options).provenance
    assert (other.workload_hash, other.arch_hash == was.arch_hash) == (was.workload_hash, False)


BY_HAND = Mapping((Keep("dram", ("inputs", "weights", "outputs")), For("M", 4), For("N", 6), For("K", 8)))


def test_a_mapping_by_hand_is_for_its_layer_alone(evaluated: list[tuple[AnyLayer, Mapping | None]]) -> None:
    result = run_network(NET, ARCH, QUICK, mappings={"b": BY_HAND})
    assert [(layer.name, mapping) for layer, mapping in evaluated] == [
        ("a", None), ("r1", None), ("b", BY_HAND), ("c", None), ("r3", None),
    ]  # fmt: skip
    assert result["b"].mapping == tuple(BY_HAND.to_list())
    assert result["b"].evaluated == 0
    assert result["d"].mapping == result["a"].mapping != result["b"].mapping


def test_a_mapping_without_a_name_is_for_all_layers_that_multiply() -> None:
    other = Mapping((*BY_HAND.items[:1], *BY_HAND.items[:0:-1]))
    result = run_network(NET.only(["a", "r1", "b"]), ARCH, mappings={"": BY_HAND, "a": other})
    assert result["a"].mapping == tuple(other.to_list())
    assert result["b"].mapping == tuple(BY_HAND.to_list())
    assert result["r1"].mapping == ()


def test_a_layer_that_cannot_be_run() -> None:
    with pytest.raises(MappingError, match="the loops over M cover 4 of its 5 iterations"):
        run_network(NET.only(["c"]), ARCH, mappings={"": BY_HAND})


@pytest.fixture(scope="module")
def by_two() -> tuple[Result, list[str]]:
    told: list[str] = []
    return run_network(NET, ARCH, QUICK, jobs=2, progress=told.append), told


def test_two_processes_find_what_one_does(by_two: tuple[Result, list[str]]) -> None:
    assert by_two[0] == run_network(NET, ARCH, QUICK)


def test_two_processes_tell_of_every_layer_once(by_two: tuple[Result, list[str]]) -> None:
    assert sorted(by_two[1]) == sorted(layer.name for layer in NET)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interruption_ends_it_and_leaves_no_process(jobs: int) -> None:
    told: list[str] = []

    def interrupt(name: str) -> None:
        told.append(name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_network(NET, ARCH, QUICK, jobs=jobs, progress=interrupt)
    assert len(told) == 1
    assert multiprocessing.active_children() == []


def test_an_error_in_a_process_comes_out_as_itself() -> None:
    with pytest.raises(MappingError, match="the loops over M cover 4 of its 5 iterations"):
        run_network(NET, ARCH, QUICK, mappings={"c": BY_HAND}, jobs=2)


def test_a_class_of_machine_that_no_engine_is_for() -> None:
    with pytest.raises(TilenestError) as error:
        engine_of(replace(ARCH, engine="spacial"))
    assert str(error.value) == (
        "architecture machine: no engine for class spacial; "
        "there are spatial, systolic, crossbar (did you mean 'spatial'?)"
    )


def test_area_of_all_copies_where_it_is_known() -> None:
    def area(um2: float) -> Component:
        return Component(given=(("area_um2", Given(um2, "assumed")),))

    nodes = (
        ARCH.nodes[0],
        Fanout("pes", 3, 2, (Link("inputs", component=area(10)), Link("weights", component=area(1)))),
        Memory("rf", ("all",), 16, component=area(4)),
        Compute("mac", component=area(0.5)),
    )
    assert area_um2(Architecture("chip", nodes)) == {"pes": 11, "rf": 24, "mac": 3}


def test_operands_wider_than_the_multiplier_are_noted() -> None:
    assert run_network(NET, ARCH, QUICK).notes == ()
    nodes = [replace(n, bits=8) if isinstance(n, Compute) else n for n in ARCH.nodes]
    (note,) = run_network(NET, replace(ARCH, nodes=tuple(nodes)), QUICK).notes
    assert note.startswith(f"{ARCH.compute.name} multiplies words of 8 bit, but {NET.name} has operands of 16 bit;")
