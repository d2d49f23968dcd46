"""The best grouping of a chain: every unit in one group, each group in one of its ways, at the least cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sim.mapping.objective import Objective

Cost = tuple[float, float, float]
"""Energy in pJ, latency in clock cycles, bits through the port of the outermost memory; all three add up."""

Ways = Mapping[tuple[int, int], Sequence[Cost]]
"""What the ways to run the units from one to another as a group cost."""

Chosen = tuple[int, int, int]
"""First unit, last unit, and which of its ways."""


@dataclass(frozen=True, slots=True)
class _Partial:
    """The units up to some place, grouped: what they cost, the last group, and what is before it."""

    cost: Cost
    group: Chosen | None = None
    before: _Partial | None = None


def best_grouping(units: int, ways: Ways, objective: Objective) -> list[Chosen]:
    """The grouping whose total is best by an objective, limits aside; of equals, the more frugal one.

    Dynamic programming over the places where a group may end. What is kept of the groupings up to a place are those
    that may still become best: as costs add up and the objective is a product of powers, whose logarithm is concave,
    only corners of the convex hull of all totals can be.

    Raises:
        ValueError: when a unit is in no group.
    """
    objective = replace(objective, most_pj=math.inf, most_cycles=math.inf)
    fronts: list[list[_Partial]] = [[_Partial((0.0, 0.0, 0.0))]]
    for end in range(1, units + 1):
        partials = [
            _Partial(_sum(before.cost, cost), (start, end - 1, i), before)
            for start in range(end)
            for i, cost in enumerate(ways.get((start, end - 1), ()))
            for before in fronts[start]
        ]
        fronts.append(_front(partials, objective))
    if not fronts[units]:
        raise ValueError("a unit is in no group")
    best: _Partial | None = min(fronts[units], key=lambda p: (objective.score(*p.cost), p.cost))
    out: list[Chosen] = []
    while best is not None and best.group is not None:
        out.append(best.group)
        best = best.before
    return out[::-1]


def _sum(a: Cost, b: Cost) -> Cost:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _front(partials: list[_Partial], objective: Objective) -> list[_Partial]:
    """Those that may become best, however it goes on."""
    counts = [i for i, power in enumerate(objective.powers) if power]
    ordered = sorted(partials, key=lambda p: ([p.cost[i] for i in counts], p.cost))
    if len(counts) == 2:
        return _hull(ordered, *counts)
    out: list[_Partial] = []
    for new in ordered:
        if not any(all(old.cost[i] <= new.cost[i] for i in counts) for old in out):
            out.append(new)
    return out


def _hull(ordered: list[_Partial], x: int, y: int) -> list[_Partial]:
    """The corners of the convex hull that are below and left of it, from left to right."""
    out: list[_Partial] = []
    for new in ordered:
        if out and new.cost[y] >= out[-1].cost[y]:
            continue
        while len(out) > 1 and _turn(out[-2].cost, out[-1].cost, new.cost, x, y) <= 0:
            out.pop()
        out.append(new)
    return out


def _turn(a: Cost, b: Cost, c: Cost, x: int, y: int) -> float:
    """Above zero if the way from `a` over `b` to `c` turns left, so that `b` is a corner."""
    return (b[x] - a[x]) * (c[y] - a[y]) - (b[y] - a[y]) * (c[x] - a[x])
