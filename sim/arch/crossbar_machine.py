"""What a machine of class ``crossbar`` consists of: memories, copies of an array, converters at its rows and columns.

The innermost fanout is the array: `y` rows by `x` columns of cells. The converters that stand between the last other
node and it belong to every array: those of inputs are paid for every row that is driven in a step, those of outputs
for every conversion. All other nodes are paid, as anywhere, by the words that pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sim.arch.crossbar import Crossbar
from sim.arch.faults import Fault, MachineError
from sim.arch.tree import Architecture, Compute, Converter, Fanout, Memory, Node
from sim.units import DATA, parse


class CrossbarError(MachineError):
    """A machine that the engine for analog arrays does not understand."""


@dataclass(frozen=True, slots=True)
class CrossbarMachine:
    """A machine of class ``crossbar``, its nodes by what they are for.

    Attributes:
        xbar: one array, and how matrices are put into such arrays.
        arrays: how many there are.
        periphery: the converters of an array.
        outside: the nodes above the periphery, outermost first.
    """

    arch: Architecture
    xbar: Crossbar
    arrays: int
    periphery: tuple[Converter, ...]
    outside: tuple[Node, ...]

    @classmethod
    def of(cls, arch: Architecture) -> CrossbarMachine:
        """The parts of a machine.

        Raises:
            CrossbarError: with all that the engine does not understand.
        """
        faults = list(_faults(arch))
        if faults or arch.crossbar is None:
            raise CrossbarError(arch.name, faults or [(None, "it does not say how its arrays work", "crossbar: ...")])
        array = arch.fanouts[-1]
        place = arch.nodes.index(array)
        first = max(i for i, node in enumerate(arch.nodes[:place]) if not isinstance(node, Converter)) + 1
        periphery = tuple(node for node in arch.nodes[first:place] if isinstance(node, Converter))
        return cls(arch, arch.crossbar, arch.instances(array.name), periphery, arch.nodes[:first])

    def inside(self, place: int) -> int:
        """Arrays in each copy of the node at a place of `outside`; one, behind all of them."""
        count = self.arrays
        for node in self.outside[:place]:
            if isinstance(node, Fanout):
                count //= node.x * node.y
        return count

    @property
    def step_cycles(self) -> float:
        """Clock cycles from one step to the next."""
        return self.xbar.step_s * self.arch.clock_hz


def _faults(arch: Architecture) -> Iterator[Fault]:
    if not arch.fanouts:
        yield None, "nothing says how many rows and columns an array has", "a fanout: x columns by y rows of cells"
        return
    array = arch.fanouts[-1]
    place = arch.nodes.index(array)
    if array.y == 1:
        yield place, f"{array.name} has one row, and an analog array adds up what its rows give", "y: its rows"
    for i, node in enumerate(arch.nodes):
        if i > place and not isinstance(node, Compute):
            yield i, f"{node.name} stands inside the array {array.name}", "nothing there but the cell, a compute node"
        if isinstance(node, Memory) and (node.compression or node.savings):
            yield i, f"{node.name}: the engine for class crossbar makes no use of zeros in memories", "no such key"
        if isinstance(node, Compute) and node.savings:
            yield i, f"{node.name}: a cell spares what its row does not drive, without being told", "no such key"
    yield from _resolutions(arch)


def _resolutions(arch: Architecture) -> Iterator[Fault]:
    """Converters whose models have other bits than the array, and ADCs that are not as many as share its columns."""
    if arch.crossbar is None:
        return
    ours = {
        "adc": ("crossbar.adc.bits", arch.crossbar.adc.bits),
        "dac": ("crossbar.inputs.step", arch.crossbar.step_bits),
    }
    for i, node in enumerate(arch.nodes):
        if not isinstance(node, Converter) or node.component.model not in ours:
            continue
        key, own = ours[node.component.model]
        text = dict(node.component.attributes).get("bits")
        if own and text is not None and parse(text, DATA) != own:
            yield i, f"{node.name} has {text}, but {key} is {own} bit", f"bits: ${{{key}}}"
        wanted = arch.crossbar.converters
        if node.component.model == "adc" and node.count != wanted:
            of = f"{arch.crossbar.columns} columns, by crossbar.adc.columns of {arch.crossbar.adc.columns}"
            yield i, f"{node.name}: {node.count} for {of}, take other time than area", f"count: {wanted}"
