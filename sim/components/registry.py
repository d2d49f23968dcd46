"""The cost models by name: those of this package, and those that others add."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from sim.arch.tree import Compute, Converter, Link, Memory
from sim.components.adc import ADC
from sim.components.analog import DAC, EDRAM, MEMRISTOR, SAMPLE_HOLD, SHIFT_ADD, SRAM_CELL
from sim.components.arithmetic import FLOAT_MAC, INT_MAC
from sim.components.dram import DRAM
from sim.components.model import Body, ComponentError, Model, NodeCosts, Part, unknown
from sim.components.regfile import REGFILE
from sim.components.sram import SRAM
from sim.components.wire import WIRE

ENTRY_POINTS = "tilenest.components"

FREE: Model[Body] = Model("free", (Memory, Link, Converter, Compute), (), lambda part: NodeCosts())

_DIGITAL: tuple[Model[Any], ...] = (FREE, SRAM, REGFILE, DRAM, EDRAM, INT_MAC, FLOAT_MAC, WIRE)
_ANALOG: tuple[Model[Any], ...] = (ADC, DAC, SAMPLE_HOLD, SHIFT_ADD, MEMRISTOR, SRAM_CELL)
_MODELS = {m.name: m for m in (*_DIGITAL, *_ANALOG)}


def register(model: Model[Any]) -> None:
    """Adds a model for this process; a package offers one as an entry point of the group ``tilenest.components``.

    Raises:
        ComponentError: when the name is taken.
    """
    if _MODELS.setdefault(model.name, model) is not model:
        raise ComponentError(f"there is a component model {model.name} already")


def find(name: str) -> Model[Any]:
    """The model of this name.

    Raises:
        ComponentError: when there is none.
    """
    if name not in _MODELS:
        for entry in entry_points(group=ENTRY_POINTS, name=name):
            register(entry.load())
    if name not in _MODELS:
        raise unknown("component model", name, (*_MODELS, *entry_points(group=ENTRY_POINTS).names))
    return _MODELS[name]


def costs(part: Part[Any]) -> NodeCosts:
    """What a part costs by its model.

    Raises:
        ComponentError: for an unknown model or attribute, or a model that is for other parts.
    """
    component = part.body.component
    model = find(component.model)
    if not isinstance(part.body, model.bodies):
        kinds = " or ".join(body.__name__.lower() for body in model.bodies)
        raise ComponentError(f"the model {model.name} is for a {kinds}, not for a {type(part.body).__name__.lower()}")
    for name, _ in component.attributes:
        if name not in model.attributes:
            raise unknown(f"{model.name} attribute", name, model.attributes)
    return model.costs(part)
