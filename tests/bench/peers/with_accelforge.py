"""AccelForge's mapper: ``python -m tests.bench.peers.with_accelforge eyeriss/conv2``.

Its storage nodes, loops in time and loops in space are our keeps, fors and parallels. It may put the keeps of one
tensor between those of another where `force_memory_hierarchy_order` is off, which is not its default; then it takes
far longer, so it is left on.
"""

from __future__ import annotations

import tempfile
import time
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim.arch.tree import Compute, Fanout, Memory, keeps
from sim.mapping.dataflow import pe_memories
from sim.mapping.nest import For, Item, Keep, Parallel
from sim.workload.layer import Layer
from tests.bench.peers.cases import Case
from tests.bench.peers.peers import Answer, reply


def search(case: Case) -> Answer:
    """The mapping of the least energy-delay product, by its own model; one process."""
    from accelforge import Spec, set_n_parallel_jobs
    from accelforge.frontend.mapper.metrics import Metrics
    from accelforge.mapper.FFM.main import map_workload_to_arch
    from accelforge.model.main import evaluate_mapping

    set_n_parallel_jobs(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(_workload(case.layer) + _machine(case))
        spec = Spec.from_yaml(path)
    spec.mapper.metrics = Metrics.ENERGY_DELAY_PRODUCT
    begun = time.process_time()
    found = map_workload_to_arch(spec, print_progress=False, eval_in_detail=False)
    took = time.process_time() - begun
    mapping = found.data.iloc[0]["Total<SEP>mapping"]
    again = deepcopy(spec)
    again.model.metrics, again.mapping = spec.mapper.info_metrics, mapping(_for_model=True)
    known = {"flattened_arches": found.flattened_arches, "evaluated_specs": found.evaluated_specs}
    costs = evaluate_mapping(again, **known).data.iloc[0]
    nest = tuple(map(str, _nest(mapping().nodes, case.layer)))
    pj, cycles = float(costs["Total<SEP>energy"]) * 1e12, float(costs["Total<SEP>latency"])
    return Answer(version("accelforge"), pj, cycles, took, nest)


def _workload(layer: Layer) -> str:
    tensors = []
    for tensor in layer.tensors:
        ranks = [" + ".join(f"{c} * {d.lower()}" for d, c in rank.terms) for rank in tensor.ranks]
        projection = ", ".join(f"{tensor.name[0].upper()}{i}: {rank}" for i, rank in enumerate(ranks))
        output = ", output: True" if tensor.role == "outputs" else ""
        tensors.append(f"    - {{name: {tensor.name}, projection: {{{projection}}}{output}}}\n")
    shape = ", ".join(f"{d.lower()}: 0 <= {d.lower()} < {size}" for d, size in layer.dims)
    return (
        f"workload:\n  bits_per_value: {{All: {layer.tensors[0].bits}}}\n  iteration_space_shape: {{{shape}}}\n"
        f"  einsums:\n  - name: layer\n    tensor_accesses:\n{''.join(tensors)}"
    )


def _machine(case: Case) -> str:
    return "arch:\n  nodes:\n" + "".join(_node(node, case) for node in case.machine)


def _node(node: object, case: Case) -> str:
    match node:
        case Memory():
            return _memory(node, case)
        case Fanout():
            axes = "".join(f"    - {{name: {a}, fanout: {getattr(node, a)}, reuse: {r}}}\n" for a, r in case.reuse)
            return f"  - !Container\n    name: {node.name}\n    spatial:\n{axes}"
        case Compute():
            actions = f"    - {{name: compute, energy: {_pj(node, 'op_pj')}e-12, throughput: 1}}\n"
            return f"  - !Compute\n    name: {node.name}\n    leak_power: 0\n    area: 0\n    actions:\n{actions}"
    raise AssertionError(node)


def _memory(memory: Memory, case: Case) -> str:
    kept = [t.name for t in case.layer.tensors if keeps(memory, t.name, t.role)]
    must = memory in (case.machine.memories[0], *pe_memories(case.machine))
    sets = [" | ".join(kept), "Nothing"] if must else ["Nothing", " | ".join(kept)]
    actions = "".join(
        f"    - {{name: {name}, energy: {_pj(memory, f'{name}_pj')}e-12, bits_per_action: {memory.width_bits}, "
        "throughput: inf}\n"
        for name in ("read", "write")
    )
    size = memory.size_bits / memory.room_per_tile
    return (
        f"  - !Memory\n    name: {memory.name}\n    size: {size}\n    leak_power: 0\n    area: 0\n"
        f"    tensors: {{keep: {sets[0]}, may_keep: {sets[1]}}}\n    actions:\n{actions}"
    )


def _pj(node: Memory | Compute, quantity: str) -> float:
    return dict(node.component.given)[quantity].value


def _nest(nodes: list[Any], layer: Layer) -> list[Item]:
    left = layer.sizes
    items: list[Item] = []
    for node in nodes:
        kind = type(node).__name__
        if kind == "Storage":
            items.append(Keep(str(node.component), tuple(map(str, node.tensors))))
        elif kind in ("Temporal", "Spatial"):
            dim, step = str(node.rank_variable).upper(), int(node.tile_shape)
            bound, left[dim] = -(-left[dim] // step), step
            if bound > 1:
                items.append(
                    For(dim, bound) if kind == "Temporal" else Parallel(node.component, node.name, dim, bound)
                )
    return items


if __name__ == "__main__":
    reply(search)
