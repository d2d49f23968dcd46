"""Layers without multiply-accumulates: pooling, addition, normalization, softmax. They move words."""

from __future__ import annotations

from collections import defaultdict

from sim.arch.tree import Architecture, Converter, Fanout, Memory
from sim.components.table import NodeCosts, link_key, node_costs
from sim.mapping.counts import Actions
from sim.mapping.prices import keeps_any, static_pj
from sim.results import LayerResult
from sim.workload.layer import Tensor, VectorLayer

Parts = dict[str, dict[str, float]]  # by component and tensor


def evaluate_vector(layer: VectorLayer, arch: Architecture) -> LayerResult:
    """What a vector layer costs, in one pass from the outermost memory to the next that keeps its words, and back.

    Every input word is read and every output word written once at the outermost memory. The words are spread over
    all copies of the memory on the chip, take the links and converters on the way to it once, and are not compressed,
    as a vector layer says nothing of its zeros. A PE does one elementary operation in a cycle. A layer that is fused
    works on words that pass by anyway and costs nothing of its own.
    """
    if layer.fused:
        return LayerResult(layer.name, layer.kind, 0, 0.0, 0.0, 0.0, fused=layer.fused)
    words = {
        Tensor("inputs", "inputs", (), layer.bits): layer.input_words,
        Tensor("outputs", "outputs", (), layer.bits): layer.output_words,
    }
    actions = _actions(words, arch)
    energy, cycles = _passages(words, arch)
    for name, own in actions.items():
        memory = arch[name]
        assert isinstance(memory, Memory)
        energy[name] = _energy(own, memory, node_costs(arch)[name], layer.bits)
        cycles[name] = _port(own, memory, layer.bits) / arch.instances(name)
    cycles = {"compute": layer.ops / arch.pes, **cycles}
    longest = max(cycles.values())
    breakdown = {component: sum(tensors.values()) for component, tensors in energy.items()}
    breakdown["static"] = sum(static_pj(arch).values()) * longest
    return LayerResult(
        name=layer.name,
        kind=layer.kind,
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


def _passed(arch: Architecture, tensor: Tensor) -> list[Memory]:
    """The outermost memory, and the next that keeps a tensor if there is one."""
    return [m for m in arch.memories if keeps_any(m.keeps, tensor)][:2]


def _actions(words: dict[Tensor, int], arch: Architecture) -> dict[str, dict[str, Actions]]:
    out: dict[str, dict[str, Actions]] = defaultdict(dict)
    for tensor, n in words.items():
        for memory in _passed(arch, tensor):
            inner = n if memory is not arch.memories[0] else 0
            up = tensor.role == "outputs"
            out[memory.name][tensor.name] = Actions(updates=n, drains=inner) if up else Actions(fills=inner, reads=n)
    return {m.name: out[m.name] for m in arch.memories if m.name in out}


def _passages(words: dict[Tensor, int], arch: Architecture) -> tuple[Parts, dict[str, float]]:
    """Energy and cycles of the links and converters between the memories that words pass."""
    costs = node_costs(arch)
    energy: Parts = defaultdict(dict)
    cycles: dict[str, float] = {}
    for tensor, n in words.items():
        end = arch.nodes.index(_passed(arch, tensor)[-1])
        for node in arch.nodes[:end]:
            if isinstance(node, Fanout):
                word = costs[link_key(node, tensor.name, tensor.role)].word_pj(tensor.bits)
                energy[node.name][tensor.name] = n * word
                bandwidth = node.link(tensor.name, tensor.role).bandwidth * arch.instances(node.name)
                cycles[f"{node.name}.{tensor.name}"] = n * tensor.bits / bandwidth
            elif isinstance(node, Converter) and keeps_any(node.tensors, tensor):
                energy[node.name][tensor.name] = n * costs[node.name].word_pj(tensor.bits)
    return energy, cycles


def _energy(own: dict[str, Actions], memory: Memory, cost: NodeCosts, bits: int) -> dict[str, float]:
    read, write = cost.read.value * bits / memory.width_bits, cost.write.value * bits / memory.width_bits
    return {t: (a.reads + a.drains) * read + (a.fills + a.updates) * write for t, a in own.items()}


def _port(own: dict[str, Actions], memory: Memory, bits: int) -> float:
    """Cycles that the ports of a memory would be busy if there were one copy of it."""
    reads = sum(a.reads + a.drains for a in own.values()) * bits
    writes = sum(a.fills + a.updates for a in own.values()) * bits
    return max(reads / memory.read_bandwidth, writes / memory.write_bandwidth, (reads + writes) / memory.bandwidth)
