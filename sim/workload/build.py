"""Builds a network layer by layer and infers the shapes on the way.

Workload files and importers both speak to `NetworkBuilder`; it alone knows how an operator becomes an einsum.
What the operators leave out: a bias is an addition on the way out of a layer and counts neither as a
multiply-accumulate nor as a weight, and views (`view`, `heads`) move nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from sim.errors import nearest
from sim.workload import vector
from sim.workload.access import pooled, pooled_whole, side_by_side, word_by_word
from sim.workload.layer import Layer, LayerError, Rank, Tensor, VectorLayer
from sim.workload.network import AnyLayer, Flow, Network
from sim.workload.value import Formats, Value
from sim.workload.window import Pair, Window


class NetworkBuilder:
    """Collects layers; `network` hands them over.

    Every method that adds a layer takes its name first, returns the `Value` it makes and raises `LayerError`, with
    the numbers, when shapes do not fit. Values have the shape (N, C, H, W) where an operator speaks of rows and
    columns; a one-dimensional convolution has H = 1.

    >>> net = NetworkBuilder("tiny", batch=4)
    >>> x = net.conv("conv", net.input(3, 8, 8), 16, Window.of(3, padding=1))
    >>> y = net.linear("fc", net.view(net.vector("relu", "relu", x), 4, 16 * 8 * 8), 10)
    >>> [layer.name for layer in net.network()], net.network().macs
    (['conv', 'relu', 'fc'], 151552)
    """

    def __init__(self, name: str, *, batch: int = 1, source: str = "", formats: Formats | None = None) -> None:
        self._name = name
        self._batch = batch
        self._source = source
        self._formats = formats or Formats()
        self._layers: dict[str, AnyLayer] = {}
        self._flows: list[Flow] = []
        self._kept: set[str] = set()

    def input(self, *shape: int) -> Value:
        """A tensor from outside; `shape` is that of one sample."""
        return Value((self._batch, *shape))

    def keep(self, value: Value) -> None:
        """Says that a value leaves the network, so that nothing after it is fused into its maker."""
        if value.source:
            self._kept.add(value.source)

    # --- views

    def view(self, x: Value, *shape: int) -> Value:
        """The same words in another shape, which moves nothing.

        Raises:
            LayerError: when the number of words is not the same.
        """
        if math.prod(shape) != x.words:
            raise LayerError(f"a shape of {Value(shape)} is {math.prod(shape)} words, but {x} has {x.words}")
        return Value(shape, x.source, x.rearranged)

    def heads(self, x: Value, heads: int, *, transposed: bool = False) -> Value:
        """(N, sequence, features) seen as (N, heads, sequence, features/heads), or with the last two axes swapped.

        A matrix product reads its operands at any index, so that this moves nothing.

        Raises:
            LayerError: when the shape is another or the heads do not divide the features.
        """
        if len(x.shape) != 3 or x.shape[2] % heads:
            raise LayerError(f"{heads} heads cannot be taken from {x}; expected N x sequence x features")
        n, sequence, features = x.shape
        last = (sequence, features // heads)
        return Value((n, heads, *(reversed(last) if transposed else last)), x.source, rearranged=True)

    def joined(self, x: Value) -> Value:
        """(N, heads, sequence, features) seen as (N, sequence, heads * features), which moves nothing."""
        n, heads, sequence, features = x.shape
        return Value((n, sequence, heads * features), x.source, rearranged=True)

    # --- layers that multiply and accumulate

    def conv(
        self, name: str, x: Value, m: int, window: Window, *, groups: int = 1, formats: Formats | None = None
    ) -> Value:
        """A convolution to `m` channels: dims N, (G), M, C, P, Q, R, S with M and C counted in each group."""
        n, c, *size = self._feature_map(name, x)
        dims = self._channels(name, n, c, m, groups)
        with _blaming(name):
            p, q = window.output((size[0], size[1]))
        dims |= {"P": p, "Q": q, "R": window.kernel[0], "S": window.kernel[1]}
        g = tuple(Rank.of(d) for d in dims if d == "G")
        ranks = {
            "inputs": (Rank.of("N"), *g, Rank.of("C"), *window.ranks(("P", "Q"), ("R", "S"), (size[0], size[1]))),
            "weights": (*g, *map(Rank.of, "MCRS")),
            "outputs": (Rank.of("N"), *g, *map(Rank.of, "MPQ")),
        }
        kind = "depthwise" if groups > 1 and dims["C"] == 1 else "conv"
        return self._mac(name, kind, dims, ranks, {"inputs": x}, (n, m, p, q), formats)

    def depthwise(
        self, name: str, x: Value, window: Window, *, multiplier: int = 1, formats: Formats | None = None
    ) -> Value:
        """A convolution of every channel for itself: G channels, M = `multiplier`, C = 1."""
        channels = self._feature_map(name, x)[1]
        return self.conv(name, x, channels * multiplier, window, groups=channels, formats=formats)

    def transposed_conv(
        self,
        name: str,
        x: Value,
        m: int,
        window: Window,
        *,
        groups: int = 1,
        extra: Pair = (0, 0),
        formats: Formats | None = None,
    ) -> Value:
        """A transposed convolution, in scatter form: every input word is multiplied with the whole kernel.

        Dims N, (G), C, M, H, W, R, S; the output has the ranks ``stride * H + dilation * R - padding``. `extra` is
        what ONNX and PyTorch call output padding.
        """
        n, c, *size = self._feature_map(name, x)
        rows, columns = size
        dims = self._channels(name, n, c, m, groups)
        with _blaming(name):
            out = window.scattered((rows, columns), extra)
        dims |= {"H": rows, "W": columns, "R": window.kernel[0], "S": window.kernel[1]}
        g = tuple(Rank.of(d) for d in dims if d == "G")
        ranks = {
            "inputs": (Rank.of("N"), *g, *map(Rank.of, "CHW")),
            "weights": (*g, *map(Rank.of, "CMRS")),
            "outputs": (Rank.of("N"), *g, Rank.of("M"), *window.ranks(("H", "W"), ("R", "S"), out)),
        }
        return self._mac(name, "transposed_conv", dims, ranks, {"inputs": x}, (n, m, *out), formats)

    def linear(self, name: str, x: Value, m: int, *, formats: Formats | None = None) -> Value:
        """A fully connected layer on the last axis: dims N, M, C; all other axes together are N."""
        *lead, c = x.shape
        dims = {"N": math.prod(lead), "M": m, "C": c}
        ranks = {"inputs": tuple(map(Rank.of, "NC")), "weights": tuple(map(Rank.of, "MC"))}
        ranks["outputs"] = tuple(map(Rank.of, "NM"))
        return self._mac(name, "linear", dims, ranks, {"inputs": x}, (*lead, m), formats)

    def matmul(
        self, name: str, x: Value, y: Value, *, weights_first: bool = False, formats: Formats | None = None
    ) -> Value:
        """``x @ y`` with NumPy's broadcasting: dims (B, H,) M, N, K.

        `y` has the role of the weights, also where it is an activation; with `weights_first` it is `x`.
        """
        if min(len(x.shape), len(y.shape)) < 2 or x.shape[-1] != y.shape[-2]:
            raise LayerError(f"layer {name}: {x} cannot be multiplied by {y}; the inner sizes must be equal")
        lead = self._broadcast(name, x.shape[:-2], y.shape[:-2])
        names = ("B", "H", *(f"B{i}" for i in range(2, len(lead))))[: len(lead)]
        dims = dict(zip(names, lead, strict=True)) | {"M": x.shape[-2], "N": y.shape[-1], "K": x.shape[-1]}
        first, second = ("weights", "inputs") if weights_first else ("inputs", "weights")
        ranks = {
            first: (*_leading(names, x.shape[:-2], dims), Rank.of("M"), Rank.of("K")),
            second: (*_leading(names, y.shape[:-2], dims), Rank.of("K"), Rank.of("N")),
            "outputs": (*map(Rank.of, names), Rank.of("M"), Rank.of("N")),
        }
        shape = (*lead, dims["M"], dims["N"])
        return self._mac(name, "matmul", dims, ranks, {first: x, second: y}, shape, formats)

    def einsum(self, layer: Layer, operands: Mapping[str, Value]) -> Value:
        """A layer that was written out; `operands` says which of its tensors other layers make.

        Its output counts, for the layers after it, as having the extent of each rank.
        """
        sizes = layer.sizes
        shape = tuple(r.span(sizes)[1] + 1 if r.extent is None else r.extent for r in layer.outputs.ranks)
        for tensor, value in operands.items():
            if layer.tensor(tensor) is layer.outputs:
                raise LayerError(f"layer {layer.name}: {tensor} is what it makes; nothing can feed it")
            if layer.words(tensor) > value.words:
                raise LayerError(
                    f"layer {layer.name}: {tensor} reads {layer.words(tensor)} words, but {value} has {value.words}"
                )
        return self._add(layer, shape, operands, {t.name: t.bits for t in layer.tensors})

    # --- vector layers

    def vector(
        self,
        name: str,
        kind: str,
        *xs: Value,
        shape: tuple[int, ...] | None = None,
        ops: int | None = None,
        bits: int | None = None,
        whole: int | None = None,
        access: Layer | None = None,
    ) -> Value:
        """A layer without multiply-accumulates, with the shape of its first operand if no other is given.

        `ops` is by default what `sim.workload.vector` says for the kind, and so is `whole`: how many axes at the end
        are taken whole for every word. `access` is for those that do not work word by word.
        """
        shape = xs[0].shape if shape is None else shape
        words = math.prod(shape)
        whole = vector.WHOLE_AXES.get(kind) if whole is None else whole
        if ops is None:
            if kind not in vector.OPS_PER_WORD:
                raise LayerError(
                    f"layer {name}: no operation '{kind}'; {nearest(kind, vector.OPS_PER_WORD)}".rstrip("; ")
                )
            ops = vector.OPS_PER_WORD[kind] * words
        operands = {"inputs" if i == 0 else f"inputs{i + 1}": x for i, x in enumerate(xs)}
        bits = self._formats.inputs.bits if bits is None else bits
        if access is None and whole is not None:
            access = word_by_word({t: x.shape for t, x in operands.items()}, shape, min(whole, len(shape)))
        layer = VectorLayer(
            name, kind, tuple((t, x.words) for t, x in operands.items()), words, ops, bits, access=access
        )
        return self._add(layer, shape, operands, dict.fromkeys(operands, bits))

    def pool(
        self, name: str, mode: str, x: Value, window: Window, *, ceil: bool = False, bits: int | None = None
    ) -> Value:
        """Pooling by ``max`` or ``avg``."""
        n, c, *size = self._feature_map(name, x)
        with _blaming(name):
            p, q = window.output((size[0], size[1]), ceil=ceil)
        ops = n * c * p * q * vector.pool_ops(window.words, mode)
        access = pooled(x.shape, window, (p, q))
        return self.vector(name, f"{mode}pool", x, shape=(n, c, p, q), ops=ops, bits=bits, access=access)

    def global_pool(self, name: str, mode: str, x: Value, *, bits: int | None = None) -> Value:
        """Pooling of whole feature maps to 1x1."""
        n, c, *size = self._feature_map(name, x)
        ops = n * c * vector.pool_ops(math.prod(size), mode)
        access = pooled_whole(x.shape)
        return self.vector(name, f"global_{mode}pool", x, shape=(n, c, 1, 1), ops=ops, bits=bits, access=access)

    def upsample(self, name: str, mode: str, x: Value, scale: tuple[int, int]) -> Value:
        """More rows and columns by repetition (``nearest``) or ``linear`` or ``cubic`` interpolation."""
        n, c, *size = self._feature_map(name, x)
        if min(scale) < 1:
            raise LayerError(f"layer {name}: scale {scale[0]}x{scale[1]}: it must be at least 1")
        shape = (n, c, size[0] * scale[0], size[1] * scale[1])
        return self.vector(name, "resize", x, shape=shape, ops=math.prod(shape) * vector.resize_ops(mode))

    def elementwise(self, name: str, kind: str, *xs: Value, bits: int | None = None) -> Value:
        """Addition, product, ... of two or more operands whose axes are equal or one."""
        if kind not in vector.ELEMENTWISE:
            raise LayerError(f"layer {name}: no operation '{kind}'; {nearest(kind, vector.ELEMENTWISE)}".rstrip("; "))
        shape = self._broadcast(name, *(x.shape for x in xs))
        return self.vector(name, kind, *xs, shape=shape, ops=(len(xs) - 1) * math.prod(shape), bits=bits)

    def concat(self, name: str, *xs: Value, axis: int = 1, bits: int | None = None) -> Value:
        """Operands side by side along one axis."""
        first = xs[0].shape
        axis = axis % len(first)
        if len({(*x.shape[:axis], 0, *x.shape[axis + 1 :]) for x in xs}) > 1:
            raise LayerError(f"layer {name}: {', '.join(map(str, xs))} differ in more than axis {axis}")
        shape = (*first[:axis], sum(x.shape[axis] for x in xs), *first[axis + 1 :])
        names = ["inputs", *(f"inputs{i}" for i in range(2, len(xs) + 1))]
        access = side_by_side({t: x.shape for t, x in zip(names, xs, strict=True)}, shape, axis)
        return self.vector(name, "concat", *xs, shape=shape, bits=bits, access=access)

    def embedding(self, name: str, indices: Value, *shape: int, bits: int | None = None) -> Value:
        """Rows of a table from outside, one for each index; only the rows that are asked for are read."""
        out = indices.shape + shape
        words = math.prod(out)
        bits = self._formats.inputs.bits if bits is None else bits
        layer = VectorLayer(name, "embedding", (("inputs", indices.words), ("weights", words)), words, 0, bits)
        return self._add(layer, out, {"inputs": indices}, {"inputs": bits})

    # --- the end

    def network(self) -> Network:
        """The network so far, activations and normalizations fused into the layers whose output they alone take."""
        outputs = tuple(name for name in self._layers if name in self._kept)
        flows = tuple(self._flows)
        return Network(self._name, tuple(self._fused()), flows, self._batch, self._source, outputs=outputs)

    def _fused(self) -> list[AnyLayer]:
        takers = Counter(flow.source for flow in self._flows) + Counter(self._kept)
        makers = {flow.target: flow.source for flow in self._flows}  # looked up for layers of one operand only
        roots = {name: name for name, layer in self._layers.items() if isinstance(layer, Layer)}
        folded = set(roots)
        out: list[AnyLayer] = []
        for layer in self._layers.values():
            if isinstance(layer, VectorLayer) and (layer.kind in vector.ACTIVATIONS or layer.kind in vector.AFFINE):
                maker = makers.get(layer.name, "")
                if maker in roots and takers[maker] == 1 and len(layer.inputs) == 1:
                    roots[layer.name] = roots[maker]
                    layer = replace(layer, fused=roots[maker])
                    if maker in folded and layer.kind in vector.AFFINE:
                        folded.add(layer.name)
                        layer = replace(layer, ops=0)
            out.append(layer)
        return out

    # --- what the methods above share

    def _add(
        self, layer: AnyLayer, shape: tuple[int, ...], operands: Mapping[str, Value], bits: Mapping[str, int]
    ) -> Value:
        if layer.name in self._layers:
            raise LayerError(f"layer {layer.name}: there is another layer of this name")
        self._layers[layer.name] = layer
        self._flows += [
            Flow(value.source, layer.name, tensor, value.words, bits[tensor], value.rearranged)
            for tensor, value in operands.items()
            if value.source
        ]
        return Value(shape, layer.name)

    def _mac(
        self,
        name: str,
        kind: str,
        dims: Mapping[str, int],
        ranks: Mapping[str, tuple[Rank, ...]],
        operands: Mapping[str, Value],
        shape: tuple[int, ...],
        formats: Formats | None,
    ) -> Value:
        formats = formats or self._formats
        of = {"inputs": formats.inputs, "weights": formats.weights, "outputs": formats.outputs}
        tensors = tuple(Tensor(role, role, ranks[role], f.bits, f.density, f.ones) for role, f in of.items())  # type: ignore[arg-type]
        layer = Layer(name, kind, tuple(dims.items()), tensors)
        return self._add(layer, shape, operands, {role: f.bits for role, f in of.items()})

    def _feature_map(self, name: str, x: Value) -> tuple[int, ...]:
        if len(x.shape) != 4:
            raise LayerError(f"layer {name}: needs an input of batch x channels x rows x columns, not {x}")
        return x.shape

    def _channels(self, name: str, n: int, c: int, m: int, groups: int) -> dict[str, int]:
        if groups < 1 or c % groups or m % groups:
            raise LayerError(f"layer {name}: {groups} groups do not divide {c} input and {m} output channels")
        dims = {"N": n, "G": groups, "M": m // groups, "C": c // groups}
        return dims if groups > 1 else {d: bound for d, bound in dims.items() if d != "G"}

    def _broadcast(self, name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        rank = max(map(len, shapes))
        padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
        out = tuple(max(sizes) for sizes in zip(*padded, strict=True))
        if any(size not in (1, full) for shape in padded for size, full in zip(shape, out, strict=True)):
            raise LayerError(f"layer {name}: shapes {', '.join(str(Value(s)) for s in shapes)} do not fit together")
        return out


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    try:
        yield
    except LayerError as error:
        raise LayerError(f"layer {name}: {error}") from None


def _leading(names: tuple[str, ...], shape: tuple[int, ...], bounds: Mapping[str, int]) -> tuple[Rank, ...]:
    """Ranks of the leading axes of an operand of a matrix product, without those along which it is repeated."""
    own = names[len(names) - len(shape) :]
    return tuple(Rank.of(d) for d, size in zip(own, shape, strict=True) if size == bounds[d])
