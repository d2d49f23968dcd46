"""What a machine of analog arrays does and takes at most, as data sheets and papers put it: every part is busy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.arch.crossbar_machine import CrossbarMachine
from sim.arch.tree import Architecture, Converter, Fanout, Memory, Node
from sim.components.table import NodeCosts, node_costs
from sim.engines.crossbar_layer import peak_macs
from sim.engines.run import area_um2
from sim.mapping.prices import keeps_any, static_pj
from sim.workload.layer import Tensor


@dataclass(frozen=True, slots=True)
class Peak:
    """A machine at its best.

    Attributes:
        ops: operations in a second, two for each multiply-accumulate of whole inputs with whole weights.
        watts: by component.
        mm2: area of all components whose area is known.
    """

    ops: float
    watts: Mapping[str, float]
    mm2: float

    @property
    def ops_per_watt(self) -> float:
        """Operations for a joule; infinite where no energy is known."""
        total = sum(self.watts.values())
        return self.ops / total if total else math.inf

    @property
    def ops_per_mm2(self) -> float:
        """Operations in a second for a square millimetre; infinite where no area is known."""
        return self.ops / self.mm2 if self.mm2 else math.inf


def peak(arch: Architecture) -> Peak:
    """All arrays make step after step, with the stated share of set bits, and memories and links do all they can.

    Memories and links without a limit to their bandwidth are left out, as nothing says what they would take.
    """
    machine = CrossbarMachine.of(arch)
    costs = node_costs(arch)
    pj = {**_arrays(machine, costs), **dict(_above(machine, costs))}  # in a clock cycle
    static = static_pj(arch)
    names = [node.name for node in arch if pj.get(node.name) or static[node.name]]
    watts = {name: (pj.get(name, 0.0) + static[name]) * arch.clock_hz * 1e-12 for name in names}
    return Peak(2 * peak_macs(machine) * arch.clock_hz, watts, sum(area_um2(arch).values()) * 1e-6)


def _arrays(machine: CrossbarMachine, costs: Mapping[str, NodeCosts]) -> dict[str, float]:
    """pJ in a clock cycle of all arrays and their converters."""
    xbar = machine.xbar
    rate = machine.arrays / machine.step_cycles
    out = {}
    for node in machine.periphery:
        row = sum(share * costs[node.name].word_pj(bits) for share, bits in xbar.pulses) / xbar.steps
        rows = xbar.rows_at_once * row * _takes(node, "inputs")
        sums = xbar.reads_per_step * costs[node.name].word_pj(xbar.resolution) * _takes(node, "outputs")
        out[node.name] = rate * (rows + sums)
    cells = xbar.rows_at_once * xbar.outputs * xbar.cells_per_weight
    cell = machine.arch.compute.name
    out[cell] = rate * cells * xbar.drive * xbar.conductance() * costs[cell].op.value
    return out


def _takes(node: Converter, role: str) -> bool:
    return keeps_any(node.tensors, Tensor(role, role, ()))  # type: ignore[arg-type]


def _above(machine: CrossbarMachine, costs: Mapping[str, NodeCosts]) -> Iterator[tuple[str, float]]:
    """pJ in a clock cycle of all copies of memories and networks."""
    for node in machine.outside:
        yield node.name, sum(_finite(_rates(node, machine, costs))) * machine.arch.instances(node.name)


def _rates(node: Node, machine: CrossbarMachine, costs: Mapping[str, NodeCosts]) -> Iterator[float]:
    if isinstance(node, Memory):
        read, write = costs[node.name].read.value / node.width_bits, costs[node.name].write.value / node.width_bits
        if math.isfinite(node.bandwidth):
            yield node.bandwidth * max(read, write)
        else:
            yield node.read_bandwidth * read
            yield node.write_bandwidth * write
    elif isinstance(node, Fanout):
        for link in node.links:
            bits = machine.xbar.input_bits
            yield link.bandwidth * costs[f"{node.name}.{link.tensor}"].word_pj(bits) / bits


def _finite(rates: Iterator[float]) -> Iterator[float]:
    return (rate for rate in rates if math.isfinite(rate))
