"""Does the exact search find the same optimum if it takes rows for columns, where that changes nothing?"""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.api import load_arch, load_dataflow, load_workload
from sim.arch.tree import ALL, Architecture, Compute, Fanout, Memory
from sim.mapping import space as spaces
from sim.mapping.copies import Copies
from sim.mapping.dataflow import ANY, Dataflow
from sim.mapping.mirror import MOST, is_first, mirrors
from sim.mapping.objective import OBJECTIVES
from sim.mapping.optimal import _Search, compile_search
from sim.mapping.space import Space
from sim.workload.layer import Layer
from tests.strategies import dataflows, small_machines, squares

ARRAY = Architecture("array", (Memory("dram", (ALL,), math.inf), Fanout("pes", 4, 4), Compute("mac")))
ROWS_AND_COLUMNS = {"P": "Q", "Q": "P", "R": "S", "S": "R"}


def _searched(layer: Layer, arch: Architecture, flow: Dataflow, objective: str) -> _Search:
    out = _Search(Space(layer, arch, flow), OBJECTIVES[objective], math.inf)
    out.run()
    return out


@st.composite
def cases(draw: st.DrawFn) -> tuple[Layer, Architecture, Dataflow]:
    layer, arch = draw(squares()), draw(small_machines())
    return layer, arch, draw(st.just(ANY) | dataflows(layer, arch))


@given(cases(), st.sampled_from(sorted(OBJECTIVES)))
@settings(max_examples=50, deadline=None)
def test_the_optimum_is_the_same(case: tuple[Layer, Architecture, Dataflow], objective: str) -> None:
    compile_search()
    found = _searched(*case, objective)
    assume(found.proves)
    with patch.object(spaces, "mirrors", lambda space: []):
        everything = _searched(*case, objective)
    assert found.best == everything.best or math.isclose(found.best, everything.best, rel_tol=1e-12)


def _exchanged(layer: Layer, flow: Dataflow = ANY) -> list[dict[str, str]]:
    """Exchanges, each as the names that change."""
    space = Space(layer, ARRAY, flow)
    names = [layer.dims[d][0] for d in space.dims]
    return [{names[d]: names[o] for d, o in enumerate(own.tolist()) if d != o} for own in mirrors(space)]


def test_a_square_convolution_can_be_turned() -> None:
    layers = {layer.name: layer for layer in load_workload("resnet18").mac_layers}
    assert _exchanged(layers["conv2.0.a"]) == [ROWS_AND_COLUMNS]
    assert _exchanged(layers["conv3_1.shortcut"]) == [{"P": "Q", "Q": "P"}]
    assert _exchanged(layers["fc"]) == []
    assert _exchanged(layers["conv2.0.a"], load_dataflow("row_stationary")) == [], "rows are not treated as columns"


def test_what_differs_cannot_be_exchanged() -> None:
    sides = Layer.einsum("sides", {"A": 4, "B": 4, "K": 3}, inputs="A B K", weights="K", outputs="A B")
    assert _exchanged(sides) == [{"A": "B", "B": "A"}]
    assert _exchanged(Layer.einsum("sizes", {"A": 4, "B": 8}, inputs="A B", outputs="A B")) == []
    assert _exchanged(Layer.einsum("tensors", {"A": 4, "B": 4}, inputs="A B", outputs="A")) == []


def test_many_dimensions_that_are_alike_do_not_take_forever() -> None:
    """Of 20 there are 2 * 10**10 exchanges."""
    names = "A B C D E F G H I J K L M N O P Q R S T"
    alike = Layer.einsum("alike", dict.fromkeys(names.split(), 2), inputs=names, weights=names, outputs=names)
    assert 0 < len(_exchanged(alike)) <= MOST


def test_one_of_two_mirrored_ways_is_left() -> None:
    space = Space(Layer.einsum("sides", {"A": 4, "B": 4}, inputs="A B", outputs="A B"), ARRAY, ANY)
    kept = _totals(space)
    with patch.object(spaces, "mirrors", lambda space: []):
        everything = _totals(Space(space.layer, space.arch, space.dataflow))
    assert (2, 4) in kept
    assert (4, 2) not in kept
    assert (4, 2) in everything
    assert kept | {own[::-1] for own in kept} == everything
    ways = Copies.of([np.array([[[2, 2], [1, 1]], [[1, 3], [1, 1]], [[3, 1], [1, 1]]])])
    assert is_first(ways, [np.array([1, 0])]).tolist() == [True, True, False]


def _totals(space: Space) -> set[tuple[int, ...]]:
    """Bounds of the loops in space over both axes of the only fanout."""
    return {tuple(own[0].prod(0).tolist()) for own in space.copies.axes(len(space.dims))}


def test_shipped_machines_lose_nothing() -> None:
    arch, layer = load_arch("nvdla_like"), load_workload("resnet18").mac_layers[1]
    compile_search()
    found = _searched(layer, arch, load_dataflow(str(arch.dataflow)), "edp")
    with patch.object(spaces, "mirrors", lambda space: []):
        assert found.best == _searched(layer, arch, load_dataflow(str(arch.dataflow)), "edp").best
