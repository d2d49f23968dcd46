"""What a machine with a systolic array consists of: DRAM, a memory on the chip for each tensor, the array.

Where tensors have homes on the chip (`Architecture.homes`), inputs and outputs live in a buffer there from layer to
layer, weights come from a memory of their own, and only what enters or leaves the network passes the outermost one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sim.arch.faults import Fault, MachineError
from sim.arch.tree import Architecture, Compute, Fanout, Memory, Systolic, keeps

ROLES = ("inputs", "weights", "outputs")


class SystolicError(MachineError):
    """A machine that the engine for systolic arrays does not understand."""


@dataclass(frozen=True, slots=True)
class SystolicMachine:
    """A machine of class ``systolic``, its nodes by what they are for.

    Attributes:
        dram: where all tensors begin and end.
        srams: (role, memory) pairs; several roles may share a memory.
        array: the PEs, `y` rows of `x`.
        arrays: the grid of several arrays, if there is one.
        registers: the memory inside a PE, which is paid for what the array moves; there may be none.
    """

    settings: Systolic
    dram: Memory
    srams: tuple[tuple[str, Memory], ...]
    array: Fanout
    arrays: Fanout | None
    registers: Memory | None
    compute: Compute

    @classmethod
    def of(cls, arch: Architecture) -> SystolicMachine:
        """The parts of a machine.

        Raises:
            SystolicError: with all that the engine does not understand.
        """
        faults = _faults(arch)
        if faults or arch.systolic is None:
            raise SystolicError(arch.name, faults or [(None, "it does not say how its array works", "systolic: ...")])
        place = arch.nodes.index(arch.fanouts[0])
        inside = [n for n in arch.nodes[place:] if isinstance(n, Memory)]
        above = [n for n in arch.nodes[1:place] if isinstance(n, Memory)]
        srams = tuple((role, [m for m in above if keeps(m, role, role)][-1]) for role in ROLES)
        registers = inside[0] if inside else None
        several = arch.fanouts[0] if arch.systolic.arrays else None
        return cls(arch.systolic, arch.memories[0], srams, arch.fanouts[-1], several, registers, arch.compute)

    @property
    def count(self) -> int:
        """How many arrays there are."""
        return self.arrays.x * self.arrays.y if self.arrays else 1

    def step_cycles(self, widths: Iterable[int]) -> float:
        """Clock cycles that a PE takes to multiply operands of so many bits."""
        return self.compute.cycles * self.passes(widths)

    def passes(self, widths: Iterable[int]) -> int:
        """So many products of parts make up one of operands of so many bits."""
        return math.prod(-(-bits // self.compute.bits) for bits in widths) if self.settings.passes else 1

    def sram(self, role: str) -> Memory:
        """The memory on the chip that a tensor passes."""
        return dict(self.srams)[role]

    def half_bits(self, role: str) -> float:
        """Bits for one tile of a tensor while the next one comes: half of its share of the memory."""
        memory = self.sram(role)
        return memory.size_bits / 2 / sum(m is memory for _, m in self.srams)


def _faults(arch: Architecture) -> list[Fault]:
    out = list(_homeless(arch))
    names, several = [f.name for f in arch.fanouts], arch.systolic.arrays if arch.systolic else ""
    if several and (len(names) != 2 or names[0] != several):
        what = f"several systolic arrays are two fanouts, {several} and within it that of the PEs"
        return [*out, (None, f"{what}, and there are {', '.join(names) or 'none'}", "these two")]
    if not several and len(names) != 1:
        second = arch.nodes.index(arch.fanouts[1]) if len(names) > 1 else None
        out.append((second, f"a systolic array is one fanout, and there are {len(names)}", "one fanout"))
        return out
    if several and arch.systolic and arch.systolic.timing == "scalesim":
        out.append((None, "SCALE-Sim's timing is for one array", "timing: tilenest"))
    place = arch.nodes.index(arch.fanouts[0])
    above = [n for n in arch.nodes[1:place] if isinstance(n, Memory)]
    for role in ROLES:
        own = [m for m in above if keeps(m, role, role)]
        if not own:
            out.append(
                (place, f"no memory between {arch.memories[0].name} and the array keeps {role}", "one that does")
            )
        if arch.homes:
            own = [m for m in own if m is not arch.home(role)]
        out += [
            (arch.nodes.index(m), f"{own[0].name} keeps {role} already", "one memory between DRAM and the array")
            for m in own[1:]
        ]
    inside = [n for n in arch.nodes[place:] if isinstance(n, Memory)]
    if several:
        between = [n for n in inside if arch.nodes.index(n) < arch.nodes.index(arch.fanouts[1])]
        out += [(arch.nodes.index(m), f"{m.name} is between the arrays", "none there") for m in between]
    out += [(arch.nodes.index(m), f"{m.name} is a second memory inside a PE", "one at most") for m in inside[1:]]
    for i, node in enumerate(arch.nodes):
        if not isinstance(node, Memory | Fanout | Compute):
            out.append((i, f"{node.name}: the engine for class systolic knows no converters", "memories, one fanout"))
        if isinstance(node, Memory):
            if node.compression or node.savings:
                out.append((i, f"{node.name}: the engine for class systolic makes no use of zeros", "no such key"))
            if node in above and math.isinf(node.size_bits) and (arch.home("weights") is not node):
                out.append((i, f"{node.name} has no limit", "a size, as what is fetched depends on it"))
    return out


def _homeless(arch: Architecture) -> Iterator[Fault]:
    """What contradicts that tensors have homes, or that they have none."""
    how = arch.systolic
    if how is None:
        return
    if not arch.homes:
        for key, value in (("rows", how.rows != "window"), ("sums", how.sums_bits), ("lanes", how.lanes)):
            if value:
                yield (
                    None,
                    f"systolic.{key} is for machines whose inputs and outputs have a home on the chip",
                    "homes",
                )
        return
    if (how.dataflow, how.timing, how.overlap) != ("ws", "tilenest", True):
        what = "tensors have homes where weights stay, by the timing tilenest, with folds that overlap"
        yield None, what, "dataflow: ws, timing: tilenest, overlap: true"
    if arch.home("inputs") is not arch.home("outputs") or arch.home("inputs") is arch.memories[0]:
        yield None, "inputs and outputs have one home, and it is on the chip", "e.g. inputs: buffer, outputs: buffer"
    elif arch.home("inputs") is not _innermost(arch, "inputs"):
        yield None, "the array takes inputs from where they are at home", "no other memory that keeps inputs"
    for role in ("weights", "outputs"):
        if arch.home(role) is _innermost(arch, role):
            yield None, f"between the home of {role} and the array there is a memory for them", "one that keeps them"


def _innermost(arch: Architecture, role: str) -> Memory:
    place = arch.nodes.index(arch.fanouts[0]) if arch.fanouts else len(arch.nodes)
    return [m for m in arch.memories if arch.nodes.index(m) < place and keeps(m, role, role)][-1]
