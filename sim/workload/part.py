"""A part of a layer: the same work on an interval of one dimension, and what of its operands that takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from sim.workload.layer import Layer, Rank, Tensor

Span = tuple[int, int]
"""Indices from the first up to, but without, the second."""


def part_of(layer: Layer, dim: str, span: Span) -> Layer:
    """The part of a layer in which one dimension goes over `span`.

    Where two parts differ by nothing but where they lie, they have equal tensors, so that their costs are the same.

    Raises:
        LayerError: when it touches nothing but padding.

    >>> conv = Layer("conv", "conv", (("P", 28), ("R", 3)), (
    ...     Tensor("inputs", "inputs", (Rank((("P", 1), ("R", 1)), -1, 28),)),
    ...     Tensor("weights", "weights", (Rank.of("R"),)), Tensor("outputs", "outputs", (Rank.of("P"),))))
    >>> [part_of(conv, "P", (7 * i, 7 * i + 7)).words("inputs") for i in range(4)]
    [8, 9, 9, 8]
    >>> part_of(conv, "P", (7, 14)) == part_of(conv, "P", (14, 21))
    True
    """
    start, stop = span
    sizes = layer.sizes | {dim: stop - start}
    tensors = tuple(
        replace(t, ranks=tuple(_moved(r, dim, start, sizes) if dim in r.dims else r for r in t.ranks))
        for t in layer.tensors
    )
    return replace(layer, dims=tuple(sizes.items()), tensors=tensors)


def _moved(rank: Rank, dim: str, start: int, sizes: dict[str, int]) -> Rank:
    """The rank with a dimension that begins at `start`, at the lowest index that still tells where padding is."""
    moved = Rank(rank.terms, rank.offset + dict(rank.terms)[dim] * start, rank.extent)
    low, high = moved.span(sizes)
    if rank.extent is None or (low >= 0 and high < rank.extent):
        return Rank(rank.terms)
    if low >= 0:
        return Rank(rank.terms, 0, rank.extent - low)
    return Rank(rank.terms, low, min(rank.extent, high + 1))


def axis_sizes(tensor: Tensor, layer: Layer) -> tuple[int, ...]:
    """Indices along each axis of a tensor, also those that the layer does not touch."""
    return tuple(r.span(layer.sizes)[1] + 1 if r.extent is None else r.extent for r in tensor.ranks)


def axis_with(tensor: Tensor, dim: str) -> int | None:
    """The axis whose index depends on a dimension."""
    return next((i for i, rank in enumerate(tensor.ranks) if dim in rank.dims), None)


def dim_along(layer: Layer, axis: int) -> str | None:
    """The dimension that is the index of an axis of the output, and nothing else."""
    rank = layer.outputs.ranks[axis]
    plain = len(rank.terms) == 1 and rank.terms[0][1] == 1 and not rank.offset and rank.extent is None
    return rank.terms[0][0] if plain else None


def taken(layer: Layer, tensor: Tensor, dim: str, span: Span) -> Span:
    """The indices of a tensor that exist and lie between those that a part of its layer touches, along its axis."""
    rank = next(r for r in tensor.ranks if dim in r.dims)
    moved = Rank(rank.terms, rank.offset + dict(rank.terms)[dim] * span[0], rank.extent)
    low, high = moved.span(layer.sizes | {dim: span[1] - span[0]})
    return max(0, low), high + 1 if rank.extent is None else min(rank.extent, high + 1)


def same_axis(here: Sequence[int], axis: int, there: Sequence[int]) -> int | None:
    """The axis of another view of the same words, in the same order, that is just this axis.

    >>> same_axis((2, 12, 16, 8), 2, (24, 16, 8)), same_axis((2, 12, 16, 8), 1, (24, 16, 8))
    (1, None)
    """
    if math.prod(here) != math.prod(there):
        return None
    before = math.prod(here[:axis])
    for i, size in enumerate(there):
        if size == here[axis] and math.prod(there[:i]) == before:
            return i
    return None
