"""Do arrays without noise compute what CrossSim's and aihwkit's do; is phase-change memory like aihwkit's?"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sim.validate import aihwkit, crosssim

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def test_crosssim():
    """All but ranges that it sets in another way; `granular` of unsliced pairs are twice, or a little less."""
    found = list(crosssim.rows())
    assert len(found) == 13 + 56 + 24
    beyond = {row.what for row in found if not row.reproduced}
    ranges = [
        f"balanced, not sliced, granular, {rows} rows, {b} bit, {i} inputs"
        for rows in (64, 128)
        for b in (5, 8)
        for i in ("any", "positive")
    ]
    ranges += [
        f"offset, slice {s} of {n}, full, 128 rows, 8 bit, positive inputs" for n in (2, 4) for s in range(1, n + 1)
    ]
    assert beyond == set(ranges)
    assert all(row.note for row in found if not row.reproduced)


def test_aihwkit():
    """All but bound management, which is not modelled, and its estimate of what wires take."""
    beyond = [row for row in aihwkit.rows() if not row.reproduced]
    assert all(row.what.endswith((", bound management", ", wires")) for row in beyond)
    assert len(beyond) == 3
    assert all(row.note for row in beyond)


@pytest.mark.parametrize("case", aihwkit.computed()["noises"], ids=lambda case: case["noise"])
def test_noise_of_weights_inputs_and_outputs(case):
    """Each of 32 deviations, of 20,000 products there and here: within four and a half standard errors of the two."""
    found = aihwkit.noisy(case["noise"], case["sigma"], 20_000).std(axis=0)
    assert np.abs(found / np.array(case["deviations"]) - 1).max() < 4.5 / math.sqrt(20_000)


def test_all_statistics_of_phase_change_memory():
    """Nearer than the 2 % of the table: four standard errors of the deviations of 400,000 heavy-tailed numbers."""
    rows = list(aihwkit.pcm_rows(everything=True))
    assert len(rows) == 8 * 8 * 2
    assert all(abs(row.error or 0) < 0.01 for row in rows)


@pytest.mark.parametrize("suite", [crosssim, aihwkit])
def test_the_page_has_all_rows(suite):
    page = PAGE.read_text(encoding="utf-8")
    assert [row.what for row in suite.rows() if f"| {row.what} |" not in page] == []
