"""Is what is called the optimum the best of all nests there are, when one looks at every one of them?

TILENEST_EXAMPLES sets how many random cases are tried.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture, Component, Compute, Fanout, Given, Link, Memory
from sim.errors import MappingError
from sim.mapping.check import check
from sim.mapping.dataflow import ANY, Dataflow, Spread
from sim.mapping.judge import Judge
from sim.mapping.mapper import find_mapping
from sim.mapping.nest import Mapping
from sim.mapping.objective import OBJECTIVES, Objective
from sim.mapping.optimal import Optimal
from sim.reference.space import all_mappings, is_legal, legal_mappings
from sim.workload.layer import Layer, Rank, Tensor
from tests.strategies import small_cases

EXAMPLES = int(os.environ.get("TILENEST_EXAMPLES", "60"))
MOST = 4000  # nests that are looked at; where there are more, the optimum must not be worse than any of these


@dataclass
class Priced:
    """Nests by what they cost: pJ, cycles, bits at the outermost memory. Whether they are legal is asked late."""

    layer: Layer
    arch: Architecture
    nests: dict[tuple[float, float, float], list[Mapping]]

    @classmethod
    def of(cls, layer: Layer, arch: Architecture, mappings: Iterable[Mapping]) -> Priced:
        judge = Judge(layer, arch, OBJECTIVES["dram"])
        nests = defaultdict(list)
        for mapping in mappings:
            judged = judge(mapping)
            nests[judged.pj, judged.cycles, math.exp(judged.score)].append(mapping)
        return cls(layer, arch, nests)

    def best(self, objective: Objective) -> Mapping | None:
        """The best legal nest within the objective's limits."""
        for cost in sorted(self.nests, key=lambda cost: objective.score(*cost)):
            if math.isfinite(objective.score(*cost)):
                for mapping in self.nests[cost]:
                    if is_legal(mapping, self.layer, self.arch):
                        return mapping
        return None


def value(mapping: Mapping, layer: Layer, arch: Architecture, objective: Objective) -> float:
    return math.exp(Judge(layer, arch, objective)(mapping).score)


def limited(priced: Priced, share: float) -> list[Objective]:
    """The least energy within some time, and the least time with some energy, that some nest stays within."""
    quick, frugal = (priced.best(OBJECTIVES[name]) for name in ("latency", "energy"))
    assert quick
    assert frugal
    judge = Judge(priced.layer, priced.arch, OBJECTIVES["edp"])
    low, high = judge(quick), judge(frugal)
    cycles = low.cycles + share * max(0, high.cycles - low.cycles)
    pj = high.pj + share * max(0, low.pj - high.pj)
    return [Objective(energy=1, most_cycles=cycles * (1 + 1e-6)), Objective(latency=1, most_pj=pj * (1 + 1e-6))]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_cases(), st.floats(0, 1))
def test_no_nest_is_better(case: tuple[Layer, Architecture, Dataflow], share: float) -> None:
    layer, arch, flow = case
    nests = list(islice(all_mappings(layer, arch, flow), MOST + 1))
    priced = Priced.of(layer, arch, nests)
    if priced.best(OBJECTIVES["edp"]) is None:
        if len(nests) <= MOST:
            with pytest.raises(MappingError):
                find_mapping(layer, arch, flow, OBJECTIVES["edp"], Optimal())
        return
    for objective in (*OBJECTIVES.values(), *limited(priced, share)):
        best = priced.best(objective)
        assert best
        try:
            found = find_mapping(layer, arch, flow, objective, Optimal())
        except MappingError:  # where nothing is proved, a nest within tight limits may not be found
            assert min(objective.most_pj, objective.most_cycles) < math.inf
            continue
        check(found.mapping, layer, arch)
        assert found.value == pytest.approx(value(found.mapping, layer, arch, objective), rel=1e-9)
        least = value(best, layer, arch, objective)
        nests_differ = f"{objective}: {least}\n{best.to_list()}\nfound {found.value}\n{found.mapping.to_list()}"
        if len(nests) <= MOST:
            assert found.value >= least * (1 - 1e-9), nests_differ
        if found.bound is None:  # where the array waits, or outputs have windows
            continue
        assert found.optimal
        assert found.value <= least * (1 + 1e-9), nests_differ
        assert found.bound <= found.value * (1 + 1e-9)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_cases())
