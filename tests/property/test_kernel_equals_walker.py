"""Does the closed form count exactly what happens when the nest is executed, and is the output right?"""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture, Compute, Memory
from sim.kernels.layout import STEPS, USED, new_counts, new_scratch
from sim.kernels.reuse import count
from sim.mapping.nest import For, Keep, Mapping
from sim.mapping.problem import nest_of, shape_of
from sim.reference.walk import direct, operands, walk
from sim.workload.layer import Layer
from tests.strategies import layers, machines, nests


@st.composite
def cases(draw: st.DrawFn):
    layer = draw(layers())
    arch = draw(machines())
    return layer, arch, draw(nests(layer, arch, divide=draw(st.booleans())))


@st.composite
def many_nests(draw: st.DrawFn):
    layer = draw(layers())
    arch = draw(machines())
    return layer, arch, draw(st.lists(nests(layer, arch, divide=False), min_size=4, max_size=8))


def check_remembered(layer: Layer, arch: Architecture, mappings: list[Mapping], rows: int) -> None:
    """Counts with sums remembered from nest to nest are those without."""
    shape = shape_of(layer, arch)
    shared = new_scratch(shape, 40)
    shared = shared._replace(memo=shared.memo[:rows].copy())
    for mapping in mappings:
        nest = nest_of(mapping, layer, arch)
        counts = [new_counts(shape, len(arch.memories)) for _ in range(2)]
        for scratch, out in zip((shared, new_scratch(shape, 40)), counts, strict=True):
            count(*shape, *nest, *scratch, out)
        np.testing.assert_array_equal(*counts)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(many_nests(), st.sampled_from([20, 8192]))
def test_sums_that_are_remembered_are_those_of_the_nest_in_question(case, rows: int) -> None:
    """Also where there is room for few, so that they take each other's places."""
    check_remembered(*case, rows)


def test_nests_that_differ_only_inside_a_keep_do_not_share_sums() -> None:
    """Tiles of two or three rows, of seven: of three, one in the second half, which stays as M advances."""
    layer = Layer.einsum("gemm", {"P": 7, "C": 2, "M": 2}, inputs="P C", weights="C M", outputs="P M")
    arch = Architecture("two", (Memory("dram", ("all",), 1e9), Memory("glb", ("inputs",), 1e9), Compute("mac")))
    inputs, everything = ("inputs",), ("inputs", "weights", "outputs")

    def nest(rows: int) -> Mapping:
        outside = (Keep("dram", everything), For("P", 2), For("M", 2), For("P", 2), Keep("glb", inputs))
        return Mapping((*outside, For("P", rows), For("C", 2)))

    check_remembered(layer, arch, [nest(2), nest(3), nest(2)], 8192)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_counts_and_output(case) -> None:
    layer, arch, mapping = case
    seen = walk(layer, arch, mapping)
    shape, nest = shape_of(layer, arch), nest_of(mapping, layer, arch)
    out = new_counts(shape, len(arch.memories))
    count(*shape, *nest, *new_scratch(shape, nest.loops.shape[1]), out)
    gaps = len(arch.nodes) - 1
    for t, tensor in enumerate(layer.tensors):
        for gap, node in enumerate(arch.nodes[:-1]):
            key = tensor.name, node.name
            assert (key, out[t, gap]) == (key, seen.down[key])
            assert (key, out[t, gaps + gap]) == (key, seen.up[key])
        for level, memory in enumerate(arch.memories):
            key = tensor.name, memory.name
            assert (key, out[t, 2 * gaps + len(arch.memories) + level]) == (key, seen.added[key])
            # holes of a third term, and words cut off by padding, are not taken from the room that a tile needs
            assert out[t, 2 * gaps + level] >= seen.tile.get((tensor.name, memory.name), 0)
    assert (out[-1, STEPS], out[-1, USED]) == (seen.steps, seen.used)
    assert seen.macs == layer.macs
    np.testing.assert_array_equal(seen.output, direct(layer, operands(layer, 0)))
