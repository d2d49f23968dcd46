"""Does the page of lessons say what the cases say?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.test_timeloop import CASES, expected

PAGE = (Path(__file__).parents[2] / "docs" / "lessons.md").read_text(encoding="utf-8")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows() -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of all tables: the case and what the columns say."""
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        head, _, *lines = table.splitlines()
        for line in lines:
            case, *values = cells(line)
            yield case.strip("`"), dict(zip(cells(head)[1:], values, strict=True))


def value(wanted: dict[str, Any], column: str) -> object:
    """What a case expects in a column: ``macs``, or ``dram inputs reads``; None for what is only described."""
    if column in wanted:
        return wanted[column]
    match column.split():
        case ["operations", name]:
            return wanted["operations"][name]
        case [level, tensor, name] if level in wanted["words"]:
            return wanted["words"][level][tensor][name]
    return None


def test_every_case_is_in_a_lesson() -> None:
    assert {case for case, _ in rows()} == set(CASES)


@pytest.mark.parametrize(("case", "said"), [*rows()])
def test_numbers(case: str, said: dict[str, str]) -> None:
    known = {column: value(expected(case), column) for column in said}
    checked = {column: str(number) for column, number in known.items() if number is not None}
    assert checked
    assert {column: said[column] for column in checked} == checked
