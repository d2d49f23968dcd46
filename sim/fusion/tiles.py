"""Cutting a run of units into tiles: which rows of every tensor a tile makes, and which it has to hold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sim.fusion.units import Unit
from sim.workload.part import Span, axis_sizes, axis_with, dim_along, same_axis, taken


@dataclass(frozen=True, slots=True)
class Along:
    """How a unit is cut: the dimension whose parts make parts of its output (None: it is not cut), and its size."""

    dim: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Region:
    """Rows of a unit's output in one tile: those that are there while others take them, and those that it makes."""

    held: Span
    made: Span


Tile = dict[int, Region]
"""By unit."""


@dataclass(frozen=True)
class Tiling:
    """The units from `first` to `last`, in tiles.

    Attributes:
        along: how each unit is cut.
        tiles: in the order in which they are run.
        rows: how many rows of the last unit's output are in a tile.
        keep: whether rows that the next tile needs again stay where they are; else they are made again.
    """

    first: int
    last: int
    along: dict[int, Along]
    tiles: tuple[Tile, ...]
    rows: int
    keep: bool = False

    @property
    def overlaps(self) -> bool:
        """Whether tiles need rows that others need, too."""
        pairs = itertools.pairwise(self.tiles)
        return any(common(tile[k], after[k]) for tile, after in pairs for k in range(self.first, self.last))


def common(one: Region, after: Region) -> int:
    """Rows that are held in one tile and in the next."""
    return max(0, one.held[1] - after.held[0])


def whole(first: int, last: int) -> Tiling:
    """Everything at once."""
    everything = Region((0, 1), (0, 1))
    units = range(first, last + 1)
    return Tiling(first, last, dict.fromkeys(units, Along(None, 1)), (dict.fromkeys(units, everything),), 1)


def follow(units: Sequence[Unit], first: int, last: int, axis: int) -> dict[int, Along] | None:
    """How every unit is cut where the last one is cut along an axis of its output; None if one cannot be.

    An axis is followed from an operand to the output that it is, through views of the same words. A unit must not
    need all of an operand for a part of its output.
    """
    axes, out = {last: axis}, {}
    for k in range(last, first - 1, -1):
        layer = units[k].access
        if layer is None or (dim := dim_along(layer, axes[k])) is None:
            return None
        out[k] = Along(dim, layer.sizes[dim])
        for feed in units[k].feeds:
            if feed.source < first:
                continue
            operand, maker = layer.tensor(feed.tensor), units[feed.source].access
            at = axis_with(operand, dim)
            if maker is None or at is None or feed.rearranged:
                return None
            found = same_axis(axis_sizes(operand, layer), at, axis_sizes(maker.outputs, maker))
            if found is None or axes.setdefault(feed.source, found) != found:
                return None
    return out


def cut(units: Sequence[Unit], first: int, last: int, along: dict[int, Along], rows: int, keep: bool) -> Tiling:
    """The tiles, each of so many rows of the last unit's output.

    All together make every row: one that nobody takes is made with those before it.
    """
    size = along[last].size
    spans = [(i, min(i + rows, size)) for i in range(0, size, rows)]
    out: list[Tile] = [{last: Region(span, span)} for span in spans]
    for k in range(last - 1, first - 1, -1):
        held = _covering([_needed(units, k, last, along, tile) for tile in out], along[k].size)
        made = 0
        for tile, span in zip(out, held, strict=True):
            tile[k] = Region(span, (min(made, span[1]), span[1]) if keep else span)
            made = max(made, span[1])
    return Tiling(first, last, along, tuple(out), rows, keep)


def _needed(units: Sequence[Unit], k: int, last: int, along: dict[int, Along], tile: Tile) -> Span | None:
    """The rows of unit `k` that later ones take in a tile; None if they make nothing in it."""
    spans = []
    for target in units[k].takers:
        layer, dim = units[target].access, along[target].dim
        if target > last or tile[target].made[0] == tile[target].made[1]:
            continue
        assert layer is not None
        assert dim is not None
        names = [feed.tensor for feed in units[target].feeds if feed.source == k]
        spans += [taken(layer, layer.tensor(name), dim, tile[target].made) for name in names]
    return (min(start for start, _ in spans), max(stop for _, stop in spans)) if spans else None


def _covering(needed: list[Span | None], size: int) -> list[Span]:
    """The same spans, each up to the next at least, from the first row to the last."""
    out: list[Span] = []
    start = size
    for span in reversed(needed):
        if span is None or span[0] >= span[1]:
            span = (start, start)
        out.append((span[0], max(span[1], start)))
        start = min(start, span[0])
    out.reverse()
    return [(0, out[0][1]), *out[1:]]
