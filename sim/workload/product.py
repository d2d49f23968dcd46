"""A layer as a matrix product: ``outputs[x, n] += inputs[x, k] * weights[k, n]``, once for every group.

The matrix of a convolution's inputs is never made (it would be ``R * S`` times as large as the inputs): a word of it
has an address, which is the sum of a part that x decides and a part that k decides.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sim.errors import UnsupportedOp
from sim.workload.layer import ROLES, Layer, Rank, Tensor

Ints = npt.NDArray[np.int64]

_PARTS = {
    frozenset({"inputs", "outputs"}): "x",
    frozenset({"weights", "outputs"}): "n",
    frozenset({"inputs", "weights"}): "k",
    frozenset(ROLES): "groups",
}


@dataclass(frozen=True)
class Product:
    """The product that a layer is.

    The order of k is that of a feature map whose channels lie side by side: dimensions of the window first (rows,
    then columns), then the others. x is in the order of the layer's dimensions.

    Attributes:
        x, n, k, groups: names of the dimensions that make up each.

    >>> conv = Layer("c", "conv", (("M", 4), ("C", 2), ("P", 5), ("R", 3)), (
    ...     Tensor("inputs", "inputs", (Rank.of("C"), Rank((("P", 1), ("R", 1)), -1, 5))),
    ...     Tensor("weights", "weights", (Rank.of("M"), Rank.of("C"), Rank.of("R"))),
    ...     Tensor("outputs", "outputs", (Rank.of("M"), Rank.of("P")))))
    >>> product = Product.of(conv)
    >>> product.k, product.sizes, product.existing
    (('R', 'C'), (5, 4, 6), 26)
    """

    layer: Layer
    x: tuple[str, ...]
    n: tuple[str, ...]
    k: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, layer: Layer) -> Product:
        """The product that a layer is.

        Raises:
            UnsupportedOp: when it is none, as an einsum may be.
        """
        if sorted(t.role for t in layer.tensors) != sorted(ROLES):
            raise UnsupportedOp(f"layer {layer.name} is no product of one input with one tensor of weights")
        parts: dict[str, list[str]] = {"x": [], "n": [], "k": [], "groups": []}
        dims_of = {t.role: set(t.dims) for t in layer.tensors}
        for dim, _ in layer.dims:
            roles = frozenset(role for role, dims in dims_of.items() if dim in dims)
            if roles not in _PARTS:
                where = " and ".join(sorted(roles)) or "no tensor"
                raise UnsupportedOp(
                    f"layer {layer.name} is no matrix product: dimension {dim} stands in {where} alone"
                )
            parts[_PARTS[roles]].append(dim)
        inputs = next(t for t in layer.tensors if t.role == "inputs")
        window = [
            d for rank in inputs.ranks if set(rank.dims) & set(parts["x"]) for d in rank.dims if d in parts["k"]
        ]
        k = (*window, *(d for d in parts["k"] if d not in window))
        return cls(layer, tuple(parts["x"]), tuple(parts["n"]), k, tuple(parts["groups"]))

    def tensor(self, role: str) -> Tensor:
        """The tensor of a role."""
        return next(t for t in self.layer.tensors if t.role == role)

    def _size(self, dims: tuple[str, ...]) -> int:
        sizes = self.layer.sizes
        return math.prod(sizes[d] for d in dims)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Of x, n and k."""
        return self._size(self.x), self._size(self.n), self._size(self.k)

    @property
    def repeats(self) -> int:
        """How many products there are."""
        return self._size(self.groups)

    @property
    def side_by_side(self) -> int:
        """So many k in a row differ in dimensions outside the window alone."""
        inputs = self.tensor("inputs")
        mixed = {d for rank in inputs.ranks if set(rank.dims) & set(self.x) for d in rank.dims}
        return self._size(tuple(d for d in self.k if d not in mixed))

    @property
    def is_plain(self) -> bool:
        """Whether inputs of one place of the window are all different: no index is made of two x or of two k."""
        ranks = [set(rank.dims) for rank in self.tensor("inputs").ranks]
        return all(len(dims & set(part)) < 2 for dims in ranks for part in (self.x, self.k))

    @cached_property
    def existing_of_k(self) -> Ints:
        """[k] how many x have an input there that is no padding."""
        sizes = self.layer.sizes
        table = np.ones([sizes[d] for d in self.k], np.int64)
        for rank in self._ranks():
            own = [d for d in self.k if d in rank.dims]
            counts = _existing(rank, own, [d for d in rank.dims if d in self.x], sizes)
            shape = [sizes[d] if d in own else 1 for d in self.k]
            order = sorted(range(len(own)), key=lambda i: self.k.index(own[i]))
            table *= counts.transpose(order).reshape(shape)
        return table.reshape(-1)

    @property
    def existing(self) -> int:
        """(x, k) whose input is no padding."""
        return int(self.existing_of_k.sum())

    def addresses(self) -> Addresses:
        """Where the inputs lie: see `Addresses`."""
        ranks = sorted(self._ranks(), key=lambda rank: not set(rank.dims) & set(self.x))
        sizes = self.layer.sizes
        x, k = _grid(self.x, sizes), _grid(self.k, sizes)
        extents = [rank.span(sizes)[1] + 1 if rank.extent is None else rank.extent for rank in ranks]
        of_x = np.array([sum((c * x[d] for d, c in r.terms if d in x), 0 * _any(x)) for r in ranks], np.int64)
        of_k = np.array(
            [sum((c * k[d] for d, c in r.terms if d in k), 0 * _any(k)) + r.offset for r in ranks], np.int64
        )
        return Addresses(of_x, of_k, np.array(extents, np.int64))

    def padded_addresses(self) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
        """[x] and [k] parts of the address of each input, padding included, and [addresses] which are padding."""
        a = self.addresses()
        low, high = (limit(a.of_x, axis=1) + limit(a.of_k, axis=1) for limit in (np.min, np.max))
        sizes = high - low + 1
        strides = np.array([math.prod(map(int, sizes[i + 1 :])) for i in range(len(sizes))])[:, None]
        padding = np.zeros(1, np.bool_)
        for first, size, extent in zip(low, sizes, a.extents, strict=True):
            index = first + np.arange(size)
            padding = np.logical_or.outer(padding, (index < 0) | (index >= extent)).reshape(-1)
        return (a.of_x * strides).sum(axis=0), ((a.of_k - low[:, None]) * strides).sum(axis=0), padding

    def _ranks(self) -> list[Rank]:
        """Of the inputs, those that differ within a group."""
        return [r for r in self.tensor("inputs").ranks if not set(r.dims) <= set(self.groups)]


