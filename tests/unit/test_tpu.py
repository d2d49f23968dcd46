"""What a layer costs where inputs and outputs stay on the chip, where it can be worked out by hand."""

from __future__ import annotations

import pytest

import sim
from sim.engines.systolic import evaluate, run_in_a_row
from sim.errors import ConfigError, MappingError, RoomError
from sim.mapping.nest import Mapping
from sim.results import LayerResult
from sim.schema.architecture import read_architecture
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer
from sim.workload.network import Network
from sim.workload.value import Format, Formats
from sim.workload.window import Window

WAY = 256 + 256 - 2  # cycles from the first row in to the last sum out, beyond those of the rows
TILE = 256 * 256 * 8 / (34e9 * 8 / 700e6)  # cycles until a tile's weights have come
HOST = 14e9 / 700e6  # bytes a cycle


def linear(batch: int, wide: int, high: int, bits: tuple[int, int] = (8, 8)) -> Network:
    layers = NetworkBuilder("fc", batch=batch, formats=Formats(Format(bits[0]), Format(bits[1]), Format(bits[0])))
    layers.linear("fc", layers.input(wide), high)
    return layers.network()


def run(network: Network, *sets: str) -> LayerResult:
    (result,) = run_in_a_row(network, read_architecture("tpu_v1", sets))
    return result


def test_one_tile():
    result = run(linear(200, 256, 256))
    parts = result.breakdown
    assert parts is not None
    comes = 200 * 256 / HOST
    assert comes > TILE  # so inputs are waited for, and then weights are there and have been shifted in
    assert (parts.active, parts.useful, parts.weight_stall, parts.weight_shift) == (200, 200, 0, 0)
    assert parts.input_stall == pytest.approx(2 * comes)
    assert parts.non_matrix == pytest.approx(2 * comes + WAY + 200)
    assert result.latency_cycles == pytest.approx(200 + parts.non_matrix)


def test_weights_that_come_last():
    result = run(linear(20, 512, 256), "host.bandwidth=1400GB/s")
    parts = result.breakdown
    assert parts is not None
    assert parts.active == 40
    # The second tile comes a tile's time after the first, which is used for 20 cycles after its shift.
    comes, leaves = 20 * 512 / HOST / 100, 20 * 256 / HOST / 100
    assert parts.weight_stall == pytest.approx(TILE - comes + TILE - 256 - 20)
    assert parts.weight_shift == pytest.approx(512)
    assert parts.input_stall == pytest.approx(comes + leaves)


@pytest.mark.parametrize(("bits", "passes"), [((8, 8), 1), ((16, 8), 2), ((8, 16), 2), ((16, 16), 4)])
def test_wider_operands_take_passes(bits: tuple[int, int], passes: int):
    result = run(linear(100, 256, 256, bits))
    assert result.compute_cycles == 100 * passes
    assert result.energy_breakdown["mac"] == pytest.approx(
        passes * run(linear(100, 256, 256)).energy_breakdown["mac"]
    )


def test_weights_come_in_whole_tiles_and_for_every_block():
    small = run(linear(96, 600, 600))
    assert small.actions["weight_dram"]["weights"].reads == 9 * 65536
    assert small.cycles["weight_dram"] == pytest.approx(9 * TILE)
    long = run(linear(4097, 512, 256))  # three blocks, as half of the accumulators has 2048 rows
    assert long.actions["weight_dram"]["weights"].reads == 3 * 2 * 65536
    assert run(linear(4097, 256, 256)).actions["weight_dram"]["weights"].reads == 65536


def test_words_of_sums():
    result = run(linear(100, 600, 256))
    sums, buffer = result.actions["accumulators"]["outputs"], result.actions["unified_buffer"]
    assert (sums.updates, sums.reads, sums.drains) == (3 * 25600, 2 * 25600, 25600)
    assert (buffer["inputs"].fills, buffer["inputs"].reads) == (60000, 60000)
    assert (buffer["outputs"].updates, buffer["outputs"].drains) == (25600, 25600)
    assert (result.actions["host"]["inputs"].reads, result.actions["host"]["outputs"].updates) == (60000, 25600)
    assert result.energy_pj == pytest.approx(sum(result.energy_breakdown.values()))


