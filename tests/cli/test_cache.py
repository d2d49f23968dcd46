"""Does a second run search for nothing, does it say so, and can it be told to search?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sim
from tests.cli.conftest import QUICK

MACHINE = ("--arch", "simple_ws", "--workload", "alexnet")
MAP = ("map", *MACHINE, "--layer", "conv5", *QUICK)
RUN = ("run", *MACHINE, "--layers", "conv3,conv5", *QUICK)
NEST = ("nest", *MACHINE, "--layer", "conv5", *QUICK)


def without_time(out: str) -> str:
    """What a command prints, without line breaks and what it says last: how long it took."""
    text = " ".join(out.split())
    return text.rpartition("; from the cache")[0] or text.rpartition("; ")[0] or text


@pytest.fixture
def no_search(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Makes every search a bug, until it is undone."""

    def find(*what: object) -> None:
        raise AssertionError("a search")

    monkeypatch.setattr("sim.mapping.store.find_mapping", find)
    return monkeypatch


@pytest.mark.parametrize("words", [MAP, RUN, NEST, (*MAP, "--pareto", "energy,latency")])
def test_a_second_time_nothing_is_searched_for(
    tilenest: Any, request: pytest.FixtureRequest, words: tuple[str, ...]
) -> None:
    first = tilenest(*words)
    request.getfixturevalue("no_search")
    second = tilenest(*words)
    assert (first[0], second[0], second[2]) == (0, 0, "")
    assert without_time(first[1]) == without_time(second[1])


@pytest.mark.parametrize("words", [MAP, RUN, NEST])
def test_a_search_for_itself_keeps_nothing(tilenest: Any, mappings: Path, words: tuple[str, ...]) -> None:
    assert tilenest(*words, "--no-cache")[0] == 0
    assert not mappings.exists()


@pytest.mark.parametrize("words", [MAP, RUN, NEST])
def test_a_search_for_itself_takes_nothing(tilenest: Any, mappings: Path, words: tuple[str, ...]) -> None:
    tilenest(*words)
    for path in mappings.glob("*/*.json"):
        path.write_text("which would be warned of")
    assert tilenest(*words, "--no-cache")[::2] == (0, "")


@pytest.mark.parametrize("words", [MAP, (*MAP, "--pareto", "energy,latency")])
def test_a_map_says_that_it_was_made_before(tilenest: Any, words: tuple[str, ...]) -> None:
    made = [" ".join(tilenest(*words, *more)[1].split()) for more in ((), (), ("--no-cache",))]
    assert ["evaluated; from the cache, searched in " in text for text in made] == [False, True, False]
    assert len(set(map(without_time, made))) == 1


def test_json_does_not(tilenest: Any) -> None:
    first, second = (tilenest(*MAP, "--json")[1] for _ in range(2))
    assert json.loads(first) == json.loads(second)


def test_python_does_as_the_command(mappings: Path) -> None:
    def run(**how: Any) -> sim.Result:
        return sim.run("simple_ws", "alexnet", layers="conv5", mapper="sampled", effort="low", **how)

    first = run(cache=False)
    assert not mappings.exists()
    assert run() == run() == first
    assert len([*mappings.glob("*/*.json")]) == 1


def test_an_entry_that_is_none_is_told_of_in_a_line(tilenest: Any, mappings: Path) -> None:
    _, first, _ = tilenest(*RUN)
    for path in mappings.glob("*/*.json"):
        path.write_text("{")
    status, out, err = tilenest(*RUN)
    assert (status, out) == (0, first)
    assert sorted(err.splitlines()) == [
        f"ignored {p}: no entry of the store" for p in sorted(mappings.glob("*/*.json"))
    ]
    assert tilenest(*RUN) == (0, first, "")


def test_so_it_is_by_processes_side_by_side(tilenest: Any, mappings: Path) -> None:
    tilenest(*RUN)
    paths = sorted(mappings.glob("*/*.json"))
    paths[0].write_text("{")
    command = [sys.executable, "-m", "sim", *RUN, "-j", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == f"ignored {paths[0]}: no entry of the store\n"


def test_other_warnings_are_as_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    from sim.errors import CacheWarning, show_warning

    show_warning(CacheWarning("ours"), CacheWarning, "store.py", 3)
    show_warning(RuntimeWarning("theirs"), RuntimeWarning, "numpy.py", 7)
    assert capsys.readouterr().err.splitlines()[:2] == ["ours", "numpy.py:7: RuntimeWarning: theirs"]
