"""Results: what a layer or a network costs on a machine. They add up, and go to dictionaries, JSON and tables."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping as Map
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sim import __version__
from sim.errors import TilenestError, nearest
from sim.layouts import Crossbar, Systolic
from sim.mapping.counts import Actions
from sim.mapping.found import Found

SCHEMA = "tilenest-result/1"


class ResultError(TilenestError, KeyError):
    """A layer that a result does not have."""

    __str__ = TilenestError.__str__  # a KeyError would show the text in quotes


def digest(thing: object) -> str:
    """A short hash of all that a frozen dataclass says."""
    return hashlib.sha256(repr(thing).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a result came from.

    Attributes:
        tilenest: version of the program.
        arch_hash, workload_hash: of the machine and the network after all overrides.
        dataflow, dataflow_hash: name of the dataflow that mappings had to obey, and a hash of what it says.
        mappings_hash: of the loop nests written by hand; empty where there were none.
        objective: what made a mapping good: ``energy``, ``latency``, ``edp`` (their product) or another product.
        most_pj, most_cycles: limits that the mapping of every layer had to keep, or null.
        mapper: how mappings were searched for: ``optimal``, with its budget if it had one, or ``sampled`` with runs,
            trials and seed.
        command: the command line; empty where there was none.
        fuse: whether layers might be fused into groups.
    """

    tilenest: str
    arch_hash: str
    workload_hash: str
    dataflow: str
    dataflow_hash: str
    mappings_hash: str
    objective: str
    most_pj: float | None
    most_cycles: float | None
    mapper: str
    command: str = ""
    fuse: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """Accesses that zeros leave, where a memory or its compression makes use of them.

    Attributes:
        data: words of data that move, by action.
        metadata_bits: bits of run lengths, indices or masks that move with them, by action.
        gated, skipped: dense accesses that are spared in energy alone, and in time too.
    """

    data: Map[str, float]
    metadata_bits: Map[str, float]
    gated: float
    skipped: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where the clock cycles of a matrix unit go, as Table 3 of the TPU's paper (Jouppi et al., ISCA 2017) has it.

    `active`, `weight_stall`, `weight_shift` and `non_matrix` make up all cycles.

    Attributes:
        active: cycles in which the array multiplies.
        useful: those in which all PEs together would do the layer's multiplications.
        unused: the rest of `active`, as PEs hold no weight of the layer.
        weight_stall: cycles that go by only because weights have not come.
        weight_shift: cycles that go by only because weights are being shifted into the array.
        non_matrix: cycles for anything else, such as vector layers and outputs on which the next layer waits.
        input_stall: the part of `non_matrix` in which words pass between the chip and the outside.
    """

    active: float = 0.0
    useful: float = 0.0
    unused: float = 0.0
    weight_stall: float = 0.0
    weight_shift: float = 0.0
    non_matrix: float = 0.0
    input_stall: float = 0.0

    def __add__(self, other: Breakdown) -> Breakdown:
        return Breakdown(**{key: value + getattr(other, key) for key, value in asdict(self).items()})

    @property
    def cycles(self) -> float:
        """All cycles."""
        return self.active + self.weight_stall + self.weight_shift + self.non_matrix

    def share(self, part: str) -> float:
        """A part of all cycles."""
        return float(getattr(self, part)) / self.cycles if self.cycles else 0.0


@dataclass(frozen=True, slots=True)
class LayerResult:
    """What one layer costs.

    Attributes:
        name: as in the workload.
        kind: as in the workload (``conv``, ``linear``, ``maxpool``, ...).
        macs: multiply-accumulates, those on padding included; 0 for vector layers.
        energy_pj: all energy, with what the clock and leakage take while the layer runs.
        latency_cycles: clock cycles from the first operand to the last result.
        latency_s: the same in seconds.
        compute_cycles: clock cycles that the array alone would take.
        utilization: operations over what all PEs could have done in `latency_cycles`.
        active_pes: PEs that ever have work; of analog arrays, cells that hold weights.
        energy_breakdown: pJ by component (node, link of a fanout, ``static``).
        energy_by_tensor: pJ by component and tensor, for what moves words.
        actions: words by memory and tensor, summed over the memory's copies.
        tiles: words of the largest tile of a copy, by memory and tensor.
        cycles: clock cycles by what takes them: ``compute``, memories, networks (``fanout.tensor``), and what
            comes on top: ``waits`` for single-buffered memories, ``start`` of the array, ``depth`` of its pipeline.
            Of analog arrays: as the others, with ``weights`` that are written first.
            Of a systolic array: ``compute``, the outermost memory, and what comes on top of ``compute``: ``first``
            tiles, ``stalls``, and the ``last`` words on their way out; or, as in `breakdown`, ``weight_stall``,
            ``weight_shift`` and ``non_matrix``.
        bound_by: the name in `cycles` that decides the steady state.
        zeros: what zeros spare, by memory and tensor, where they do.
        operations: operations done, gated and skipped.
        mapping: the loop nest, one line an item; empty for vector layers.
        evaluated: mappings that were counted and priced.
        optimal: whether the mapping is proved optimal; null if that is not known.
        gap: by which share of its objective's value the mapping may be above the best one; null if not known.
        value: of the objective, a product of powers of pJ, clock cycles and bits; null for a mapping by hand.
        bound: no mapping has a smaller value; null if not known.
        space: how many mappings there are to choose from; null if they were not counted.
        fused: the layer into which a vector layer is fused and costs nothing of its own, or null.
        group: the number of the group in which the layer is run tile by tile, or null. Then everything is summed over
            the tiles, the mapping is that of the part that is run most often, it is optimal if those of all parts
            are, and the gap is the largest one.
        systolic: on a systolic array, how the layer lies on it; null on other machines and for vector layers.
        crossbar: on analog arrays, how the layer lies on them; null on other machines and for vector layers.
        breakdown: on a systolic array with inputs and outputs at home on the chip, where its cycles go; else null.
    """

    name: str
    kind: str
    macs: int
    energy_pj: float
    latency_cycles: float
    latency_s: float
    compute_cycles: float = 0.0
    utilization: float = 0.0
    active_pes: int = 0
    energy_breakdown: Map[str, float] = field(default_factory=dict)
    energy_by_tensor: Map[str, Map[str, float]] = field(default_factory=dict)
    actions: Map[str, Map[str, Actions]] = field(default_factory=dict)
    tiles: Map[str, Map[str, int]] = field(default_factory=dict)
    cycles: Map[str, float] = field(default_factory=dict)
    bound_by: str = ""
    zeros: Map[str, Map[str, Stored]] = field(default_factory=dict)
    operations: Map[str, float] = field(default_factory=dict)
    mapping: tuple[str, ...] = ()
    evaluated: int = 0
    optimal: bool | None = None
    gap: float | None = None
    value: float | None = None
    bound: float | None = None
    space: float | None = None
    fused: str | None = None
    group: int | None = None
    systolic: Systolic | None = None
    crossbar: Crossbar | None = None
    breakdown: Breakdown | None = None

    def words(self, level: str) -> int:
        """Words that a memory moves: fills, reads, updates and drains of all tensors."""
        return sum(a.fills + a.reads + a.updates + a.drains for a in self.actions.get(level, {}).values())

    def with_search(self, found: Found) -> LayerResult:
        """The same, with what is known about the search for its mapping."""
        return replace(
            self,
            evaluated=found.evaluated,
            optimal=found.optimal,
            gap=found.gap,
            value=found.value,
            bound=found.bound,
            space=found.space,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the form of a layer in the result's JSON."""
        return asdict(self) | {"mapping": list(self.mapping)}


