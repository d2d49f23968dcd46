"""A network as a list of what is run at one time: layers with what is fused into them on their way out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.workload.layer import Layer, VectorLayer
from sim.workload.network import AnyLayer, Network
from sim.workload.part import axis_sizes


@dataclass(frozen=True, slots=True)
class Feed:
    """An operand of a unit that an earlier unit makes, by its number."""

    source: int
    tensor: str
    bits: int
    rearranged: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """A layer, and those that are fused into it.

    Attributes:
        layer: the one that does the work.
        members: its name, and those of the layers that work on its output on the way out.
        feeds: operands that other units make.
        takers: numbers of the units that take its output.
        leaves: whether its output leaves the network.
    """

    layer: AnyLayer
    members: tuple[str, ...]
    feeds: tuple[Feed, ...]
    takers: tuple[int, ...]
    leaves: bool

    @property
    def access(self) -> Layer | None:
        """Which words of its operands it touches, where that is known."""
        return self.layer if isinstance(self.layer, Layer) else self.layer.access

    @property
    def output(self) -> str:
        """Name of the tensor that it makes."""
        return self.layer.outputs.name if isinstance(self.layer, Layer) else "outputs"

    @property
    def output_words(self) -> int:
        """Words of its output, also those that no loop writes."""
        if isinstance(self.layer, VectorLayer):
            return self.layer.output_words
        return math.prod(axis_sizes(self.layer.outputs, self.layer))


def width(layer: AnyLayer, tensor: str) -> int:
    """Bits of a word of a layer's tensor."""
    return layer.tensor(tensor).bits if isinstance(layer, Layer) else layer.bits


def units_of(network: Network) -> tuple[Unit, ...]:
    """The units of a network in the order in which they are run."""
    roots = {layer.name: layer for layer in network if _root(layer) == layer.name}
    number = {name: i for i, name in enumerate(roots)}
    of = {layer.name: number[_root(layer)] for layer in network if _root(layer) in number}
    feeds: list[list[Feed]] = [[] for _ in roots]
    for flow in network.flows:
        source, target = of[flow.source], of[flow.target]
        if source != target:
            feeds[target].append(Feed(source, flow.tensor, flow.bits, flow.rearranged))
    units = []
    for i, layer in enumerate(roots.values()):
        members = tuple(name for name, unit in of.items() if unit == i)
        takers = tuple(t for t, own in enumerate(feeds) if any(feed.source == i for feed in own))
        leaves = not takers or any(name in network.outputs for name in members)
        units.append(Unit(layer, members, tuple(feeds[i]), takers, leaves))
    return tuple(units)


def _root(layer: AnyLayer) -> str:
    """The layer whose unit a layer belongs to."""
    return (isinstance(layer, VectorLayer) and layer.fused) or layer.name
