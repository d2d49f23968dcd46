"""Do ISAAC and NeuRRAM do what their papers say; where not, is it just where that is known?"""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.validate import isaac, neurram
from sim.validate.row import Row

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
BEYOND = {
    ("TOPS/W", "6 bit in, 8 bit out"),
    ("fJ", "word lines, 1 bit in, 3 bit out"),
    ("fJ", "word lines, 2 bit in, 4 bit out"),
}


@pytest.fixture(scope="module")
def found() -> list[Row]:
    return [*isaac.rows(), *neurram.rows()]


def test_what_is_not_reproduced_is_known(found: list[Row]) -> None:
    assert {(row.unit, row.what) for row in found if not row.reproduced} == BEYOND


def test_a_number_that_is_not_reproduced_says_why(found: list[Row]) -> None:
    assert all(row.note for row in found if not row.reproduced)


def test_the_peak_of_isaac_is_that_of_its_table_of_parts(found: list[Row]) -> None:
    errors = {row.what: row.error for row in found if row.paper.startswith("Shafiee")}
    assert len(errors) == 11
    assert max(abs(error or 0.0) for error in errors.values()) < 0.01


def test_all_resolutions_of_neurram_are_there(found: list[Row]) -> None:
    assert sum(row.unit == "TOPS/W" for row in found) == 10
    assert sum(row.unit == "TOPS" and row.paper.startswith("Wan") for row in found) == 10


def test_the_page_has_every_row(found: list[Row]) -> None:
    page = PAGE.read_text()
    assert [row.what for row in found if f"| {row.what} |" not in page] == []
