"""Are the fast normal numbers normal, and independent?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.kernels.normal import LANES, fill
from sim.nonideal.streams import normal

SIZE = 4_000_000


@pytest.fixture(scope="module")
def numbers() -> np.ndarray:
    return normal((SIZE,), np.random.default_rng(11)).astype(np.float64)


@pytest.mark.parametrize(
    ("power", "moment", "variance"), [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10_170)]
)
def test_moments(numbers: np.ndarray, power: int, moment: float, variance: float):
    """Within four standard errors: the variance of z**n is the moment of 2 n less the square of that of n."""
    assert abs((numbers**power).mean() - moment) < 4 * math.sqrt(variance / SIZE)


@pytest.mark.parametrize("bound", [0.1, 0.5, 1.0, 2.0, 3.0, 4.0])
def test_shares_beyond_a_bound(numbers: np.ndarray, bound: float):
    share = math.erfc(bound / math.sqrt(2)) / 2
    for found in ((numbers > bound).mean(), (numbers < -bound).mean()):
        assert abs(found - share) < 4 * math.sqrt(share / SIZE)


@pytest.mark.parametrize("distance", [1, LANES - 1, LANES, LANES + 1, 2 * LANES, 4 * LANES])
def test_neither_numbers_nor_their_squares_know_others(numbers: np.ndarray, distance: int):
    for values in (numbers, (numbers**2 - 1) / math.sqrt(2)):
        assert abs((values[distance:] * values[:-distance]).mean()) < 4 / math.sqrt(SIZE)


def test_the_same_seed_gives_the_same_and_goes_on():
    first = normal((3, 5), np.random.default_rng(1))
    assert (first == normal((3, 5), np.random.default_rng(1))).all()
    rng = np.random.default_rng(1)
    assert (normal((3, 5), rng) == first).all()
    assert (normal((3, 5), rng) != first).all()


@pytest.mark.parametrize("size", [0, 1, LANES - 1, LANES, LANES + 1, 2 * LANES + 3])
def test_any_size_is_filled(size: int):
    state = np.random.default_rng(0).integers(1, 2**32, (4, LANES), np.uint32)
    out = np.full(size, np.nan, np.float32)
    fill(state, out)
    assert np.isfinite(out).all()
    assert len(np.unique(out)) == size
