"""Is a part of a layer just that part, and what of the layers before it does it take?"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.workload.access import side_by_side, word_by_word
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer, LayerError, Rank, Tensor, VectorLayer
from sim.workload.part import axis_sizes, dim_along, part_of, same_axis, taken
from sim.workload.window import Window
from tests.strategies import layers


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(layers(), st.data())
def test_a_part_touches_what_the_layer_does_there(layer: Layer, data: st.DataObject) -> None:
    dim, size = data.draw(st.sampled_from(layer.dims))
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    try:
        part = part_of(layer, dim, (start, stop))
    except LayerError:  # nothing but padding
        return
    assert part.macs * size == layer.macs * (stop - start)
    for whole, tensor in zip(layer.tensors, part.tensors, strict=True):
        for rank, moved in zip(whole.ranks, tensor.ranks, strict=True):
            shift = {index(rank, layer, at) - index(moved, layer, back) for at, back in pairs(rank, part, dim, start)}
            assert len(shift) == 1  # it only lies elsewhere
            for at, back in pairs(rank, part, dim, start):
                assert exists(rank, layer, at) == exists(moved, layer, back)
        if dim in whole.dims:
            first, last = taken(layer, whole, dim, (start, stop))
            (rank,) = [r for r in whole.ranks if dim in r.dims]
            seen = [index(rank, layer, at) for at, _ in pairs(rank, part, dim, start) if exists(rank, layer, at)]
            assert (first, last) == (min(seen), max(seen) + 1) or rank.terms[0][1] > 1 or len(rank.terms) > 1
            assert first <= min(seen) <= max(seen) < last


def pairs(rank: Rank, part: Layer, dim: str, start: int) -> list[tuple[dict[str, int], dict[str, int]]]:
    """The same points of a rank's dimensions in the layer and in its part."""
    sizes = part.sizes
    points = itertools.product(*(range(sizes[d]) for d in rank.dims))
    made = [dict(zip(rank.dims, point, strict=True)) for point in points]
    return [({d: i + (start if d == dim else 0) for d, i in at.items()}, at) for at in made]


def index(rank: Rank, layer: Layer, at: dict[str, int]) -> int:
    return rank.offset + sum(c * at[d] for d, c in rank.terms)


def exists(rank: Rank, layer: Layer, at: dict[str, int]) -> bool:
    return rank.extent is None or 0 <= index(rank, layer, at) < rank.extent


def test_an_axis_is_followed_through_views_of_the_same_words() -> None:
    assert same_axis((1, 64, 28, 28), 2, (1, 64, 28, 28)) == 2
    assert same_axis((1, 2, 32, 28, 28), 3, (1, 64, 28, 28)) == 2  # groups of channels
    assert same_axis((4, 128, 768), 0, (512, 768)) is None
    assert same_axis((4, 128, 768), 2, (512, 768)) == 1
    assert same_axis((4, 128), 0, (4, 129)) is None


def test_only_an_axis_that_is_one_dimension_can_be_cut() -> None:
    net = NetworkBuilder("net")
    x = net.conv("conv", net.input(3, 9, 9), 4, Window.of(3, padding=1))
    net.transposed_conv("up", x, 2, Window.of(2, stride=2))
    conv, up = net.network().mac_layers
    assert [dim_along(conv, axis) for axis in range(4)] == ["N", "M", "P", "Q"]
    assert [dim_along(up, axis) for axis in range(4)] == ["N", "M", None, None]
    assert axis_sizes(conv.tensor("inputs"), conv) == (1, 3, 9, 9)


def access(network: NetworkBuilder, name: str) -> list[str]:
    layer = network.network()[name]
    assert isinstance(layer, VectorLayer)
    assert layer.access is not None
    assert layer.access.words("outputs") == layer.output_words
    return [str(tensor) for tensor in layer.access.tensors]


def test_what_vector_layers_touch() -> None:
    net = NetworkBuilder("net", batch=2)
    x = net.input(4, 8, 8)
    pooled = net.pool("pool", "max", x, Window.of(3, stride=2, padding=1))
    net.global_pool("mean", "avg", x)
    net.elementwise("add", "add", x, net.view(net.input(8), 2, 1, 1, 8))
    net.vector("softmax", "softmax", x)
    net.concat("concat", x, x)
    net.vector("flip", "transpose", x)
    net.upsample("resize", "nearest", pooled, (2, 2))
    assert access(net, "pool")[0] == "inputs[N, C, 2*P + R - 1, 2*Q + S - 1]"
    assert access(net, "mean") == ["inputs[N, C, H, W]", "outputs[N, C, 0, 0]"]
    assert access(net, "add")[1] == "inputs2[axis0, 0, 0, axis3]"
    assert access(net, "softmax")[0] == "inputs[axis0, axis1, axis2, whole3]"
    assert access(net, "concat")[1] == "inputs2[axis0, whole_inputs2, axis2, axis3]"
    for name in ("flip", "resize"):
        layer = net.network()[name]
        assert isinstance(layer, VectorLayer)
        assert layer.access is None


def test_more_points_than_can_be_counted_are_not_followed() -> None:
    assert word_by_word({"inputs": (1 << 40, 1 << 20)}, (1 << 40, 1 << 20), whole=1) is None
    assert side_by_side({"inputs": (2, 3)}, (2, 3), axis=1) is not None


def test_a_part_of_nothing_but_padding_is_refused() -> None:
    rank = Rank((("P", 1), ("R", 1)), -3, 4)
    tensors = (Tensor("inputs", "inputs", (rank,)), Tensor("outputs", "outputs", (Rank.of("P"),)))
    layer = Layer("conv", "conv", (("P", 6), ("R", 2)), tensors)
    with pytest.raises(LayerError, match="reaches no word that exists"):
        part_of(layer, "P", (0, 2))
