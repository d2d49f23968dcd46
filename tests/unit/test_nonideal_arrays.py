"""Do blocks of rows share what arrays have once, and is what no array can hold refused?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import Converters, Drift, Noise, Read, Stuck, Thermal
from sim.arch.tree import ArchitectureError
from sim.errors import TilenestError
from sim.nonideal.array import program
from sim.nonideal.read import read_sigma

CELL = Cell(0, 25.0, 0.0)


def test_rows_that_are_read_in_turns_meet_the_same_adcs():
    """An offset then counts as often as there are turns; those of other arrays are others."""
    weights, inputs = np.ones((32, 2000)), np.zeros((1, 32))
    deviations = {}
    for active in (16, 4):
        xbar = Crossbar(16, 4000, active_rows=active, cell=CELL, input_signs="pulses", step_bits=8, adc=Adc(0))
        found = program(weights, xbar, Noise(adc=Converters(offset=0.5)), 1).product(inputs, np.random.default_rng(0))
        deviations[active] = found
    assert deviations[16].std() == pytest.approx(0.5 * math.sqrt(2), rel=4 / math.sqrt(2 * 2000))
    np.testing.assert_allclose(deviations[4], 4 * deviations[16])


def test_arrays_side_by_side_have_adcs_of_their_own():
    """Arrays of three pairs of columns, and an ADC for four columns: two for each array, not three for two."""
    xbar = Crossbar(1, 6, cell=CELL, input_signs="pulses", step_bits=8, adc=Adc(0, columns=4))
    made = program(np.ones((1, 9)), xbar, Noise(adc=Converters(gain=0.1)), 1)
    found = made.product(np.ones((1, 1)), np.random.default_rng(0))[0].reshape(3, 3)
    assert (found[:, 0] == found[:, 1]).all()
    assert len(np.unique(found)) == 6


def test_a_column_that_is_stuck_is_so_in_all_rows_of_its_array():
    """32 rows in two arrays of 16, read four at a time: eight blocks, and two columns for each of 200 outputs."""
    weights, stuck = np.full((32, 200), 0.5), Stuck(on=0.3, clustered=1.0)
    xbar = Crossbar(16, 400, active_rows=4, cell=CELL, input_signs="pulses", step_bits=8, adc=Adc(0))
    made = program(weights, xbar, Noise(stuck=stuck), 1)
    blocks = made.product(np.kron(np.eye(8), np.ones(4)), np.random.default_rng(0)).reshape(2, 4, 200)
    assert (blocks == blocks[:, :1]).all()
    assert (blocks[0, 0] != blocks[1, 0]).any()


def test_calibration_sees_all_columns():
    """With 2**17 currents, every second one is looked at; the largest are all in columns of an odd number."""
    weights = np.ones((1, 512))
    weights[:, 1::2] = 4.0
    xbar = Crossbar(1, 1024, cell=CELL, input_signs="pulses", step_bits=8)
    report = program(weights, xbar, Noise(), 1, np.ones((256, 1))).report
    assert report.ranges[0].high == 1.0
    assert report.clipped == (0.0,)
    weights[:, 0::2], weights[:, 1::2] = 4.0, 1.0
    assert program(weights, xbar, Noise(), 1, np.ones((256, 1))).report.ranges[0].high == 1.0


def test_steps_of_granular_ranges_are_the_smallest_difference_of_continuous_cells():
    """Of weights of 8 bits: 1/127 of a cell that holds the magnitude, 1/254 of one that holds both signs."""
    for signs, step in (("differential", 1 / 127), ("offset", 1 / 254)):
        xbar = Crossbar(1, 8, signs=signs, cell=CELL, adc=Adc(8, "granular"))
        assert program(np.ones((1, 1)), xbar, Noise(), 1, np.ones((1, 1))).report.ranges[0].step == pytest.approx(
            step
        )


@pytest.mark.parametrize(
    ("xbar", "sample", "message"),
    [
        (Crossbar(8, 8, weight_bits=1), 1.0, "a weight of 1 bit, its sign included, has no magnitude"),
        (Crossbar(8, 8, weight_bits=1, signs="offset", cell=Cell(1)), 1.0, "a weight of 1 bit, its sign included"),
        (Crossbar(8, 8, input_bits=1), -1.0, "an input of 1 bit, its sign included, has no magnitude; expected at"),
        (Crossbar(8, 8, input_bits=1, input_signs="offset"), -1.0, "an input of 1 bit, its sign included"),
        (Crossbar(8, 8, input_bits=1, input_signs="pulses"), 1.0, "an input of 1 bit, its sign included"),
    ],
)
def test_a_sign_alone_is_no_number(xbar: Crossbar, sample: float, message: str):
    with pytest.raises(ArchitectureError, match=message):
        program(np.ones((2, 2)), xbar, Noise(), 1, np.full((1, 2), sample))


def test_one_bit_without_a_sign_is_one():
    xbar = Crossbar(8, 8, input_bits=1, cell=CELL, adc=Adc(0))
    made = program(np.array([[1.0], [-0.5]]), xbar, Noise(), 1, np.ones((1, 2)))
    found = made.product(np.array([[1.0, 1.0], [0.0, 1.0]]), np.random.default_rng(0))
    assert found[:, 0].tolist() == pytest.approx([0.5, -0.5])


@pytest.mark.parametrize("inputs", [np.ones(2), np.ones((1, 3)), np.ones((1, 1))])
def test_inputs_that_do_not_fit(inputs: np.ndarray):
    made = program(np.ones((2, 2)), Crossbar(8, 8, adc=Adc(0)), Noise(), 1)
    with pytest.raises(TilenestError, match=r"the inputs have the shape \(.*\), expected any number of rows of 2"):
        made.product(inputs, np.random.default_rng(0))


def test_effects_that_take_no_time_or_voltage():
    for make, message in (
        (lambda: Read("flicker", read_s=0), "a read takes some time, not 0 s"),
        (lambda: Drift(start_s=0), "drift starts some time after the last pulse, not after 0 s"),
        (lambda: Thermal(1e6, 0), "rows need a voltage to be read, not 0 V"),
    ):
        with pytest.raises(ArchitectureError, match=message):
            make()


@pytest.mark.parametrize("model", ["flicker", "pcm"])
def test_a_read_as_long_as_all_the_time_there_was_has_no_slower_noise(model: str):
    g = np.array([10.0])
    for seconds in (0.0, 250e-9):
        assert read_sigma(g, g, Read(model, 0.1, start_s=0.0), seconds, CELL)[0] == 0
    assert read_sigma(g, g, Read(model, 0.1, start_s=0.0), 300e-9, CELL)[0] > 0


def test_twos_complement_has_no_digits_of_several_bits():
    with pytest.raises(ArchitectureError, match="two's complement cannot be streamed 4 bits at a time"):
        program(np.ones((2, 2)), Crossbar(8, 8, step_bits=4), Noise(), 1, -np.ones((1, 2)))
