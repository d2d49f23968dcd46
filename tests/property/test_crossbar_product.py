"""Is the fast product with a matrix in crossbars what walking from cell to cell and pulse to pulse gives?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import (
    Converters,
    Drift,
    Effect,
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
from sim.nonideal.array import Programmed, program
from sim.nonideal.layout import Layout
from sim.nonideal.programming import programmed
from sim.nonideal.streams import stream
from sim.reference.crossbar_product import Conductance, Walk


@st.composite
def crossbars(draw: st.DrawFn) -> Crossbar:
    """Arrays of all kinds. Limits of ADCs are odd numbers, so that no current lies between two codes."""
    input_signs, input_bits = draw(st.sampled_from(["pulses", "twos", "offset"])), draw(st.integers(2, 8))
    rows = draw(st.integers(1, 9))
    bits = draw(st.sampled_from([0, 3, 6, 10]))
    return Crossbar(
        rows,
        64,
        active_rows=draw(st.integers(0, rows)),
        weight_bits=draw(st.integers(2, 8)),
        signs=draw(st.sampled_from(["balanced", "differential", "offset"])),
        cell=Cell(draw(st.integers(0, 4)), 50.0, draw(st.sampled_from([0.0, 5.0]))),
        input_bits=input_bits,
        step_bits=1 if input_signs == "twos" else draw(st.integers(1, input_bits)),
        input_signs=input_signs,
        adc=Adc(bits, "full", limit=draw(st.sampled_from([7 * math.sqrt(2), math.pi, math.e / 10])) if bits else 0.0),
    )


def noises() -> st.SearchStrategy[Noise]:
    """Any effects that suit cells of any conductance, some together."""
    share = st.floats(0, 0.5)
    converters = st.builds(Converters, share, share, share)
    effects: dict[str, st.SearchStrategy[Effect]] = {
        "programming": st.builds(Programming, st.sampled_from(["proportional", "independent", "rram_milo"]), share),
        "variation": st.builds(Variation, share, share),
        "stuck": st.builds(Stuck, share, share, share),
        "drift": st.builds(Drift, st.just("power"), share, share),
        "temperature": st.builds(Temperature, st.floats(-0.01, 0.01), share),
        "read": st.builds(
            Read, st.sampled_from(["proportional", "independent", "root", "flicker"]), share, slow=st.booleans()
        ),
        "thermal": st.builds(Thermal, st.floats(0, 1e9), st.floats(0.01, 1)),
        "wires": st.builds(Wires, st.sampled_from([0.0, 10.0, 1e4]), st.sampled_from([0.0, 10.0, 1e4])),
        "nonlinearity": st.builds(Nonlinearity, st.floats(0, 5)),
        "dac": converters,
        "adc": converters,
    }
    some = {name: st.none() | effect for name, effect in effects.items()}
    return st.builds(Noise, **some, time_s=st.floats(0, 1e9), kelvin=st.floats(200, 500), compensation=st.booleans())


def walk(weights: np.ndarray, made: Programmed, peak: float, conductance: Conductance | None = None) -> Walk:
    """The twin of a matrix in arrays."""
    ranges = [(r.low, r.high, r.codes) for r in made.report.ranges]
    return Walk(weights.tolist(), made.layout.xbar, ranges, peak, made.report.signed, conductance)


@settings(max_examples=100, deadline=None)
@given(crossbars(), st.integers(1, 20), st.booleans(), st.booleans(), st.integers(0, 2**20))
def test_an_adc_of_the_bits_that_lose_nothing_loses_nothing(
    xbar: Crossbar, rows: int, signed: bool, full: bool, seed: int
):
    """Also where all weights and inputs are the largest."""
    xbar = replace(xbar, adc=Adc(0), cell=replace(xbar.cell, bits=xbar.cell.bits or 5))
    rng = np.random.default_rng(seed)
    weights, inputs = rng.standard_normal((rows, 2)), rng.standard_normal((3, rows))
    if full:
        weights[:], inputs[:] = 1, 1
        inputs[1:] *= -1
    sample = inputs if signed else np.abs(inputs)
    exact = program(weights, xbar, Noise(), seed, sample).product(sample, rng)
    granular = replace(xbar, adc=Adc(xbar.resolution, "granular"))
    found = program(weights, granular, Noise(), seed, sample).product(sample, rng)
    assert np.abs(found - exact).max() <= 1e-9 * (np.abs(sample) @ np.abs(weights)).max()


def test_with_a_bit_less_an_adc_loses_the_largest_sums():
    xbar = Crossbar(4, 8, weight_bits=3, cell=Cell(2), input_bits=3, input_signs="pulses", step_bits=2, adc=Adc(0))
    assert xbar.resolution == 7  # 4 rows of 3 * 3: 73 sums from -36 to 36
    weights, inputs, rng = np.ones((4, 1)), np.ones((1, 4)), np.random.default_rng(1)
    products = [
        program(weights, replace(xbar, adc=Adc(bits, "granular")), Noise(), 1, inputs).product(inputs, rng)
        for bits in (7, 6)
    ]
    assert products[0] == pytest.approx(4)
    assert products[1] < 4


@settings(max_examples=150, deadline=None)
@given(crossbars(), st.integers(1, 20), st.integers(1, 3), st.booleans(), st.integers(0, 2**20))
def test_the_product_is_what_the_cells_give(xbar: Crossbar, rows: int, outputs: int, signed: bool, seed: int):
    rng = np.random.default_rng(seed)
    weights, inputs = rng.standard_normal((rows, outputs)), rng.standard_normal((2, rows))
    sample = inputs if signed else np.abs(inputs)
    made = program(weights, xbar, Noise(), seed, sample)
    twin = walk(weights, made, float(np.abs(sample).max()))
    expected = np.array([twin.product(vector) for vector in inputs.tolist()])
    size = np.abs(inputs) @ np.abs(weights)
    assert np.abs(made.product(inputs, rng) - expected).max() <= 1e-9 * size.max()


def test_the_product_is_that_of_the_conductances_that_were_written():
    rng = np.random.default_rng(1)
    weights, inputs = rng.standard_normal((20, 4)), rng.standard_normal((3, 20))
    xbar = Crossbar(8, 64, cell=Cell(2, 25.0, 1.0), input_signs="pulses", step_bits=2, adc=Adc(8, limit=math.pi))
    made = program(weights, xbar, Noise(programming=Programming(sigma=0.1)), 7, inputs)
    errors = stream(7, "programming", 1)
    target = [made.layout.conductances(weights[rows]) for rows in made.layout.blocks]
    written = np.concatenate([programmed(g, Programming(sigma=0.1), xbar.cell, errors) for g in target], axis=2)
    twin = walk(weights, made, float(np.abs(inputs).max()), lambda *place: float(written[place]))
    expected = [twin.product(vector) for vector in inputs.tolist()]
    np.testing.assert_allclose(made.product(inputs, rng), expected, rtol=1e-9)


@pytest.mark.parametrize("model", ["proportional", "independent", "root"])
@pytest.mark.parametrize("signs", ["balanced", "differential", "offset"])
def test_noise_of_a_sum_is_that_of_its_devices(model: str, signs: str):
    """Draws at the output have the mean and the variance that draws for each device and each pulse have."""
    rng, draws = np.random.default_rng(3), 600
    weights, inputs = rng.standard_normal((6, 2)), rng.standard_normal(6)
    xbar = Crossbar(6, 64, signs=signs, cell=Cell(3, 25.0, 2.0), input_bits=5, input_signs="pulses", adc=Adc(0))
    made = program(weights, xbar, Noise(read=Read(model, 0.1)), 1, inputs[None])
    target = made.layout.conductances(weights)

    def conductance(*place: int) -> float:
        sigma = (
            0.1 * {"proportional": target[place], "independent": 25.0, "root": (25.0 * target[place]) ** 0.5}[model]
        )
        return float(rng.normal(target[place], sigma))

    twin = walk(weights, made, float(np.abs(inputs).max()), conductance)
    slow = np.array([twin.product(inputs.tolist()) for _ in range(draws)])
    fast = made.product(np.tile(inputs, (100 * draws, 1)), rng)
    deviation = fast.std(axis=0)
    assert np.abs(slow.mean(axis=0) - fast.mean(axis=0)).max() < 4 * deviation.max() / math.sqrt(draws)
    np.testing.assert_allclose(slow.std(axis=0), deviation, rtol=4 / math.sqrt(2 * draws))


def by_matrices(*args: Any) -> Programmed:
    """`program`, with products of matrices where bits are streamed, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layout, "streamed", property(lambda self: False))
        return program(*args)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["pulses", "twos", "offset"]),
    st.booleans(),
    st.sampled_from([0, 8]),
    st.integers(1, 300),
    st.integers(1, 40),
    st.integers(1, 150),
    st.integers(0, 2**20),
)
def test_sums_of_tables_are_products_of_matrices(
    input_signs: str, signed: bool, bits: int, rows: int, outputs: int, vectors: int, seed: int
):
    """Also of more rows, columns and vectors than are tabulated at once, and of vectors without any digit."""
    rng = np.random.default_rng(seed)
    weights, inputs = rng.standard_normal((rows, outputs)), rng.standard_normal((vectors, rows))
    inputs[rng.random(inputs.shape) < rng.random((vectors, 1))] = 0
    inputs = inputs if signed else np.abs(inputs)
    xbar = Crossbar(400, 256, cell=Cell(2, 50.0, 2.0), input_signs=input_signs, step_bits=1, adc=Adc(bits))
    noise = Noise(programming=Programming(sigma=0.1))
    tables, matrices = (
        make(weights, xbar, noise, seed, inputs).product(inputs, rng) for make in (program, by_matrices)
    )
    np.testing.assert_allclose(tables, matrices, atol=1e-9 * np.abs(matrices).max())


