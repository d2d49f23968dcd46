"""The engine for machines of class ``spatial``: arrays of PEs under a hierarchy of memories.

It counts the words that a mapping moves (`sim.mapping.counts`) and prices them in the open; the mapper does the
same with `sim.kernels.cost`, and tests hold the two together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping as Map

from sim.arch.tree import Architecture, Converter, Fanout, Memory
from sim.components.table import NodeCosts, link_key, node_costs
from sim.engines.latency import latency
from sim.engines.options import Options
from sim.engines.vector import evaluate_vector
from sim.mapping import zeros
from sim.mapping.check import check
from sim.mapping.counts import Actions, Counts, count_words
from sim.mapping.nest import Mapping
from sim.mapping.prices import feeding, keeps_any, operation_pj, static_pj
from sim.mapping.store import finder
from sim.results import LayerResult, Stored
from sim.workload.layer import Layer, VectorLayer

Parts = dict[str, dict[str, float]]  # pJ by component and tensor


def evaluate(
    layer: Layer | VectorLayer, arch: Architecture, mapping: Mapping | None = None, options: Options = Options()
) -> LayerResult:
    """What a layer costs with a mapping, or with the best one that is found.

    Raises:
        MappingError: when the machine cannot run the mapping, or none is found.
    """
    if isinstance(layer, VectorLayer):
        return evaluate_vector(layer, arch)
    if mapping is None:
        find = finder(options.cache)
        found = find(layer, arch, options.dataflow, options.objective, options.strategy)
        return _evaluate(layer, arch, found.mapping).with_search(found)
    check(mapping, layer, arch)
    return _evaluate(layer, arch, mapping)


def _evaluate(layer: Layer, arch: Architecture, mapping: Mapping) -> LayerResult:
    counts = count_words(layer, arch, mapping)
    costs = node_costs(arch)
    time = latency(counts)
    moved = _memories(counts, costs)
    for component, tensors in _passages(counts, costs).items():
        moved[component] = tensors
    operations = _operations(counts)
    breakdown = {component: sum(tensors.values()) for component, tensors in moved.items()}
    breakdown[arch.compute.name] = layer.macs * operation_pj(operations, costs[arch.compute.name])
    breakdown["static"] = sum(static_pj(arch).values()) * time.cycles
    return LayerResult(
        name=layer.name,
        kind=layer.kind,
        macs=layer.macs,
        energy_pj=sum(breakdown.values()),
        latency_cycles=time.cycles,
        latency_s=time.cycles / arch.clock_hz,
        compute_cycles=time.steady["compute"],
        utilization=layer.macs * (1 - operations.skipped) * arch.compute.cycles / (time.cycles * arch.pes),
        active_pes=counts.used,
        energy_breakdown=breakdown,
        energy_by_tensor=moved,
        actions={m.name: _of_all(counts, m) for m in arch.memories},
        tiles={m.name: {t: counts.tile(m.name, t) for t in _of_all(counts, m)} for m in arch.memories},
        cycles=time.parts(),
        bound_by=time.bound_by,
        zeros={m.name: stored for m in arch.memories if (stored := _stored(counts, m))},
        operations={
            "done": layer.macs * operations.done,
            "gated": layer.macs * operations.gated,
            "skipped": layer.macs * operations.skipped,
        },
        mapping=tuple(mapping.to_list()),
    )


def _of_all(counts: Counts, memory: Memory) -> dict[str, Actions]:
    kept = [t.name for t in counts.layer.tensors if memory.name in counts.kept(t.name)]
    return {t: counts.actions(memory.name, t) for t in kept}


def _operations(counts: Counts) -> zeros.Operations:
    layer, arch = counts.layer, counts.arch
    return zeros.operations(arch.compute, feeding(layer, arch, counts.keeps), layer)


def _memories(counts: Counts, costs: Map[str, NodeCosts]) -> Parts:
    """What the accesses to every memory cost."""
    out: Parts = {}
    for memory in counts.arch.memories:
        read = costs[memory.name].read.value / memory.width_bits
        write = costs[memory.name].write.value / memory.width_bits
        out[memory.name] = {}
        for tensor in counts.layer.tensors:
            if memory.name not in counts.kept(tensor.name):
                continue
            a = counts.actions(memory.name, tensor.name)
            left = zeros.access(memory, tensor, counts.layer)
            pj = (a.fills + a.updates * left.happens) * left.bits * write
            pj += (a.reads * left.happens + a.drains) * left.bits * read
            if tensor.role == "outputs":  # what comes back or is read again was written unfinished: not compressed
                pj += (a.reads + a.fills) * (tensor.bits - left.bits) * (read + write)
            out[memory.name][tensor.name] = pj
    return out


def _passages(counts: Counts, costs: Map[str, NodeCosts]) -> Parts:
    """What words pay on their way: networks and converters."""
    out: Parts = defaultdict(dict)
    for i, node in enumerate(counts.arch.nodes):
        for tensor in counts.layer.tensors:
            if isinstance(node, Fanout):
                link = node.link(tensor.name, tensor.role)
                back = counts.down(tensor.name, i - 1)  # of partial sums that come back, each goes to one copy
                if tensor.role != "outputs":
                    words = counts.down(tensor.name, i) - (back if link.neighbour else 0)
                elif link.neighbour:
                    words = counts.up(tensor.name, i) - counts.up(tensor.name, i - 1)
                else:
                    words = counts.up(tensor.name, i) + back
                word = costs[link_key(node, tensor.name, tensor.role)].word_pj(tensor.bits)
                out[node.name][tensor.name] = words * word
            elif isinstance(node, Converter) and keeps_any(node.tensors, tensor):
                words = counts.down(tensor.name, i) + counts.up(tensor.name, i)
                out[node.name][tensor.name] = words * costs[node.name].word_pj(tensor.bits)
    return dict(out)


def _stored(counts: Counts, memory: Memory) -> dict[str, Stored]:
    """What zeros spare at a memory, for the tensors of which they spare something."""
    out = {}
    for tensor in counts.layer.tensors:
        left = zeros.access(memory, tensor, counts.layer)
        plain = left.happens == 1 and left.bits == tensor.bits and left.data == 1
        if plain or memory.name not in counts.kept(tensor.name):
            continue
        a = counts.actions(memory.name, tensor.name)
        direct = a.reads + a.updates
        words = {"fills": a.fills, "reads": a.reads * left.happens}
        words |= {"updates": a.updates * left.happens, "drains": a.drains}
        extra = left.bits - left.data * tensor.bits
        out[tensor.name] = Stored(
            data={name: n * left.data for name, n in words.items()},
            metadata_bits={name: n * extra for name, n in words.items()},
            gated=direct * (left.takes_time - left.happens) * left.data,
            skipped=direct * (1 - left.takes_time) * left.data,
        )
    return out
