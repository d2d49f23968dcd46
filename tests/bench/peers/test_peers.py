"""Does another mapper find a better nest than the exact one? Asks what was recorded, and those that are installed.

These are the cases of which our search is over soon; ``python -m tests.bench.peers`` compares all.
"""

from __future__ import annotations

import pytest

from sim.mapping.found import Found
from sim.mapping.judge import Judge, Judged
from sim.mapping.mapper import find_mapping
from sim.mapping.objective import EDP
from sim.mapping.optimal import Optimal
from tests.bench.peers.cases import CASES, Case
from tests.bench.peers.peers import PEERS, Answer, as_ours, ask, missing, recorded

QUICK = [case for name, case in CASES.items() if name.startswith("nvdla/") and recorded(case)]
LIMIT_S = 300


def optimum(case: Case) -> Found:
    found = find_mapping(case.layer, case.machine, case.dataflow, EDP, Optimal())
    assert found.optimal
    return found


def counted(answer: Answer, case: Case) -> Judged:
    """What a peer's nest costs as we count."""
    mapping, why_not = as_ours(answer, case)
    assert mapping, why_not
    return Judge(case.layer, case.machine, EDP)(mapping)


def test_there_are_recorded_nests() -> None:
    assert len(QUICK) >= 3


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_no_recorded_nest_is_better(case: Case) -> None:
    answers = [answer for answer in recorded(case).values() if isinstance(answer, Answer)]
    best = optimum(case)
    for answer in answers:
        theirs = counted(answer, case)
        assert best.value <= theirs.pj * theirs.cycles * (1 + 1e-9)


def test_accelforge_counts_the_same_words() -> None:
    """Its model and ours differ in nothing that occurs here; it computes with 32-bit floats."""
    for case in QUICK:
        answer = recorded(case).get("accelforge")
        if isinstance(answer, Answer):
            theirs = counted(answer, case)
            assert (answer.energy_pj, answer.cycles) == pytest.approx((theirs.pj, theirs.cycles), rel=1e-5)


@pytest.mark.parametrize("peer", PEERS)
def test_no_peer_finds_a_better_nest(peer: str) -> None:
    if reason := missing(peer):
        pytest.skip(reason)
    case = CASES["nvdla/gemm"]
    answer = ask(peer, case, LIMIT_S)
    assert isinstance(answer, Answer), answer
    theirs = counted(answer, case)
    assert optimum(case).value <= theirs.pj * theirs.cycles * (1 + 1e-9)
