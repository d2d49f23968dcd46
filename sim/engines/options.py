"""What a person may choose about an evaluation, the same for all engines."""

from __future__ import annotations

from dataclasses import dataclass

from sim.mapping.dataflow import ANY, Dataflow
from sim.mapping.mapper import Effort, Objective

EFFORTS = {"low": Effort(runs=1, trials=3000), "normal": Effort(), "high": Effort(runs=40, trials=12000)}
"""How hard to search, by name."""


@dataclass(frozen=True, slots=True)
class Options:
    """The dataflow that mappings must obey, what makes one mapping better than another, and how hard to search."""

    dataflow: Dataflow = ANY
    objective: Objective = "edp"
    effort: Effort = Effort()
