"""What the words that move on a systolic array cost, and the result of a layer: the same for both schedules."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence

from sim.arch.tree import Memory
from sim.components.table import NodeCosts, link_key, node_costs
from sim.engines.systolic_folds import Ints, Placed
from sim.kernels import systolic as kernel
from sim.layouts import Systolic
from sim.mapping.counts import Actions
from sim.mapping.prices import static_pj
from sim.results import Breakdown, LayerResult
from sim.workload.layer import ROLES

Energies = dict[str, dict[str, float]]
"""pJ by component and tensor."""


def accesses_pj(actions: Actions, memory: Memory, costs: Map[str, NodeCosts], bits: int) -> float:
    """Energy of a memory's accesses for words of so many bits."""
    cost, share = costs[memory.name], bits / memory.width_bits
    read, written = actions.reads + actions.drains, actions.fills + actions.updates
    return (read * cost.read.value + written * cost.write.value) * share


def register_actions(role: str, row: Sequence[int]) -> Actions:
    """What the registers of PEs do for a tensor, of the kernel's counts."""
    if role == "outputs":
        return Actions(reads=row[kernel.READS], updates=row[kernel.WRITES], drains=row[kernel.DRAINS])
    return Actions(fills=row[kernel.WRITES], reads=row[kernel.READS])


def links_pj(placed: Placed, counts: Ints, names: Map[str, str], bits: Map[str, int]) -> Energies:
    """Energy of the words that PEs hand to each other, and of those that go to and come from several arrays.

    Args:
        counts: [role, what] of the kernel.
        names: of the tensors, by role.
        bits: of a word, by role.
    """
    costs, array, several = node_costs(placed.arch), placed.machine.array, placed.machine.arrays
    out: Energies = {fanout.name: {} for fanout in (array, several) if fanout}
    for role, row in zip(ROLES, counts.tolist(), strict=True):
        hop = costs[link_key(array, names[role], role)].word_pj(bits[role])
        out[array.name][names[role]] = row[kernel.HOPS] * hop
        if several:  # a word is paid for by each array that gets or gives it
            way = costs[link_key(several, names[role], role)].word_pj(bits[role])
            out[several.name][names[role]] = (row[kernel.ENTERS] + row[kernel.DRAINS]) * way
    return out


def result_of(
    placed: Placed,
    cycles: dict[str, float],
    latency: float,
    actions: dict[str, dict[str, Actions]],
    moved: Energies,
    tiles: dict[str, dict[str, int]],
    lies: Systolic,
    breakdown: Breakdown | None = None,
) -> LayerResult:
    """The result of a layer.

    Args:
        cycles: ``compute``, and by memory and cause.
        moved: what moving words costs.
        lies: see `lies_of`.
    """
    layer, arch, compute = placed.layer, placed.arch, placed.machine.compute
    products = layer.macs * placed.machine.passes(layer.operand_bits)
    energy = {component: sum(tensors.values()) for component, tensors in moved.items()}
    energy[compute.name] = products * node_costs(arch)[compute.name].op.value
    energy["static"] = sum(static_pj(arch).values()) * latency
    return LayerResult(
        name=layer.name,
        kind=layer.kind,
        macs=layer.macs,
        energy_pj=sum(energy.values()),
        latency_cycles=latency,
        latency_s=latency / arch.clock_hz,
        compute_cycles=cycles["compute"],
        utilization=products * compute.cycles / (latency * arch.pes),
        active_pes=placed.folds.used_pes,
        energy_breakdown=energy,
        energy_by_tensor=moved,
        actions=actions,
        tiles=tiles,
        cycles=cycles,
        bound_by=max((n for n in ("compute", arch.home("weights").name) if n in cycles), key=cycles.__getitem__),
        operations={"done": float(layer.macs), "gated": 0.0, "skipped": 0.0},
        systolic=lies,
        breakdown=breakdown,
    )


def lies_of(
    placed: Placed,
    fetched: Map[str, int],
    written: int,
    stalls: float = 0.0,
    reports: Map[str, Map[str, float]] | None = None,
) -> Systolic:
    """How a layer lies on the machine, and the words that come from and go to the outermost memories."""
    folds, settings = placed.folds, placed.machine.settings
    return Systolic(
        dataflow=settings.dataflow,
        timing=settings.timing,
        on_rows=folds.on_rows,
        on_columns=folds.on_columns,
        steps=folds.steps,
        row_folds=folds.row_folds,
        column_folds=folds.column_folds,
        groups=placed.product.repeats,
        efficiency=folds.efficiency,
        fetched=fetched,
        written=written,
        stall_cycles=stalls,
        divided=placed.part if placed.machine.count > 1 else "",
        reports=reports or {},
    )
