"""What a cost model is: a name, what it may stand for, its attributes, and a function from a part to its costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sim.arch.tree import Compute, Converter, Given, Link, Memory, Technology
from sim.components import scaling
from sim.errors import TilenestError, nearest
from sim.units import Dimension, UnitError, parse

Body = Memory | Link | Converter | Compute
B = TypeVar("B", bound=Body)

NOT_MODELLED = Given(0.0, "not modelled")


class ComponentError(TilenestError):
    """A component whose model, attributes or numbers make no sense.

    Attributes:
        part: its key in `sim.components.table.node_costs`; empty where only the caller knows it.
    """

    def __init__(self, message: str, part: str = "") -> None:
        self.part = part
        super().__init__(message)


def unknown(kind: str, name: str, known: Iterable[str]) -> ComponentError:
    """The error for a name that is none of the known ones.

    >>> print(unknown("component model", "srma", ["sram", "dram"]))
    unknown component model srma; did you mean 'sram'?; known: sram, dram
    """
    known = tuple(known)
    parts = (f"unknown {kind} {name}", nearest(name, known), f"known: {', '.join(known) or 'none'}")
    return ComponentError("; ".join(filter(None, parts)))


@dataclass(frozen=True, slots=True)
class NodeCosts:
    """What one instance of a node, or the network of one fanout, costs.

    Attributes:
        read, write: pJ per access of the memory's width; a word of b bits costs b / width of it.
        op: pJ per operation of a compute node.
        gated: pJ per operation that gating spares: what is left of its cost.
        word: pJ per word that passes a link or converter, however wide the word is.
        bit: pJ per bit that passes, paid besides `word`; see `word_pj`.
        cycle: pJ per clock cycle and instance, busy or not (clock tree, control).
        leakage: mW per instance.
        area: um2 per instance.
        latency: ns from a request to its data.
        interval: ns from one access to the next.
    """

    read: Given = NOT_MODELLED
    write: Given = NOT_MODELLED
    op: Given = NOT_MODELLED
    gated: Given = NOT_MODELLED
    word: Given = NOT_MODELLED
    bit: Given = NOT_MODELLED
    cycle: Given = NOT_MODELLED
    leakage: Given = NOT_MODELLED
    area: Given = NOT_MODELLED
    latency: Given = NOT_MODELLED
    interval: Given = NOT_MODELLED

    def word_pj(self, bits: int) -> float:
        """What a word of so many bits costs that passes a link or converter."""
        return self.word.value + bits * self.bit.value


@dataclass(frozen=True, slots=True)
class Part(Generic[B]):
    """What a model is asked about: a node or link, and the technology that it is made in."""

    body: B
    technology: Technology

    @property
    def node_nm(self) -> float:
        """The technology node."""
        return self.technology.node_nm

    @property
    def volts(self) -> float:
        """The supply, the node's nominal one where none is stated."""
        return self.technology.voltage or scaling.nominal_supply(self.node_nm)

    def quantity(self, name: str, dimension: Dimension, unit: str, default: float | None = None) -> float:
        """An attribute that must be positive, in this unit.

        Raises:
            ComponentError: when it is missing and has no default, or is no positive quantity of this dimension.
        """
        text = self._attribute(name)
        if text is None:
            if default is None:
                raise ComponentError(f"the attribute {name} is missing: {dimension.phrase}, e.g. {dimension.example}")
            return default
        try:
            value = parse(text, dimension, unit)
        except UnitError as error:
            raise ComponentError(f"attribute {name}: {error}") from error
        if not value > 0:
            raise ComponentError(f"attribute {name}: {text} is not positive")
        return value

    def count(self, name: str, default: int) -> int:
        """An attribute that must be a whole number from 1.

        Raises:
            ComponentError: when it is not.
        """
        value = self._attribute(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or value < 1 or value != int(value):
            raise ComponentError(f"attribute {name}: {value} is not a whole number from 1")
        return int(value)

    def choice(self, name: str, options: Iterable[str], default: str | None = None) -> str:
        """An attribute that must be one of these texts.

        Raises:
            ComponentError: when it is another, or missing without a default.
        """
        options = tuple(options)
        value = self._attribute(name)
        if value is None:
            if default is None:
                raise ComponentError(f"the attribute {name} is missing: one of {', '.join(options)}")
            return default
        if value not in options:
            raise unknown(name, str(value), options)
        return str(value)

    def _attribute(self, name: str) -> float | str | None:
        return dict(self.body.component.attributes).get(name)


@dataclass(frozen=True, slots=True)
class Model(Generic[B]):
    """A cost model.

    Attributes:
        name: what ``model:`` says.
        bodies: the kinds of node or link it may stand for.
        attributes: the attributes it knows.
        costs: what a part costs; quantities that it leaves out are not modelled.
    """

    name: str
    bodies: tuple[type[B], ...]
    attributes: tuple[str, ...]
    costs: Callable[[Part[B]], NodeCosts]
