"""A network: layers and the tensors that flow between them, as a directed acyclic graph."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from sim.errors import TilenestError, nearest
from sim.workload.layer import Layer, VectorLayer

if TYPE_CHECKING:
    import networkx as nx

AnyLayer = Layer | VectorLayer


class NetworkError(TilenestError):
    """A network that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A tensor that one layer makes and another takes: its name and how many words of what width.

    Attributes:
        rearranged: whether the target sees the words in another order than the source (as heads of its features).
    """

    source: str
    target: str
    tensor: str
    words: int
    bits: int = 16
    rearranged: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operator of an imported model that became no layer, and why (``view`` operators move nothing)."""

    name: str
    op: str
    reason: str


@dataclass(frozen=True)
class Network:
    """Layers in the order they are executed, and the flows between them.

    Attributes:
        name: for display and provenance.
        layers: in execution order; names are unique.
        flows: tensors that pass between two layers. A tensor that a flow does not name comes from outside.
        batch: the batch size that the layers were built with.
        source: where the shapes come from (a paper, a file).
        skipped: what an importer left out, and why.
        outputs: layers whose output leaves the network although others take it; so does what nobody takes.
        places: (layer, ``file:line``) pairs, where each layer is a line of a file.

    Raises:
        NetworkError: for a name that is used twice or unknown, or a cycle.
    """

    name: str
    layers: tuple[AnyLayer, ...]
    flows: tuple[Flow, ...] = ()
    batch: int = 1
    source: str = ""
    skipped: tuple[Skipped, ...] = ()
    outputs: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names = [layer.name for layer in self.layers]
        twice = {n for n in names if names.count(n) > 1} if len(set(names)) != len(names) else set()
        if twice:
            raise NetworkError(f"network {self.name}: layer name used twice: {', '.join(sorted(twice))}")
        before: dict[str, list[str]] = {name: [] for name in names}
        for flow in self.flows:
            for end in (flow.source, flow.target):
                if end not in before:
                    raise NetworkError(f"network {self.name}: no layer {end}; {nearest(end, names)}".rstrip("; "))
            before[flow.target].append(flow.source)
        try:
            TopologicalSorter(before).prepare()
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            raise NetworkError(f"network {self.name}: its layers form a cycle: {circle}") from None

    @property
    def graph(self) -> nx.MultiDiGraph[str]:
        """The layers as nodes (attribute ``layer``) and the flows as edges (attribute ``flow``)."""
        import networkx as nx  # takes its time, and few need it

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for layer in self.layers:
            graph.add_node(layer.name, layer=layer)
        for flow in self.flows:
            graph.add_edge(flow.source, flow.target, flow=flow)
        return graph

    def __iter__(self) -> Iterator[AnyLayer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, name: str) -> AnyLayer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        hint = nearest(name, (layer.name for layer in self.layers))
        raise NetworkError(f"network {self.name} has no layer {name}; {hint}".rstrip("; "))

    @property
    def mac_layers(self) -> tuple[Layer, ...]:
        """The layers that multiply."""
        return tuple(layer for layer in self.layers if isinstance(layer, Layer))

    @property
    def unsupported(self) -> tuple[Skipped, ...]:
        """Operators of an imported model that became no layer though they do something."""
        return tuple(s for s in self.skipped if not s.reason.startswith("view"))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weight_words(self) -> int:
        """Words of all tensors with the role ``weights`` that no other layer makes."""
        made = {(flow.target, flow.tensor) for flow in self.flows}
        return sum(
            layer.words(t.name)
            for layer in self.mac_layers
            for t in layer.tensors
            if t.role == "weights" and (layer.name, t.name) not in made
        )

    def only(self, names: Iterable[str]) -> Network:
        """The network cut down to these layers, in their own order; ``conv3_*`` names all that look like it.

        Raises:
            NetworkError: when a name is unknown, nothing looks like a pattern, or there is no name at all.
        """
        known = [layer.name for layer in self.layers]
        wanted: set[str] = set()
        for name in names:
            alike = [] if name in known else fnmatch.filter(known, name)
            wanted |= set(alike) if alike else {self[name].name}
        if not wanted:
            raise NetworkError(f"none of the layers of network {self.name} is asked for")
        layers = tuple(layer for layer in self.layers if layer.name in wanted)
        flows = tuple(f for f in self.flows if f.source in wanted and f.target in wanted)
        cut = {f.source for f in self.flows if f.source in wanted and f.target not in wanted}
        outputs = tuple(layer.name for layer in layers if layer.name in cut or layer.name in self.outputs)
        return replace(self, layers=layers, flows=flows, outputs=outputs)
