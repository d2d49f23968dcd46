"""``extend: BASE``: a file that says only how it differs from another.

Mappings merge key by key. In the named lists (`hierarchy`, `layers`) an entry whose name the base has overrides that
entry in place. A new entry goes right after the entry that it names with ``after:``; without it, before the compute
node of a hierarchy, else to the end. All other values replace the base's. ``remove: true`` takes an entry or a key
away.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sim.arch.library import Kind, LibraryError, find
from sim.errors import ConfigError, Problem, nearest
from sim.schema.reference import NAMED_LISTS, entry_name
from sim.schema.yaml12 import Node, load


def load_extended(path: Path, kind: Kind, below: tuple[Path, ...] = ()) -> Node:
    """The contents of a file, merged over those of the file that it extends.

    Args:
        path: the file.
        kind: where to look for a base that is named and not beside the file.
        below: the files that extend this one, outermost first.

    Raises:
        ConfigError: for files that are no mapping, cannot be found, extend each other or do not fit together.
    """
    node = load(path)
    if not isinstance(node.value, dict):
        raise ConfigError(node.at.problem("a file holds keys and values", "name: ..."))
    value = dict(node.value)
    extend = value.pop("extend", None)
    node = replace(node, value=value)
    if extend is None:
        return node
    base_path = _find_base(extend, path, kind)
    chain = (*below, path)
    if base_path.resolve() in [p.resolve() for p in chain]:
        circle = " -> ".join(str(p) for p in (*chain, base_path))
        raise ConfigError(extend.at.problem(f"files extend each other in a circle: {circle}"))
    merger = _Merger()
    merged = merger.mapping(load_extended(base_path, kind, chain), node)
    if merger.problems:
        raise ConfigError(merger.problems)
    return merged


def _find_base(extend: Node, path: Path, kind: Kind) -> Path:
    name = extend.value
    if not isinstance(name, str):
        raise ConfigError(extend.at.problem("extend names one file", "a path beside this file or a shipped name"))
    for beside in (path.parent / name, path.parent / f"{name}.yaml"):
        if beside.is_file():
            return beside
    try:
        return find(kind, name)
    except LibraryError as error:
        raise ConfigError(extend.at.explain(error)) from None


class _Merger:
    """Merges one document over another and collects what does not fit."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def mapping(self, base: Node, over: Node) -> Node:
        """`over` on top of `base`, both mappings."""
        assert isinstance(base.value, dict)
        assert isinstance(over.value, dict)
        merged = dict(base.value)
        for key, child in over.value.items():
            below = merged.get(key)
            if _is_removal(child):
                if merged.pop(key, None) is None:
                    self.problems.append(self._nothing(child, key, list(base.value)))
            elif below is None:
                merged[key] = child
            else:
                merged[key] = self._value(key, below, child)
        return replace(over, value=merged)

    def _value(self, key: str, base: Node, over: Node) -> Node:
        if isinstance(base.value, dict) and isinstance(over.value, dict):
            return self.mapping(base, over)
        if key in NAMED_LISTS and isinstance(base.value, list) and isinstance(over.value, list):
            return self._named_list(base.value, over)
        return over

    def _named_list(self, base: list[Node], over: Node) -> Node:
        assert isinstance(over.value, list)
        merged = list(base)
        for entry in over.value:
            name = entry_name(entry)
            names = [entry_name(e) for e in merged]
            known = bool(name) and name in names
            if _is_removal(entry):
                if known:
                    del merged[names.index(name)]
                else:
                    self.problems.append(self._nothing(entry, name, names))
            elif known:
                index = names.index(name)
                merged[index] = self.mapping(merged[index], entry)
            else:
                self._insert(merged, entry, names)
        return replace(over, value=merged)

    def _insert(self, merged: list[Node], entry: Node, names: list[str]) -> None:
        after = entry.child("after")
        if after is None or not isinstance(entry.value, dict):
            at_compute = bool(merged) and merged[-1].child("compute") is not None
            merged.insert(len(merged) - at_compute, entry)
        elif after.value in names:
            value = {key: child for key, child in entry.value.items() if key != "after"}
            merged.insert(names.index(str(after.value)) + 1, replace(entry, value=value))
        else:
            expected, hint = f"one of {', '.join(filter(None, names))}", nearest(str(after.value), names)
            self.problems.append(
                after.at.problem(f"there is no entry '{after.value}' to stand after", expected, hint)
            )

    @staticmethod
    def _nothing(node: Node, name: str, names: list[str]) -> Problem:
        expected = f"one of {', '.join(filter(None, names))}"
        return (node.key or node.at).problem(f"the base has no '{name}' to remove", expected, nearest(name, names))


def _is_removal(node: Node) -> bool:
    remove = node.child("remove")
    return remove is not None and remove.value is True
