"""Do kernels reach what is compiled apart from them, compiled just now or loaded?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from sim.kernels.apart import apart
from sim.kernels.cost import Floats1
from sim.kernels.jit import caller
from sim.kernels.layout import Ints2
from sim.kernels.lend import give_back, lend


class Book(NamedTuple):
    prices: Floats1
    pages: Ints2
    discount: float


@apart
def price_of(row: int, book: Book) -> float:
    out = 0.0
    for i in range(len(book.prices)):
        out += book.prices[i] * book.pages[row, i]
        book.prices[i] += 1
    return out - book.discount


@apart
def is_long(row: int, book: Book) -> int:
    return 1 if book.pages[row].sum() > price_of(row, book) else 0


@caller
def sold(book: Book) -> tuple[float, int]:
    lent = lend(book)
    out = price_of(0, lent) + price_of(1, lent), is_long(1, lent)
    give_back(book)
    return out


def _book() -> Book:
    return Book(np.array([1.0, 2.0]), np.array([[1, 1], [2, 2]]), 0.5)


def test_a_kernel_calls_it_and_sees_what_it_writes() -> None:
    book = _book()
    assert sold(book) == (2.5 + 9.5, 0)
    assert book.prices.tolist() == [4, 5]


def test_types_come_from_annotations() -> None:
    with pytest.raises(TypeError, match="str"):

        @apart
        def unknown(name: str) -> None: ...


def _said(code: str, **environment: str) -> str:
    """What a new process prints that has this module as `t`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import test_apart as t\n{code}"],
        cwd=Path(__file__).parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "begin", ["t.sold(t._book())", "from sim.kernels import jit; jit.find('test_apart.price_of')"]
)
def test_another_process_loads_what_one_has_compiled(tmp_path: Path, begin: str) -> None:
    """Also if only a part had been compiled before."""
    _said(begin, TILENEST_CACHE=str(tmp_path))
    for hits in (0 if "find" in begin else 1, 1):
        code = "print(t.sold(t._book()), sum(t.sold.stats.cache_hits.values()))"
        assert _said(code, TILENEST_CACHE=str(tmp_path)) == f"(12.0, 0) {hits}\n"


def test_plain_python_calls_it_too() -> None:
    assert _said("print(t.sold(t._book()) == (12, 0))", NUMBA_DISABLE_JIT="1") == "True\n"


def test_processes_share_a_folder_where_no_cache_can_be_written() -> None:
    code = """
from sim.kernels import jit, warm
own, real = jit.cache_folder(), warm.subprocess.Popen
ask = "from sim.kernels import jit; print(jit.cache_folder())"
warm.subprocess.Popen = lambda command, **how: real([command[0], "-c", ask], env=how["env"])
with warm.beside("compile_counting"):
    pass
print(own)
"""
    nowhere = "/dev/null/nowhere"
    child, own = _said(code, TILENEST_CACHE=nowhere, XDG_CACHE_HOME=nowhere, HOME=nowhere).splitlines()
    assert child == own
