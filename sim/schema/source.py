"""What a person configured: a file, the files that it extends, ``--set`` overrides and ``${...}`` expressions.

A `Source` is plain data in which all of these are settled, and it still knows the place of every value.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path as FilePath
from typing import Any

from sim.arch.library import Kind
from sim.errors import ConfigError, Problem, shown
from sim.schema import yaml12
from sim.schema.expression import ExpressionError, evaluate, is_expression, references, sole_reference
from sim.schema.extend import load_extended
from sim.schema.reference import Directory, UnknownNameError, spoken
from sim.schema.yaml12 import Node, Path, Position, Scalar
from sim.units import NUMBER, Quantity, UnitError

_LONGEST_CHAIN = 50


@dataclass(frozen=True, slots=True)
class Source:
    """Configuration data with the place of every value.

    Attributes:
        root: the data as nodes.
    """

    root: Node

    @property
    def data(self) -> Any:
        """The data as plain dicts, lists and scalars."""
        return self.root.plain()

    def find(self, path: Path) -> Node:
        """The value at a path; parts that do not exist are passed over, so the nearest value around it is found."""
        node = self.root
        for part in path:
            node = node.child(part) or node
        return node

    def problem(
        self, path: Path, message: str, expected: str = "", hint: str = "", *, at_key: bool = False
    ) -> Problem:
        """A mistake in the value at a path, or in its key; a mapping or list is shown at its key."""
        node = self.find(path)
        whole = at_key or isinstance(node.value, dict | list)
        at = node.key if whole and node.key is not None else node.at
        return at.problem(message, expected, hint)


def read(
    path: FilePath,
    sets: Sequence[str] = (),
    kind: Kind = "arch_configs",
    prepare: Callable[[Node], Node] | None = None,
) -> Source:
    """A configuration file with all that it builds on.

    Args:
        path: the file.
        sets: overrides ``NAME=VALUE`` such as ``array.x=16``; names as in `sim.schema.reference`, values in YAML.
        kind: where shipped files that it extends are looked for.
        prepare: what else is done to the document before its expressions are computed.

    Raises:
        ConfigError: with every mistake found.
    """
    root = load_extended(path, kind)
    problems: list[Problem] = []
    for text in sets:
        try:
            root = _override(root, text)
        except ConfigError as error:
            problems += error.problems
    if prepare is not None and not problems:
        root = prepare(root)
    resolver = _Resolver(root)
    root = resolver.resolved(root, ())
    problems += _told_once(resolver.problems)
    if problems:
        raise ConfigError(problems)
    return Source(root)


def _told_once(problems: Sequence[Problem]) -> Iterator[Problem]:
    """A mistake that is in several places (a name that there is not) once: at the first, with the others' lines."""
    places: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        places.setdefault((problem.file, problem.message, problem.expected), []).append(problem)
    for first, *others in places.values():
        lines = sorted({p.line for p in others} - {first.line, 0})
        if lines:
            also = f"{'lines' if len(lines) > 1 else 'line'} {', '.join(map(str, lines))}"
            first = replace(first, message=f"{first.message}, also in {also}")
        yield first


def _override(root: Node, text: str) -> Node:
    at = Position(f"--set {text}")
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(at.problem("a name and a value are needed", "NAME=VALUE, e.g. array.x=16"))
    try:
        path = Directory(root).locate(name.strip(), may_be_new=True)
    except UnknownNameError as error:
        raise ConfigError(at.explain(error)) from None
    try:
        node = yaml12.read(value)
    except ConfigError as error:
        moved = [replace(p, file=at.file, line=0, column=0, text="") for p in error.problems]
        raise ConfigError(moved) from None
    return _replaced(root, path, _moved(node, at))


def _moved(node: Node, at: Position) -> Node:
    """A copy of which every part stands at one place."""
    key = at if node.key else None
    if isinstance(node.value, dict):
        return Node({k: _moved(child, at) for k, child in node.value.items()}, at, key)
    if isinstance(node.value, list):
        return Node([_moved(child, at) for child in node.value], at, key)
    return Node(node.value, at, key)


