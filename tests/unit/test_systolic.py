"""What a layer costs on a systolic array, where it can be worked out by hand."""

from __future__ import annotations

import pytest

import sim
from sim.components.table import node_costs
from sim.engines.systolic import evaluate
from sim.errors import ConfigError, RoomError, TilenestError
from sim.report.systolic_trace import trace
from sim.results import LayerResult
from sim.schema.architecture import read_architecture
from sim.workload.layer import Layer


def gemm(x: int, n: int, k: int) -> Layer:
    return Layer.einsum("gemm", {"P": x, "M": n, "C": k}, inputs="P C", weights="M C", outputs="P M")


def run(layer: Layer, *sets: str) -> LayerResult:
    return evaluate(layer, read_architecture("systolic_8x8_ws", sets))


@pytest.mark.parametrize(
    ("dataflow", "overlap", "cycles"),
    [
        # One fold of 8 x 8: SCALE-Sim's lines, and 7 more where sums that stayed have to come down.
        ("ws", "false", 8 + 20 + 8 + 8 - 2),
        ("is", "false", 8 + 8 + 8 + 8 - 2),
        ("os", "false", 8 + 8 + 8 - 2 + 7),
    ],
)
def test_one_fold(dataflow: str, overlap: str, cycles: int):
    x = 20 if dataflow == "ws" else 8
    assert run(gemm(x, 8, 8), f"systolic.dataflow={dataflow}", f"systolic.overlap={overlap}").compute_cycles == cycles


def test_folds_that_overlap_hide_loading_and_draining():
    layer = gemm(100, 8, 80)  # 10 folds of 100 steps
    assert run(layer, "systolic.overlap=false").compute_cycles == 10 * (8 + 100 + 8 + 8 - 2)
    assert run(layer).compute_cycles == 8 + 10 * 100 + 8 + 8 - 2
    short = gemm(3, 8, 80)  # loading takes longer than the steps
    assert run(short).compute_cycles == 8 + 9 * 8 + 3 + 8 + 8 - 2


def test_an_edge_fold_takes_what_it_needs():
    whole, edge = (run(gemm(50, n, 8), "systolic.overlap=false").compute_cycles for n in (16, 10))
    assert whole - edge == 6  # columns to cross
    by_scalesim = [run(gemm(50, n, 8), "systolic.timing=scalesim").compute_cycles for n in (16, 10)]
    assert by_scalesim == [whole, whole]


def test_words_and_energy_of_one_fold():
    layer = gemm(20, 8, 8)
    arch = read_architecture("systolic_8x8_ws")
    result = evaluate(layer, arch)
    actions = result.actions
    assert (actions["dram"]["inputs"].reads, actions["dram"]["weights"].reads) == (160, 64)
    assert actions["dram"]["outputs"].updates == 160
    assert actions["input_sram"]["inputs"].reads == 160
    assert actions["weight_sram"]["weights"].reads == 64
    assert (actions["output_sram"]["outputs"].updates, actions["output_sram"]["outputs"].reads) == (160, 0)
    registers = actions["registers"]
    assert registers["inputs"].fills == registers["inputs"].reads == 20 * 8 * 8
    # A weight of row q goes through q + 1 registers, and into the one that is in use.
    assert registers["weights"].fills == 8 * 36 + 64
    assert registers["weights"].reads == 8 * 28 + 64 + 20 * 64
    assert (registers["outputs"].updates, registers["outputs"].drains) == (20 * 8 * 8, 160)
    costs = node_costs(arch)
    word = costs["dram"].read.value * 16 / 64
    assert result.energy_breakdown["dram"] == pytest.approx((160 + 64 + 160) * word)
    assert result.energy_breakdown["mac"] == pytest.approx(20 * 64 * costs["mac"].op.value)
    hops = 20 * 8 * 7 + 8 * 28 + 20 * 8 * 7
    assert result.energy_breakdown["array"] == pytest.approx(hops * costs["array.all"].word_pj(16))
    assert result.energy_pj == pytest.approx(sum(result.energy_breakdown.values()))
    assert result.utilization == pytest.approx(layer.macs / (64 * result.latency_cycles))


