"""A mapping: the loop nest that runs a layer on a machine, as one flat list.

Outermost first, three kinds of item: `Keep` (from here inward the level holds the tile of these tensors that the
rest of the list touches), `For` (a loop in time) and `Parallel` (a loop in space, over one axis of a fanout).

Bounds need not divide. A loop advances by the product of the bounds of the loops of the same dimension inside it;
what would lie beyond the dimension does not exist. ``for P 2 / parallel P 14`` over 27 rows is 14 + 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Literal

Axis = Literal["x", "y"]


@dataclass(frozen=True, slots=True)
class Keep:
    """From here inward `level` holds the tiles of `tensors`."""

    level: str
    tensors: tuple[str, ...]

    def __str__(self) -> str:
        return f"keep {self.level} {', '.join(self.tensors)}"


@dataclass(frozen=True, slots=True)
class For:
    """A loop in time."""

    dim: str
    bound: int

    def __str__(self) -> str:
        return f"for {self.dim} {self.bound}"


@dataclass(frozen=True, slots=True)
class Parallel:
    """A loop in space over the `x` or `y` axis of a fanout."""

    fanout: str
    axis: Axis
    dim: str
    bound: int

    def __str__(self) -> str:
        return f"parallel {self.fanout}.{self.axis} {self.dim} {self.bound}"


Item = Keep | For | Parallel


@dataclass(frozen=True, slots=True)
class Mapping:
    """A loop nest. See the module's text for what it means.

    Attributes:
        place: file and line where a person wrote it, for messages; two nests are the same wherever they stand.
    """

    items: tuple[Item, ...]
    place: str = field(default="", compare=False, repr=False)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    @property
    def loops(self) -> tuple[For | Parallel, ...]:
        """The loops alone, outermost first."""
        return tuple(i for i in self.items if not isinstance(i, Keep))

    def steps(self) -> tuple[int, ...]:
        """For every loop, how far its dimension advances in one iteration."""
        inner: dict[str, int] = {}
        out: list[int] = []
        for loop in reversed(self.loops):
            step = inner.get(loop.dim, 1)
            out.append(step)
            inner[loop.dim] = step * loop.bound
        return tuple(reversed(out))

    def tile(self, position: int, sizes: Map[str, int]) -> dict[str, int]:
        """The largest extent of every dimension touched by the items from `position` on."""
        extent = dict.fromkeys(sizes, 1)
        for item in self.items[position:]:
            if not isinstance(item, Keep):
                extent[item.dim] *= item.bound
        return {d: min(extent[d], sizes[d]) for d in sizes}

    def to_list(self) -> list[str]:
        """One line an item; the form that mapping files and results use."""
        return [str(item) for item in self.items]

    def spatial(self) -> int:
        """Product of the bounds of the loops in space."""
        return math.prod(i.bound for i in self.items if isinstance(i, Parallel))
