"""Does the builder turn operators into the right einsums, shapes and flows?"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer, LayerError, Rank, VectorLayer
from sim.workload.network import Flow
from sim.workload.value import Format, Formats, Value
from sim.workload.window import Window


def only_layer(net: NetworkBuilder) -> Layer:
    (layer,) = net.network().mac_layers
    return layer


def ranks(layer: Layer, tensor: str) -> str:
    return str(layer.tensor(tensor))


def test_convolution_has_the_dimensions_of_the_book() -> None:
    net = NetworkBuilder("n", batch=4)
    out = net.conv("conv1", net.input(3, 227, 227), 96, Window.of(11, stride=4))
    layer = only_layer(net)
    assert out == Value((4, 96, 55, 55), "conv1")
    assert layer.dims == (("N", 4), ("M", 96), ("C", 3), ("P", 55), ("Q", 55), ("R", 11), ("S", 11))
    assert layer.macs == 4 * 105_415_200
    assert layer.words("weights") == 96 * 3 * 11 * 11
    assert layer.words("inputs") == 4 * 3 * 227 * 227
    assert layer.words("outputs") == 4 * 96 * 55 * 55


def test_groups_divide_channels_and_become_a_dimension() -> None:
    net = NetworkBuilder("n")
    net.conv("conv2", net.input(96, 27, 27), 256, Window.of(5, padding=2), groups=2)
    layer = only_layer(net)
    assert layer.dims[:4] == (("N", 1), ("G", 2), ("M", 128), ("C", 48))
    assert ranks(layer, "inputs") == "inputs[N, G, C, P + R - 2, Q + S - 2]"
    assert ranks(layer, "weights") == "weights[G, M, C, R, S]"
    assert ranks(layer, "outputs") == "outputs[N, G, M, P, Q]"
    assert layer.macs == 223_948_800  # AlexNet CONV2, e.g. Chen et al., JSSC 2017, Table V: 0.90 G for a batch of 4


def test_padding_on_each_side_stride_and_dilation_on_each_axis() -> None:
    net = NetworkBuilder("n")
    window = Window((3, 2), stride=(2, 1), dilation=(1, 3), padding=(1, 0, 2, 4))
    out = net.conv("c", net.input(2, 9, 7), 5, window)
    layer = only_layer(net)
    assert out.shape == (1, 5, (9 + 1 + 2 - 3) // 2 + 1, 7 + 0 + 4 - 4 + 1)
    rows, columns = layer.tensor("inputs").ranks[-2:]
    assert rows == Rank((("P", 2), ("R", 1)), -1, 9)
    assert columns == Rank((("Q", 1), ("S", 3)), 0, 7)


def test_one_dimensional_convolution_has_one_row() -> None:
    net = NetworkBuilder("n")
    out = net.conv("c", net.input(80, 1, 3000), 384, Window((1, 3), padding=(0, 1, 0, 1)))
    assert out.shape == (1, 384, 1, 3000)
    assert only_layer(net).macs == 384 * 80 * 3 * 3000


def test_depthwise_has_one_input_channel_a_group() -> None:
    net = NetworkBuilder("n")
    out = net.depthwise("dw", net.input(32, 112, 112), Window.of(3, padding=1), multiplier=2)
    layer = only_layer(net)
    assert layer.kind == "depthwise"
    assert out.shape == (1, 64, 112, 112)
    assert layer.sizes | {"P": 0, "Q": 0} == {"N": 1, "G": 32, "M": 2, "C": 1, "P": 0, "Q": 0, "R": 3, "S": 3}


sizes = st.integers(1, 12)


@given(sizes, sizes, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 4), st.integers(0, 4))
def test_convolution_reads_the_words_that_a_walk_over_the_loops_reads(
    height: int, width: int, kernel: int, stride: int, dilation: int, top: int, bottom: int
) -> None:
    window = Window((kernel, 1), (stride, 1), (dilation, 1), (top, 0, bottom, 0))
    net = NetworkBuilder("n")
    x = net.input(1, height, width)
    starts = [p for p in range(-top, height + bottom) if p + dilation * (kernel - 1) < height + bottom]
    if not starts:
        with pytest.raises(LayerError, match="more than"):
            net.conv("c", x, 1, window)
        return
    places = starts[::stride]
    touched = {p + dilation * r for p in places for r in range(kernel)} & set(range(height))
    if not touched:
        with pytest.raises(LayerError, match="reaches no word"):
            net.conv("c", x, 1, window)
        return
    assert net.conv("c", x, 1, window).shape == (1, 1, len(places), width)
    assert only_layer(net).words("inputs") == len(touched) * width


@given(sizes, sizes, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_same_padding_gives_an_output_word_for_each_stride(
    height: int, width: int, kernel: int, stride: int, dilation: int, lower: bool
) -> None:
    window = Window.same((height, width), kernel, stride, dilation, lower=lower)
    top, left, bottom, right = window.padding
    assert window.output((height, width)) == (math.ceil(height / stride), math.ceil(width / stride))
    odd = {0, 1} if not lower else {0, -1}
    assert bottom - top in odd
    assert right - left in odd


def test_transposed_convolution_scatters() -> None:
    # The first upsampling of DCGAN (Radford et al., ICLR 2016): 4x4 to 8x8 with a 4x4 kernel in today's form.
    net = NetworkBuilder("n")
    out = net.transposed_conv("up", net.input(1024, 4, 4), 512, Window.of(4, stride=2, padding=1))
    layer = only_layer(net)
    assert out.shape == (1, 512, 8, 8)
    assert ranks(layer, "inputs") == "inputs[N, C, H, W]"
    assert ranks(layer, "weights") == "weights[C, M, R, S]"
    assert ranks(layer, "outputs") == "outputs[N, M, 2*H + R - 1, 2*W + S - 1]"
    assert layer.macs == 4 * 4 * 4 * 4 * 1024 * 512
    assert layer.words("outputs") == 512 * 8 * 8


def test_transposed_convolution_with_groups_and_output_padding() -> None:
    net = NetworkBuilder("n")
    out = net.transposed_conv("up", net.input(8, 5, 5), 4, Window.of(3, stride=2, padding=1), groups=2, extra=(1, 1))
    layer = only_layer(net)
    assert out.shape == (1, 4, 10, 10)
    assert layer.sizes == {"N": 1, "G": 2, "M": 2, "C": 4, "H": 5, "W": 5, "R": 3, "S": 3}
    assert layer.tensor("outputs").ranks[-1] == Rank((("W", 2), ("S", 1)), -1, 10)


@given(sizes, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
def test_transposed_convolution_writes_the_words_that_a_walk_writes(
    height: int, kernel: int, stride: int, dilation: int, pad: int
) -> None:
    full = (height - 1) * stride + dilation * (kernel - 1) + 1
    written = {stride * h + dilation * r - pad for h in range(height) for r in range(kernel)}
    written &= set(range(full - 2 * pad))
    net = NetworkBuilder("n")
    window = Window((kernel, 1), (stride, 1), (dilation, 1), (pad, 0, pad, 0))
    x = net.input(1, height, 1)
    if not written:
        with pytest.raises(LayerError):
            net.transposed_conv("t", x, 1, window)
        return
    assert net.transposed_conv("t", x, 1, window).shape == (1, 1, full - 2 * pad, 1)
    assert only_layer(net).words("outputs") == len(written)


def test_linear_takes_all_axes_but_the_last_as_one() -> None:
    net = NetworkBuilder("n", batch=2)
    out = net.linear("q", net.input(128, 768), 3072)
    layer = only_layer(net)
    assert out.shape == (2, 128, 3072)
    assert layer.sizes == {"N": 256, "M": 3072, "C": 768}
    assert layer.words("weights") == 3072 * 768


def test_attention_is_two_products_of_activations() -> None:
    net = NetworkBuilder("n", batch=2)
    q, k, v = (net.linear(name, net.input(128, 768), 768) for name in "qkv")
    scores = net.matmul("qk", net.heads(q, 12), net.heads(k, 12, transposed=True))
    assert scores.shape == (2, 12, 128, 128)
    context = net.matmul("av", scores, net.heads(v, 12))
    assert context.shape == (2, 12, 128, 64)
    network = net.network()
    layer = network["qk"]
    assert isinstance(layer, Layer)
    assert layer.sizes == {"B": 2, "H": 12, "M": 128, "N": 128, "K": 64}
    assert ranks(layer, "inputs") == "inputs[B, H, M, K]"
    assert ranks(layer, "weights") == "weights[B, H, K, N]"
    assert Flow("k", "qk", "weights", 2 * 128 * 768, rearranged=True) in network.flows
    assert network.weight_words == 3 * 768 * 768, "activations are no weights"


def test_an_operand_that_is_broadcast_is_held_once() -> None:
    net = NetworkBuilder("n")
    out = net.matmul("m", Value((8, 1, 5, 7)), Value((4, 7, 3)))
    layer = only_layer(net)
    assert out.shape == (8, 4, 5, 3)
    assert ranks(layer, "inputs") == "inputs[B, M, K]"
    assert ranks(layer, "weights") == "weights[H, K, N]"
    assert layer.words("inputs") == 8 * 5 * 7
    assert layer.words("weights") == 4 * 7 * 3


def test_a_constant_first_operand_can_be_the_weights() -> None:
    net = NetworkBuilder("n")
    net.matmul("m", Value((5, 7)), Value((7, 3)), weights_first=True)
    assert ranks(only_layer(net), "weights") == "weights[M, K]"
    assert ranks(only_layer(net), "inputs") == "inputs[K, N]"


def test_widths_and_densities_go_to_the_tensors_and_flows() -> None:
    net = NetworkBuilder("n", formats=Formats(inputs=Format(8), weights=Format(4), outputs=Format(20)))
    x = net.conv("a", net.input(3, 4, 4), 8, Window.of(1))
    own = Formats(Format(8, 0.25), Format(2, 0.5), Format(32))
    net.conv("b", x, 8, Window.of(1), formats=own)
    network = net.network()
    a, b = network.mac_layers
    assert [t.bits for t in a.tensors] == [8, 4, 20]
    assert [(t.bits, t.density) for t in b.tensors] == [(8, 0.25), (2, 0.5), (32, 1.0)]
    assert [f.bits for f in network.flows] == [8], "what travels is as wide as the taker reads it"


def vector_of(net: NetworkBuilder, name: str) -> VectorLayer:
    layer = net.network()[name]
    assert isinstance(layer, VectorLayer)
    return layer


def test_pooling_compares_or_adds_under_each_window() -> None:
    net = NetworkBuilder("n", batch=2)
    x = net.input(96, 55, 55)
    assert net.pool("max", "max", x, Window.of(3, stride=2)).shape == (2, 96, 27, 27)
    net.pool("avg", "avg", x, Window.of(3, stride=2))
    net.global_pool("all", "avg", x)
    out = 2 * 96 * 27 * 27
    assert vector_of(net, "max").inputs == (("inputs", 2 * 96 * 55 * 55),)
    assert (vector_of(net, "max").output_words, vector_of(net, "max").ops) == (out, 8 * out)
    assert vector_of(net, "avg").ops == 9 * out
    assert (vector_of(net, "all").output_words, vector_of(net, "all").ops) == (2 * 96, 2 * 96 * 55 * 55)


@pytest.mark.parametrize(("ceil", "places"), [(False, 55), (True, 56)])
def test_a_partly_covered_window_counts_on_demand(ceil: bool, places: int) -> None:
    # GoogLeNet's first pool: 112 to 56 (Szegedy et al., CVPR 2015, Table 1).
    net = NetworkBuilder("n")
    out = net.pool("p", "max", net.input(64, 112, 112), Window.of(3, stride=2), ceil=ceil)
    assert out.shape[2:] == (places, places)


def test_a_window_that_starts_in_the_trailing_padding_never_counts() -> None:
    assert Window.of(1, stride=2, padding=(0, 0, 1, 1)).output((3, 3), ceil=True) == (2, 2)
    assert Window.of(2, stride=3, padding=1).output((3, 3), ceil=True) == (2, 2)


def test_operations_of_each_kind() -> None:
    net = NetworkBuilder("n")
    x, y = net.input(8, 4, 4), net.input(8, 1, 1)
    words = 8 * 16
    for kind, ops in {"relu": 1, "softmax": 5, "layernorm": 7, "batchnorm": 2, "transpose": 0}.items():
        net.vector(kind, kind, x)
        assert vector_of(net, kind).ops == ops * words, kind
    assert net.elementwise("mul", "mul", x, y).shape == x.shape
    net.elementwise("sum", "add", x, x, x)
    assert vector_of(net, "mul").ops == words
    assert vector_of(net, "mul").inputs == (("inputs", words), ("inputs2", 8))
    assert vector_of(net, "sum").ops == 2 * words


def test_concat_adds_along_one_axis() -> None:
    net = NetworkBuilder("n")
    out = net.concat("c", net.input(8, 4, 4), net.input(3, 4, 4))
    assert out.shape == (1, 11, 4, 4)
    assert (vector_of(net, "c").input_words, vector_of(net, "c").output_words, vector_of(net, "c").ops) == (
        176,
        176,
        0,
    )


def test_embedding_reads_only_the_rows_asked_for() -> None:
    net = NetworkBuilder("n", batch=2)
    assert net.embedding("e", net.input(128), 768).shape == (2, 128, 768)
    assert vector_of(net, "e").inputs == (("inputs", 256), ("weights", 256 * 768))


def fused(net: NetworkBuilder) -> dict[str, str | None]:
    return {layer.name: layer.fused for layer in net.network() if isinstance(layer, VectorLayer)}


def test_normalization_and_activation_after_a_convolution_are_fused_into_it() -> None:
    net = NetworkBuilder("n")
    x = net.conv("conv", net.input(3, 8, 8), 4, Window.of(3))
    x = net.vector("relu", "relu", net.vector("norm", "batchnorm", x))
    net.vector("late", "batchnorm", net.pool("pool", "max", x, Window.of(2)))
    assert fused(net) == {"norm": "conv", "relu": "conv", "pool": None, "late": None}
    assert vector_of(net, "norm").ops == 0, "folded into the weights"
    assert vector_of(net, "late").ops == 2 * vector_of(net, "late").output_words


def test_a_normalization_behind_an_activation_is_fused_but_not_folded() -> None:
    net = NetworkBuilder("n")
    x = net.vector("relu", "relu", net.conv("conv", net.input(3, 8, 8), 4, Window.of(3)))
    net.vector("norm", "batchnorm", x)
    assert fused(net)["norm"] == "conv"
    assert vector_of(net, "norm").ops == 2 * x.words


def test_nothing_is_fused_where_another_layer_needs_the_words_before() -> None:
    net = NetworkBuilder("n")
    x = net.conv("conv", net.input(3, 8, 8), 4, Window.of(3))
    y = net.vector("relu", "relu", x)
    net.elementwise("add", "add", x, y)
    net.vector("after", "relu", Value((1, 4, 6, 6), "add"))
    assert fused(net) == {"relu": None, "add": None, "after": None}


def test_nothing_is_fused_over_an_output_of_the_network() -> None:
    net = NetworkBuilder("n")
    x = net.conv("conv", net.input(3, 8, 8), 4, Window.of(3))
    net.keep(x)
    net.vector("relu", "relu", x)
    assert fused(net) == {"relu": None}


def test_flows_follow_views() -> None:
    net = NetworkBuilder("n", batch=3)
    x = net.conv("conv", net.input(3, 8, 8), 4, Window.of(3))
    net.linear("fc", net.view(x, 3, 144), 10)
    assert net.network().flows == (Flow("conv", "fc", "inputs", 3 * 144),)


def test_a_tensor_taken_twice_flows_twice() -> None:
    net = NetworkBuilder("n")
    x = net.linear("a", net.input(4), 4)
    net.elementwise("square", "mul", x, x)
    assert [f.tensor for f in net.network().flows] == ["inputs", "inputs2"]


def test_mistakes_are_told_with_their_numbers() -> None:
    net = NetworkBuilder("n")
    x, flat = net.input(3, 8, 8), net.input(5, 7)
    with pytest.raises(LayerError, match="layer c: the kernel spans 11x11 words, more than the 10x10 of the padded"):
        net.conv("c", x, 4, Window.of(11, padding=1))
    with pytest.raises(LayerError, match="layer c: 2 groups do not divide 3 input and 4 output channels"):
        net.conv("c", x, 4, Window.of(1), groups=2)
    with pytest.raises(LayerError, match="layer c: needs an input of batch x channels x rows x columns, not 1x5x7"):
        net.conv("c", flat, 4, Window.of(1))
    with pytest.raises(LayerError, match="layer s: shapes 1x3x8x8, 1x5x7 do not fit"):
        net.elementwise("s", "add", x, flat)
    with pytest.raises(LayerError, match="layer m: 1x5x7 cannot be multiplied by 1x5x7"):
        net.matmul("m", flat, flat)
    with pytest.raises(LayerError, match="35 words, but 1x3x8x8 has 192"):
        net.view(x, 5, 7)
    with pytest.raises(LayerError, match="2 heads cannot be taken from 1x5x7"):
        net.heads(flat, 2)
    with pytest.raises(LayerError, match="differ in more than axis 1"):
        net.concat("k", x, net.input(3, 8, 9))
    with pytest.raises(LayerError, match="layer u: scale 0x2: it must be at least 1"):
        net.upsample("u", "nearest", x, (0, 2))
    with pytest.raises(LayerError, match="layer u: needs an input of batch x channels x rows x columns, not 1x5x7"):
        net.upsample("u", "nearest", flat, (2, 2))
    gemm = Layer.einsum("e", {"M": 4, "K": 8}, inputs="K", weights="M K", outputs="M")
    with pytest.raises(LayerError, match="layer e: outputs is what it makes; nothing can feed it"):
        net.einsum(gemm, {"outputs": x})
    with pytest.raises(LayerError, match=r"^layer e has no tensor A$"):
        net.einsum(gemm, {"A": x})
    with pytest.raises(LayerError, match="no operation 'rellu'; did you mean 'relu'"):
        net.vector("r", "rellu", x)
    with pytest.raises(LayerError, match="no operation 'addd'; did you mean 'add'"):
        net.elementwise("r", "addd", x, x)
    with pytest.raises(LayerError, match="stride 0x0"):
        Window.of(3, stride=0)
    with pytest.raises(LayerError, match="must not be negative"):
        Window.of(3, padding=-1)
    with pytest.raises(LayerError, match="layer t: an output of 0x0 words is left"):
        net.transposed_conv("t", x, 4, Window.of(1, padding=4))
    net.vector("r", "relu", x)
    with pytest.raises(LayerError, match="layer r: there is another layer of this name"):
        net.vector("r", "relu", x)
