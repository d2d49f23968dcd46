"""Cycle-approximate latency, in the open: the readable twin of `sim.kernels.cost.latency`.

The array steps, the port of every memory and every network take their time. What streams or is double-buffered
overlaps, so the longest of these decides. Three things come on top:

- *waits*: a single-buffered memory does not fill while its tile is in use. Words take their ways side by side, but
  take turns at the port of the memory that they leave; that time does not count for the port a second time. Whenever
  a tile changes, whatever streams past begins anew, and its first tile has to come as well.
- *start*: the first operands have to come in and the last results have to go out; of a level that streams only
  what the next one needs first, of a double-buffered one a whole tile (what a single-buffered one is filled with is
  in the waits). First tiles take their ways side by side, but take turns at the port of the memory that they leave.
- the stages of the arithmetic's pipeline.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field

from sim.arch.tree import Architecture, Fanout, Memory
from sim.mapping import zeros
from sim.mapping.counts import Counts
from sim.mapping.nest import Parallel
from sim.mapping.prices import feeding
from sim.workload.layer import Tensor


@dataclass(frozen=True, slots=True)
class Latency:
    """Cycles, by what takes them. Names of `steady`: ``compute``, memories, and ``fanout.tensor`` for networks."""

    steady: dict[str, float]
    waits: float
    start: float
    depth: float

    @property
    def bound_by(self) -> str:
        """What decides the steady state."""
        return max(self.steady, key=self.steady.__getitem__)

    @property
    def cycles(self) -> float:
        """All of it."""
        return max(self.steady.values()) + self.waits + self.start + self.depth

    def parts(self) -> dict[str, float]:
        """For display and JSON."""
        return {**self.steady, "waits": self.waits, "start": self.start, "depth": self.depth}


@dataclass(slots=True)
class _Timer:
    counts: Counts
    index: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.index = {n.name: i for i, n in enumerate(self.counts.arch.nodes)}

    @property
    def arch(self) -> Architecture:
        return self.counts.arch

    def used(self, node: int) -> float:
        """Copies of a node that have work: those of the arithmetic, over those inside each of the node's."""
        inside = 1
        for item in self.counts.mapping:
            if isinstance(item, Parallel) and self.index[item.fanout] >= node:
                inside *= item.bound
        return max(1.0, self.counts.used / inside)

    def busy(self, node: int) -> float:
        """Copies of a node among which its work is divided: fewer, if some have less work than the busiest."""
        even = self.counts.layer.macs / (self.counts.steps * self.counts.used)
        return max(1.0, self.used(node) * even)

    def port_bits(self, memory: Memory, tensor: Tensor) -> tuple[float, float]:
        """Bits that a tensor's reads and writes move through the ports of all copies of a memory."""
        a = self.counts.actions(memory.name, tensor.name)
        left = zeros.access(memory, tensor, self.counts.layer)
        read = (a.reads * left.takes_time + a.drains) * left.bits
        write = (a.fills + a.updates * left.takes_time) * left.bits
        if tensor.role == "outputs":  # what comes back or is read again was written unfinished: not compressed
            read += (a.reads + a.fills) * (tensor.bits - left.bits)
            write += (a.reads + a.fills) * (tensor.bits - left.bits)
        return read, write

    def port(self, memory: Memory) -> float:
        """Cycles that the ports of the busiest copy of a memory are busy."""
        moved = [self.port_bits(memory, t) for t in self.counts.layer.tensors]
        reads, writes = sum(r for r, _ in moved), sum(w for _, w in moved)
        times = (reads / memory.read_bandwidth, writes / memory.write_bandwidth, (reads + writes) / memory.bandwidth)
        return max(times) / self.busy(self.index[memory.name])

    def wire(self, fanout: Fanout, tensor: Tensor) -> float:
        """Cycles that the network of a tensor is busy, in the busier direction."""
        above = self.index[fanout.name] - 1
        words = max(self.counts.down(tensor.name, above), self.counts.up(tensor.name, above))
        bandwidth = fanout.link(tensor.name, tensor.role).bandwidth
        return words * tensor.bits / bandwidth / self.busy(above + 1)

    def at_port(self, tensor: Tensor, memory: Memory, up: bool = False, again: bool = False) -> float:
        """Cycles that a copy of a memory is busy with a word that it sends down, or that comes up to it.

        A partial sum that will be read `again` is not finished, and so not compressed.
        """
        left = zeros.access(memory, tensor, self.counts.layer)
        bits = left.bits * left.takes_time + (tensor.bits - left.bits if again else 0)
        return bits / min(memory.write_bandwidth if up else memory.read_bandwidth, memory.bandwidth)

    def way(self, tensor: Tensor, parent: Memory, child: Memory, up: bool = False, again: bool = False) -> float:
        """Cycles per word between a memory and all copies of one below it."""
        cycles = max(0.0, self.at_port(tensor, parent, up, again))
        for node in self.arch.nodes[self.index[parent.name] : self.index[child.name]]:
            if isinstance(node, Fanout):
                cycles = max(cycles, tensor.bits / node.link(tensor.name, tensor.role).bandwidth)
        return cycles / self.used(self.index[parent.name])

    def first_tile(self, tensor: Tensor, parent: Memory, child: Memory) -> float:
        """Words that leave a memory for one tile in every copy of one below it."""
        crossing = self.counts.up if tensor.role == "outputs" else self.counts.down
        taken = crossing(tensor.name, self.index[child.name] - 1)
        if not taken:
            return 0.0
        shared = crossing(tensor.name, self.index[parent.name]) / taken
        tile = self.counts.tile(child.name, tensor.name)
        return tile * self.used(self.index[child.name]) * shared

    def edges(self, tensor: Tensor) -> list[tuple[Memory, Memory]]:
        """The memories that keep a tensor, each with the next one inward."""
        kept = [m for m in self.arch.memories if m.name in self.counts.kept(tensor.name)]
        return list(itertools.pairwise(kept))

    def stage(self, memory: Memory) -> int:
        """Fanouts above a memory."""
        return sum(isinstance(n, Fanout) for n in self.arch.nodes[: self.index[memory.name]])

    def changes(self, stage: int) -> float:
        """How often the tiles of the single-buffered memories below so many fanouts change."""
        single = [
            (child, tensor, self.counts.actions(child.name, tensor.name))
            for tensor in self.counts.layer.tensors
            for _, child in self.edges(tensor)
            if self.stage(child) == stage and child.buffering == "single"
        ]
        return max(
            (
                (a.fills + a.drains) / (self.counts.tile(m.name, t.name) * self.used(self.index[m.name]))
                for m, t, a in single
            ),
            default=0.0,
        )

    def waits(self, stage: int, waited: dict[str, float]) -> float:
        """Cycles in which the array waits for the single-buffered memories below so many fanouts.

        How long it waits for the port of each memory is added to `waited`.
        """
        changes = self.changes(stage)
        busy: dict[str, float] = defaultdict(float)
        wait = 0.0
        for tensor in self.counts.layer.tensors if changes else ():
            for parent, child in self.edges(tensor):
                if self.stage(child) != stage:
                    continue
                copies, ways = self.used(self.index[parent.name]), 0.0
                for words, up, again in self.waited_words(tensor, parent, child, changes):
                    ways += words * self.way(tensor, parent, child, up, again)
                    busy[parent.name] += words * self.at_port(tensor, parent, up, again) / copies
                wait = max(wait, ways)
        for name, cycles in busy.items():
            waited[name] += cycles
        return max(wait, *busy.values(), 0.0)

    def waited_words(
        self, tensor: Tensor, parent: Memory, child: Memory, changes: float
    ) -> list[tuple[float, bool, bool]]:
        """Words between two memories that the array waits for; whether they go up, and whether they will again."""
        down = float(self.counts.down(tensor.name, self.index[parent.name]))
        up = self.counts.up(tensor.name, self.index[parent.name])
        if tensor.role != "outputs":
            if child.buffering != "single":  # a first tile for every change but the first, which is the start
                first = self.first_tile(tensor, parent, child)
                down = max(0.0, min(down, changes * first) - first)
            return [(down, False, False)]
        if child.buffering == "single":  # what comes down goes up again
            return [(down, False, True), (down, True, True), (up - down, True, False)]
        return []

    def awaited(self, tensor: Tensor) -> list[tuple[Memory, Memory]]:
        """The edges where use begins or ends with a tile: not if it streams on, nor if it waits anyway."""
        edges = self.edges(tensor)
        return [e for e in edges if e[1].buffering == "double" or (e is edges[-1] and e[1].buffering == "buffet")]

    def start(self) -> float:
        """Cycles until the first operands have come in, and until the last results have gone out."""
        busy: dict[str, float] = defaultdict(float)
        first, final = 0.0, 0.0
        for tensor in self.counts.layer.tensors:
            cycles = 0.0
            up = tensor.role == "outputs"
            for parent, child in self.awaited(tensor):
                words = self.first_tile(tensor, parent, child)
                cycles += words * self.way(tensor, parent, child, up)
                if not up:
                    busy[parent.name] += words * self.at_port(tensor, parent) / self.used(self.index[parent.name])
            if up:
                final = cycles
            else:
                first = max(first, cycles)
        return max(first, *busy.values(), 0.0) + final


def latency(counts: Counts) -> Latency:
    """The latency of a counted mapping."""
    timer, arch, layer = _Timer(counts), counts.arch, counts.layer
    fed = feeding(layer, arch, counts.keeps)
    skipped = zeros.operations(arch.compute, fed, layer).skipped
    waited: dict[str, float] = defaultdict(float)
    waits = sum(timer.waits(stage, waited) for stage in range(len(arch.fanouts) + 1))
    steady = {"compute": counts.steps * arch.compute.cycles * (1 - skipped)}
    steady |= {m.name: max(0.0, timer.port(m) - waited[m.name]) for m in arch.memories}
    for fanout in arch.fanouts:
        steady |= {f"{fanout.name}.{t.name}": timer.wire(fanout, t) for t in layer.tensors}
    return Latency(steady, waits, timer.start(), arch.compute.depth - 1)
