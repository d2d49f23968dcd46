"""Does each ONNX operator become the right layer?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
from onnx import TensorProto

from sim.schema.workload import read_workload
from sim.workload.importers.onnx import import_onnx
from sim.workload.network import Flow
from tests.onnx_models import F32, attention, mac, op, save, vector, zeros


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small model."""
    return functools.partial(save, tmp_path)


def test_convolution_with_all_its_attributes(made: Any) -> None:
    node = op("Conv", "x w", "y", group=2, strides=[2, 1], dilations=[1, 3], pads=[1, 0, 2, 4])
    network = import_onnx(made([node], {"x": [1, 4, 9, 7]}, {"w": zeros(6, 2, 3, 2)}))
    layer = mac(network, "y")
    assert layer.sizes == {"N": 1, "G": 2, "M": 3, "C": 2, "P": 5, "Q": 8, "R": 3, "S": 2}
    assert str(layer.tensor("inputs")) == "inputs[N, G, C, 2*P + R - 1, Q + 3*S]"


@pytest.mark.parametrize(
    ("attributes", "places", "offset"),
    [
        ({"auto_pad": "SAME_UPPER", "strides": [2]}, 8, -1),
        ({"auto_pad": "SAME_LOWER"}, 16, -2),
        ({"auto_pad": "SAME_UPPER"}, 16, -1),
        ({"auto_pad": "VALID"}, 13, 0),
    ],
)
def test_one_dimensional_convolution_and_automatic_padding(
    made: Any, attributes: dict[str, Any], places: int, offset: int
) -> None:
    nodes = [op("Conv", "x w", "y", **attributes), op("GlobalAveragePool", "y", "z")]
    network = import_onnx(made(nodes, {"x": [1, 3, 16]}, {"w": zeros(8, 3, 4)}))
    layer = mac(network, "y")
    assert layer.sizes == {"N": 1, "M": 8, "C": 3, "P": 1, "Q": places, "R": 1, "S": 4}
    assert layer.tensor("inputs").ranks[-1].offset == offset
    assert vector(network, "z").inputs == (("inputs", 8 * places),)


