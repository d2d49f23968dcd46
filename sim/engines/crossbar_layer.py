"""What one layer costs on analog arrays, once it is known how often it is held."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.arch.crossbar_machine import CrossbarMachine
from sim.components.table import node_costs
from sim.engines.crossbar_place import Cut, Placement
from sim.engines.crossbar_words import Traffic
from sim.layouts import Crossbar
from sim.mapping.prices import keeps_any
from sim.results import LayerResult


@dataclass(frozen=True)
class LayerRun:
    """A layer on its arrays.

    Attributes:
        chips: machines side by side.
    """

    machine: CrossbarMachine
    placement: Placement
    chips: int

    @property
    def cut(self) -> Cut:
        """The layer in arrays."""
        return self.placement.cut

    @property
    def rounds(self) -> int:
        """Times that all arrays are filled anew."""
        return -(-self.placement.arrays // (self.chips * self.machine.arrays))

    @property
    def driven(self) -> int:
        """Rows of arrays that take an input, over all vectors; padding drives none."""
        return self.placement.inputs(1)

    @property
    def conversions(self) -> int:
        """Conversions of all ADCs: every column of an array in use, in every read of it."""
        columns = int(self.cut.widths.sum()) * self.machine.xbar.conversions
        return self.cut.vectors * columns * int(self.cut.packed @ self.cut.phases.sum(axis=1))

    @property
    def cells_read(self) -> int:
        """Cells that a row in use drives, over all vectors and steps, those beside the diagonal too."""
        xbar, (_, n, _) = self.machine.xbar, self.cut.product.sizes
        inputs = int(self.placement.existing.sum()) * int(self.cut.packed @ self.cut.packed)
        return inputs * n * xbar.cells_per_weight * xbar.steps

    @property
    def cells(self) -> int:
        """Cells that hold weights, all copies."""
        _, n, k = self.cut.product.sizes
        return n * k * self.cut.product.repeats * self.machine.xbar.cells_per_weight * self.placement.copies

    @property
    def held(self) -> float:
        """Share of the cells that are driven and written that hold weights; the others are beside the diagonal."""
        return self.cut.product.repeats / int(self.cut.packed @ self.cut.packed)

    def in_arrays(self) -> dict[str, dict[str, float]]:
        """pJ of the arrays and their converters, by component and tensor."""
        costs = node_costs(self.machine.arch)
        tensor = {role: self.cut.product.tensor(role) for role in ("inputs", "weights", "outputs")}
        xbar = self.machine.xbar.with_ones(tensor["inputs"].ones, tensor["weights"].ones)
        density = tensor["inputs"].density
        events = {
            "inputs": [(self.driven * density * share, bits) for share, bits in xbar.pulses],
            "outputs": [(float(self.conversions), xbar.resolution)],
        }
        out: dict[str, dict[str, float]] = {}
        for node in self.machine.periphery:
            out[node.name] = {
                tensor[role].name: sum(number * costs[node.name].word_pj(bits) for number, bits in happening)
                for role, happening in events.items()
                if keeps_any(node.tensors, tensor[role])
            }
        cell = costs[self.machine.arch.compute.name]
        shares = density * xbar.drive * xbar.conductance(tensor["weights"].density, self.held)
        out[self.machine.arch.compute.name] = {tensor["outputs"].name: self.cells_read * shares * cell.op.value}
        if xbar.reload:
            out[self.machine.arch.compute.name][tensor["weights"].name] = self.cells / self.held * cell.write.value
        return out

    def cycles(self, traffic: Traffic) -> tuple[dict[str, float], float]:
        """Clock cycles by what takes them: side by side, and for writing weights before that."""
        xbar = self.machine.xbar
        compute = self.rounds * int(self.placement.vectors.max()) * self.cut.reads * self.machine.step_cycles
        if not xbar.reload:
            return {"compute": compute} | traffic.cycles(("inputs", "outputs")), 0.0
        height = int(self.cut.heights.max()) * int(self.cut.packed.max())
        rows = self.rounds * height * xbar.write_s * self.machine.arch.clock_hz
        writing = max(rows, *traffic.cycles(("weights",)).values())
        return {"compute": compute} | traffic.cycles(("inputs", "outputs")), writing

    def layout(self, latency: float) -> Crossbar:
        """How the layer lies on the arrays."""
        xbar, (_, n, k) = self.machine.xbar, self.cut.product.sizes
        busy = self.conversions * xbar.conversion_share * self.machine.step_cycles
        return Crossbar(
            rows=k,
            columns=n,
            row_blocks=self.cut.row_blocks,
            column_blocks=self.cut.column_blocks,
            groups=self.cut.product.repeats,
            copies=self.placement.copies,
            arrays=self.placement.arrays,
            rounds=self.rounds,
            vectors=int(self.placement.vectors.max()),
            steps=self.cut.reads,
            interval_cycles=self.cut.reads * self.machine.step_cycles,
            conversions=self.conversions,
            cell_share=self.cells / (self.placement.arrays * xbar.rows * xbar.columns),
            adc_share=busy * self.rounds / (self.placement.arrays * latency),
            array_share=min(1.0, self.placement.arrays / (self.chips * self.machine.arrays)),
            chips=self.chips,
        )

    def result(self) -> LayerResult:
        """The layer's result, without what the machine takes whether it is busy or not."""
        arch, layer = self.machine.arch, self.cut.product.layer
        traffic = Traffic(self.machine, self.placement, self.chips)
        moved = {**traffic.accesses(), **traffic.energy, **self.in_arrays()}
        steady, weights = self.cycles(traffic)
        depth = (arch.compute.depth - 1) * self.machine.step_cycles
        latency = max(steady.values()) + weights + depth
        breakdown = {component: sum(tensors.values()) for component, tensors in moved.items()}
        return LayerResult(
            name=layer.name,
            kind=layer.kind,
            macs=layer.macs,
            energy_pj=sum(breakdown.values()),
            latency_cycles=latency,
            latency_s=latency / arch.clock_hz,
            compute_cycles=steady["compute"],
            utilization=layer.macs / latency / (self.chips * peak_macs(self.machine)),
            active_pes=min(self.cells, self.chips * arch.pes),
            energy_breakdown=breakdown,
            energy_by_tensor=moved,
            actions=dict(traffic.actions),
            cycles=steady | {"weights": weights, "depth": depth},
            bound_by=max(steady, key=steady.__getitem__),
            operations={"done": float(layer.macs), "gated": 0.0, "skipped": 0.0},
            crossbar=self.layout(latency),
        )


def peak_macs(machine: CrossbarMachine) -> float:
    """Multiply-accumulates in a clock cycle when every cell of every array is in use."""
    xbar = machine.xbar
    reads = xbar.steps * math.ceil(xbar.rows / xbar.rows_at_once)
    return machine.arrays * xbar.rows * xbar.outputs / (reads * machine.step_cycles)
