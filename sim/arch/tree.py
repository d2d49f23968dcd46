"""Hardware: a list of nodes from the outermost memory to the arithmetic.

A `Memory` keeps tiles of tensors, a `Fanout` is a grid of copies of everything after it, a `Converter` is paid
for by every word that passes, and `Compute` does the operation. What a node costs is told by its `Component`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sim.errors import TilenestError, nearest

if TYPE_CHECKING:
    from sim.arch.crossbar import Crossbar
    from sim.arch.noise import Noise

ALL = "all"

Buffering = Literal["single", "double", "buffet"]
Stationary = Literal["os", "ws", "is"]
Timing = Literal["tilenest", "scalesim"]
OnRows = Literal["window", "channels"]


class ArchitectureError(TilenestError):
    """An architecture that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Given:
    """A number that a person wrote instead of leaving it to a model, with where it comes from."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Component:
    """What a node is made of: the name of a cost model, its attributes, and numbers that win over the model.

    `given` maps a quantity to its number: ``read_pj``, ``write_pj`` (per access of the memory's width),
    ``op_pj``, ``gated_pj`` (per operation), ``word_pj`` (per word passed), ``cycle_pj`` (per clock cycle and
    instance), ``leakage_mw`` and ``area_um2`` (per instance).
    """

    model: str = "free"
    attributes: tuple[tuple[str, float | str], ...] = ()
    given: tuple[tuple[str, Given], ...] = ()


@dataclass(frozen=True, slots=True)
class Compression:
    """How a memory stores a tensor that has zeros.

    Attributes:
        tensor: tensor name or role.
        format: ``rlc`` (run length), ``csc`` (value and relative row index), ``bitmask`` (one bit a word).
        run_bits: width of a run length or relative index.
        group_bits: pairs are packed into groups of so many bits, 0 for no packing (Eyeriss: 64).
        only_if_smaller: store as it is where compression would make it larger.
    """

    tensor: str
    format: Literal["rlc", "csc", "bitmask"]
    run_bits: int = 5
    group_bits: int = 0
    only_if_smaller: bool = True


@dataclass(frozen=True, slots=True)
class ZeroSaving:
    """What is saved when operands are zero.

    Where any tensor of `on` is zero, accesses to `target` at this memory (or the operation, for a `Compute`) are
    spared: ``gating`` saves their energy, ``skipping`` saves their time too.
    """

    kind: Literal["gating", "skipping"]
    target: str
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """A storage level; every instance has these properties.

    Attributes:
        keeps: tensor names or roles that may be kept here, or ``("all",)``.
        size_bits: capacity, `math.inf` for unbounded.
        width_bits: bits moved by one access; energies are per access, a word of b bits costs b / width of one.
        read_bandwidth, write_bandwidth: bits per clock cycle.
        bandwidth: bits per clock cycle that reads and writes share.
        buffering: ``buffet``: a tile's words are replaced one by one, so filling overlaps with use and the
            capacity is one tile (Pellauer et al., ASPLOS 2019); ``double``: filling overlaps with use and every
            tile takes its room twice; ``single``: filling and use alternate.
        burst_bits: what is moved at a time: a request moves whole bursts.
        latency_cycles: clock cycles until what is read begins to arrive.
        taken_bits: part of the capacity that is not there for tiles, as other layers hold something in it.
    """

    name: str
    keeps: tuple[str, ...]
    size_bits: float
    width_bits: int = 16
    read_bandwidth: float = math.inf
    write_bandwidth: float = math.inf
    bandwidth: float = math.inf
    buffering: Buffering = "buffet"
    component: Component = Component()
    compression: tuple[Compression, ...] = ()
    savings: tuple[ZeroSaving, ...] = ()
    taken_bits: float = 0.0
    burst_bits: int = 1
    latency_cycles: float = 0.0

    @property
    def room_per_tile(self) -> int:
        """How many times a tile takes its room."""
        return 2 if self.buffering == "double" else 1

    @property
    def room_bits(self) -> float:
        """What tiles may take, each of them once."""
        return (self.size_bits - self.taken_bits) / self.room_per_tile


@dataclass(frozen=True, slots=True)
class Link:
    """The network that carries one tensor across a fanout.

    Attributes:
        tensor: tensor name, role or ``all``.
        multicast: a word that several copies want in the same step is sent once.
        reduce: partial sums of several copies for the same word are added on the way up.
        neighbour: copies pass words on to each other instead of hanging on one bus: a word that any copy had in the
            step before is not sent again. For partial sums, copies hand them on to be added (with `reduce`).
        bandwidth: bits per clock cycle in each direction, between the fanout and what is above it.
        component: a bus is paid for every word that a copy receives or gives, neighbours for every word that one
            copy hands to another.
    """

    tensor: str
    multicast: bool = True
    reduce: bool = True
    neighbour: bool = False
    bandwidth: float = math.inf
    component: Component = Component()


@dataclass(frozen=True, slots=True)
class Fanout:
    """A grid of `x` by `y` copies of all nodes that follow."""

    name: str
    x: int
    y: int = 1
    links: tuple[Link, ...] = ()

    def link(self, tensor: str, role: str) -> Link:
        """The network that carries a tensor: by name, else by role, else by ``all``, else an ideal one."""
        for key in (tensor, role, ALL):
            for link in self.links:
                if link.tensor == key:
                    return link
        return Link(ALL)


@dataclass(frozen=True, slots=True)
class Converter:
    """Something that every passing word of these tensors pays for: a DAC, an ADC, an encoder, a dequantizer.

    Attributes:
        count: how many of them stand side by side, e.g. a DAC at each row of an array.
    """

    name: str
    tensors: tuple[str, ...]
    component: Component = Component()
    count: int = 1


@dataclass(frozen=True, slots=True)
class Compute:
    """The arithmetic.

    Attributes:
        op: what one operation is, for display.
        bits: operand width.
        cycles: clock cycles between two operations of one unit.
        depth: pipeline stages; paid once whenever the array starts anew.
    """

    name: str
    op: str = "multiply-accumulate"
    bits: int = 16
    cycles: float = 1.0
    depth: int = 1
    component: Component = Component()
    savings: tuple[ZeroSaving, ...] = ()


Node = Memory | Fanout | Converter | Compute


@dataclass(frozen=True, slots=True)
class Technology:
    """Feature size in nanometres and supply in volts (0: the node's nominal supply)."""

    node_nm: float = 65.0
    voltage: float = 0.0


@dataclass(frozen=True, slots=True)
class Systolic:
    """How a systolic array works; `sim.arch.systolic` says what such a machine consists of.

    Attributes:
        dataflow: what stays in the PEs: outputs (``os``), weights (``ws``) or inputs (``is``).
        timing: ``tilenest``, or ``scalesim``: cycles and words by SCALE-Sim's conventions.
        overlap: whether a fold enters the array while the one before leaves it.
        passes: whether operands wider than the multipliers are multiplied in parts, in so many passes.
        rows: what a fold has on its rows where weights stay: what comes of a whole ``window``, or the ``channels`` of
            one place in it.
        sums_bits: width of a sum that is not complete, 0 for that of the outputs.
        arrays: the fanout of which each copy is an array; they divide columns among them. Empty where there is one.
        lanes: words in a cycle that the unit behind the array (activations, vector layers) takes, 0 for one a PE.
    """

    dataflow: Stationary = "ws"
    timing: Timing = "tilenest"
    overlap: bool = True
    passes: bool = False
    rows: OnRows = "window"
    sums_bits: int = 0
    lanes: int = 0
    arrays: str = ""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A machine.

    Attributes:
        engine: the ``class:`` of the file; picks the engine.
        nodes: outermost first; begins with a memory that keeps everything and ends with the compute node.
        clock_hz: clock frequency.
        dataflow: the dataflow that its mappings obey if a person names no other.
        homes: (tensor, memory) pairs. A tensor is whole at its home before and after the layer, and nothing further
            out ever sees it; its room there counts as taken (`Memory.taken_bits`), not as that of a tile. All others
            are at home in the outermost memory.
        systolic: for machines of class ``systolic``.
        crossbar: for machines of class ``crossbar``.
        noise: for these, too: what makes them compute something else than their weights say.

    Raises:
        ArchitectureError: for a name used twice, a missing or misplaced compute node, an outermost node that
            is not a memory for all tensors, or a home that is not a memory of which there is one.
    """

    name: str
    nodes: tuple[Node, ...]
    engine: str = "spatial"
    clock_hz: float = 1e9
    technology: Technology = Technology()
    dataflow: str = "any"
    summary: str = ""
    source: str = ""
    homes: tuple[tuple[str, str], ...] = ()
    systolic: Systolic | None = None
    crossbar: Crossbar | None = None
    noise: Noise | None = None

    def __post_init__(self) -> None:
        names = [n.name for n in self.nodes]
        for name in names:
            if names.count(name) > 1:
                raise ArchitectureError(f"architecture {self.name}: the name {name} is used twice")
        if not self.nodes or not isinstance(self.nodes[-1], Compute):
            raise ArchitectureError(f"architecture {self.name}: the last node must be the compute node")
        if sum(isinstance(n, Compute) for n in self.nodes) != 1:
            raise ArchitectureError(f"architecture {self.name}: there must be one compute node")
        first = self.nodes[0]
        if not isinstance(first, Memory) or (
            ALL not in first.keeps and not {"inputs", "weights", "outputs"} <= set(first.keeps)
        ):
            raise ArchitectureError(
                f"architecture {self.name}: the first node must be a memory that keeps all tensors"
            )
        for tensor, home in self.homes:
            if not isinstance(self[home], Memory) or self.instances(home) > 1:
                raise ArchitectureError(
                    f"architecture {self.name}: {home} cannot be the home of {tensor}, as it is not one memory"
                )

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        hint = nearest(name, (n.name for n in self.nodes))
        raise ArchitectureError(f"architecture {self.name} has no node {name}; {hint}".rstrip("; "))

    @property
    def memories(self) -> tuple[Memory, ...]:
        """The storage levels, outermost first."""
        return tuple(n for n in self.nodes if isinstance(n, Memory))

    @property
    def fanouts(self) -> tuple[Fanout, ...]:
        """The grids, outermost first."""
        return tuple(n for n in self.nodes if isinstance(n, Fanout))

    @property
    def compute(self) -> Compute:
        """The arithmetic node."""
        last = self.nodes[-1]
        assert isinstance(last, Compute)
        return last

    def home(self, tensor: str) -> Memory:
        """The memory in which a tensor is before or after the layer."""
        return next((m for m in self.memories if (tensor, m.name) in self.homes), self.memories[0])

    def keepers(self, tensor: str, role: str) -> tuple[Memory, ...]:
        """The memories that may keep a tensor, outermost first: its home, and those further in that are for it."""
        home = self.home(tensor)
        inward = self.memories[self.memories.index(home) + 1 :]
        return (home, *(m for m in inward if keeps(m, tensor, role)))

    def instances(self, name: str) -> int:
        """How many copies of a node there are."""
        count = 1
        for node in self.nodes:
            if node.name == name:
                return count * (node.count if isinstance(node, Converter) else 1)
            if isinstance(node, Fanout):
                count *= node.x * node.y
        raise ArchitectureError(f"architecture {self.name} has no node {name}")

    @property
    def mapped(self) -> bool:
        """Whether it runs mappings, which have to be found; other machines leave nothing to choose."""
        return self.systolic is None and self.crossbar is None

    @property
    def pes(self) -> int:
        """Copies of the compute node."""
        return self.instances(self.compute.name)


def keeps(memory: Memory, tensor: str, role: str) -> bool:
    """Whether a memory may keep a tensor."""
    return ALL in memory.keeps or tensor in memory.keeps or role in memory.keeps
