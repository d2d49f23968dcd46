"""A layer: an einsum over named dimensions whose tensors are read and written at affine indices.

A convolution in the words of Sze et al. (2020), chapter 2: for every n, m, p, q, c, r, s

    outputs[n, m, p, q] += inputs[n, c, U*p + D*r - pad, U*q + D*s - pad] * weights[m, c, r, s]

so `inputs` has the ranks N, C, P*U + R*D - pad and Q*U + S*D - pad. Matrix products, grouped, depthwise and
transposed convolutions are other lists of ranks; nothing else in the program knows what a convolution is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sim.errors import TilenestError, nearest, there_are

Role = Literal["inputs", "weights", "outputs"]
ROLES: tuple[Role, ...] = ("inputs", "weights", "outputs")

_MOST_LOOKS = 1_000_000
_MOST = 2**60  # operations, and the highest index: the kernels count in 64 bits


class LayerError(TilenestError):
    """A layer that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Rank:
    """One index of a tensor: `sum(coefficient * dim) + offset`.

    Words exist where ``0 <= index < extent``. An index outside is padding: it is a zero that no memory holds and
    no link carries. ``extent=None`` means that every index the loops reach exists.
    """

    terms: tuple[tuple[str, int], ...]
    offset: int = 0
    extent: int | None = None

    @classmethod
    def of(cls, *dims: str) -> Rank:
        """The plain rank ``dim`` (or ``dim + dim``) with coefficients of one."""
        return cls(tuple((d, 1) for d in dims))

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions that the index depends on."""
        return tuple(d for d, _ in self.terms)

    def span(self, sizes: Mapping[str, int]) -> tuple[int, int]:
        """Lowest and highest index that loops of these sizes reach (both inclusive)."""
        return self.offset, self.offset + sum(c * (sizes[d] - 1) for d, c in self.terms)

    def indices(self, sizes: Mapping[str, int]) -> frozenset[int]:
        """Every index that exists and is touched by loops of these sizes. Only for small ones; see `count`."""
        ranges = [range(0, c * sizes[d], c) for d, c in self.terms]
        touched = {self.offset + sum(point) for point in itertools.product(*ranges)}
        if self.extent is None:
            return frozenset(touched)
        return frozenset(v for v in touched if 0 <= v < self.extent)

    def count(self, sizes: Mapping[str, int]) -> int:
        """How many indices exist and are touched by loops of these sizes.

        Raises:
            LayerError: when it would have to look at more than a million combinations: those of the bounds where
                three terms vary or more, the smaller bound where two do and there is an extent.

        >>> Rank((("P", 3), ("R", 1)), offset=-1, extent=100).count({"P": 34, "R": 2})  # 0, 2, 3, 5, 6, ... 99
        67
        """
        varying = sorted(((c, sizes[d]) for d, c in self.terms if sizes[d] > 1), key=lambda term: term[1])
        if len(varying) > 2:
            self._limit(math.prod(bound for _, bound in varying))
            return len(self.indices(sizes))
        (a, n), (b, m) = [(1, 1)] * (2 - len(varying)) + varying
        if self.extent is None:
            divisor = math.gcd(a, b)
            return n * m - max(0, n - b // divisor) * max(0, m - a // divisor)
        self._limit(n)
        return _distinct_below(a, n, b, m, self.extent - self.offset) - _distinct_below(a, n, b, m, -self.offset)

    def _limit(self, looks: int) -> None:
        if looks > _MOST_LOOKS:
            raise LayerError(f"rank '{self}' has too many combinations to count: {looks}, and {_MOST_LOOKS} at most")

    def __str__(self) -> str:
        text = " + ".join(d if c == 1 else f"{c}*{d}" for d, c in self.terms)
        if self.offset:
            text += f" {'-' if self.offset < 0 else '+'} {abs(self.offset)}"
        return text or "0"


def _distinct_below(a: int, n: int, b: int, m: int, top: int) -> int:
    """Distinct values ``a*i + b*j < top`` with ``i < n`` and ``j < m``.

    Points with the same value lie ``(b, -a) / gcd(a, b)`` apart, so those that have such a neighbour in the box,
    which are the points of a smaller box, are taken off.
    """
    divisor = math.gcd(a, b)
    i, j = b // divisor, a // divisor
    return _points_below(a, n, b, m, top) - _points_below(a, n - i, b, m - j, top - a * i)


def _points_below(a: int, n: int, b: int, m: int, top: int) -> int:
    """Points ``i < n``, ``j < m`` with ``a*i + b*j < top``."""
    return sum(min(max(0, m), -(-(top - a * i) // b)) for i in range(min(n, -(-top // a))))


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named operand of a layer.

    Attributes:
        role: what the hardware takes it for; architectures and dataflows speak of roles.
        bits: width of a word.
        density: expected share of nonzero words, 0 to 1.
        ones: mean share of the bits that are set in a word that is not zero; None where nothing is known of that.
    """

    name: str
    role: Role
    ranks: tuple[Rank, ...]
    bits: int = 16
    density: float = 1.0
    ones: float | None = None

    @property
    def dims(self) -> tuple[str, ...]:
        """All dimensions that the tensor depends on, in the order of its ranks."""
        return tuple(d for rank in self.ranks for d in rank.dims)

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.ranks))}]"


