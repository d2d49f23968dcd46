"""The engine for machines of class ``systolic``: a systolic array with a memory for each tensor, and DRAM.

How a layer folds onto the array and the words that this moves are in closed form (`sim.kernels.systolic`). What comes
from DRAM is found tile by tile (`sim.engines.systolic_tiles`), and when it comes by simulation of events
(`sim.kernels.tiles`); by timing ``scalesim`` as SCALE-Sim does it (`sim.engines.scalesim`), where nothing ever waits.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

import numpy as np

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture, Memory
from sim.components.table import NodeCosts, link_key, node_costs
from sim.engines.options import Options
from sim.engines.scalesim import ScaleSim
from sim.engines.systolic_stages import in_a_row
from sim.engines.systolic_tiles import Folds, Ints, Plan, Planner, to_arrays
from sim.engines.vector import evaluate_vector
from sim.errors import MappingError
from sim.kernels import systolic as kernel
from sim.kernels import tiles as tile_kernel
from sim.layouts import Systolic
from sim.mapping.counts import Actions
from sim.mapping.nest import Mapping
from sim.mapping.prices import static_pj
from sim.results import LayerResult
from sim.workload.layer import ROLES, Layer, VectorLayer
from sim.workload.network import Network
from sim.workload.product import Product

_STATIONARY = {"os": kernel.OUTPUT, "ws": kernel.WEIGHT, "is": kernel.INPUT}


def evaluate(
    layer: Layer | VectorLayer, arch: Architecture, mapping: Mapping | None = None, options: Options = Options()
) -> LayerResult:
    """What a layer costs. There is nothing to search for, so the options decide nothing.

    Raises:
        MappingError: for a mapping, as the array's dataflow leaves no choice.
        UnsupportedOp: for a layer that is no matrix product.
        RoomError: when a memory is too small for one fold.
    """
    if mapping is not None:
        raise no_mapping(arch)
    if arch.homes:
        return run_in_a_row(Network(layer.name, (layer,)), arch)[0]
    if isinstance(layer, VectorLayer):
        return evaluate_vector(layer, arch)
    machine = SystolicMachine.of(arch)
    product = Product.of(layer)
    case = case_of(product, machine)
    folds = folds_of(case)
    planner = Planner(product, machine, folds, case)
    planner.check()
    if machine.settings.timing == "scalesim":
        return _by_scalesim(arch, machine, folds, case, ScaleSim(product, machine, folds))
    return _by_tiles(arch, machine, folds, case, planner.plan(), product)


def no_mapping(arch: Architecture) -> MappingError:
    """The error for a mapping."""
    return MappingError(f"{arch.name} takes no mapping: the dataflow of a systolic array leaves nothing to choose")


def run_in_a_row(network: Network, arch: Architecture) -> tuple[LayerResult, ...]:
    """What the layers of a network cost on a machine where inputs and outputs stay on the chip; see `evaluate`."""
    return in_a_row(network, arch, case_of, folds_of)


def case_of(product: Product, machine: SystolicMachine) -> Ints:
    """A layer on a machine as the kernel has it."""
    settings, (x, n, k) = machine.settings, product.sizes
    whole = settings.timing == "scalesim"
    passed = product.existing_of_k * (np.arange(k) % machine.array.y + 1)
    case = np.zeros(kernel.CASE, np.int64)
    case[[kernel.X, kernel.N, kernel.K, kernel.GROUPS]] = x, n, k, product.repeats
    case[[kernel.ROWS, kernel.COLUMNS, kernel.STATIONARY]] = (
        machine.array.y,
        machine.array.x * machine.count,
        _STATIONARY[settings.dataflow],
    )
    case[[kernel.OVERLAP, kernel.DRAIN, kernel.WHOLE]] = settings.overlap and not whole, not whole, whole
    case[[kernel.EXISTING, kernel.LOADED]] = product.existing, passed.sum()
    case[kernel.ARRAYS] = machine.count
    case[kernel.PLACES] = k // product.side_by_side if settings.rows == "channels" else 1
    return case


def folds_of(case: Ints) -> Folds:
    """How the case lies on the array."""
    on_rows, on_columns, steps = map(int, kernel.shape(case))
    rest = case[[kernel.ROWS, kernel.COLUMNS, kernel.PLACES, kernel.ARRAYS]]
    return Folds(on_rows, on_columns, steps, *map(int, rest))


def _by_tiles(
    arch: Architecture, machine: SystolicMachine, folds: Folds, case: Ints, plan: Plan, product: Product
) -> LayerResult:
    dram, out = machine.dram, np.zeros(tile_kernel.OUTCOMES)
    bandwidth = min(dram.bandwidth, dram.read_bandwidth, dram.write_bandwidth)
    settings = np.array([bandwidth, dram.burst_bits, dram.latency_cycles, 0.0])
    tile_kernel.run(plan.cycles, plan.tile, plan.bits, plan.room, settings, out)
    lies = _lies(machine, folds, product, plan.fetched, plan.written, float(out[tile_kernel.STALLS]))
    compute = float(plan.cycles.sum())
    cycles = {
        "compute": compute,
        dram.name: float(out[tile_kernel.BUSY]),
        "first": float(out[tile_kernel.FIRST]),
        "stalls": float(out[tile_kernel.STALLS]),
        "last": float(out[tile_kernel.LAST]),
    }
    moved = _Moved(product.layer, arch, machine, _counted(case), plan.fetched, plan.written)
    return moved.result(cycles, float(out[tile_kernel.END]), folds, lies, plan.largest)


def _by_scalesim(
    arch: Architecture, machine: SystolicMachine, folds: Folds, case: Ints, rules: ScaleSim
) -> LayerResult:
    product, groups = rules.product, rules.product.repeats
    fetches, writes = {role: rules.fetches(role) for role in ("inputs", "weights")}, rules.writes()
    fetched = {role: f.words * groups for role, f in fetches.items()} | {"outputs": 0}
    written = writes.words * groups
    counts = _counted(case)
    for i, role in enumerate(ROLES):
        column = kernel.SRAM_UPDATES if role == "outputs" else kernel.SRAM_READS
        counts[i, column] = rules.sram[role]
    counts[ROLES.index("outputs"), kernel.SRAM_READS] = 0  # sums are never read back
    compute = float(kernel.cycles(case))
    cycles = {"compute": compute}
    lies = _lies(machine, folds, product, fetched, written, 0.0, rules.reports(fetches, writes))
    return _Moved(product.layer, arch, machine, counts, fetched, written).result(cycles, compute, folds, lies, {})


def _counted(case: Ints) -> Ints:
    counts = np.zeros((len(ROLES), kernel.COLUMN_COUNT), np.int64)
    kernel.count(case, counts)
    return counts


def _lies(
    machine: SystolicMachine,
    folds: Folds,
    product: Product,
    fetched: Map[str, int],
    written: int,
    stalls: float,
    reports: Map[str, Map[str, float]] | None = None,
) -> Systolic:
    return Systolic(
        machine.settings.dataflow,
        machine.settings.timing,
        folds.on_rows,
        folds.on_columns,
        folds.steps,
        folds.row_folds,
        folds.column_folds,
        product.repeats,
        folds.efficiency,
        fetched,
        written,
        stalls,
        reports or {},
    )


@dataclass(frozen=True, slots=True)
class _Moved:
    """All the words that move, and what they cost.

    Attributes:
        counts: [role, what] of the kernel.
        fetched, written: words from and to DRAM; the fetched ones by role.
    """

    layer: Layer
    arch: Architecture
    machine: SystolicMachine
    counts: Ints
    fetched: Map[str, int]
    written: int

    def actions(self) -> dict[str, dict[str, Actions]]:
        """By memory and tensor."""
        out: dict[str, dict[str, Actions]] = {m.name: {} for m in self.arch.memories}
        registers = self.machine.registers
        for role, row in zip(ROLES, self.counts, strict=True):
            tensor = next(t.name for t in self.layer.tensors if t.role == role)
            reads, updates, writes, register_reads, _, drains = map(int, row)
            come, sram = self.fetched[role], self.machine.sram(role).name
            gone = self.written if role == "outputs" else 0
            out[self.machine.dram.name][tensor] = Actions(reads=come, updates=gone)
            out[sram][tensor] = Actions(fills=come, reads=reads, updates=updates, drains=gone)
            if registers is None:
                continue
            if role == "outputs":
                out[registers.name][tensor] = Actions(reads=register_reads, updates=writes, drains=drains)
            else:
                out[registers.name][tensor] = Actions(fills=writes, reads=register_reads)
        return out

    def energy(self, actions: dict[str, dict[str, Actions]]) -> dict[str, dict[str, float]]:
        """pJ by component and tensor: accesses, and words that PEs hand to each other."""
        costs, out = node_costs(self.arch), {}
        for memory in self.arch.memories:
            own = actions[memory.name].items()
            out[memory.name] = {
                t: _accesses(a, memory, costs[memory.name], self.layer.tensor(t).bits) for t, a in own
            }
        array = self.machine.array
        out[array.name] = {}
        for role, row in zip(ROLES, self.counts, strict=True):
            tensor = next(t for t in self.layer.tensors if t.role == role)
            word = costs[link_key(array, tensor.name, role)].word_pj(tensor.bits)
            out[array.name][tensor.name] = float(row[kernel.HOPS]) * word
        bits: dict[str, int] = {role: next(t.bits for t in self.layer.tensors if t.role == role) for role in ROLES}
        return out | to_arrays(self.machine, self.arch, self.counts, bits)

    def result(
        self, cycles: dict[str, float], latency: float, folds: Folds, lies: Systolic, largest: Map[str, int]
    ) -> LayerResult:
        """The layer's result."""
        layer, arch, compute = self.layer, self.arch, self.machine.compute
        actions = self.actions()
        moved = self.energy(actions)
        breakdown = {component: sum(tensors.values()) for component, tensors in moved.items()}
        breakdown[compute.name] = (
            layer.macs * self.machine.passes(layer.operand_bits) * node_costs(arch)[compute.name].op.value
        )
        breakdown["static"] = sum(static_pj(arch).values()) * latency
        tiles: dict[str, dict[str, int]] = {}
        for role, words in largest.items():
            name = next(t.name for t in layer.tensors if t.role == role)
            tiles.setdefault(self.machine.sram(role).name, {})[name] = words
        busiest = max(
            (name for name in cycles if name in ("compute", self.machine.dram.name)), key=cycles.__getitem__
        )
        return LayerResult(
            name=layer.name,
            kind=layer.kind,
            macs=layer.macs,
            energy_pj=sum(breakdown.values()),
            latency_cycles=latency,
            latency_s=latency / arch.clock_hz,
            compute_cycles=cycles["compute"],
            utilization=layer.macs * self.machine.step_cycles(layer.operand_bits) / (latency * arch.pes),
            active_pes=folds.used_rows * folds.used_columns,
            energy_breakdown=breakdown,
            energy_by_tensor=moved,
            actions=actions,
            tiles=tiles,
            cycles=cycles,
            bound_by=busiest,
            operations={"done": float(layer.macs), "gated": 0.0, "skipped": 0.0},
            systolic=lies,
        )


def _accesses(a: Actions, memory: Memory, costs: NodeCosts, bits: int) -> float:
    share = bits / memory.width_bits
    return ((a.reads + a.drains) * costs.read.value + (a.fills + a.updates) * costs.write.value) * share
