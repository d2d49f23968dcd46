"""What `sim.workload.build` takes and gives: values on their way between layers, and the formats of their words."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor on its way between layers.

    Attributes:
        shape: words along each axis, the batch first.
        source: the layer that makes it, or None for what comes from outside the network.
        rearranged: whether its axes are in another order than those that the layer makes.
    """

    shape: tuple[int, ...]
    source: str | None = None
    rearranged: bool = False

    @property
    def words(self) -> int:
        """Words of the tensor."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return "x".join(map(str, self.shape)) or "1"


@dataclass(frozen=True, slots=True)
class Format:
    """How the words of a tensor are held, and what they are; see `Tensor`."""

    bits: int = 16
    density: float = 1.0
    ones: float | None = None


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of the three tensors of a multiply-accumulate layer; a vector layer has the width of `inputs`."""

    inputs: Format = Format()
    weights: Format = Format()
    outputs: Format = Format()
