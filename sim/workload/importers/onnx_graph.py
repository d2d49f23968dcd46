"""What is known of each tensor of an ONNX graph while it is walked, and the network that grows from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from sim.errors import TilenestError, UnsupportedOp
from sim.workload.build import NetworkBuilder
from sim.workload.importers.onnx_file import Model, Node
from sim.workload.network import Network
from sim.workload.value import Format, Formats, Value

#: Operators whose output depends on the shape of their input only, and shapes are known.
_SHAPES = frozenset({"Shape", "Size"})

#: Operators that take more than their inputs: their branches see the tensors around them.
_CONTROL = frozenset({"If", "Loop", "Scan"})

#: Functions of one word, and what they are called here.
ACTIVATIONS = {
    "Relu": "relu", "LeakyRelu": "leakyrelu", "PRelu": "prelu", "ThresholdedRelu": "thresholdedrelu", "Clip": "clip",
    "Elu": "elu", "Selu": "selu", "Celu": "celu", "Softplus": "softplus", "Softsign": "softsign", "Tanh": "tanh",
    "Sigmoid": "sigmoid", "HardSigmoid": "hardsigmoid", "Gelu": "gelu", "Swish": "silu", "HardSwish": "hardswish",
    "Mish": "mish", "Erf": "erf", "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Reciprocal": "reciprocal",
    "Abs": "abs", "Neg": "neg", "Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Round": "round", "Sin": "sin",
    "Cos": "cos", "Not": "not",
}  # fmt: skip

Rule = Callable[["Graph", Node], str | None]
"""Adds the layers of an operator and returns None, or returns why it moves nothing."""


class Graph:
    """The network under construction.

    Attributes:
        builder: takes the layers.
    """

    def __init__(self, model: Model, source: str) -> None:
        self.builder = NetworkBuilder(model.name, batch=model.batch, source=source)
        self._model = model
        self._values = {name: Value(model.shapes[name]) for name in model.inputs if name in model.shapes}
        self._static = set(model.constants)
        self._bits = dict(model.bits)
        self._takers: dict[str, list[Node]] = defaultdict(list)
        for node in model.nodes:
            for tensor in filter(None, node.inputs):
                self._takers[tensor].append(node)

    def network(self) -> Network:
        """The network; what the model gives out is not fused over."""
        for tensor in self._model.outputs:
            if tensor in self._values:
                self.builder.keep(self._values[tensor])
        return self.builder.network()

    # --- what is known of a tensor

    def constant(self, tensor: str) -> bool:
        """Whether a tensor can be computed before the network runs."""
        return tensor in self._static

    def is_static(self, node: Node) -> bool:
        """Whether all that a node makes can be computed before the network runs; notes it if so."""
        constant = node.op in _SHAPES or all(self.constant(t) for t in node.inputs if t)
        if node.op in _CONTROL or not constant:
            return False
        self._static |= set(node.outputs)
        self.copy_bits(node)
        return True

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            UnsupportedOp: when it is not known.
        """
        if tensor in self._values:
            return self._values[tensor].shape
        if tensor in self._model.shapes:
            return self._model.shapes[tensor]
        raise UnsupportedOp(f"the shape of its tensor {tensor} is not known")

    def value(self, tensor: str) -> Value:
        """A tensor as the builder knows it.

        Raises:
            UnsupportedOp: when its shape is not known.
        """
        return self._values[tensor] if tensor in self._values else Value(self.shape(tensor))

    def image(self, tensor: str) -> Value:
        """A feature map with rows and columns; signals of one axis get one row.

        Raises:
            UnsupportedOp: for volumes.
        """
        value = self.value(tensor)
        if len(value.shape) not in (3, 4):
            raise UnsupportedOp(f"works on {len(value.shape) - 2} axes; only 1 and 2 are known")
        return value if len(value.shape) == 4 else replace(value, shape=(*value.shape[:2], 1, value.shape[2]))

    # --- widths

    def bits(self, tensor: str) -> int:
        """Width of the words of a tensor."""
        return self._bits.get(tensor, self._model.float_bits)

    def copy_bits(self, node: Node) -> None:
        """A dequantized tensor is still held in the narrow words that it was read in."""
        if node.op == "DequantizeLinear":
            self._bits[node.outputs[0]] = self.bits(node.inputs[0])

    def formats(self, x: str, w: str, y: str) -> Formats:
        """The formats of the operands and the result of a layer."""
        self._bits[y] = self._held_bits(y)
        return Formats(Format(self.bits(x)), Format(self.bits(w)), Format(self.bits(y)))

    def _held_bits(self, tensor: str) -> int:
        """Width in which a result is written: after activation and quantization, where these alone follow."""
        takers = self._takers[tensor]
        if len(takers) == 1 and takers[0].op in ACTIVATIONS:
            return self._held_bits(takers[0].outputs[0])
        if len(takers) == 1 and takers[0].op == "QuantizeLinear":
            return self.bits(takers[0].outputs[0])
        return self.bits(tensor)

    # --- what becomes of a node

    def put(self, node: Node, value: Value) -> None:
        """Notes what a layer makes as the first output of its node; further outputs are parts of it.

        Raises:
            TilenestError: when onnx inferred another number of words.
        """
        tensor, *others = node.outputs
        told = Value(self._model.shapes.get(tensor, value.shape), value.source)
        if told.words != value.words:
            raise TilenestError(f"makes {value}, but the shape that onnx infers is {told}")
        self._values[tensor] = told
        for other in others:
            if other in self._model.shapes:
                self._values[other] = Value(self._model.shapes[other], value.source)

    def see(self, node: Node, reason: str, *, part: bool = False) -> str:
        """Notes that all outputs of a node are other views, or a `part`, of its first input; returns the reason.

        Raises:
            TilenestError: when a view that is not of a part has another number of words.
        """
        value = self.value(node.inputs[0])
        for i, tensor in enumerate(node.outputs):
            if i == 0 or tensor in self._model.shapes:
                shape = self.shape(tensor)
                whole = i == 0 and not part
                self._values[tensor] = self.builder.view(value, *shape) if whole else Value(shape, value.source)
        self.copy_bits(node)
        return reason

    def give_up(self, node: Node) -> None:
        """Notes that a node is not known: it takes its inputs all the same, and what it makes comes from outside."""
        for tensor in node.inputs:
            if tensor in self._values:
                self.builder.keep(self._values[tensor])
        for tensor in node.outputs:
            if tensor in self._model.shapes:
                self._values[tensor] = Value(self._model.shapes[tensor])