@pytest.mark.parametrize("thermal", [None, Thermal(1e9, 0.05)])
@pytest.mark.parametrize("input_signs", ["pulses", "twos"])
def test_noise_beside_tables_is_that_beside_matrices(input_signs: str, thermal: Thermal | None):
    """Mean and variance are the same, and no draw knows others: sums of many vary as if they were independent."""
    rng, draws = np.random.default_rng(8), 20_000
    weights, inputs = rng.standard_normal((140, 11)), rng.standard_normal(140)
    xbar = Crossbar(140, 256, cell=Cell(2, 50.0, 2.0), input_bits=4, input_signs=input_signs, step_bits=1, adc=Adc(6))
    args = weights, xbar, Noise(read=Read(sigma=0.1), thermal=thermal), 1, inputs[None]
    fast, slow = (make(*args).product(np.tile(inputs, (draws, 1)), rng) for make in (program, by_matrices))
    deviation = slow.std(axis=0)
    assert np.abs(fast.mean(axis=0) - slow.mean(axis=0)).max() < 5 * deviation.max() * math.sqrt(2 / draws)
    np.testing.assert_allclose(fast.std(axis=0), deviation, rtol=5 / math.sqrt(draws))
    together = fast.reshape(-1, 50, 11).sum(axis=(1, 2)).std()
    assert together == pytest.approx(math.sqrt(50 * np.square(deviation).sum()), rel=5 / math.sqrt(2 * draws / 50))


