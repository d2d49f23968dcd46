"""The room that tensors between units take: what is held while a unit runs, and what is left for its tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.arch.tree import Architecture, Memory, keeps
from sim.errors import TilenestError
from sim.fusion.tiles import Tiling, common
from sim.fusion.units import Unit, width
from sim.workload.layer import Tensor, VectorLayer

_MANTISSA = 3  # bits: room that is left is rounded down to 4, 5, 6 or 7 times a power of two


def buffer_of(arch: Architecture) -> Memory:
    """The outermost memory on the chip that there is one of and that may keep outputs and inputs.

    Raises:
        TilenestError: when there is none, or the machine is of a class whose engine knows no homes.
    """
    if arch.engine != "spatial":
        raise TilenestError(f"{arch.name} cannot fuse layers: only machines of class spatial can, not {arch.engine}")
    for memory in _single(arch):
        if all(keeps(memory, role, role) for role in ("inputs", "outputs")):
            return memory
    raise TilenestError(
        f"{arch.name} cannot fuse layers: there must be one memory on the chip that may keep inputs and outputs"
    )


def memory_for(tensor: Tensor, arch: Architecture) -> Memory | None:
    """The outermost memory on the chip that there is one of and that may keep a tensor."""
    return next((m for m in _single(arch) if keeps(m, tensor.name, tensor.role)), None)


def _single(arch: Architecture) -> list[Memory]:
    return [m for m in arch.memories[1:] if arch.instances(m.name) == 1]


def rounded_down(bits: float) -> float:
    """A little less room, so that jobs that differ little in it are the same one.

    >>> [rounded_down(bits) for bits in (0, 3, 100, 127, 128)]
    [0, 3, 96, 112, 128]
    """
    if not math.isfinite(bits):
        return bits
    drop = max(0, int(bits).bit_length() - _MANTISSA)
    return int(bits) >> drop << drop


def room_of(units: Sequence[Unit], k: int) -> int:
    """Bits of what a unit makes, in the wider of the forms in which it is made and taken."""
    unit = units[k]
    taken = [feed.bits for t in unit.takers for feed in units[t].feeds if feed.source == k]
    return unit.output_words * max(width(unit.layer, unit.output), *taken, 0)


def works_in_place(units: Sequence[Unit], k: int, first: int) -> bool:
    """Whether a unit may write over an operand from the group that begins with unit `first`.

    That is so for vector layers without windows that make as many words as they take, if nobody takes these later.
    """
    layer = units[k].layer
    if not isinstance(layer, VectorLayer) or layer.access is None:
        return False
    for feed in units[k].feeds:
        dies = feed.source >= first and units[feed.source].takers[-1] == k
        plain = all(len(rank.terms) == 1 for rank in layer.access.tensor(feed.tensor).ranks)
        if dies and plain and units[feed.source].output_words == layer.output_words:
            return True
    return False


def held_bits(units: Sequence[Unit], room: Sequence[int], tiling: Tiling) -> list[dict[int, int]]:
    """Bits that tensors between the units hold of the buffer while a unit runs: a list of tiles, each by unit.

    From when a tensor is made to when its last taker is done these are the rows that the tile needs, else those that
    are kept for the next one. Where a unit works in place, what it makes takes no more room than its operand.

    Args:
        room: bits of what every unit makes.
    """
    out = []
    in_place = {k: works_in_place(units, k, tiling.first) for k in range(tiling.first, tiling.last)}
    for t, tile in enumerate(tiling.tiles):
        before = tiling.tiles[t - 1] if tiling.keep and t else tile
        after = tiling.tiles[t + 1] if tiling.keep and t + 1 < len(tiling.tiles) else tile
        own = dict.fromkeys(range(tiling.first, tiling.last + 1), 0)
        for maker in range(tiling.first, tiling.last):
            row, region = room[maker] // tiling.along[maker].size, tile[maker]
            there = row * (region.held[1] - region.held[0])
            waiting = row * common(before[maker], region) if before is not tile else 0
            kept = row * common(region, after[maker]) if after is not tile else 0
            for k in own:
                own[k] += waiting if k < maker else there if k <= units[maker].takers[-1] else kept
            if in_place[maker]:
                own[maker] -= row * (region.made[1] - region.made[0])
        out.append(own)
    return out
