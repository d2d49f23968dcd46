"""Is what is proved on one machine, and taken over to a slower one, what a search there would find?"""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture, Memory
from sim.errors import MappingError
from sim.mapping.dataflow import Dataflow
from sim.mapping.identity import bandwidths, with_bandwidths
from sim.mapping.judge import Judge
from sim.mapping.mapper import find_mapping
from sim.mapping.objective import EDP, OBJECTIVES
from sim.mapping.optimal import Optimal
from sim.mapping.store import Store
from sim.workload.layer import Layer
from tests.strategies import layers, nests, priced_machines, small_cases, sparse

EXAMPLES = int(os.environ.get("TILENEST_EXAMPLES", "60"))


def without_waits(arch: Architecture) -> Architecture:
    """The machine without single-buffered memories."""
    nodes = (replace(n, buffering="buffet") if isinstance(n, Memory) and n.buffering == "single" else n for n in arch)
    return replace(arch, nodes=tuple(nodes))


@st.composite
def slower(draw: st.DrawFn, arch: Architecture) -> Architecture:
    """The machine with some bandwidths less, most of them only where they hardly matter."""
    less = {
        b: st.sampled_from([b, b, b / 1.01, b / 4] if math.isfinite(b) else [b, b, 1e4, 8.0])
        for b in bandwidths(arch)
    }
    return with_bandwidths(arch, [draw(less[b]) for b in bandwidths(arch)])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_nest_is_better_with_slower_ports(data: st.DataObject) -> None:
    layer, arch = data.draw(layers().flatmap(sparse)), without_waits(data.draw(priced_machines()))
    nest, slow = data.draw(nests(layer, arch)), data.draw(slower(arch))
    fast_one, slow_one = (Judge(layer, machine, EDP)(nest) for machine in (arch, slow))
    assert slow_one.cycles >= fast_one.cycles * (1 - 1e-12)
    assert slow_one.pj >= fast_one.pj * (1 - 1e-12)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_cases(), st.sampled_from(sorted(OBJECTIVES)), st.data())
def test_the_store_finds_what_a_search_finds(
    case: tuple[Layer, Architecture, Dataflow], name: str, data: st.DataObject
) -> None:
    layer, arch, flow = case
    how = flow, OBJECTIVES[name], Optimal()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for machine in (arch, data.draw(slower(arch)), data.draw(slower(arch)), arch):
            try:
                fresh = find_mapping(layer, machine, *how)
            except MappingError:
                with pytest.raises(MappingError):
                    store.find(layer, machine, *how)
                continue
            found = store.find(layer, machine, *how)
            assert found.optimal == fresh.optimal
            assert found.value == pytest.approx(fresh.value, rel=1e-9)
            assert found.value == pytest.approx(
                math.exp(Judge(layer, machine, OBJECTIVES[name])(found.mapping).score)
            )
