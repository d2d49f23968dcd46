"""Reads an ONNX file: binds its open dimensions, lets onnx infer the shapes, and hands over plain Python.

Only shapes are taken. Weights need not be there: external data is not opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import TilenestError, nearest


@dataclass(frozen=True, slots=True)
class Node:
    """An operator: its tensors by name ('' for an optional one that is left out) and its attributes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def ints(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        return tuple(self.attributes.get(name, default))

    def int(self, name: str, default: int) -> int:
        """An attribute that is an integer."""
        return int(self.attributes.get(name, default))

    def text(self, name: str, default: str) -> str:
        """An attribute that is a string."""
        value: bytes = self.attributes.get(name, default.encode())
        return value.decode()


@dataclass(frozen=True, slots=True)
class Model:
    """What the importer needs of an ONNX graph.

    Attributes:
        inputs: names of the graph's inputs that are not constants.
        constants: names of the initializers.
        shapes: shapes by tensor; a tensor whose shape onnx cannot tell is missing.
        bits: width of a word by tensor.
        float_bits: width of a floating-point word, and of a tensor whose type is not known.
        batch: first axis of the first input.
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: frozenset[str]
    shapes: Mapping[str, tuple[int, ...]]
    bits: Mapping[str, int]
    float_bits: int
    batch: int


def read_model(path: str | Path, batch: int | None, bind: Mapping[str, int], float_bits: int) -> Model:
    """Reads a file and infers its shapes.

    Raises:
        TilenestError: when onnx is not installed, the file is missing or damaged, or a dimension is left open.
    """
    model = open_model(path)
    from onnx import shape_inference

    _bind(model.graph, path, batch, bind)
    del model.graph.value_info[:]  # what it says of open dimensions would contradict what was bound
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        model = shape_inference.infer_shapes(model, strict_mode=False, data_prop=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise TilenestError(f"{path}: onnx cannot infer its shapes: {first_line(error)}") from None
    return _plain(model.graph, Path(path).stem, float_bits)


def open_model(path: str | Path) -> Any:
    """The ``ModelProto`` of a file, checked, without local functions; external weights are not read.

    Raises:
        TilenestError: when onnx is not installed, the file is missing or damaged, or is no valid model.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from onnx import checker, inliner
    except ImportError:
        raise TilenestError('reading ONNX models needs the onnx package: pip install "tilenest[onnx]"') from None
    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise TilenestError(f"{path}: cannot be read: {error.strerror}") from None
    except DecodeError:
        raise TilenestError(f"{path}: not an ONNX model, or cut short (it is not a complete protobuf)") from None
    if not model.graph.node:
        raise TilenestError(f"{path}: holds no ONNX graph with operators")
    try:
        checker.check_model(_checkable(model))
    except (checker.ValidationError, ValueError) as error:
        raise TilenestError(f"{path}: not a valid ONNX model: {first_line(error)}") from None
    return inliner.inline_local_functions(model) if model.functions else model


def _checkable(model: Any) -> Any:
    """A copy in which nothing is missing that need not be there: external weights and the shapes of outputs."""
    from onnx import ModelProto, external_data_helper, helper

    copy = ModelProto()
    copy.CopyFrom(model)
    graph, held = copy.graph, list(copy.graph.initializer)
    inputs = {i.name for i in graph.input}
    outside = [t for t in held if external_data_helper.uses_external_data(t)]
    del graph.initializer[:]
    graph.initializer.extend(t for t in held if not external_data_helper.uses_external_data(t))
    graph.input.extend(
        helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in outside if t.name not in inputs
    )
    for output in graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.shape.SetInParent()
    return copy


def first_line(error: Exception) -> str:
    """What an error of another library says, in a line."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _bind(graph: Any, path: str | Path, batch: int | None, bind: Mapping[str, int]) -> None:
    """Gives every dimension of every input a number; the first axis of the inputs is the batch."""
    constants = {i.name for i in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    bound = dict(bind)
    symbols: set[str] = set()
    missing: dict[str, str] = {}
    for tensor in inputs:
        if not tensor.type.tensor_type.HasField("shape"):
            raise TilenestError(f"{path}: input {tensor.name} is not a tensor with a shape")
        for axis, dim in enumerate(tensor.type.tensor_type.shape.dim):
            if dim.HasField("dim_value"):
                continue
            symbol = dim.dim_param or f"{tensor.name}.{axis}"
            symbols.add(symbol)
            if axis == 0 and batch is not None:
                bound.setdefault(symbol, batch)
            if symbol in bound:
                dim.dim_value = bound[symbol]
            else:
                missing.setdefault(symbol, "--batch 1" if axis == 0 else f"--bind {symbol}=128")
    for name in bind:
        if name not in symbols:
            hint = nearest(name, symbols) or f"open dimensions: {', '.join(sorted(symbols)) or 'none'}"
            raise TilenestError(f"{path}: no input has an open dimension '{name}'; {hint}")
    if missing:
        names, example = " and ".join(map(repr, missing)), " ".join(missing.values())
        raise TilenestError(f"{path}: the size of {names} is open; say how large, for example {example}")
    if batch is not None and inputs:
        rebatch(graph, inputs, batch)


def rebatch(graph: Any, inputs: list[Any], batch: int) -> None:
    """Gives a model that was stored for one batch size another: its inputs, and constant shapes of reshapes."""
    from onnx import numpy_helper

    firsts = [i.type.tensor_type.shape.dim[0] for i in inputs if i.type.tensor_type.shape.dim]
    old = firsts[0].dim_value if firsts else batch
    if old == batch:
        return
    for dim in firsts:
        if dim.dim_value == old:
            dim.dim_value = batch
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    held = {i.name: i for i in graph.initializer}
    held |= {
        n.output[0]: a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"
    }
    for name in targets & held.keys():
        shape = numpy_helper.to_array(held[name]).copy()
        if shape.size and shape[0] == old:
            shape[0] = batch
            held[name].CopyFrom(numpy_helper.from_array(shape, held[name].name))


def _plain(graph: Any, name: str, float_bits: int) -> Model:
    shapes: dict[str, tuple[int, ...]] = {}
    bits: dict[str, int] = {}
    for tensor, element, shape in _tensors(graph):
        bits[tensor] = _width(element, float_bits)
        if shape is not None:
            shapes[tensor] = shape
    constants = frozenset(i.name for i in graph.initializer) | {i.values.name for i in graph.sparse_initializer}
    inputs = tuple(i.name for i in graph.input if i.name not in constants)
    batch = next((shapes[i][0] for i in inputs if shapes.get(i)), 1)
    outputs = tuple(o.name for o in graph.output)
    return Model(graph.name or name, _nodes(graph), inputs, outputs, constants, shapes, bits, float_bits, batch)


def _nodes(graph: Any) -> tuple[Node, ...]:
    from onnx import helper

    out = []
    for name, node in names_of(graph).items():
        op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        out.append(Node(name, op, tuple(node.input), tuple(node.output), attributes))
    return tuple(out)


def names_of(graph: Any) -> dict[str, Any]:
    """The operators of a graph by name; one without a name of its own is called after what it makes."""
    out: dict[str, Any] = {}
    for i, node in enumerate(graph.node):
        name = node.name or next(filter(None, node.output), node.op_type)
        out[f"{name}#{i}" if name in out else name] = node
    return out


def _tensors(graph: Any) -> Iterator[tuple[str, int, tuple[int, ...] | None]]:
    """Name, element type and shape (None where it is not known) of every tensor."""
    for info in (*graph.input, *graph.value_info, *graph.output):
        kind = info.type.tensor_type
        known = kind.HasField("shape") and all(d.HasField("dim_value") for d in kind.shape.dim)
        yield info.name, kind.elem_type, tuple(d.dim_value for d in kind.shape.dim) if known else None
    for held in graph.initializer:
        yield held.name, held.data_type, tuple(held.dims)
    for sparse in graph.sparse_initializer:
        yield sparse.values.name, sparse.values.data_type, tuple(sparse.dims)


def _width(element: int, float_bits: int) -> int:
    """Bits of an element type; the usual floating-point types count as `float_bits`."""
    from onnx import TensorProto

    known = element in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(element) if known else "UNDEFINED"
    if name in ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "UNDEFINED"):
        return float_bits
    digits = re.search(r"\d+", name)
    return int(digits[0]) if digits else 8
