"""What a network's products may be computed by, and the machines that do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from sim.accuracy.digital import quantize
from sim.accuracy.packing import pack
from sim.accuracy.task import Part, Product, Task, Trace
from sim.arch.crossbar import Crossbar
from sim.arch.noise import Noise
from sim.arch.tree import Architecture
from sim.errors import TilenestError

_CERTAIN = frozenset({"temperature", "wires", "nonlinearity"})
"""Effects by which all chips err alike."""


@dataclass(frozen=True, slots=True)
class Exact:
    """Floating point, as the model says."""

    is_random: bool = False

    def make(self, trace: Trace, seed: list[int]) -> Product | None:
        """Nothing that replaces the product."""
        return None


@dataclass(frozen=True, slots=True)
class Digital:
    """Whole numbers of few bits; see `sim.accuracy.digital`."""

    weight_bits: int
    input_bits: int
    is_random: bool = False

    def make(self, trace: Trace, seed: list[int]) -> Product:
        """The matrix, quantized."""
        return quantize(trace.weights, trace.inputs, self.weight_bits, self.input_bits)


@dataclass(frozen=True, slots=True)
class Analog:
    """Arrays, and by what they err."""

    xbar: Crossbar
    noise: Noise

    @property
    def is_random(self) -> bool:
        """Whether one chip differs from another."""
        return not _CERTAIN.issuperset(self.noise.effects)

    def make(self, trace: Trace, seed: list[int]) -> Product:
        """The matrix, written into arrays.

        Raises:
            TilenestError: when it cannot be.
        """
        from sim.nonideal.array import program

        if trace.groups > 1:
            return pack(trace.weights, trace.inputs, trace.groups, self.xbar, self.noise, seed)
        return program(trace.weights, self.xbar, self.noise, seed, trace.inputs)


Hardware = Exact | Digital | Analog


def machine_of(arch: Architecture) -> Analog:
    """The arrays of a machine.

    Raises:
        TilenestError: for one that has none.
    """
    if arch.crossbar is None:
        raise TilenestError(
            f"{arch.name} is of class {arch.engine}, whose arithmetic is exact: accuracy is a matter of class "
            "crossbar (`tilenest list archs` shows what there is)"
        )
    return Analog(arch.crossbar, arch.noise or Noise())


def traces_of(task: Task, hardware: Hardware) -> Mapping[Part, Trace]:
    """What each product sees, by its first part: groups of a layer that share an array are one product."""
    if not isinstance(hardware, Analog) or hardware.xbar.groups == "apart":
        return task.traces
    out: dict[Part, Trace] = {}
    for name in task.layers:
        groups = [trace for (layer, _), trace in task.traces.items() if layer == name]
        rows, columns = groups[0].weights.shape
        size = hardware.xbar.together(rows, columns, len(groups))
        for first in range(0, len(groups), size):
            out[name, first] = Trace.along_diagonal(groups[first : first + size])
    return out


def products_of(
    task: Task, hardware: Hardware, seed: int, layers: Collection[str] | None = None
) -> Mapping[Part, Product]:
    """The products of one chip, by their first part; of some layers alone, where these are given.

    Raises:
        TilenestError: for a layer that cannot be put on it, with its name.
    """
    out = {}
    for number, (part, trace) in enumerate(traces_of(task, hardware).items()):
        if layers is not None and part[0] not in layers:
            continue
        try:
            product = hardware.make(trace, [seed, number])
        except TilenestError as error:
            raise TilenestError(f"layer {part[0]}: {error}") from None
        if product is not None:
            out[part] = product
    return out


def noise_of(seed: int) -> np.random.Generator:
    """Random numbers for what one chip draws anew in every product."""
    return np.random.default_rng([seed, 1 << 20])
