"""Tiles between DRAM and the memories on the chip, as a queue of events: the naive twin of `sim.kernels.tiles`."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

STREAMS = ("written", "inputs", "weights", "sums")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the array does: how many cycles, and the number of the tile of each stream."""

    cycles: int
    tiles: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Dram:
    """Bits per cycle, bits of a burst, cycles from the end of a request to its data."""

    bandwidth: float
    burst: int
    latency: float


@dataclass(slots=True)
class Outcome:
    """In cycles: when all is over, how long the DRAM is busy, how long the first step and later ones wait."""

    end: float = 0.0
    busy: float = 0.0
    first: float = 0.0
    stalls: float = 0.0


@dataclass(slots=True)
class _Simulation:
    steps: Sequence[Step]
    bits: Sequence[Sequence[int]]
    room: Sequence[int]
    dram: Dram
    out: Outcome = field(default_factory=Outcome)
    waiting: list[tuple[float, int, int]] = field(default_factory=list)  # requests: when asked, stream, tile
    events: list[tuple[float, int, tuple[int, int]]] = field(default_factory=list)
    there: set[tuple[int, int]] = field(default_factory=set)
    serving: bool = False
    step: int = 0
    idle_since: float | None = 0.0

    def ask(self, now: float, stream: int, tile: int) -> None:
        """A tile is to be sent; one of which nothing has to be sent is there at once."""
        if tile >= len(self.bits[stream]):
            return
        if self.bits[stream][tile] == 0:
            self.there.add((stream, tile))
        else:
            self.waiting.append((now, stream, tile))

    def serve(self, now: float) -> None:
        """Let the DRAM begin with the request that has waited longest."""
        if self.serving or not self.waiting:
            return
        _, stream, tile = self.waiting.pop(0)
        sent = math.ceil(self.bits[stream][tile] / self.dram.burst) * self.dram.burst / self.dram.bandwidth
        self.out.busy += sent
        self.serving = True
        heapq.heappush(self.events, (now + sent, 0, (-1, -1)))
        late = self.dram.latency if STREAMS[stream] != "written" else 0.0
        heapq.heappush(self.events, (now + sent + late, 1, (stream, tile)))

    def work(self, now: float) -> None:
        """Let the array begin with the next step if all is there."""
        if self.step >= len(self.steps) or self.idle_since is None:
            return
        step = self.steps[self.step]
        needs = {(s, t - self.room[s] if STREAMS[s] == "written" else t) for s, t in enumerate(step.tiles)}
        if all(need in self.there for need in needs if need[1] >= 0):
            waited = now - self.idle_since
            if self.step == 0:
                self.out.first = waited
            else:
                self.out.stalls += waited
            self.idle_since = None
            heapq.heappush(self.events, (now + step.cycles, 2, (self.step, 0)))

    def finish(self, now: float, number: int) -> None:
        """A step is done: what it was the last to need makes room, and what it was the last to write is sent."""
        here = self.steps[number].tiles
        after = self.steps[number + 1].tiles if number + 1 < len(self.steps) else (-1,) * len(STREAMS)
        for stream, name in enumerate(STREAMS):
            if here[stream] != after[stream]:
                self.ask(now, stream, here[stream] + (0 if name == "written" else self.room[stream]))
        self.step, self.idle_since = number + 1, now


def simulate(steps: Sequence[Step], bits: Sequence[Sequence[int]], room: Sequence[int], dram: Dram) -> Outcome:
    """Run steps whose tiles of four streams have so many bits to come from or to go to DRAM.

    Args:
        room: tiles of each stream for which there is room.

    >>> dram = Dram(bandwidth=8, burst=8, latency=10)
    >>> simulate([Step(5, (0, 0, 0, 0)), Step(5, (1, 1, 0, 0))], [[8, 8], [80, 80], [8], [0]], [2] * 4, dram)
    Outcome(end=37.0, busy=23.0, first=21.0, stalls=5.0)
    """
    simulation = _Simulation(steps, bits, room, dram)
    for ahead in range(max(room[1:])):
        for stream in range(1, len(STREAMS)):
            if ahead < room[stream]:
                simulation.ask(0.0, stream, ahead)
    now = 0.0
    while True:
        simulation.serve(now)
        simulation.work(now)
        if not simulation.events:
            break
        now = simulation.events[0][0]
        while simulation.events and simulation.events[0][0] == now:
            _, kind, (a, b) = heapq.heappop(simulation.events)
            if kind == 0:
                simulation.serving = False
            elif kind == 1:
                simulation.there.add((a, b))
            else:
                simulation.finish(now, a)
    simulation.out.end = now
    return simulation.out
