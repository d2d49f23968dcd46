"""What a search for a mapping comes back with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sim.mapping.nest import Mapping


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search.

    Attributes:
        mapping: the best nest found; it is legal.
        energy_pj, latency_cycles: what it costs.
        value: of the objective, which is a product of powers of pJ, clock cycles and bits.
        bound: no nest of the map space has a smaller value than this; None if nothing is proved.
        evaluated: nests that were counted and priced.
        space: how many nests there are to choose from, whether they fit or not (see `sim.mapping.size`), or None if
            they were not counted.
        searched_s: seconds that the search took, if its result was kept (see `sim.mapping.store`); None if the search
            has just been made.
    """

    mapping: Mapping
    energy_pj: float
    latency_cycles: float
    value: float
    evaluated: int
    bound: float | None = None
    space: float | None = None
    searched_s: float | None = field(default=None, compare=False)

    @property
    def gap(self) -> float | None:
        """By which share of its value the nest may be above the best there is; None if that is not known."""
        if self.bound is None:
            return None
        return max(0.0, 1 - self.bound / self.value) if self.value > 0 and math.isfinite(self.value) else 0.0

    @property
    def optimal(self) -> bool | None:
        """Whether it is proved that no nest is better; None if that is not known."""
        return None if self.gap is None else self.gap <= 1e-9


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of a search that has found something.

    Attributes:
        found: the best until then.
    """

    def __init__(self, found: Found) -> None:
        super().__init__()
        self.found = found
