"""What if: the best mapping of a layer under another dataflow, or with more room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sim.arch.tree import Architecture
from sim.errors import MappingError, TilenestError
from sim.mapping.dataflow import Dataflow, check_host
from sim.mapping.found import Found
from sim.mapping.mapper import Finder, Strategy, find_mapping
from sim.mapping.objective import Objective
from sim.workload.layer import Layer


@dataclass(frozen=True, slots=True)
class Alternative:
    """Something else, and the best mapping that is found for it.

    Attributes:
        name: of the other dataflow, or of the memory that has more room.
        size_bits: the new capacity of the memory.
        found: the mapping, or None where there is none.
        why_not: what is then in the way.
    """

    name: str
    size_bits: float = 0.0
    found: Found | None = None
    why_not: str = ""


def with_dataflows(
    layer: Layer,
    arch: Architecture,
    dataflows: Iterable[Dataflow],
    objective: Objective,
    strategy: Strategy,
    find: Finder = find_mapping,
) -> Iterator[Alternative]:
    """The best mapping under each of these dataflows that the array can host."""
    for dataflow in dataflows:
        try:
            check_host(dataflow, arch)
        except MappingError:
            continue
        yield _searched(Alternative(dataflow.name), find, layer, arch, dataflow, objective, strategy)


def with_more_room(
    layer: Layer,
    arch: Architecture,
    dataflow: Dataflow,
    objective: Objective,
    strategy: Strategy,
    find: Finder = find_mapping,
    more: float = 0.1,
) -> Iterator[Alternative]:
    """The best mapping where one memory is larger, and costs what the larger one does; for each that is bounded.

    Args:
        more: the share of its capacity that a memory gets on top, down to whole bytes.
    """
    for memory in arch.memories:
        if math.isfinite(memory.size_bits):
            larger = replace(memory, size_bits=math.floor(memory.size_bits * (1 + more)) // 8 * 8)
            machine = replace(arch, nodes=tuple(larger if node is memory else node for node in arch))
            what = Alternative(memory.name, larger.size_bits)
            yield _searched(what, find, layer, machine, dataflow, objective, strategy)


def _searched(
    what: Alternative,
    find: Finder,
    layer: Layer,
    arch: Architecture,
    dataflow: Dataflow,
    objective: Objective,
    strategy: Strategy,
) -> Alternative:
    try:
        return replace(what, found=find(layer, arch, dataflow, objective, strategy))
    except TilenestError as error:  # nothing fits, or the cost model does not reach so far
        return replace(what, why_not=str(error).partition("\n")[0])
