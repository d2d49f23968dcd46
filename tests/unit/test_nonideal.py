"""Does each effect do to conductances what its source says? Moments within four standard errors."""

from __future__ import annotations

import doctest
import math
from pathlib import Path

import numpy as np
import pytest

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import (
    EFFECTS,
    Converters,
    Drift,
    Noise,
    Nonlinearity,
    Programming,
    Read,
    Stuck,
    Temperature,
    Thermal,
    Variation,
    Wires,
)
from sim.arch.tree import ArchitectureError
from sim.errors import TilenestError
from sim.nonideal.array import Programmed, program
from sim.nonideal.drift import drift_exponents, drifted, heated
from sim.nonideal.programming import programmed, programming_sigma, stuck_cells, stuck_lines, varied, with_stuck
from sim.nonideal.read import read_sigma, thermal_variance

CELL = Cell(0, 25.0, 0.0)
MANY = 200_000


def devices(g: float, count: int = MANY) -> np.ndarray:
    return np.full(count, g)


def near(values: np.ndarray, mean: float, deviation: float) -> None:
    """Whether they are like normal ones of this mean and deviation."""
    assert abs(values.mean() - mean) < 4 * deviation / math.sqrt(values.size)
    assert abs(values.std() / deviation - 1) < 4 / math.sqrt(2 * values.size)


# -- what is written ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cell", "g", "sigma"),
    [
        (Programming("proportional", 0.05), CELL, 20.0, 1.0),
        (Programming("independent", 0.05), CELL, 20.0, 1.25),
        (Programming("pcm"), CELL, 12.5, 0.26348 + 1.965 / 2 - 1.1731 / 4),
        (Programming("pcm", scale=2), CELL, 25.0, 2 * (0.26348 + 1.965 - 1.1731)),
        (Programming("rram_wan"), Cell(0, 39.0), 20.0, 1.536e-4 * 8000 - 1.167e-2 * 400 + 0.2374 * 20 + 1.053),
        (Programming("rram_milo"), Cell(0, 225.0, 50.0), 100.0, 4.782321 - 0.9107),
        (Programming("sonos"), Cell(0, 16.0), 8.0, 0.1988665 * (1 - math.exp(-800 / 176.3115))),
    ],
)
def test_errors_of_programming(error: Programming, cell: Cell, g: float, sigma: float):
    rng = np.random.default_rng(1)
    assert programming_sigma(np.array([g]), error, cell)[0] == pytest.approx(sigma)
    near(programmed(devices(g), error, cell, rng), g, sigma)


def test_no_conductance_is_negative():
    found = programmed(devices(0.0), Programming("independent", 0.1), CELL, np.random.default_rng(1))
    assert found.min() == 0
    assert (found == 0).mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(MANY))


def test_factors_of_devices_have_a_mean_of_one_and_a_log_normal_spread():
    found = varied(devices(10.0), 0.3, np.random.default_rng(1))
    assert found.mean() == pytest.approx(10, rel=4 * 0.3 / math.sqrt(MANY))
    assert found.std() / 10 == pytest.approx(0.3, rel=0.02)
    width = math.sqrt(math.log(1.09))
    near(np.log(found), math.log(10) - width**2 / 2, width)


def faults_of(shape: tuple[int, int], stuck: Stuck) -> np.ndarray:
    rng = np.random.default_rng(1)
    return stuck_cells(shape, stuck, stuck_lines(shape, stuck, rng), rng)


def test_shares_of_stuck_cells():
    faults = faults_of((500, 400), Stuck(0.0175, 0.0904))
    for what, share in ((1, 0.0175), (-1, 0.0904)):
        assert (faults == what).mean() == pytest.approx(share, abs=4 * math.sqrt(share / faults.size))
    g = with_stuck(np.full(faults.shape, 10.0), faults, Cell(0, 25.0, 2.0))
    assert set(np.unique(g)) == {2.0, 10.0, 25.0}