def _replaced(node: Node, path: Path, new: Node) -> Node:
    """A copy in which the value at a path is another; its last part may be a new key."""
    if not path:
        return replace(new, key=new.at)
    part, rest = path[0], path[1:]
    if isinstance(node.value, dict) and isinstance(part, str):
        child = node.value.get(part, new)
        return replace(node, value={**node.value, part: _replaced(child, rest, new)})
    if isinstance(node.value, list) and isinstance(part, int):
        entries = [_replaced(child, rest, new) if i == part else child for i, child in enumerate(node.value)]
        return replace(node, value=entries)
    raise AssertionError(f"{path} is not in the document")


class _FailedError(Exception):
    """An expression that needs one whose mistake is reported already."""


class _Resolver:
    """Computes the expressions of a document, each once, in the order in which they need each other."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self._directory = Directory(root)
        self.problems: list[Problem] = []
        self._done: dict[Path, Scalar] = {}
        self._failed: set[Path] = set()
        self._open: list[Path] = []

    def resolved(self, node: Node, path: Path) -> Node:
        """A copy of a node in which every expression is its value; those that fail stay and are reported."""
        if isinstance(node.value, dict):
            return replace(node, value={k: self.resolved(child, (*path, k)) for k, child in node.value.items()})
        if isinstance(node.value, list):
            return replace(node, value=[self.resolved(child, (*path, i)) for i, child in enumerate(node.value)])
        try:
            return replace(node, value=self._scalar(path)) if is_expression(node.value) else node
        except _FailedError:
            return node

    def _scalar(self, path: Path) -> Scalar:
        node = self.root.at_path(path)
        if isinstance(node.value, dict | list):
            raise ExpressionError(f"'{spoken(self.root, path)}' is not a single value")
        if not isinstance(node.value, str) or not is_expression(node.value):
            return node.value
        if path in self._failed:
            raise _FailedError
        if path not in self._done:
            self._check_open(path)
            self._open.append(path)
            try:
                self._done[path] = self._compute(node.value)
            except _FailedError:
                self._failed.add(path)
                raise
            except ExpressionError as error:
                self._failed.add(path)
                self.problems.append(node.within(error.offset).explain(error))
                raise _FailedError from None
            finally:
                self._open.pop()
        return self._done[path]

    def _check_open(self, path: Path) -> None:
        if path in self._open:
            circle = [*self._open[self._open.index(path) :], path]
            names = " -> ".join(spoken(self.root, p) for p in circle)
            raise ExpressionError(f"expressions refer to each other in a circle: {names}")
        if len(self._open) >= _LONGEST_CHAIN:
            raise ExpressionError(f"more than {_LONGEST_CHAIN} expressions refer to each other in a row")

    def _compute(self, text: str) -> Scalar:
        name = sole_reference(text)
        if name is not None:
            return self._refer(name)
        for name in references(text):  # before the parser stands on the stack, so that chains do not exhaust it
            with contextlib.suppress(ExpressionError):  # which `evaluate` meets again, and places
                self._refer(name)
        result = evaluate(text, self._quantity)
        if result.dimension != NUMBER:
            return str(result)
        return result.exact.numerator if result.exact.denominator == 1 else result.value

    def _refer(self, name: str) -> Scalar:
        try:
            path = self._directory.locate(name)
        except UnknownNameError as error:
            raise ExpressionError(error.message, error.expected, error.hint) from None
        return self._scalar(path)

    def _quantity(self, name: str) -> Quantity:
        value = self._refer(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return Quantity(Fraction(str(value)), NUMBER)  # by its decimal text: 0.1 is one tenth
        try:
            return Quantity.read(value)
        except UnitError:
            raise ExpressionError(f"'{name}' is {shown(value)}, neither a number nor a quantity") from None
