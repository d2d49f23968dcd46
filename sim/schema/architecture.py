"""Architecture files: their shape, and how they become a `sim.arch.tree.Architecture`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import CoreSchema

from sim.arch import tree
from sim.arch.crossbar_machine import CrossbarMachine
from sim.arch.faults import MachineError
from sim.arch.library import find
from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture, ArchitectureError
from sim.components.table import ComponentError, node_costs
from sim.errors import ConfigError
from sim.schema import crossbar, systolic
from sim.schema.costs import Costed, OperationEnergy, ReadWriteEnergy, WordEnergy, present
from sim.schema.crossbar import CrossbarText
from sim.schema.noise import NoiseText
from sim.schema.source import Source, read
from sim.schema.systolic import SystolicText
from sim.schema.validate import (
    Bandwidth,
    Bits,
    Data,
    Delay,
    Free,
    Frequency,
    Identifier,
    Length,
    Names,
    Strict,
    UnitField,
    Voltage,
    one_kind,
    reject,
    validate,
)
from sim.schema.yaml12 import Path
from sim.units import DATA, DATA_RATE, LENGTH, TIME, Quantity

_SIZE = "capacity of one instance, e.g. 108 KiB; `size: unbounded` for a memory without a limit, such as DRAM"
_KEEPS = (
    "tensors that may be kept here: `all` (default), a role (inputs, weights, outputs), a tensor's name, or a list"
)

_MOST_COPIES = 10**6  # a whole wafer has fewer PEs


def _size(value: object, handler: Callable[[object], float]) -> float:
    return math.inf if value == "unbounded" else handler(value)


_SIZE_SCHEMA = {"anyOf": [{"const": "unbounded"}, UnitField((DATA,)).json_schema()]}
Size = Annotated[Data, WrapValidator(_size), WithJsonSchema(_SIZE_SCHEMA)]


RunBits = Annotated[int, UnitField((DATA,), "whole", zero=False, most=64)]


class CompressionText(Strict):
    """How a memory stores a tensor that has zeros."""

    tensor: str = Field(description="name or role of the tensor")
    format: Literal["rlc", "csc", "bitmask"] = Field(
        description="rlc: run lengths; csc: values and row indices; bitmask"
    )
    run: RunBits | None = Field(None, description="width of a run length or relative index (default 5 bit)")
    group: Bits | None = Field(None, description="pairs are packed into groups of so many bits (default: no packing)")
    only_if_smaller: bool | None = Field(
        None, description="store as it is where compression would not help (default)"
    )

    def lower(self) -> tree.Compression:
        """As the domain has it."""
        rest = present(run_bits=self.run, group_bits=self.group, only_if_smaller=self.only_if_smaller)
        return tree.Compression(self.tensor, self.format, **rest)


class SavingText(Strict):
    """What zero operands save."""

    target: str = Field(description="tensor whose accesses are spared; in a compute node its own name")
    on: Names = Field(min_length=1, description="tensor, or list of tensors, of which any zero spares the access")


class ZeroAware(Costed):
    """A node that can make use of zeros."""

    gating: list[SavingText] = Field([], description="what zeros save in energy")
    skipping: list[SavingText] = Field([], description="what zeros save in energy and time")

    def lower_savings(self) -> tuple[tree.ZeroSaving, ...]:
        """As the domain has it."""
        gating = [tree.ZeroSaving("gating", s.target, tuple(s.on)) for s in self.gating]
        return (*gating, *(tree.ZeroSaving("skipping", s.target, tuple(s.on)) for s in self.skipping))


class MemoryEntry(ZeroAware):
    """A storage level."""

    memory: Identifier = Field(description="name of this memory")
    size: Size = Field(description=_SIZE)
    keeps: Names = Field([tree.ALL], min_length=1, description=_KEEPS)
    width: Bits | None = Field(None, description="bits moved by one access (default 16 bit)")
    bandwidth: Bandwidth | None = Field(None, description="shared by reads and writes, e.g. 64 bit/cycle or 3.2 GB/s")
    read_bandwidth: Bandwidth | None = Field(None, description="of reads alone, e.g. 64 bit/cycle")
    write_bandwidth: Bandwidth | None = Field(None, description="of writes alone, e.g. 64 bit/cycle")
    buffering: tree.Buffering | None = Field(
        None,
        description="whether filling overlaps with use: buffet (default), double (takes twice the room) or single",
    )
    burst: Bits | None = Field(
        None, description="class systolic: a request moves whole bursts, e.g. 64 B (default 1 bit)"
    )
    latency: Delay | None = Field(
        None, description="class systolic: until what is read begins to arrive, e.g. 100 ns or 100 cycle (default 0)"
    )
    compression: list[CompressionText] = Field([], description="tensors that are stored compressed")
    energy: ReadWriteEnergy | None = Field(None, description="energies that win over the cost model")

    def lower(self, clock_hz: float) -> tree.Memory:
        """As the domain has it."""
        rest = present(
            width_bits=self.width,
            bandwidth=_per_cycle(self.bandwidth, clock_hz),
            read_bandwidth=_per_cycle(self.read_bandwidth, clock_hz),
            write_bandwidth=_per_cycle(self.write_bandwidth, clock_hz),
            buffering=self.buffering,
            burst_bits=self.burst,
            latency_cycles=_cycles(self.latency, clock_hz),
        )
        return tree.Memory(
            self.memory,
            tuple(self.keeps),
            self.size,
            component=self.lower_component(),
            compression=tuple(c.lower() for c in self.compression),
            savings=self.lower_savings(),
            **rest,
        )


class LinkText(Costed):
    """The network that carries one tensor across a fanout."""

    multicast: bool | None = Field(None, description="a word that several copies want is sent once (default true)")
    reduce: bool | None = Field(None, description="partial sums are added on the way up (default true)")
    neighbour: bool | None = Field(
        None, description="copies pass words on to each other instead of sharing a bus (default false)"
    )
    bandwidth: Bandwidth | None = Field(None, description="in each direction, e.g. 64 bit/cycle")
    energy: WordEnergy | None = Field(None, description="energies that win over the cost model")

    def lower(self, tensor: str, clock_hz: float) -> tree.Link:
        """As the domain has it."""
        bandwidth = _per_cycle(self.bandwidth, clock_hz)
        rest = present(multicast=self.multicast, reduce=self.reduce, neighbour=self.neighbour, bandwidth=bandwidth)
        return tree.Link(tensor, component=self.lower_component(), **rest)


class FanoutEntry(Strict):
    """A grid of copies of all that follows."""

    fanout: Identifier = Field(description="name of this grid")
    x: int = Field(ge=1, le=_MOST_COPIES, description="columns: copies in the x direction")
    y: int = Field(1, ge=1, le=_MOST_COPIES, description="rows: copies in the y direction")
    links: dict[str, LinkText] = Field({}, description="networks by tensor, role or `all`; without one it is ideal")

    def lower(self, clock_hz: float) -> tree.Fanout:
        """As the domain has it."""
        links = tuple(link.lower(tensor, clock_hz) for tensor, link in self.links.items())
        return tree.Fanout(self.fanout, self.x, self.y, links)


class ConverterEntry(Costed):
    """Something that every passing word pays for."""

    converter: Identifier = Field(description="name of this converter")
    tensors: Names = Field(
        [tree.ALL], min_length=1, description="tensors that pass it: `all` (default), one or a list"
    )
    count: int = Field(1, ge=1, le=_MOST_COPIES, description="how many stand side by side here (default 1)")
    energy: WordEnergy | None = Field(None, description="energies that win over the cost model")

    def lower(self, clock_hz: float) -> tree.Converter:
        """As the domain has it."""
        return tree.Converter(self.converter, tuple(self.tensors), self.lower_component(), self.count)


class ComputeEntry(ZeroAware):
    """The arithmetic."""

    compute: Identifier = Field(description="name of the unit")
    op: str | None = Field(None, description="what one operation is, for display (default multiply-accumulate)")
    bits: Bits | None = Field(None, description="operand width (default 16 bit)")
    cycles: float | None = Field(
        None, ge=1e-6, le=1e6, description="clock cycles between two operations of a unit (default 1)"
    )
    depth: int | None = Field(None, ge=1, le=10**6, description="pipeline stages (default 1)")
    energy: OperationEnergy | None = Field(None, description="energies that win over the cost model")

    @model_validator(mode="after")
    def _spares_itself(self) -> ComputeEntry:
        for saving in (*self.gating, *self.skipping):
            if saving.target != self.compute:
                raise reject(f"'{saving.target}' cannot be spared in a compute node", f"its own name, {self.compute}")
        return self

    def lower(self, clock_hz: float) -> tree.Compute:
        """As the domain has it."""
        rest = present(op=self.op, bits=self.bits, cycles=self.cycles, depth=self.depth)
        return tree.Compute(self.compute, component=self.lower_component(), savings=self.lower_savings(), **rest)


KINDS = ("memory", "fanout", "converter", "compute")


def _check_entry(value: object) -> object:
    return one_kind(value, KINDS, "an entry", "e.g. `- memory: glb` and its other keys below", "a ")


def _tag(value: dict[str, object]) -> str:
    # The tags must differ from all keys, so that locations in pydantic's errors can be told apart.
    return next(f"a {kind}" for kind in KINDS if kind in value)


Entry = Annotated[
    Annotated[MemoryEntry, Tag("a memory")]
    | Annotated[FanoutEntry, Tag("a fanout")]
    | Annotated[ConverterEntry, Tag("a converter")]
    | Annotated[ComputeEntry, Tag("a compute")],
    Discriminator(_tag),
    BeforeValidator(_check_entry),
]


class TechnologyText(Strict):
    """The process that the chip is made in."""

    node: Length = Field(description="feature size, e.g. 65 nm")
    voltage: Voltage | None = Field(None, description="supply, e.g. 1.0 V (default: the node's nominal supply)")

    @model_validator(mode="before")
    @classmethod
    def _node_alone(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"node": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [UnitField((LENGTH,)).json_schema(), handler.resolve_ref_schema(handler(schema))]}

    def lower(self) -> tree.Technology:
        """As the domain has it."""
        return tree.Technology(self.node, **present(voltage=self.voltage))


class ArchitectureText(Strict):
    """A machine."""

    name: str = Field(min_length=1, description="name of the machine")
    engine: Identifier = Field("spatial", alias="class", description="class of machine; picks the engine")
    summary: str = Field("", description="one line about it")
    source: str = Field("", description="where the machine is described: paper, data sheet")
    clock: Frequency = Field(description="clock frequency, e.g. 200 MHz")
    dataflow: str | None = Field(
        None, description="dataflow that mappings obey if no other is named, e.g. row_stationary (default any)"
    )
    technology: TechnologyText | None = Field(
        None, description="feature size, and supply voltage; or feature size alone"
    )
    parameters: dict[Identifier, Free] = Field({}, description="named values, used as ${name}")
    systolic: SystolicText | None = Field(None, description="class systolic: how the array works")
    crossbar: CrossbarText | None = Field(None, description="class crossbar: how the analog arrays work")
    noise: NoiseText | None = Field(None, description="class crossbar: what makes the arrays err")
    homes: dict[str, Identifier] = Field(
        {}, description="class systolic: memories in which tensors are before and after a layer, by role"
    )
    hierarchy: list[Entry] = Field(min_length=1, description="nodes from the outermost memory to the compute node")


def lower(text: ArchitectureText, source: Source) -> Architecture:
    """The machine that a file describes.

    Raises:
        ConfigError: when its nodes contradict each other, or a cost model does not understand one of them.
    """
    nodes = tuple(entry.lower(text.clock) for entry in text.hierarchy)
    rest = present(
        technology=text.technology and text.technology.lower(),
        dataflow=text.dataflow,
        summary=text.summary,
        source=text.source,
        systolic=text.systolic and text.systolic.lower(),
        homes=tuple(text.homes.items()) or None,
    )
    problems = [*systolic.misplaced(text, source), *crossbar.misplaced(text, source)]
    if problems:
        raise ConfigError(problems)
    arrays = crossbar.lower(text, nodes, source)
    nodes = tuple(crossbar.with_resolution(nodes, arrays))
    noise = crossbar.lower_noise(text, arrays, source)
    try:
        arch = Architecture(text.name, nodes, text.engine, text.clock, crossbar=arrays, noise=noise, **rest)
        node_costs(arch)
        if arch.systolic:
            SystolicMachine.of(arch)
        if arch.engine == "crossbar":
            CrossbarMachine.of(arch)
    except MachineError as error:
        raise ConfigError(
            source.problem(("hierarchy", i) if i is not None else ("hierarchy",), message, expected)
            for i, message, expected in error.faults
        ) from None
    except ArchitectureError as error:
        raise ConfigError(source.problem(("hierarchy", _culprit(nodes)), str(error))) from None
    except ComponentError as error:
        path, expected = _component(error.part, nodes), crossbar.affordable(arrays, error.part, nodes)
        raise ConfigError(source.problem(path, str(error), expected)) from None
    return arch


def read_architecture(path_or_name: str | FilePath, sets: Sequence[str] = ()) -> Architecture:
    """The machine in a file, or the shipped one of this name. A file that ends in ``.cfg`` is one of SCALE-Sim's.

    Args:
        path_or_name: a path, or a name that `tilenest list` shows.
        sets: overrides such as ``array.x=16``.

    Raises:
        TilenestError: when there is no such file; a `ConfigError` with all mistakes in it.
    """
    path = find("arch_configs", path_or_name)
    if path.suffix == ".cfg":
        from sim.schema.scalesim_cfg import read_cfg

        return read_cfg(path, sets)
    source = read(path, sets)
    return lower(validate(ArchitectureText, source), source)


def _culprit(nodes: Sequence[tree.Node]) -> int:
    """Which node an `ArchitectureError` is about: a second of one name, a misplaced compute node, else the first."""
    names = [node.name for node in nodes]
    twice = (i for i, name in enumerate(names) if name in names[:i])
    misplaced = (i for i, node in enumerate(nodes) if isinstance(node, tree.Compute) != (i == len(nodes) - 1))
    return next(twice, next(misplaced, 0))


def _component(part: str, nodes: Sequence[tree.Node]) -> Path:
    """Where the component of a node, or of a link of a fanout (``array.inputs``), stands."""
    name, _, link = part.partition(".")
    index = [node.name for node in nodes].index(name)
    return ("hierarchy", index, *(("links", link) if link else ()), "component")


def _cycles(delay: Quantity | None, clock_hz: float) -> float | None:
    """Clock cycles."""
    if delay is None:
        return None
    return delay.value * clock_hz if delay.dimension == TIME else delay.value


def _per_cycle(bandwidth: Quantity | None, clock_hz: float) -> float | None:
    """Bits per clock cycle."""
    if bandwidth is None:
        return None
    return bandwidth.value / clock_hz if bandwidth.dimension == DATA_RATE else bandwidth.value
