"""Blocks of a workload file: layers that are written once and used many times, with parameters.

A use of a block becomes the layers that it stands for, before expressions are computed. The layers' names get the
name of the use in front (``conv3.reduce``, and ``conv3.0.reduce`` where it is repeated), and each use gets parameters
of its own in the document, to which the references in its layers are bent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from sim.errors import ConfigError, nearest
from sim.schema.expression import sole_reference
from sim.schema.source import Source
from sim.schema.validate import Free, Identifier, Strict, validate
from sim.schema.yaml12 import Node

INPUT = "input"

_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_]\w*)")
_MOST_LAYERS = 100_000


class BlockText(Strict):
    """Layers that are used many times."""

    parameters: dict[Identifier, Free] = Field({}, description="what may differ from use to use, with its defaults")
    layers: list[Any] = Field(
        min_length=1,
        description="as in the file itself; `input` is what goes into the block, the last layer its output",
    )


class UseText(Strict):
    """A block in the list of layers."""

    block: str = Field(min_length=1, description="name of this use; its layers are called NAME.LAYER")
    use: str = Field(description="the block")
    with_: dict[Identifier, Free] = Field({}, alias="with", description="parameters that differ from the defaults")
    repeat: int = Field(1, ge=1, description="times in a row, each fed by the one before (default 1)")
    from_: str | None = Field(None, alias="from", description="the layer that feeds it (default: the one before)")


class _Blocks(Strict):
    blocks: dict[Identifier, BlockText] = Field({}, description="blocks by name")


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean at one place.

    Attributes:
        prefix: what stands before the names of layers here.
        layers: the full name of the layer that is meant, by the name that is used here.
        parameters: the name in the document, by the name that is used here.
        inside: blocks that are being unfolded, outermost first.
    """

    prefix: str
    layers: Mapping[str, str]
    parameters: Mapping[str, str]
    inside: tuple[str, ...] = ()


def expand(root: Node) -> Node:
    """A workload document without blocks.

    Raises:
        ConfigError: for a use that does not fit its block.
    """
    if not isinstance(root.value, dict):
        return root
    layers = root.value.get("layers")
    if layers is None or not isinstance(layers.value, list):
        return root
    blocks = root.value.get("blocks")
    if blocks is not None:
        validate(_Blocks, Source(replace(root, value={"blocks": blocks})))
    expander = _Expander(root)
    entries = expander.unfold(layers.value, _Scope("", {}, {}), INPUT)
    value = {key: child for key, child in root.value.items() if key != "blocks"}
    value["layers"] = replace(layers, value=entries)
    if expander.parameters:
        value["parameters"] = Node(expander.parameters, root.at, root.at)
    return replace(root, value=value)


