"""Lowering: what the nodes of a machine cost becomes the prices by which the kernels judge a mapping of a layer."""

from __future__ import annotations

from collections.abc import Mapping as Map

import numpy as np

from sim.arch.tree import Architecture, Converter, Fanout, Memory, keeps
from sim.components.table import NodeCosts, link_key, node_costs
from sim.kernels import cost
from sim.kernels.cost import AGAIN, DOWN, DRAIN, FILL, READ, UP, UPDATE, Floats, Prices
from sim.mapping import zeros
from sim.mapping.counts import Counts
from sim.workload.layer import Layer, Tensor


def static_pj(arch: Architecture) -> dict[str, float]:
    """Energy of each node in a clock cycle in which nothing happens: clock, control and leakage, all copies."""
    costs = node_costs(arch)
    period_s = 1 / arch.clock_hz
    out: dict[str, float] = {}
    for node in arch:
        keys = [node.name]
        if isinstance(node, Fanout):
            keys = [key for key in costs if key.startswith(f"{node.name}.")]
        one = sum(costs[k].cycle.value + costs[k].leakage.value * 1e9 * period_s for k in keys)  # 1 mW = 1e9 pJ/s
        out[node.name] = one * arch.instances(node.name)
    return out


def link_prices(layer: Layer, arch: Architecture, costs: Map[str, NodeCosts]) -> Floats:
    """[T, G, 2] pJ of one word that crosses a gap down or up.

    A fanout's bus is paid for what crosses the gap below it; neighbours are paid for what crosses the gap below it
    and does not cross the gap above, which is what they hand to each other. A partial sum that comes back counts as
    taken by all copies that take part, but goes to one of them, so a bus is paid for what crosses the gap above.
    """
    out = np.zeros((len(layer.tensors), len(arch.nodes) - 1, 2))
    for t, tensor in enumerate(layer.tensors):
        for i, node in enumerate(arch.nodes[:-1]):
            if isinstance(node, Converter) and keeps_any(node.tensors, tensor):
                out[t, i] += costs[node.name].word_pj(tensor.bits)
            if isinstance(node, Fanout) and i:
                link = node.link(tensor.name, tensor.role)
                word = costs[link_key(node, tensor.name, tensor.role)].word_pj(tensor.bits)
                direction = UP if tensor.role == "outputs" else DOWN
                out[t, i, direction] += word
                if link.neighbour:
                    out[t, i - 1, direction] -= word
                elif direction == UP:
                    out[t, i - 1, DOWN] += word
    return out


def keeps_any(names: tuple[str, ...], tensor: Tensor) -> bool:
    """Whether a list of names means a tensor."""
    return keeps(Memory("", names, 0), tensor.name, tensor.role)


def _wires(layer: Layer, arch: Architecture) -> Floats:
    """[T, G] cycles of one word in the gap above a fanout."""
    out = np.zeros((len(layer.tensors), len(arch.nodes) - 1))
    for i, node in enumerate(arch.nodes[:-1]):
        if isinstance(node, Fanout) and i:
            for t, tensor in enumerate(layer.tensors):
                out[t, i - 1] = tensor.bits / node.link(tensor.name, tensor.role).bandwidth
    return out


def _level_row(memory: Memory, arch: Architecture) -> list[float]:
    stage = sum(isinstance(n, Fanout) for n in arch.nodes[: arch.nodes.index(memory)])
    return [
        1 / memory.read_bandwidth,
        1 / memory.write_bandwidth,
        1 / memory.bandwidth,
        float(memory.buffering == "single"),
        float(memory.buffering != "buffet"),
        memory.room_bits,
        float(stage),
    ]


def feeding(layer: Layer, arch: Architecture, kept: dict[str, tuple[str, ...]]) -> list[tuple[Memory, Tensor]]:
    """The memories from which the arithmetic takes each tensor: the innermost that keeps it."""
    memories = {m.name: m for m in arch.memories}
    return [(memories[kept[t.name][-1]], t) for t in layer.tensors]


def operation_pj(shares: zeros.Operations, costs: NodeCosts) -> float:
    """Mean energy of an operation of the layer."""
    return shares.done * costs.op.value + shares.gated * costs.gated.value


def total_of(layer: Layer, arch: Architecture, kept: dict[str, tuple[str, ...]]) -> Floats:
    """The last of the prices, those of the arithmetic and of time."""
    shares = zeros.operations(arch.compute, feeding(layer, arch, kept), layer)
    out = np.zeros(4)
    out[cost.FIXED] = layer.macs * operation_pj(shares, node_costs(arch)[arch.compute.name])
    out[cost.STATIC] = sum(static_pj(arch).values())
    out[cost.CYCLES] = arch.compute.cycles * (1 - shares.skipped)
    out[cost.DEPTH] = arch.compute.depth - 1
    return out


def prices_of(layer: Layer, arch: Architecture, kept: dict[str, tuple[str, ...]]) -> Prices:
    """The prices of a layer on a machine when its tensors are kept in the memories `kept` (see `Counts.kept`)."""
    costs = node_costs(arch)
    shape = len(layer.tensors), len(arch.memories)
    energy, port = np.zeros((*shape, 4)), np.zeros((*shape, 5))
    for t, tensor in enumerate(layer.tensors):
        for i, memory in enumerate(arch.memories):
            left = zeros.access(memory, tensor, layer)
            read = costs[memory.name].read.value / memory.width_bits
            write = costs[memory.name].write.value / memory.width_bits
            for action, one in ((FILL, write), (READ, read), (UPDATE, write), (DRAIN, read)):
                direct = action in (READ, UPDATE)  # accesses that zeros can spare
                energy[t, i, action] = one * left.bits * (left.happens if direct else 1.0)
                port[t, i, action] = left.bits * (left.takes_time if direct else 1.0)
            if tensor.role == "outputs":
                # Only finished words have zeros. Every partial sum that is written and is not finished is read
                # again, or drained and filled again later. So the read and the fill pay for what both are more
                # than a finished word.
                more = tensor.bits - left.bits
                energy[t, i, READ] += (read + write) * more
                energy[t, i, FILL] += (read + write) * more
                port[t, i, AGAIN] = more
    return Prices(
        energy=energy,
        port=port,
        gap=link_prices(layer, arch, costs),
        wire=_wires(layer, arch),
        level=np.array([_level_row(m, arch) for m in arch.memories]),
        bits=np.array([float(t.bits) for t in layer.tensors]),
        total=total_of(layer, arch, kept),
    )


def cost_of(counts: Counts, prices: Prices) -> tuple[float, float]:
    """Energy in pJ and latency in clock cycles of a counted mapping."""
    cycles = cost.latency(
        counts.shape.size,
        counts.shape.tensors,
        counts.nest.loops,
        counts.nest.keep,
        counts.table,
        prices.port,
        prices.wire,
        prices.level,
        prices.total,
        np.ones(2 * len(prices.level)),
    )
    moved = cost.energy(counts.table, counts.shape.tensors, counts.nest.keep, prices.energy, prices.gap, prices.total)
    return moved + cycles * prices.total[cost.STATIC], cycles