def test_a_nest_is_listed_once(case: tuple[Layer, Architecture, Dataflow]) -> None:
    nests = list(islice(all_mappings(*case), MOST))
    assert len(set(nests)) == len(nests)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_cases())
def test_what_is_left_out_early_does_not_fit(case: tuple[Layer, Architecture, Dataflow]) -> None:
    """The list leaves out what is plainly too large; of those with all the room there is, `check` leaves the same."""
    layer, arch, flow = case
    roomy = replace(arch, nodes=tuple(replace(n, size_bits=math.inf) if isinstance(n, Memory) else n for n in arch))
    everything = list(islice(all_mappings(layer, roomy, flow), 301))
    if len(everything) <= 300:
        assert set(legal_mappings(layer, arch, flow)) == {m for m in everything if is_legal(m, layer, arch)}


# How many nests there are, where one can say so.

DRAM = Memory("dram", ("all",), math.inf)


def machine(*nodes: Memory | Fanout) -> Architecture:
    return Architecture("machine", (DRAM, *nodes, Compute("mac")))


def matrices(p: int, m: int, c: int) -> Layer:
    return Layer.einsum("gemm", {"P": p, "M": m, "C": c}, inputs="P C", weights="C M", outputs="P M")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((1, 1, 1), 1),
        ((7, 1, 1), 1),
        ((8, 1, 1), 4),  # 8, 2 4, 4 2, 2 2 2
        ((2, 3, 5), 6),  # orders of three loops
        ((4, 2, 1), 2 + 3),  # of two, or of three of which two are alike
        ((4, 4, 1), 2 + 3 + 3 + 6),
    ],
)
def test_orders_of_loops(sizes: tuple[int, int, int], expected: int) -> None:
    assert len(list(all_mappings(matrices(*sizes), machine()))) == expected


def test_places_of_keeps() -> None:
    layer = matrices(2, 3, 5)  # 6 orders with 4 places for a keep
    glb, spad = Memory("glb", ("all",), math.inf), Memory("spad", ("weights",), math.inf)
    assert len(list(all_mappings(layer, machine(glb)))) == 6 * 5**3
    assert len(list(all_mappings(layer, machine(spad)))) == 6 * 5
    assert len(list(all_mappings(layer, machine(spad, replace(spad, name="latch"))))) == 6 * (1 + 4 + 4 + 10)
    two = machine(spad, Memory("other", ("inputs",), math.inf))
    assert len(list(all_mappings(layer, two))) == 6 * 5 * 5  # in any order among each other


@pytest.mark.parametrize(
    ("size", "copies", "expected"),
    [
        (5, 5, {1, 2, 3, 5}),  # in 5, 3, 2, 1 passes; 4 copies do no more than 3
        (6, 4, {1, 2, 3}),
        (7, 4, {1, 2, 3, 4}),
        (9, 8, {1, 2, 3, 5}),
    ],
)
def test_copies_that_save_a_pass(size: int, copies: int, expected: set[int]) -> None:
    nests = all_mappings(matrices(size, 1, 1), machine(Fanout("array", copies)))
    assert {nest.spatial() for nest in nests} == expected


def test_a_dimension_over_both_axes() -> None:
    nests = [str(nest.loops[0]) for nest in all_mappings(matrices(2, 1, 1), machine(Fanout("array", 2, 2)))]
    assert sorted(nests) == ["for P 2", "parallel array.x P 2", "parallel array.y P 2"]


def test_a_loop_in_time_stands_on_either_side_of_a_fanout() -> None:
    nests = [list(map(str, nest.loops)) for nest in all_mappings(matrices(4, 1, 1), machine(Fanout("array", 2)))]
    assert sorted(nests) == [
        ["for P 2", "for P 2"],
        ["for P 2", "parallel array.x P 2"],
        ["for P 4"],
        ["parallel array.x P 2", "for P 2"],
    ]