def test_nothing_is_drawn_for_vectors_of_zeros():
    weights, inputs = np.random.default_rng(1).standard_normal((30, 4)), np.zeros((200, 30))
    inputs[::2] = 1
    xbar = Crossbar(30, 64, cell=Cell(2, 25.0), input_signs="pulses", step_bits=1)
    found = program(weights, xbar, Noise(read=Read(sigma=0.1)), 1, inputs).product(inputs, np.random.default_rng(0))
    assert len(np.unique(found[1::2], axis=0)) == 1
    assert len(np.unique(found[::2], axis=0)) > 50


def test_single_precision_changes_no_more_than_its_rounding():
    rng = np.random.default_rng(5)
    weights, inputs = rng.standard_normal((300, 40)), rng.standard_normal((50, 300))
    xbar = Crossbar(128, 256, cell=Cell(7, 25.0), input_signs="pulses", adc=Adc(0))
    double = program(weights, xbar, Noise(), 1, inputs).product(inputs, rng)
    single = program(weights.astype(np.float32), xbar, Noise(), 1, inputs).product(inputs, rng)
    assert single.dtype == np.float32
    assert np.abs(single - double).max() < 1e-5 * np.abs(double).max()


def test_drift_is_made_up_for_on_average():
    rng = np.random.default_rng(5)
    weights, inputs = rng.standard_normal((200, 30)), rng.standard_normal((50, 200))
    xbar = Crossbar(256, 256, cell=Cell(0, 25.0), input_signs="pulses", step_bits=8, adc=Adc(0))
    ideal = program(weights, xbar, Noise(), 1, inputs).product(inputs, rng)
    for compensation, factor in ((False, ((86400 + 20) / 20) ** -0.05), (True, 1.0)):
        noise = Noise(drift=Drift(nu=0.05), time_s=86400, compensation=compensation)
        np.testing.assert_allclose(program(weights, xbar, noise, 1, inputs).product(inputs, rng), factor * ideal)


@settings(max_examples=60, deadline=None)
@given(crossbars(), noises(), st.integers(1, 20), st.integers(1, 3), st.booleans(), st.integers(0, 2**20))
def test_any_effects_in_any_array(xbar: Crossbar, noise: Noise, rows: int, outputs: int, single: bool, seed: int):
    """Numbers come out, the same ones for the same seeds, in the precision of the weights."""
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    weights, inputs = rng.standard_normal((rows, outputs), dtype), rng.standard_normal((5, rows), dtype)
    first, second = (
        program(weights, xbar, noise, seed, inputs).product(inputs, np.random.default_rng(1)) for _ in "12"
    )
    assert first.dtype == dtype
    assert np.isfinite(first).all()
    assert (first == second).all()


@settings(max_examples=60, deadline=None)
@given(crossbars(), st.integers(1, 20), st.booleans(), st.integers(0, 2**20))
def test_steps_as_fine_as_the_smallest_difference_lose_nothing(xbar: Crossbar, rows: int, signed: bool, seed: int):
    rng = np.random.default_rng(seed)
    weights, inputs = rng.standard_normal((rows, 2)), rng.standard_normal((3, rows))
    sample = inputs if signed else np.abs(inputs)
    xbar = replace(xbar, cell=replace(xbar.cell, bits=max(1, xbar.cell.bits)))
    fine, exact = (
        program(weights, replace(xbar, adc=adc), Noise(), seed, sample).product(sample, rng)
        for adc in (Adc(20, "granular"), Adc(0))
    )
    np.testing.assert_allclose(fine, exact, atol=1e-9 * (np.abs(sample) @ np.abs(weights)).max())