def test_clustered_faults_take_whole_columns_and_are_no_more():
    faults = faults_of((50, 20_000), Stuck(0.0, 0.1, clustered=0.5))
    whole = (faults == -1).all(axis=0)
    assert whole.mean() == pytest.approx(0.05, abs=4 * math.sqrt(0.05 / 20_000))
    assert (faults == -1).mean() == pytest.approx(0.1, abs=4 * math.sqrt(0.1 / 20_000))


# -- time and temperature -------------------------------------------------------------------------------------------


def test_a_power_of_time_with_an_exponent_for_each_device():
    drift = Drift("power", nu=0.05, nu_sigma=0.01)
    exponents = drift_exponents(devices(10.0), drift, np.random.default_rng(1))
    near(exponents, 0.05, 0.01)
    found = drifted(devices(10.0), exponents, 86_400, drift)
    near(np.log(found / 10), -0.05 * math.log(4321), 0.01 * math.log(4321))


@pytest.mark.parametrize(
    ("g", "mean", "spread"),
    [(25.0, 0.049, 0.008), (2.5, 0.0155 * math.log(10) + 0.0244, 0.0125 * math.log(10) - 0.0059)],
)
def test_exponents_of_phase_change_memory(g: float, mean: float, spread: float):
    """Their signs are dropped: a folded normal distribution."""
    exponents = drift_exponents(devices(g), Drift("pcm"), np.random.default_rng(1))
    ratio = mean / spread / math.sqrt(2)
    folded = spread * math.sqrt(2 / math.pi) * math.exp(-(ratio**2)) + mean * math.erf(ratio)
    near(exponents, folded, math.sqrt(mean**2 + spread**2 - folded**2))


def test_temperature():
    """Arrhenius: 0.2 eV from 300 K to 350 K is a factor of 3.02; and -0.1 % by a kelvin of 0.95."""
    g = np.array([10.0])
    assert heated(g, 300, Temperature(-0.001, 0.2))[0] == 10
    assert heated(g, 350, Temperature(activation_ev=0.2))[0] == pytest.approx(30.196, rel=1e-4)
    assert heated(g, 350, Temperature(per_kelvin=-0.001))[0] == pytest.approx(9.5)


# -- noise in products ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "time_s", "cell", "sigma"),
    [
        (Read("proportional", 0.02), 0.0, CELL, 0.2),
        (Read("root", 0.02), 0.0, CELL, 0.02 * math.sqrt(10 * 25)),
        (Read("independent", 0.02), 0.0, CELL, 0.5),
        (Read("flicker", 0.01), 80.0, CELL, 0.1 * math.sqrt(math.log(100 / 5e-7 + 0.5))),
        (Read("pcm"), 80.0, CELL, 10 * 0.0088 / 0.4**0.65 * math.sqrt(math.log(100 / 5e-7 + 0.5))),
        (Read("sonos"), 0.0, Cell(0, 16.0), 0.1258037 * (1 - math.exp(-1000 / 215.36557))),
    ],
)
def test_noise_of_a_cell_that_is_read(read: Read, time_s: float, cell: Cell, sigma: float):
    g = np.array([10.0])
    assert read_sigma(g, g, read, time_s, cell)[0] == pytest.approx(sigma)


def test_thermal_noise_of_a_resistor():
    """4 k T / R over 10 MHz: 4 * 1.380649e-23 J/K * 300 K * 25 uS * 10 MHz is (2.035 nA)**2; 5 uA is full."""
    variance = thermal_variance(np.array([25.0]), Thermal(10e6, 0.2), 300.0, CELL)[0]
    assert math.sqrt(variance) * 5e-6 == pytest.approx(2.035e-9, rel=1e-3)


def noisy(noise: Noise, weights: np.ndarray, inputs: np.ndarray, **kinds: object) -> tuple[Programmed, np.ndarray]:
    """Many products of one vector."""
    known = {"cell": CELL, "input_signs": "pulses", "step_bits": 8, "adc": Adc(0)} | kinds
    made = program(weights, Crossbar(len(weights), 64, **known), noise, 1, np.array([[-1.0] * len(weights)]))
    return made, made.product(np.tile(inputs, (20_000, 1)), np.random.default_rng(2))


