"""What everything in an architecture costs: the numbers a person gave, and a model's where none is given."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sim.arch.tree import ALL, Architecture, Fanout, Given, Link
from sim.components.model import NOT_MODELLED, Body, ComponentError, NodeCosts, Part, unknown
from sim.components.registry import costs
from sim.errors import TilenestError

__all__ = ["ComponentError", "NodeCosts", "Row", "describe", "link_key", "node_costs"]

# What `Component.given` calls the quantities.
_GIVEN = {
    "read_pj": "read",
    "write_pj": "write",
    "op_pj": "op",
    "gated_pj": "gated",
    "word_pj": "word",
    "cycle_pj": "cycle",
    "leakage_mw": "leakage",
    "area_um2": "area",
}

_UNITS = {
    "read": "pJ/access",
    "write": "pJ/access",
    "op": "pJ/operation",
    "gated": "pJ/operation",
    "word": "pJ/word",
    "bit": "pJ/bit",
    "cycle": "pJ/cycle",
    "leakage": "mW",
    "area": "um2",
    "latency": "ns",
    "interval": "ns",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One cost of one instance, for people.

    Attributes:
        node: a key of `node_costs`.
        quantity: a field of `NodeCosts`.
        given: whether a person wrote the number; a model computed it otherwise.
    """

    node: str
    quantity: str
    value: float
    unit: str
    source: str
    given: bool


@functools.lru_cache(maxsize=16)
def node_costs(arch: Architecture) -> Mapping[str, NodeCosts]:
    """What one instance of every node costs, and the network of every fanout (see `link_key`).

    A number in `Component.given` wins over the model. The last machines' costs are remembered, as every mapping of
    every layer is priced by them.

    Raises:
        ComponentError: names the node; for an unknown model, attribute or quantity, a model for another kind of
            node, and attributes or a technology that the model does not cover.

    >>> from sim.arch.tree import Component, Compute, Memory
    >>> dram = Memory("dram", ("all",), float("inf"), 64, component=Component("dram", (("type", "DDR3"),)))
    >>> node_costs(Architecture("tiny", (dram, Compute("mac"))))["dram"].read.value
    1280.0
    """
    return MappingProxyType({key: _costs(key, body, arch) for key, body in _bodies(arch)})


def link_key(fanout: Fanout, tensor: str, role: str) -> str:
    """The key in `node_costs` of the network that carries a tensor across a fanout."""
    return f"{fanout.name}.{fanout.link(tensor, role).tensor}"


def describe(arch: Architecture) -> list[Row]:
    """Every cost that is given or modelled, in the order of the nodes.

    Raises:
        ComponentError: see `node_costs`.
    """
    rows = []
    table = node_costs(arch)
    for key, body in _bodies(arch):
        by_hand = {_GIVEN[name] for name, _ in body.component.given}
        for quantity, unit in _UNITS.items():
            cost: Given = getattr(table[key], quantity)
            if cost is not NOT_MODELLED:
                rows.append(Row(key, quantity, cost.value, unit, cost.source, quantity in by_hand))
    return rows


def _bodies(arch: Architecture) -> Iterator[tuple[str, Body]]:
    for node in arch:
        if not isinstance(node, Fanout):
            yield node.name, node
            continue
        for link in node.links:
            yield f"{node.name}.{link.tensor}", link
        if all(link.tensor != ALL for link in node.links):
            yield f"{node.name}.{ALL}", Link(ALL)  # carries what no other link does, for free


def _costs(key: str, body: Body, arch: Architecture) -> NodeCosts:
    try:
        result = costs(Part(body, arch.technology))
        for name, number in body.component.given:
            if name not in _GIVEN:
                raise unknown("quantity", name, _GIVEN)
            if name == "word_pj":  # the whole cost of a word, so nothing is left to pay per bit
                result = replace(result, bit=NOT_MODELLED)
            result = replace(result, **{_GIVEN[name]: number})
    except TilenestError as error:
        raise ComponentError(f"architecture {arch.name}, {key}: {error}", key) from error
    return result
