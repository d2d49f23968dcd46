"""ZigZag's mapper: ``python -m tests.bench.peers.with_zigzag eyeriss/conv2``.

It makes some choices of loops in space, the fullest first, and for each of them orders the prime factors of the loops
in time; each operand's loops are then dealt out to its memories from the inside. In our terms the cuts between them
are keeps. As it has no fanout among the loops in time, some of its nests have a buffer's keep inside that of a
scratchpad, which here cannot stand outside the array; of such a nest the buffer's keep is put where it can stand.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any

from sim.arch.tree import Fanout, Memory, keeps
from sim.mapping.dataflow import pe_memories
from sim.mapping.nest import Axis, For, Item, Keep, Parallel
from sim.workload.layer import Layer, Role, Tensor
from tests.bench.peers.cases import Case
from tests.bench.peers.peers import Answer, reply

SPATIAL_MAPPINGS = 3  # choices of loops in space; its default
WIDE = (
    256  # words that a shared memory moves in a cycle, so that it is not waited for; accesses of so many are counted
)
DIMS = {"M": "K", "C": "C", "P": "OY", "Q": "OX", "R": "FY", "S": "FX"}
OPERANDS: dict[Role, str] = {"inputs": "I", "weights": "W", "outputs": "O"}
MEMORY_OPERANDS: dict[Role, str] = {"inputs": "I1", "weights": "I2", "outputs": "O"}
AXES: dict[str, Axis] = {"D1": "x", "D2": "y"}


def search(case: Case) -> Answer:
    """The mapping of the least energy-delay product, by its own model."""
    from zigzag.mapping.temporal_mapping import TemporalMappingType
    from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
    from zigzag.stages.main import MainStage
    from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
    from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
    from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
    from zigzag.stages.parser.workload_parser import WorkloadParserStage
    from zigzag.stages.results.reduce_stages import MinimalEDPStage
    from zigzag.stages.workload_iterator import WorkloadStage

    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        machine, mapping = Path(folder) / "machine.yaml", Path(folder) / "mapping.yaml"
        machine.write_text(_machine(case))
        mapping.write_text(_mapping(case))
        begun = time.process_time()
        stages = (
            WorkloadParserStage, AcceleratorParserStage, WorkloadStage, MinimalEDPStage, SpatialMappingGeneratorStage,
            MinimalEDPStage, TemporalMappingGeneratorStage, CostModelStage,
        )  # fmt: skip
        found, _ = MainStage(
            list(stages),
            workload=[_layer(case.layer)],
            accelerator=str(machine),
            mapping=str(mapping),
            loma_lpf_limit=6,  # its default
            loma_show_progress_bar=False,
            nb_mappings_generated=SPATIAL_MAPPINGS,
            enable_mix_spatial_mapping_generation=True,
            access_same_data_considered_as_no_access=False,  # the arithmetic reads its operands in every cycle
            temporal_mapping_type=TemporalMappingType.UNEVEN,
        ).run()[0]
        took = time.process_time() - begun
    nest = tuple(map(str, _nest(found, case)))
    return Answer(version("zigzag-dse"), float(found.energy_total), float(found.latency_total2), took, nest)


def _machine(case: Case) -> str:
    arch = case.machine
    memories = "".join(_memory(memory, case) for memory in reversed(arch.memories))  # the innermost first
    (array,) = arch.fanouts
    op_pj = dict(arch.compute.component.given)["op_pj"].value
    return (
        f"name: {arch.name}\nmemories:\n{memories}operational_array:\n  unit_energy: {op_pj}\n  unit_area: 0\n"
        f"  dimensions: [{', '.join(AXES)}]\n  sizes: [{array.x}, {array.y}]\n"
    )


def _memory(memory: Memory, case: Case) -> str:
    costs = dict(memory.component.given)
    roles = [t.role for t in case.layer.tensors if keeps(memory, t.name, t.role)]
    nodes = case.machine.nodes
    outside = any(isinstance(node, Fanout) for node in nodes[nodes.index(memory) :])
    ports = ("r_port_1", "read", ("tl",)), ("w_port_1", "write", ("fh",))
    ports += (("r_port_2", "read", ("th",)), ("w_port_2", "write", ("fl",))) if "outputs" in roles else ()
    words = WIDE if outside else 1
    lines = [
        f"  {memory.name}:",
        f"    size: {int(min(memory.size_bits / memory.room_per_tile, 1e12))}",
        f"    r_cost: {costs['read_pj'].value * words}",
        f"    w_cost: {costs['write_pj'].value * words}",
        "    area: 0",
        "    latency: 1",
        f"    operands: [{', '.join(MEMORY_OPERANDS[role] for role in roles)}]",
        f"    served_dimensions: [{', '.join(AXES) if outside else ''}]",
        "    ports:",
    ]
    for name, kind, ways in ports:
        lines += [f"      - name: {name}", f"        type: {kind}", f"        bandwidth_min: {memory.width_bits}"]
        lines += [f"        bandwidth_max: {memory.width_bits * words}", "        allocation:"]
        moved = [(role, way) for role in roles for way in ways if way in ("tl", "fh") or role == "outputs"]
        lines += [f"          - {MEMORY_OPERANDS[role]}, {way}" for role, way in moved]
    return "\n".join(lines) + "\n"


def _mapping(case: Case) -> str:
    links = "".join(f"    {OPERANDS[role]}: {MEMORY_OPERANDS[role]}\n" for role in OPERANDS)
    hints = "".join(
        f"    {name}:\n" + "".join(f"      - {DIMS[d]}\n" for d in case.spread(axis)) for name, axis in AXES.items()
    )
    return f"- name: default\n  memory_operand_links:\n{links}  spatial_mapping_hint:\n{hints}"


def _layer(layer: Layer) -> dict[str, Any]:
    relations: list[str] = []

    def index(tensor: Tensor) -> str:
        out = ""
        for rank in tensor.ranks:
            name = DIMS[rank.terms[0][0]].lower()
            if len(rank.terms) > 1:
                name = f"i{len(relations)}"
                relations.append(f"{name} = " + " + ".join(f"{c} * {DIMS[d].lower()}" for d, c in rank.terms))
            out += f"[{name}]"
        return out

    of = {t.role: f"{OPERANDS[t.role]}{index(t)}" for t in layer.tensors}
    bits = {OPERANDS[t.role]: t.bits for t in layer.tensors}
    return {
        "id": 0,
        "name": "layer",
        "operator_type": "Conv",
        "equation": f"{of['outputs']} += {of['weights']} * {of['inputs']}",
        "dimension_relations": relations,
        "loop_dims": [DIMS[d] for d, _ in layer.dims],
        "loop_sizes": [size for _, size in layer.dims],
        "operand_precision": bits | {"O_final": bits["O"]},
        "operand_source": {"I": 0, "W": 0},
    }


def _nest(found: Any, case: Case) -> list[Item]:
    """Our nest: by operand and memory, ZigZag has the loops in time, the innermost first."""
    arch, layer = case.machine, case.layer
    ours = {theirs: dim for dim, theirs in DIMS.items()}
    by_operand = found.mapping.temporal_mapping.mapping_dic_origin
    cuts = {str(operand): [len(loops) for loops in levels] for operand, levels in by_operand.items()}
    in_time = [loop for level in next(iter(by_operand.values())) for loop in level]
    loops: list[For | Parallel] = [For(ours[str(dim)], int(bound)) for dim, bound in reversed(in_time)]
    places: dict[tuple[str, str], int] = {}  # by memory and tensor, how many loops stand outside the keep
    for tensor in layer.tensors:
        own = [m.name for m in reversed(arch.memories) if keeps(m, tensor.name, tensor.role)]
        for memory, inside in zip(own, accumulate(cuts[OPERANDS[tensor.role]]), strict=True):
            places[memory, tensor.name] = len(loops) - inside
    below = {memory.name for memory in pe_memories(arch)}
    array = min(place for (memory, _), place in places.items() if memory in below)
    for key, place in places.items():
        if key[0] not in below:
            places[key] = min(place, array)
    spread: list[For | Parallel] = [
        Parallel(arch.fanouts[0].name, AXES[str(axis)], ours[str(dim)], int(bound))
        for axis, over in found.layer.spatial_mapping.data.items()
        for dim, bound in over.items()
    ]
    items: list[Item] = []
    for place in range(len(loops) + 1):
        kept = [
            Keep(memory.name, tuple(t.name for t in layer.tensors if places.get((memory.name, t.name)) == place))
            for memory in arch.memories
        ]
        items += [keep for keep in kept if keep.tensors and keep.level not in below]
        items += spread if place == array else []
        items += [keep for keep in kept if keep.tensors and keep.level in below]
        items += loops[place : place + 1]
    return _cut_to_size(items, layer)


def _cut_to_size(items: list[Item], layer: Layer) -> list[Item]:
    """No loop goes on where its dimension ends; ZigZag's loops in space may leave a fraction of a pass."""
    step = dict.fromkeys(layer.sizes, 1)
    out: list[Item] = []
    for item in reversed(items):
        if not isinstance(item, Keep):
            bound = min(item.bound, -(-layer.sizes[item.dim] // step[item.dim]))
            step[item.dim] *= bound
            item = replace(item, bound=bound)
        if isinstance(item, Keep) or item.bound > 1:
            out.append(item)
    return out[::-1]


if __name__ == "__main__":
    reply(search)
