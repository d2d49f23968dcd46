"""Compilation: one decorator for all kernels, and where their machine code is kept.

Numba does not notice when a function that a cached one calls has changed. So the cache folder is named by a hash of
all kernel sources; another version of tilenest or of Numba has another folder.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numba
from numba.core import config
from numba.core.types import Type, unliteral  # type: ignore[attr-defined]

from sim.cache import own_folder

F = TypeVar("F", bound=Callable[..., object])


@functools.cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: under ``$TILENEST_CACHE``, the user's cache folder, or a temporary one.

    Numba keeps the kernels of every installation and version of Python apart; so do the folders.
    """
    place = f"{numba.__version__} {sys.implementation.cache_tag} {Path(__file__).parent}"
    digest = hashlib.sha256(place.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return own_folder(f"kernels-{digest.hexdigest()[:16]}") or Path(tempfile.mkdtemp(prefix="tilenest-"))


def kernel(function: F) -> F:
    """Compile a function on its first call (or ahead, see `sim.kernels.warm`), and keep the machine code."""
    return _compiled(function, cache=True, no_cfunc_wrapper=True)


def part(function: F) -> F:
    """Compile a function that only kernels call; its code is kept with theirs."""
    return _compiled(function, no_cfunc_wrapper=True, no_cpython_wrapper=True)


def _compiled(function: F, **options: bool) -> F:
    if config.DISABLE_JIT:  # to debug kernels as the Python that they are
        return function
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        compiled = numba.njit(error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = before
    template = compiled.get_call_template

    def without_literals(args: tuple[Type, ...], kws: dict[str, Type]) -> object:
        return template(tuple(map(unliteral, args)), kws)

    # Numba compiles a callee once more for every constant that it is called with. Once is enough.
    compiled.get_call_template = without_literals
    return compiled


def inlined(function: F) -> F:
    """A function whose text is put into the kernel that calls it: for what is called once, in a hot loop."""
    return function if config.DISABLE_JIT else numba.njit(inline="always", error_model="numpy")(function)
