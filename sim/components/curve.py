"""Values between and beyond the few that were published."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Iterable


def loglog(x: float, known: Iterable[float], value: Callable[[float], float]) -> float:
    """The value at `x`, on straight lines between the known points on log-log paper; the outer lines go on.

    Between two points that is a power law, so what is positive and grows stays so.

    >>> square = {2.0: 4.0, 8.0: 64.0}
    >>> round(loglog(4, square, square.__getitem__), 9)
    16.0
    """
    points = sorted(known)
    if x in points:
        return value(x)
    upper = min(max(bisect(points, x), 1), len(points) - 1)
    low, high = points[upper - 1], points[upper]
    share = math.log(x / low) / math.log(high / low)
    return math.pow(value(low), 1 - share) * math.pow(value(high), share)
