"""What zeros save: gating, skipping and compression, as expectations from the densities of the tensors.

Zeros are taken to be spread at random and independently, as a density alone says no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.arch.tree import ALL, ArchitectureError, Compression, Compute, Memory, ZeroSaving
from sim.workload.layer import Layer, Tensor


@dataclass(frozen=True, slots=True)
class Access:
    """What is left of one access to a dense word of a tensor at a memory.

    Attributes:
        happens: share of accesses that are neither gated nor skipped.
        takes_time: share of accesses that are not skipped.
        data: stored words per dense word (zeros are not stored in a compressed form).
        bits: stored bits per dense word, metadata included.
    """

    happens: float
    takes_time: float
    data: float
    bits: float


def _named(names: tuple[str, ...], tensor: Tensor) -> bool:
    return ALL in names or tensor.name in names or tensor.role in names


def _share(savings: list[ZeroSaving], layer: Layer) -> float:
    """Probability that no operand on which any of the savings depends is zero."""
    return math.prod(t.density for t in layer.tensors if any(_named(s.on, t) for s in savings))


def stored_bits(tensor: Tensor, how: Compression) -> float:
    """Expected bits per word of a tensor in a compressed form.

    Run-length and index forms store a pair for every nonzero word, and one more for every 2**run_bits zeros in a
    row. With pairs packed into groups the bits that are left over are stored too (Eyeriss packs three pairs of
    5 + 16 bits into 64: Chen et al., JSSC 52(1), 2017, section V-C; relative indices: Han et al., ISCA 2016,
    section III-B).

    Raises:
        ArchitectureError: for a group that has no room for a pair.
    """
    if how.format == "bitmask":
        bits = tensor.density * tensor.bits + 1
    else:
        pair = float(how.run_bits + tensor.bits)
        if how.group_bits:
            if how.group_bits < pair:
                raise ArchitectureError(
                    f"compression of {tensor.name}: a group of {how.group_bits} bit has no room for a pair of "
                    f"{how.run_bits} + {tensor.bits} bit"
                )
            pair = how.group_bits / (how.group_bits // pair)
        bits = tensor.density / _any_of(2.0**how.run_bits, tensor.density) * pair
    return min(bits, tensor.bits) if how.only_if_smaller else bits


def _any_of(words: float, density: float) -> float:
    """Probability that so many words are not all zero; exact for densities near 0, too."""
    return -math.expm1(words * math.log1p(-density)) if density < 1 else 1.0


def compression(memory: Memory, tensor: Tensor) -> Compression | None:
    """How a memory compresses a tensor, or None."""
    return next((c for c in memory.compression if _named((c.tensor,), tensor)), None)


def access(memory: Memory, tensor: Tensor, layer: Layer) -> Access:
    """What zeros leave of an access to `tensor` at `memory`."""
    own = [s for s in memory.savings if _named((s.target,), tensor)]
    happens = _share(own, layer)
    takes_time = _share([s for s in own if s.kind == "skipping"], layer)
    how = compression(memory, tensor)
    if how is None:
        return Access(happens, takes_time, 1.0, float(tensor.bits))
    bits = stored_bits(tensor, how)
    compressed = bits < tensor.bits or not how.only_if_smaller
    return Access(happens, takes_time, tensor.density if compressed else 1.0, bits)


@dataclass(frozen=True, slots=True)
class Operations:
    """Shares of the operations that are done, gated (their energy is spared) and skipped (their time too)."""

    done: float
    gated: float
    skipped: float


def operations(compute: Compute, feeding: list[tuple[Memory, Tensor]], layer: Layer) -> Operations:
    """What zeros leave of the operations.

    Args:
        feeding: memories from which the arithmetic takes operands directly; a word that is skipped there is
            skipped with its operation.
    """
    skips = [s for s in compute.savings if s.kind == "skipping"]
    skips += [s for m, t in feeding for s in m.savings if s.kind == "skipping" and _named((s.target,), t)]
    kept = _share(skips, layer)
    done = _share(skips + [s for s in compute.savings if s.kind == "gating"], layer)
    return Operations(done, kept - done, 1 - kept)
