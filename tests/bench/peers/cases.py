"""The machines and layers that all mappers get.

The energies are a table, not a technology: 200 pJ for a word of DRAM, 6 for one of a buffer, 1 for one of a small
memory, 1 for an operation; wires and clocks are free. Bandwidths are unlimited, so that a machine takes as long as
its arithmetic. Words have 16 bits. Layers have no padding, as not all mappers know it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sim.arch.tree import Architecture, Component, Compute, Fanout, Given, Memory
from sim.mapping.dataflow import Dataflow, Spread, letters, pe_memories
from sim.workload.layer import ROLES, Layer, Rank, Role, Tensor

SOURCE = "an assumed table, the same for all mappers"
KIB = 8 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """A layer to be mapped. Memories inside a PE keep what they are for.

    Attributes:
        reuse: by axis of the array the role of the tensor that all its PEs share: what is spread over it is none of
            that tensor's dimensions.
    """

    machine: Architecture
    layer: Layer
    reuse: tuple[tuple[Literal["x", "y"], Role], ...]

    @property
    def name(self) -> str:
        return f"{self.machine.name}/{self.layer.name}"

    def spread(self, axis: str) -> tuple[str, ...]:
        """Dimensions that may be spread over an axis."""
        shared = next(t for t in self.layer.tensors if t.role == dict(self.reuse)[axis])
        return tuple(d for d, _ in self.layer.dims if d not in shared.dims)

    @property
    def dataflow(self) -> Dataflow:
        """The same as a dataflow."""
        letter = letters(self.layer)
        spread = tuple(Spread(axis, tuple(letter[d] for d in self.spread(axis))) for axis, _ in self.reuse)
        inside = {role for memory in pe_memories(self.machine) for role in memory.keeps}
        return Dataflow("shared", spread=spread, pe_keeps=tuple(role for role in ROLES if role in inside))


def _costs(**pj: float) -> Component:
    return Component(given=tuple((name, Given(one, SOURCE)) for name, one in pj.items()))


def _memory(name: str, keeps: tuple[str, ...], bits: float, pj: float, double: bool = False) -> Memory:
    costs = _costs(read_pj=pj, write_pj=pj)
    return Memory(name, keeps, bits, buffering="double" if double else "buffet", component=costs)


DRAM = _memory("dram", ("all",), math.inf, 200)
MAC = Compute("mac", component=_costs(op_pj=1))

EYERISS = Architecture(
    "eyeriss",  # sizes as in arch_configs/eyeriss.yaml, with one buffer of 108 KiB for everything
    (
        DRAM,
        _memory("glb", ("all",), 108 * KIB, 6),
        Fanout("array", 14, 12),
        _memory("inputs_spad", ("inputs",), 24 * 8, 1),
        _memory("weights_spad", ("weights",), 448 * 8, 1),
        _memory("psum_spad", ("outputs",), 48 * 8, 1),
        MAC,
    ),
)
NVDLA = Architecture(
    "nvdla",  # sizes as in arch_configs/nvdla_like.yaml
    (
        DRAM,
        _memory("cbuf", ("inputs", "weights"), 512 * KIB, 6),
        _memory("cacc", ("outputs",), 1 * KIB, 1),
        Fanout("cells", 16, 64),
        _memory("weight_register", ("weights",), 16, 1),
        MAC,
    ),
)


def convolution(name: str, rows: int, channels: int, filters: int, filter_rows: int) -> Layer:
    """A convolution of stride one without padding, and without dimensions of one."""
    dims = {"M": filters, "C": channels, "P": rows, "Q": rows, "R": filter_rows, "S": filter_rows}
    sizes = {d: size for d, size in dims.items() if size > 1}

    def ranks(*names: str) -> tuple[Rank, ...]:
        left = ([d for d in name if d in sizes] for name in names)
        return tuple(Rank.of(*some) for some in left if some)

    tensors = (
        Tensor("weights", "weights", ranks(*"MCRS")),
        Tensor("inputs", "inputs", ranks("C", "PR", "QS")),
        Tensor("outputs", "outputs", ranks(*"MPQ")),
    )
    return Layer(name, "conv", tuple(sizes.items()), tensors)


LAYERS = (
    convolution("conv2", 56, 64, 64, 3),  # of ResNet-18, as are the next two
    convolution("conv5", 7, 512, 512, 3),
    convolution("pointwise", 28, 64, 128, 1),
    Layer.einsum("gemm", {"P": 512, "M": 512, "C": 512}, inputs="P C", weights="M C", outputs="P M"),
)
SMALL = convolution("small", 8, 8, 8, 3)  # for the tests

# Eyeriss hands a weight to a row of PEs and adds partial sums up a column; NVDLA hands an input to a row.
_ON: tuple[Callable[[Layer], Case], ...] = (
    lambda layer: Case(EYERISS, layer, (("x", "weights"), ("y", "outputs"))),
    lambda layer: Case(NVDLA, layer, (("x", "inputs"), ("y", "outputs"))),
)
CASES = {case.name: case for on in _ON for case in map(on, (*LAYERS, SMALL))}
