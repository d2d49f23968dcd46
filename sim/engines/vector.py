"""Layers without multiply-accumulates: pooling, addition, normalization, softmax. They move words."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from sim.arch.tree import Architecture, Converter, Fanout, Memory
from sim.components.table import NodeCosts, link_key, node_costs
from sim.mapping.counts import Actions
from sim.mapping.prices import keeps_any, static_pj
from sim.results import LayerResult
from sim.workload.layer import Tensor, VectorLayer

Parts = dict[str, dict[str, float]]  # by component and tensor


@dataclass(frozen=True, slots=True)
class _Move:
    """Words that go down along a path of memories, or up if they are outputs; if they `stay`, the last sends none on.

    They leave the first memory of the path, or end there.
    """

    tensor: Tensor
    words: int
    path: tuple[Memory, ...]
    stay: bool = False

    def actions(self, memory: Memory) -> Actions:
        """What it does at a memory of its path."""
        between = self.words if memory is not self.path[0] else 0
        if self.tensor.role == "outputs":
            return Actions(updates=self.words, drains=between)
        return Actions(fills=between, reads=0 if self.stay and memory is self.path[-1] else self.words)


def evaluate_vector(layer: VectorLayer, arch: Architecture) -> LayerResult:
    """What a vector layer costs, in one pass from the outermost memory to the next that keeps its words, and back.

    Every input word is read and every output word written once at the outermost memory. The words are spread over
    all copies of the memory on the chip, take the links and converters on the way to it once, and are not compressed,
    as a vector layer says nothing of its zeros. A PE (where there are `Systolic.lanes`, one of them) does one
    elementary operation in a cycle; units beside analog arrays, which do none, take no time of their own. A layer
    that is fused works on words that pass by anyway and costs nothing of its own. What is at home on the chip
    (`Architecture.homes`) is read and written there alone.
    """
    if layer.fused:
        return LayerResult(layer.name, layer.kind, 0, 0.0, 0.0, 0.0, fused=layer.fused)
    inputs, outputs = (Tensor(role, role, (), layer.bits) for role in ("inputs", "outputs"))
    moves = [_Move(inputs, words, _path(arch, name, inputs)) for name, words in layer.inputs]
    moves.append(_Move(outputs, layer.output_words, _path(arch, "outputs", outputs)))
    return _cost(layer.name, layer.kind, moves, arch, layer.ops)


def evaluate_load(name: str, tensor: Tensor, words: int, memory: Memory, arch: Architecture) -> LayerResult:
    """What it costs to bring words from the outermost memory to one on the chip, to be at home there."""
    return _cost(name, "load", [_Move(tensor, words, (arch.memories[0], memory), stay=True)], arch, 0)


def _path(arch: Architecture, name: str, tensor: Tensor) -> tuple[Memory, ...]:
    """The outermost memory and the next that keeps a tensor if there is one; its home alone, if on the chip."""
    home = arch.home(name)
    if home is not arch.memories[0]:
        return (home,)
    return tuple(m for m in arch.memories if keeps_any(m.keeps, tensor))[:2]


def _cost(name: str, kind: str, moves: list[_Move], arch: Architecture, ops: int) -> LayerResult:
    """What it costs to move words, and to do so many elementary operations."""
    actions = _actions(moves, arch)
    energy, cycles = _passages(moves, arch)
    bits = moves[0].tensor.bits
    for level, own in actions.items():
        memory = arch[level]
        assert isinstance(memory, Memory)
        energy[level] = _energy(own, memory, node_costs(arch)[level], bits)
        cycles[level] = _port(own, memory, bits) / arch.instances(level)
    lanes = math.inf if arch.crossbar else (arch.systolic and arch.systolic.lanes) or arch.pes
    cycles = {"compute": ops / lanes, **cycles}
    longest = max(cycles.values())
    breakdown = {component: sum(tensors.values()) for component, tensors in energy.items()}
    breakdown["static"] = sum(static_pj(arch).values()) * longest
    return LayerResult(
        name=name,
        kind=kind,
        macs=0,
        energy_pj=sum(breakdown.values()),
        latency_cycles=longest,
        latency_s=longest / arch.clock_hz,
        compute_cycles=cycles["compute"],
        energy_breakdown=breakdown,
        energy_by_tensor=dict(energy),
        actions=actions,
        cycles=cycles,
        bound_by=max(cycles, key=cycles.__getitem__),
    )


def _actions(moves: list[_Move], arch: Architecture) -> dict[str, dict[str, Actions]]:
    out: dict[str, dict[str, Actions]] = defaultdict(dict)
    for move in moves:
        for memory in move.path:
            before = out[memory.name].get(move.tensor.name, Actions())
            out[memory.name][move.tensor.name] = before + move.actions(memory)
    return {m.name: out[m.name] for m in arch.memories if m.name in out}


def _passages(moves: list[_Move], arch: Architecture) -> tuple[Parts, dict[str, float]]:
    """Energy and cycles of the links and converters between the memories that words pass."""
    costs = node_costs(arch)
    energy: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    cycles: defaultdict[str, float] = defaultdict(float)
    for move in moves:
        tensor, n = move.tensor, move.words
        first, last = (arch.nodes.index(memory) for memory in (move.path[0], move.path[-1]))
        for node in arch.nodes[first:last]:
            if isinstance(node, Fanout):
                word = costs[link_key(node, tensor.name, tensor.role)].word_pj(tensor.bits)
                energy[node.name][tensor.name] += n * word
                bandwidth = node.link(tensor.name, tensor.role).bandwidth * arch.instances(node.name)
                cycles[f"{node.name}.{tensor.name}"] += n * tensor.bits / bandwidth
            elif isinstance(node, Converter) and keeps_any(node.tensors, tensor):
                energy[node.name][tensor.name] += n * costs[node.name].word_pj(tensor.bits)
    return {name: dict(tensors) for name, tensors in energy.items()}, dict(cycles)


def _energy(own: dict[str, Actions], memory: Memory, cost: NodeCosts, bits: int) -> dict[str, float]:
    read, write = cost.read.value * bits / memory.width_bits, cost.write.value * bits / memory.width_bits
    return {t: (a.reads + a.drains) * read + (a.fills + a.updates) * write for t, a in own.items()}


def _port(own: dict[str, Actions], memory: Memory, bits: int) -> float:
    """Cycles that the ports of a memory would be busy if there were one copy of it."""
    reads = sum(a.reads + a.drains for a in own.values()) * bits
    writes = sum(a.fills + a.updates for a in own.values()) * bits
    return max(reads / memory.read_bandwidth, writes / memory.write_bandwidth, (reads + writes) / memory.bandwidth)
