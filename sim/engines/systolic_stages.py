"""Networks on a systolic array whose inputs and outputs stay on the chip: weights come tile by tile from a memory.

A column of folds is done in blocks of as many rows of outputs as half of the memory for sums holds. Each block takes
the weights of all its folds, so they come once for every block, in whole bursts, and are shifted in through all rows.
`sim.kernels.stages` says when. As the memory works ahead over the bounds of layers, layers are timed in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture, Memory
from sim.components.table import NodeCosts, link_key, node_costs
from sim.engines.systolic_tiles import Folds, Ints, RoomError, to_arrays
from sim.engines.vector import evaluate_vector
from sim.kernels import stages
from sim.kernels import systolic as kernel
from sim.layouts import Systolic
from sim.mapping.counts import Actions
from sim.mapping.prices import static_pj
from sim.results import Breakdown, LayerResult
from sim.workload.layer import ROLES, Layer, VectorLayer
from sim.workload.network import Network
from sim.workload.product import Product

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ends:
    """Words of a layer that come from outside the chip, and that go there."""

    comes: int = 0
    leaves: int = 0


def ends_of(network: Network) -> dict[str, Ends]:
    """By layer. What is fused into a layer works on what that layer sends."""
    made = {(flow.target, flow.tensor) for flow in network.flows}
    taken = {flow.source for flow in network.flows} - set(network.outputs)
    fused = {layer.name: layer.fused for layer in network if isinstance(layer, VectorLayer)}
    hosts = {layer.name: _host(layer.name, fused) for layer in network}
    leaving = {hosts[layer.name] for layer in network if layer.name not in taken}
    out = {}
    for layer in network:
        if isinstance(layer, VectorLayer):
            words = [n for name, n in layer.inputs if (layer.name, name) not in made]
            sent = layer.output_words
        else:
            words = [layer.words(t.name) for t in layer.tensors if t.role == "inputs"]
            words = [] if (layer.name, Product.of(layer).tensor("inputs").name) in made else words
            sent = layer.words(layer.outputs.name)
        out[layer.name] = Ends(sum(words), sent if layer.name in leaving else 0)
    return out


def _host(name: str, fused: Map[str, str | None]) -> str:
    """The layer into which one is fused, else itself."""
    into = fused.get(name)
    return name if into is None else _host(into, fused)


@dataclass(frozen=True)
class Staged:
    """A layer that multiplies, on the array.

    Attributes:
        case: see `sim.kernels.systolic`.
    """

    layer: Layer
    machine: SystolicMachine
    arch: Architecture
    case: Ints
    folds: Folds

    @cached_property
    def product(self) -> Product:
        """The product that the layer is."""
        return Product.of(self.layer)

    @property
    def sums_bits(self) -> int:
        """Width of a sum that is not complete."""
        return self.machine.settings.sums_bits or self.layer.outputs.bits

    @property
    def blocks(self) -> int:
        """Parts of the steps whose sums fit into half of their memory."""
        rows = int(self.machine.half_bits("outputs") // self.sums_bits) // self.folds.used_columns
        return -(-self.folds.steps // rows)

    @property
    def fetches(self) -> int:
        """How often all weights come: for every block, unless a single tile is all that a column needs."""
        return 1 if self.folds.row_folds == 1 else self.blocks

    @property
    def tile_bits(self) -> int:
        """Of a tile of weights that fills the array."""
        return self.folds.rows * self.folds.columns * self.product.tensor("weights").bits

    def check(self) -> None:
        """Pass silently if there is room.

        Raises:
            RoomError: says where there is not.
        """
        layer, home = self.layer, self.arch.home("inputs")
        need = sum(layer.words(t.name) * t.bits for t in layer.tensors if t.role != "weights")
        if need > home.size_bits:
            raise RoomError(
                f"layer {layer.name}: {home.name} is too small for its inputs and outputs, {need / 2**23:.1f} MiB; "
                f"it holds {home.size_bits / 2**23:g} MiB"
            )
        for role, bits, what in (
            ("outputs", 2 * self.folds.used_columns * self.sums_bits, "the sums of one step, twice"),
            ("weights", self.tile_bits, "the weights of one fold"),
        ):
            memory = self.machine.sram(role)
            if bits > memory.size_bits:
                raise RoomError(f"layer {layer.name}: {memory.name} is too small for {what}: {bits} bit")

    def _tile_bits(self) -> Ints:
        """[row folds, column folds] bits that come for a tile: whole bursts."""
        f, burst = self.folds, self.arch.home("weights").burst_bits
        a_place = f.on_rows // f.places
        rows = np.minimum(f.rows, a_place - np.arange(f.row_folds // f.places) * f.rows)
        words = np.tile(np.outer(rows, self._columns()), (f.places, 1))
        return np.asarray(-(-words * self.product.tensor("weights").bits // burst) * burst, np.int64)

    def _columns(self) -> Ints:
        """[column folds] columns in use."""
        f = self.folds
        return np.minimum(f.columns, f.on_columns - np.arange(f.column_folds) * f.columns)

    def steps(self) -> Floats:
        """[steps, STEP] for the kernel."""
        f, memory = self.folds, self.arch.home("weights")
        blocks = np.full(self.blocks, f.steps // self.blocks)
        blocks[: f.steps % self.blocks] += 1
        column, block, row = np.indices((f.column_folds, self.blocks, f.row_folds)).reshape(3, -1)
        out = np.zeros((len(row), stages.STEP))
        out[:, stages.CYCLES] = blocks[block] * self.machine.step_cycles(self.layer.operand_bits)
        new = (row > 0) | (block == 0) | (f.row_folds > 1)
        sent = self._tile_bits()[row, column] / min(memory.bandwidth, memory.read_bandwidth)
        out[:, stages.FETCH], out[:, stages.SHIFT] = new * sent, new * f.rows
        out[:, stages.OPENS] = row == 0
        words = self._columns()[column] * blocks[block]
        lanes = self.machine.settings.lanes or self.arch.pes
        out[:, stages.CLOSES] = (row == f.row_folds - 1) * np.ceil(words / lanes)
        return np.tile(out, (self.product.repeats, 1))

    def row(self, steps: int) -> list[float]:
        """What the kernel is told of the layer, but for its ends."""
        room = int(self.machine.sram("weights").size_bits // self.tile_bits)
        depth = (
            self.folds.rows + int(self.folds.crossed(self.folds.used_columns)) - 2 + self.machine.compute.depth - 1
        )
        return [steps, 0, 0, 0, room, depth]

    def fetched(self) -> int:
        """Words of weights that come, those that fill up bursts included."""
        return (
            int(self._tile_bits().sum()) * self.fetches * self.product.repeats // self.product.tensor("weights").bits
        )

    def counted(self) -> Ints:
        """The words that move, as `sim.kernels.systolic` counts them; weights come for every block."""
        counts = np.zeros((len(ROLES), kernel.COLUMN_COUNT), np.int64)
        kernel.count(self.case, counts)
        uses = self.layer.macs
        weights = counts[ROLES.index("weights")]
        weights[kernel.READS] -= uses
        weights *= self.fetches
        weights[kernel.READS] += uses
        return counts


def in_a_row(
    network: Network,
    arch: Architecture,
    case_of: Callable[[Product, SystolicMachine], Ints],
    folds_of: Callable[[Ints], Folds],
) -> tuple[LayerResult, ...]:
    """What the layers of a network cost, run one after the other.

    Raises:
        UnsupportedOp: for a layer that is no matrix product.
        RoomError: when a memory is too small.
    """
    machine, made, rows, vectors = SystolicMachine.of(arch), dict[str, Staged](), [], dict[str, LayerResult]()
    ends, link = ends_of(network), arch.memories[0]
    speed = min(link.bandwidth, link.read_bandwidth, link.write_bandwidth)
    tables: list[Floats] = [np.zeros((0, stages.STEP))]
    for layer in network:
        own = ends[layer.name]
        if isinstance(layer, Layer):
            case = case_of(Product.of(layer), machine)
            made[layer.name] = staged = Staged(layer, machine, arch, case, folds_of(case))
            staged.check()
            tables.append(staged.steps())
            row, widths = staged.row(len(tables[-1])), (staged.product.tensor("inputs").bits, layer.outputs.bits)
        else:
            vectors[layer.name] = evaluate_vector(layer, _at_home(layer, arch))
            if layer.fused:  # it works on words that pass by
                continue
            row, widths = [0, vectors[layer.name].latency_cycles, 0, 0, 1, 0], (layer.bits, layer.bits)
        row[stages.COMES], row[stages.LEAVES] = own.comes * widths[0] / speed, own.leaves * widths[1] / speed
        rows.append(row)
    out = np.zeros((len(rows), stages.CAUSES))
    if rows:
        stages.run(np.vstack(tables), np.array(rows, float), arch.home("weights").latency_cycles, out)
    results, causes = [], iter(out)
    for layer in network:
        if isinstance(layer, Layer):
            results.append(_Priced(made[layer.name], ends[layer.name], next(causes)).result())
        elif layer.fused:
            results.append(vectors[layer.name])
        else:
            results.append(_vector(layer, vectors[layer.name], ends[layer.name], next(causes), arch))
    return tuple(results)


def _at_home(layer: VectorLayer, arch: Architecture) -> Architecture:
    """The same machine, for a layer whose inputs have names of their own."""
    home = arch.home("inputs").name
    return replace(arch, homes=(*arch.homes, *((name, home) for name, _ in layer.inputs if name != "inputs")))


def _passed(
    ends: Ends, arch: Architecture, actions: dict[str, dict[str, Actions]], widths: Map[str, int]
) -> dict[str, float]:
    """Add to `actions` the words that pass between the outside and the home of inputs and outputs; pJ by tensor."""
    outer, home = arch.memories[0], arch.home("inputs")
    out = {}
    for name, words in (("inputs", ends.comes), ("outputs", ends.leaves)):
        if words:
            far = Actions(reads=words) if name == "inputs" else Actions(updates=words)
            near = Actions(fills=words) if name == "inputs" else Actions(drains=words)
            for memory, more in ((outer, far), (home, near)):
                own = actions.setdefault(memory.name, {})
                own[name] = own.get(name, Actions()) + more
            out[name] = _accesses(far, outer, node_costs(arch), widths[name])
    return out


def _accesses(a: Actions, memory: Memory, costs: Map[str, NodeCosts], bits: int) -> float:
    cost = costs[memory.name]
    return (
        ((a.reads + a.drains) * cost.read.value + (a.fills + a.updates) * cost.write.value) * bits / memory.width_bits
    )


def breakdown_of(causes: Floats, useful: float) -> Breakdown:
    """What the kernel says of a layer, with the cycles that its multiplications would take all PEs."""
    active, weights, shifting, outside, other = causes.tolist()
    return Breakdown(active, useful, active - useful, weights, shifting, outside + other, outside)


def _vector(layer: VectorLayer, alone: LayerResult, ends: Ends, causes: Floats, arch: Architecture) -> LayerResult:
    """A vector layer in its place among the others."""
    parts, latency = breakdown_of(causes, 0.0), float(causes.sum())
    actions = {memory: dict(tensors) for memory, tensors in alone.actions.items()}
    outer = arch.memories[0].name
    moved = {k: dict(v) for k, v in alone.energy_by_tensor.items()}
    moved[outer] = _passed(ends, arch, actions, {"inputs": layer.bits, "outputs": layer.bits})
    energy = dict(alone.energy_breakdown) | {outer: sum(moved[outer].values())}
    energy["static"] = sum(static_pj(arch).values()) * latency
    return replace(
        alone,
        actions=actions,
        energy_by_tensor=moved,
        energy_breakdown=energy,
        energy_pj=sum(energy.values()),
        latency_cycles=latency,
        latency_s=latency / arch.clock_hz,
        breakdown=parts,
    )


@dataclass(frozen=True, slots=True)
class _Priced:
    """A layer in its place among the others: what moves, and what that costs."""

    staged: Staged
    ends: Ends
    causes: Floats

    def actions(self) -> dict[str, dict[str, Actions]]:
        """By memory and tensor."""
        staged, arch = self.staged, self.staged.arch
        counts = dict(zip(ROLES, staged.counted().tolist(), strict=True))
        out: dict[str, dict[str, Actions]] = {m.name: {} for m in arch.memories}
        home, sums = arch.home("inputs").name, staged.machine.sram("outputs").name
        fetched, words = staged.fetched(), staged.layer.words(staged.layer.outputs.name)
        out[home] = {"inputs": Actions(reads=counts["inputs"][kernel.SRAM_READS]), "outputs": Actions(updates=words)}
        out[arch.home("weights").name]["weights"] = Actions(reads=fetched)
        out[staged.machine.sram("weights").name]["weights"] = Actions(fills=fetched, reads=fetched)
        own = counts["outputs"]
        out[sums]["outputs"] = Actions(reads=own[kernel.SRAM_READS], updates=own[kernel.SRAM_UPDATES], drains=words)
        if (registers := staged.machine.registers) is not None:
            for role in ("inputs", "weights"):
                row = counts[role]
                out[registers.name][role] = Actions(fills=row[kernel.WRITES], reads=row[kernel.READS])
            out[registers.name]["outputs"] = Actions(
                reads=own[kernel.READS], updates=own[kernel.WRITES], drains=own[kernel.DRAINS]
            )
        return out

    def energy(self, actions: Map[str, Map[str, Actions]]) -> dict[str, dict[str, float]]:
        """pJ by component and tensor."""
        staged, arch = self.staged, self.staged.arch
        costs, out = node_costs(arch), dict[str, dict[str, float]]()
        width: dict[str, int] = {role: staged.product.tensor(role).bits for role in ROLES}
        for memory in arch.memories:
            inside = memory in (staged.machine.sram("outputs"), staged.machine.registers)
            out[memory.name] = {
                role: _accesses(a, memory, costs, staged.sums_bits if inside and role == "outputs" else width[role])
                for role, a in actions[memory.name].items()
            }
        array = staged.machine.array
        hops = zip(ROLES, staged.counted()[:, kernel.HOPS].tolist(), strict=True)
        width["outputs"] = staged.sums_bits
        out[array.name] = {r: n * costs[link_key(array, r, r)].word_pj(width[r]) for r, n in hops}
        return out | to_arrays(staged.machine, arch, staged.counted(), width)

    def result(self) -> LayerResult:
        """The layer's result."""
        staged, layer, arch, machine = self.staged, self.staged.layer, self.staged.arch, self.staged.machine
        width: dict[str, int] = {role: staged.product.tensor(role).bits for role in ROLES}
        actions = self.actions()
        moved = self.energy(actions)
        moved[arch.memories[0].name] |= _passed(self.ends, arch, actions, width)
        operations = layer.macs * machine.passes(layer.operand_bits)
        energy = {component: sum(tensors.values()) for component, tensors in moved.items()}
        energy[machine.compute.name] = operations * node_costs(arch)[machine.compute.name].op.value
        latency = float(self.causes.sum())
        energy["static"] = sum(static_pj(arch).values()) * latency
        parts = breakdown_of(self.causes, operations * machine.compute.cycles / arch.pes)
        memory, sent = arch.home("weights"), staged.fetched() * width["weights"]
        cycles = {
            "compute": parts.active,
            memory.name: sent / min(memory.bandwidth, memory.read_bandwidth),
            "weight_stall": parts.weight_stall,
            "weight_shift": parts.weight_shift,
            "non_matrix": parts.non_matrix,
        }
        folds = staged.folds
        lies = Systolic(
            machine.settings.dataflow,
            machine.settings.timing,
            folds.on_rows,
            folds.on_columns,
            folds.steps,
            folds.row_folds,
            folds.column_folds,
            staged.product.repeats,
            folds.efficiency,
            {"inputs": self.ends.comes, "weights": staged.fetched(), "outputs": 0},
            self.ends.leaves,
            parts.weight_stall + parts.weight_shift,
        )
        return LayerResult(
            name=layer.name,
            kind=layer.kind,
            macs=layer.macs,
            energy_pj=sum(energy.values()),
            latency_cycles=latency,
            latency_s=latency / arch.clock_hz,
            compute_cycles=parts.active,
            utilization=parts.useful / latency,
            active_pes=folds.used_rows * folds.used_columns,
            energy_breakdown=energy,
            energy_by_tensor=moved,
            actions=actions,
            tiles={machine.sram("weights").name: {"weights": folds.used_rows * folds.used_columns}},
            cycles=cycles,
            bound_by=max(("compute", memory.name), key=cycles.__getitem__),
            operations={"done": float(layer.macs), "gated": 0.0, "skipped": 0.0},
            systolic=lies,
            breakdown=parts,
        )
