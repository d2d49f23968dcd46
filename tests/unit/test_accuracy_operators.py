"""Do our operators give what onnx's own give, and do all products with weights go where they should?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from sim.accuracy.operators import operators

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)


def both(kind: str, tensors: dict[str, Array], weights: str, **attributes: Any) -> tuple[Array, Array]:
    """An operator's output by onnx and by us; what multiplies by weights must have told so."""
    node = helper.make_node(kind, [*tensors], ["out"], "layer", **attributes)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in tensors.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    seen = []

    def multiply(part: tuple[str, int], rows: Array, matrix: Array) -> Array:
        seen.append(part)
        return rows @ matrix

    ours = ReferenceEvaluator(model, new_ops=operators(multiply, frozenset([weights])))
    expected, found = (e.run(None, tensors)[0] for e in (ReferenceEvaluator(model), ours))
    assert bool(seen) == bool(weights)
    assert all(name == "layer" for name, _ in seen)
    return expected, found


def random(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_convolutions(data: st.DataObject) -> None:
    rank = data.draw(st.sampled_from([1, 2, 2, 3]))
    groups, depth, outputs = (data.draw(st.integers(1, 3)) for _ in range(3))
    each = st.lists(st.integers(1, 3), min_size=rank, max_size=rank)
    size, strides, dilations = data.draw(each), data.draw(each), data.draw(each)
    image = [(k - 1) * d + data.draw(st.integers(1, 5)) for k, d in zip(size, dilations, strict=True)]
    attributes: dict[str, Any] = {"strides": strides, "dilations": dilations, "group": groups}
    padding = data.draw(st.sampled_from(["pads", "VALID", "none"]))
    if padding == "pads":
        attributes["pads"] = data.draw(st.lists(st.integers(0, 2), min_size=2 * rank, max_size=2 * rank))
    elif padding == "VALID":
        attributes["auto_pad"] = "VALID"
    x, w = random(2, groups * depth, *image), random(groups * outputs, depth, *size)
    expected, found = both("Conv", {"x": x, "w": w, "b": random(groups * outputs)}, "w", **attributes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("where", "pads"), [("SAME_UPPER", [0, 1, 1, 1]), ("SAME_LOWER", [1, 1, 0, 1])])
def test_automatic_padding_is_what_the_standard_says(where: str, pads: list[int]) -> None:
    """Of an odd number the one goes to the end, or to the beginning; onnx's own evaluator has it the same."""
    tensors = {"x": random(1, 1, 4, 5), "w": random(1, 1, 2, 3)}
    _, automatic = both("Conv", tensors, "w", auto_pad=where)
    _, explicit = both("Conv", tensors, "w", pads=pads)
    np.testing.assert_array_equal(automatic, explicit)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_poolings(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    size = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=2))
    attributes: dict[str, Any] = {"kernel_shape": size}
    attributes["strides"] = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=2))
    attributes["ceil_mode"] = data.draw(st.sampled_from([0, 0, 0, 1]))
    if data.draw(st.booleans()):
        if kind == "MaxPool":
            size[1] = size[0]  # onnx 1.23 mixes the axes up: padded, it finds nothing in some windows of 1 x 2
        before = [data.draw(st.integers(0, k - 1)) for k in size]
        attributes["pads"] = before + [data.draw(st.integers(0, k - 1)) for k in size]
        if kind == "AveragePool":
            attributes["count_include_pad"] = data.draw(st.integers(0, 1))
    x = random(2, 2, *(k + data.draw(st.integers(0, 4)) for k in size))
    expected, found = both(kind, {"x": x}, "", **attributes)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_largest_of_padded_windows_that_onnx_does_not_find() -> None:
    x = np.array([[[[-3.0, -1.0, -2.0]]]], np.float32)
    node = helper.make_node("MaxPool", ["x"], ["y"], "pool", kernel_shape=[1, 2], pads=[0, 1, 0, 0])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    ours = ReferenceEvaluator(model, new_ops=operators(lambda part, rows, matrix: rows @ matrix, frozenset()))
    np.testing.assert_array_equal(ours.run(None, {"x": x})[0], [[[[-3, -1, -1]]]])


@pytest.mark.parametrize("attributes", [{}, {"transA": 1}, {"transB": 1, "alpha": 0.5}, {"transB": 1, "beta": 2.0}])
def test_gemm(attributes: dict[str, Any]) -> None:
    a, b = random(3, 4), random(4, 5)
    a = np.ascontiguousarray(a.T) if attributes.get("transA") else a
    b = np.ascontiguousarray(b.T) if attributes.get("transB") else b
    expected, found = both("Gemm", {"a": a, "b": b, "c": random(5)}, "b", **attributes)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("a", "b", "weights"),
    [
        ((2, 3, 4), (4, 5), "b"),  # as in a transformer
        ((6, 4), (2, 4, 5), "a"),  # weights from the left
        ((2, 3, 4), (2, 4, 5), ""),  # two computed tensors, as attention has them
    ],
)
def test_products_of_matrices(a: tuple[int, ...], b: tuple[int, ...], weights: str) -> None:
    expected, found = both("MatMul", {"a": random(*a), "b": random(*b)}, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_each_group_of_a_convolution_is_a_matrix_of_its_own() -> None:
    parts = []

    def multiply(part: tuple[str, int], rows: Array, matrix: Array) -> Array:
        parts.append((part, rows.shape, matrix.shape))
        return rows @ matrix

    node = helper.make_node("Conv", ["x", "w"], ["out"], "depthwise", group=3)
    run = ReferenceEvaluator(node, new_ops=operators(multiply, frozenset(["w"])))
    run.run(None, {"x": random(2, 3, 4, 4), "w": random(6, 1, 3, 3)})
    assert parts == [(("depthwise", g), (2 * 2 * 2, 9), (9, 2)) for g in range(3)]
