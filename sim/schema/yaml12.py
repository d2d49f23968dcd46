"""Reading YAML strictly: the core schema of YAML 1.2, with the place of every key and value.

PyYAML parses YAML 1.1, where ``no`` is false, ``12:30`` is 750 and ``1e-3`` is text. Only its parser is used;
plain scalars are resolved here by YAML 1.2.2, section 10.3.2. Beyond that, as errors with a position: duplicate
keys, tags, merge keys, more than one document, aliases that contain themselves. Keys are text, as in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import yaml

from sim.errors import ConfigError, Problem, UnplacedError, nearest

Scalar = None | bool | int | float | str
Path = tuple[str | int, ...]

# Aliases of aliases can make a short text explode; no file that a person writes comes near this.
_MOST_VALUES = 500_000
_DEEPEST = 100
_LONGEST_LINE = 200

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what PyYAML counts as one
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; `line` and `column` count from 1, 0 is unknown; `text` is the line."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""

    def problem(self, message: str, expected: str = "", hint: str = "") -> Problem:
        """A mistake at this place."""
        return Problem(message, self.file, self.line, self.column, self.text, expected, hint)

    def explain(self, error: UnplacedError) -> Problem:
        """A mistake that was found at this place."""
        return self.problem(error.message, error.expected, error.hint)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands.

    Attributes:
        value: a scalar, or nodes by key, or a list of nodes.
        at: where the value begins.
        key: where its key begins, for a value in a mapping.
    """

    value: Scalar | dict[str, Node] | list[Node]
    at: Position
    key: Position | None = None

    def plain(self) -> Any:
        """The value as plain Python data."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The value under a key or at an index, None where there is none."""
        if isinstance(self.value, dict):
            return self.value.get(part) if isinstance(part, str) else None
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            return self.value[part]
        return None

    def within(self, offset: int) -> Position:
        """The place of a character of a text, as far as the text stands in its line as it is."""
        for start in (self.at.column - 1, self.at.column):  # the second for a text in quotes
            if self.at.column and isinstance(self.value, str) and self.at.text.startswith(self.value, start):
                return replace(self.at, column=start + offset + 1)
        return self.at

    def at_path(self, path: Path) -> Node:
        """The value at a path that is known to exist."""
        node = self
        for part in path:
            child = node.child(part)
            assert child is not None, f"no {part} in {path}"
            node = child
        return node


