"""Drawings that suit the room there is."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement

_WIDEST = 1000


class Fitting:
    """The first of several drawings that fits without breaking lines, else the last.

    Where nothing limits the width, as in a file, it asks for what the first one would like, on a terminal for what
    the last one needs.
    """

    def __init__(self, *drawings: RenderableType) -> None:
        self.drawings = drawings

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One of the drawings."""
        fit = (d for d in self.drawings if _width(d, console, options) <= options.max_width)
        yield next(fit, self.drawings[-1])

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """The width to ask for, as the least."""
        if options.is_terminal:
            return Measurement.get(console, options.update(max_width=_WIDEST), self.drawings[-1])
        wanted = _width(self.drawings[0], console, options)
        return Measurement(wanted, wanted)


def _width(drawing: RenderableType, console: Console, options: ConsoleOptions) -> int:
    return Measurement.get(console, options.update(max_width=_WIDEST), drawing).maximum
