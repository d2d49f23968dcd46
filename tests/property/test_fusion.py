"""Is the grouping the best of all, does a tile hold all that it takes, and are words of groups conserved?"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture, Component, Compute, Given, Memory
from sim.engines.options import Options
from sim.engines.run import run_network
from sim.fusion.choose import Cost, best_grouping
from sim.fusion.plan import Plan, Planner
from sim.fusion.room import held_bits, room_of
from sim.fusion.run import attempt, fuse_network
from sim.fusion.tiles import Tiling, cut, follow
from sim.fusion.units import Unit, units_of
from sim.mapping.annealer import Sampled
from sim.mapping.objective import OBJECTIVES, Objective
from sim.reference.grouping import least_score
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer, Rank, VectorLayer
from sim.workload.network import Network
from sim.workload.window import Window

examples = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


# ---------------------------------------------------------------------------------------------- the best grouping


@st.composite
def chains(draw: st.DrawFn) -> tuple[int, dict[tuple[int, int], list[Cost]]]:
    """The ways to run groups of up to five units: some have none, every unit has one alone."""
    units = draw(st.integers(1, 5))
    number = st.integers(1, 20).map(float)
    ways = {}
    for first in range(units):
        for last in range(first, units):
            least = 1 if first == last else 0
            ways[first, last] = draw(st.lists(st.tuples(number, number, number), min_size=least, max_size=3))
    return units, ways


GOALS = st.one_of(
    st.sampled_from(list(OBJECTIVES.values())),
    st.builds(Objective, *[st.sampled_from([0.0, 0.5, 1.0, 2.0])] * 3),
)


@examples
@given(chains(), GOALS)
def test_the_grouping_is_the_best_of_all(
    chain: tuple[int, dict[tuple[int, int], list[Cost]]], objective: Objective
) -> None:
    units, ways = chain
    grouping = best_grouping(units, ways, objective)
    assert [first for first, _, _ in grouping] == [0, *(last + 1 for _, last, _ in grouping[:-1])]
    assert grouping[-1][1] == units - 1
    costs = [ways[first, last][way] for first, last, way in grouping]
    score = objective.score(*(sum(column) for column in zip(*costs, strict=True)))
    assert score == pytest.approx(least_score(units, ways, objective), abs=1e-9)


# ---------------------------------------------------------------------------------------------- what tiles hold


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Convolutions, pools and additions on maps of two channels; each takes the one before, additions another."""
    net = NetworkBuilder("net", batch=draw(st.integers(1, 2)))
    values = [net.input(2, draw(st.integers(4, 14)), draw(st.integers(1, 3)))]
    for i in range(draw(st.integers(2, 5))):
        x = values[-1]
        rows = draw(st.sampled_from([1, 3, 3, 5]))
        pad = draw(st.integers(0, rows // 2))
        alike = [v for v in values[:-1] if v.shape == x.shape]
        kind = draw(st.sampled_from(["conv", "conv", "pool", *(["add"] if alike else [])]))
        if kind == "add":
            values.append(net.elementwise(f"add{i}", "add", x, draw(st.sampled_from(alike))))
            continue
        if x.shape[2] + 2 * pad < rows:
            break
        window = Window.of((rows, 1), (draw(st.integers(1, 2)), 1), (pad, 0))
        values.append(
            net.conv(f"conv{i}", x, 2, window) if kind == "conv" else net.pool(f"pool{i}", "max", x, window)
        )
    assume(len(values) > 2)
    return net.network()


def groups(units: tuple[Unit, ...]) -> list[tuple[int, int]]:
    planner = Planner(units, ROOMY, ROOMY.memories[1])
    return [(i, j) for i in range(len(units)) for j in range(len(units)) if planner.is_group(i, j)]


def touched(unit: Unit, tensor: str, dim: str, span: tuple[int, int]) -> set[int]:
    """Indices of an operand that exist and are touched, point by point."""
    layer = unit.access
    assert layer is not None
    (rank,) = [r for r in layer.tensor(tensor).ranks if dim in r.dims]
    shifted = Rank(rank.terms, rank.offset + dict(rank.terms)[dim] * span[0], rank.extent)
    return set(shifted.indices(layer.sizes | {dim: span[1] - span[0]}))


class Buffer:
    """Runs the units of a group tile by tile, and notes which rows have been made and are still to be taken."""

    def __init__(self, units: tuple[Unit, ...], tiling: Tiling) -> None:
        self.units, self.tiling = units, tiling
        self.order = [(t, k) for t in range(len(tiling.tiles)) for k in sorted(tiling.along)]
        self.takes: dict[tuple[int, int], dict[int, set[int]]] = {at: self._takes(*at) for at in self.order}

    def _takes(self, t: int, k: int) -> dict[int, set[int]]:
        out: dict[int, set[int]] = defaultdict(set)
        span, dim = self.tiling.tiles[t][k].made, self.tiling.along[k].dim
        assert dim is not None
        for feed in self.units[k].feeds:
            if feed.source >= self.tiling.first and span[0] < span[1]:
                out[feed.source] |= touched(self.units[k], feed.tensor, dim, span)
        return out

    def run(self) -> dict[tuple[int, int], dict[int, set[int]]]:
        """Rows of each maker that have been made and will be taken, while a unit runs in a tile."""
        there: dict[int, set[int]] = defaultdict(set)
        out = {}
        for i, (t, k) in enumerate(self.order):
            if k == self.tiling.first and not self.tiling.keep:
                there.clear()
            made = set(range(*self.tiling.tiles[t][k].made))
            for maker, rows in self.takes[t, k].items():
                assert rows <= there[maker]
            there[k] |= made
            later = [at for at in self.order[i:] if self.tiling.keep or at[0] == t]
            wanted = {m: set().union(*(self.takes[at].get(m, set()) for at in later)) for m in self.tiling.along}
            out[t, k] = {m: there[m] & wanted[m] for m in self.tiling.along if m != self.tiling.last}
        return out


@examples
@given(networks(), st.data())
def test_what_a_tile_takes_is_there_and_has_room(network: Network, data: st.DataObject) -> None:
    units = units_of(network)
    possible = groups(units)
    assume(possible)
    first, last = data.draw(st.sampled_from(possible))
    along = follow(units, first, last, axis=data.draw(st.sampled_from([0, 2])))
    assert along is not None
    rows, keep = data.draw(st.integers(1, along[last].size)), data.draw(st.booleans())
    tiling = cut(units, first, last, along, rows, keep)
    for k, own in along.items():
        made = [set(range(*tile[k].made)) for tile in tiling.tiles]
        assert set().union(*made) == set(range(own.size))
        if keep or k == last:
            assert sum(map(len, made)) == own.size
        for before, after in pairwise(tiling.tiles):
            assert before[k].held[0] <= after[k].held[0]
    room = [room_of(units, k) for k in range(len(units))]
    held = held_bits(units, room, tiling)
    for (t, k), there in Buffer(units, tiling).run().items():
        bits = {m: len(rows_) * room[m] // along[m].size for m, rows_ in there.items()}
        made = tiling.tiles[t][k].made
        in_place = units[k].layer.kind == "add" and k < last  # what it makes takes the place of what it takes
        assert held[t][k] >= sum(bits.values()) - in_place * (made[1] - made[0]) * room[k] // along[k].size


# ---------------------------------------------------------------------------------------------- words of a group


def costs(**pj: float) -> Component:
    return Component(given=tuple((name, Given(value, "assumed")) for name, value in pj.items()))


ROOMY = Architecture(
    "roomy",
    (
        Memory("dram", ("all",), math.inf, bandwidth=16, component=costs(read_pj=200, write_pj=200)),
        Memory("buffer", ("all",), 16.0 * 4096, component=costs(read_pj=6, write_pj=6)),
        Compute("mac", component=costs(op_pj=1)),
    ),
)
FRUGAL = Options(objective=OBJECTIVES["dram"], strategy=Sampled(runs=2, trials=400))


def outer_words(network: Network, units: tuple[Unit, ...], plan: Plan) -> int:
    """Words between the outermost memory and a group, where there is room for everything: by what it is, not how."""
    tiling, total = plan.tiling, 0
    resident = {(r.unit, r.tensor.name) for r in plan.residents}
    for k, along in tiling.along.items():
        unit = units[k]
        layer = unit.access
        assert layer is not None
        inside = {feed.tensor for feed in unit.feeds if feed.source >= tiling.first}
        spans = [tile[k].made for tile in tiling.tiles if tile[k].made[0] < tile[k].made[1]]
        for tensor in layer.tensors:
            words = layer.words(tensor.name)
            if tensor.role == "outputs":
                total += words if k == tiling.last else 0
            elif tensor.name in inside:
                continue
            elif along.dim is None or (k, tensor.name) in resident:
                total += words
            elif along.dim not in tensor.dims:
                total += words * len(spans)
            else:
                (rank,) = [r for r in tensor.ranks if along.dim in r.dims]
                rows = [len(touched(unit, tensor.name, along.dim, span)) for span in spans]
                total += words // rank.count(layer.sizes) * sum(rows)
    return total


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks(), st.data())
def test_a_group_moves_its_operands_its_residents_and_its_output_alone(network: Network, data: st.DataObject) -> None:
    units = units_of(network)
    possible = groups(units)
    assume(possible)
    first, last = data.draw(st.sampled_from(possible))
    planner = Planner(units, ROOMY, ROOMY.memories[1])
    along = follow(units, first, last, axis=2)
    assert along is not None
    tiling = cut(units, first, last, along, data.draw(st.integers(1, along[last].size)), data.draw(st.booleans()))
    holds = held_bits(units, [room_of(units, k) for k in range(len(units))], tiling)
    for plan in planner.with_residents(tiling, holds):
        words = sum(r.words for r in plan.residents)
        for k, own in plan.jobs.items():
            stay = sum(r.bits for r in plan.residents)
            busy = [
                held[k] for held, tile in zip(holds, tiling.tiles, strict=True) if tile[k].made[0] < tile[k].made[1]
            ]
            assert max(plan.held[k].values()) == stay + max(busy)
            for n, times in own.items():
                job = planner.jobs[n]
                vector = isinstance(units[k].layer, VectorLayer)
                assert vector or dict(job.taken).get("buffer", 0) >= plan.held[k][n]
                result = attempt((job.layer, job.machine(ROOMY), None, FRUGAL))
                assert result is not None
                words += result.words("dram") * times
        assert words == outer_words(network, units, plan)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks(), st.sampled_from([40, 100, 300]), st.sampled_from(["energy", "edp", "dram"]))
def test_groups_add_up_and_are_never_worse(network: Network, words: int, goal: str) -> None:
    nodes = (ROOMY.nodes[0], Memory("buffer", ("all",), 16.0 * words, component=costs(read_pj=6, write_pj=6)))
    arch = Architecture("small", (*nodes, ROOMY.compute))
    options = Options(objective=OBJECTIVES[goal], strategy=Sampled(runs=1, trials=200))
    alone = run_network(network, arch, options)
    fused = fuse_network(alone, network, arch, options)
    for group in fused.groups:
        layers = [fused[name] for name in group.layers]
        assert {layer.group for layer in layers} == {group.number}
        assert group.energy_pj == pytest.approx(sum(layer.energy_pj for layer in layers))
        assert group.latency_cycles == pytest.approx(sum(layer.latency_cycles for layer in layers))
        assert group.outer_words == sum(layer.words("dram") for layer in layers)
        assert group.unfused_energy_pj == pytest.approx(sum(alone[name].energy_pj for name in group.layers))
        assert group.peak_bits <= group.size_bits
        for layer in layers:
            assert layer.energy_pj == pytest.approx(sum(layer.energy_breakdown.values()))
            for component, tensors in layer.energy_by_tensor.items():
                assert layer.energy_breakdown[component] == pytest.approx(sum(tensors.values()))
            own = layer.actions.get("dram", {})
            pj = 200 * sum(a.fills + a.reads + a.updates + a.drains for a in own.values())
            assert layer.energy_breakdown.get("dram", 0) == pytest.approx(pj)
    for layer in fused.layers:
        if layer.group is None:
            assert layer == alone[layer.name]
    before, after = alone.totals, fused.totals
    value = {
        "energy": (after.energy_pj, before.energy_pj),
        "edp": (after.edp_js, before.edp_js),
        "dram": (after.words["dram"], before.words["dram"]),
    }[goal]
    assert value[0] <= value[1] * (1 + 1e-9)


def test_all_kinds_of_layer_are_drawn() -> None:
    """So that the tests above say something."""
    kinds = set()

    @settings(max_examples=60, deadline=None, database=None)
    @given(networks())
    def look(network: Network) -> None:
        kinds.update(layer.kind for layer in network if groups(units_of(network)))
        kinds.update(type(layer) for layer in network if isinstance(layer, Layer))

    look()
    assert {"conv", "maxpool", "add"} <= kinds