def load(path: FilePath) -> Node:
    """The contents of a file.

    Raises:
        ConfigError: when it cannot be read or is not strict YAML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(Problem(f"byte {error.start} is not UTF-8 text", str(path))) from None
    except OSError as error:
        raise ConfigError(Problem(f"cannot be read: {error.strerror}", str(path))) from None
    return read(text, str(path))


def read(text: str, file: str = "") -> Node:
    """The contents of a text; `file` is what positions call it.

    Raises:
        ConfigError: with every mistake found; a syntax error hides those after it.

    >>> read("{a: 1e-3, b: no, c: 12:30, d: 0x10}").plain()
    {'a': 0.001, 'b': 'no', 'c': '12:30', 'd': 16}
    """
    _check_characters(text, file)
    builder = _Builder(text, file)
    try:
        node = builder.document()
    except yaml.MarkedYAMLError as error:
        raise ConfigError([*builder.problems, builder.syntax(error)]) from None
    if builder.problems:
        raise ConfigError(builder.problems)
    return node


def scalar(text: str) -> Scalar:
    """What an unquoted text means in the core schema of YAML 1.2.

    Raises:
        ValueError: for an integer of thousands of digits.

    >>> [scalar(t) for t in ("0o17", ".5", "1_000", "off", "true", "~")]
    [15, 0.5, '1_000', 'off', True, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf"))
    return text


# The stubs give the C parser's marks and the attributes of events no common type.
_Event = Any
_Mark = Any


class _Builder:
    """Turns PyYAML's events into nodes and collects what is wrong with them.

    Events and not PyYAML's own composer, which overflows the C stack on deep nesting.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = _LINE_BREAK.split(text)
        self.problems: list[Problem] = []
        self._events: Iterator[_Event] = yaml.parse(text, Loader=_Loader)
        self._anchors: dict[str, tuple[Node, int] | None] = {}  # None while the value is being read
        self._count = 0
        self._depth = 0

    def position(self, mark: _Mark) -> Position:
        """The place of a mark; a tab is shown as one space, so that a caret stands right."""
        line, column = mark.line, mark.column
        if line >= len(self.lines):  # the end of a text without a last line break
            line, column = len(self.lines) - 1, len(self.lines[-1])
        text = self.lines[line]
        shown = text.replace("\t", " ") if len(text) <= _LONGEST_LINE else ""
        return Position(self.file, line + 1, column + 1, shown)

    def document(self) -> Node:
        """The only document of the stream."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Node(None, Position(self.file))
        root = self._node(next(self._events))
        next(self._events)
        second = next(self._events)
        if not isinstance(second, yaml.StreamEndEvent):
            at = self.position(second.start_mark)
            raise ConfigError(at.problem("a second document begins here", "one document a file"))
        return root

    def _node(self, event: _Event, key: Position | None = None) -> Node:
        at = self.position(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), at, key)
        before, self._count = self._count, self._count + 1
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.append(at.problem(f"the tag '{tag}' is not allowed", "a value without a tag"))
        node = Node(self._value(event, at), at, key)
        if event.anchor is not None:
            self._anchors[event.anchor] = node, self._count - before
        return node

    def _alias(self, name: str, at: Position, key: Position | None) -> Node:
        if name not in self._anchors:
            hint = nearest(name, self._anchors)
            raise ConfigError(at.problem(f"the alias '*{name}' has no anchor '&{name}' before it", hint=hint))
        known = self._anchors[name]
        if known is None:
            raise ConfigError(at.problem(f"the alias '*{name}' stands inside the value that it stands for"))
        node, size = known
        self._count += size
        if self._count > _MOST_VALUES:
            raise ConfigError(at.problem(f"aliases unfold to more than {_MOST_VALUES} values"))
        return Node(node.value, node.at, key)

    def _value(self, event: _Event, at: Position) -> Scalar | dict[str, Node] | list[Node]:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ConfigError(at.problem(f"nested more than {_DEEPEST} deep"))
        value = self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._sequence()
        self._depth -= 1
        return value

    def _scalar(self, event: yaml.ScalarEvent, at: Position) -> Scalar:
        if not event.implicit[0]:
            return str(event.value)
        try:
            return scalar(event.value)
        except ValueError:
            self.problems.append(at.problem("a number of too many digits"))
            return 0

    def _sequence(self) -> list[Node]:
        out: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            out.append(self._node(event))
        return out

    def _mapping(self) -> dict[str, Node]:
        out: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = self.position(event.start_mark)
            key = self._key(event, at)
            child = self._node(next(self._events), at)
            first = out[key].key if key in out else None
            if first is not None:
                lines = f"first on line {first.line}, again on line {at.line}"
                self.problems.append(at.problem(f"duplicate key '{key}': {lines}"))
            elif key:
                out[key] = child
        return out

    def _key(self, event: _Event, at: Position) -> str:
        """The text of a key, empty for one that is not allowed."""
        if not isinstance(event, yaml.ScalarEvent) or not event.value:
            self._node(event)
            self.problems.append(at.problem("a key must be a word", "name: value"))
            return ""
        if event.value == "<<" and event.implicit[0]:
            hint = "to build on another file, name it under `extend:`"
            self.problems.append(at.problem("merge keys (<<) are not part of YAML 1.2", hint=hint))
            return ""
        return str(event.value)

    def syntax(self, error: yaml.MarkedYAMLError) -> Problem:
        """A syntax error in words."""
        mark = error.problem_mark or error.context_mark
        at = self.position(mark) if mark else Position(self.file)
        said = error.problem or "unknown syntax"
        if "cannot start any token" in said and mark and self.lines[mark.line][mark.column] == "\t":
            return at.problem("a tab stands where YAML wants spaces", "indentation with spaces")
        context = f" {error.context}" if error.context else ""
        begin = error.context_mark.line + 1 if error.context_mark else at.line
        hint = f"it begins on line {begin}" if begin != at.line else ""
        if "flow" in context and "${" in at.text:
            hint = 'inside { } and [ ] an expression needs quotes: "${name}"'
        elif "mapping values are not allowed" in said:
            hint = "a text with ': ' in it needs quotes, and keys of one mapping stand in one column"
        return at.problem(f"not YAML: {said}{context}", hint=hint)


def _check_characters(text: str, file: str) -> None:
    wrong = _NOT_YAML.search(text)
    if wrong:
        before = _LINE_BREAK.split(text[: wrong.start()])
        at = Position(file, len(before), len(before[-1]) + 1)
        raise ConfigError(at.problem(f"the character U+{ord(wrong[0]):04X} is not allowed in YAML"))
