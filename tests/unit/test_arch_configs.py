"""Do all shipped machines and dataflows load, say where they come from, and work together?"""

import math

import pytest

from sim.arch.library import names
from sim.components.table import describe
from sim.engines.options import Options
from sim.engines.run import engine_of
from sim.engines.spatial import evaluate
from sim.mapping.annealer import Sampled
from sim.mapping.dataflow import check_host
from sim.mapping.objective import OBJECTIVES
from sim.report.dataflow_page import hosts, nest_lines
from sim.schema.architecture import read_architecture
from sim.schema.dataflow import read_dataflow
from sim.schema.workload import read_workload
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer

ARCHS = names("arch_configs")
MAPPED = [name for name in ARCHS if read_architecture(name).mapped]  # those that run mappings
DATAFLOWS = names("dataflows")
QUICK = Sampled(runs=1, trials=500)


def test_the_machines_that_people_expect():
    expected = {"eyeriss", "eyeriss_isca16", "simple_ws", "simple_os", "nvdla_like", "shidiannao_like"}
    assert {*expected, "dadiannao", "simba_like", "tpu_v4i_like", "tpu_v1"} <= set(ARCHS)


@pytest.mark.parametrize("name", ARCHS)
def test_a_machine_says_what_it_is_and_where_it_comes_from(name: str):
    arch = read_architecture(name)
    assert arch.name == name
    assert arch.summary
    assert arch.source
    rows = describe(arch)
    assert rows
    assert all(row.source and row.source != "not modelled" for row in rows)
    assert all(math.isfinite(row.value) and row.value >= 0 for row in rows)


@pytest.mark.parametrize("name", MAPPED)
def test_a_machine_hosts_its_own_dataflow(name: str):
    arch = read_architecture(name)
    check_host(read_dataflow(arch.dataflow), arch)


def small_layers() -> tuple[Layer, ...]:
    return tuple(read_workload("alexnet").only(["conv5", "fc8"]).mac_layers)


@pytest.mark.parametrize("layer", small_layers(), ids=lambda layer: layer.kind)
@pytest.mark.parametrize("name", ARCHS)
def test_a_machine_runs_a_convolution_and_a_linear_layer(name: str, layer: Layer):
    arch = read_architecture(name)
    result = engine_of(arch)(layer, arch, None, Options(read_dataflow(arch.dataflow), OBJECTIVES["edp"], QUICK))
    assert result.energy_pj > 0
    assert 0 < result.utilization <= 1
    assert result.latency_cycles >= layer.macs / arch.pes


@pytest.mark.parametrize("name", DATAFLOWS)
def test_a_dataflow_says_what_it_does(name: str):
    flow = read_dataflow(name)
    assert flow.name == name
    assert flow.title
    assert flow.prose
    assert flow.source or name == "any"
    assert nest_lines(flow)[-1].strip() == "multiply and add"


@pytest.mark.parametrize("name", DATAFLOWS)
def test_some_machine_hosts_a_dataflow(name: str):
    reasons = hosts(read_dataflow(name), map(read_architecture, MAPPED))
    assert any(not reason for _, reason in reasons)


def test_published_sizes():
    # PEs and clock in MHz, then capacities, as in the papers that the files name; NVDLA's and Simba's clocks are
    # assumptions.
    expected = {
        "eyeriss": (168, 200),
        "nvdla_like": (16 * 64, 1000),
        "shidiannao_like": (64, 1000),
        "dadiannao": (16 * 256, 606),
        "simba_like": (16 * 8 * 8, 1000),
        "tpu_v4i_like": (4 * 128 * 128, 1050),
        "tpu_v1": (256 * 256, 700),
        "tpu_v2_like": (128 * 128, 700),
        "tpu_v3_like": (2 * 128 * 128, 940),
        "tpu_v4_like": (4 * 128 * 128, 1050),
    }
    for name, (pes, mhz) in expected.items():
        arch = read_architecture(name)
        assert (arch.pes, arch.clock_hz) == (pes, mhz * 1e6)
    kib = {m.name: m.size_bits / 8192 for m in read_architecture("shidiannao_like").memories}
    assert (kib["nb_in"], kib["nb_out"], kib["synapse_buffer"]) == (64, 64, 128)
    assert read_architecture("nvdla_like")["cbuf"].size_bits == 512 * 8192
    dadiannao = read_architecture("dadiannao")
    edram = sum(m.size_bits * dadiannao.instances(m.name) for m in dadiannao.memories if "edram" in m.name)
    assert edram == 36 * 8 * 2**20


