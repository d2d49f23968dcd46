"""Is the front all that no mapping beats, and does a search without proof end it well?"""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.arch.tree import Architecture, Compute, Memory
from sim.errors import MappingError
from sim.mapping.dataflow import ANY
from sim.mapping.found import Found
from sim.mapping.front import front, not_dominated
from sim.mapping.nest import Mapping
from sim.mapping.objective import Objective
from sim.mapping.optimal import Optimal
from sim.workload.layer import Layer

Point = tuple[float, float]  # pJ and cycles

LAYER = Layer.einsum("gemm", {"M": 4, "N": 8, "K": 16}, inputs="M K", weights="K N", outputs="M N")
ARCH = Architecture("tiny", (Memory("dram", ("all",), math.inf), Compute("mac")))
COSTS = st.floats(1.0, 1e6)
ANYTHING = Objective()
SPACES = st.lists(st.tuples(COSTS, COSTS), min_size=1, max_size=12)


def points_of(space: list[Point], step: float = 0.0, limits: Objective = ANYTHING) -> list[Point]:
    """The front of a map space in which mappings cost just this, by a search that looks at all of them."""

    def find(layer: Layer, arch: Architecture, dataflow: object, objective: Objective, strategy: object) -> Found:
        able = [(pj, cycles) for pj, cycles in space if pj <= objective.most_pj and cycles <= objective.most_cycles]
        if not able:
            raise MappingError("nothing is within the limits")
        pj, cycles = min(able, key=lambda p: (objective.score(*p, 1.0), *p))
        return Found(Mapping(()), pj, cycles, 1.0, len(able))

    found = list(front(LAYER, ARCH, ANY, limits, Optimal(), step, find))
    assert not_dominated(found) == found
    return [(point.energy_pj, point.latency_cycles) for point in found]


def unbeaten(space: list[Point]) -> list[Point]:
    """By definition: no other one is as good in both."""
    alone = sorted(set(space))
    return [p for p in alone if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in alone)]


@given(SPACES)
def test_without_a_step_it_is_all_that_nothing_beats(space: list[Point]) -> None:
    assert points_of(space) == unbeaten(space)


@given(SPACES, st.floats(0.001, 0.5))
def test_with_a_step_it_is_a_part_with_both_ends(space: list[Point], step: float) -> None:
    whole, part = unbeaten(space), points_of(space, step)
    assert set(part) <= set(whole)
    assert (part[0], part[-1]) == (whole[0], whole[-1])
    assert all(b[1] <= a[1] * (1 - step) for a, b in itertools.pairwise(part[:-1]))


def test_limits_hold_for_every_point() -> None:
    space = [(1.0, 50.0), (2.0, 40.0), (4.0, 30.0), (8.0, 20.0)]
    assert points_of(space, limits=Objective(most_pj=5, most_cycles=45)) == [(2.0, 40.0), (4.0, 30.0)]
    with pytest.raises(MappingError, match="nothing is within the limits"):
        points_of(space, limits=Objective(most_pj=0.5))


def test_where_a_search_misses_what_another_has_found_the_fastest_is_the_end() -> None:
    def find(layer: Layer, arch: Architecture, dataflow: object, objective: Objective, strategy: Any) -> Found:
        if objective.latency:
            return Found(Mapping(()), 9.0, 10.0, 10.0, 1)
        if math.isfinite(objective.most_cycles):
            raise MappingError("nothing was found within the limits")
        return Found(Mapping(()), 1.0, 50.0, 1.0, 1)

    points = front(LAYER, ARCH, ANY, Objective(), Optimal(), find=find)
    found = [(p.energy_pj, p.latency_cycles) for p in points]
    assert found == [(1.0, 50.0), (9.0, 10.0)]


def test_points_that_are_beaten_are_left_out() -> None:
    points = [Found(Mapping(()), pj, cycles, 1.0, 1) for pj, cycles in [(3, 30), (2, 30), (2, 40), (5, 10), (9, 10)]]
    assert [(p.energy_pj, p.latency_cycles) for p in not_dominated(points)] == [(2, 30), (5, 10)]
