"""Which layers may be fused, what that costs where it can be counted by hand, and what it saves where it should."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import sim
from sim.arch.tree import Architecture, ArchitectureError, Compute, Fanout, Memory
from sim.components.table import node_costs
from sim.engines.options import EFFORTS, Options
from sim.engines.run import run_network
from sim.engines.vector import evaluate_load, evaluate_vector
from sim.errors import MappingError, TilenestError
from sim.fusion.plan import Planner
from sim.fusion.room import buffer_of
from sim.fusion.run import fuse_network
from sim.fusion.units import units_of
from sim.mapping.annealer import Sampled
from sim.mapping.check import check
from sim.mapping.counts import Actions
from sim.mapping.mapper import find_mapping
from sim.mapping.nest import For, Keep, Mapping
from sim.mapping.objective import OBJECTIVES
from sim.mapping.optimal import Optimal
from sim.results import Group, Result
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer, Tensor, VectorLayer
from sim.workload.network import Network
from sim.workload.window import Window
from tests.property.test_fusion import costs


def machine(words: float, roles: tuple[str, ...] = ("all",)) -> Architecture:
    """Only words of DRAM cost anything: 200 pJ each."""
    dram = Memory("dram", ("all",), math.inf, bandwidth=16, component=costs(read_pj=200, write_pj=200))
    return Architecture("hand", (dram, Memory("buffer", roles, 16 * words), Compute("mac")))


def fused(network: Network, arch: Architecture, goal: str = "energy", runs: int = 4) -> tuple[Result, Result]:
    options = Options(objective=OBJECTIVES[goal], strategy=Sampled(runs=runs, trials=1500))
    alone = run_network(network, arch, options)
    return alone, fuse_network(alone, network, arch, options)


# ---------------------------------------------------------------------------------------------- by hand


def two_products() -> Network:
    net = NetworkBuilder("net", batch=4)
    net.linear("b", net.linear("a", net.input(2), 3), 2)
    return net.network()


def test_two_products_hand_their_words_over_in_the_buffer() -> None:
    """4x2 by 2x3 by 3x2: 8 + 6 + 12 and 12 + 6 + 8 words alone; the 12 between them stay on the chip."""
    alone, result = fused(two_products(), machine(64))
    assert [layer.words("dram") for layer in alone.layers] == [26, 26]
    assert alone.totals.energy_pj == 52 * 200
    (group,) = result.groups
    assert group == Group(
        number=1,
        layers=("a", "b"),
        buffer="buffer",
        tiles=1,
        dim="",
        rows=1,
        overlap="none",
        residents=(),
        macs=48,
        energy_pj=28 * 200,
        latency_cycles=group.latency_cycles,
        latency_s=group.latency_cycles / 1e9,
        peak_bits=group.peak_bits,
        size_bits=64 * 16,
        outer_words=28,
        unfused_energy_pj=52 * 200,
        unfused_latency_cycles=alone.totals.latency_cycles,
        unfused_latency_s=alone.totals.latency_s,
        unfused_outer_words=52,
    )
    assert 12 * 16 < group.peak_bits <= 64 * 16
    assert result["a"].actions["dram"].keys() == {"inputs", "weights"}
    assert result["b"].actions["dram"].keys() == {"weights", "outputs"}
    assert result["b"].words("dram") == 6 + 8
    assert result["a"].actions["buffer"]["outputs"].drains == result["b"].actions["buffer"]["inputs"].fills == 0


def two_convolutions() -> Network:
    """12 words, windows of 3: 10 words, windows of 3: 8 words; the weights are 3 words each."""
    net = NetworkBuilder("net")
    window = Window.of((3, 1))
    net.conv("b", net.conv("a", net.input(1, 12, 1), 1, window), 1, window)
    return net.network()


def test_what_two_convolutions_move_in_two_tiles() -> None:
    """A tile of 4 rows takes 6 of the 10 rows between the layers; 2 of them were made for the tile before.

    With 13 words of room: 6 are held, 3 are the weights of the first layer, which stay; 4 are left, for a window of 3
    inputs, then for 3 weights and an output. The first tile takes 8 inputs for 6 rows, the second 6 for its 4 new
    ones; the other layer's weights come twice, and 8 words go out: 14 + 3 + 6 + 8 = 31. Alone, 25 + 21 words move.
    """
    alone, result = fused(two_convolutions(), machine(13), runs=10)
    assert [layer.words("dram") for layer in alone.layers] == [25, 21]
    (group,) = result.groups
    assert (group.tiles, group.dim, group.rows, group.overlap) == (2, "P", 4, "kept")
    assert group.residents == ("a.weights",)
    assert (group.outer_words, group.macs) == (31, 30 + 24)
    assert group.peak_bits == 13 * 16
    assert result["a"].words("dram") == 14 + 3
    assert result["b"].words("dram") == 6 + 8


def test_rows_that_two_tiles_need_are_made_again_or_kept_and_weights_stay_or_not() -> None:
    arch = machine(13)
    planner = Planner(units_of(two_convolutions()), arch, arch.memories[1])
    plans = list(planner.plans(0, 1))
    ways = [(len(p.tiling.tiles), p.tiling.keep, len(p.residents)) for p in plans]
    in_two = [(2, keep, stay) for keep in (False, True) for stay in range(3)]
    assert ways[:7] == [(1, False, 0), *in_two]
    assert {tiles for tiles, _, _ in ways} == {1, 2, 4, 8}  # what a row holds is a quarter of the buffer
    again = next(p for p in plans if len(p.tiling.tiles) == 2 and not p.tiling.keep)
    kept = next(p for p in plans if p.tiling.keep)
    made = [[tile[0].made for tile in p.tiling.tiles] for p in (again, kept)]
    assert made == [[(0, 6), (4, 10)], [(0, 6), (6, 10)]]


def test_room_that_others_hold_is_rounded_and_shared_out() -> None:
    arch = machine(64)
    planner = Planner(units_of(two_products()), arch, arch.memories[1])
    (plan,) = planner.plans(0, 1)
    (job,) = [planner.jobs[n] for n in plan.jobs[0]]
    assert job.homes == (("outputs", "buffer"),)
    assert dict(job.taken) == {"buffer": 64 * 16 - 768}  # 832 bits are left; 6 * 2**7 of them are given
    taken = job.machine(arch).memories[1]
    assert taken.room_bits == 768
    assert node_costs(job.machine(arch))["buffer"] == node_costs(arch)["buffer"]


def test_attention_in_tiles_of_heads() -> None:
    """Two heads with 4 x 4 scores each; queries, keys, values and the context are 16 words each."""
    net = NetworkBuilder("net")
    q, k, v = (net.linear(name, net.input(4, 4), 4) for name in "qkv")
    scores = net.matmul("scores", net.heads(q, 2), net.heads(k, 2, transposed=True))
    net.matmul("context", net.vector("softmax", "softmax", scores), net.heads(v, 2))
    network = net.network().only(["scores", "softmax", "context"])
    alone, result = fused(network, machine(60))
    assert [layer.words("dram") for layer in alone.layers] == [16 + 16 + 32, 64, 32 + 16 + 16]
    (group,) = result.groups
    assert group.layers == ("scores", "softmax", "context")
    assert group.outer_words == 4 * 16  # queries, keys and values in, the context out
    assert [layer.words("dram") for layer in result.layers] == [32, 0, 32]


# ---------------------------------------------------------------------------------------------- what may be fused


def residual() -> Network:
    net = NetworkBuilder("net")
    x = net.vector("relu0", "relu", net.conv("first", net.input(4, 8, 8), 4, Window.of(3, padding=1)))
    y = net.vector("relu1", "relu", net.conv("a", x, 4, Window.of(3, padding=1)))
    z = net.conv("b", y, 4, Window.of(3, padding=1))
    net.conv("last", net.vector("relu2", "relu", net.elementwise("add", "add", z, x)), 4, Window.of(1))
    return net.network()


def groups_of(network: Network, arch: Architecture) -> set[str]:
    units = units_of(network)
    planner = Planner(units, arch, buffer_of(arch))
    names = [unit.layer.name for unit in units]
    every = range(len(units))
    return {"-".join(names[i : j + 1]) for i in every for j in every if planner.is_group(i, j)}


def test_what_is_fused_into_a_layer_goes_with_it() -> None:
    units = units_of(residual())
    assert [unit.members for unit in units] == [
        ("first", "relu0"), ("a", "relu1"), ("b",), ("add",), ("relu2",), ("last",)
    ]  # fmt: skip
    assert [unit.takers for unit in units] == [(1, 3), (2,), (3,), (4,), (5,), ()]
    assert [unit.leaves for unit in units] == [False] * 5 + [True]


def test_nobody_outside_takes_what_a_group_makes_but_at_its_end() -> None:
    whole = "first-a-b-add-relu2-last"
    starts = ["first-a-b-add", "first-a-b-add-relu2", whole]
    rest = {"a-b", "a-b-add", "a-b-add-relu2", "a-b-add-relu2-last", "b-add", "b-add-relu2", "b-add-relu2-last"}
    assert groups_of(residual(), machine(9)) == {*starts, *rest, "add-relu2", "add-relu2-last", "relu2-last"}


def test_an_output_of_the_network_is_written_out() -> None:
    network = replace(two_products(), outputs=("a",))
    assert groups_of(network, machine(9)) == set()
    assert groups_of(residual().only(["a", "relu1", "b"]), machine(9)) == {"a-b"}
    assert groups_of(residual().only(["first", "relu0", "a", "relu1", "b"]), machine(9)) == {
        "a-b"
    }  # `add` takes what `first` makes, too


def test_the_buffer_must_be_for_what_is_handed_over() -> None:
    net = NetworkBuilder("net")
    x = net.linear("x", net.input(4), 4)
    net.matmul("y", net.view(net.input(4), 1, 4), net.view(x, 4, 1))
    assert groups_of(net.network(), machine(9)) == {"x-y"}
    assert groups_of(net.network(), machine(9, ("inputs", "outputs"))) == set()  # it is the weights of `y`


def test_a_machine_without_such_a_buffer_is_refused() -> None:
    with pytest.raises(TilenestError, match="hand cannot fuse layers: there must be one memory on the chip"):
        fused(two_products(), machine(64, ("inputs", "weights")))
    many = Architecture("many", (machine(9).nodes[0], Fanout("pes", 2), *machine(9).nodes[1:]))
    with pytest.raises(TilenestError, match="many cannot fuse layers"):
        buffer_of(many)
    with pytest.raises(TilenestError, match="only machines of class spatial can, not photonic"):
        buffer_of(replace(machine(9), engine="photonic"))


def test_a_layer_that_does_not_fit_is_what_it_is_without_fusing() -> None:
    flow = sim.load_dataflow("row_stationary")
    arch = sim.load_arch("eyeriss", set={"psum_spad.size": "2 B", "weights_spad.size": "2 B"})
    with pytest.raises(MappingError) as alone:
        sim.run(arch, "alexnet", layers=["conv1"], dataflow=flow)
    with pytest.raises(MappingError) as together:
        sim.run(arch, "alexnet", layers=["conv1"], dataflow=flow, fuse=True)
    assert str(alone.value) == str(together.value)


def test_mappings_by_hand_are_not_for_groups() -> None:
    nest = Mapping((Keep("dram", ("inputs", "weights", "outputs")),))
    with pytest.raises(TilenestError, match="it takes none by hand"):
        sim.run(machine(64), two_products(), fuse=True, mappings={"a": nest})


def test_limits_hold_for_a_layer_over_all_tiles() -> None:
    options = Options(objective=OBJECTIVES["energy"], strategy=Sampled(runs=2, trials=500))
    alone = run_network(two_products(), machine(64), options)
    limited = replace(options, objective=replace(options.objective, most_cycles=alone["a"].latency_cycles))
    result = fuse_network(alone, two_products(), machine(64), limited)
    for layer in result.layers:
        assert layer.latency_cycles <= limited.objective.most_cycles


# ---------------------------------------------------------------------------------------------- homes


GEMM = two_products().mac_layers[0]
AT_HOME = replace(machine(64), homes=(("outputs", "buffer"),))


def test_a_home_is_one_memory() -> None:
    many = Architecture("many", (machine(9).nodes[0], Fanout("pes", 2), *machine(9).nodes[1:]))
    with pytest.raises(ArchitectureError, match="buffer cannot be the home of outputs, as it is not one memory"):
        replace(many, homes=(("outputs", "buffer"),))
    with pytest.raises(ArchitectureError, match="mac cannot be the home"):
        replace(many, homes=(("outputs", "mac"),))


def test_a_tensor_is_kept_at_home_first() -> None:
    loops = (For("N", 4), For("M", 3), For("C", 2))
    good = Mapping((Keep("dram", ("inputs", "weights")), Keep("buffer", ("outputs",)), *loops))
    check(good, GEMM, AT_HOME)
    bad = Mapping((Keep("dram", ("inputs", "weights", "outputs")), *loops))
    with pytest.raises(MappingError, match="outputs must be kept in buffer before any loop"):
        check(bad, GEMM, AT_HOME)


def test_what_is_taken_is_no_room_and_a_tensor_at_home_is_no_tile() -> None:
    dram, buffer, mac = AT_HOME.nodes
    assert isinstance(buffer, Memory)
    full = replace(AT_HOME, nodes=(dram, replace(buffer, taken_bits=buffer.size_bits - 16 * 2), mac))
    loops = (For("N", 4), For("M", 3), For("C", 2))
    check(Mapping((Keep("dram", ("inputs", "weights")), Keep("buffer", ("outputs",)), *loops)), GEMM, full)
    items = (Keep("dram", ("inputs", "weights")), Keep("buffer", ("outputs", "inputs")), *loops)
    with pytest.raises(
        MappingError, match="buffer has room for 32 bit and its tiles need 128, 96 too many: inputs 8"
    ):
        check(Mapping(items), GEMM, full)
    found = find_mapping(GEMM, full, strategy=Sampled(runs=1, trials=300))
    check(found.mapping, GEMM, full)


@pytest.mark.parametrize("homes", [("outputs",), ("inputs", "weights"), ("inputs", "weights", "outputs")])
def test_the_exact_mapper_proves_where_tensors_are_at_home_on_the_chip(homes: tuple[str, ...]) -> None:
    arch = replace(machine(64), homes=tuple((tensor, "buffer") for tensor in homes))
    found = find_mapping(GEMM, arch, strategy=Optimal())
    check(found.mapping, GEMM, arch)
    assert found.optimal
    assert found.value <= find_mapping(GEMM, arch, strategy=Sampled()).value * (1 + 1e-9)


def test_a_layer_in_parts_is_proved_optimal_if_its_parts_are() -> None:
    alone = run_network(two_products(), machine(64), Options(strategy=Optimal()))
    fused = fuse_network(alone, two_products(), machine(64), Options(strategy=Optimal()))
    assert [(layer.group, layer.optimal, layer.gap) for layer in fused.layers if layer.macs] == 2 * [(1, True, 0.0)]
    sampled = fuse_network(alone, two_products(), machine(64), Options(strategy=Sampled(runs=2, trials=500)))
    assert [(layer.group, layer.optimal, layer.gap) for layer in sampled.layers if layer.macs] == 2 * [
        (1, None, None)
    ]


def test_a_vector_layer_reads_and_writes_at_home() -> None:
    add = VectorLayer("add", "add", (("inputs", 10), ("inputs2", 10)), 10, 10)
    away = evaluate_vector(add, machine(64))
    home = evaluate_vector(add, replace(machine(64), homes=(("inputs2", "buffer"), ("outputs", "buffer"))))
    assert away.actions["dram"] == {"inputs": Actions(reads=20), "outputs": Actions(updates=10)}
    assert home.actions["dram"] == {"inputs": Actions(reads=10)}
    assert home.actions["buffer"] == {"inputs": Actions(fills=10, reads=20), "outputs": Actions(updates=10)}
    assert away.energy_pj - home.energy_pj == 20 * 200


def test_what_stays_is_brought_in_once() -> None:
    arch = machine(64)
    load = evaluate_load("weights", Tensor("weights", "weights", ()), 6, arch.memories[1], arch)
    assert load.actions == {"dram": {"weights": Actions(reads=6)}, "buffer": {"weights": Actions(fills=6)}}
    assert (load.energy_pj, load.latency_cycles) == (6 * 200, 6)


# ---------------------------------------------------------------------------------------------- where it should save


@pytest.mark.parametrize("arch", ["simple_ws", "simba_like", "eyeriss_isca16"])
def test_attention_of_bert_keeps_scores_on_the_chip(arch: str) -> None:
    layers = ["layer.0.scores", "layer.0.attention", "layer.0.context"]
    result = sim.run(arch, "bert_base", layers=layers, fuse=True)
    (group,) = result.groups
    assert group.dim == "H"
    assert group.outer_words == 4 * 128 * 768
    assert group.unfused_outer_words == 4 * 128 * 768 + 4 * 12 * 128 * 128
    assert group.energy_pj < 0.6 * group.unfused_energy_pj


def test_a_block_of_resnet_saves_the_way_between_its_layers() -> None:
    result = sim.run("simple_ws", "resnet18", layers="conv2.1.*", objective="energy", fuse=True)
    (group,) = result.groups
    assert group.layers[-1] == "conv2.1.relu"
    assert group.energy_pj < 0.6 * group.unfused_energy_pj
    assert group.peak_bits <= group.size_bits == 256 * 8192


def test_with_room_for_all_of_it_resnet_is_one_group() -> None:
    options = Options(sim.load_dataflow("weight_stationary_systolic"), strategy=EFFORTS["low"])
    arch, network = sim.load_arch("tpu_v4i_like"), sim.load_workload("resnet18")
    alone = run_network(network, arch, options)
    result = fuse_network(alone, network, arch, options)
    (group,) = result.groups
    assert len(group.layers) == len(network)
    weights = network.weight_words
    image = 3 * 224 * 224
    assert weights + image + 1000 <= group.outer_words < 1.05 * (weights + image + 1000)
    assert isinstance(network["conv1"], Layer)
