"""Are there as many nests in a map space as it is said to have, when one lists them?"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sim
from sim.arch.tree import Architecture, Compute, Fanout, Memory
from sim.mapping.dataflow import ANY, Dataflow, Spread
from sim.mapping.mapper import find_mapping
from sim.mapping.objective import EDP
from sim.mapping.optimal import Optimal
from sim.mapping.size import count_nests
from sim.reference.space import all_mappings
from sim.workload.layer import Layer
from tests.property.test_optimal import EXAMPLES
from tests.strategies import dataflows, factors, matrix_products, small_cases

MOST = 4000  # nests that are listed; where there are more, no fewer must be counted

Case = tuple[Layer, Architecture, Dataflow]


@st.composite
def deep_cases(draw: st.DrawFn) -> Case:
    """Three fanouts, with a memory between any two or not, and few loops."""
    nodes: list[Memory | Fanout | Compute] = [Memory("dram", ("all",), math.inf)]
    for i in range(4):
        kept = tuple(role for role in ("inputs", "weights", "outputs") if draw(st.integers(0, 3)) == 0)
        nodes += [Memory(f"buffer{i}", kept, math.inf)] if kept else []
        nodes += [Fanout(f"array{i}", *draw(st.sampled_from([(2, 1), (1, 3), (2, 2)])))] if i < 3 else []
    arch = Architecture("deep", (*nodes, Compute("mac")))
    layer = draw(matrix_products().filter(lambda layer: 0 < factors(layer) <= 3))
    return layer, arch, draw(st.just(ANY) | dataflows(layer, arch))


def roomy(arch: Architecture) -> Architecture:
    return replace(arch, nodes=tuple(replace(n, size_bits=math.inf) if isinstance(n, Memory) else n for n in arch))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_cases() | deep_cases())
def test_as_many_as_are_listed(case: Case) -> None:
    layer, arch, flow = case
    listed = sum(1 for _ in islice(all_mappings(layer, roomy(arch), flow), MOST + 1))
    counted = count_nests(layer, arch, flow)
    assert counted == listed if listed <= MOST else counted > MOST


# Where one can say how many.

DRAM = Memory("dram", ("all",), math.inf)


def machine(*nodes: Memory | Fanout) -> Architecture:
    return Architecture("machine", (DRAM, *nodes, Compute("mac")))


def matrices(p: int, m: int, c: int) -> Layer:
    return Layer.einsum("gemm", {"P": p, "M": m, "C": c}, inputs="P C", weights="C M", outputs="P M")


def test_a_power_of_two_has_a_nest_for_every_way_to_cut_it() -> None:
    assert count_nests(matrices(2**40, 1, 1), machine(), ANY) == 2**39


def test_loops_of_different_dimensions_interleave() -> None:
    """Of P 2^10, M 2^10 cut into i and j loops: C(9, i-1) C(9, j-1) C(i+j, i)."""
    ways = sum(math.comb(9, i) * math.comb(9, j) * math.comb(i + j + 2, i + 1) for i in range(10) for j in range(10))
    assert count_nests(matrices(2**10, 2**10, 1), machine(), ANY) == ways


def test_a_buffer_keeps_three_tensors_anywhere_or_not() -> None:
    layer = matrices(2, 3, 5)  # 6 orders with 4 places
    glb, spad = Memory("glb", ("all",), 1), Memory("spad", ("weights",), 1)  # of one bit, which does not count
    assert count_nests(layer, machine(glb), ANY) == 6 * 5**3
    assert count_nests(layer, machine(spad, replace(spad, name="latch")), ANY) == 6 * (1 + 4 + 4 + 10)


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ((1, 1), 1),
        ((2, 1), 1 + 1),
        ((2, 2), 1 + 2),  # over either axis
        ((3, 1), 1 + 1 + 1),  # all three in one pass, two in two
        ((3, 3), 1 + 2 + 2),
    ],
)
def test_three_rows_over_an_array(grid: tuple[int, int], expected: int) -> None:
    """`for P 2` stands on either side of the array; but in `parallel P 2 / for P 2` the copies take two rows each."""
    nests = count_nests(matrices(3, 1, 1), machine(Fanout("array", *grid)), ANY)
    in_two_passes = {(1, 1): 0, (2, 1): 1, (2, 2): 2, (3, 1): 1, (3, 3): 2}[grid]
    assert nests == expected + in_two_passes


def test_what_must_be_spread_leaves_no_choice() -> None:
    flow = Dataflow("whole", spread=(Spread("x", ("P",), ("P",)),))
    assert count_nests(matrices(7, 1, 1), machine(Fanout("array", 5)), flow) == 1
    assert count_nests(matrices(8, 1, 1), machine(Fanout("array", 4)), flow) == 2


def test_the_count_of_a_large_space_is_exact_and_quick() -> None:
    """120 million choices of loops in space, each with as many orders of loops as its passes have."""
    layer = sim.load_workload("resnet18").mac_layers[4]
    count = count_nests(layer, sim.load_arch("tpu_v4i_like"), ANY)
    assert 1e26 < count < 2e26
    assert isinstance(count, int)


def test_what_is_found_tells_it() -> None:
    layer, arch = matrices(2, 3, 5), machine(Memory("glb", ("all",), math.inf))
    assert find_mapping(layer, arch, ANY, EDP, Optimal()).space == 6 * 5**3