@dataclass(frozen=True, slots=True)
class Layer:
    """One multiply-accumulate layer.

    Attributes:
        name: unique in its network.
        kind: what a person calls it (``conv``, ``depthwise``, ``linear``, ``matmul``, ...); only for display.
        dims: (name, bound) pairs, outermost first by convention.
        tensors: any number of inputs and exactly one tensor with the role ``outputs``.

    Raises:
        LayerError: when names do not fit together, a bound is not positive or there is too much to count.

    >>> gemm = Layer.einsum("gemm", {"M": 4, "N": 8, "K": 16},
    ...                     inputs="M K", weights="K N", outputs="M N")
    >>> gemm.macs, gemm.words("weights")
    (512, 128)
    """

    name: str
    kind: str
    dims: tuple[tuple[str, int], ...]
    tensors: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        sizes = dict(self.dims)
        if len(sizes) != len(self.dims):
            raise LayerError(f"layer {self.name}: a dimension is named twice")
        for dim, bound in self.dims:
            if bound < 1:
                raise LayerError(f"layer {self.name}: dimension {dim} has the bound {bound}; it must be at least 1")
        if self.macs > _MOST:
            raise LayerError(f"layer {self.name}: {self.macs} multiply-accumulates; {_MOST} at most can be counted")
        if len({t.name for t in self.tensors}) != len(self.tensors):
            raise LayerError(f"layer {self.name}: a tensor is named twice")
        if sum(t.role == "outputs" for t in self.tensors) != 1:
            raise LayerError(f"layer {self.name}: exactly one tensor must have the role outputs")
        for tensor in self.tensors:
            self._check_tensor(tensor, sizes)

    def _check_tensor(self, tensor: Tensor, sizes: Mapping[str, int]) -> None:
        where = f"layer {self.name}, tensor {tensor.name}"
        seen: set[str] = set()
        for dim in tensor.dims:
            if dim not in sizes:
                raise LayerError(f"{where}: unknown dimension {dim}; {there_are(sizes, dim)}")
            if dim in seen:
                raise LayerError(f"{where}: dimension {dim} stands in two ranks; each may stand in one")
            seen.add(dim)
        for rank in tensor.ranks:
            if any(c < 1 for _, c in rank.terms):
                raise LayerError(f"{where}: rank '{rank}' needs positive coefficients")
            if max(*map(abs, rank.span(sizes)), rank.extent or 0) > _MOST:
                raise LayerError(f"{where}: rank '{rank}' or its extent goes beyond {_MOST}")
            try:
                words = rank.count(sizes)
            except LayerError as error:
                raise LayerError(f"{where}: {error}") from None
            if not words:
                raise LayerError(f"{where}: rank '{rank}' reaches no word that exists")
        if not 0 < tensor.density <= 1:
            raise LayerError(f"{where}: density {tensor.density} is not above 0 and at most 1")
        if tensor.ones is not None and not 0 <= tensor.ones <= 1:
            raise LayerError(f"{where}: a share of set bits of {tensor.ones} is not from 0 to 1")

    @classmethod
    def einsum(
        cls, name: str, dims: Mapping[str, int], kind: str = "einsum", bits: int = 16, **tensors: str
    ) -> Layer:
        """A layer whose ranks are plain dimensions; each keyword is a tensor, its role the keyword itself."""
        made = tuple(
            Tensor(t, t, tuple(Rank.of(d) for d in spec.split()), bits)  # type: ignore[arg-type]
            for t, spec in tensors.items()
        )
        return cls(name, kind, tuple(dims.items()), made)

    @property
    def sizes(self) -> dict[str, int]:
        """Bounds by dimension."""
        return dict(self.dims)

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those on padding included, as the literature counts them."""
        return math.prod(bound for _, bound in self.dims)

    @property
    def outputs(self) -> Tensor:
        """The tensor that is written."""
        return next(t for t in self.tensors if t.role == "outputs")

    @property
    def operand_bits(self) -> tuple[int, ...]:
        """Widths of what is multiplied."""
        return tuple(t.bits for t in self.tensors if t.role != "outputs")

    def tensor(self, name: str) -> Tensor:
        """The tensor of this name.

        Raises:
            LayerError: when there is none.
        """
        for t in self.tensors:
            if t.name == name:
                return t
        hint = nearest(name, (t.name for t in self.tensors))
        raise LayerError(f"layer {self.name} has no tensor {name}; {hint}".rstrip("; "))

    def words(self, name: str) -> int:
        """Distinct words of a tensor that exist and are touched."""
        sizes = self.sizes
        return math.prod(rank.count(sizes) for rank in self.tensor(name).ranks)

    @property
    def shape(self) -> tuple[object, ...]:
        """All that decides the cost: layers with equal shapes are mapped once."""
        return (self.dims, self.tensors)


@dataclass(frozen=True, slots=True)
class VectorLayer:
    """A layer without multiply-accumulates: pooling, addition, activation, normalization, softmax, ...

    It moves words: every input word is read once and every output word written once, unless the operation is
    `fused` into the layer that makes its input, in which case it works on words that pass by anyway.

    Attributes:
        inputs: (tensor name, words) pairs.
        output_words: words written.
        ops: elementary operations (comparisons, additions, exponentials ...).
        fused: name of the layer on whose way out it is done, or None.
        access: which words of its operands it touches for which output word, as an einsum over tensors of the names
            in `inputs` and `outputs`; None if that is not known, so that it is only ever done as a whole.
    """

    name: str
    kind: str
    inputs: tuple[tuple[str, int], ...]
    output_words: int
    ops: int
    bits: int = 16
    fused: str | None = None
    access: Layer | None = None

    @property
    def input_words(self) -> int:
        """Words read."""
        return sum(words for _, words in self.inputs)

    @property
    def macs(self) -> int:
        """Always 0; present so that every kind of layer can be summed."""
        return 0

    @property
    def shape(self) -> tuple[object, ...]:
        """All that decides the cost."""
        return (
            self.kind,
            tuple(w for _, w in self.inputs),
            self.output_words,
            self.ops,
            self.bits,
            bool(self.fused),
        )