class _Expander:
    def __init__(self, root: Node) -> None:
        self.blocks = _children(root.child("blocks"))
        self.parameters = dict(_children(root.child("parameters")))
        self._known = [*_children(root), *self.parameters, *map(_name, _entries(root.child("layers")))]
        self._uses = 0
        self._count = 0

    def unfold(self, entries: list[Node], scope: _Scope, before: str) -> list[Node]:
        """The layers of a list; `before` is the full name of the layer that comes before the first."""
        out: list[Node] = []
        names = {**scope.layers, INPUT: before}
        for entry in entries:
            entry = self._bent(entry, scope)
            self._count += 1
            if self._count > _MOST_LAYERS:
                raise ConfigError(entry.at.problem(f"blocks unfold to more than {_MOST_LAYERS} layers"))
            here = replace(scope, layers=names)
            made = self._use(entry, here, before) if entry.child("block") else [_placed(entry, here, not out)]
            out += made
            before = _name(made[-1])
            names[_name(entry)] = before
        return out

    def _use(self, entry: Node, scope: _Scope, before: str) -> list[Node]:
        assert isinstance(entry.value, dict)
        repeat = entry.child("repeat")
        if repeat is not None:
            entry = replace(entry, value={**entry.value, "repeat": self._followed(repeat)})
        text = validate(UseText, Source(entry))
        block = self.blocks.get(text.use)
        if block is None:
            raise _error(entry, "use", f"there is no block '{text.use}'", text.use, self.blocks)
        if text.use in scope.inside:
            raise ConfigError(entry.at_path(("use",)).at.problem(f"block '{text.use}' is used inside itself"))
        before = scope.layers.get(text.from_, text.from_) if text.from_ else before
        out: list[Node] = []
        inner = self._parameters(entry, block, text)
        layers = _entries(block.child("layers"))
        for index in range(text.repeat):
            name = f"{text.block}.{index}" if text.repeat > 1 else text.block
            here = _Scope(f"{scope.prefix}{name}.", scope.layers, inner, (*scope.inside, text.use))
            out += self.unfold(layers, here, before)
            before = _name(out[-1])
        return out

    def _parameters(self, entry: Node, block: Node, text: UseText) -> dict[str, str]:
        """Puts the parameters of a use into the document; their names there, by their names in the block."""
        self._uses += 1
        given, defaults = _children(entry.child("with")), _children(block.child("parameters"))
        for name in given.keys() - defaults.keys():
            raise _error(entry, "with", f"block '{text.use}' has no parameter '{name}'", name, defaults)
        names = {name: f"_{self._uses}_{name}" for name in defaults}
        inside = _Scope("", {}, names, (text.use,))
        for name, default in defaults.items():
            self.parameters[names[name]] = given.get(name) or self._bent(default, inside)
        return names

    def _bent(self, node: Node, scope: _Scope) -> Node:
        """A copy in which references to parameters of the block go to those of this use."""
        if isinstance(node.value, dict):
            return replace(node, value={key: self._bent(child, scope) for key, child in node.value.items()})
        if isinstance(node.value, list):
            return replace(node, value=[self._bent(child, scope) for child in node.value])
        if not isinstance(node.value, str) or not scope.inside:
            return node
        return replace(node, value=_REFERENCE.sub(lambda m: "${" + self._meant(m[1], node, scope), node.value))

    def _meant(self, name: str, node: Node, scope: _Scope) -> str:
        if name not in scope.parameters and name not in self._known:
            block, own = scope.inside[-1], ", ".join(scope.parameters) or "none"
            hint = nearest(name, [*scope.parameters, *self._known])
            raise ConfigError(node.at.problem(f"block '{block}' has no parameter '{name}'", f"one of {own}", hint))
        return scope.parameters.get(name, name)

    def _followed(self, node: Node) -> Node:
        """A value, where it only refers to a parameter the value of that."""
        for _ in range(len(self.parameters)):
            name = sole_reference(node.value) if isinstance(node.value, str) else None
            if name not in self.parameters:
                break
            node = replace(node, value=self.parameters[name].value)
        return node


def _placed(entry: Node, scope: _Scope, first: bool) -> Node:
    """A layer with full names: its own, and those of the layers that feed it."""
    if not isinstance(entry.value, dict) or not entry.value:
        return entry
    value = dict(entry.value)
    key, own = next(iter(value.items()))
    if isinstance(own.value, str):
        value[key] = replace(own, value=scope.prefix + own.value)
    if "from" in value:
        value["from"] = _fed(value["from"], scope.layers)
    elif first and scope.prefix and key != "einsum":  # an einsum takes from outside what it does not name
        value["from"] = Node(scope.layers[INPUT], entry.at)
    return replace(entry, value=value)


def _fed(node: Node, names: Mapping[str, str]) -> Node:
    if isinstance(node.value, dict):
        return replace(node, value={key: _fed(child, names) for key, child in node.value.items()})
    if isinstance(node.value, list):
        return replace(node, value=[_fed(child, names) for child in node.value])
    return replace(node, value=names.get(node.value, node.value)) if isinstance(node.value, str) else node


def _name(entry: Node) -> str:
    """The name of a layer or use: the value of its first key."""
    first = next(iter(_children(entry).values()), entry)
    return first.value if isinstance(first.value, str) else ""


def _entries(node: Node | None) -> list[Node]:
    return node.value if node is not None and isinstance(node.value, list) else []


def _children(node: Node | None) -> dict[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _error(entry: Node, key: str, message: str, wrong: str, known: Mapping[str, object]) -> ConfigError:
    expected = f"one of {', '.join(known)}" if known else ""
    return ConfigError(entry.at_path((key,)).at.problem(message, expected, nearest(wrong, known)))
