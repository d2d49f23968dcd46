"""Does an array with resistive wires, as one matrix, give the currents that solving its circuit gives?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arch.noise import Wires
from sim.nonideal.wires import effective
from sim.reference.nodal import currents

OHM = st.floats(1e-3, 1e5)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), OHM, OHM, st.integers(0, 5), st.integers(0, 2**20))
def test_the_circuit(rows: int, columns: int, row_ohm: float, column_ohm: float, below: int, seed: int):
    rng = np.random.default_rng(seed)
    g = rng.uniform(0, 100, (rows, columns)) * rng.integers(0, 2, (rows, columns))
    volts = rng.uniform(-0.2, 0.2, rows)
    expected = currents(g, volts, row_ohm, column_ohm, below)
    found = volts @ effective(g, Wires(row_ohm, column_ohm), below)
    assert np.abs(found - expected).max() <= 1e-8 * np.abs(volts @ g).max() + 1e-18


@pytest.mark.parametrize(
    ("wires", "slow"), [(Wires(0, 40), (1e-6, 40)), (Wires(40, 0), (40, 1e-6)), (Wires(), (1e-6, 1e-6))]
)
def test_wires_of_one_kind_alone(wires: Wires, slow: tuple[float, float]):
    rng = np.random.default_rng(2)
    g, volts = rng.uniform(0, 100, (6, 5)), rng.uniform(-0.2, 0.2, 6)
    np.testing.assert_allclose(volts @ effective(g, wires), currents(g, volts, *slow), rtol=1e-6)


def test_one_cell_is_in_series_with_two_pieces_of_wire():
    """1 / (10 kohm + 300 ohm + 3 * 200 ohm), with two more cells below."""
    assert effective(np.array([[100.0]]), Wires(300, 200), below=2)[0, 0] == pytest.approx(1e6 / 10_900)


def test_currents_fall_with_the_distance_from_the_driver():
    found = effective(np.full((8, 8), 50.0), Wires(20, 20))
    assert (np.diff(found, axis=1) < 0).all()
    assert (np.diff(found, axis=0) > 0).all()


def test_strong_wires_do_not_overflow():
    found = effective(np.full((200, 3), 100.0), Wires(1, 1e5))
    assert np.isfinite(found).all()
    assert found[0, 0] < 1e-100 < found[-1, 0]
