"""What goes wrong, said so that a person can mend it.

Every error a user can cause is a `TilenestError`; the command line prints its text and leaves with status 2.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO


class TilenestError(Exception):
    """Base of all errors that a user's input can cause."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one file.

    `line` and `column` count from 1; 0 means that the place is unknown. `text` is the source line itself.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    text: str = ""
    expected: str = ""
    hint: str = ""

    def render(self) -> str:
        """`file:line:col: message`, the line, a caret, what was expected, the nearest valid name."""
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        out = [f"{where}: {self.message}" if where else self.message]
        if self.text and self.column:
            out += [f"  {self.text}", "  " + " " * (self.column - 1) + "^"]
        if self.expected:
            out.append(f"  expected: {self.expected}")
        if self.hint:
            out.append(f"  {self.hint}")
        return "\n".join(out)


class ConfigError(TilenestError):
    """All the mistakes found in what a person wrote, at once."""

    def __init__(self, problems: Iterable[Problem] | Problem) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(p.render() for p in self.problems))


class UnplacedError(TilenestError):
    """A mistake whose place in a file only the caller knows; in parts, so that a `Problem` can be made of it.

    Attributes:
        offset: characters before the mistake in the text at fault.
    """

    def __init__(self, message: str, expected: str = "", hint: str = "", offset: int = 0) -> None:
        self.message = message
        self.expected = expected
        self.hint = hint
        self.offset = offset
        super().__init__("; ".join(filter(None, (message, expected and f"expected {expected}", hint))))


class MappingError(TilenestError):
    """A loop nest that the hardware cannot run, or a layer for which no nest was found."""


class RoomError(TilenestError):
    """Memories that are too small for what has to be in them at a time: all that there are, layers that lack the same
    together.

    Attributes:
        faults: (layer, what has no room where) pairs.
    """

    _NAMED = 8

    def __init__(self, faults: Iterable[tuple[str, str]], places: Iterable[tuple[str, str]] = ()) -> None:
        self.faults = tuple(faults)
        of_layer, layers = dict(places), dict[str, list[str]]()
        for layer, fault in self.faults:
            layers.setdefault(fault, []).append(layer)
        super().__init__("\n".join(f"{self._where(names, of_layer)}: {fault}" for fault, names in layers.items()))

    def _where(self, names: list[str], places: Mapping[str, str]) -> str:
        if len(names) == 1:
            return f"{places[names[0]]}: layer {names[0]}" if names[0] in places else f"layer {names[0]}"
        shown = [f"{name} ({places[name]})" if name in places else name for name in names[: self._NAMED]]
        more = f" and {len(names) - self._NAMED} more" if len(names) > self._NAMED else ""
        return f"layers {', '.join(shown)}{more}"

    def __reduce__(self) -> tuple[type[RoomError], tuple[object, ...]]:
        return RoomError, (self.faults,)  # so that it comes back from another process


class UnsupportedOp(TilenestError):  # noqa: N818
    """An operator that the program does not know how to cost."""


class CacheWarning(UserWarning):
    """Something kept on disk that cannot be used; the work goes on without it."""


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning, in the place of `warnings.showwarning`: ours as a plain line, others as Python does."""
    ours = issubclass(category, CacheWarning)
    text = f"{message}\n" if ours else warnings.formatwarning(message, category, filename, lineno, line)
    stream = file or sys.stderr
    if stream:  # there is none where somebody closed it
        stream.write(text)


def nearest(name: str, candidates: Iterable[str]) -> str:
    """A 'did you mean' for a misspelled name, or the empty string.

    >>> nearest("wieghts", ["weights", "inputs"])
    "did you mean 'weights'?"
    """
    close = difflib.get_close_matches(name, [str(c) for c in candidates], n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else ""


def there_are(known: Iterable[str], name: str) -> str:
    """All valid names, and of them the nearest to a wrong one.

    >>> there_are(["weights", "inputs"], "wieghts")
    "there are weights, inputs (did you mean 'weights'?)"
    """
    known = tuple(known)
    hint = nearest(name, known)
    return f"there are {', '.join(known)}{f' ({hint})' if hint else ''}"


def shown(value: object) -> str:
    """A value from a file as a message names it.

    >>> [shown(v) for v in ("16", 16, True, None, [1], {})]
    ["'16'", '16', 'true', 'null', 'a list', 'an empty mapping']
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, dict | list):
        kind = "mapping" if isinstance(value, dict) else "list"
        return f"a {kind}" if value else f"an empty {kind}"
    return str(value)