@dataclass(frozen=True, slots=True)
class Group:
    """Layers in a row that hand tensors to each other through a memory on the chip, tile by tile.

    Attributes:
        number: from 1 on; `LayerResult.group` says it, too.
        layers: names.
        buffer: the memory.
        tiles: how many tiles there are, one after the other.
        dim: the dimension of the last layer that they divide (of one before it that is cut alike, if that has no
            names for its axes); empty for one tile.
        rows: how much of it is in a tile; the last may have less.
        overlap: what becomes of rows that two tiles need: ``kept`` in the buffer, ``recomputed``; ``none`` if there
            are none.
        residents: operands (``layer.tensor``) that are brought to the chip once and stay there over all tiles.
        macs: multiply-accumulates that are done, with those that are recomputed.
        energy_pj: of its layers together.
        latency_cycles: clock cycles; the layers take turns.
        latency_s: the same in seconds.
        peak_bits: the most that is in the buffer at one time.
        size_bits: what the buffer holds.
        outer_words: words that the outermost memory moves.
        unfused_energy_pj, unfused_latency_cycles, unfused_latency_s, unfused_outer_words: of the same layers, each
            run alone.
    """

    number: int
    layers: tuple[str, ...]
    buffer: str
    tiles: int
    dim: str
    rows: int
    overlap: str
    residents: tuple[str, ...]
    macs: int
    energy_pj: float
    latency_cycles: float
    latency_s: float
    peak_bits: float
    size_bits: float
    outer_words: int
    unfused_energy_pj: float
    unfused_latency_cycles: float
    unfused_latency_s: float
    unfused_outer_words: int


