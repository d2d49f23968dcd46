"""What energy buys: the mappings of a layer of which none is beaten in both energy and latency."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sim.arch.tree import Architecture
from sim.errors import MappingError
from sim.mapping.dataflow import Dataflow
from sim.mapping.found import Found
from sim.mapping.mapper import Finder, Strategy, find_mapping
from sim.mapping.objective import Objective
from sim.workload.layer import Layer


def front(
    layer: Layer,
    arch: Architecture,
    dataflow: Dataflow,
    limits: Objective,
    strategy: Strategy,
    step: float = 0.01,
    find: Finder = find_mapping,
) -> Iterator[Found]:
    """The energy-latency front by the epsilon-constraint method (Haimes, Lasdon, Wismer, IEEE Trans. SMC 1971).

    The mapping of least energy comes first. Then, again and again, the one of least energy that is faster than the
    last by more than a step, until the least latency is reached. If these searches are exact, so is every point: no
    mapping that is as fast takes less energy. Points that a step passes over are left out.

    Args:
        limits: an objective of which only the limits count.
        step: the share of its latency by which a point is faster than the one before; 0 finds all points.
        find: what finds the mappings.

    Raises:
        MappingError: when no mapping is found within the limits.
    """
    fastest = find(layer, arch, dataflow, replace(limits, energy=0, latency=1, dram=0), strategy)
    least = fastest.latency_cycles
    frugal = replace(limits, energy=1, latency=0, dram=0)
    found = find(layer, arch, dataflow, frugal, strategy)
    yield found
    while found.latency_cycles > least:
        below = min(found.latency_cycles * (1 - step), math.nextafter(found.latency_cycles, 0))
        try:
            found = find(layer, arch, dataflow, replace(frugal, most_cycles=max(least, below)), strategy)
        except MappingError:  # a search without proof may miss what another one has found
            found = fastest
        yield found


def not_dominated(points: Iterable[Found]) -> list[Found]:
    """The points of which none other is as good in energy and latency, from the least energy to the least latency."""
    out: list[Found] = []
    for point in sorted(points, key=lambda p: (p.latency_cycles, p.energy_pj)):
        if not out or point.energy_pj < out[-1].energy_pj:
            out.append(point)
    return out[::-1]
