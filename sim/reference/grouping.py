"""The naive twin of `sim.fusion.choose`: every grouping of a short chain, with all combinations of ways."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from sim.mapping.objective import Objective

Cost = tuple[float, float, float]


def groupings(units: int, start: int = 0) -> Iterator[list[tuple[int, int]]]:
    """All ways to cut a chain into runs: (first, last) pairs.

    >>> list(groupings(2))
    [[(0, 0), (1, 1)], [(0, 1)]]
    """
    if start == units:
        yield []
    for end in range(start + 1, units + 1):
        for rest in groupings(units, end):
            yield [(start, end - 1), *rest]


def least_score(units: int, ways: Mapping[tuple[int, int], Sequence[Cost]], objective: Objective) -> float:
    """The best score of all groupings; `ways` tells what the ways to run some units as a group cost."""
    scores = [
        objective.score(*(sum(column) for column in zip(*costs, strict=True)))
        for runs in groupings(units)
        for costs in itertools.product(*(ways.get(run, ()) for run in runs))
    ]
    return min(scores)