def test_sums_that_do_not_fit_go_and_come_back():
    layer, small = gemm(200, 8, 24), "output_sram.size=1KiB"  # 3 folds; half the memory holds 32 of 200 steps
    outputs = run(layer, small).actions["dram"]["outputs"]
    assert (outputs.updates, outputs.reads) == (3 * 1600, 2 * 1600)
    assert run(layer).actions["dram"]["outputs"].updates == 1600
    by_scalesim = run(layer, "systolic.timing=scalesim").actions["dram"]["outputs"]
    assert (by_scalesim.updates, by_scalesim.reads) == (3 * 1600, 0)  # one of its mistakes


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("timing", ["tilenest", "scalesim"])
def test_the_least_there_can_be(dataflow: str, timing: str):
    sets = (f"systolic.dataflow={dataflow}", f"systolic.timing={timing}", "array.x=1", "array.y=1")
    small = (f"{memory}.size=4 B" for memory in ("input_sram", "weight_sram", "output_sram"))
    one = run(gemm(1, 1, 1), *sets, *small)
    assert one.compute_cycles == (1 if dataflow == "os" else 2)
    assert one.utilization > 0


def test_a_slow_dram_stalls_the_array():
    layer = gemm(64, 64, 64)
    fast, slow = run(layer), run(layer, "dram.bandwidth=1 bit/cycle", "dram.latency=0 cycle", "dram.burst=1 bit")
    assert slow.compute_cycles == fast.compute_cycles
    assert slow.bound_by == "dram"
    words = sum(a.reads + a.updates for a in slow.actions["dram"].values())
    assert slow.cycles["dram"] == words * 16
    assert slow.cycles["dram"] <= slow.latency_cycles <= slow.cycles["dram"] + slow.compute_cycles
    assert slow.systolic is not None
    assert slow.systolic.stall_cycles == slow.cycles["stalls"] > 0


def test_bursts_and_latency():
    layer, plain = gemm(8, 8, 8), ("dram.bandwidth=64 bit/cycle", "dram.latency=0 cycle", "dram.burst=1 bit")
    base = run(layer, *plain)
    assert run(layer, *plain, "dram.latency=30 cycle").cycles["first"] == base.cycles["first"] + 30
    wide = run(layer, *plain, "dram.burst=4096 bit")  # 1024 bit take 64 cycles of a burst
    assert (base.cycles["dram"], wide.cycles["dram"]) == (3 * 16, 3 * 64)


def test_a_network_runs_and_goes_to_json():
    result = sim.run("systolic_32x32_ws", "mobilenet_v1", layers=["conv1", "conv2*", "pool*", "fc"])
    assert result.provenance.mapper == "none"
    assert result.provenance.dataflow == "ws"
    depthwise = next(layer for layer in result.layers if layer.kind == "depthwise")
    assert depthwise.systolic is not None
    assert depthwise.systolic.groups > 1
    assert depthwise.active_pes == 9
    assert all(layer.systolic is None for layer in result.layers if not layer.macs)
    assert result.to_dict()["layers"][0]["systolic"]["timing"] == "tilenest"
    assert "timing tilenest" in str(result)


def several(layer: Layer, arrays: int, *sets: str) -> LayerResult:
    return evaluate(layer, read_architecture("tpu_v4_like", [f"matrix_units={arrays}", *sets]))


def test_several_arrays_divide_channels():
    layer, by = gemm(200, 512, 128), "systolic.divide=channels"
    one, two, four = several(layer, 1), several(layer, 2, by), several(layer, 4, by)
    for result, arrays in ((one, 1), (two, 2), (four, 4)):
        assert result.systolic is not None
        assert result.systolic.column_folds == 4 / arrays
        assert result.compute_cycles == 128 + 4 / arrays * 200 + 128 + 128 - 2
        assert result.actions["vmem"]["inputs"].reads == 200 * 128 * 4 / arrays  # once for all that take them
        assert result.actions["registers"]["inputs"].reads == 200 * 512 * 128
        assert result.active_pes == arrays * 128 * 128
    # Each array is paid for the words that it gets and gives: inputs for 4 x 128 columns, weights, and outputs.
    word = node_costs(read_architecture("tpu_v4_like"))["mxus.all"].word_pj(16)
    assert four.energy_breakdown["mxus"] == pytest.approx((4 * 200 * 128 + 512 * 128 + 200 * 512) * word)
    assert one.energy_breakdown["mxus"] == pytest.approx(four.energy_breakdown["mxus"])


