"""Mapping files: loop nests written by hand.

    mapping:
      conv1:
        - keep dram weights, inputs, outputs
        - for N 4
        - parallel array.x P 14

A plain list under ``mapping:`` is the nest of a file that is for one layer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Annotated

from pydantic import Field, WithJsonSchema, field_validator

from sim.errors import ConfigError, Problem, UnplacedError, nearest
from sim.mapping.nest import Axis, For, Item, Keep, Mapping, Parallel
from sim.schema.source import Source, read
from sim.schema.validate import IDENTIFIER, Strict, validate
from sim.schema.yaml12 import Path

_EXAMPLES = {
    "keep": "keep LEVEL TENSOR, TENSOR ..., e.g. keep glb inputs, outputs",
    "for": "for DIM BOUND, e.g. for N 4",
    "parallel": "parallel FANOUT.AXIS DIM BOUND, e.g. parallel array.x P 14",
}


_NEST = {
    "type": "array",
    "items": {"type": "string", "examples": [text.split("e.g. ")[1] for text in _EXAMPLES.values()]},
}
_ONE_OR_MANY = {"anyOf": [{"type": "object", "additionalProperties": _NEST, "minProperties": 1}, _NEST]}


class ItemError(UnplacedError):
    """A line that is no item of a loop nest."""


class MappingText(Strict):
    """Loop nests by layer."""

    name: str = Field("", description="name of these mappings, for display")
    mapping: Annotated[dict[str, list[str]], WithJsonSchema(_ONE_OR_MANY)] = Field(
        min_length=1, description="a loop nest for each layer, outermost first; or one list, for one layer"
    )

    @field_validator("mapping", mode="before")
    @classmethod
    def _one_layer(cls, value: object) -> object:
        return {"": value} if isinstance(value, list) else value


def read_mappings(path: str | FilePath, layers: Sequence[str] | None = None) -> dict[str, Mapping]:
    """The loop nests of a file by layer; a plain list has the key ``""``.

    Args:
        layers: the layers that can have a mapping, if that is known.

    Raises:
        ConfigError: with every line that is no item of a nest, and every layer that there is not.
    """
    source = read(FilePath(path), kind="dataflows")
    text = validate(MappingText, source)
    problems = [
        source.problem(("mapping", name), f"no layer '{name}' can be mapped", hint=nearest(name, layers), at_key=True)
        for name in text.mapping
        if name and layers is not None and name not in layers
    ]
    out = {
        layer: Mapping(tuple(_items(lines, ("mapping", layer), source, problems)), _place(("mapping", layer), source))
        for layer, lines in text.mapping.items()
    }
    if problems:
        raise ConfigError(problems)
    return out


def parse_item(text: str) -> Item:
    """One line of a nest; the inverse of ``str(item)``.

    Raises:
        ItemError: saying what is wrong and where in the line.

    >>> parse_item("parallel array.x P 14")
    Parallel(fanout='array', axis='x', dim='P', bound=14)
    """
    line = _Line(text)
    kind = line.take("'keep', 'for' or 'parallel'", "keep|for|parallel")
    line.expected = _EXAMPLES[kind]
    if kind == "keep":
        return Keep(line.name("a level"), line.tensors())
    if kind == "for":
        item: Item = For(line.name("a dimension"), line.bound())
    else:
        fanout, axis = line.axis()
        item = Parallel(fanout, axis, line.name("a dimension"), line.bound())
    line.end()
    return item


class _Line:
    """Steps through the words of a line; commas are words too."""

    def __init__(self, text: str) -> None:
        self.expected = "; ".join(_EXAMPLES.values())
        self._length = len(text)
        self._words = [(m[0], m.start()) for m in re.finditer(r"[^\s,]+|,", text)]
        self._next = 0

    def take(self, what: str, pattern: str) -> str:
        """The next word, which must match."""
        if self._next == len(self._words):
            raise ItemError(f"the line ends where {what} is expected", self.expected, offset=self._length)
        word, offset = self._words[self._next]
        if not re.fullmatch(pattern, word):
            hint = nearest(word, re.findall("'([^']*)'", what))
            raise ItemError(f"'{word}' stands where {what} is expected", self.expected, hint, offset)
        self._next += 1
        return word

    def name(self, what: str) -> str:
        return self.take(what, IDENTIFIER)

    def bound(self) -> int:
        return int(self.take("a whole number of at least 1", "[1-9][0-9]{0,17}"))

    def axis(self) -> tuple[str, Axis]:
        fanout, _, axis = self.take("a fanout with its axis x or y", rf"{IDENTIFIER}\.[xy]").partition(".")
        return fanout, "x" if axis == "x" else "y"

    def tensors(self) -> tuple[str, ...]:
        """All remaining words, separated by commas."""
        out = [self.take("a tensor", "[^,]+")]
        while self._next < len(self._words):
            self.take("a comma", ",")
            out.append(self.take("a tensor", "[^,]+"))
        return tuple(out)

    def end(self) -> None:
        if self._next < len(self._words):
            word, offset = self._words[self._next]
            raise ItemError(f"'{word}' stands after the end of the item", self.expected, offset=offset)


def _place(path: Path, source: Source) -> str:
    where = source.problem(path, "")
    return f"{where.file}:{where.line}"


def _items(lines: list[str], path: Path, source: Source, problems: list[Problem]) -> list[Item]:
    items: list[Item] = []
    for index, line in enumerate(lines):
        try:
            items.append(parse_item(line))
        except ItemError as error:
            node = source.find((*path, index))
            problems.append(node.within(error.offset).explain(error))
    return items
