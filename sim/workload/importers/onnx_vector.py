"""The ONNX operators that do not multiply and accumulate: vector layers, and views that move nothing."""

from __future__ import annotations

import math

from sim.errors import UnsupportedOp
from sim.workload import vector
from sim.workload.importers.onnx_file import Node
from sim.workload.importers.onnx_graph import ACTIVATIONS, Graph, Rule
from sim.workload.importers.onnx_window import plane, window_of

_SAME_SHAPE = ACTIVATIONS | {
    "BatchNormalization": "batchnorm",
    "LayerNormalization": "layernorm",
    "MeanVarianceNormalization": "layernorm",
    "GroupNormalization": "groupnorm",
    "InstanceNormalization": "instancenorm",
    "RMSNormalization": "rmsnorm",
    "Softmax": "softmax",
    "LogSoftmax": "logsoftmax",
}
_MOVES = {
    "Pad": "pad",
    "Tile": "tile",
    "Expand": "tile",
    "DepthToSpace": "depth_to_space",
    "SpaceToDepth": "space_to_depth",
    "GatherElements": "gather",
    "GatherND": "gather",
}
_ELEMENTWISE = {
    "Add": "add", "Sum": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Max": "max", "Min": "min", "Mean": "mean",
    "Pow": "pow", "Mod": "mod", "And": "and", "Or": "or", "Xor": "xor", "Equal": "equal", "Greater": "greater",
    "GreaterOrEqual": "greater", "Less": "less", "LessOrEqual": "less", "Where": "where",
}  # fmt: skip
#: Operations with a constant for each channel, which fold into the layer before; the constant must come second,
#: unless the order does not matter.
_CONSTANT = {"Add": "bias", "Sub": "bias", "Mul": "scale", "Div": "scale"}
_REDUCE = ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
#: Why they move nothing.
_VIEWS = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), "the same words in another shape"),
    **dict.fromkeys(("Identity", "Dropout"), "passes its input on"),
    **dict.fromkeys(("Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"), "another number format"),
}
_PARTS = {
    **dict.fromkeys(("Slice", "Split"), "a part of its input"),
    "DynamicQuantizeLinear": "another number format",
}


def _one(
    graph: Graph,
    node: Node,
    kind: str,
    *,
    shape: tuple[int, ...] | None = None,
    ops: int | None = None,
    whole: int | None = None,
) -> None:
    """A vector layer with the first input as its only operand."""
    x, bits = graph.value(node.inputs[0]), graph.bits(node.inputs[0])
    graph.put(node, graph.builder.vector(node.name, kind, x, shape=shape, ops=ops, bits=bits, whole=whole))


def _same_shape(graph: Graph, node: Node) -> None:
    axes, whole = len(graph.shape(node.inputs[0])), None
    if node.op in ("Softmax", "LogSoftmax"):  # from the axis on in old versions, where it is 1 by default
        whole = -node.int("axis", 1) % axes or axes
    elif node.op in ("LayerNormalization", "RMSNormalization"):
        whole = -node.int("axis", -1) % axes or axes
    elif node.op == "MeanVarianceNormalization":
        whole = axes
    _one(graph, node, _SAME_SHAPE[node.op], whole=whole)


def _move(graph: Graph, node: Node) -> None:
    _one(graph, node, _MOVES[node.op], shape=graph.shape(node.outputs[0]))


def _reduce(graph: Graph, node: Node) -> None:
    _one(graph, node, "reduce", shape=graph.shape(node.outputs[0]), ops=graph.value(node.inputs[0]).words)


def _lrn(graph: Graph, node: Node) -> None:
    _one(graph, node, "lrn", ops=graph.value(node.inputs[0]).words * vector.lrn_ops(node.int("size", 1)))


def _resize(graph: Graph, node: Node) -> str | None:
    out, mode = graph.shape(node.outputs[0]), node.text("mode", "nearest")
    if out == graph.shape(node.inputs[0]):
        return graph.see(node, "keeps the size")
    if mode not in vector.RESIZE_TAPS:
        raise UnsupportedOp(f"no interpolation '{mode}'")
    _one(graph, node, "resize", shape=out, ops=math.prod(out) * vector.resize_ops(mode))
    return None


