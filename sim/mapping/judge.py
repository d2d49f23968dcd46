"""Says exactly what a mapping is worth by an objective: what strategies compare in the end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sim.arch.tree import Architecture
from sim.mapping.counts import Counting
from sim.mapping.found import Found
from sim.mapping.nest import Mapping
from sim.mapping.objective import Objective
from sim.mapping.prices import cost_of, prices_of
from sim.workload.layer import Layer

MOST_LOOPS = 40  # loops with a bound above one that a nest may have


@dataclass(frozen=True, slots=True)
class Judged:
    """What a mapping costs; `score` is the logarithm of the objective's value."""

    pj: float
    cycles: float
    score: float

    @property
    def order(self) -> tuple[float, float, float]:
        """By which mappings are sorted; among equals the frugal, then the fast one comes first."""
        return self.score, self.pj, self.cycles

    def found(self, mapping: Mapping, evaluated: int) -> Found:
        """As the result of a search that proved nothing."""
        return Found(mapping, self.pj, self.cycles, math.exp(self.score), evaluated)


@dataclass(slots=True)
class Judge:
    """Judges legal mappings of one layer on one machine."""

    layer: Layer
    arch: Architecture
    objective: Objective
    counting: Counting = field(init=False)

    def __post_init__(self) -> None:
        self.counting = Counting.of(self.layer, self.arch, MOST_LOOPS)

    def __call__(self, mapping: Mapping) -> Judged:
        """Count and price a mapping."""
        counts = self.counting.count(mapping)
        pj, cycles = cost_of(counts, prices_of(self.layer, self.arch, counts.keeps))
        bits = sum((counts.down(t.name, 0) + counts.up(t.name, 0)) * t.bits for t in self.layer.tensors)
        return Judged(pj, cycles, self.objective.score(pj, cycles, bits))
