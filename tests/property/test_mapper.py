"""Is what the mapper returns legal, the same every time, obedient, and nearly the best there is?"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture, Component, Compute, Fanout, Given, Link, Memory
from sim.errors import MappingError
from sim.kernels.search import WASTE
from sim.mapping.annealer import Sampled
from sim.mapping.check import check
from sim.mapping.counts import count_words
from sim.mapping.dataflow import Dataflow, Spread, letters
from sim.mapping.mapper import find_mapping
from sim.mapping.nest import For, Keep, Mapping, Parallel
from sim.mapping.objective import OBJECTIVES
from sim.mapping.prices import cost_of, prices_of
from sim.reference.space import legal_mappings
from sim.workload.layer import Layer, Rank, Tensor
from tests.strategies import layers, priced_machines, resized, sparse

QUICK = Sampled(runs=1, trials=300)


def costs(**pj: float) -> Component:
    return Component(given=tuple((name, Given(value, "assumed")) for name, value in pj.items()))


def cost(layer: Layer, arch: Architecture, mapping: Mapping) -> tuple[float, float]:
    counts = count_words(layer, arch, mapping)
    return cost_of(counts, prices_of(layer, arch, {t.name: counts.kept(t.name) for t in layer.tensors}))


def score(layer: Layer, arch: Architecture, mapping: Mapping, objective: str) -> float:
    pj, cycles = cost(layer, arch, mapping)
    return {"energy": pj, "latency": cycles, "edp": pj * cycles}[objective]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(layers().flatmap(sparse), priced_machines(), st.sampled_from(["energy", "latency", "edp"]))
def test_where_there_is_room_a_legal_nest_is_found(layer: Layer, arch: Architecture, objective: str) -> None:
    found = find_mapping(layer, arch, objective=OBJECTIVES[objective], strategy=QUICK)
    check(found.mapping, layer, arch)
    assert found.evaluated <= QUICK.trials + 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(layers().flatmap(sparse), priced_machines().flatmap(resized))
def test_in_little_room_the_nest_is_legal_or_the_reason_told(layer: Layer, arch: Architecture) -> None:
    try:
        found = find_mapping(layer, arch, strategy=QUICK)
    except MappingError as error:
        text = str(error)
        assert text.startswith(f"no mapping of layer {layer.name} fits machine with the dataflow any; ")
        assert "too many" in text
    else:
        check(found.mapping, layer, arch)


SPREADS = st.lists(
    st.builds(Spread, st.sampled_from(["x", "y", "any"]), st.lists(st.sampled_from("PMCR"), max_size=3).map(tuple)),
    max_size=2,
).map(tuple)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(layers(), priced_machines(), SPREADS)
def test_only_what_the_dataflow_allows_is_spread(
    layer: Layer, arch: Architecture, spread: tuple[Spread, ...]
) -> None:
    flow = Dataflow("drawn", spread=spread if arch.fanouts else ())
    found = find_mapping(layer, arch, flow, strategy=QUICK)
    letter = letters(layer)
    for item in found.mapping:
        if isinstance(item, Parallel) and item.fanout == arch.fanouts[-1].name:
            assert flow.may_spread(item.axis, letter[item.dim])


GEMM = Layer.einsum("gemm", {"M": 4, "N": 2, "K": 4}, inputs="M K", weights="K N", outputs="M N")
CONV = Layer(
    "conv",
    "conv",
    (("P", 8), ("R", 3)),
    (
        Tensor("weights", "weights", (Rank.of("R"),)),
        Tensor("inputs", "inputs", (Rank.of("P", "R"),)),
        Tensor("outputs", "outputs", (Rank.of("P"),)),
    ),
)


def two_levels(words: int) -> Architecture:
    dram = Memory("dram", ("all",), math.inf, bandwidth=16, component=costs(read_pj=200, write_pj=200))
    buffer = Memory("buffer", ("all",), 16 * words, component=costs(read_pj=6, write_pj=6))
    return Architecture("two", (dram, buffer, Compute("mac", component=costs(op_pj=1))))


def array(words: int) -> Architecture:
    dram = Memory("dram", ("all",), math.inf, bandwidth=32, component=costs(read_pj=200, write_pj=200))
    pes = Fanout("pes", 2, 1, (Link("all", component=costs(word_pj=2)),))
    rf = Memory("rf", ("all",), 16 * words, component=costs(read_pj=1, write_pj=1))
    return Architecture("array", (dram, pes, rf, Compute("mac", component=costs(op_pj=1))))


@pytest.mark.parametrize(("layer", "arch"), [(GEMM, two_levels(8)), (CONV, two_levels(6)), (CONV, array(4))])
def test_nothing_is_much_better_than_what_is_found(layer: Layer, arch: Architecture) -> None:
    best = {"energy": math.inf, "latency": math.inf, "edp": math.inf}
    for mapping in legal_mappings(layer, arch):
        if math.prod(loop.bound for loop in mapping.loops) > WASTE * layer.macs:
            continue  # sampling leaves these out
        pj, cycles = cost(layer, arch, mapping)
        for objective, value in (("energy", pj), ("latency", cycles), ("edp", pj * cycles)):
            best[objective] = min(best[objective], value)
    for objective in best:
        found = find_mapping(layer, arch, objective=OBJECTIVES[objective], strategy=Sampled())
        assert score(layer, arch, found.mapping, objective) <= 1.03 * best[objective], objective


LARGER = Layer(
    "larger",
    "conv",
    (("N", 2), ("M", 12), ("C", 6), ("P", 14), ("R", 3)),
    (
        Tensor("weights", "weights", (Rank.of("M"), Rank.of("C"), Rank.of("R"))),
        Tensor("inputs", "inputs", (Rank.of("N"), Rank.of("C"), Rank.of("P", "R"))),
        Tensor("outputs", "outputs", (Rank.of("N"), Rank.of("M"), Rank.of("P"))),
    ),
)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_arguments_give_the_same_nest(seed: int) -> None:
    effort = Sampled(runs=2, trials=500, seed=seed)
    assert find_mapping(LARGER, array(16), strategy=effort) == find_mapping(LARGER, array(16), strategy=effort)


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_more_runs_from_the_same_seed_are_never_worse(objective: str) -> None:
    """Runs are independent, and the first of them are the same however many there are."""
    scores = []
    for runs in (1, 2, 4, 8):
        found = find_mapping(LARGER, array(16), objective=OBJECTIVES[objective], strategy=Sampled(runs, trials=200))
        scores.append(score(LARGER, array(16), found.mapping, objective))
    for fewer, more in itertools.pairwise(scores):
        assert more <= fewer * (1 + 1e-4)  # the other objective breaks ties


def test_a_pe_keeps_what_the_dataflow_says_and_loops_over_what_it_says() -> None:
    flow = Dataflow("ws", pe_keeps=("weights",), pe_dims=("M",), inner=("N", "P"))
    found = find_mapping(LARGER, array(16), flow, strategy=QUICK)
    (position,) = [i for i, item in enumerate(found.mapping) if isinstance(item, Keep) and item.level == "rf"]
    inner = found.mapping.items[position]
    assert isinstance(inner, Keep)
    assert inner.tensors == ("weights",)
    in_time = [item.dim for item in found.mapping.items[:position] if isinstance(item, For)]
    first = next((i for i, dim in enumerate(in_time) if dim in flow.inner), len(in_time))
    assert set(in_time[first:]) <= set(flow.inner)


def test_what_a_pe_does_whole_is_looped_inside_it_alone() -> None:
    found = find_mapping(LARGER, array(16), Dataflow("rows", pe_whole=("R",)), strategy=QUICK)
    assert [str(item) for item in found.mapping if not isinstance(item, Keep) and item.dim == "R"] == ["for R 3"]
    last = max(i for i, item in enumerate(found.mapping) if isinstance(item, Parallel))
    assert found.mapping.items.index(For("R", 3)) > last