def test_read_noise_of_a_sum_grows_with_the_inputs():
    weights, inputs = np.array([[1.0], [-0.5], [0.0]]), np.array([127.0, -64.0, 127.0]) / 127
    found = noisy(Noise(read=Read("independent", 0.05)), weights, inputs)[1]
    near(found[:, 0], inputs @ weights[:, 0], 0.05 * math.sqrt(2 * float(inputs @ inputs)))


def test_slow_noise_is_the_same_in_all_products():
    weights, inputs = np.full((1, 4000), 0.5), np.array([[1.0]] * 3)
    xbar = Crossbar(1, 8000, cell=CELL, input_signs="pulses", step_bits=8, adc=Adc(0))
    made = program(weights, xbar, Noise(read=Read("proportional", 0.05, slow=True), compensation=True), 1)
    found = made.product(inputs, np.random.default_rng(0))
    assert (found == found[0]).all()
    near(found[0], 0.5, 0.025)
    assert set(made.report.compensation) == {1.0}


def test_weights_of_zero_need_no_compensation():
    noise = Noise(drift=Drift("pcm"), time_s=3600, compensation=True)
    made = program(np.zeros((4, 2)), Crossbar(4, 4, cell=CELL, adc=Adc(0)), noise, 1)
    assert (made.product(np.ones((1, 4)), np.random.default_rng(0)) == 0).all()


def test_thermal_noise_of_a_sum_does_not():
    weights = np.array([[1.0], [-0.5], [0.0]])
    deviation = math.sqrt(1.5 * 4 * 1.380649e-23 * 300 * 25e-6 * 1e9) / 5e-6
    for inputs in (np.zeros(3), np.array([1.0, -1.0, 1.0])):
        near(noisy(Noise(thermal=Thermal(1e9, 0.2)), weights, inputs)[1][:, 0], inputs @ weights[:, 0], deviation)


# -- rows, columns and converters -----------------------------------------------------------------------------------


def test_bent_currents():
    weights = np.array([[1.0]])
    inputs = np.array([[64 / 127]])
    found = noisy(Noise(nonlinearity=Nonlinearity(2.0)), weights, inputs)[1][0, 0]
    assert found == pytest.approx(math.sinh(2 * 64 / 127) / math.sinh(2))
    assert noisy(Noise(nonlinearity=Nonlinearity(2.0)), weights, inputs, step_bits=1)[1][0, 0] == pytest.approx(
        64 / 127
    )


def test_gains_and_offsets_of_dacs_belong_to_rows():
    weights = np.eye(2000)
    inputs = np.stack([np.zeros(2000), np.ones(2000)])
    xbar = Crossbar(2000, 5000, cell=CELL, input_signs="pulses", step_bits=8, adc=Adc(0))
    found = program(weights, xbar, Noise(dac=Converters(0.5, 0.02)), 1).product(inputs, np.random.default_rng(0))
    near(found[0], 0.0, 0.5 / 127)
    near(found[1] - found[0], 1.0, 0.02)


def test_gains_and_offsets_of_adcs_belong_to_columns_that_share_one():
    weights = np.ones((1, 4000))
    xbar = Crossbar(1, 8000, cell=CELL, input_signs="pulses", step_bits=8, adc=Adc(0, columns=4))
    made = program(weights, xbar, Noise(adc=Converters(0.0, 0.02)), 1)
    found = made.product(np.array([[1.0]]), np.random.default_rng(0))[0]
    assert (found.reshape(-1, 2) == found[::2, None]).all()  # four columns are two pairs
    near(found[::2], 1.0, 0.02)
    xbar = Crossbar(1, 8000, cell=CELL, input_signs="pulses", step_bits=8, adc=Adc(8, "full"))
    steps = program(weights, xbar, Noise(adc=Converters(3.0, 0.0)), 1).product(
        np.zeros((1, 1)), np.random.default_rng(0)
    )
    near(steps[0] * 127, 0.0, math.sqrt(9 + 1 / 12))