@dataclass(frozen=True)
class Addresses:
    """Where the inputs of a product lie, channels side by side.

    The index in rank r of the input that (x, k) takes is ``of_x[r, x] + of_k[r, k]``. It is there if that is at
    least 0 and below ``extents[r]``.
    """

    of_x: Ints
    of_k: Ints
    extents: Ints


def _grid(dims: tuple[str, ...], sizes: dict[str, int]) -> dict[str, Ints]:
    """[points] the value of every dimension at every point, the last one fastest."""
    axes = np.indices([sizes[d] for d in dims]).reshape(len(dims), -1)
    return dict(zip(dims, axes, strict=True))


def _any(grid: dict[str, Ints]) -> Ints:
    return next(iter(grid.values()), np.zeros(1, np.int64))


def _existing(rank: Rank, own: list[str], others: list[str], sizes: dict[str, int]) -> Ints:
    """[own...] how many points of the other dimensions have an index that exists."""
    factor = dict(rank.terms)
    points = [sum(p) for p in itertools.product(*(range(0, factor[d] * sizes[d], factor[d]) for d in others))]
    at = np.full([sizes[d] for d in own], rank.offset)
    for axis, d in enumerate(own):
        at += (factor[d] * np.arange(sizes[d])).reshape([-1 if i == axis else 1 for i in range(len(own))])
    if rank.extent is None:
        return np.full(at.shape, len(points))
    ordered = np.sort(np.array(points, np.int64))
    below = np.searchsorted(ordered, rank.extent - at, "left") - np.searchsorted(ordered, -at, "left")
    return np.asarray(below, np.int64)