def test_a_fold_has_channels_of_one_place():
    layers = NetworkBuilder("conv", formats=Formats(Format(8), Format(8), Format(8)))
    layers.conv("conv", layers.input(16, 20, 20), 256, Window.of(3))
    network = layers.network()
    apart, together = run(network), run(network, "systolic.rows=window")
    assert apart.systolic is not None
    assert together.systolic is not None
    assert (apart.systolic.row_folds, together.systolic.row_folds) == (9, 1)
    assert apart.compute_cycles == 9 * together.compute_cycles
    assert (apart.active_pes, together.active_pes) == (16 * 256, 144 * 256)
    assert apart.actions["accumulators"]["outputs"].updates == 9 * 18 * 18 * 256


def test_only_the_ends_of_a_network_pass_the_host():
    result = sim.run("tpu_v1", "mlp0")
    passed = {layer.name: set(layer.actions.get("host", {})) for layer in result.layers if not layer.fused}
    assert passed["layer.0.fc"] == {"inputs"}
    assert passed["layer.4.fc"] == {"outputs"}
    assert not any(passed[f"layer.{i}.fc"] for i in (1, 2, 3))


def test_weights_of_the_next_layer_come_while_this_one_ends():
    chain, alone = sim.run("tpu_v1", "mlp0"), sim.run("tpu_v1", "mlp0", layers=["layer.2.fc"])
    stalls = chain["layer.2.fc"].breakdown, alone["layer.2.fc"].breakdown
    assert stalls[0] is not None
    assert stalls[1] is not None
    assert stalls[0].weight_stall < 64 * (TILE - 200 - 256)
    assert chain["layer.2.fc"].latency_cycles == pytest.approx(64 * TILE, rel=0.01)


def test_layers_alone_and_fused_ones():
    assert sim.run("tpu_v1", "mlp0", layers=["layer.0.relu"]).totals.latency_cycles == 0
    arch = read_architecture("tpu_v1")
    (layer,) = linear(200, 256, 256)
    assert isinstance(layer, Layer)
    assert evaluate(layer, arch).latency_cycles == run(linear(200, 256, 256)).latency_cycles
    with pytest.raises(MappingError, match="takes no mapping"):
        sim.run(arch, "mlp0", mappings={"layer.0.fc": Mapping(())})


def test_what_does_not_fit():
    with pytest.raises(RoomError, match=r"unified_buffer is too small for its inputs and outputs, 390\.6 MiB"):
        run(linear(100_000, 2048, 2048))
    with pytest.raises(RoomError, match="weight_fifo is too small for the weights of one fold"):
        run(linear(10, 256, 256), "weight_fifo.size=32KiB")


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("homes.inputs=nowhere",), "there is no memory 'nowhere'"),
        (("homes.inputs=accumulators",), "inputs and outputs have one home"),
        (("systolic.dataflow=os",), "tensors have homes where weights stay"),
        (("homes.weights=weight_fifo",), "between the home of weights and the array there is a memory for them"),
    ],
)
def test_homes_that_make_no_sense(sets: tuple[str, ...], message: str):
    with pytest.raises(ConfigError, match=message):
        read_architecture("tpu_v1", sets)


@pytest.mark.parametrize("key", ["rows=channels", "sums=32bit", "lanes=4"])
def test_keys_that_need_homes(key: str):
    with pytest.raises(ConfigError, match="for machines whose inputs and outputs have a home on the chip"):
        read_architecture("systolic_8x8_ws", [f"systolic.{key}"])


def test_passes_on_an_array_without_homes():
    plain, wide = (
        read_architecture("systolic_8x8_ws", sets) for sets in ((), ("systolic.passes=true", "mac.bits=8bit"))
    )
    layer = Layer.einsum("gemm", {"P": 50, "M": 8, "C": 8}, inputs="P C", weights="M C", outputs="P M")
    one, four = evaluate(layer, plain), evaluate(layer, wide)
    assert four.compute_cycles == 4 * one.compute_cycles
    assert four.energy_breakdown["mac"] == pytest.approx(4 * one.energy_breakdown["mac"] * (_mac(wide) / _mac(plain)))


def _mac(arch: sim.Architecture) -> float:
    from sim.components.table import node_costs

    return node_costs(arch)["mac"].op.value