def test_noise_of_adcs_is_new_in_each_conversion():
    weights, inputs = np.array([[1.0, 0.5]]), np.array([0.5 * 128 / 127])
    _, found = noisy(Noise(adc=Converters(noise=0.3)), weights, inputs, adc=Adc(0))
    near(found[:, 0], 64 / 127, 0.3)
    near(found[:, 1], 32 / 127, 0.3)
    assert abs(np.corrcoef(found.T)[0, 1]) < 4 / math.sqrt(len(found))


def test_noise_of_a_dac_is_the_same_for_all_columns():
    weights = np.array([[1.0, -0.5]])
    _, found = noisy(Noise(dac=Converters(noise=2.0)), weights, np.array([64 / 127]))
    near(found[:, 0], 64 / 127, 2 / 127)
    np.testing.assert_allclose(found[:, 1], -0.5 * found[:, 0], atol=1e-12)


def test_wires_take_from_the_sums_what_their_circuit_says():
    from sim.nonideal.wires import effective

    rng = np.random.default_rng(0)
    weights, inputs = rng.random((8, 3)), rng.random((4, 8))
    xbar = Crossbar(16, 12, cell=CELL, input_signs="twos", input_bits=16, adc=Adc(0))
    made = program(weights, xbar, Noise(wires=Wires(30.0, 50.0)), 1, inputs)
    cells = np.zeros((8, 3, 2))
    cells[..., 0] = weights / weights.max() * 25
    seen = effective(cells.reshape(8, 6), Wires(30.0, 50.0), below=8).reshape(8, 3, 2)
    expected = inputs @ (seen[..., 0] - seen[..., 1]) * weights.max() / 25
    np.testing.assert_allclose(made.product(inputs, rng), expected, rtol=1e-3)


# -- all together ---------------------------------------------------------------------------------------------------

EVERYTHING = Noise(
    Programming("pcm"),
    Variation(0.1, 0.05),
    Stuck(0.01, 0.05, 0.2),
    Drift("pcm"),
    Temperature(activation_ev=0.1),
    Read("pcm"),
    Thermal(1e7, 0.2),
    Wires(2.0, 2.0),
    Nonlinearity(0.5),
    Converters(0.2, 0.01),
    Converters(0.2, 0.01),
    time_s=3600,
    kelvin=310,
    compensation=True,
)


def all_of(noise: Noise, seed: int = 1, cycle: int = 0) -> np.ndarray:
    rng = np.random.default_rng(0)
    weights, inputs = (
        rng.standard_normal((40, 10)).astype(np.float32),
        rng.standard_normal((30, 40)).astype(np.float32),
    )
    xbar = Crossbar(32, 64, cell=Cell(3, 25.0, 0.1), input_signs="pulses", step_bits=2)
    return program(weights, xbar, noise, seed, inputs, cycle).product(inputs, np.random.default_rng(3))


def test_the_same_seed_gives_the_same_numbers():
    first = all_of(EVERYTHING)
    assert (first == all_of(EVERYTHING)).all()
    assert (first != all_of(EVERYTHING, seed=2)).any()


@pytest.mark.parametrize("effect", EVERYTHING.effects)
def test_every_effect_alone_tells(effect: str):
    assert (all_of(EVERYTHING.only(effect)) != all_of(Noise())).any()


@pytest.mark.parametrize("effect", ["variation", "stuck", "drift", "dac", "adc"])
def test_devices_stay_what_they_are_when_they_are_written_again(effect: str):
    noise = EVERYTHING.only(effect)
    if effect == "variation":
        noise = Noise(variation=Variation(device=0.1))
    assert (all_of(noise) == all_of(noise, cycle=1)).all()


@pytest.mark.parametrize("noise", [EVERYTHING.only("programming"), Noise(variation=Variation(cycle=0.1))])
def test_errors_of_writing_are_new_each_time(noise: Noise):
    assert (all_of(noise) != all_of(noise, cycle=1)).any()


