"""What the words of a nest cost, edge by edge: the tables from which the exact search makes its bounds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from sim.kernels.bounds import ADDED, COMPARED, DELAY, ENERGY, EXTRA, HOME, OUTERMOST, TIME, TIMES, WALL, WHOLE, Chain
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
    WRITE_TIME,
    Floats,
    Prices,
)
from sim.kernels.cost import WHOLE as WHOLE_TILE
from sim.kernels.layout import PASSED_ON, Ints
from sim.mapping.space import Space

# Costs that are only compared: of a tensor's first tile on its way, and of all through one port; how often a tile
# changes; what is waited for, and that at the port alone; what streams past after its first tile, and that tile.
BEGIN, SEND, CHANGE, WAIT, BUSY, STREAM, FIRST = range(7)
SIGNS = 1, -1


@dataclass(slots=True)
class _Edge:
    """Rows of a `Chain`."""

    row: list[int]
    down: Floats
    up: Floats
    added: Floats
    tile: Floats
    among: Ints

    def outside(self, node: int) -> _Edge:
        """What happens outside a node, the outer memory included."""
        inside = np.arange(self.down.shape[1]) >= node
        return replace(self, down=np.where(inside, 0, self.down), up=np.where(inside, 0, self.up))

    def inside(self, node: int) -> _Edge:
        """What happens from a node inward."""
        inside = np.arange(self.down.shape[1]) >= node
        return replace(
            self,
            down=np.where(inside, self.down, 0),
            up=np.where(inside, self.up, 0),
            added=np.zeros_like(self.added),
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of nests.

    Attributes:
        feeders: the memories that feed the arithmetic, one for every tensor.
        straight: the tensors that come straight from the first memory to where the array may wait for them.
        passing: across which fanouts copies pass words on.
    """

    feeders: tuple[int, ...]
    straight: tuple[int, ...]
    passing: tuple[bool, ...]

    def of(self, t: int) -> tuple[int, bool, tuple[bool, ...]]:
        """What it says of one tensor; that of all tensors is all that it says."""
        return self.feeders[t], t in self.straight, self.passing