def test_what_a_dataflow_leaves() -> None:
    arch = machine(Fanout("array", 2), Memory("rf", ("all",), math.inf))

    def nests(flow: Dataflow) -> list[list[str]]:
        return sorted(nest.to_list()[1:] for nest in all_mappings(matrices(3, 2, 1), arch, flow))

    spread = (Spread("x", ("P",), ("P",)),)
    inner = Dataflow("inner", spread=spread, pe_keeps=("weights",), pe_dims=(), inner=("P",))
    assert nests(inner) == [["for M 2", "for P 2", "parallel array.x P 2", "keep rf weights"]]
    inside = Dataflow("inside", spread=spread, pe_keeps=(), pe_dims=("P",), pe_whole=("M",))
    assert nests(inside) == [
        ["for P 2", "parallel array.x P 2", "for M 2"],
        ["parallel array.x P 2", "for M 2", "for P 2"],
        ["parallel array.x P 2", "for P 2", "for M 2"],
    ]


def test_what_must_be_spread_is_given() -> None:
    """Five of seven rows, though four save the same pass; a second loop inside would leave the last copy no row."""
    flow = Dataflow("whole", spread=(Spread("x", ("P",), ("P",)), Spread("any", ("P",))))
    nests = all_mappings(matrices(7, 1, 1), machine(Fanout("array", 5, 2)), flow)
    assert [nest.to_list()[1:] for nest in nests] == [["for P 2", "parallel array.x P 5"]]


# Small enough to know the answer.


def costs(**pj: float) -> Component:
    return Component(given=tuple((name, Given(one, "assumed")) for name, one in pj.items()))


def optimum(layer: Layer, arch: Architecture, name: str) -> tuple[float, float]:
    """The value of what is found, and the best of all nests."""
    best = Priced.of(layer, arch, all_mappings(layer, arch)).best(OBJECTIVES[name])
    assert best
    return find_mapping(layer, arch, ANY, OBJECTIVES[name], Optimal()).value, value(
        best, layer, arch, OBJECTIVES[name]
    )


WINDOW = Layer(
    "window",
    "conv",
    (("M", 2), ("P", 8), ("R", 3)),
    (
        Tensor("weights", "weights", (Rank.of("M"), Rank.of("R"))),
        Tensor("inputs", "inputs", (Rank.of("P", "R"),)),
        Tensor("outputs", "outputs", (Rank.of("M"), Rank.of("P"))),
    ),
)


@pytest.mark.parametrize(("room", "fetched"), [(1, 16), (2, 10), (3, 10), (10, 10)])
def test_halo(room: int, fetched: int) -> None:
    """A line buffer alone: weights come in each of 48 steps, outputs go up in all and come back in all but 16.

    Two words are enough to fetch each of ten inputs once: over two outputs at a time, then over the filter, the tile
    moves by one word, and the next two outputs begin with the tile at which the last two ended. One word saves the
    fetch between two filter taps: 0 1, 1 2, 2 3 are four fetches, and there are four pairs of outputs.
    """
    line = Memory("line", ("inputs",), 16 * room)
    words = 48 + 48 + 32 + fetched
    assert optimum(WINDOW, machine(line), "dram") == (pytest.approx(16 * words), pytest.approx(16 * words))


@pytest.mark.parametrize(("room", "rows"), [(3, 1), (6, 1), (7, 2), (10, 2), (11, 4)])
def test_a_buffer_that_three_tensors_share(room: int, rows: int) -> None:
    """With some rows of inputs (2 words each) and one output in the buffer, weights come once for so many rows.

    With more than one row, a column of weights (2 words) has to stay meanwhile. Inputs and outputs move once.
    """
    glb = Memory("glb", ("all",), 16 * room)
    words = 8 + 16 + 8 * 4 // rows
    assert optimum(matrices(4, 4, 2), machine(glb), "dram") == (pytest.approx(16 * words), pytest.approx(16 * words))


def test_the_order_of_scratchpads_does_not_matter() -> None:
    """A tensor's keep may stand outside that of another whose memory is further out."""
    pj = {"weights": 1.0, "inputs": 2.0, "outputs": 3.0}
    spads = [Memory(f"{t}_spad", (t,), 32, component=costs(read_pj=one, write_pj=one)) for t, one in pj.items()]
    dram = replace(DRAM, bandwidth=16, component=costs(read_pj=100, write_pj=100))
    values = {
        round(one, 6)
        for order in permutations(spads)
        for one in optimum(matrices(2, 3, 2), Architecture("pads", (dram, *order, Compute("mac"))), "edp")
    }
    assert len(values) == 1


