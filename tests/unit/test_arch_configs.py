"""Do all shipped machines and dataflows load, say where they come from, and work together?"""

import math

import pytest

from sim.arch.library import names
from sim.components.table import describe
from sim.engines.options import Options
from sim.engines.spatial import evaluate
from sim.mapping.dataflow import check_host
from sim.mapping.mapper import Effort
from sim.report.dataflow_page import hosts, nest_lines
from sim.schema.architecture import read_architecture
from sim.schema.dataflow import read_dataflow
from sim.schema.workload import read_workload
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer

ARCHS = names("arch_configs")
DATAFLOWS = names("dataflows")
QUICK = Effort(runs=1, trials=500)


def test_the_machines_that_people_expect():
    expected = {"eyeriss", "eyeriss_isca16", "simple_ws", "simple_os", "nvdla_like", "shidiannao_like"}
    assert {*expected, "dadiannao"} <= set(ARCHS)


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


@pytest.mark.parametrize("name", ARCHS)
def test_a_machine_hosts_its_own_dataflow(name: str):
    arch = read_architecture(name)
    check_host(read_dataflow(arch.dataflow), arch)


def small_layers() -> tuple[Layer, ...]:
    return tuple(read_workload("alexnet").only(["conv5", "fc8"]).mac_layers)


@pytest.mark.parametrize("layer", small_layers(), ids=lambda layer: layer.kind)
@pytest.mark.parametrize("name", ARCHS)
def test_a_machine_runs_a_convolution_and_a_linear_layer(name: str, layer: Layer):
    arch = read_architecture(name)
    result = evaluate(layer, arch, None, Options(read_dataflow(arch.dataflow), "edp", QUICK))
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
    reasons = hosts(read_dataflow(name), map(read_architecture, ARCHS))
    assert any(not reason for _, reason in reasons)


def test_published_sizes():
    # PEs and clock in MHz, then capacities, as in the papers that the files name; NVDLA's clock is an assumption.
    expected = {
        "eyeriss": (168, 200),
        "nvdla_like": (16 * 64, 1000),
        "shidiannao_like": (64, 1000),
        "dadiannao": (16 * 256, 606),
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


def test_nvdla_waits_for_weights_where_a_stripe_is_shorter_than_16_pixels():
    # NVDLA, Unit Description: weights of the next stripe take 16 cycles, and in a fully connected layer, whose stripe
    # is one atomic operation, efficiency falls to 6.25 %. Here the DRAM is taken out of the way.
    layers = NetworkBuilder("fc", batch=1)
    layers.linear("fc", layers.input(1024), 256)
    layer = layers.network()["fc"]
    assert isinstance(layer, Layer)
    arch = read_architecture("nvdla_like", ["dram.bandwidth=100000GB/s"])
    result = evaluate(
        layer, arch, None, Options(read_dataflow(arch.dataflow), "latency", Effort(runs=2, trials=4000))
    )
    assert result.cycles["cells.weights"] == 1024 * 256 / 64
    assert result.utilization == pytest.approx(0.0625, rel=1e-3)