def test_simba_s_buffers():
    # Shao et al., MICRO 2019, Table 1; 3 KiB hold 1024 sums of 24 bits, which are counted as words of 8.
    arch = read_architecture("simba_like")
    kib = {m.name: m.size_bits / 8192 for m in arch.memories}
    assert (kib["global_buffer"], kib["weight_buffer"], kib["input_buffer"]) == (64, 32, 8)
    assert arch["accumulation_buffer"].size_bits == 3 * 8192 / 24 * 8
    assert [arch.instances(name) for name in ("global_buffer", "weight_buffer", "weight_register")] == [1, 16, 1024]


def test_tpu_v4i_s_memories_and_peak():
    # Jouppi et al., ISCA 2021, Table 1: 128 MiB and 16 MiB on the chip, 614 GB/s, 138 TFLOPS.
    arch = read_architecture("tpu_v4i_like")
    mib = {m.name: m.size_bits / 2**23 for m in arch.memories}
    assert (mib["cmem"], mib["vmem"]) == (128, 16)
    assert arch["hbm"].bandwidth * arch.clock_hz / 8 == pytest.approx(614e9)
    assert 2 * arch.pes * arch.clock_hz / 1e12 == pytest.approx(138, abs=0.5)


@pytest.mark.parametrize(("name", "tflops", "gb_s"), [("tpu_v3_like", 123, 900), ("tpu_v4_like", 275, 1200)])
def test_tpu_v3_s_and_v4_s_peaks(name: str, tflops: float, gb_s: float):
    # Cloud TPU documentation, per chip of two cores.
    arch = read_architecture(name)
    assert 2 * 2 * arch.pes * arch.clock_hz / 1e12 == pytest.approx(tflops, rel=2e-3)
    assert 2 * arch.memories[0].bandwidth * arch.clock_hz / 8e9 == pytest.approx(gb_s)


@pytest.mark.parametrize("name", ["simba_like", "tpu_v4i_like"])
def test_channels_enough_and_pixels_enough_fill_the_array(name: str):
    # 512 by 512 channels and 128 x 128 pixels, in words as wide as the multipliers.
    arch = read_architecture(name)
    sizes = {"P": 128 * 128, "M": 512, "C": 512}
    layer = Layer.einsum("1x1", sizes, bits=arch.compute.bits, inputs="P C", weights="M C", outputs="P M")
    result = evaluate(layer, arch, None, Options(read_dataflow(arch.dataflow), OBJECTIVES["edp"], Sampled(runs=2)))
    assert result.active_pes == arch.pes
    assert result.compute_cycles == layer.macs / arch.pes
    assert result.utilization > 0.9


def test_tpu_v4i_has_an_output_a_column_and_a_filter_weight_a_row():
    # ResNet's first layer: 147 weights for each of 64 filters. Over channels alone three rows of 128 would have work.
    layer = read_workload("resnet18")["conv1"]
    assert isinstance(layer, Layer)
    arch = read_architecture("tpu_v4i_like")

    def active(flow: str) -> int:
        return evaluate(layer, arch, None, Options(read_dataflow(flow), OBJECTIVES["latency"], QUICK)).active_pes

    assert active("weight_stationary_channels") <= 4 * 3 * 64 < active(arch.dataflow) <= 4 * 128 * 64


def test_tpu_v4i_waits_for_weights_where_they_are_used_once():
    # New weights enter an MXU row by row, 128 in a cycle; a single sample uses each once. Here HBM is out of the way.
    layers = NetworkBuilder("fc", batch=1)
    layers.linear("fc", layers.input(1024), 1024)
    layer = layers.network()["fc"]
    assert isinstance(layer, Layer)
    arch = read_architecture("tpu_v4i_like", ["hbm.bandwidth=100000GB/s"])
    flow = read_dataflow(arch.dataflow)
    result = evaluate(layer, arch, None, Options(flow, OBJECTIVES["latency"], Sampled(runs=2, trials=4000)))
    assert result.cycles["mxu.weights"] == 1024 * 1024 / (4 * 128)
    assert result.utilization < 1 / 128


def test_nvdla_waits_for_weights_where_a_stripe_is_shorter_than_16_pixels():
    # NVDLA, Unit Description: weights of the next stripe take 16 cycles, and in a fully connected layer, whose stripe
    # is one atomic operation, efficiency falls to 6.25 %. Here the DRAM is taken out of the way.
    layers = NetworkBuilder("fc", batch=1)
    layers.linear("fc", layers.input(1024), 256)
    layer = layers.network()["fc"]
    assert isinstance(layer, Layer)
    arch = read_architecture("nvdla_like", ["dram.bandwidth=100000GB/s"])
    result = evaluate(
        layer, arch, None, Options(read_dataflow(arch.dataflow), OBJECTIVES["latency"], Sampled(runs=2, trials=4000))
    )
    assert result.cycles["cells.weights"] == 1024 * 256 / 64
    assert result.utilization == pytest.approx(0.0625, rel=1e-3)
