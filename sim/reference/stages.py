"""Layers one after the other on an array where weights stay, cycle by cycle: the naive twin of `sim.kernels.stages`.

Every cycle, whatever can begin begins: a transfer of weights, a shift, a step of the array, a block's way out, a
transfer from or to the outside. Nothing is known before it happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the array; see `sim.kernels.stages`. Without a fetch its tile is that of the step before."""

    cycles: int
    fetch: int = 0
    shift: int = 0
    opens: bool = False
    closes: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """Steps, or cycles of the unit behind the array."""

    steps: tuple[Step, ...] = ()
    vector: int = 0
    comes: int = 0
    leaves: int = 0
    room: int = 2
    depth: int = 0


@dataclass(slots=True)
class _Machine:
    layers: Sequence[Layer]
    latency: int
    now: int = 0
    causes: list[Counter[str]] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)  # by tile, the cycle in which it is there
    shifted: list[int] = field(default_factory=list)
    uses: int = 0  # tiles of which the first step has begun
    blocks: list[int] = field(default_factory=list)  # by block, the cycle in which it has left
    memory: int = 0  # free from then on, and so are the next two
    link: int = 0
    unit: int = 0

    def tiles(self) -> list[tuple[Step, int]]:
        """All tiles, with the room that there is for them."""
        return [(s, layer.room) for layer in self.layers for s in layer.steps if s.fetch]

    def supply(self) -> None:
        """Let the memory, and what shifts, begin what they can."""
        tiles = self.tiles()
        while self.memory <= self.now and len(self.fetched) < len(tiles):
            number = len(self.fetched)
            step, room = tiles[number]
            if number >= room and not (len(self.shifted) > number - room and self.shifted[number - room] <= self.now):
                break
            self.memory = self.now + step.fetch
            self.fetched.append(self.memory + self.latency)
        number = len(self.shifted)
        if number < len(self.fetched) and self.fetched[number] <= self.now and self.uses >= number:
            self.shifted.append(self.now + tiles[number][0].shift)

    def pass_cycle(self, own: Counter[str], cause: str) -> None:
        """Let a cycle pass."""
        own[cause] += 1
        self.now += 1
        self.supply()

    def lacks(self, ready: int, outside: int, tile: int, block: int) -> str:
        """What a step waits for, in the order in which waits are charged."""
        if self.now < ready or (block >= 2 and self.now < self.blocks[block - 2]):
            return "other"
        if self.now < outside:
            return "outside"
        if len(self.fetched) <= tile or self.now < self.fetched[tile]:
            return "weights"
        if len(self.shifted) <= tile or self.now < self.shifted[tile]:
            return "shifting"
        return ""


def simulate(layers: Sequence[Layer], latency: int) -> list[Counter[str]]:
    """Cycles of each layer by what they go into: ``active``, or what the array waits for.

    >>> [dict(c) for c in simulate([Layer((Step(3, fetch=5, shift=2, opens=True, closes=4),), depth=1)], 0)]
    [{'weights': 5, 'shifting': 2, 'active': 3, 'other': 5}]
    """
    machine = _Machine(layers, latency)
    machine.supply()
    done, tile, block = 0, -1, -1
    for layer in layers:
        own: Counter[str] = Counter()
        machine.causes.append(own)
        if layer.comes:
            machine.link += layer.comes
        outside, ready = machine.link if layer.comes else 0, done
        if not layer.steps:
            while machine.now < max(ready, outside):
                machine.pass_cycle(own, "other" if machine.now < ready else "outside")
            for _ in range(layer.vector):
                machine.pass_cycle(own, "other")
            done = machine.now
        for step in layer.steps:
            tile += step.fetch > 0
            block += step.opens
            while cause := machine.lacks(ready, outside, tile, block):
                machine.pass_cycle(own, cause)
            machine.uses = tile + 1
            machine.supply()
            for _ in range(step.cycles):
                machine.pass_cycle(own, "active")
            if step.closes:
                machine.unit = max(machine.unit, machine.now + layer.depth) + step.closes
                machine.blocks.append(machine.unit)
                done = machine.unit
        if layer.leaves:
            machine.link = max(machine.link, done) + layer.leaves
    while machine.now < max(done, machine.link):
        machine.pass_cycle(own, "other" if machine.now < done else "outside")
    return machine.causes
