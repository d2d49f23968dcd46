"""The part of architecture files that says how a systolic array works, and what only such machines may say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from sim.arch import tree
from sim.errors import Problem, nearest
from sim.schema.costs import present
from sim.schema.source import Source
from sim.schema.validate import Bits, Identifier, Strict

if TYPE_CHECKING:
    from sim.schema.architecture import ArchitectureText

_ROLES = ("inputs", "weights", "outputs")


class SystolicText(Strict):
    """How a systolic array works."""

    dataflow: tree.Stationary = Field(description="what stays in the PEs: os (outputs), ws (weights), is (inputs)")
    timing: tree.Timing | None = Field(
        None, description="tilenest (default), or scalesim: cycles and words by SCALE-Sim's conventions"
    )
    overlap: bool | None = Field(
        None, description="whether a fold enters while the one before leaves (default true; tilenest's timing alone)"
    )
    passes: bool | None = Field(
        None,
        description="operands wider than the multipliers' `bits` take a pass for each pair of parts, e.g. 16 bit by "
        "8 bit two of 8 bit (default false)",
    )
    arrays: Identifier | None = Field(
        None,
        description="the fanout of which each copy is an array, around that of the PEs; they work side by side "
        "(default: there is one array)",
    )
    divide: tree.Divide | None = Field(
        None,
        description="with arrays: what they divide, output channels, or the places of outputs (of all samples); "
        "default best: what takes less time, layer by layer",
    )
    rows: tree.OnRows | None = Field(
        None,
        description="with homes: what shares a fold on the rows, weights of a whole window (default) or the channels "
        "of one place in it",
    )
    sums: Bits | None = Field(
        None, description="with homes: width of a sum that is not complete (default: that of the outputs)"
    )
    lanes: int | None = Field(
        None,
        ge=1,
        le=10**6,
        description="with homes: words in a cycle that the unit behind the array takes, for activations and vector "
        "layers (default: one a PE)",
    )

    def lower(self) -> tree.Systolic:
        """As the domain has it."""
        rest = present(
            timing=self.timing,
            overlap=self.overlap,
            passes=self.passes,
            rows=self.rows,
            sums_bits=self.sums,
            lanes=self.lanes,
            arrays=self.arrays,
            divide=self.divide,
        )
        return tree.Systolic(self.dataflow, **rest)


def misplaced(text: ArchitectureText, source: Source) -> Iterator[Problem]:
    """Keys that a machine of this class does not know, or lacks."""
    if text.engine == "systolic":
        if text.systolic is None:
            what = "a machine of class systolic must say how its array works"
            yield source.problem(("class",), what, "a key systolic, e.g. `systolic: {dataflow: ws}`")
        if text.dataflow is not None:
            what = "the dataflow of a machine of class systolic is that of its array"
            yield source.problem(("dataflow",), what, "systolic: {dataflow: ws} instead", at_key=True)
        yield from _homes(text, source)
        return
    if text.systolic is not None:
        what = f"a machine of class {text.engine} is no systolic array"
        yield source.problem(("systolic",), what, "class: systolic", at_key=True)
    if text.homes:
        what = "only machines of class systolic say where tensors are at home"
        yield source.problem(("homes",), what, at_key=True)
    for i, entry in enumerate(text.hierarchy):
        for key in ("burst", "latency"):
            if getattr(entry, key, None) is not None:
                what = f"only machines of class systolic know the {key} of a memory"
                yield source.problem(("hierarchy", i, key), what, at_key=True)


def _homes(text: ArchitectureText, source: Source) -> Iterator[Problem]:
    memories = [entry.memory for entry in text.hierarchy if hasattr(entry, "memory")]
    for role, home in text.homes.items():
        if role not in _ROLES:
            what = f"there is no role '{role}'"
            yield source.problem(
                ("homes", role), what, f"one of {', '.join(_ROLES)}", nearest(role, _ROLES), at_key=True
            )
        if home not in memories:
            what = f"there is no memory '{home}'"
            yield source.problem(("homes", role), what, f"one of {', '.join(memories)}", nearest(home, memories))
