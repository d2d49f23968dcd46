"""The ONNX operators that multiply and accumulate: how each becomes a layer."""

from __future__ import annotations

from dataclasses import replace

from sim.errors import TilenestError, UnsupportedOp
from sim.workload.importers.onnx_file import Node
from sim.workload.importers.onnx_graph import Graph, Rule
from sim.workload.importers.onnx_window import axes, plane, window_of
from sim.workload.layer import Layer, Rank, Role, Tensor
from sim.workload.value import Value
from sim.workload.window import Pair, Window


def _operands(node: Node) -> tuple[str, str, str]:
    """Input, weights and output; the QLinear operators have scale and zero point after each tensor."""
    return node.inputs[0], node.inputs[3 if node.op.startswith("QLinear") else 1], node.outputs[0]


def _weights(graph: Graph, tensor: str) -> tuple[int, ...]:
    if not graph.constant(tensor):
        raise UnsupportedOp("its weights are computed by the network")
    return graph.shape(tensor)


def _conv(graph: Graph, node: Node) -> None:
    x, w, y = _operands(node)
    image, (m, c, *kernel) = graph.image(x), _weights(graph, w)
    window, groups = window_of(node, tuple(kernel), plane(image)), node.int("group", 1)
    if c * groups != image.shape[1]:
        raise TilenestError(f"its weights are for {c * groups} channels, but its input has {image.shape[1]}")
    made = graph.builder.conv(node.name, image, m, window, groups=groups, formats=graph.formats(x, w, y))
    graph.put(node, made)


def _conv_transpose(graph: Graph, node: Node) -> None:
    x, w, y = _operands(node)
    image, (_, m, *kernel) = graph.image(x), _weights(graph, w)
    window, groups = window_of(node, tuple(kernel), plane(image)), node.int("group", 1)
    extra = axes(node.ints("output_padding", (0,) * len(kernel)), 0)
    wanted = node.ints("output_shape")[-len(kernel) :]
    if wanted or node.text("auto_pad", "NOTSET").startswith("SAME"):
        target = axes(wanted, 1) if wanted else _times(plane(image), window.stride)
        window, extra = _fit(window, plane(image), extra, target, upper=node.text("auto_pad", "") == "SAME_UPPER")
    made = graph.builder.transposed_conv(
        node.name, image, m * groups, window, groups=groups, extra=extra, formats=graph.formats(x, w, y)
    )
    graph.put(node, made)


def _times(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0], a[1] * b[1]


def _fit(window: Window, size: Pair, extra: Pair, target: Pair, *, upper: bool) -> tuple[Window, Pair]:
    """Padding, or extra output, that gives a transposed convolution the size asked for (ONNX, ConvTranspose)."""
    bare = replace(window, padding=(0, 0, 0, 0))
    over = [full - want for full, want in zip(bare.scattered(size, extra), target, strict=True)]
    low, high = ([max(0, o) // 2 for o in over], [-(-max(0, o) // 2) for o in over])
    before, after = (low, high) if upper else (high, low)
    more = (extra[0] + max(0, -over[0]), extra[1] + max(0, -over[1]))
    return replace(bare, padding=(before[0], before[1], after[0], after[1])), more


def _gemm(graph: Graph, node: Node) -> None:
    if len(node.inputs) > 2 and node.inputs[2] and not graph.constant(node.inputs[2]):
        raise UnsupportedOp("its bias is computed by the network")
    a, b = graph.value(node.inputs[0]), graph.value(node.inputs[1])
    a = replace(a, shape=a.shape[::-1]) if node.int("transA", 0) else a
    b = replace(b, shape=b.shape[::-1]) if node.int("transB", 0) else b
    _product(graph, node, a, b)


def _matmul(graph: Graph, node: Node) -> None:
    first, second, _ = _operands(node)
    a, b = graph.value(first), graph.value(second)
    a = replace(a, shape=(1, *a.shape)) if len(a.shape) == 1 else a
    b = replace(b, shape=(*b.shape, 1)) if len(b.shape) == 1 else b
    _product(graph, node, a, b)


def _product(graph: Graph, node: Node, a: Value, b: Value) -> None:
    """A matrix product: with constant weights of two axes a fully connected layer."""
    first, second, y = _operands(node)
    turned = graph.constant(first)
    formats = graph.formats(*((second, first) if turned else (first, second)), y)
    if graph.constant(second) and len(b.shape) == 2 and a.shape[-1] == b.shape[0]:
        made = graph.builder.linear(node.name, a, b.shape[1], formats=formats)
    else:
        made = graph.builder.matmul(node.name, a, b, weights_first=turned, formats=formats)
    graph.put(node, made)


def _einsum(graph: Graph, node: Node) -> None:
    equation = node.text("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if not arrow:
        right = "".join(sorted(c for c in left if left.count(c) == 1 and c != ","))
    if len(terms) != 2 or "." in equation or any(len(set(t)) < len(t) for t in (*terms, right)):
        raise UnsupportedOp(f"only products of two tensors with plain indices are known, not '{equation}'")
    roles: tuple[Role, ...] = ("inputs", "weights", "outputs")
    if graph.constant(node.inputs[0]):
        roles = ("weights", "inputs", "outputs")
    values: dict[str, Value] = {}
    dims: dict[str, int] = {}
    for role, term, tensor in zip(roles, terms, node.inputs, strict=False):
        values[role] = graph.value(tensor)
        dims.update(zip(term, values[role].shape, strict=True))
    tensors = tuple(
        Tensor(role, role, tuple(map(Rank.of, term)), graph.bits(tensor))
        for role, term, tensor in zip(roles, (*terms, right), (*node.inputs, node.outputs[0]), strict=True)
    )
    graph.put(node, graph.builder.einsum(Layer(node.name, "einsum", tuple(dims.items()), tensors), values))


#: Gates a cell has, and its operations for each hidden word: sums of the two products, functions, products, sums.
_CELLS = {"LSTM": (4, 4 + 5 + 3 + 1), "GRU": (3, 3 + 3 + 3 + 2), "RNN": (1, 1 + 1)}


def _recurrent(graph: Graph, node: Node) -> None:
    """A recurrent layer: for each direction one product with the inputs of all steps and one with the states.

    The product with the states is drawn as one layer over all steps; that each step waits for the one before it is
    not modelled, and neither is the flow of the state from step to step.
    """
    gates, ops = _CELLS[node.op]
    x, w, r = node.inputs[:3]
    value, (directions, _, _), hidden = graph.value(x), _weights(graph, w), _weights(graph, r)[2]
    made = []
    for name in (node.name, f"{node.name}.back")[:directions]:
        formats = graph.formats(x, w, node.outputs[0])
        states = Value((*value.shape[:2], hidden))
        new = graph.builder.linear(f"{name}.inputs", value, gates * hidden, formats=formats)
        old = graph.builder.linear(f"{name}.states", states, gates * hidden, formats=formats)
        made.append(
            graph.builder.vector(
                name, node.op.lower(), new, old, shape=states.shape, ops=ops * states.words, bits=formats.outputs.bits
            )
        )
    if directions > 1:
        made = [graph.builder.concat(f"{node.name}.both", *made, axis=-1, bits=graph.bits(x))]
    graph.put(node, made[0])


RULES: dict[str, Rule] = {
    "Conv": _conv,
    "QLinearConv": _conv,
    "ConvInteger": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}
