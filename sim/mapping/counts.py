"""The words that a mapping moves, by name: what the counting kernel says, for Python code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.arch.tree import Architecture
from sim.kernels.layout import STEPS, USED, Ints, Nest, Scratch, Shape, new_counts, new_scratch
from sim.kernels.reuse import count
from sim.mapping.nest import Mapping
from sim.mapping.problem import nest_of, shape_of
from sim.workload.layer import Layer


@dataclass(frozen=True, slots=True)
class Actions:
    """What happens to a tensor at a memory, in words, summed over the memory's copies.

    Attributes:
        fills: words that enter it from above.
        reads: words that leave it downward, after multicast, or are read to be added to.
        updates: partial sums written into it from below.
        drains: words read out of it to go up.
    """

    fills: int = 0
    reads: int = 0
    updates: int = 0
    drains: int = 0

    def __add__(self, other: Actions) -> Actions:
        return Actions(
            self.fills + other.fills,
            self.reads + other.reads,
            self.updates + other.updates,
            self.drains + other.drains,
        )


@dataclass(frozen=True)
class Counts:
    """The counts of one mapping of one layer.

    Attributes:
        layer, arch, mapping: what was counted.
        shape, nest: the same, as tables of the kernels.
        table: the kernel's counts; see `sim.kernels.layout`.

    >>> from sim.arch.tree import Architecture, Compute, Memory
    >>> from sim.mapping.nest import For, Keep, Mapping
    >>> gemm = Layer.einsum("gemm", {"M": 4, "N": 8, "K": 16}, inputs="M K", weights="K N", outputs="M N")
    >>> machine = Architecture("tiny", (Memory("dram", ("all",), 1e9), Compute("mac")))
    >>> nest = (Keep("dram", ("inputs", "weights", "outputs")), For("M", 4), For("N", 8), For("K", 16))
    >>> count_words(gemm, machine, Mapping(nest)).actions("dram", "outputs")
    Actions(fills=0, reads=480, updates=512, drains=0)
    """

    layer: Layer
    arch: Architecture
    mapping: Mapping
    shape: Shape
    nest: Nest
    table: Ints

    @property
    def steps(self) -> int:
        """Steps of the array in time."""
        return int(self.table[-1, STEPS])

    @property
    def used(self) -> int:
        """Copies of the compute node that ever have work."""
        return int(self.table[-1, USED])

    def down(self, tensor: str, gap: int) -> int:
        """Words that go down between nodes `gap` and `gap + 1`, on all copies of that connection."""
        return int(self.table[self._row(tensor), gap])

    def up(self, tensor: str, gap: int) -> int:
        """Words that go up between nodes `gap` and `gap + 1`."""
        return int(self.table[self._row(tensor), len(self.arch.nodes) - 1 + gap])

    def tile(self, level: str, tensor: str) -> int:
        """Words of the largest tile of a tensor at a memory; 0 where it is not kept."""
        return int(self.table[self._row(tensor), self._tiles + self._level(level)])

    def added(self, level: str, tensor: str) -> int:
        """Partial sums that a memory reads to add to them, although they do not go down."""
        return int(self.table[self._row(tensor), self._tiles + len(self.arch.memories) + self._level(level)])

    def kept(self, tensor: str) -> tuple[str, ...]:
        """The memories that keep a tensor, outermost first."""
        row = self.nest.keep[self._row(tensor)]
        return tuple(m.name for m, position in zip(self.arch.memories, row, strict=True) if position >= 0)

    @property
    def keeps(self) -> dict[str, tuple[str, ...]]:
        """The same for all tensors."""
        return {tensor.name: self.kept(tensor.name) for tensor in self.layer.tensors}

    def actions(self, level: str, tensor: str) -> Actions:
        """What happens to a tensor at a memory that keeps it."""
        node = [n.name for n in self.arch.nodes].index(level)
        if level not in self.kept(tensor):
            return Actions()
        below = Actions(0, self.down(tensor, node) + self.added(level, tensor), self.up(tensor, node), 0)
        if node == 0:
            return below
        return Actions(self.down(tensor, node - 1), below.reads, below.updates, self.up(tensor, node - 1))

    @property
    def _tiles(self) -> int:
        return 2 * (len(self.arch.nodes) - 1)

    def _level(self, name: str) -> int:
        return [m.name for m in self.arch.memories].index(name)

    def _row(self, tensor: str) -> int:
        return [t.name for t in self.layer.tensors].index(tensor)


@dataclass(frozen=True, slots=True)
class Counting:
    """A layer on a machine, ready for mappings to be counted: what all of them need is made once.

    Attributes:
        shape: the layer and the machine as tables of the kernels.
        scratch: working memory, in which sums that come back are remembered.
    """

    layer: Layer
    arch: Architecture
    shape: Shape
    scratch: Scratch

    @classmethod
    def of(cls, layer: Layer, arch: Architecture, loops: int) -> Counting:
        """For mappings of up to so many loops.

        Raises:
            LayerError: for an index that the kernels cannot count.
        """
        shape = shape_of(layer, arch)
        return cls(layer, arch, shape, new_scratch(shape, loops))

    def count(self, mapping: Mapping) -> Counts:
        """Count a legal mapping.

        Raises:
            MappingError: for a name that the layer or the machine does not have.
        """
        nest = nest_of(mapping, self.layer, self.arch)
        table = new_counts(self.shape, len(self.arch.memories))
        loops = np.array(nest.loops)  # the kernel works in it
        count(*self.shape, loops, nest.keep, *self.scratch, table)
        return Counts(self.layer, self.arch, mapping, self.shape, nest, table)


def count_words(layer: Layer, arch: Architecture, mapping: Mapping) -> Counts:
    """Count a legal mapping (see `sim.mapping.check`).

    Raises:
        MappingError: for a name that the layer or the machine does not have.
        LayerError: for an index that the kernels cannot count.
    """
    return Counting.of(layer, arch, len(mapping.loops)).count(mapping)
