"""Does the closed form count exactly what happens when the nest is executed, and is the output right?"""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.kernels.layout import STEPS, USED, new_counts, new_scratch
from sim.kernels.reuse import count
from sim.mapping.problem import nest_of, shape_of
from sim.reference.walk import direct, operands, walk
from tests.strategies import layers, machines, nests


@st.composite
def cases(draw: st.DrawFn):
    layer = draw(layers())
    arch = draw(machines())
    return layer, arch, draw(nests(layer, arch, divide=draw(st.booleans())))


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