def test_what_neighbours_hand_on_comes_anew_to_the_arithmetic() -> None:
    """A hand-over is paid for unless the word comes from further out, so it is best to fetch every word every time.

    Every cycle costs 200 pJ, so two copies should work, in 12 cycles. They do if both have other weights: over C.
    """
    layer = Layer(
        "batched",
        "conv",
        (("P", 2), ("R", 3), ("C", 2), ("N", 2)),
        (
            Tensor("weights", "weights", (Rank.of("C"), Rank.of("R"))),
            Tensor("inputs", "inputs", (Rank.of("N"), Rank.of("C"), Rank.of("P", "R"))),
            Tensor("outputs", "outputs", (Rank.of("N"), Rank.of("P"))),
        ),
    )
    links = (
        Link("weights", neighbour=True, component=costs(word_pj=200, cycle_pj=100)),
        Link("inputs", neighbour=True, component=costs(cycle_pj=100)),
    )
    values = optimum(layer, machine(Fanout("array", 2, links=links)), "energy")
    assert values == (pytest.approx(12 * 200), pytest.approx(12 * 200))


def test_where_no_nest_fits() -> None:
    arch = machine(Fanout("array", 2), Memory("rf", ("all",), 16))
    flow = Dataflow("both", pe_keeps=("inputs", "weights"))
    assert not list(legal_mappings(matrices(2, 2, 2), arch, flow))
    with pytest.raises(MappingError):
        find_mapping(matrices(2, 2, 2), arch, flow, OBJECTIVES["edp"], Optimal())


@pytest.mark.parametrize("inner", [(), ("C", "P"), ("P",)])
def test_loops_that_are_left_obey_the_dataflow(inner: tuple[str, ...]) -> None:
    """When all tiles are settled, the loops that are left stand in an order that the dataflow allows."""
    dram = replace(DRAM, bandwidth=200.0, component=costs(read_pj=0.0, write_pj=10.0))
    arch = Architecture("machine", (dram, Memory("buffer", ("outputs",), math.inf), Compute("mac")))
    layer, flow, edp = matrices(6, 3, 2), Dataflow("flow", inner=inner), OBJECTIVES["edp"]
    best = Priced.of(layer, arch, all_mappings(layer, arch, flow)).best(edp)
    assert best
    found = find_mapping(layer, arch, flow, edp, Optimal())
    assert found.optimal
    assert found.value == pytest.approx(value(best, layer, arch, edp))


@pytest.mark.parametrize("inner", [("P",), ("R",), ("M",), ("P", "M")])
def test_windows_under_an_order_of_loops(inner: tuple[str, ...]) -> None:
    arch, flow, dram = machine(Memory("line", ("inputs",), 48)), Dataflow("flow", inner=inner), OBJECTIVES["dram"]
    best = Priced.of(WINDOW, arch, all_mappings(WINDOW, arch, flow)).best(dram)
    assert best
    found = find_mapping(WINDOW, arch, flow, dram, Optimal())
    assert found.optimal
    assert found.value == pytest.approx(value(best, WINDOW, arch, dram))


def test_demands_that_cannot_be_met_together() -> None:
    both = (Spread("x", ("P",), ("P",)), Spread("x", ("M",), ("M",)))
    layer, arch, flow = matrices(3, 3, 1), machine(Fanout("array", 4)), Dataflow("both", spread=both)
    with pytest.raises(MappingError):
        find_mapping(layer, arch, flow, OBJECTIVES["edp"], Optimal())


def test_what_neighbours_pass_on_comes_anew_inside_them() -> None:
    """Copies hold the operands of the last step for each other; what is not theirs comes to the arithmetic anew."""
    layer = Layer(
        "grouped",
        "conv",
        (("P", 5), ("R", 3), ("G", 2)),
        (
            Tensor("weights", "weights", (Rank.of("G"), Rank.of("R"))),
            Tensor("inputs", "inputs", (Rank.of("G"), Rank((("P", 2), ("R", 1))))),
            Tensor("outputs", "outputs", (Rank.of("G"), Rank.of("P"))),
        ),
    )
    passing = Link("inputs", neighbour=True, component=costs(word_pj=150.0))
    dram = replace(DRAM, component=costs(read_pj=10.0, write_pj=130.0))
    arch = Architecture("machine", (dram, Fanout("array", 1, 2, links=(passing,)), Compute("mac")))
    for name in ("energy", "edp"):
        found, best = optimum(layer, arch, name)
        assert found == pytest.approx(best)
