"""Lowering: a layer, a machine and a mapping become the arrays that the kernels work on."""

from __future__ import annotations

import math
from collections.abc import Mapping as Map

import numpy as np

from sim.arch.tree import Architecture, Fanout, Link, Memory
from sim.errors import MappingError
from sim.kernels.layout import (
    ALONE,
    AXIS,
    BOUND,
    COEF,
    DIM,
    EXTENT,
    FIRST,
    FLAT,
    KIND,
    LAST,
    LENGTH,
    LOOP_ROWS,
    LOST,
    NODES,
    OFFSET,
    OPERATIONS,
    OTHER,
    OUTPUT,
    PASSED_ON,
    PLAIN,
    RANK_COLUMNS,
    RANK_OF,
    STEP,
    TERM,
    TERMS,
    TOGETHER,
    WINDOW,
    WINDOWS,
    WORDS,
    Ints,
    Nest,
    Shape,
)
from sim.mapping.nest import Keep, Mapping, Parallel
from sim.workload.layer import Layer, LayerError, Rank, Tensor

AXES = ("x", "y")
MOST_WORDS = 1 << 24  # of one rank; the kernels' working memory has a few columns for each


def _rank_terms(layer: Layer, rank: Rank) -> list[tuple[int, int]]:
    """(dimension index, coefficient) of the terms that vary."""
    order = {name: i for i, (name, _) in enumerate(layer.dims)}
    terms = [(order[d], c) for d, c in rank.terms if layer.dims[order[d]][1] > 1]
    if len(terms) > TERMS:
        raise LayerError(f"layer {layer.name}: index '{rank}' has more than {TERMS} varying terms")
    low, high = rank.span(layer.sizes)
    if high - low >= MOST_WORDS:
        reach = high - low + 1
        raise LayerError(f"layer {layer.name}: index '{rank}' reaches over {reach} words, and {MOST_WORDS} at most")
    return terms


def _rank_table(layer: Layer) -> Ints:
    """One row a rank, of all tensors; then one a dimension, with the coefficient zero."""
    sizes = layer.sizes
    rows = []
    for tensor in layer.tensors:
        own = [_rank_row(rank, _rank_terms(layer, rank), sizes) for rank in tensor.ranks]
        rows += sorted(own, key=lambda row: int(row[KIND] == WINDOW))  # the kernel wants windows last
    for i in range(len(layer.dims)):  # for tensors that do not depend on a dimension
        rows.append(_rank_row(Rank(()), [(i, 0)], sizes))
    return np.array(rows, np.int64)


def _rank_row(rank: Rank, terms: list[tuple[int, int]], sizes: Map[str, int]) -> Ints:
    row = np.zeros(RANK_COLUMNS, np.int64)
    row[TERM : TERM + TERMS] = -1
    low, high = rank.span(sizes)
    lost = (max(0, -low), max(0, high + 1 - rank.extent)) if rank.extent is not None else (0, 0)
    padded = any(lost)
    scale = 1 if padded else math.gcd(*(c for _, c in terms)) or 1  # holes that no one fills need no room
    for i, (dim, coef) in enumerate(terms):
        row[TERM + i], row[COEF + i] = dim, coef // scale
    row[OFFSET] = low
    row[EXTENT] = rank.extent if padded and rank.extent is not None else -1
    row[WORDS] = rank.count(sizes)
    row[LOST] = sum(lost)
    row[KIND] = OTHER
    if len(terms) < 2 and not padded:
        row[KIND] = PLAIN
    elif len(terms) == 2 and max(lost) < 2:
        row[KIND] = WINDOW
    return row


def _tensor_table(layer: Layer, arch: Architecture, ranks: Ints) -> Ints:
    """One row a tensor, and the row of what concerns all of them."""
    axes = RANK_OF + len(layer.dims)
    fanouts = [(i, f) for i, f in enumerate(arch.nodes) if isinstance(f, Fanout) for _ in AXES]
    table = np.zeros((len(layer.tensors) + 1, axes + len(fanouts)), np.int64)
    table[-1, OPERATIONS], table[-1, NODES] = layer.macs, len(arch.nodes)
    table[-1, axes:] = [i for i, _ in fanouts]
    first = 0
    for row, tensor in zip(table[:-1], layer.tensors, strict=True):
        row[FIRST], row[LAST] = first, first + len(tensor.ranks)
        own = ranks[row[FIRST] : row[LAST]]
        row[OUTPUT] = tensor.role == "outputs"
        row[FLAT] = math.prod(int(r[WORDS]) for r in own if r[KIND] == PLAIN)
        row[WINDOWS] = (own[:, KIND] == WINDOW).sum()
        if row[WINDOWS] > (0 if row[OUTPUT] else 2) or (own[:, KIND] == OTHER).any():
            row[WINDOWS] = -1
        row[RANK_OF:axes] = -1
        for k in range(row[FIRST], row[LAST]):
            for dim in ranks[k, TERM : TERM + TERMS]:
                if dim >= 0:
                    row[RANK_OF + dim] = k
        for a, (_, fanout) in enumerate(fanouts):
            link = fanout.link(tensor.name, tensor.role)
            row[axes + a] = _sharing(tensor, link)
        first = int(row[LAST])
    return table


def _sharing(tensor: Tensor, link: Link) -> int:
    if tensor.role == "outputs":
        return TOGETHER if link.reduce else ALONE
    return PASSED_ON if link.neighbour else TOGETHER if link.multicast else ALONE


def shape_of(layer: Layer, arch: Architecture) -> Shape:
    """The tables of a layer on a machine.

    Raises:
        LayerError: for an index of more than three varying terms, or one that reaches too many words.
    """
    ranks = _rank_table(layer)
    return Shape(np.array([b for _, b in layer.dims], np.int64), ranks, _tensor_table(layer, arch, ranks))


def nest_of(mapping: Mapping, layer: Layer, arch: Architecture) -> Nest:
    """The tables of a mapping; it must be legal (see `sim.mapping.check`).

    Raises:
        MappingError: for a name that the layer or the machine does not have.
    """
    dims = {name: i for i, (name, _) in enumerate(layer.dims)}
    tensors = {t.name: i for i, t in enumerate(layer.tensors)}
    levels = {m.name: i for i, m in enumerate(arch.memories)}
    axis = {key: i for i, key in enumerate((f.name, a) for f in arch.fanouts for a in AXES)}
    keep = np.full((len(tensors) + 1, len(levels)), -1, np.int64)
    keep[-1] = [i for i, node in enumerate(arch.nodes) if isinstance(node, Memory)]
    loops = np.zeros((LOOP_ROWS, max(1, len(mapping.loops))), np.int64)
    loops[LENGTH, 0] = len(mapping.loops)
    position = 0
    try:
        for item in mapping:
            if isinstance(item, Keep):
                for name in item.tensors:
                    keep[tensors[name], levels[item.level]] = position
                continue
            loops[DIM, position], loops[BOUND, position] = dims[item.dim], item.bound
            loops[AXIS, position] = axis[item.fanout, item.axis] if isinstance(item, Parallel) else -1
            position += 1
    except KeyError as error:
        raise MappingError(f"the mapping names {error}, which layer {layer.name} on {arch.name} lacks") from None
    loops[STEP, : len(mapping.loops)] = mapping.steps()
    return Nest(loops, keep)
