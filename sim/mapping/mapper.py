"""Finds a mapping: constraints in, a nest and what is known about it out."""

from __future__ import annotations

from collections.abc import Callable

from sim.arch.tree import Architecture
from sim.errors import MappingError
from sim.kernels.warm import is_warm, warm_up
from sim.mapping.annealer import Sampled, anneal
from sim.mapping.dataflow import ANY, Dataflow, check_host
from sim.mapping.found import Found
from sim.mapping.objective import EDP, Objective
from sim.mapping.optimal import Optimal, compile_search, optimum
from sim.workload.layer import Layer

Strategy = Optimal | Sampled
Finder = Callable[[Layer, Architecture, Dataflow, Objective, Strategy], Found]
"""What finds mappings: `find_mapping`, or one that remembers (`sim.mapping.store`)."""


def is_ready(strategy: Strategy) -> bool:
    """Whether what a strategy needs has been compiled on this machine."""
    return is_warm("optimal" if isinstance(strategy, Optimal) else "sampled")


def make_ready(strategy: Strategy) -> None:
    """Compile what a strategy needs, if it has not been: so no search, and no other process, waits for it."""
    if isinstance(strategy, Optimal):
        compile_search()
    else:
        warm_up()


def find_mapping(
    layer: Layer,
    arch: Architecture,
    dataflow: Dataflow = ANY,
    objective: Objective = EDP,
    strategy: Strategy = Optimal(),
) -> Found:
    """The best mapping of a layer that a strategy finds; the same for the same arguments.

    Raises:
        MappingError: when the array cannot host the dataflow, no nest fits (says what is too large where), or none
            is found that keeps the objective's limits.
    """
    check_host(dataflow, arch)
    if isinstance(strategy, Optimal):
        found = optimum(layer, arch, dataflow, objective, strategy)
    else:
        found = anneal(layer, arch, dataflow, objective, strategy)
    if found.energy_pj > objective.most_pj or found.latency_cycles > objective.most_cycles:
        raise MappingError(
            f"no mapping of layer {layer.name} on {arch.name} was found within the limits; the best one found takes "
            f"{found.energy_pj * 1e-12:.3g} J and {found.latency_cycles / arch.clock_hz:.3g} s"
        )
    return found
