"""Compiles all kernels ahead of their first use: the very first run waits for little else.

Processes do it side by side: one compiles what counts and leaves it in the cache folder, where another one, which
compiles a search, waits for it. A light optimization is enough: kernels run as fast, and compile faster.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import float64, int64
from numba.core import config
from numba.core.registry import cpu_target
from numba.core.types import Dispatcher, Type

from sim.kernels import branch, cost, reuse, roots, search
from sim.kernels.ahead import fill_ahead, set_rents
from sim.kernels.apart import types_of
from sim.kernels.fill import fill_tables
from sim.kernels.follow import see
from sim.kernels.jit import cache_folder, find, function_of, is_kept, leave_to, shortcuts
from sim.kernels.lean import is_lean
from sim.kernels.nests import price_nest
from sim.kernels.paths import fill_spot
from sim.kernels.roots import fill_floor

_INT, _ROW, _TABLE, _BOOK = int64, int64[::1], int64[:, ::1], int64[:, :, ::1]
_FLOATS, _FLOAT_TABLE, _FLOAT_BOOK = float64[::1], float64[:, ::1], float64[:, :, ::1]

_SHAPE = (_ROW, _TABLE, _TABLE)
_NEST = (_TABLE, _TABLE)
_SCRATCH = (_TABLE, _TABLE, _TABLE)
_PRICES = (_FLOAT_BOOK, _FLOAT_BOOK, _FLOAT_BOOK, _FLOAT_TABLE, _FLOAT_TABLE, _FLOATS, _FLOATS)
_SPACE = (_BOOK, _BOOK, _ROW, _ROW, _TABLE, _TABLE, _ROW)
_LIGHT = "1"
_SELDOM = (100_000, 50, 1000)

_PRICING: Any = (price_nest,)
_BOUNDS: Any = (fill_spot, fill_floor, fill_tables, fill_ahead, set_rents, see)
_KERNELS: dict[str, tuple[Any, ...]] = {"compile_counting": (reuse.count,)}
if not config.DISABLE_JIT:
    _KERNELS["compile_prices"] = tuple(function_of(p.symbol) for p in _PRICING)
    _KERNELS["compile_bounds"] = (roots.root_floors, roots.root_bounds, *(function_of(p.symbol) for p in _BOUNDS))


def is_warm(mapper: str) -> bool:
    """Whether the search of this name has been compiled on this machine, or is not to be."""
    return is_kept(branch.branch if mapper == "optimal" else search.anneal)


def warm_up() -> None:
    """Compile the kernels of the sampling search, if they have not been."""
    if not is_warm("sampled"):
        with beside("compile_counting"):
            compile_pricing()
            compile_annealer()


@contextmanager
def beside(*tasks: str) -> Iterator[None]:
    """Other processes carry out these functions of this module meanwhile; what needs their kernels waits for them."""
    children = []
    environment = {**os.environ, "TILENEST_CACHE": str(cache_folder().parent)}  # it may be a temporary one
    for task in tasks:
        missing = [kernel for kernel in _KERNELS[task] if not is_kept(kernel)]
        if missing:
            code = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as w; w.{task}()"
            children.append(
                subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=environment)
            )
            leave_to(children[-1], *missing)
    try:
        yield
    finally:
        for child in children:
            child.wait()  # if it has failed, what it should have compiled is compiled here


def compile_counting() -> None:
    """Compile what counts a nest."""
    with light_optimization():
        _compile(reuse.count, *_SHAPE, *_NEST, *_SCRATCH, _TABLE)


def compile_prices() -> None:
    """Compile what counts and prices a nest of the exact search."""
    with light_optimization():
        for part in _PRICING:
            find(part.symbol)


def compile_bounds() -> None:
    """Compile the rest of what the exact search calls by its address, and what bounds the parts of a space."""
    with light_optimization():
        for kernel in (roots.root_floors, roots.root_bounds):
            _compile(kernel, *types_of(kernel))
        for part in _BOUNDS:
            find(part.symbol)


def compile_branch() -> None:
    """Compile the exact search, while other processes compile what it calls."""
    with beside("compile_prices", "compile_bounds"), light_optimization():
        _compile(branch.branch, *types_of(branch.branch))


def compile_pricing() -> None:
    """Compile what prices a nest."""
    prices = (_FLOAT_BOOK, _FLOAT_TABLE, _FLOAT_TABLE, _FLOATS)
    with light_optimization():
        _compile(cost.latency, _ROW, _TABLE, *_NEST, _TABLE, *prices, _FLOATS)
        _compile(cost.energy, _TABLE, _TABLE, _TABLE, _FLOAT_BOOK, _FLOAT_BOOK, _FLOATS)
        _compile(cost.overflow, _TABLE, _TABLE, _TABLE, _FLOAT_TABLE, _FLOATS)


def compile_annealer() -> None:
    """Compile the sampling search; its moves first, while another process compiles what counts."""
    with light_optimization():
        _compile(search.vary, _ROW, _TABLE, _TABLE, _ROW, _ROW, _TABLE, _TABLE, _ROW)
        tables = (*_SHAPE, *_SCRATCH, *_PRICES, *_SPACE, *_NEST, _TABLE)
        _compile(search.anneal, *tables, _ROW, _FLOATS, _ROW, _FLOATS, _INT)


def _compile(function: Any, *types: Type) -> None:
    function.compile(types)


@contextmanager
def light_optimization() -> Iterator[None]:
    """What is compiled meanwhile is compiled faster, and runs as fast.

    Python looks for garbage less often, and types that Numba has found once are not sought again: for every addition
    it asks a dozen kinds of things that can be added.
    """
    level, thresholds, context = config.OPT, gc.get_threshold(), cpu_target.typing_context
    resolve = context.resolve_function_type
    config.OPT = config._OptLevel(_LIGHT)
    gc.freeze()
    gc.set_threshold(*_SELDOM)
    context.resolve_function_type = _remembering(resolve)
    try:
        with shortcuts():
            yield
    finally:
        context.resolve_function_type = resolve
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        config.OPT = level


def _remembering(resolve: Callable[..., object]) -> Callable[..., object]:
    """The same, but for what is built in, the answer is remembered."""
    known: dict[tuple[object, ...], object] = {}

    def resolve_function_type(function: Any, args: tuple[Type, ...], kws: dict[str, Type]) -> object:
        if kws or isinstance(function, Dispatcher) or not isinstance(function, Hashable):
            return resolve(function, args, kws)
        key = is_lean(), function, *args
        if key not in known:
            signature = resolve(function, args, kws)
            if signature is None:
                return None
            known[key] = signature
        return known[key]

    return resolve_function_type
