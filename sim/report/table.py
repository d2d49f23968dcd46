"""A result as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

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
    whole = sheet(result)
    sheets = [whole]
    if console.is_terminal and sum(_widths(whole)) > console.width:
        costs, words = range(1, COSTS), range(COSTS, len(whole.headings))
        sheets = [part for columns in (costs, words) for part in _packed(whole, columns, console.width)]
    more = filter(None, (crossbar_sheet(result), group_sheet(result)))
    tables = [part for sheet in (*sheets, *more) for part in (sheet_table(sheet), Text())]
    return Group(Text(title(result), style="bold"), Text(), *tables, *map(Text, notes(result)))


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
