"""What the words of a nest cost, edge by edge: the tables from which the exact search makes its bounds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from sim.arch.tree import keeps
from sim.kernels.bounds import ENERGY, EXTRA, OUTERMOST, TIMES, Chain
from sim.kernels.cost import (
    AGAIN,
    DOWN,
    DRAIN,
    FILL,
    PORT_TIME,
    READ,
    READ_TIME,
    UP,
    UPDATE,
    WHOLE,
    WRITE_TIME,
    Floats,
    Prices,
)
from sim.kernels.layout import PASSED_ON, Ints
from sim.mapping.space import Space


@dataclass(slots=True)
class _Edge:
    """Rows of a `Chain`."""

    row: list[int]
    down: Floats
    up: Floats
    added: Floats
    tile: Floats
    among: Ints


class Pricing:
    """Makes chains: what words cost in energy and in the times that bound the latency."""

    def __init__(self, space: Space, prices: Prices) -> None:
        self.space, self.prices = space, prices
        self.memories = space.arch.memories
        self.nodes = [space.arch.nodes.index(m) for m in self.memories]
        self.stages = [space.stage(m) for m in self.memories]
        self.gaps = len(space.arch.nodes) - 1
        self.fanout_nodes = [int(n) for n in space.task.node]
        level, wire = prices.level, prices.wire
        self.ports = [
            (i, c) for i in range(len(level)) for c in (PORT_TIME, READ_TIME, WRITE_TIME) if level[i, c] > 0
        ]
        self.wires = [(t, g) for t in range(len(wire)) for g in range(self.gaps) if wire[t, g] > 0]
        # where filling and use alternate somewhere, the outermost port is looked at twice: with the waits and without
        # what may be waited for, and as it is
        self.single = {self.stages[i] for i, m in enumerate(self.memories) if i and m.buffering == "single"}
        # (for reads: writes are not what is waited for, and yet what is waited for is taken off a port's time)
        self.outer = [(i, c) for i, c in self.ports if i == 0 and c != WRITE_TIME and self.single]
        # a nest begins when the first tiles have come, for the tensor and through the port for which it takes longest
        self.inputs = [t for t, tensor in enumerate(space.layer.tensors) if tensor.role != "outputs"]
        self.senders = [i for i in range(1, len(level)) if max(level[i, PORT_TIME], level[i, READ_TIME]) > 0]
        self.begins = TIMES + len(self.outer) + len(self.ports) + len(self.wires)
        # from here on wires once more, with waits and first tiles
        self.crowded = self.begins + len(self.inputs) + len(self.senders)
        self.costs = self.crowded + len(self.wires)
        self._edges: dict[tuple[int, int, int, bool], _Edge] = {}

    @property
    def looked(self) -> int:
        """Costs that are looked at ahead."""
        return TIMES + (len(self.outer) or sum(i == 0 for i, _ in self.ports))

    def edge(self, t: int, parent: int, child: int, first: bool) -> _Edge:
        """The edge between two memories; the `first` leads to the one that feeds the arithmetic."""
        key = t, parent, child, first
        if key not in self._edges:
            self._edges[key] = self._edge(t, parent, child, first)
        return self._edges[key]

    def _edge(self, t: int, parent: int, child: int, innermost: bool) -> _Edge:
        p, first = self.prices, self.nodes[parent]
        node = self.nodes[child] if child >= 0 else self.gaps
        out = _Edge(
            [t, parent, child, first, node, self.stages[child] if child >= 0 else -1],
            np.zeros((self.costs, self.gaps)),
            np.zeros((self.costs, self.gaps)),
            np.zeros(self.costs),
            np.zeros(self.costs),
            np.full(self.costs, -1, np.int64),
        )
        output = self.space.task.kind[0, t] == 1
        last = node - 1
        out.down[ENERGY, first:node] += p.gap[t, first:node, DOWN]
        out.down[ENERGY, first] += p.energy[t, parent, READ]
        out.added[ENERGY] += p.energy[t, parent, READ]
        if output:
            out.up[ENERGY, first:node] += p.gap[t, first:node, UP]
            out.up[ENERGY, first] += p.energy[t, parent, UPDATE]
        if child >= 0:
            out.down[ENERGY, last] += p.energy[t, child, FILL]
            if output:
                out.up[ENERGY, last] += p.energy[t, child, DRAIN]
            self._extra(t, parent, child, innermost, out)
            out.tile[TIMES : TIMES + len(self.outer)] = out.tile[self.crowded :] = out.tile[EXTRA]
        if first == 0:
            out.down[OUTERMOST, 0] += p.bits[t]
            if output:
                out.up[OUTERMOST, 0] += p.bits[t]
        for v, (i, column) in enumerate((*self.outer, *self.ports), TIMES):
            if v >= TIMES + len(self.outer) or not self.may_be_waited_for(t, child):
                self._port(t, parent, child, last, i, column, v, out)
        for v in (*range(TIMES, TIMES + len(self.outer)), *range(self.begins, self.costs)):
            out.down[v] += out.down[EXTRA]
            out.among[v] = out.among[EXTRA]
        for n, (u, g) in enumerate(self.wires):
            for v in (self.begins - len(self.wires) + n, self.crowded + n):
                if u == t and first <= g <= last:
                    (out.up if output else out.down)[v, g] += p.wire[t, g]
                    out.among[v] = sum(node > g for node in self.fanout_nodes)
        return out

    def _port(self, t: int, parent: int, child: int, last: int, i: int, column: int, v: int, out: _Edge) -> None:
        """Time at the port of memory `i`."""
        p, output, first = self.prices, self.space.task.kind[0, t] == 1, self.nodes[parent]
        time, again = p.level[i, column], p.port[t, i, AGAIN]
        reads, writes = column in (PORT_TIME, READ_TIME), column in (PORT_TIME, WRITE_TIME)
        both = (reads + writes) * again
        if i == parent:
            out.down[v, first] += time * (reads * p.port[t, i, READ] + both)
            out.added[v] += time * (reads * p.port[t, i, READ] + both)
            if output:
                out.up[v, first] += time * writes * p.port[t, i, UPDATE]
            out.among[v] = self.stages[i]
        elif i == child:
            out.down[v, last] += time * (writes * p.port[t, i, FILL] + both)
            if output:
                out.up[v, last] += time * reads * p.port[t, i, DRAIN]
            out.among[v] = self.stages[i]

    def _extra(self, t: int, parent: int, child: int, innermost: bool, out: _Edge) -> None:
        """What comes on top of the arithmetic's cycles: waits of one tensor a stretch, first and last tiles."""
        p, output = self.prices, self.space.task.kind[0, t] == 1
        out.among[EXTRA] = self.stages[parent]
        action, column = (UPDATE, WRITE_TIME) if output else (READ, READ_TIME)
        port = p.port[t, parent, action] * max(p.level[parent, column], p.level[parent, PORT_TIME])
        way = max(port, *p.wire[t, self.nodes[parent] : self.nodes[child]])
        if self.memories[child].buffering == "single":
            if self._waits(t, child) and not output:
                out.down[EXTRA, self.nodes[parent]] += way
        elif (p.level[child, WHOLE] or innermost) and output:
            out.tile[EXTRA] += way
            out.tile[self.begins : self.crowded] += way
        elif p.level[child, WHOLE] or innermost:
            out.tile[EXTRA] += port if parent == 0 else 0.0
            out.tile[self.begins + self.inputs.index(t)] += way
            if parent in self.senders:
                out.tile[self.begins + len(self.inputs) + self.senders.index(parent)] += port

    def _waits(self, t: int, child: int) -> bool:
        """Whether of the single-buffered memories of a stretch this tensor's is the one that is looked at."""
        single = [
            (u, i)
            for i, m in enumerate(self.memories)
            for u, tensor in enumerate(self.space.layer.tensors)
            if i
            and m.buffering == "single"
            and self.stages[i] == self.stages[child]
            and keeps(m, tensor.name, tensor.role)
        ]
        return (t, child) == single[0]

    def may_be_waited_for(self, t: int, child: int) -> bool:
        """Whether the array may wait for words of tensor `t` that come into memory `child`."""
        output = self.space.task.kind[0, t] == 1
        single = child >= 0 and self.stages[child] in self.single
        return single and not (output and self.memories[child].buffering != "single")

    def straight(self, feeders: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Choices of the tensors that come straight from the outermost memory to where the array may wait for them.

        What the array waits for does not keep a port from the rest, so that the port's time is another then.
        """
        open_ = [
            t
            for t, tensor in enumerate(self.space.layer.tensors)
            if self.outer and any(self.may_be_waited_for(t, i) for i in self.space.keepers(tensor) if i <= feeders[t])
        ]
        return [c for n in range(len(open_) + 1) for c in itertools.combinations(open_, n)]

    def _is_allowed(self, t: int, parent: int, child: int, straight: tuple[int, ...]) -> bool:
        """Whether an edge belongs to the nests in which just these tensors come straight."""
        if not self.outer or parent:
            return True
        return self.may_be_waited_for(t, child) == (t in straight)

    def chain(self, feeders: tuple[int, ...], straight: tuple[int, ...]) -> Chain:
        """The chain of nests in which these memories feed the arithmetic and these tensors come straight."""
        space = self.space
        own = []
        for t, (tensor, feeder) in enumerate(zip(space.layer.tensors, feeders, strict=True)):
            passed = any(
                space.task.share[t, f] == PASSED_ON and n > self.nodes[feeder]
                for f, n in enumerate(self.fanout_nodes)
            )
            outward = [i for i in reversed(space.keepers(tensor)) if i <= feeder]
            own.append([-1, *outward] if passed else outward)
        tensors, most = len(own), max(map(len, own))
        level, stage = np.zeros((tensors, most), np.int64), np.zeros((tensors, most), np.int64)
        between = np.full((tensors, most, most), -1)
        edges: list[_Edge] = []
        for t, levels in enumerate(own):
            for i, child in enumerate(levels):
                level[t, i], stage[t, i] = child, self.stages[child] if child >= 0 else -1
                for j in range(i + 1, len(levels)):
                    if (child >= 0 or j == 1) and self._is_allowed(t, levels[j], child, straight):
                        between[t, i, j] = len(edges)
                        edges.append(self.edge(t, levels[j], child, child == feeders[t]))
        searched = len(edges)
        edges += [self.edge(t, feeders[t], -1, False) for t, levels in enumerate(own) if levels[0] >= 0]
        number = np.array([len(levels) for levels in own], np.int64)
        columns = [
            np.stack([getattr(e, name) for e in edges], 1) for name in ("down", "up", "added", "tile", "among")
        ]
        return Chain(level, stage, number, between, np.array([e.row for e in edges]), np.array([searched]), *columns)
