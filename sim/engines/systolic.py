"""The engine for machines of class ``systolic``: a systolic array with a memory for each tensor, and DRAM.

How a layer folds onto the array and the words that this moves are in closed form (`sim.kernels.systolic`). What comes
from DRAM is found tile by tile (`sim.engines.systolic_tiles`), and when it comes by simulation of events
(`sim.kernels.tiles`); by timing ``scalesim`` as SCALE-Sim does it (`sim.engines.scalesim`), where nothing ever waits.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture, Part
from sim.components.table import node_costs
from sim.engines.options import Options
from sim.engines.scalesim import ScaleSim
from sim.engines.systolic_costs import Energies, accesses_pj, lies_of, links_pj, register_actions, result_of
from sim.engines.systolic_folds import Ints, Placed, parts_of
from sim.engines.systolic_stages import in_a_row
from sim.engines.systolic_tiles import Planner
from sim.engines.vector import evaluate_vector
from sim.errors import MappingError, RoomError
from sim.kernels import systolic as kernel
from sim.kernels import tiles as tile_kernel
from sim.mapping.counts import Actions
from sim.mapping.nest import Mapping
from sim.results import LayerResult
from sim.workload.layer import ROLES, Layer, VectorLayer
from sim.workload.network import Network

_T = TypeVar("_T")


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
    results = _wherever(lambda part: _evaluate(Planner(layer, arch, machine, part)), machine)
    return min(results, key=lambda result: (result.latency_cycles, result.energy_pj))


def _wherever(run: Callable[[Part], _T], machine: SystolicMachine) -> list[_T]:
    """Run for everything that the arrays may divide, and for which there is room."""
    out, lacking = [], []
    for part in parts_of(machine):
        try:
            out.append(run(part))
        except RoomError as error:
            lacking.append(error)
    if not out:
        raise lacking[0]
    return out


def no_mapping(arch: Architecture) -> MappingError:
    """The error for a mapping."""
    return MappingError(f"{arch.name} takes no mapping: the dataflow of a systolic array leaves nothing to choose")


def run_in_a_row(network: Network, arch: Architecture) -> tuple[LayerResult, ...]:
    """What the layers of a network cost on a machine where inputs and outputs stay on the chip; see `evaluate`."""
    machine = SystolicMachine.of(arch)
    results = _wherever(lambda part: in_a_row(network, arch, machine, part), machine)
    return min(results, key=lambda layers: sum(layer.latency_cycles for layer in layers))


def _evaluate(layer: Planner) -> LayerResult:
    layer.check()
    return _by_scalesim(layer) if layer.machine.settings.timing == "scalesim" else _by_tiles(layer)


def _by_tiles(placed: Planner) -> LayerResult:
    plan, dram, out = placed.plan(), placed.machine.dram, np.zeros(tile_kernel.OUTCOMES)
    bandwidth = min(dram.bandwidth, dram.read_bandwidth, dram.write_bandwidth)
    settings = np.array([bandwidth, dram.burst_bits, dram.latency_cycles, 0.0])
    tile_kernel.run(plan.cycles, plan.tile, plan.bits, plan.room, settings, out)
    end, busy, first, stalls, last = out.tolist()
    cycles = {"compute": float(plan.cycles.sum()), dram.name: busy, "first": first, "stalls": stalls, "last": last}
    moved = _Moved(placed, placed.counted(), plan.fetched, plan.written)
    tiles: dict[str, dict[str, int]] = {}
    for role, words in plan.largest.items():
        tiles.setdefault(placed.machine.sram(role).name, {})[placed.names[role]] = words
    lies = lies_of(placed, plan.fetched, plan.written, stalls)
    actions = moved.actions()
    return result_of(placed, cycles, end, actions, moved.energy(actions), tiles, lies)


def _by_scalesim(placed: Placed) -> LayerResult:
    rules = ScaleSim(placed.product, placed.machine, placed.folds)
    fetches, writes = {role: rules.fetches(role) for role in ("inputs", "weights")}, rules.writes()
    fetched = {role: f.words * placed.product.repeats for role, f in fetches.items()} | {"outputs": 0}
    written = writes.words * placed.product.repeats
    counts = placed.counted()
    for i, role in enumerate(ROLES):
        column = kernel.SRAM_UPDATES if role == "outputs" else kernel.SRAM_READS
        counts[i, column] = rules.sram[role]
    counts[ROLES.index("outputs"), kernel.SRAM_READS] = 0  # sums are never read back
    compute = float(kernel.cycles(placed.case))
    moved = _Moved(placed, counts, fetched, written)
    lies = lies_of(placed, fetched, written, reports=rules.reports(fetches, writes))
    actions = moved.actions()
    return result_of(placed, {"compute": compute}, compute, actions, moved.energy(actions), {}, lies)


@dataclass(frozen=True, slots=True)
class _Moved:
    """All the words that move, and what they cost.

    Attributes:
        counts: [role, what] of the kernel.
        fetched, written: words from and to DRAM; the fetched ones by role.
    """

    placed: Placed
    counts: Ints
    fetched: Map[str, int]
    written: int

    def actions(self) -> dict[str, dict[str, Actions]]:
        """By memory and tensor."""
        machine, registers = self.placed.machine, self.placed.machine.registers
        out: dict[str, dict[str, Actions]] = {m.name: {} for m in self.placed.arch.memories}
        for role, row in zip(ROLES, self.counts.tolist(), strict=True):
            tensor = self.placed.names[role]
            come, gone = self.fetched[role], self.written if role == "outputs" else 0
            reads, updates = row[kernel.SRAM_READS], row[kernel.SRAM_UPDATES]
            out[machine.dram.name][tensor] = Actions(reads=come, updates=gone)
            out[machine.sram(role).name][tensor] = Actions(fills=come, reads=reads, updates=updates, drains=gone)
            if registers is not None:
                out[registers.name][tensor] = register_actions(role, row)
        return out

    def energy(self, actions: Map[str, Map[str, Actions]]) -> Energies:
        """pJ by component and tensor: accesses, and words that PEs hand to each other."""
        placed = self.placed
        costs, layer = node_costs(placed.arch), placed.layer
        accesses = {
            memory.name: {
                tensor: accesses_pj(a, memory, costs, layer.tensor(tensor).bits)
                for tensor, a in actions[memory.name].items()
            }
            for memory in placed.arch.memories
        }
        return accesses | links_pj(placed, self.counts, placed.names, placed.bits)