@dataclass(frozen=True, slots=True)
class Totals:
    """A network's layers together, one after the other.

    Attributes:
        macs: multiply-accumulates.
        energy_pj: all energy.
        latency_cycles: clock cycles.
        latency_s: the same in seconds.
        utilization: of the layers, weighted with their latency.
        edp_js: energy times latency, in joule seconds.
        energy_breakdown: pJ by component.
        words: words that each memory moves: fills, reads, updates and drains.
        breakdown: where the cycles go, if the layers say so; else null.
    """

    macs: int
    energy_pj: float
    latency_cycles: float
    latency_s: float
    utilization: float
    edp_js: float
    energy_breakdown: Map[str, float]
    words: Map[str, int]
    breakdown: Breakdown | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a network costs on a machine.

    Attributes:
        arch: name of the machine.
        workload: name of the network.
        batch: samples that are computed together.
        levels: the memories, outermost first.
        pes: copies of the compute node.
        clock_hz: clock frequency.
        area_um2: by component, all copies, where it is known.
        layers: in the order of execution.
        provenance: what the result came from.
        notes: what a reader of the numbers should know.
        groups: layers that are fused; none unless that was asked for.
    """

    arch: str
    workload: str
    batch: int
    levels: tuple[str, ...]
    pes: int
    clock_hz: float
    area_um2: Map[str, float]
    layers: tuple[LayerResult, ...]
    provenance: Provenance
    notes: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()

    @property
    def totals(self) -> Totals:
        """Sums over the layers."""
        cycles = sum(layer.latency_cycles for layer in self.layers)
        seconds = sum(layer.latency_s for layer in self.layers)
        pj = sum(layer.energy_pj for layer in self.layers)
        busy = sum(layer.utilization * layer.latency_cycles for layer in self.layers)
        parts: Counter[str] = Counter()
        for layer in self.layers:
            parts.update(layer.energy_breakdown)
        known = [layer.breakdown for layer in self.layers if layer.breakdown]
        return Totals(
            macs=sum(layer.macs for layer in self.layers),
            energy_pj=pj,
            latency_cycles=cycles,
            latency_s=seconds,
            utilization=busy / cycles if cycles else 0.0,
            edp_js=pj * 1e-12 * seconds,
            energy_breakdown=dict(parts),
            words={level: sum(layer.words(level) for layer in self.layers) for level in self.levels},
            breakdown=sum(known, Breakdown()) if known else None,
        )

    def __getitem__(self, name: str) -> LayerResult:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ResultError(
            f"the result has no layer '{name}'; {nearest(name, (r.name for r in self.layers))}".rstrip("; ")
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in the form that ``tilenest schema result`` describes."""
        return {
            "schema": SCHEMA,
            "tilenest": __version__,
            "provenance": asdict(self.provenance),
            "arch": {
                "name": self.arch,
                "levels": list(self.levels),
                "pes": self.pes,
                "clock_hz": self.clock_hz,
                "area_um2": dict(self.area_um2),
            },
            "workload": {"name": self.workload, "batch": self.batch},
            "totals": asdict(self.totals),
            "layers": [layer.to_dict() for layer in self.layers],
            "notes": list(self.notes),
            "groups": [asdict(group) for group in self.groups],
        }

    def to_json(self) -> str:
        """The same as text, indented."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def __str__(self) -> str:
        from sim.report.text import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from sim.report.text import as_html

        return as_html(self)
