"""The part of architecture files that says what a node costs: a model with attributes, or numbers with a source."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator

from sim.arch.tree import Component, Given
from sim.schema.validate import Area, Energy, Free, Power, Strict, reject

_SOURCE = (
    "where the numbers come from: paper and table, data sheet, or 'assumed'; "
    "they win over every cost model, so a reader must be able to check them"
)


def present(**values: object) -> dict[str, Any]:
    """What the file says; the domain types know the defaults of the rest."""
    return {name: value for name, value in values.items() if value is not None}


class Cited(Strict):
    """Numbers and where they come from."""

    source: str = Field(min_length=1, description=_SOURCE)

    @model_validator(mode="after")
    def _has_a_number(self) -> Cited:
        if self.numbers():
            return self
        names = ", ".join(name for name in type(self).model_fields if name != "source")
        raise reject("there is a source here but no number", f"one of {names}")

    def numbers(self) -> dict[str, Given]:
        """The numbers that are given, by key."""
        return {n: Given(v, self.source) for n, v in self if n != "source" and v is not None}


class ReadWriteEnergy(Cited):
    """What a memory costs by measurement or report instead of by model."""

    read: Energy | None = Field(None, description="energy of one read of `width` bits, e.g. 2 pJ")
    write: Energy | None = Field(None, description="energy of one write of `width` bits, e.g. 2 pJ")
    cycle: Energy | None = Field(None, description="energy of one instance in every clock cycle, busy or not")


class WordEnergy(Cited):
    """What passing words cost."""

    word: Energy | None = Field(None, description="energy of one word that passes, e.g. 1 pJ")
    cycle: Energy | None = Field(None, description="energy of one instance in every clock cycle, busy or not")


class OperationEnergy(Cited):
    """What operations cost."""

    op: Energy | None = Field(None, description="energy of one operation, e.g. 2 pJ")
    gated: Energy | None = Field(None, description="energy of an operation that is gated off, e.g. 0.1 pJ")
    write: Energy | None = Field(None, description="class crossbar: energy of writing one cell, e.g. 10 pJ")
    cycle: Energy | None = Field(None, description="energy of one unit in every clock cycle, busy or not")


class CitedPower(Cited):
    """A power and where it comes from."""

    value: Power = Field(description="power of one instance, e.g. 0.1 mW")


class CitedArea(Cited):
    """An area and where it comes from."""

    value: Area = Field(description="area of one instance, e.g. 100 um2")


class ComponentText(Strict):
    """A cost model and its attributes, which are the model's own."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Free] = Field(init=False)

    model: str = Field(min_length=1, description="name of the cost model, e.g. sram; docs/components.md lists all")


class Costed(Strict):
    """Something that costs energy and area."""

    component: ComponentText | None = Field(
        None, description="what it is made of: `model` and the model's attributes"
    )
    energy: Cited | None = Field(None, description="energies that win over the cost model")
    leakage: CitedPower | None = Field(None, description="leakage that wins over the cost model")
    area: CitedArea | None = Field(None, description="area that wins over the cost model")

    def lower_component(self) -> Component:
        """The model, its attributes in alphabetical order, and the numbers that win over it."""
        given: dict[str, Given] = {}
        if self.energy is not None:
            given |= {f"{name}_pj": number for name, number in self.energy.numbers().items()}
        if self.leakage is not None:
            given["leakage_mw"] = self.leakage.numbers()["value"]
        if self.area is not None:
            given["area_um2"] = self.area.numbers()["value"]
        if self.component is None:
            return Component(given=tuple(given.items()))
        attributes = tuple(sorted((self.component.model_extra or {}).items()))
        return Component(self.component.model, attributes, tuple(given.items()))
