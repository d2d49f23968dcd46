"""Lowering: a layer, a machine and a mapping become the arrays that the kernels work on."""

from __future__ import annotations

import numpy as np

from sim.arch.tree import Architecture, Fanout, Memory
from sim.errors import MappingError
from sim.kernels.layout import Counts, Nest, Shape, set_steps
from sim.mapping.nest import Keep, Mapping, Parallel
from sim.workload.layer import Layer, LayerError, Rank

MAX_TERMS = 3


def axes(arch: Architecture) -> tuple[tuple[str, str, int], ...]:
    """(fanout, axis, copies) of every fanout axis, outermost first."""
    return tuple((f.name, a, n) for f in arch.fanouts for a, n in (("x", f.x), ("y", f.y)))


def _rank_terms(layer: Layer, rank: Rank) -> list[tuple[int, int]]:
    """(dimension index, coefficient) of the terms that vary."""
    order = {name: i for i, (name, _) in enumerate(layer.dims)}
    terms = [(order[d], c) for d, c in rank.terms if layer.dims[order[d]][1] > 1]
    if len(terms) > MAX_TERMS:
        raise LayerError(f"layer {layer.name}: index '{rank}' has more than {MAX_TERMS} varying terms")
    return terms


def shape_of(layer: Layer, arch: Architecture) -> Shape:
    """The arrays of a layer on a machine.

    Raises:
        LayerError: for an index of more than three varying terms.
    """
    sizes = layer.sizes
    ranks = [(t, rank) for t, tensor in enumerate(layer.tensors) for rank in tensor.ranks]
    k = len(ranks)
    dims, coefs = np.full((k, MAX_TERMS), -1, np.int64), np.zeros((k, MAX_TERMS), np.int64)
    offset, extent, words = (np.zeros(k, np.int64) for _ in range(3))
    for i, (_, rank) in enumerate(ranks):
        for j, (dim, coef) in enumerate(_rank_terms(layer, rank)):
            dims[i, j], coefs[i, j] = dim, coef
        low, high = rank.span(sizes)
        clipped = rank.extent is not None and (low < 0 or high >= rank.extent)
        offset[i], extent[i] = low, rank.extent if clipped and rank.extent is not None else -1
        words[i] = len(rank.indices(sizes))
    nodes = list(arch.nodes)
    fanout_axes = [(i, f) for i, f in enumerate(nodes) if isinstance(f, Fanout) for _ in "xy"]
    shared = np.zeros((len(layer.tensors), len(fanout_axes)), np.int64)
    for t, tensor in enumerate(layer.tensors):
        for a, (_, fanout) in enumerate(fanout_axes):
            link = fanout.link(tensor.name, tensor.role)
            shared[t, a] = link.reduce if tensor.role == "outputs" else link.multicast
    first = np.cumsum([0, *(len(t.ranks) for t in layer.tensors)])
    return Shape(
        size=np.array([b for _, b in layer.dims], np.int64),
        first_rank=first.astype(np.int64),
        rank_dim=dims,
        rank_coef=coefs,
        rank_offset=offset,
        rank_extent=extent,
        rank_words=words,
        is_output=np.array([t.role == "outputs" for t in layer.tensors], np.int64),
        shared=shared,
        axis_node=np.array([i for i, _ in fanout_axes], np.int64),
        level_node=np.array([i for i, n in enumerate(nodes) if isinstance(n, Memory)], np.int64),
        nodes=len(nodes),
    )


def nest_of(mapping: Mapping, layer: Layer, arch: Architecture) -> Nest:
    """The arrays of a mapping; it must be legal (see `sim.mapping.check`).

    Raises:
        MappingError: for a name that the layer or the machine does not have.
    """
    dims = {name: i for i, (name, _) in enumerate(layer.dims)}
    tensors = {t.name: i for i, t in enumerate(layer.tensors)}
    levels = {m.name: i for i, m in enumerate(arch.memories)}
    axis = {(f, a): i for i, (f, a, _) in enumerate(axes(arch))}
    loops = mapping.loops
    keep = np.full((len(tensors), len(levels)), -1, np.int64)
    position = 0
    try:
        for item in mapping:
            if isinstance(item, Keep):
                for name in item.tensors:
                    keep[tensors[name], levels[item.level]] = position
            else:
                position += 1
        dim = np.array([dims[loop.dim] for loop in loops], np.int64)
        where = [axis[loop.fanout, loop.axis] if isinstance(loop, Parallel) else -1 for loop in loops]
    except KeyError as error:
        raise MappingError(
            f"the mapping names {error}, which layer {layer.name} on {arch.name} does not have"
        ) from None
    bound = np.array([loop.bound for loop in loops], np.int64)
    step = np.ones(len(loops), np.int64)
    set_steps(dim, bound, len(dims), step)
    return Nest(dim, bound, np.array(where, np.int64), step, keep)


def new_counts(shape: Shape) -> Counts:
    """Room for the counts of one nest."""
    tensors, gaps = len(shape.is_output), shape.nodes - 1
    return Counts(
        down=np.zeros((tensors, gaps), np.int64),
        up=np.zeros((tensors, gaps), np.int64),
        tile=np.zeros((tensors, len(shape.level_node)), np.int64),
        steps=np.zeros(2, np.int64),
    )
