"""Do the parts of a kernel see what they are lent?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numba.core.errors import TypingError

from sim.kernels.jit import kernel, maker, part
from sim.kernels.lend import give_back, lend


class Book(NamedTuple):
    pages: np.ndarray
    words: np.ndarray
    title: int


@part
def _read(book: Book) -> float:
    out = 0.0
    for i in range(book.words.shape[0]):
        for j in range(book.words.shape[1]):
            out += book.words[i, j] * book.pages[j]
            book.words[i, j] = -1.0
    return out + book.title


@maker
def _bound(n: int) -> Book:
    return Book(np.arange(n), np.ones((n, n)), n)


@kernel
def _lent(book: Book) -> float:
    return _read(lend(book))


@kernel
def _lent_again_and_again(n: int) -> float:
    out = 0.0
    for i in range(1, n):
        own = _bound(i)
        book = lend(own)
        other = np.full((i, i), 7.0)  # takes the place of whatever has been freed too early
        out += _read(book) + other[0, 0] - 7
        give_back(own)
    return out


@kernel
def _torn(book: Book) -> float:
    return lend(book).missing  # type: ignore[attr-defined]


def test_a_part_reads_and_writes_the_arrays_that_it_is_lent() -> None:
    words = np.arange(6.0).reshape(2, 3)
    expected = float((words * [1, 2, 3]).sum()) + 7
    assert _lent(Book(np.array([1, 2, 3]), words, 7)) == expected
    assert (words == -1).all()


def test_arrays_that_a_kernel_makes_live_until_they_are_given_back() -> None:
    assert _lent_again_and_again(200) == sum(i * (i * (i - 1) // 2) + i for i in range(1, 200))


def test_a_field_that_there_is_not_is_an_error() -> None:
    with pytest.raises((TypingError, AttributeError)):
        _torn(Book(np.array([1]), np.ones((1, 1)), 0))