def test_several_arrays_divide_outputs():
    layer, by = gemm(1000, 128, 256), "systolic.divide=outputs"
    one, four = several(layer, 1), several(layer, 4, by)
    assert one.systolic is not None
    assert four.systolic is not None
    assert (one.systolic.divided, four.systolic.divided) == ("", "outputs")
    assert (one.systolic.row_folds, four.systolic.row_folds, four.systolic.steps) == (2, 2, 250)
    assert four.compute_cycles == 128 + 2 * 250 + 128 + 128 - 2
    assert four.actions["vmem"]["weights"].reads == one.actions["vmem"]["weights"].reads == 128 * 256
    assert four.actions["registers"]["weights"].fills == 4 * one.actions["registers"]["weights"].fills
    assert four.actions["hbm"] == one.actions["hbm"]
    assert four.active_pes == 4 * 128 * 128
    word = node_costs(read_architecture("tpu_v4_like"))["mxus.all"].word_pj(16)
    assert four.energy_breakdown["mxus"] == pytest.approx((1000 * 256 + 4 * 256 * 128 + 2 * 1000 * 128) * word)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_arrays_divide_what_takes_less_time(dataflow: str):
    for layer, better in ((gemm(4096, 128, 128), "outputs"), (gemm(128, 4096, 128), "channels")):
        how = [f"systolic.dataflow={dataflow}"]
        best, *both = (several(layer, 4, *how, f"systolic.divide={d}") for d in ("best", "outputs", "channels"))
        assert best == min(both, key=lambda result: result.latency_cycles)
        assert best.systolic is not None
        assert best.systolic.divided == better
        assert both[0].latency_cycles != both[1].latency_cycles


def test_arrays_divide_what_there_is_room_for():
    layer, columns = gemm(4096, 128, 128), "mxu.x=8"  # 128 x 32 weights of a fold, or the same 128 x 8 for all arrays
    roomy = several(layer, 4, columns, "scratchpad=100 KiB").systolic
    assert roomy is not None
    assert roomy.divided == "channels"
    tight = several(layer, 4, columns, "scratchpad=16 KiB").systolic
    assert tight is not None
    assert tight.divided == "outputs"
    with pytest.raises(RoomError, match="128 x 32 weights of a fold are 65536 bit"):
        several(layer, 4, columns, "scratchpad=1 KiB")


def test_several_arrays_with_inputs_and_outputs_at_home(tmp_path):
    file = tmp_path / "two.yaml"
    grid = "  - {fanout: units, x: 2, after: accumulators}\n"
    file.write_text(f"extend: tpu_v1\nname: two\nsystolic: {{arrays: units}}\nhierarchy:\n{grid}")
    sets = ["host.bandwidth=1TB/s", "weight_dram.bandwidth=1TB/s", "weight_dram.burst=8bit", "weight_fifo.size=1MiB"]
    sizes = {"P": 500, "M": 1024, "C": 256}
    layer = Layer.einsum("gemm", sizes, bits=8, inputs="P C", weights="M C", outputs="P M")
    one = evaluate(layer, read_architecture("tpu_v1", sets))
    by = {
        d: evaluate(layer, read_architecture(file, [*sets, f"systolic.divide={d}"])) for d in ("channels", "outputs")
    }
    assert [r.compute_cycles for r in (one, *by.values())] == [2000, 1000, 1000]
    read = {name: r.actions["unified_buffer"]["inputs"].reads for name, r in by.items()}
    assert 2 * read["channels"] == read["outputs"] == one.actions["unified_buffer"]["inputs"].reads
    assert all(r.actions["weight_dram"] == one.actions["weight_dram"] for r in by.values())
    shifted = {name: r.actions["registers"]["weights"].fills for name, r in by.items()}
    assert shifted["outputs"] == 2 * shifted["channels"]
    assert evaluate(layer, read_architecture(file, sets)) == min(by.values(), key=lambda r: r.latency_cycles)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("systolic.arrays=mxu",), "several systolic arrays are two fanouts, mxu and within it that of the PEs"),
        (("systolic.timing=scalesim",), "SCALE-Sim's timing is for one array"),
        (("systolic.divide=rows",), "systolic.divide is 'rows'"),
    ],
)
def test_mistakes_with_several_arrays(sets: tuple[str, ...], message: str):
    with pytest.raises(ConfigError, match=message):
        read_architecture("tpu_v3_like", sets)


def test_one_array_divides_nothing():
    with pytest.raises(ConfigError, match="one array divides nothing among others"):
        read_architecture("systolic_8x8_ws", ["systolic.divide=outputs"])


def test_several_arrays_cannot_be_watched():
    with pytest.raises(TilenestError, match="tpu_v3_like has 2 arrays, and only one can be watched"):
        trace(gemm(2, 2, 2), read_architecture("tpu_v3_like"))