def test_another_effect_leaves_the_draws_of_the_first_alone():
    """Stuck cells are the same with and without errors of programming; those of zero change nothing."""
    stuck = Noise(stuck=Stuck(0.1, 0.1))
    assert (all_of(stuck) == all_of(Noise(programming=Programming(sigma=0.0), stuck=Stuck(0.1, 0.1)))).all()


# -- calibration, report, mistakes ----------------------------------------------------------------------------------


def test_the_report():
    rng = np.random.default_rng(0)
    weights, inputs = rng.standard_normal((100, 40)), rng.standard_normal((500, 100))
    xbar = Crossbar(64, 128, active_rows=32, cell=Cell(4, 25.0), input_signs="pulses", adc=Adc(8, percentile=99))
    report = program(weights, xbar, Noise(), 1, inputs).report
    assert report.arrays == 2 * 2  # of 64 rows and 128 / 4 outputs
    assert report.blocks == 4
    assert report.cells == pytest.approx(100 * 40 * 4 / (4 * 64 * 128))
    assert report.signed
    assert report.input_scale == pytest.approx(np.abs(inputs).max() / 127)
    assert len(report.ranges) == len(report.clipped) == 2
    assert all(r.codes == 255 and r.low == -r.high for r in report.ranges)
    assert report.clipped == (pytest.approx(0.01, abs=0.003), pytest.approx(0.01, abs=0.003))
    assert report.compensation == (1.0,) * 4


def test_calibrated_ranges_lose_less_than_those_of_the_largest_sum():
    rng = np.random.default_rng(0)
    weights, inputs = rng.standard_normal((500, 20)), rng.standard_normal((100, 500))
    errors = {}
    for kind in ("calibrated", "full", "granular"):
        xbar = Crossbar(512, 64, cell=Cell(7, 25.0), input_signs="pulses", step_bits=8, adc=Adc(8, kind))
        found = program(weights, xbar, Noise(), 1, inputs).product(inputs, rng)
        errors[kind] = np.abs(found - inputs @ weights).std() / (inputs @ weights).std()
    assert errors["calibrated"] < 0.03 < 0.3 < errors["full"] < errors["granular"]


@pytest.mark.parametrize(
    ("weights", "sample", "message"),
    [
        (np.array([[1.0, np.nan]]), None, "weights must be finite, but row 0, column 1 is nan"),
        (np.ones(3), None, "weights are a matrix of rows and columns, not of shape (3,)"),
        (
            np.ones((2, 2)),
            np.ones((4, 3)),
            "the sample of inputs has the shape (4, 3), expected any number of rows of 2",
        ),
        (np.ones((2, 2)), np.full((1, 2), np.inf), "the sample of inputs must be finite, but row 0, column 0 is inf"),
        (np.ones((2, 2)), None, "the ranges of the ADCs are to be calibrated, but there is no sample of inputs"),
    ],
)
def test_what_cannot_be_programmed(weights: np.ndarray, sample: np.ndarray | None, message: str):
    with pytest.raises(TilenestError) as error:
        program(weights, Crossbar(8, 8), Noise(), 1, sample)
    assert str(error.value) == message


def test_models_beyond_what_was_measured():
    with pytest.raises(
        ArchitectureError, match=r"noise.programming: the model rram_wan was measured up to 39.26 uS, but"
    ):
        Noise(programming=Programming("rram_wan")).check(Cell(0, 100.0))
    Noise(programming=Programming("rram_wan"), read=Read()).check(Cell(0, 39.26))


def test_the_example_of_the_page():
    page = Path(__file__).parents[2] / "docs" / "nonideal.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0


def test_every_effect_is_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "nonideal.md").read_text(encoding="utf-8")
    assert [name for name in EFFECTS if f"`{name}`" not in page] == []


def test_effects_have_names():
    assert len(EVERYTHING.effects) == 11
    assert EVERYTHING.only().effects == ()
    with pytest.raises(ArchitectureError, match=r"there is no effect 'raed'; .*did you mean 'read'"):
        EVERYTHING.only("raed")
    with pytest.raises(ArchitectureError, match=r"not 0\.6 on, 0.6 off, 0 of them clustered"):
        Stuck(0.6, 0.6)
