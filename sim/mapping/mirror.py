"""Dimensions that can be exchanged: what is the same but for their names need not be searched twice.

A square convolution is the same layer if its rows are taken for its columns. So a nest and the one with the names
exchanged cost the same, and of two ways to use the copies in space of which one is the mirror of the other, one is
enough.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.kernels.layout import COEF, EXTENT, FIRST, LAST, OFFSET, TERM, TERMS, Ints, Shape
from sim.mapping.copies import Copies
from sim.mapping.problem import AXES

if TYPE_CHECKING:
    from sim.mapping.space import Space

MOST = 100  # exchanges that are looked at: of many dimensions that are alike there are more than ways to use copies


def mirrors(space: Space) -> list[Ints]:
    """Exchanges of the searched dimensions, [D] each, that leave the layer and what the dataflow asks as they are."""
    flow, ranks = space.dataflow, _ranks(space.shape, range(len(space.shape.size)))
    asked = [
        (
            letter in flow.pe_whole,
            letter in flow.inner,
            flow.pe_dims is None or letter in flow.pe_dims,
            *((flow.may_spread(axis, letter), flow.must_spread(axis, letter)) for axis in AXES),
        )
        for letter in space.letters
    ]
    stands = [_stands(space.shape, d) for d in space.dims]
    kinds = list(zip(space.size.tolist(), asked, stands, strict=True))
    out = []
    for exchange in itertools.islice(_exchanges(kinds, ()), MOST):
        names = list(range(len(space.shape.size)))
        for d, other in enumerate(exchange):
            names[space.dims[d]] = space.dims[other]
        if _ranks(space.shape, names) == ranks:
            out.append(np.array(exchange, np.int64))
    return out


def is_first(copies: Copies, exchanges: Sequence[Ints]) -> np.ndarray:
    """Whether ways to use the copies are the first in order of themselves and their mirrors, [S]."""
    out = np.ones(len(copies), bool)
    for exchange in exchanges:
        after = np.zeros(len(copies), np.int64)  # whether the mirror comes after (1) or before (-1)
        for own in copies.gathered(_sign(total, exchange) for total in copies.totals)[::-1]:
            after = np.where(own, own, after)
        out &= after >= 0
    return out


def _sign(bounds: Ints, exchange: Ints) -> Ints:
    """Whether the mirrors of bounds, [N, D], come after them (1), before them (-1) or are the same."""
    more = np.sign(bounds[:, exchange] - bounds)
    return np.asarray(more[np.arange(len(more)), (more != 0).argmax(1)], np.int64)


def _ranks(shape: Shape, names: Sequence[int]) -> list[list[tuple[object, ...]]]:
    """The ranks of every tensor, in some order, when dimensions have these names."""
    rows = shape.ranks.tolist()
    return [
        sorted(
            (
                sorted((names[rows[k][TERM + i]], rows[k][COEF + i]) for i in range(TERMS) if rows[k][TERM + i] >= 0),
                rows[k][OFFSET],
                rows[k][EXTENT],
            )
            for k in range(tensor[FIRST], tensor[LAST])
        )
        for tensor in shape.tensors[:-1].tolist()
    ]


def _stands(shape: Shape, d: int) -> list[tuple[int, ...]]:
    """The tensors in which a dimension stands, each with its coefficient there and what the rank is like."""
    return [
        (t, rank[COEF + i], rank[OFFSET], rank[EXTENT])
        for t, tensor in enumerate(shape.tensors[:-1].tolist())
        for rank in shape.ranks[tensor[FIRST] : tensor[LAST]].tolist()
        for i in range(TERMS)
        if rank[TERM + i] == d
    ]


def _exchanges(kinds: Sequence[object], begun: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All ways to exchange pairs of equal kind, at least one."""
    d = len(begun)
    if d == len(kinds):
        if begun != tuple(range(d)):
            yield begun
        return
    if d in begun:
        partners = [begun.index(d)]
    else:
        partners = [d, *(e for e in range(d + 1, len(kinds)) if kinds[e] == kinds[d] and e not in begun)]
    for other in partners:
        yield from _exchanges(kinds, (*begun, other))
