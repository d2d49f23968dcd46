"""How sure an accuracy is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

_SURE = 0.95


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % confidence interval of the mean of a few normal values (Student's t); None of a single one.

    >>> round(half_width([0.88, 0.90, 0.89]), 4)
    0.0248
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(values) - 1, (1 + _SURE) / 2))
    return quantile * statistics.stdev(values) / math.sqrt(len(values))


def sampling_error(share: float, samples: int) -> float:
    """Half of the 95 % confidence interval of a share that was counted in so many samples (Wilson's interval).

    >>> round(sampling_error(0.9, 2000), 4)
    0.0131
    """
    z = statistics.NormalDist().inv_cdf((1 + _SURE) / 2)
    spread = share * (1 - share) / samples + z**2 / (4 * samples**2)
    return z / (1 + z**2 / samples) * math.sqrt(spread)
