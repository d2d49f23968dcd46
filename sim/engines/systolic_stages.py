"""Networks on a systolic array whose inputs and outputs stay on the chip: weights come tile by tile from a memory.

A column of folds is done in blocks of as many rows of outputs as half of the memory for sums holds. Each block takes
the weights of all its folds, so they come once for every block, in whole bursts, and are shifted in through all rows.
`sim.kernels.stages` says when. As the memory works ahead over the bounds of layers, layers are timed in a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture, Part
from sim.components.table import node_costs
from sim.engines.systolic_costs import Energies, accesses_pj, lies_of, links_pj, register_actions, result_of
from sim.engines.systolic_folds import Ints, Placed
from sim.engines.vector import evaluate_vector
from sim.errors import RoomError
from sim.kernels import stages
from sim.kernels import systolic as kernel
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
class Staged(Placed):
    """A layer on a machine, in blocks that take the weights of all their folds."""

    @property
    def sums_bits(self) -> int:
        """Width of a sum that is not complete."""
        return self.machine.settings.sums_bits or self.layer.outputs.bits

    @property
    def _sums_of_step(self) -> int:
        """Bits of all sums that a step makes."""
        return self.folds.used_columns * self.folds.at_once * self.sums_bits

    @property
    def blocks(self) -> int:
        """Parts of the steps whose sums fit into half of their memory."""
        return -(-self.folds.steps // int(self.machine.half_bits("outputs") // self._sums_of_step))

    @property
    def fetches(self) -> int:
        """How often all weights come: for every block, unless a single tile is all that a column needs."""
        return 1 if self.folds.row_folds == 1 else self.blocks

    @property
    def tile_bits(self) -> int:
        """Of a tile of weights that fills the arrays."""
        return self.folds.rows * self.folds.columns * self.bits["weights"]

    def faults(self) -> Iterator[str]:
        """What has no room where."""
        layer, home = self.layer, self.arch.home("inputs")
        need = sum(layer.words(t.name) * t.bits for t in layer.tensors if t.role != "weights")
        if need > home.size_bits:
            yield (
                f"{home.name} is too small for its inputs and outputs, {need / 2**23:.4g} MiB; it holds "
                f"{home.size_bits / 2**23:.4g} MiB"
            )
        for role, bits, what in (
            ("outputs", 2 * self._sums_of_step, "the sums of one step, twice"),
            ("weights", self.tile_bits, "the weights of one fold"),
        ):
            memory = self.machine.sram(role)
            if bits > memory.size_bits:
                yield f"{memory.name} is too small for {what}, {bits} bit; it holds {memory.size_bits:g} bit"

    def _tile_bits(self) -> Ints:
        """[row folds, column folds] bits that come for a tile: whole bursts."""
        f, burst = self.folds, self.arch.home("weights").burst_bits
        a_place = f.on_rows // f.places
        rows = np.minimum(f.rows, a_place - np.arange(f.row_folds // f.places) * f.rows)
        words = np.tile(np.outer(rows, self._columns()), (f.places, 1))
        return np.asarray(-(-words * self.bits["weights"] // burst) * burst, np.int64)

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
        words = self._columns()[column] * blocks[block] * f.at_once
        lanes = self.machine.settings.lanes or self.arch.pes
        out[:, stages.CLOSES] = (row == f.row_folds - 1) * np.ceil(words / lanes)
        return np.tile(out, (self.product.repeats, 1))

    def row(self, steps: int) -> list[float]:
        """What the kernel is told of the layer, but for its ends."""
        room = int(self.machine.sram("weights").size_bits // self.tile_bits)
        crossed = min(self.folds.used_columns, self.folds.array_columns)
        return [steps, 0, 0, 0, room, self.folds.array_rows + crossed - 2 + self.machine.compute.depth - 1]

    def fetched(self) -> int:
        """Words of weights that come, those that fill up bursts included."""
        times = self.fetches * self.product.repeats
        return int(self._tile_bits().sum()) * times // self.bits["weights"]

    def counted(self) -> Ints:
        """[role, what] the words that move, as the kernel has them; weights come for every block."""
        counts, uses = super().counted(), self.layer.macs
        weights = counts[ROLES.index("weights")]
        weights[kernel.READS] -= uses
        weights *= self.fetches
        weights[kernel.READS] += uses
        return counts


def in_a_row(network: Network, arch: Architecture, machine: SystolicMachine, part: Part) -> tuple[LayerResult, ...]:
    """What the layers of a network cost, run one after the other, where arrays divide `part`.

    Raises:
        UnsupportedOp: for a layer that is no matrix product.
        RoomError: when a memory is too small; says so of all layers.
    """
    made = {a.name: Staged(a, arch, machine, part) for a in network.mac_layers}
    if faults := [(name, fault) for name, staged in made.items() for fault in staged.faults()]:
        raise RoomError(faults, network.places)
    vectors = {a.name: evaluate_vector(a, _at_home(a, arch)) for a in network if isinstance(a, VectorLayer)}
    ends = ends_of(network)
    causes = iter(_timed(network, arch, made, vectors, ends))
    results = []
    for layer in network:
        if isinstance(layer, Layer):
            results.append(_Priced(made[layer.name], ends[layer.name], next(causes)).result())
        elif layer.fused:
            results.append(vectors[layer.name])
        else:
            results.append(_vector(layer, vectors[layer.name], ends[layer.name], next(causes), arch))
    return tuple(results)


def _timed(
    network: Network,
    arch: Architecture,
    made: Map[str, Staged],
    vectors: Map[str, LayerResult],
    ends: Map[str, Ends],
) -> Floats:
    """[layers that are not fused, CAUSES] what the cycles go into."""
    link, rows, steps = arch.memories[0], list[list[float]](), [np.zeros((0, stages.STEP))]
    speed = min(link.bandwidth, link.read_bandwidth, link.write_bandwidth)
    for layer in network:
        if isinstance(layer, Layer):
            steps.append(made[layer.name].steps())
            row, bits = made[layer.name].row(len(steps[-1])), made[layer.name].bits
            widths = bits["inputs"], bits["outputs"]
        elif layer.fused:  # it works on words that pass by
            continue
        else:
            row, widths = [0, vectors[layer.name].latency_cycles, 0, 0, 1, 0], (layer.bits, layer.bits)
        own = ends[layer.name]
        row[stages.COMES], row[stages.LEAVES] = own.comes * widths[0] / speed, own.leaves * widths[1] / speed
        rows.append(row)
    out = np.zeros((len(rows), stages.CAUSES))
    if rows:
        stages.run(np.vstack(steps), np.array(rows, float), arch.home("weights").latency_cycles, out)
    return out


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
            out[name] = accesses_pj(far, outer, node_costs(arch), widths[name])
    return out


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

    def actions(self, counts: Sequence[Sequence[int]]) -> dict[str, dict[str, Actions]]:
        """By memory and tensor, where counts are [role, what] of the kernel."""
        staged, arch, machine = self.staged, self.staged.arch, self.staged.machine
        inputs, _, outputs = counts
        out: dict[str, dict[str, Actions]] = {m.name: {} for m in arch.memories}
        home, sums = arch.home("inputs").name, machine.sram("outputs").name
        fetched, words = staged.fetched(), staged.layer.words(staged.layer.outputs.name)
        out[home] = {"inputs": Actions(reads=inputs[kernel.SRAM_READS]), "outputs": Actions(updates=words)}
        out[arch.home("weights").name]["weights"] = Actions(reads=fetched)
        out[machine.sram("weights").name]["weights"] = Actions(fills=fetched, reads=fetched)
        added = {"reads": outputs[kernel.SRAM_READS], "updates": outputs[kernel.SRAM_UPDATES]}
        out[sums]["outputs"] = Actions(**added, drains=words)
        if machine.registers is not None:
            own = zip(ROLES, counts, strict=True)
            out[machine.registers.name] = {role: register_actions(role, row) for role, row in own}
        return out

    def energy(self, actions: Map[str, Map[str, Actions]], counts: Ints) -> Energies:
        """pJ by component and tensor."""
        staged, bits = self.staged, self.staged.bits
        costs, inside = node_costs(staged.arch), bits | {"outputs": staged.sums_bits}
        out: Energies = {}
        for memory in staged.arch.memories:
            width = inside if memory in (staged.machine.sram("outputs"), staged.machine.registers) else bits
            own = actions[memory.name].items()
            out[memory.name] = {role: accesses_pj(a, memory, costs, width[role]) for role, a in own}
        return out | links_pj(staged, counts, {role: role for role in ROLES}, inside)

    def result(self) -> LayerResult:
        """The layer's result."""
        staged, layer, arch, machine = self.staged, self.staged.layer, self.staged.arch, self.staged.machine
        counts = staged.counted()
        actions = self.actions(counts.tolist())
        moved = self.energy(actions, counts)
        moved[arch.memories[0].name] |= _passed(self.ends, arch, actions, staged.bits)
        products = layer.macs * machine.passes(layer.operand_bits)
        parts = breakdown_of(self.causes, products * machine.compute.cycles / arch.pes)
        memory, fetched = arch.home("weights"), staged.fetched()
        cycles = {
            "compute": parts.active,
            memory.name: fetched * staged.bits["weights"] / min(memory.bandwidth, memory.read_bandwidth),
            "weight_stall": parts.weight_stall,
            "weight_shift": parts.weight_shift,
            "non_matrix": parts.non_matrix,
        }
        come = {"inputs": self.ends.comes, "weights": fetched, "outputs": 0}
        lies = lies_of(staged, come, self.ends.leaves, parts.weight_stall + parts.weight_shift)
        tiles = {machine.sram("weights").name: {"weights": staged.folds.used_rows * staged.folds.used_columns}}
        latency = float(self.causes.sum())
        return result_of(staged, cycles, latency, actions, moved, tiles, lies, parts)
