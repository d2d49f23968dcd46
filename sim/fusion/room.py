"""The room that tensors between units take: what is held while a unit runs, and what is left for its tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.arch.tree import Architecture, Memory, keeps
from sim.fusion.tiles import Tiling, common
from sim.fusion.units import Unit, width
from sim.workload.layer import Tensor

_MANTISSA = 3  # bits: room that is left is rounded down to 4, 5, 6 or 7 times a power of two


def buffer_of(arch: Architecture) -> Memory | None:
    """The outermost memory on the chip that there is one of and that may keep outputs and inputs."""
    for memory in _single(arch):
        if all(keeps(memory, role, role) for role in ("inputs", "outputs")):
            return memory
    return None


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


def held_bits(units: Sequence[Unit], tiling: Tiling) -> list[dict[int, int]]:
    """Bits that tensors between the units hold of the buffer while a unit runs: a list of tiles, each by unit.

    From when a tensor is made to when its last taker is done these are the rows that the tile needs, else those that
    are kept for the next one.
    """
    out = []
    for t in range(len(tiling.tiles)):
        own = dict.fromkeys(range(tiling.first, tiling.last + 1), 0)
        for maker in range(tiling.first, tiling.last):
            row = -(-_bits(units, maker) // tiling.along[maker].size)
            for k in own:
                own[k] += row * _rows(units, tiling, t, maker, k)
        out.append(own)
    return out


def _rows(units: Sequence[Unit], tiling: Tiling, t: int, maker: int, k: int) -> int:
    """Rows of what one unit makes that are there while another runs, in tile `t`."""
    region = tiling.tiles[t][maker]
    if maker <= k <= units[maker].takers[-1]:
        return region.held[1] - region.held[0]
    if tiling.keep and k < maker and t > 0:
        return common(tiling.tiles[t - 1][maker], region)
    if tiling.keep and maker < k and t + 1 < len(tiling.tiles):
        return common(region, tiling.tiles[t + 1][maker])
    return 0


def _bits(units: Sequence[Unit], k: int) -> int:
    """Room of what a unit makes, in the wider of the forms in which it is made and taken."""
    unit = units[k]
    made = width(unit.layer, unit.output)
    return unit.output_words * max(made, *(f.bits for t in unit.takers for f in units[t].feeds if f.source == k))