def _transpose(graph: Graph, node: Node) -> str | None:
    shape = graph.shape(node.inputs[0])
    order = node.ints("perm", tuple(reversed(range(len(shape)))))
    longer = [axis for axis in order if shape[axis] > 1]
    if longer == sorted(longer):
        return graph.see(node, "moves no axis that is longer than one")
    _one(graph, node, "transpose", shape=tuple(shape[axis] for axis in order))
    return None


def _elementwise(graph: Graph, node: Node) -> str | None:
    tensors = [t for t in node.inputs if t]
    if len(tensors) == 1:
        return graph.see(node, "has one operand only")
    moving = [t for t in tensors if not graph.constant(t)]
    kind, bits = _ELEMENTWISE[node.op], graph.bits(moving[0])
    if node.op in _CONSTANT and len(moving) == 1 and (moving[0] == tensors[0] or node.op in ("Add", "Mul")):
        x, constant = graph.value(moving[0]), graph.shape(next(t for t in tensors if t != moving[0]))
        if sum(size > 1 for size in constant) <= 1 and math.prod(constant) <= x.words:
            graph.put(node, graph.builder.vector(node.name, _CONSTANT[node.op], x, bits=bits))
            return None
    graph.put(node, graph.builder.elementwise(node.name, kind, *map(graph.value, tensors), bits=bits))
    return None


def _pool(graph: Graph, node: Node) -> None:
    image, mode = graph.image(node.inputs[0]), "max" if node.op == "MaxPool" else "avg"
    window = window_of(node, node.ints("kernel_shape"), plane(image))
    ceil, bits = bool(node.int("ceil_mode", 0)), graph.bits(node.inputs[0])
    graph.put(node, graph.builder.pool(node.name, mode, image, window, ceil=ceil, bits=bits))


def _global_pool(graph: Graph, node: Node) -> None:
    image, mode = graph.image(node.inputs[0]), "max" if node.op == "GlobalMaxPool" else "avg"
    graph.put(node, graph.builder.global_pool(node.name, mode, image, bits=graph.bits(node.inputs[0])))


def _concat(graph: Graph, node: Node) -> None:
    values, bits = [graph.value(t) for t in node.inputs], graph.bits(node.inputs[0])
    graph.put(node, graph.builder.concat(node.name, *values, axis=node.int("axis", 1), bits=bits))


def _gather(graph: Graph, node: Node) -> str | None:
    data, indices = node.inputs
    if graph.constant(indices):
        return graph.see(node, "a part of its input, chosen by constants", part=True)
    bits, out, chosen = graph.bits(node.outputs[0]), graph.shape(node.outputs[0]), graph.value(indices)
    if graph.constant(data) and node.int("axis", 0) == 0:
        made = graph.builder.embedding(node.name, chosen, *out[len(chosen.shape) :], bits=bits)
    else:
        made = graph.builder.vector(node.name, "gather", graph.value(data), chosen, shape=out, bits=bits)
    graph.put(node, made)
    return None


def _view(graph: Graph, node: Node) -> str:
    return graph.see(node, _VIEWS[node.op])


def _part(graph: Graph, node: Node) -> str:
    return graph.see(node, _PARTS[node.op], part=True)


RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME_SHAPE, _same_shape),
    **dict.fromkeys(_MOVES, _move),
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys((f"Reduce{what}" for what in _REDUCE), _reduce),
    **dict.fromkeys(("ArgMax", "ArgMin"), _reduce),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("GlobalMaxPool", "GlobalAveragePool"), _global_pool),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(_VIEWS, _view),
    **dict.fromkeys(_PARTS, _part),
    "LRN": _lrn,
    "Concat": _concat,
    "Gather": _gather,
    "Transpose": _transpose,
}
