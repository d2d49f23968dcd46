"""A small search, and fixtures that watch how often it is made."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim.arch.tree import Architecture, Component, Compute, Given, Memory, Node
from sim.mapping import store
from sim.mapping.annealer import Sampled
from sim.mapping.dataflow import ANY, Dataflow
from sim.mapping.found import Found
from sim.mapping.mapper import Strategy, find_mapping
from sim.mapping.objective import EDP, Objective
from sim.mapping.store import Store
from sim.workload.layer import Layer

LAYER = Layer.einsum("gemm", {"M": 4, "N": 6, "K": 8}, inputs="M K", weights="K N", outputs="M N")
ALL = ("inputs", "weights", "outputs")
QUICK = Sampled(runs=1, trials=200)


def costs(source: str = "assumed", **pj: float) -> Component:
    return Component(given=tuple((name, Given(one, source)) for name, one in pj.items()))


DRAM = Memory("dram", ("all",), math.inf, bandwidth=64, component=costs(read_pj=100, write_pj=100))
BUFFER = Memory("buffer", ("all",), 16 * 40, bandwidth=64, component=costs(read_pj=2, write_pj=2))
LATCH = Memory("latch", ("all",), 16 * 3, bandwidth=64, component=costs(read_pj=0.1, write_pj=0.1))
MAC = Compute("mac", component=costs(op_pj=1))


def machine(*nodes: Node, name: str = "machine", clock_hz: float = 1e9) -> Architecture:
    return Architecture(name, (*nodes, MAC), clock_hz=clock_hz)


ARCH = machine(DRAM, BUFFER, LATCH)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The searches that are really made."""
    made: list[tuple[Any, ...]] = []

    def find(*what: Any) -> Found:
        made.append(what)
        return find_mapping(*what)

    monkeypatch.setattr(store, "find_mapping", find)
    return made


@pytest.fixture
def find(mappings: Path, searches: object) -> Callable[..., Found]:
    """Finds a mapping by way of the store; what is not given is as in `LAYER`, `ARCH` and so on."""

    def find(
        layer: Layer = LAYER,
        arch: Architecture = ARCH,
        dataflow: Dataflow = ANY,
        objective: Objective = EDP,
        strategy: Strategy = QUICK,
    ) -> Found:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return Store(mappings).find(layer, arch, dataflow, objective, strategy)

    return find


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.json"))


@pytest.fixture
def gap(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the exact search leave a gap."""

    def leave(gap: float) -> None:
        def find(*what: Any) -> Found:
            found = find_mapping(*what)
            return replace(found, bound=found.value * (1 - gap))

        monkeypatch.setattr(store, "find_mapping", find)

    return leave
