"""Published numbers beside simulated ones, as a table for a terminal and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.validate.row import Row

HEADINGS = ("", "published", "simulated", "error", "tolerance", "")


def cells(row: Row) -> tuple[str, ...]:
    """A row as people read it: what, published, simulated, error, tolerance, and a mark if it is not reproduced."""
    unit = f" {row.unit}" if row.unit else ""
    error = "-" if row.error is None else f"{100 * row.error:+.1f} %" if row.error else "0"
    tolerance = f"{100 * row.tolerance:.3g} %" if row.tolerance else "exact"
    if row.within:
        tolerance += f" or {row.within:g}{' points' if row.unit == '%' else unit}"
    if row.bound:
        tolerance = "at most"
    mark = "" if row.reproduced else "beyond"
    published, simulated = (
        _counted(row.published) or f"{row.published:g}",
        _counted(row.simulated) or f"{row.simulated:.4g}",
    )
    return row.what, f"{published}{unit}", f"{simulated}{unit}", error, tolerance, mark


def _counted(value: float) -> str:
    """A large number that is whole, in full; else nothing."""
    return f"{value:,.0f}" if value >= 10_000 and value == int(value) else ""


def summary(rows: Sequence[Row]) -> str:
    """How many are reproduced.

    >>> summary([Row("a paper", "table 1", "power", 10.0, 10.4, "W", 0.05)])
    '1 of 1 within the tolerance'
    """
    return f"{sum(row.reproduced for row in rows)} of {len(rows)} within the tolerance"


def _notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Every note once, with the rows that it is about."""
    about: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            about.setdefault(row.note, []).append(row.what)
    return [("; ".join(whats), note) for note, whats in about.items()]


def validation_table(rows: Sequence[Row]) -> RenderableType:
    """A table for each place in a paper, and below it the notes."""
    parts: list[RenderableType] = []
    for (paper, where), group in groupby(rows, key=lambda row: (row.paper, row.where)):
        own = list(group)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for i, heading in enumerate(HEADINGS):
            table.add_column(heading, justify="right" if 0 < i < 5 else "left", no_wrap=True)
        for row in own:
            table.add_row(*cells(row), style="" if row.reproduced else "yellow")
        parts += [Text(paper, style="bold"), Text(where), Text(), table, Text(), Text(summary(own)), Text()]
        parts += [
            part for what, note in _notes(own) for part in (Text(what, style="bold"), Text(f"  {note}"), Text())
        ]
    return Group(*parts, Text(f"in all {summary(rows)}", style="bold"))


def validation_page(rows: Sequence[Row]) -> str:
    """The same as Markdown."""
    out = []
    for (paper, where), group in groupby(rows, key=lambda row: (row.paper, row.where)):
        own = list(group)
        out += [f"## {paper}, {where.partition(' (')[0]}", "", f"{where}: {summary(own)}.", ""]
        out += [f"| {' | '.join(HEADINGS)} |", "|:--|--:|--:|--:|--:|:--|"]
        out += [f"| {' | '.join(cells(row))} |" for row in own]
        out += [""]
        for what, note in _notes(own):
            out += [f"- {what}: {note}"]
        out += [""]
    return "\n".join(out).rstrip()
