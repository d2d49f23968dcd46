"""What does a person read whose wishes for the search make no sense?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import QUICK

RUN = ("run", "--arch", "simple_ws", "--workload", "alexnet", "--layers", "conv5")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--objective", "enrgy"],
            "no objective 'enrgy'; there are energy, latency, edp, ed2p, dram (did you mean 'energy'?), "
            "and products such as energy*latency^2, with powers above 0 and at most 4",
        ),
        (["--budget", "2s"], "--budget is for --mapper optimal alone (in Python: budget, mapper='optimal')"),
        (["--mapper", "optimal"], "--effort is for --mapper sampled alone (in Python: effort, mapper='sampled')"),
        (["--limit", "latency<5ms"], "limit 'latency<5ms' is not of the form latency<=5ms or energy<=3mJ"),
        (
            ["--limit", "latncy<=5ms"],
            "limit 'latncy<=5ms': nothing to limit is called 'latncy'; there are latency, energy "
            "(did you mean 'latency'?)",
        ),
        (["--limit", "energy<=5ms"], "limit 'energy<=5ms': 5ms is a time; an energy is expected, e.g. 2 pJ"),
        (
            ["--limit", "energy<=1e999J"],
            "limit 'energy<=1e999J': 1e999J is out of range; it must be above 0, and at most 1e+30 pJ",
        ),
    ],
)
def test_a_search_that_makes_no_sense(tilenest: Any, words: list[str], message: str) -> None:
    assert tilenest(*RUN, *QUICK, *words) == (2, "", f"{message}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", "3"], "--seed is for --mapper sampled alone (in Python: seed, mapper='sampled')"),
        (["--budget", "2"], "budget: 2 has no unit; a time is expected, e.g. 10 ns"),
        (["--budget", "0 s"], "budget: 0 s is out of range; it must be above 0, and at most 1e+30 s"),
    ],
)
def test_a_proof_that_makes_no_sense(tilenest: Any, words: list[str], message: str) -> None:
    assert tilenest(*RUN, "--mapper", "optimal", *words) == (2, "", f"{message}\n")


def test_limits_that_no_mapping_keeps(tilenest: Any) -> None:
    status, out, err = tilenest(*RUN, *QUICK, "--limit", "latency <= 1 us")
    assert (status, out) == (2, "")
    assert err.startswith(
        "no mapping of layer conv5 on simple_ws was found within the limits; the best one found takes "
    )
