"""Converters: what their codes stand for, and where their ranges end. Currents in those of one cell, fully on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.arch.crossbar import Adc
from sim.nonideal.streams import FloatArray


@dataclass(frozen=True, slots=True)
class AdcRange:
    """What an ADC can tell apart: `codes` values from `low` to `high`, evenly spaced; 0 for one that loses nothing.

    A range that is symmetric has an odd number of codes (sign and magnitude), so that no current is no code.
    """

    low: float
    high: float
    codes: int

    @property
    def step(self) -> float:
        """The difference of neighbouring values."""
        return (self.high - self.low) / (self.codes - 1)


def quantized(values: FloatArray, adc: AdcRange) -> FloatArray:
    """Values clipped and rounded to those of the codes, halves to even codes."""
    if not adc.codes:
        return values
    codes = np.rint((np.clip(values, adc.low, adc.high) - adc.low) / adc.step)
    return codes * adc.step + adc.low


def clipped_share(values: FloatArray, adc: AdcRange) -> float:
    """Share of the values that lie outside the range."""
    if not adc.codes or not values.size:
        return 0.0
    reach = adc.step / 2
    return float(np.mean((values < adc.low - reach) | (values > adc.high + reach)))


def adc_range(adc: Adc, symmetric: bool, reach: float, granule: float, sampled: FloatArray | None) -> AdcRange:
    """The range of the ADCs of a slice.

    Args:
        symmetric: whether there are currents of both signs.
        reach: the largest current.
        granule: the smallest difference of two currents.
        sampled: currents of sample data, to calibrate on.
    """
    if adc.limit:
        reach = adc.limit
    codes = max(2, 2**adc.bits - symmetric) if adc.bits else 0
    if adc.range == "full" or adc.limit or not codes:
        return AdcRange(-reach if symmetric else 0.0, reach, codes)
    if adc.range == "granular":
        half = granule * (codes - 1) / (2 if symmetric else 1)
        return AdcRange(-half if symmetric else 0.0, half, codes)
    assert sampled is not None
    if symmetric:
        most = float(np.percentile(np.abs(sampled), adc.percentile, method="higher")) or granule
        return AdcRange(-most, most, codes)
    low = float(np.percentile(sampled, 100 - adc.percentile, method="lower"))
    high = float(np.percentile(sampled, adc.percentile, method="higher"))
    return AdcRange(low, max(high, low + granule), codes)
