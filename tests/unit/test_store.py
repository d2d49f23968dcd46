"""Is a search made once, and is nothing believed that is not so?"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim.arch.tree import Fanout, Link
from sim.cache import own_folder
from sim.engines.options import Options
from sim.engines.run import run_network
from sim.errors import CacheWarning, MappingError
from sim.mapping import identity, store
from sim.mapping.dataflow import ANY, Dataflow
from sim.mapping.found import Found, Interrupted
from sim.mapping.mapper import Strategy, find_mapping
from sim.mapping.objective import EDP, OBJECTIVES, Objective
from sim.mapping.optimal import Optimal
from sim.mapping.store import Store, finder
from sim.workload.layer import Layer
from sim.workload.network import Network
from tests import stores
from tests.stores import ARCH, BUFFER, DRAM, LATCH, LAYER, QUICK, costs, entries, machine

searches, find, gap = stores.searches, stores.find, stores.gap  # fixtures


@pytest.mark.parametrize("strategy", [QUICK, Optimal(), Optimal(60.0)])
def test_a_search_is_made_once(find: Any, searches: Any, mappings: Path, strategy: Strategy) -> None:
    first, second = find(strategy=strategy), find(strategy=strategy)
    assert first == second == find_mapping(LAYER, ARCH, ANY, EDP, strategy)
    assert (len(searches), len(entries(mappings))) == (1, 1)
    assert first.searched_s is None
    assert second.searched_s > 0
    assert [path.suffix for path in mappings.glob("*/*")] == [".json"], "nothing is left beside it"


def test_names_and_prose_decide_nothing(find: Any, searches: Any) -> None:
    first = find(dataflow=Dataflow("mine", pe_dims=("C",)))
    said = replace(DRAM, component=costs("measured", read_pj=100, write_pj=100))
    other = replace(
        machine(said, BUFFER, LATCH, name="other"), summary="another one", source="a book", dataflow="mine"
    )
    flow = Dataflow("yours", "Yours", "Something else.", "a book", pe_dims=("C",))
    assert find(replace(LAYER, name="again", kind="linear"), other, flow, Objective.parse("energy*latency")) == first
    assert len(searches) == 1


def test_a_clock_decides_only_where_something_is_paid_by_time(find: Any, searches: Any) -> None:
    find()
    find(arch=replace(ARCH, clock_hz=2e9))
    assert len(searches) == 1
    leaky = machine(DRAM, replace(BUFFER, component=costs(read_pj=2, write_pj=2, leakage_mw=1)), LATCH)
    find(arch=leaky)
    find(arch=replace(leaky, clock_hz=2e9))
    assert len(searches) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"layer": Layer.einsum("gemm", {"M": 4, "N": 6, "K": 9}, inputs="M K", weights="K N", outputs="M N")},
        {"layer": replace(LAYER, tensors=(replace(LAYER.tensors[0], bits=8), *LAYER.tensors[1:]))},
        {"layer": replace(LAYER, tensors=(replace(LAYER.tensors[0], density=0.5), *LAYER.tensors[1:]))},
        {"arch": machine(DRAM, replace(BUFFER, size_bits=16 * 41), LATCH)},
        {"arch": machine(DRAM, replace(BUFFER, component=costs(read_pj=2, write_pj=3)), LATCH)},
        {"arch": machine(DRAM, replace(BUFFER, bandwidth=128), LATCH)},
        {"arch": machine(DRAM, replace(BUFFER, buffering="double"), LATCH)},
        {"arch": machine(DRAM, replace(BUFFER, name="glb"), LATCH)},
        {"arch": machine(DRAM, BUFFER, Fanout("array", 2), LATCH)},
        {"dataflow": Dataflow("any", inner=("C",))},
        {"objective": OBJECTIVES["energy"]},
        {"objective": replace(EDP, most_cycles=1e6)},
        {"objective": replace(EDP, most_pj=1e9)},
        {"strategy": replace(QUICK, seed=1)},
        {"strategy": replace(QUICK, trials=201)},
        {"strategy": Optimal()},
    ],
)
def test_what_decides_makes_another_search(find: Any, searches: Any, other: dict[str, Any]) -> None:
    find()
    assert find(**other) == find_mapping(*searches[-1])
    assert len(searches) == 2


def test_a_link_is_a_part_of_the_machine(find: Any, searches: Any) -> None:
    for link in (Link("all"), Link("all", multicast=False), Link("all", component=costs(word_pj=5))):
        find(arch=machine(DRAM, BUFFER, Fanout("array", 2, links=(link,)), LATCH))
    assert len(searches) == 3


def test_another_version_of_the_program_searches_again(
    find: Any, searches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    find()
    monkeypatch.setattr(identity, "code", lambda: "another")
    find()
    assert len(searches) == 2


def test_the_version_is_of_all_sources_that_decide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def of(text: str, version: str = "1") -> str:
        for room in ("mapping", "report"):
            (tmp_path / room).mkdir(exist_ok=True)
        (tmp_path / "mapping" / "annealer.py").write_text(text)
        (tmp_path / "report" / "table.py").write_text(text + version)
        monkeypatch.setattr(identity, "__file__", str(tmp_path / "mapping" / "identity.py"))
        monkeypatch.setattr(identity, "__version__", version)
        return identity.code.__wrapped__()

    assert of("a = 1") == of("a = 1")
    assert len({of("a = 1"), of("a = 2"), of("a = 1", "2")}) == 3


class TestABudget:
    def test_is_answered_by_a_proof_whatever_its_budget(self, find: Any, searches: Any) -> None:
        proved = find(strategy=Optimal(30.0))
        assert proved.optimal
        assert find(strategy=Optimal()) == find(strategy=Optimal(0.001)) == proved
        assert len(searches) == 1

    def test_that_was_over_answers_the_same_budget_alone(self, find: Any, gap: Any, mappings: Path) -> None:
        gap(0.5)
        assert find(strategy=Optimal(1)).gap == find(strategy=Optimal(1.0)).gap == 0.5
        assert len(entries(mappings)) == 1
        gap(0.25)
        assert [find(strategy=Optimal(s)).gap for s in (1.0, 2.0, math.inf)] == [0.5, 0.25, 0.25]
        gap(0)
        assert find(strategy=Optimal(3.0)).optimal
        assert all(find(strategy=Optimal(s)).optimal for s in (1.0, 2.0, math.inf))


class TestAnEntryThatIsNone:
    """It is ignored with a warning that names it, and written anew."""

    @pytest.fixture
    def mended(self, find: Any, mappings: Path, searches: Any) -> Callable[[Strategy], str]:
        """Searches and says why the entry that is there is ignored; the entry is then as good as new."""

        def search(strategy: Strategy = QUICK) -> str:
            (path,), before = entries(mappings), len(searches)
            with pytest.warns(CacheWarning) as told:
                found = Store(mappings).find(LAYER, ARCH, ANY, EDP, strategy)
            (warning,) = told
            text = str(warning.message)
            assert text.startswith(f"ignored {path}: ")
            assert "\n" not in text
            assert found == find_mapping(LAYER, ARCH, ANY, EDP, strategy)
            assert find(strategy=strategy) == found, "which warns no more"
            assert len(searches) == before + 1
            return text.removeprefix(f"ignored {path}: ")

        return search

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", "null", '{"family": 3}', "\x00\xff", "[" * 100_000, '{"value": NaN}'],
    )
    def test_a_file_of_something_else(self, find: Any, mappings: Path, mended: Any, text: str) -> None:
        find()
        entries(mappings)[0].write_text(text, encoding="latin-1")
        assert mended() == "no entry of the store"

    def test_a_file_that_ends_early(self, find: Any, mappings: Path, mended: Any) -> None:
        find()
        (path,) = entries(mappings)
        path.write_bytes(path.read_bytes()[:-10])
        assert mended() == "no entry of the store"

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("energy_pj", 1.0, "its mapping does not cost what it says"),
            ("latency_cycles", 1.0, "its mapping does not cost what it says"),
            ("value", 1.0, "its mapping does not cost what it says"),
            ("bound", 1e300, "its mapping does not cost what it says"),
            ("value", math.nan, "no entry of the store"),
            ("value", None, "no entry of the store"),
            ("evaluated", 1.5, "no entry of the store"),
            ("searched_s", "long", "no entry of the store"),
            ("mapping", [["Keep", "dram", ["inputs", "weights", "outputs"]]], "its mapping is not legal"),
            ("mapping", [["For", "M", 4], ["Nothing"]], "no entry of the store"),
            ("mapping", [["For", "M", "4"]], "no entry of the store"),
            ("mapping", [["Keep", "dram", [1]]], "no entry of the store"),
            ("mapping", [["Parallel", "array", "z", "M", 4]], "no entry of the store"),
            ("mapping", [["For", "M", 10**30]], "its mapping is not legal"),
            ("mapping", [["For", "Z", 4]], "its mapping is not legal"),
            ("family", "0" * 32, "the entry of another search"),
            ("budget_s", 2.0, "the entry of another search"),
            ("bandwidths", [1.0], "the entry of another search"),
        ],
    )
    def test_an_entry_that_was_changed(
        self, find: Any, mappings: Path, mended: Any, field: str, value: Any, reason: str
    ) -> None:
        find()
        (path,) = entries(mappings)
        path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
        assert mended() == reason

    def test_a_nest_of_more_loops_than_there_is_room_for(self, find: Any, mappings: Path, mended: Any) -> None:
        find()
        (path,) = entries(mappings)
        data = json.loads(path.read_text())
        data["mapping"] += [["For", "M", 1]] * 100
        path.write_text(json.dumps(data))
        assert mended() == "its mapping is not legal"

    def test_the_entry_of_another_search(self, find: Any, mappings: Path, mended: Any) -> None:
        find(objective=OBJECTIVES["energy"])
        (other,) = entries(mappings)
        text = other.read_text()
        other.unlink()
        find()
        entries(mappings)[0].write_text(text)
        assert mended() == "the entry of another search"

    def test_a_proof_without_a_proof(self, find: Any, mappings: Path, mended: Any) -> None:
        find(strategy=Optimal())
        (path,) = entries(mappings)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"bound": 1.0}))
        assert mended(Optimal()) == "nothing is proved of its mapping"


def test_an_entry_that_cannot_be_read_is_ignored(find: Any, mappings: Path) -> None:
    found = find()
    (path,) = entries(mappings)
    path.unlink()
    path.mkdir()
    with pytest.warns(CacheWarning, match="ignored .*: Is a directory"):
        assert Store(mappings).find(LAYER, ARCH, ANY, EDP, QUICK) == found


def test_a_folder_that_cannot_be_written_to_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert Store(file / "mappings").find(LAYER, ARCH, ANY, EDP, QUICK) == find_mapping(LAYER, ARCH, ANY, EDP, QUICK)
    for name in ("TILENEST_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(file))
    assert own_folder("mappings") is None
    assert finder() is find_mapping


def test_the_folder_is_the_first_that_can_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TILENEST_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert own_folder("mappings") == tmp_path / "user" / "tilenest" / "mappings"
    monkeypatch.setenv("TILENEST_CACHE", str(tmp_path / "here"))
    assert own_folder("mappings") == tmp_path / "here" / "mappings"


def test_what_is_not_wanted_is_not_kept(mappings: Path) -> None:
    assert finder(cache=False) is find_mapping
    network = Network("net", (LAYER,))
    run_network(network, ARCH, Options(strategy=QUICK, cache=False))
    assert not mappings.exists()
    run_network(network, ARCH, Options(strategy=QUICK))
    assert len(entries(mappings)) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, MappingError])
def test_a_search_that_does_not_end_is_not_kept(
    mappings: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def stop(*what: Any) -> Found:
        raise Interrupted(find_mapping(*what)) if error is KeyboardInterrupt else error("nothing fits")

    monkeypatch.setattr(store, "find_mapping", stop)
    with pytest.raises(error):
        Store(mappings).find(LAYER, ARCH, ANY, EDP, QUICK)
    assert entries(mappings) == []


def test_processes_share_what_they_find(mappings: Path, searches: Any) -> None:
    layers = [replace(LAYER, name=f"l{m}", dims=(("M", m), *LAYER.dims[1:])) for m in (2, 3, 4)]
    network, options = Network("net", tuple(layers)), Options(strategy=QUICK)
    found = run_network(network, ARCH, options, jobs=2)
    assert len(entries(mappings)) == 3
    begun = len(searches)  # in this process
    assert run_network(network, ARCH, options) == found
    assert len(searches) == begun


def _find(folder: Path) -> Found:
    return Store(folder).find(LAYER, ARCH, ANY, EDP, QUICK)


def test_processes_may_write_the_same_entry(mappings: Path, find: Any) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert len(set(map(repr, [f.mapping for f in pool.map(_find, [mappings] * 4)]))) == 1
    assert len(entries(mappings)) == 1
    assert find().searched_s > 0


def test_the_suite_keeps_its_mappings_to_itself(mappings: Path) -> None:
    assert own_folder("mappings") == mappings == Path(os.environ["TILENEST_CACHE"], "mappings")
    assert not mappings.is_relative_to(Path.home())
