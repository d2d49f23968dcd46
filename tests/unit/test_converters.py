"""Do converters round to the nearest code, clip beyond their range, and have the ranges that were asked for?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import Noise
from sim.nonideal.array import program
from sim.nonideal.converters import AdcRange, adc_range, clipped_share, quantized

RNG = np.random.default_rng(0)


@given(st.floats(-100, 99), st.floats(0.01, 100), st.integers(2, 1000), st.floats(-300, 300))
def test_a_value_goes_to_the_nearest_code_within_the_range(low: float, width: float, codes: int, value: float):
    adc = AdcRange(low, low + width, codes)
    found = float(quantized(np.array([value]), adc)[0])
    nearest = min(max(value, low), low + width)
    assert abs(found - nearest) <= adc.step / 2 * (1 + 1e-9)
    assert (found - low) / adc.step == pytest.approx(round((found - low) / adc.step), abs=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_no_current_is_a_code_where_there_are_both_signs(bits: int):
    adc = adc_range(Adc(bits, "full"), symmetric=True, reach=3.0, granule=0.1, sampled=None)
    assert (adc.low, adc.high, adc.codes) == (-3.0, 3.0, max(2, 2**bits - 1))
    if bits > 1:
        assert abs(quantized(np.zeros(1), adc)[0]) < 1e-15


def test_calibrated_ranges_let_a_share_through():
    values = RNG.standard_normal(100_000)
    for percentile in (90.0, 99.0, 100.0):
        both = adc_range(Adc(8, percentile=percentile), True, 100.0, 0.1, values)
        beyond = np.mean(np.abs(values) > both.high)
        assert beyond == pytest.approx(1 - percentile / 100, abs=1e-4)
        one = adc_range(Adc(8, percentile=percentile), False, 100.0, 0.1, values)
        assert np.mean((values < one.low) | (values > one.high)) == pytest.approx(2 - percentile / 50, abs=1e-4)
    assert both.high == np.abs(values).max()
    assert clipped_share(values, both) == 0
    assert clipped_share(values, AdcRange(-1.0, 1.0, 201)) == pytest.approx(
        math.erfc(1.005 / math.sqrt(2)), abs=0.005
    )


def test_currents_that_are_all_alike_still_have_a_range():
    assert adc_range(Adc(8), True, 1.0, 0.1, np.zeros(5)) == AdcRange(-0.1, 0.1, 255)
    assert adc_range(Adc(8), False, 1.0, 0.1, np.ones(5)) == AdcRange(1.0, 1.1, 256)


def test_inputs_beyond_those_of_the_sample_are_clipped():
    xbar = Crossbar(1, 2, cell=Cell(0, 25.0), input_signs="pulses", adc=Adc(0))
    made = program(np.ones((1, 1)), xbar, Noise(), 1, np.array([[2.0], [-1.0]]))
    found = made.product(np.array([[5.0], [-5.0], [1.0]]), RNG)[:, 0]
    assert found.tolist() == pytest.approx([2.0, -2.0, 2 * 64 / 127])
    positive = program(np.ones((1, 1)), xbar, Noise(), 1, np.array([[2.0]]))
    assert positive.product(np.array([[-5.0]]), RNG)[0, 0] == 0


def test_sums_beyond_the_limit_are_clipped():
    xbar = Crossbar(4, 2, cell=Cell(0, 25.0), input_signs="pulses", step_bits=7, adc=Adc(8, limit=2.5))
    found = program(np.ones((4, 1)), xbar, Noise(), 1).product(np.array([[1.0] * 4, [-1.0] * 4]), RNG)
    assert found[:, 0].tolist() == pytest.approx([2.5, -2.5])


def test_vectors_that_are_scaled_one_by_one_lose_nothing_where_they_are_small():
    xbar = Crossbar(4, 2, cell=Cell(0, 25.0), input_signs="pulses", adc=Adc(0), input_scale="vector")
    made = program(np.ones((4, 1)), xbar, Noise(), 1)
    found = made.product(np.array([[1.0, 0, 0, 0], [1e-6, 0, 0, 0], [0.0, 0, 0, 0]]), RNG)
    assert found[:, 0].tolist() == pytest.approx([1.0, 1e-6, 0.0])
