"""Compiles all kernels ahead of their first use: the very first run waits for little else.

Two processes do it side by side. The child compiles what counts the long way and what prices a nest, and leaves it in
the cache folder; meanwhile the parent compiles the fast lane and the search's moves, and then the two kernels that
need all of it. A light optimization is enough: kernels run as fast, and compile in four fifths of the time.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba import float64, int64
from numba.core import config
from numba.core.types import Type

from sim.kernels import cost, even, reuse, search
from sim.kernels.jit import cache_folder

_INT, _ROW, _TABLE, _BOOK = int64, int64[::1], int64[:, ::1], int64[:, :, ::1]
_FLOATS, _FLOAT_TABLE, _FLOAT_BOOK = float64[::1], float64[:, ::1], float64[:, :, ::1]

_SHAPE = (_ROW, _TABLE, _TABLE)
_NEST = (_TABLE, _TABLE)
_SCRATCH = (_TABLE, _TABLE, _TABLE)
_PRICES = (_FLOAT_BOOK, _FLOAT_BOOK, _FLOAT_BOOK, _FLOAT_TABLE, _FLOAT_TABLE, _FLOATS, _FLOATS)
_SPACE = (_BOOK, _BOOK, _ROW, _ROW, _TABLE, _TABLE, _ROW)
_LIGHT = "1"


def is_warm() -> bool:
    """Whether the kernels have been compiled on this machine, or are not to be."""
    return bool(config.DISABLE_JIT) or any(cache_folder().rglob("search.anneal-*.nbi"))


@functools.cache
def warm_up() -> None:
    """Compile all kernels, if they have not been."""
    if is_warm():
        return
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import other_half; other_half()"
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        with light_optimization():
            _compile(even.count_windows, _INT, *_SHAPE, *_NEST, _TABLE, _TABLE)
            _compile(even.count_plain, _INT, _ROW, _TABLE, *_NEST, _TABLE, _TABLE)
            prices = (_FLOAT_BOOK, _FLOAT_TABLE, _FLOAT_TABLE, _FLOATS)
            _compile(cost.latency, _ROW, _TABLE, *_NEST, _TABLE, *prices, _FLOATS)
            _compile(search.vary, _ROW, _TABLE, _TABLE, _ROW, _ROW, _TABLE, _TABLE, _ROW)
            _compile(search.write_nest, _TABLE, _TABLE, *_NEST)
            _compile(search.is_legal, _ROW, *_NEST, _TABLE, _ROW)
    finally:
        child.wait()  # if it has failed, what it should have compiled is compiled here
    with light_optimization():
        _compile(reuse.count, *_SHAPE, *_NEST, *_SCRATCH, _TABLE)
        tables = (*_SHAPE, *_SCRATCH, *_PRICES, *_SPACE, *_NEST, _TABLE)
        _compile(search.anneal, *tables, _ROW, _FLOATS, _ROW, _FLOATS, _INT)


def other_half() -> None:
    """What the child compiles."""
    with light_optimization():
        _compile(reuse.count_tensor, _INT, *_SHAPE, *_NEST, _TABLE, _TABLE, _TABLE)
        _compile(cost.energy, _TABLE, _TABLE, _TABLE, _FLOAT_BOOK, _FLOAT_BOOK, _FLOATS)
        _compile(cost.overflow, _TABLE, _TABLE, _TABLE, _FLOAT_TABLE, _FLOATS)


def _compile(function: Any, *types: Type) -> None:
    function.compile(types)


@contextmanager
def light_optimization() -> Iterator[None]:
    """What is compiled meanwhile is compiled faster, and runs as fast."""
    before = config.OPT
    config.OPT = config._OptLevel(_LIGHT)
    try:
        yield
    finally:
        config.OPT = before