class Pricing:
    """Makes chains: what words cost in energy and in the times that bound the latency.

    The costs after `TIMES` are: where filling and use alternate somewhere, the time at the first memory's port
    together with the waits and first tiles for what may be waited for; the times of ports and of wires; and costs
    that are only compared. Those are what the beginning of a nest and its waits consist of (see `sim.kernels.cost`):
    as latency grows with each of them, a partial nest that is as good in all of them is as good whatever follows.

    Attributes:
        first: the outermost memory at which a tensor is at home, so that nothing happens further out.
        looked: how many costs are looked at ahead.
    """

    def __init__(self, space: Space, prices: Prices) -> None:
        self.space, self.prices = space, prices
        self.memories = space.arch.memories
        self.nodes = [space.arch.nodes.index(m) for m in self.memories]
        self.stages = [space.stage(m) for m in self.memories]
        self.gaps = len(space.arch.nodes) - 1
        self.fanout_nodes = [int(n) for n in space.task.node]
        level, wire, many = prices.level, prices.wire, len(self.memories)
        self.first = int(space.task.kind[HOME].min())
        columns = PORT_TIME, READ_TIME, WRITE_TIME
        ports = [(i, c) for i in range(self.first, many) for c in columns if level[i, c] > 0]
        self.single = {self.stages[i] for i in range(self.first + 1, many) if self.memories[i].buffering == "single"}
        # (for reads: writes are not what is waited for, and yet what is waited for is taken off a port's time)
        self.outer = [(i, c) for i, c in ports if i == self.first and c != WRITE_TIME and self.single]
        self.looked = TIMES + (len(self.outer) or sum(i == self.first for i, _ in ports))
        self.ports = dict(enumerate((*self.outer, *ports), TIMES))
        begin = TIMES + len(self.ports)
        self.wires = dict(
            enumerate(((t, g) for t in range(len(wire)) for g in range(self.gaps) if wire[t, g] > 0), begin)
        )
        self.compared: dict[tuple[int, ...], int] = {}
        self._list_compared()
        self.costs = begin + len(self.wires) + len(self.compared)
        self.role = np.full(self.costs, COMPARED)
        self.role[TIMES:begin] = TIME if self.single else WALL
        self.role[TIMES : TIMES + len(self.outer)] = WHOLE
        self.role[begin : begin + len(self.wires)] = WALL
        self.role[[v for key, v in self.compared.items() if key[0] in (BEGIN, SEND)]] = ADDED
        self.role[[v for key, v in self.compared.items() if key[0] in (WAIT, BUSY, STREAM)]] = DELAY
        self._edges: dict[tuple[int, int, int, bool], _Edge] = {}

    def _list_compared(self) -> None:
        """Number the costs that are only compared."""
        tensors, level = self.space.layer.tensors, self.prices.level
        keys: list[tuple[int, ...]] = []
        # a nest begins when the first tiles have come, for the tensor and through the port for which it takes longest
        keys += [(BEGIN, t) for t, tensor in enumerate(tensors) if tensor.role != "outputs"]
        keys += [
            (SEND, i) for i in range(self.first + 1, len(level)) if max(level[i, PORT_TIME], level[i, READ_TIME]) > 0
        ]
        for stage in sorted(self.single):
            kept = self._kept(stage)
            changing = [(t, i) for t, i in kept if self.memories[i].buffering == "single"]
            keys += [(CHANGE, t, i, sign) for t, i in changing for sign in SIGNS]
            ways = {(t, parent) for t, i in kept for parent in self.space.keepers(tensors[t]) if parent < i}
            kinds = (WAIT, BUSY, STREAM, FIRST)
            keys += [(k, stage, t, i, sign) for t, i in sorted(ways) for k in kinds for sign in SIGNS]
        first = TIMES + len(self.ports) + len(self.wires)
        self.compared = {key: v for v, key in enumerate(keys, first)}

    def _kept(self, stage: int) -> list[tuple[int, int]]:
        """Which tensors the memories of a stretch may keep away from their homes."""
        return [
            (t, i)
            for t, tensor in enumerate(self.space.layer.tensors)
            for i in self.space.keepers(tensor)[1:]
            if self.stages[i] == stage
        ]

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
            if self.stages[child] in self.single:
                self._waits(t, parent, child, out)
        if first == 0:
            out.down[OUTERMOST, 0] += p.bits[t]
            if output:
                out.up[OUTERMOST, 0] += p.bits[t]
        for v, (i, column) in self.ports.items():
            if self.role[v] != WHOLE or not self.may_be_waited_for(t, child):
                self._port(t, parent, child, last, i, column, v, out)
            if self.role[v] == WHOLE:
                out.down[v] += out.down[EXTRA]
                out.tile[v] = out.tile[EXTRA]
                out.among[v] = out.among[EXTRA]
        for v, (u, g) in self.wires.items():
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

    def _way(self, t: int, parent: int, child: int, bits: float, column: int) -> tuple[float, float]:
        """Cycles that a word takes at the port of the outer of two memories, and on the whole way to the other."""
        level = self.prices.level[parent]
        port = bits * max(level[column], level[PORT_TIME])
        return port, max(port, *self.prices.wire[t, self.nodes[parent] : self.nodes[child]])

    def _extra(self, t: int, parent: int, child: int, innermost: bool, out: _Edge) -> None:
        """What comes on top of the arithmetic's cycles: waits of one tensor a stretch, first and last tiles."""
        p, output = self.prices, self.space.task.kind[0, t] == 1
        out.among[EXTRA] = self.stages[parent]
        action, column = (UPDATE, WRITE_TIME) if output else (READ, READ_TIME)
        port, way = self._way(t, parent, child, p.port[t, parent, action], column)
        begins = {key: v for key, v in self.compared.items() if key[0] in (BEGIN, SEND)}
        if self.memories[child].buffering == "single":
            if self._is_looked_at(t, child) and not output:
                out.down[EXTRA, self.nodes[parent]] += way
        elif (p.level[child, WHOLE_TILE] or innermost) and output:
            out.tile[EXTRA] += way
            for v in begins.values():
                out.tile[v] += way
        elif p.level[child, WHOLE_TILE] or innermost:
            out.tile[EXTRA] += port if parent == self.first else 0.0
            out.tile[begins[BEGIN, t]] += way
            if (SEND, parent) in begins:
                out.tile[begins[SEND, parent]] += port
        for v in begins.values():
            out.among[v] = self.stages[parent]

    def _waits(self, t: int, parent: int, child: int, out: _Edge) -> None:
        """What the waits for a stretch with single-buffered memories grow with.

        What is waited for at the outer memory's port is taken off the port's time, so that its opposite matters, too.
        """
        p, output, stage = self.prices, self.space.task.kind[0, t] == 1, self.stages[child]
        port, first, last = p.port[t, parent], self.nodes[parent], self.nodes[child] - 1
        single = self.memories[child].buffering == "single"
        down = self._way(t, parent, child, port[READ] + port[AGAIN], READ_TIME)
        up = self._way(t, parent, child, port[UPDATE], WRITE_TIME)
        again = self._way(t, parent, child, port[UPDATE] + port[AGAIN], WRITE_TIME)
        for kind, sign, whole in ((WAIT, 1, True), (BUSY, 1, False), (BUSY, -1, False)):
            v = self.compared[kind, stage, t, parent, sign]
            out.among[v] = self.stages[parent]
            if single:
                out.down[v, first] += sign * (down[whole] + (again[whole] - up[whole]) * output)
                out.up[v, first] += sign * up[whole] * output
        for sign in SIGNS if not single and not output else ():
            stream, one = (self.compared[k, stage, t, parent, sign] for k in (STREAM, FIRST))
            cycles = sign * down[sign > 0]
            out.among[stream] = out.among[one] = self.stages[parent]
            out.down[stream, first] += cycles
            out.tile[stream] -= cycles
            out.tile[one] += cycles
        for sign in SIGNS if single else ():
            change = self.compared[CHANGE, t, child, sign]
            out.down[change, last] += sign
            out.up[change, last] += sign * output
            out.among[change] = stage

    def _is_looked_at(self, t: int, child: int) -> bool:
        """Whether of the single-buffered memories of a stretch this tensor's is the one that the bound looks at."""
        single = [(i, u) for u, i in self._kept(self.stages[child]) if self.memories[i].buffering == "single"]
        return (child, t) == min(single)

    def may_be_waited_for(self, t: int, child: int) -> bool:
        """Whether the array may wait for words of tensor `t` that come into memory `child`."""
        output = self.space.task.kind[0, t] == 1
        single = child >= 0 and self.stages[child] in self.single
        return single and not (output and self.memories[child].buffering != "single")

    def straight(self, feeders: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Choices of the tensors that come straight from the first memory to where the array may wait for them.

        What the array waits for does not keep a port from the rest, so that the port's time is another then.
        """
        open_ = [
            t
            for t, tensor in enumerate(self.space.layer.tensors)
            if self.outer and self._may_come_straight(t, self.space.keepers(tensor), feeders[t])
        ]
        return [c for n in range(len(open_) + 1) for c in itertools.combinations(open_, n)]

    def _may_come_straight(self, t: int, keepers: tuple[int, ...], feeder: int) -> bool:
        home, *inward = keepers
        return home == self.first and any(self.may_be_waited_for(t, i) for i in inward if i <= feeder)

    def _is_allowed(self, t: int, parent: int, child: int, straight: tuple[int, ...]) -> bool:
        """Whether an edge belongs to the nests in which just these tensors come straight."""
        if not self.outer or parent != self.first:
            return True
        return self.may_be_waited_for(t, child) == (t in straight)

    def _passing(self, t: int, feeder: int, passing: tuple[bool, ...]) -> int:
        """The innermost fanout, as a node, across which copies pass on what the arithmetic works on; 0: none."""
        share = self.space.task.share[t]
        return max(
            (
                node
                for node, how, used in zip(self.fanout_nodes, share, passing, strict=True)
                if used and how == PASSED_ON and node > self.nodes[feeder]
            ),
            default=0,
        )

    def chain(self, kind: Kind, light: bool = False) -> Chain:
        """The chain of nests of a kind; a `light` one has no costs that are only compared.

        From the innermost of the fanouts across which copies pass words on inward all words come anew in every step,
        as nothing is kept there.
        """
        feeders, straight, passing = kind.feeders, kind.straight, kind.passing
        space = self.space
        own, passed = [], [self._passing(t, feeder, passing) for t, feeder in enumerate(feeders)]
        for t, (tensor, feeder) in enumerate(zip(space.layer.tensors, feeders, strict=True)):
            outward = [i for i in reversed(space.keepers(tensor)) if i <= feeder]
            own.append([-1, *outward] if passed[t] else outward)
        tensors, most = len(own), max(map(len, own))
        level, stage = np.zeros((tensors, most), np.int64), np.zeros((tensors, most), np.int64)
        between = np.full((tensors, most, most), -1)
        edges: list[_Edge] = []
        for t, levels in enumerate(own):
            for i, child in enumerate(levels):
                level[t, i] = child if i + 1 < len(levels) else 0
                stage[t, i] = self.stages[child] if child >= 0 else -1
                for j in range(i + 1, len(levels)):
                    if (child >= 0 or j == 1) and self._is_allowed(t, levels[j], child, straight):
                        between[t, i, j] = len(edges)
                        edge_ = self.edge(t, levels[j], child, child == feeders[t])
                        edges.append(edge_ if child >= 0 else edge_.outside(passed[t]))
        searched = len(edges)
        for t, feeder in enumerate(feeders):
            anew = self.edge(t, feeder, -1, False)
            edges.append(anew.inside(passed[t]) if passed[t] else anew)
        number = np.array([len(levels) for levels in own], np.int64)
        columns = [
            np.stack([getattr(e, name) for e in edges], 1) for name in ("down", "up", "added", "tile", "among")
        ]
        used = np.arange(self.costs) < (self.costs - len(self.compared) if light else self.looked)
        for column in columns[:4] if not light else ():
            used |= column.reshape(self.costs, -1).any(1)
        per_tile = np.zeros(self.costs, np.int64)
        per_tile[[v for key, v in self.compared.items() if key[0] == CHANGE]] = 1
        edge, role = np.array([e.row for e in edges]), self.role[used]
        down, up, added, tile, among = (np.ascontiguousarray(column[used]) for column in columns)
        shape = level, stage, number, between, edge, np.array([searched])
        return Chain(*shape, down, up, added, tile, among, role, per_tile[used], *self._waited(used))

    def _waited(self, used: np.ndarray) -> tuple[Ints, Ints, Ints]:
        """Where, among the costs that are used, those stand that tell what is waited for at the first port."""
        at = np.where(used, np.cumsum(used) - 1, -1)
        rows = []
        for stage, t in sorted(
            {(key[1], key[2]) for key in self.compared if key[0] == BUSY and key[3] == self.first}
        ):
            own = [at[self.compared[kind, stage, t, self.first, -1]] for kind in (BUSY, STREAM, FIRST)]
            if max(own) >= 0:
                rows.append((stage, *own))
        changes = [
            (self.stages[key[2]], at[v])
            for key, v in self.compared.items()
            if key[0] == CHANGE and key[-1] < 0 and at[v] >= 0
        ]
        ports = [
            at[v] for v, (i, c) in self.ports.items() if i == self.first and c != WRITE_TIME and self.role[v] == TIME
        ]
        return (
            np.array(rows, np.int64).reshape(-1, 4),
            np.array(changes, np.int64).reshape(-1, 2),
            np.array([v for v in ports if v >= 0], np.int64),
        )
