"""A roofline: how fast networks could be on a machine by its arithmetic and its memory, and how fast they are.

Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009. Operations are counted for each byte that has to come from
the memory outside the chip. On a machine whose inputs and outputs stay on the chip these are its weights, each once,
as the paper on the first TPU has it; on others they are the words that the outermost memory moves by the mappings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from sim.arch.tree import Architecture, Memory
from sim.report.rows import Sheet
from sim.report.table import sheet_table
from sim.results import Result
from sim.workload.layer import VectorLayer
from sim.workload.network import Network


@dataclass(frozen=True, slots=True)
class Roof:
    """What limits a machine.

    Attributes:
        arch: its name.
        memory: the memory of which the bandwidth counts.
        peak: multiply-accumulates a second that its arithmetic does at most.
        bandwidth: bytes a second; infinite where the machine says nothing of it.
    """

    arch: str
    memory: str
    peak: float
    bandwidth: float

    @classmethod
    def of(cls, arch: Architecture) -> Roof:
        """The roof of a machine."""
        memory = memory_of(arch)
        bits = min(memory.bandwidth, memory.read_bandwidth)
        return cls(arch.name, memory.name, arch.pes * arch.clock_hz / arch.compute.cycles, bits * arch.clock_hz / 8)

    @property
    def ridge(self) -> float:
        """Multiply-accumulates a byte from which on the arithmetic limits."""
        return self.peak / self.bandwidth

    def at(self, macs_per_byte: float) -> float:
        """Multiply-accumulates a second at most."""
        return min(self.peak, macs_per_byte * self.bandwidth)


@dataclass(frozen=True, slots=True)
class Point:
    """A network below the roof.

    Attributes:
        batch: samples that are computed together.
        macs_per_byte: multiply-accumulates for each byte.
        tops: 10^12 operations a second, two of them a multiply-accumulate.
        roof_tops: what the roof allows.
        bound_by: ``memory`` or ``compute``: which part of the roof it is below.
    """

    workload: str
    batch: int
    macs_per_byte: float
    tops: float
    roof_tops: float
    bound_by: str


def memory_of(arch: Architecture) -> Memory:
    """The memory outside the chip whose bandwidth limits."""
    return arch.home("weights")


def point(result: Result, network: Network, arch: Architecture) -> Point:
    """Where a network lies."""
    roof, total = Roof.of(arch), result.totals
    intensity = total.macs / _bytes(result, network, arch)
    return Point(
        result.workload,
        result.batch,
        intensity,
        2e-12 * total.macs / total.latency_s,
        2e-12 * roof.at(intensity),
        "memory" if intensity < roof.ridge else "compute",
    )


def _bytes(result: Result, network: Network, arch: Architecture) -> float:
    if arch.homes:
        weights = [(layer, t) for layer in network.mac_layers for t in layer.tensors if t.role == "weights"]
        return sum(layer.words(t.name) * t.bits for layer, t in weights) / 8
    bits = 0
    for layer in result.layers:
        of = network[layer.name]
        for name, a in layer.actions.get(memory_of(arch).name, {}).items():
            width = of.bits if isinstance(of, VectorLayer) else of.tensor(name).bits
            bits += (a.reads + a.updates + a.fills + a.drains) * width
    return bits / 8


def roofline_table(roof: Roof, points: Sequence[Point]) -> RenderableType:
    """A row for each network."""
    headings = ("workload", "batch", "MAC/B", "TOPS", "roof", "of the roof", "roof of")
    rows = tuple(
        (
            p.workload,
            str(p.batch),
            f"{p.macs_per_byte:,.4g}",
            f"{p.tops:.3g}",
            f"{p.roof_tops:.3g}",
            f"{100 * p.tops / p.roof_tops:.1f} %",
            roof.memory if p.bound_by == "memory" else "compute",
        )
        for p in points
    )
    peak = ("ridge", "", f"{roof.ridge:,.4g}", "", f"{2e-12 * roof.peak:.3g}", "", "")
    table = sheet_table(Sheet(headings, rows, peak, (False, *[True] * 5, False)))
    about = f"{roof.arch}: {2e-12 * roof.peak:.3g} TOPS, {roof.memory} {1e-9 * roof.bandwidth:.4g} GB/s"
    return Group(Text(about, style="bold"), Text(), table)


def roofline_json(roof: Roof, points: Sequence[Point]) -> str:
    """The same as JSON."""
    data = {"roof": asdict(roof) | {"ridge": roof.ridge}, "points": [asdict(p) for p in points]}
    return json.dumps(data, indent=2) + "\n"
