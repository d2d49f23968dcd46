"""What does a search claim that ends before it is over?"""

from __future__ import annotations

from typing import Any

import pytest

from sim.api import load_arch, load_dataflow, load_workload
from sim.arch.tree import Architecture
from sim.mapping import optimal
from sim.mapping.dataflow import Dataflow
from sim.mapping.found import Found, Interrupted
from sim.mapping.objective import OBJECTIVES
from sim.mapping.optimal import Optimal, compile_search, optimum
from sim.workload.layer import Layer

Case = tuple[Layer, Architecture, Dataflow]


@pytest.fixture(scope="module")
def case() -> Case:
    """A layer of which dozens of parts have to be searched."""
    layer = next(layer for layer in load_workload("resnet18").mac_layers if layer.name == "conv3_1.a")
    compile_search()
    return layer, load_arch("eyeriss"), load_dataflow("row_stationary")


@pytest.fixture(scope="module")
def best(case: Case) -> Found:
    found = optimum(*case, OBJECTIVES["edp"], Optimal())
    assert found.optimal
    return found


@pytest.mark.parametrize("calls", [2, 3, 5])
def test_an_interrupted_search_claims_no_more_than_it_has_seen(
    case: Case, best: Found, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    branch, made = optimal.branch, 0

    def interrupted(*args: Any) -> Any:
        nonlocal made
        made += 1
        if made == calls:
            raise KeyboardInterrupt
        return branch(*args)

    monkeypatch.setattr(optimal, "branch", interrupted)
    with pytest.raises(Interrupted) as stop:
        optimum(*case, OBJECTIVES["edp"], Optimal())
    found = stop.value.found
    assert found.bound is not None
    assert found.bound <= best.value * (1 + 1e-9) <= found.value * (1 + 2e-9)
    assert not found.optimal


def test_a_search_without_time_claims_next_to_nothing(case: Case, best: Found) -> None:
    found = optimum(*case, OBJECTIVES["edp"], Optimal(budget_s=0))
    assert found.bound is not None
    assert 0 < found.bound <= best.value * (1 + 1e-9) <= found.value * (1 + 2e-9)


def test_a_search_that_runs_out_of_labels_says_so(case: Case, best: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimal, "MOST_MADE", 100)
    found = optimum(*case, OBJECTIVES["edp"], Optimal())
    assert found.bound is not None
    assert found.bound <= best.value * (1 + 1e-9)
    assert not found.optimal
