"""What makes two searches for a mapping the same: all that decides what they find, and nothing else."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import numpy as np

from sim import __version__
from sim.arch.tree import Architecture, Component, Fanout, Memory, Node
from sim.components.table import NodeCosts, node_costs
from sim.mapping.dataflow import Dataflow
from sim.mapping.mapper import Strategy
from sim.mapping.objective import Objective
from sim.mapping.optimal import Optimal
from sim.mapping.prices import static_pj
from sim.workload.layer import Layer

_ROOMS = ("arch", "components", "kernels", "mapping", "workload")  # whose code decides what a search finds


@dataclass(frozen=True, slots=True)
class Search:
    """A search for a mapping, as one asks for it; see `sim.mapping.mapper.find_mapping`."""

    layer: Layer
    arch: Architecture
    dataflow: Dataflow
    objective: Objective
    strategy: Strategy

    @property
    def budget_s(self) -> float | None:
        """Seconds after which it ends without a proof; None for a search that goes by no clock."""
        return float(self.strategy.budget_s) if isinstance(self.strategy, Optimal) else None

    @property
    def minds_bandwidths(self) -> bool:
        """Whether bandwidths have a say in what a nest is worth, or in whether it keeps the limits."""
        goal = self.objective
        if goal.latency or math.isfinite(goal.most_cycles):
            return True
        grows_with_time = any(static_pj(self.arch).values())
        return grows_with_time and bool(goal.energy or math.isfinite(goal.most_pj))

    @property
    def slower_is_never_better(self) -> bool:
        """Whether no nest is worth less when any bandwidth is less.

        What the array waits for is taken off a port's time, so a slower port may do well where the waits are for
        another one.
        """
        return all(memory.buffering != "single" for memory in self.arch.memories[1:])

    def family(self) -> str:
        """A hash of all that decides what is found, but for bandwidths and the budget.

        Names of layers, machines and dataflows, prose and sources are not in it. What components are made of is in
        it as what they cost.

        Raises:
            ComponentError: for a component whose costs are not known.
        """
        flow = replace(self.dataflow, name="", title="", prose="", source="")
        what = (
            code(),
            self.layer.shape,
            *_machine(self.arch),
            flow,
            tuple(map(float, astuple(self.objective))),
            "optimal" if isinstance(self.strategy, Optimal) else self.strategy,
        )
        return hashlib.sha256(repr(what).encode()).hexdigest()[:32]


def _machine(arch: Architecture) -> Iterator[object]:
    """All of a machine that decides what a search finds, but for its bandwidths."""
    for node in with_bandwidths(arch, itertools.repeat(math.inf)):
        yield _without_components(node)
    for name, costs in sorted(node_costs(arch).items()):
        yield name, [getattr(costs, quantity.name).value for quantity in fields(NodeCosts)]
    yield static_pj(arch)  # which is all that the clock is for, as bandwidths are in bits per cycle
    yield arch.homes


def _without_components(node: Node) -> Node:
    if isinstance(node, Fanout):
        return replace(node, links=tuple(replace(link, component=Component()) for link in node.links))
    return replace(node, component=Component())


def bandwidths(arch: Architecture) -> tuple[float, ...]:
    """All bandwidths of a machine, in bits per clock cycle, in the order of its nodes."""
    out: list[float] = []
    for node in arch:
        if isinstance(node, Memory):
            out += node.read_bandwidth, node.write_bandwidth, node.bandwidth
        elif isinstance(node, Fanout):
            out += (link.bandwidth for link in node.links)
    return tuple(map(float, out))


def with_bandwidths(arch: Architecture, values: Iterable[float]) -> Architecture:
    """The machine with other bandwidths, in the same order."""
    left, nodes = iter(values), list(arch.nodes)
    for i, node in enumerate(nodes):
        if isinstance(node, Memory):
            nodes[i] = replace(node, read_bandwidth=next(left), write_bandwidth=next(left), bandwidth=next(left))
        elif isinstance(node, Fanout):
            nodes[i] = replace(node, links=tuple(replace(link, bandwidth=next(left)) for link in node.links))
    return replace(arch, nodes=tuple(nodes))


@functools.cache
def code() -> str:
    """A hash of the program's version, of the sources that decide what a search finds, and of NumPy's version.

    (The sampling search draws from NumPy's random numbers, which another version may draw otherwise.)
    """
    digest = hashlib.sha256(f"{__version__} {np.__version__}".encode())
    here = Path(__file__).parents[1]
    for source in sorted(path for room in _ROOMS for path in (here / room).glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
