"""A result as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.report.crossbar_sheet import crossbar_sheet
from sim.report.groups import group_sheet
from sim.report.rows import COSTS, Sheet, notes, sheet, title
from sim.results import Result

_GAP = 3  # columns between columns
_NAME = 24  # where there is little room, names longer than this are folded


def result_table(result: Result, console: Console) -> RenderableType:
    """What layers cost and the words they move: one table where there is room, else several, one above the other."""
    whole, arrays, groups = sheet(result), crossbar_sheet(result), group_sheet(result)
    sheets = [*_fitting(whole, console, COSTS), *(_fitting(arrays, console) if arrays else ())]
    tables = [part for sheet in (*sheets, *filter(None, [groups])) for part in (sheet_table(sheet), Text())]
    return Group(Text(title(result), style="bold"), Text(), *tables, *map(Text, notes(result)))


def _fitting(whole: Sheet, console: Console, *cuts: int) -> list[Sheet]:
    """A sheet as it is where there is room, else in several, cut before some columns at any rate."""
    if not console.is_terminal or sum(_widths(whole)) <= console.width:
        return [whole]
    parts = pairwise((1, *cuts, len(whole.headings)))
    return [part for columns in parts for part in _packed(whole, range(*columns), console.width)]


def _packed(whole: Sheet, columns: range, room: int) -> Iterator[Sheet]:
    """Sheets of so many columns as there is room for, each with the names of the layers."""
    widths = _widths(whole)
    name = min(widths[0], _NAME + _GAP)
    taken: list[int] = []
    for column in columns:
        if taken and name + sum(widths[i] for i in taken) + widths[column] - _GAP > room:
            yield whole.columns(0, *taken)
            taken = []
        taken.append(column)
    yield whole.columns(0, *taken)


def _widths(part: Sheet) -> list[int]:
    """Characters that each column needs, with the gap after it."""
    columns = zip(part.headings, *filter(None, [part.total]), *part.rows, strict=True)
    return [max(len(line) for cell in column for line in cell.split("\n")) + _GAP for column in columns]


def sheet_table(part: Sheet) -> Table:
    """A table of text, the total below a line, if there is one."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    widths = _widths(part)
    for i, (heading, right) in enumerate(zip(part.headings, part.right, strict=True)):
        table.add_column(
            heading,
            justify="right" if right else "left",
            vertical="bottom",
            overflow="fold",
            min_width=widths[i] - _GAP if i else None,  # only names may be broken: a cut number is another number
        )
    for row in part.rows:
        table.add_row(*row)
    if part.total:
        table.add_section()
        table.add_row(*part.total, style="bold")
    return table
