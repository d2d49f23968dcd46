"""The words that a layer on analog arrays moves at every memory, link and converter above the arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from sim.arch.crossbar_machine import CrossbarMachine
from sim.arch.tree import Converter, Fanout, Memory
from sim.components.table import link_key, node_costs
from sim.engines.crossbar_place import Placement
from sim.mapping.counts import Actions
from sim.mapping.prices import keeps_any
from sim.workload.layer import Tensor

Count = Callable[[int], int]  # words that runs of so many arrays get or give


@dataclass
class Traffic:
    """What moves above the arrays.

    Inputs come once from their home into the next memory that keeps them, which holds what overlapping windows share.
    From there they are sent to the arrays for every vector anew. Sums of row blocks are added where links reduce,
    else in the first memory that they meet, which writes the first and reads, adds and writes the others.

    Attributes:
        actions: words by memory and tensor.
        energy: pJ of links and converters by node and tensor.
        busy: clock cycles for which links are busy, by fanout and tensor.
    """

    machine: CrossbarMachine
    placement: Placement
    chips: int
    actions: dict[str, dict[str, Actions]] = field(default_factory=lambda: defaultdict(dict))
    energy: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    busy: dict[tuple[str, Tensor], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layer, place = self.placement.cut.product.layer, self.placement
        for tensor in layer.tensors:
            if tensor.role == "inputs":
                self._down(tensor, [cache(place.window), cache(place.inputs)])
            elif tensor.role == "outputs":
                self._up(tensor, cache(place.outputs))
            elif self.machine.xbar.reload:
                self._down(tensor, [cache(place.weights)] * 2)

    def _down(self, tensor: Tensor, counts: list[Count]) -> None:
        """Words on their way to the arrays; what leaves the home is counted by the first of `counts`."""
        levels = list(self._levels(tensor))
        for j, (memory, place, end) in enumerate(levels):
            count = counts[0] if j == 0 and len(levels) > 1 else counts[1]
            sent = count(self._joined(tensor, place + 1, end))
            fills = counts[0 if j == 1 else 1](self.machine.inside(place)) if j else 0
            self.actions[memory.name][tensor.name] = Actions(fills=fills, reads=sent)
            self._pass(tensor, place + 1, end, count)

    def _up(self, tensor: Tensor, count: Count) -> None:
        """Sums on their way from the arrays."""
        for memory, place, end in self._levels(tensor):
            come, left = count(self._joined(tensor, place + 1, end)), count(self.machine.inside(place))
            if home := memory is self.machine.arch.home(tensor.name):  # adds what several chips or rounds give, too
                left = count(self.placement.arrays)
            self.actions[memory.name][tensor.name] = Actions(
                updates=come, reads=come - left, drains=0 if home else left
            )
            self._pass(tensor, place + 1, end, count)

    def _levels(self, tensor: Tensor) -> Iterator[tuple[Memory, int, int]]:
        """The memories of a tensor, outermost first: their places, and those of the next ones or of the arrays."""
        outside = self.machine.outside
        kept = [outside.index(m) for m in self.machine.arch.keepers(tensor.name, tensor.role)]
        for place, end in pairwise([*kept, len(outside)]):
            memory = outside[place]
            assert isinstance(memory, Memory)
            yield memory, place, end

    def _joined(self, tensor: Tensor, place: int, end: int) -> int:
        """Arrays in the runs for which words pass a place once: to the first link that multicasts, or reduces."""
        for at in range(place, end):
            node = self.machine.outside[at]
            if isinstance(node, Fanout):
                link = node.link(tensor.name, tensor.role)
                if link.reduce if tensor.role == "outputs" else link.multicast:
                    return self.machine.inside(at)
        return self.machine.inside(end)

    def _pass(self, tensor: Tensor, place: int, end: int, count: Count) -> None:
        """Pays the links and converters between two memories."""
        costs = node_costs(self.machine.arch)
        for at in range(place, end):
            node = self.machine.outside[at]
            if isinstance(node, Fanout):
                taken = count(self._joined(tensor, at + 1, end))
                word = costs[link_key(node, tensor.name, tensor.role)].word_pj(tensor.bits)
                self.energy[node.name][tensor.name] = taken * word
                words = count(self._joined(tensor, at, end))
                bandwidth = node.link(tensor.name, tensor.role).bandwidth * self._used(node.name, at)
                self.busy[node.name, tensor] = words * tensor.bits / bandwidth
            elif isinstance(node, Converter) and keeps_any(node.tensors, tensor):
                words = count(self._joined(tensor, at, end))
                self.energy[node.name][tensor.name] = words * costs[node.name].word_pj(tensor.bits)

    def _used(self, name: str, place: int) -> int:
        """Copies of a node that have work at one time."""
        return min(
            -(-self.placement.arrays // self.machine.inside(place)), self.chips * self.machine.arch.instances(name)
        )

    def accesses(self) -> dict[str, dict[str, float]]:
        """pJ of accesses by memory and tensor."""
        out: dict[str, dict[str, float]] = {}
        for memory, own, _ in self._memories():
            costs = node_costs(self.machine.arch)[memory.name]
            read, write = costs.read.value / memory.width_bits, costs.write.value / memory.width_bits
            out[memory.name] = {
                t.name: ((a.reads + a.drains) * read + (a.fills + a.updates) * write) * t.bits for t, a in own
            }
        return out

    def cycles(self, roles: Container[str]) -> dict[str, float]:
        """Clock cycles for which tensors of these roles keep memories and links busy."""
        out = {}
        for memory, own, used in self._memories():
            reads = sum((a.reads + a.drains) * t.bits for t, a in own if t.role in roles)
            writes = sum((a.fills + a.updates) * t.bits for t, a in own if t.role in roles)
            times = (
                reads / memory.read_bandwidth,
                writes / memory.write_bandwidth,
                (reads + writes) / memory.bandwidth,
            )
            out[memory.name] = max(times) / used
        return out | {f"{node}.{t.name}": busy for (node, t), busy in self.busy.items() if t.role in roles}

    def _memories(self) -> Iterator[tuple[Memory, list[tuple[Tensor, Actions]], int]]:
        """Every memory, the tensors in it with what happens to them, and how many copies have work."""
        layer = self.placement.cut.product.layer
        for place, memory in enumerate(self.machine.outside):
            if isinstance(memory, Memory):
                own = [(layer.tensor(t), a) for t, a in self.actions[memory.name].items()]
                yield memory, own, self._used(memory.name, place)
