"""A result without any library: as plain text, and as HTML for a notebook."""

from __future__ import annotations

import html

from sim.report.crossbar_sheet import crossbar_sheet
from sim.report.groups import group_sheet
from sim.report.rows import Cells, Sheet, notes, sheet, title
from sim.results import Result


def as_text(result: Result) -> str:
    """A table of plain text between what was run and the totals, and one of the groups if there are any."""
    tables = [line for table in _sheets(result) for line in ("", *_lines(table))]
    return "\n".join([title(result), *tables, "", *notes(result)])


def as_html(result: Result) -> str:
    """The same as HTML tables."""
    parts = [f"<p><b>{html.escape(title(result))}</b></p>"]
    for table in _sheets(result):
        parts += [f"<table><thead>{_row(_flat(table.headings), table, 'th')}</thead><tbody>"]
        parts += [_row(cells, table, "td") for cells in table.rows]
        parts += [f"</tbody><tfoot>{_row(table.total, table, 'th')}</tfoot></table>"]
    parts += [f"<p>{'<br>'.join(map(html.escape, notes(result)))}</p>"]
    return "".join(parts)


def _sheets(result: Result) -> list[Sheet]:
    return [sheet(result), *filter(None, (crossbar_sheet(result), group_sheet(result)))]


def _lines(table: Sheet) -> list[str]:
    lines = [_flat(table.headings), *table.rows, table.total]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [_line(cells, widths, table) for cells in lines]
    rule = "-" * sum(widths) + "-" * 2 * (len(widths) - 1)
    return [texts[0], rule, *texts[1:-1], rule, texts[-1]]


def _flat(headings: Cells) -> Cells:
    return tuple(heading.replace("_\n", "_").replace("\n", " ") for heading in headings)


def _line(cells: Cells, widths: list[int], table: Sheet) -> str:
    aligned = zip(cells, widths, table.right, strict=True)
    return "  ".join(c.rjust(w) if right else c.ljust(w) for c, w, right in aligned).rstrip()


def _row(cells: Cells, table: Sheet, tag: str) -> str:
    sides = ("right" if right else "left" for right in table.right)
    made = (f'<{tag} style="text-align:{s}">{html.escape(c)}</{tag}>' for c, s in zip(cells, sides, strict=True))
    return f"<tr>{''.join(made)}</tr>"
