"""Small ONNX models for tests, and what is looked up in the networks that they become."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim.workload.layer import Layer, VectorLayer
from sim.workload.network import Network

Array = np.ndarray[Any, Any]
F32 = np.float32


def zeros(*shape: int, dtype: Any = F32) -> Array:
    return np.zeros(shape, dtype)


def op(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """An operator named after its first output."""
    return helper.make_node(kind, inputs.split(), outputs.split(), name=outputs.split()[0], **attributes)


def save(
    folder: Path,
    nodes: Sequence[Any],
    inputs: dict[str, Sequence[int | str | None]],
    constants: dict[str, Array] | None = None,
    *,
    outputs: Sequence[str] = (),
    types: dict[str, int] | None = None,
    **model: Any,
) -> Path:
    """A file ``made.onnx``; what no `types` names is float32, and the last operator makes the output."""
    types = types or {}
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), s) for n, s in inputs.items()],
        [
            helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), None)
            for n in outputs or [nodes[-1].output[0]]
        ],
        [numpy_helper.from_array(a, n) for n, a in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    path = folder / "made.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, **model), str(path))
    return path


def mac(network: Network, name: str) -> Layer:
    layer = network[name]
    assert isinstance(layer, Layer)
    return layer


def vector(network: Network, name: str) -> VectorLayer:
    layer = network[name]
    assert isinstance(layer, VectorLayer)
    return layer


def attention(folder: Path) -> Path:
    """Self-attention with 4 heads and a residual addition, ``batch`` and ``seq`` open."""
    nodes = []
    for n in "qkv":
        order = [0, 2, 3, 1] if n == "k" else [0, 2, 1, 3]
        nodes += [op("MatMul", f"x w{n}", n), op("Add", f"{n} b", f"{n}b")]
        nodes += [op("Reshape", f"{n}b split", f"{n}r"), op("Transpose", f"{n}r", f"{n}t", perm=order)]
    nodes += [
        op("MatMul", "qt kt", "scores"),
        op("Div", "scores root", "scaled"),
        op("Softmax", "scaled", "attention"),
        op("MatMul", "attention vt", "context"),
        op("Transpose", "context", "ct", perm=[0, 2, 1, 3]),
        op("Shape", "x", "shape"),
        op("Reshape", "ct shape", "joined"),
        op("Add", "joined x", "residual"),
        op("LayerNormalization", "residual b b", "norm"),
    ]
    constants = {f"w{n}": zeros(64, 64) for n in "qkv"}
    constants |= {"b": zeros(64), "split": np.array([0, 0, 4, 16]), "root": np.array(4, F32)}
    return save(folder, nodes, {"x": ["batch", "seq", 64]}, constants)