@pytest.mark.parametrize(
    ("attributes", "extent", "offset"),
    [
        ({"strides": [2, 2]}, 33, 0),
        ({"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}, 32, -1),
        ({"strides": [2, 2], "auto_pad": "SAME_UPPER"}, 32, 0),
        ({"strides": [2, 2], "auto_pad": "SAME_LOWER"}, 32, -1),
        ({"strides": [2, 2], "output_shape": [31, 31]}, 31, -1),
        ({"strides": [2, 2], "output_shape": [40, 40]}, 40, 0),
    ],
)
def test_transposed_convolution(made: Any, attributes: dict[str, Any], extent: int, offset: int) -> None:
    nodes = [op("ConvTranspose", "x w", "y", group=2, **attributes)]
    network = import_onnx(made(nodes, {"x": [1, 8, 16, 16]}, {"w": zeros(8, 3, 3, 3)}))
    layer = mac(network, "y")
    assert layer.sizes == {"N": 1, "G": 2, "M": 3, "C": 4, "H": 16, "W": 16, "R": 3, "S": 3}
    rank = layer.tensor("outputs").ranks[-1]
    assert (rank.extent, rank.offset, rank.terms) == (extent, offset, (("W", 2), ("S", 1)))


def test_products_of_all_sorts(made: Any) -> None:
    nodes = [
        op("Gemm", "x w b", "gemm", transB=1),
        op("Gemm", "x y", "both", transA=1),
        op("MatMul", "c y", "left"),
        op("MatMul", "x v", "row"),
        op("Einsum", "x w", "einsum", equation="ij,kj->ik"),
        op("Einsum", "x w", "implicit", equation="ij,kj"),
    ]
    constants = {"w": zeros(5, 8), "b": zeros(5), "c": zeros(7, 4), "v": zeros(8)}
    network = import_onnx(made(nodes, {"x": [4, 8], "y": [4, 6]}, constants))
    assert mac(network, "gemm").sizes == {"N": 4, "M": 5, "C": 8}
    assert mac(network, "both").sizes == {"M": 8, "N": 6, "K": 4}
    assert str(mac(network, "left").tensor("weights")) == "weights[M, K]"
    assert mac(network, "row").macs == 4 * 8
    assert mac(network, "einsum").sizes == mac(network, "implicit").sizes == {"i": 4, "j": 8, "k": 5}
    assert mac(network, "einsum").outputs.dims == ("i", "k")


def test_eight_bit_operators_have_eight_bits(made: Any) -> None:
    i8, u8 = np.int8, np.uint8
    scale = {"s": np.array(1, F32), "z": np.array(0, u8), "zw": np.array(0, i8)}
    constants = {"w": zeros(8, 3, 3, 3, dtype=i8), "m": zeros(8, 4, dtype=i8), "i": zeros(8, 8, 3, 3, dtype=i8)}
    nodes = [
        op("QuantizeLinear", "x s z", "q"),
        op("QLinearConv", "q s z w s zw s z", "conv"),
        op("ConvInteger", "conv i z", "wide"),
        op("DequantizeLinear", "conv s z", "d"),
        op("GlobalAveragePool", "d", "pool"),
        op("QuantizeLinear", "pool s z", "q2"),
        op("Reshape", "q2 shape", "flat"),
        op("QLinearMatMul", "flat s z m s zw s z", "fc"),
        op("MatMulInteger", "flat m", "fcwide"),
    ]
    shape = {"shape": np.array([1, 8])}
    types = {"fc": TensorProto.UINT8, "wide": TensorProto.INT32, "fcwide": TensorProto.INT32}
    path = made(nodes, {"x": [1, 3, 8, 8]}, constants | scale | shape, outputs=list(types), types=types)
    network = import_onnx(path, strict=True)
    bits = {layer.name: [t.bits for t in layer.tensors] for layer in network.mac_layers}
    assert bits == {"conv": [8, 8, 8], "wide": [8, 8, 32], "fc": [8, 8, 8], "fcwide": [8, 8, 32]}
    assert mac(network, "fc").sizes == {"N": 1, "M": 4, "C": 8}
    assert vector(network, "pool").bits == 8


def test_quantize_and_dequantize_around_float_operators_give_their_width(made: Any) -> None:
    nodes = [
        op("QuantizeLinear", "x s z", "q"),
        op("DequantizeLinear", "q s z", "dx"),
        op("DequantizeLinear", "w s zw", "dw"),
        op("Conv", "dx dw", "conv"),
        op("Relu", "conv", "relu"),
        op("QuantizeLinear", "relu s z", "y"),
    ]
    constants = {"s": np.array(1, F32), "z": np.array(0, np.uint8), "zw": np.array(0, np.int8)}
    constants["w"] = zeros(4, 3, 1, 1, dtype=np.int8)
    network = import_onnx(made(nodes, {"x": [1, 3, 8, 8]}, constants, types={"y": TensorProto.UINT8}))
    assert [t.bits for t in mac(network, "conv").tensors] == [8, 8, 8]
    assert vector(network, "relu").fused == "conv"
    assert {s.name for s in network.skipped} == {"q", "dx", "dw", "y"}


def test_floating_point_widths_are_those_of_the_accelerator(made: Any) -> None:
    path = made([op("MatMul", "x w", "y")], {"x": [1, 8]}, {"w": zeros(8, 4)})
    assert {t.bits for t in mac(import_onnx(path), "y").tensors} == {16}
    assert {t.bits for t in mac(import_onnx(path, float_bits=32), "y").tensors} == {32}


@pytest.mark.parametrize(("kind", "gates", "ops"), [("LSTM", 4, 13), ("GRU", 3, 11), ("RNN", 1, 2)])
def test_recurrent_layers(made: Any, kind: str, gates: int, ops: int) -> None:
    nodes = [op(kind, "x w r", "y last", hidden_size=16, direction="bidirectional"), op("Relu", "last", "z")]
    constants = {"w": zeros(2, gates * 16, 8), "r": zeros(2, gates * 16, 16)}
    network = import_onnx(made(nodes, {"x": ["steps", 2, 8]}, constants, outputs=["y", "z"]), bind={"steps": 7})
    assert network.macs == 2 * 7 * 2 * gates * 16 * (8 + 16)
    assert network.weight_words == 2 * gates * 16 * (8 + 16)
    assert vector(network, "y").ops == vector(network, "y.back").ops == ops * 7 * 2 * 16
    assert Flow("y.both", "z", "inputs", 2 * 2 * 16) in network.flows


def test_vector_operators(made: Any) -> None:
    nodes = [
        op("MaxPool", "x", "pool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        op("LRN", "x", "lrn", size=5),
        op("Resize", "x none none sizes", "resize", mode="linear"),
        op("ReduceMean", "x", "mean", axes=[2, 3]),
        op("Sigmoid", "mean", "gate"),
        op("Mul", "x gate", "scaled"),
        op("Mul", "x channel", "constant"),
        op("Concat", "x scaled", "concat", axis=1),
        op("Transpose", "x", "turned", perm=[0, 2, 3, 1]),
        op("Gather", "table ids", "rows"),
        op("Slice", "x one two", "slice"),
        op("Split", "x", "half1 half2", axis=1),
        op("Transpose", "mean", "view", perm=[0, 2, 1, 3]),
        op("Sum", "x", "alone"),
    ]
    constants = {
        "none": zeros(0),
        "sizes": np.array([1, 8, 12, 12]),
        "channel": zeros(8, 1, 1),
        "table": zeros(100, 32),
        "one": np.array([1]),
        "two": np.array([2]),
    }
    inputs = {"x": [1, 8, 6, 6], "ids": [5]}
    path = made(nodes, inputs, constants, types={"ids": TensorProto.INT64})
    network = import_onnx(path, strict=True)
    words = 8 * 36
    assert (vector(network, "pool").output_words, vector(network, "pool").ops) == (8 * 9, 8 * 9 * 8)
    assert vector(network, "lrn").ops == 9 * words
    assert (vector(network, "resize").output_words, vector(network, "resize").ops) == (4 * words, 7 * 4 * words)
    assert (vector(network, "mean").kind, vector(network, "mean").ops) == ("reduce", words)
    assert vector(network, "scaled").inputs == (("inputs", words), ("inputs2", 8))
    assert (vector(network, "constant").kind, vector(network, "constant").fused) == ("scale", None)
    assert (vector(network, "concat").output_words, vector(network, "concat").ops) == (2 * words, 0)
    assert vector(network, "rows").inputs == (("inputs", 5), ("weights", 160))
    assert {s.name for s in network.skipped} == {"slice", "half1", "view", "alone"}


def test_a_part_of_a_tensor_flows_with_its_own_words(made: Any) -> None:
    nodes = [op("Relu", "x", "y"), op("Split", "y", "a b", axis=1), op("Tanh", "b", "z")]
    network = import_onnx(made(nodes, {"x": [1, 8, 4]}))
    assert network.flows == (Flow("y", "z", "inputs", 16),)


def test_attention_with_open_batch_and_sequence(tmp_path: Path) -> None:
    network = import_onnx(attention(tmp_path), batch=2, bind={"seq": 10})
    assert mac(network, "q").sizes == {"N": 20, "M": 64, "C": 64}
    assert mac(network, "scores").sizes == {"B": 2, "H": 4, "M": 10, "N": 10, "K": 16}
    assert mac(network, "context").sizes == {"B": 2, "H": 4, "M": 10, "N": 16, "K": 10}
    assert Flow("kt", "scores", "weights", 2 * 10 * 64) in network.flows
    assert network.weight_words == 3 * 64 * 64
    assert vector(network, "scaled").fused == "scores"
    assert (vector(network, "qb").fused, vector(network, "qb").ops) == ("q", 0), "a bias folds"
    assert vector(network, "qt").ops == 0
    assert vector(network, "norm").ops == 7 * 2 * 10 * 64
    assert {s.op for s in network.skipped} == {"Reshape", "Shape"}
    assert network == read_workload(attention(tmp_path), batch=2, bind={"seq": 10})
