"""Does another bandwidth need another search?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim.arch.tree import Architecture, Fanout, Link, Memory
from sim.errors import MappingError
from sim.mapping import store
from sim.mapping.dataflow import ANY
from sim.mapping.found import Found
from sim.mapping.identity import bandwidths, with_bandwidths
from sim.mapping.judge import Judge
from sim.mapping.mapper import find_mapping
from sim.mapping.nest import For, Keep, Mapping
from sim.mapping.objective import EDP, OBJECTIVES, Objective
from sim.mapping.optimal import Optimal
from tests import stores
from tests.stores import ALL, ARCH, BUFFER, DRAM, LATCH, LAYER, costs, entries, machine

searches, find, gap = stores.searches, stores.find, stores.gap  # fixtures


def scaled(arch: Architecture, level: str, factor: float) -> Architecture:
    """The machine with a faster or slower memory."""
    memory = arch[level]
    assert isinstance(memory, Memory)
    changed = replace(memory, bandwidth=memory.bandwidth * factor)
    return replace(arch, nodes=tuple(changed if node is memory else node for node in arch))


class TestAnotherBandwidth:
    def test_all_of_them_can_be_told_and_changed(self) -> None:
        link = Link("inputs", bandwidth=5)
        arch = machine(replace(DRAM, read_bandwidth=2, write_bandwidth=3), Fanout("array", 2, links=(link,)), LATCH)
        assert bandwidths(arch) == (2, 3, 64, 5, math.inf, math.inf, 64)
        assert bandwidths(with_bandwidths(arch, range(7))) == (0, 1, 2, 3, 4, 5, 6)
        assert with_bandwidths(arch, bandwidths(arch)) == arch

    def test_a_slower_port_that_costs_nothing_needs_no_search(self, find: Any, searches: Any, mappings: Path) -> None:
        fast = find(arch=scaled(ARCH, "latch", 1000), strategy=Optimal())
        slow = find(arch=scaled(ARCH, "latch", 900), strategy=Optimal(2.0))
        assert len(searches) == 1
        assert slow.optimal
        assert slow.searched_s > 0
        assert (slow.value, slow.evaluated) == (pytest.approx(fast.value, rel=1e-9), fast.evaluated)
        assert slow.value == pytest.approx(
            find_mapping(LAYER, scaled(ARCH, "latch", 900), ANY, EDP, Optimal()).value, rel=1e-12
        )
        assert len(entries(mappings)) == 1

    def test_a_faster_port_does(self, find: Any, searches: Any) -> None:
        for factor in (900, 1000):
            assert find(arch=scaled(ARCH, "latch", factor), strategy=Optimal()).optimal
        assert len(searches) == 2

    def test_so_does_a_slower_one_that_costs_time(self, find: Any, searches: Any) -> None:
        for factor in (1, 0.5, 0.1):
            arch = scaled(ARCH, "dram", factor)
            assert find(arch=arch, strategy=Optimal()) == find_mapping(LAYER, arch, ANY, EDP, Optimal())
        assert len(searches) == 3

    def test_a_slower_port_may_do_better_where_the_array_waits(self) -> None:
        """What is waited for is taken off the time of a port, here of one that is busy with writing all the time."""
        links = (Link("inputs", bandwidth=2), Link("weights", bandwidth=2))
        loops = [For("N", 6), For("M", 4), For("K", 8)]
        nest = Mapping((Keep("dram", ALL), *loops, Keep("buffer", ("inputs", "weights"))))

        def cycles(read_bandwidth: float) -> float:
            dram = Memory("dram", ("all",), math.inf, read_bandwidth=read_bandwidth, write_bandwidth=1)
            buffer = replace(BUFFER, buffering="single")
            return Judge(LAYER, machine(dram, Fanout("array", 2, links=links), buffer), EDP)(nest).cycles

        assert cycles(4) < cycles(8)

    def test_nothing_follows_where_the_array_waits(self, find: Any, searches: Any, gap_closed: None) -> None:
        """Should a search prove something there one day, it is true of its machine alone."""
        arch = machine(DRAM, BUFFER, replace(LATCH, buffering="single"))
        for factor in (1000, 900):
            assert find(arch=scaled(arch, "latch", factor), strategy=Optimal()).optimal
        assert len(searches) == 2

    @pytest.fixture
    def gap_closed(self, monkeypatch: pytest.MonkeyPatch, searches: Any) -> None:
        """Lets the exact search claim that what it finds is the best."""

        def find(*what: Any) -> Found:
            searches.append(what)
            found = find_mapping(*what)
            return replace(found, bound=found.value)

        monkeypatch.setattr(store, "find_mapping", find)

    def test_what_was_sampled_is_for_its_machine_alone(self, find: Any, searches: Any) -> None:
        for factor in (1000, 900):
            find(arch=scaled(ARCH, "latch", factor), objective=OBJECTIVES["dram"])
        assert len(searches) == 2

    @pytest.mark.parametrize("name", ["energy", "dram"])
    def test_nothing_depends_on_it_where_time_has_no_say(self, find: Any, searches: Any, name: str) -> None:
        values = set()
        for factor in (1, 0.1, 10):
            arch = scaled(ARCH, "dram", factor)
            found = find(arch=arch, objective=OBJECTIVES[name], strategy=Optimal())
            assert found.optimal
            assert found.value == pytest.approx(
                find_mapping(LAYER, arch, ANY, OBJECTIVES[name], Optimal()).value, rel=1e-12
            )
            values.add(found.value)
        assert (len(searches), len(values)) == (1, 1)

    def test_nor_does_what_is_known_when_the_budget_is_over(self, find: Any, gap: Callable[[float], None]) -> None:
        gap(0.5)
        first = find(objective=OBJECTIVES["dram"], strategy=Optimal(1.0))
        gap(0.25)
        slow = scaled(ARCH, "dram", 0.1)
        again = find(arch=slow, objective=OBJECTIVES["dram"], strategy=Optimal(1.0))
        assert (again.gap, again.value) == (0.5, first.value)
        assert again.latency_cycles > first.latency_cycles
        assert find(arch=slow, objective=OBJECTIVES["dram"], strategy=Optimal(2.0)).gap == 0.25
        assert find(arch=slow, strategy=Optimal(1.0)).gap == 0.25, "time has a say"
        gap(0.125)
        assert find(strategy=Optimal(1.0)).gap == 0.125, "so that no bound is taken over that is not reached"

    @pytest.mark.parametrize(
        ("arch", "objective"),
        [
            (machine(DRAM, replace(BUFFER, component=costs(read_pj=2, cycle_pj=1))), OBJECTIVES["energy"]),
            (ARCH, Objective(energy=1, most_cycles=1e5)),
            (machine(DRAM, replace(BUFFER, component=costs(read_pj=2, cycle_pj=1))), Objective(dram=1, most_pj=1e6)),
        ],
    )
    def test_time_has_a_say_in_leakage_and_limits(
        self, find: Any, searches: Any, arch: Architecture, objective: Objective
    ) -> None:
        for factor in (0.1, 1):
            find(arch=scaled(arch, "dram", factor), objective=objective, strategy=Optimal())
        assert len(searches) == 2

    def test_a_nest_beyond_the_limits_is_no_answer(self, find: Any, searches: Any) -> None:
        cycles = find(objective=OBJECTIVES["dram"], strategy=Optimal()).latency_cycles
        limited = Objective(dram=1, most_cycles=cycles)
        find(objective=limited, strategy=Optimal())
        before = len(searches)
        with pytest.raises(MappingError, match="was found within the limits"):
            find(arch=scaled(ARCH, "dram", 0.01), objective=limited, strategy=Optimal())
        assert len(searches) == before + 1

    def test_a_broken_entry_of_another_bandwidth_is_no_answer_and_no_news(
        self, find: Any, searches: Any, mappings: Path
    ) -> None:
        find(arch=scaled(ARCH, "latch", 1000), strategy=Optimal())
        (path,) = entries(mappings)
        data = json.loads(path.read_text())
        path.write_text(json.dumps(data | {"value": data["value"] * 0.9, "bound": data["value"] * 0.9}))
        find(arch=scaled(ARCH, "latch", 900), strategy=Optimal())
        path.write_text("nothing")
        find(arch=scaled(ARCH, "latch", 800), strategy=Optimal())
        assert len(searches) == 2
