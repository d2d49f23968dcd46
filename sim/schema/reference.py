"""Names of values: ``array.x``, ``glb.energy.read``, ``rows``, as in ``--set`` and ``${...}``.

The first part is a top-level key, the name of an entry of a named list, or a parameter; the parts after it are keys
below that, or names or indices of list entries.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from sim.errors import UnplacedError, nearest
from sim.schema.yaml12 import Node, Path

NAMED_LISTS = ("hierarchy", "layers")
_NAME_KEYS = ("name", "memory", "fanout", "converter", "compute")
_PARAMETERS = "parameters"
_MOST_SHOWN = 30


class UnknownNameError(UnplacedError):
    """A name for which there is no value, or more than one."""


def entry_name(entry: Node) -> str:
    """The name of an entry of a named list, empty where it has none.

    A layer has its name under its first key, which says what it is: ``conv: conv1``.
    """
    first = list(entry.value)[:1] if isinstance(entry.value, dict) else []
    for key in (*_NAME_KEYS, *first):
        child = entry.child(key)
        if child is not None and isinstance(child.value, str):
            return child.value
    return ""


class Directory:
    """All the names of one document."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self._starts: dict[str, list[Path]] = {}
        for name, path in _starts(root):
            self._starts.setdefault(name, []).append(path)

    def locate(self, name: str, *, may_be_new: bool = False) -> Path:
        """The path of the value that a name stands for.

        Args:
            name: parts joined by dots.
            may_be_new: a key that a mapping below the top does not have yet is allowed as the last part. Whether
                it makes sense is left to the schema; parameters are free, so a new one there would be a slip.

        Raises:
            UnknownNameError: when there is none, or more than one.
        """
        first, *rest = name.split(".")
        path = self._start(first)
        for index, word in enumerate(rest):
            owner = self.root.at_path(path)
            part = _part(owner, word)
            if part is None:
                last = index == len(rest) - 1
                if last and may_be_new and isinstance(owner.value, dict) and path != (_PARAMETERS,):
                    return (*path, word)
                raise _no_part(spoken(self.root, path), word, list(_options(owner)))
            path = (*path, part)
        return path

    def _start(self, name: str) -> Path:
        paths = self._starts.get(name, [])
        if not paths:
            raise UnknownNameError(f"unknown name '{name}'", _one_of(self._starts), nearest(name, self._starts))
        if len(paths) > 1:
            meant = " or ".join(name if len(path) == 1 else f"{path[0]}.{name}" for path in paths)
            raise UnknownNameError(f"'{name}' is the name of several values", meant)
        return paths[0]


def spoken(root: Node, path: Path) -> str:
    """The name of a path as a person would write it; the inverse of `Directory.locate`."""
    parts: list[str] = []
    node = root
    for part in path:
        parent, node = node, node.at_path((part,))
        parts.append((isinstance(parent.value, list) and entry_name(node)) or str(part))
    if len(parts) > 1 and (parts[0] in NAMED_LISTS or parts[0] == _PARAMETERS):
        parts = parts[1:]
    return ".".join(parts)


def _starts(root: Node) -> Iterator[tuple[str, Path]]:
    if not isinstance(root.value, dict):
        return
    for key, child in root.value.items():
        yield key, (key,)
        if key in NAMED_LISTS or key == _PARAMETERS:
            for name, part in _options(child).items():
                if not name.isdecimal():
                    yield name, (key, part)


def _options(node: Node) -> dict[str, str | int]:
    """What a name can go on with below a node, and the path part that it means."""
    if isinstance(node.value, dict):
        return {key: key for key in node.value}
    if isinstance(node.value, list):
        named = {entry_name(entry): i for i, entry in enumerate(node.value) if entry_name(entry)}
        return {**{str(i): i for i in range(len(node.value))}, **named}
    return {}


def _part(node: Node, word: str) -> str | int | None:
    """What a word of a name means below a node, None where there is no such thing."""
    if isinstance(node.value, list) and word.isdecimal() and int(word) < len(node.value):
        return int(word)
    return _options(node).get(word)


def _no_part(owner: str, part: str, options: list[str]) -> UnknownNameError:
    if not options:
        return UnknownNameError(f"'{owner}' is a single value; it has no '{part}'")
    return UnknownNameError(f"'{owner}' has no '{part}'", _one_of(options), nearest(part, options))


def _one_of(names: Iterable[str]) -> str:
    some = list(itertools.islice(names, _MOST_SHOWN + 1))
    return f"one of {', '.join(some[:_MOST_SHOWN])}{', ...' if len(some) > _MOST_SHOWN else ''}"
