"""Does the cost kernel, by which the mapper judges, price a nest as the readable engine does?"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture
from sim.engines.spatial import evaluate
from sim.errors import MappingError
from sim.kernels.cost import overflow
from sim.mapping.check import check
from sim.mapping.counts import count_words
from sim.mapping.nest import Mapping
from sim.mapping.prices import cost_of, prices_of
from sim.workload.layer import Layer
from tests.strategies import layers, nests, priced_machines, resized, sparse

Case = tuple[Layer, Architecture, Mapping]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    layer = draw(sparse(draw(layers())))
    arch = draw(priced_machines())
    return layer, arch, draw(nests(layer, arch, divide=draw(st.booleans())))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_energy_and_latency(case: Case) -> None:
    layer, arch, mapping = case
    result = evaluate(layer, arch, mapping)
    counts = count_words(layer, arch, mapping)
    prices = prices_of(layer, arch, {t.name: counts.kept(t.name) for t in layer.tensors})
    pj, cycles = cost_of(counts, prices)
    assert cycles == pytest.approx(result.latency_cycles, rel=1e-9)
    assert pj == pytest.approx(result.energy_pj, rel=1e-9, abs=1e-6)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(), st.data())
def test_what_the_kernel_finds_too_large_the_checker_rejects(case: Case, data: st.DataObject) -> None:
    layer, arch, mapping = case
    arch = data.draw(resized(arch))
    counts = count_words(layer, arch, mapping)
    prices = prices_of(layer, arch, {t.name: counts.kept(t.name) for t in layer.tensors})
    if overflow(counts.table, counts.shape.tensors, counts.nest.keep, prices.level, prices.bits) > 0:
        with pytest.raises(MappingError, match="too many"):
            check(mapping, layer, arch)
    else:
        check(mapping, layer, arch)
