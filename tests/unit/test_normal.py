"""Are the fast normal numbers normal, and independent?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

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


def words(state: list[int]) -> Iterator[int]:
    """xoshiro128++ as Blackman and Vigna have it."""
    a, b, c, d = state

    def rotated(x: int, by: int) -> int:
        return ((x << by) | (x >> (32 - by))) & 0xFFFFFFFF

    while True:
        yield (rotated((a + d) & 0xFFFFFFFF, 7) + a) & 0xFFFFFFFF
        c, d, shifted = c ^ a, d ^ b, (b << 9) & 0xFFFFFFFF
        b, a = b ^ c, a ^ d
        c, d = c ^ shifted, rotated(d, 11)


def test_the_generator_is_the_published_one():
    """Its first numbers from 1, 2, 3, 4, as other implementations have them."""
    assert list(itertools.islice(words([1, 2, 3, 4]), 3)) == [641, 1573767, 3222811527]


def test_numbers_are_those_of_box_and_muller():
    """In double precision, lane by lane; the last bits of the angle say which of sine and cosine comes first."""
    state = np.random.default_rng(4).integers(1, 2**32, (4, LANES), np.uint32)
    lanes = [words([int(word) for word in lane]) for lane in state.T]
    found = np.empty(6 * LANES, np.float32)
    fill(state.copy(), found)
    for part in found.reshape(3, 2, LANES).astype(np.float64):
        for lane, first, second in zip(lanes, *part, strict=True):
            radius = math.sqrt(-2 * math.log((next(lane) + 1) / 2**32))
            turn = next(lane)
            angle = (turn - (turn >> 31 << 32)) * math.pi / 4 / 2**31
            sine, cosine = math.sin(angle), math.cos(angle) * (-1 if turn >> 1 & 1 else 1)
            expected = (sine, cosine) if turn & 1 else (cosine, sine)
            assert (first, second) == pytest.approx([radius * e for e in expected], abs=2e-6)
