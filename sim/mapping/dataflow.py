"""Dataflows: what a person demands of a mapping, apart from the machine.

A dataflow speaks of dimensions by the letters of a convolution. In other layers the dimension meant is the one that
plays the same part: one that inputs and weights share and outputs lack is a C, one of weights and outputs is an M,
one of inputs and outputs a P, one of all three a G.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.arch.tree import Architecture, Memory, keeps
from sim.errors import MappingError
from sim.workload.layer import ROLES, Layer, Role

LETTERS = "NGMCPQRS"

# Which tensors each letter indexes in a convolution.
_PART: dict[str, frozenset[Role]] = {
    **dict.fromkeys("NPQ", frozenset({"inputs", "outputs"})),
    **dict.fromkeys("CRS", frozenset({"inputs", "weights"})),
    "M": frozenset({"weights", "outputs"}),
    "G": frozenset({"inputs", "weights", "outputs"}),
}
# The letter for a dimension of another name.
_STANDS_FOR = {_PART["P"]: "P", _PART["C"]: "C", _PART["M"]: "M", _PART["G"]: "G"}


@dataclass(frozen=True, slots=True)
class Spread:
    """What may be spread over an axis of the array (the innermost fanout).

    Attributes:
        axis: ``x``, ``y`` or ``any``.
        dims: dimensions that may be spread over it.
        whole: those of them that must be, as far as the axis reaches.
    """

    axis: Literal["x", "y", "any"]
    dims: tuple[str, ...]
    whole: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataflow:
    """Constraints on mappings, and what they are good for.

    Attributes:
        spread: what may be spread over the array; without any, everything may.
        pe_keeps: roles that a memory inside a PE (below the innermost fanout) must keep; others are not kept there.
            None leaves it to the machine and the mapper.
        pe_dims: dimensions that loops inside a PE's tiles may be over; None for any.
        pe_whole: dimensions that are looped inside a PE alone.
        inner: dimensions whose loops in time, outside the PE's tiles, stand inside all others.
        title, prose, source: for the reader.
    """

    name: str
    title: str = ""
    prose: str = ""
    source: str = ""
    spread: tuple[Spread, ...] = ()
    pe_keeps: tuple[Role, ...] | None = None
    pe_dims: tuple[str, ...] | None = None
    pe_whole: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()

    def may_spread(self, axis: str, letter: str) -> bool:
        """Whether a dimension may be spread over an axis of the array."""
        return not self.spread or any(letter in s.dims for s in self.spread if s.axis in (axis, "any"))

    def must_spread(self, axis: str, letter: str) -> bool:
        """Whether a dimension must be spread over an axis as far as it reaches."""
        return any(letter in s.whole for s in self.spread if s.axis in (axis, "any"))


ANY = Dataflow("any", "Anything goes", "The mapper may choose whatever the machine can do.")


def letters(layer: Layer) -> dict[str, str]:
    """The letter of a convolution that each dimension of a layer stands for.

    >>> gemm = Layer.einsum("gemm", {"B": 2, "I": 4, "J": 8, "K": 16}, inputs="B I K", weights="B K J",
    ...                     outputs="B I J")
    >>> letters(gemm)
    {'B': 'G', 'I': 'P', 'J': 'M', 'K': 'C'}
    """
    out = {}
    for dim, _ in layer.dims:
        part = frozenset(t.role for t in layer.tensors if dim in t.dims)
        out[dim] = dim if _PART.get(dim) == part else _STANDS_FOR.get(part, "G")
    return out


def pe_memories(arch: Architecture) -> tuple[Memory, ...]:
    """The memories inside a PE: those below the innermost fanout; none if there is no fanout."""
    if not arch.fanouts:
        return ()
    inside = arch.nodes[arch.nodes.index(arch.fanouts[-1]) :]
    return tuple(n for n in inside if isinstance(n, Memory))


def check_host(dataflow: Dataflow, arch: Architecture) -> None:
    """Pass silently if an array can host a dataflow.

    Raises:
        MappingError: says what the array lacks.
    """
    lacks = []
    for spread in dataflow.spread:
        if not arch.fanouts:
            lacks.append(f"it spreads {', '.join(spread.dims)} over an array, and there is no fanout")
            break
        array = arch.fanouts[-1]
        if spread.whole and spread.axis != "any" and getattr(array, spread.axis) == 1:
            lacks.append(f"it spreads {', '.join(spread.whole)} over {array.name}.{spread.axis}, which has one copy")
    inside = pe_memories(arch)
    for role in dataflow.pe_keeps or ():
        if not any(keeps(m, role, role) for m in inside):
            where = f"below {arch.fanouts[-1].name}" if arch.fanouts else "inside a PE"
            lacks.append(f"it keeps {role} inside a PE, and no memory {where} keeps {role}")
    if lacks:
        reasons = "\n".join(f"  - {reason}" for reason in lacks)
        raise MappingError(f"{arch.name} cannot host the dataflow {dataflow.name}:\n{reasons}")


def held_roles(dataflow: Dataflow) -> tuple[Role, ...]:
    """Roles that a PE may keep."""
    return ROLES if dataflow.pe_keeps is None else dataflow.pe_keeps
