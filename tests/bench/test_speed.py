"""How fast is it? ``pytest tests/bench --benchmark-enable``; in other runs each of these is done once, unmeasured.

Numbers from different runs do not compare: machines are noisy. Ratios within a run do.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import sim
from sim.kernels.cost import STATIC, Floats, Prices, energy, latency
from sim.kernels.layout import Ints, Nest, Scratch, Shape, new_counts, new_scratch
from sim.kernels.lean import lean
from sim.kernels.reuse import count
from sim.mapping.annealer import Sampled
from sim.mapping.check import check
from sim.mapping.counts import count_words
from sim.mapping.dataflow import Dataflow
from sim.mapping.mapper import Strategy, find_mapping
from sim.mapping.nest import For, Keep, Mapping, Parallel
from sim.mapping.objective import OBJECTIVES
from sim.mapping.optimal import Optimal
from sim.mapping.prices import prices_of
from sim.mapping.problem import nest_of, shape_of
from sim.reference.systolic import Stationary, simulate
from sim.reference.walk import walk
from sim.schema.dataflow import read_dataflow
from sim.workload.layer import Layer, Rank, Tensor

MACHINE = sim.Architecture(
    "three levels",
    (
        sim.Memory("dram", ("all",), 1e12),
        sim.Memory("glb", ("inputs", "outputs"), 1e9),
        sim.Fanout("array", 14, 12),
        sim.Memory("rf", ("all",), 1e6),
        sim.Compute("mac"),
    ),
)

ALL = ("weights", "inputs", "outputs")
NESTS_A_ROUND = 20_000


def convolution(out: int, channels: int, filters: int, pad: int) -> Layer:
    """A 3 x 3 convolution."""
    extent = out + 2 - 2 * pad
    window = [Rank(((p, 1), (r, 1)), -pad, extent) for p, r in ("PR", "QS")]
    sizes = {"N": 1, "M": filters, "C": channels, "P": out, "Q": out, "R": 3, "S": 3}
    tensors = (
        Tensor("weights", "weights", tuple(map(Rank.of, "MCRS"))),
        Tensor("inputs", "inputs", (Rank.of("N"), Rank.of("C"), *window)),
        Tensor("outputs", "outputs", tuple(map(Rank.of, "NMPQ"))),
    )
    return Layer("conv", "conv", tuple(sizes.items()), tensors)


def row_stationary(rows: int, columns: int, channels: int, filters: int) -> Mapping:
    """A nest as the chip's, with as many loops as a mapper tries."""
    return Mapping(
        (
            Keep("dram", ALL),
            For("M", filters // 32),
            For("P", rows // 28),
            Keep("glb", ("inputs", "outputs")),
            For("C", channels // 4),
            For("M", 4),
            For("P", 2),
            Parallel("array", "x", "P", 14),
            Parallel("array", "y", "R", 3),
            Parallel("array", "y", "C", 4),
            For("Q", columns),
            Keep("rf", ALL),
            For("S", 3),
            For("M", 8),
        )
    )


@lean
def count_often(
    size: Ints,
    ranks: Ints,
    tensors: Ints,
    loops: Ints,
    keep: Ints,
    lane: Ints,
    stamp: Ints,
    memo: Ints,
    out: Ints,
    n: int,
) -> None:
    """As the mapper does: no Python between two nests."""
    for _ in range(n):
        count(size, ranks, tensors, loops, keep, lane, stamp, memo, out)


@pytest.mark.parametrize("pad", [0, 1])
def test_counting_a_seven_dimensional_convolution_on_three_levels(benchmark: BenchmarkFixture, pad: int) -> None:
    """Nests a second of one core: 20,000 over the time of a round."""
    layer, nest = convolution(56, 64, 64, pad), row_stationary(56, 56, 64, 64)
    check(nest, layer, MACHINE)
    shape = shape_of(layer, MACHINE)
    tables = nest_of(nest, layer, MACHINE)
    out = new_counts(shape, 3)
    scratch = new_scratch(shape, tables.loops.shape[1])
    benchmark.extra_info["nests a round"] = NESTS_A_ROUND
    benchmark(count_often, *shape, *tables, *scratch, out, NESTS_A_ROUND)
    assert out[0, 0] == 2 * layer.words("weights")  # for each half of the rows


@lean
def count_and_price_often(
    shape: Shape, nest: Nest, scratch: Scratch, prices: Prices, out: Ints, used: Floats, n: int, priced: bool
) -> float:
    """All words of all tensors at all levels and gaps, n times; if `priced`, energy and latency, too."""
    pj = 0.0  # of all, so that none is left out
    for _ in range(n):
        count(
            shape.size, shape.ranks, shape.tensors, nest.loops, nest.keep,
            scratch.lane, scratch.stamp, scratch.memo, out,
        )  # fmt: skip
        if priced:
            cycles = latency(
                shape.size, shape.tensors, nest.loops, nest.keep, out, prices.port, prices.wire, prices.level,
                prices.total, used,
            )  # fmt: skip
            pj += energy(out, shape.tensors, nest.keep, prices.energy, prices.gap, prices.total)
            pj += cycles * prices.total[STATIC]
    return pj


@pytest.mark.parametrize("priced", [False, True], ids=["counted", "priced"])
@pytest.mark.parametrize(
    ("machine", "flow"),
    [("eyeriss", "row_stationary"), ("simba_like", "any"), ("nvdla_like", "any"), ("tpu_v4i_like", "any")],
)
def test_counting_a_layer_of_resnet(benchmark: BenchmarkFixture, machine: str, flow: str, priced: bool) -> None:
    """Nests a second of one core, for the nest that sampling finds: 2,000 over the time of a round."""
    arch, layer, dataflow = sim.load_arch(machine), convolution(56, 64, 64, 1), read_dataflow(flow)
    assert isinstance(dataflow, Dataflow)
    nest = find_mapping(layer, arch, dataflow, OBJECTIVES["edp"], Sampled()).mapping
    shape, tables, levels = shape_of(layer, arch), nest_of(nest, layer, arch), len(arch.memories)
    prices = prices_of(layer, arch, count_words(layer, arch, nest).keeps)
    scratch, out = new_scratch(shape, tables.loops.shape[1]), new_counts(shape, levels)
    used = np.ones(2 * levels)
    benchmark(count_and_price_often, shape, tables, scratch, prices, out, used, 2_000, priced)
    assert out[0, 0] >= layer.words("weights")


@pytest.mark.parametrize("way", [walk, count_words], ids=["walker", "kernel"])
def test_the_walker_beside_the_kernel(benchmark: BenchmarkFixture, way: Callable[..., object]) -> None:
    nest = Mapping(
        (
            Keep("dram", ALL),
            For("C", 2),
            Keep("glb", ALL[1:]),
            For("M", 2),
            Parallel("array", "x", "P", 6),
            Parallel("array", "y", "R", 3),
            For("Q", 6),
            Keep("rf", ALL),
            For("S", 3),
        )
    )
    benchmark(way, convolution(6, 2, 2, 0), MACHINE, nest)


@pytest.mark.parametrize("flow", ["row_stationary", "any"])
def test_finding_a_mapping(benchmark: BenchmarkFixture, flow: str) -> None:
    arch, dataflow = sim.load_arch("eyeriss"), read_dataflow(flow)
    assert isinstance(dataflow, Dataflow)
    found = benchmark(find_mapping, convolution(56, 64, 64, 1), arch, dataflow, OBJECTIVES["edp"], Sampled())
    assert found.evaluated > 1000


def test_running_alexnet_in_a_fresh_process(benchmark: BenchmarkFixture) -> None:
    command = [sys.executable, "-m", "sim", "run", "--arch", "eyeriss", "--workload", "alexnet", "--no-cache"]
    benchmark.pedantic(subprocess.run, (command,), {"check": True, "capture_output": True}, rounds=3)


def test_asking_for_help_in_a_fresh_process(benchmark: BenchmarkFixture) -> None:
    command = [sys.executable, "-m", "sim", "--help"]
    benchmark.pedantic(subprocess.run, (command,), {"check": True, "capture_output": True}, rounds=5)


@pytest.mark.parametrize("way", [Optimal(), Sampled()], ids=["optimal", "sampled"])
def test_the_exact_mapper_beside_the_sampling_one(benchmark: BenchmarkFixture, way: Strategy) -> None:
    arch, dataflow = sim.load_arch("eyeriss"), read_dataflow("row_stationary")
    found = benchmark(find_mapping, convolution(56, 64, 64, 1), arch, dataflow, OBJECTIVES["edp"], way)
    assert found.optimal in (True, None)


@pytest.mark.parametrize("timing", ["tilenest", "scalesim"])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_resnet_50_on_a_systolic_array(benchmark: BenchmarkFixture, dataflow: str, timing: str) -> None:
    """Every layer, with the event simulation, or with what SCALE-Sim's buffers fetch and its reports."""
    sets = [f"systolic.dataflow={dataflow}", f"systolic.timing={timing}"]
    arch, network = sim.load_arch("systolic_128x128_os", set=sets), sim.load_workload("resnet50")
    result = benchmark(lambda: sim.run(arch, network))
    assert all(layer.compute_cycles > 0 for layer in result.layers if layer.macs)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_vgg_16_on_a_small_systolic_array(benchmark: BenchmarkFixture, dataflow: str) -> None:
    """What SCALE-Sim's buffers fetch where windows overlap: most of two thousand million requests need no replay."""
    sets = [f"systolic.dataflow={dataflow}", "systolic.timing=scalesim"]
    arch, network = sim.load_arch("systolic_8x8_ws", set=sets), sim.load_workload("vgg16")
    result = benchmark.pedantic(sim.run, (arch, network), rounds=3, warmup_rounds=1)
    fetched = sum(layer.systolic.fetched["inputs"] for layer in result.layers if layer.systolic)
    assert (
        fetched == {"os": 923394687, "ws": 1862755656, "is": 33151806}[dataflow]
    )  # as a replay of every word has it


@pytest.mark.parametrize(("workload", "batch"), [("resnet50", 8), ("lstm1_tpu", 96), ("cnn1", 32)])
def test_a_network_on_the_tpu(benchmark: BenchmarkFixture, workload: str, batch: int) -> None:
    """All layers in a row, by events, with words and energy, and where the cycles went."""
    arch, network = sim.load_arch("tpu_v1"), sim.load_workload(workload, batch=batch)
    result = benchmark(lambda: sim.run(arch, network))
    assert result.totals.breakdown is not None
    assert result.totals.breakdown.cycles == pytest.approx(result.totals.latency_cycles)


def test_a_network_on_several_arrays(benchmark: BenchmarkFixture) -> None:
    """Every layer twice: by what the arrays may divide."""
    arch, network = sim.load_arch("tpu_v4_like"), sim.load_workload("resnet50", batch=8)
    result = benchmark(lambda: sim.run(arch, network))
    assert {layer.systolic.divided for layer in result.layers if layer.systolic} == {"channels", "outputs"}


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_a_systolic_array_register_by_register(benchmark: BenchmarkFixture, dataflow: Stationary) -> None:
    """8 x 8 PEs, about 10^4 cycles: every word moves through every PE."""
    steps = {"os": (8, 8, 10_000), "ws": (10_000, 8, 8), "is": (8, 10_000, 8)}[dataflow]
    x, n, k = steps
    inputs, weights = np.ones((x, k), np.int64), np.ones((k, n), np.int64)
    run = benchmark.pedantic(simulate, (inputs, weights, (8, 8), dataflow), rounds=3)
    assert run.cycles > 10_000
    assert (run.product == k).all()
