"""How sure an accuracy is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

_SURE = 0.95
_Z = statistics.NormalDist().inv_cdf((1 + _SURE) / 2)

# Student's t, two-sided 95 %, for 1 to 10 degrees of freedom: NIST/SEMATECH e-Handbook of Statistical Methods,
# section 1.3.6.7.2.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % confidence interval of the mean of a few normal values (Student's t); None of a single one.

    >>> round(half_width([0.88, 0.90, 0.89]), 4)
    0.0248
    """
    if len(values) < 2:
        return None
    return _quantile(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


def sampling_error(share: float, samples: int) -> float:
    """Half of the 95 % confidence interval of a share that was counted in so many samples (Wilson's interval).

    >>> round(sampling_error(0.9, 2000), 4)
    0.0132
    """
    spread = share * (1 - share) / samples + _Z**2 / (4 * samples**2)
    return _Z / (1 + _Z**2 / samples) * math.sqrt(spread)


def _quantile(freedom: int) -> float:
    """Student's t; beyond the table by the first terms of Abramowitz and Stegun 26.7.5, right to a thousandth."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    third = (_Z**3 + _Z) / 4
    fifth = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    return _Z + third / freedom + fifth / freedom**2
