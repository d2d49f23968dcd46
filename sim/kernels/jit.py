"""Compilation: one decorator for all kernels, and where their machine code is kept.

Numba does not notice when a function that a cached one calls has changed. So the cache folder is named by a hash of
all kernel sources; another version of tilenest or of Numba has another folder.

How they are compiled is said in `sim.kernels.whole` and `sim.kernels.lower`, for versions of Numba whose inner
workings these are made for. Others compile kernels as they do.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding as llvm  # type: ignore[import-untyped, unused-ignore]
import numba
from numba.core import config
from numba.core.compiler import Compiler
from numba.core.types import Type, unliteral  # type: ignore[attr-defined]

from sim.cache import own_folder

# Whether this is a version of Numba whose inner workings we know.
IS_KNOWN = (0, 62) <= numba.version_info.short <= (0, 68)

_whole = importlib.import_module("sim.kernels.whole") if IS_KNOWN else None
WholeCompiler: Any = getattr(_whole, "WholeCompiler", Compiler)
DisjointCompiler: Any = getattr(_whole, "DisjointCompiler", Compiler)
VectorCompiler: Any = getattr(_whole, "VectorCompiler", Compiler)
shortcuts: Any = getattr(_whole, "shortcuts", nullcontext)
_finders: dict[str, Callable[[], None]] = getattr(_whole, "finders", {})

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
    name = f"kernels-{digest.hexdigest()[:16]}"
    return own_folder(name) or Path(tempfile.mkdtemp(prefix="tilenest-")) / name


_apart: dict[str, tuple[Callable[..., object], Callable[[], int]]] = {}
_found: set[str] = set()


def set_apart(name: str, function: Callable[..., object], load: Callable[[], int]) -> None:
    """Kernels call a function by its address; `load` loads or compiles it. It calls only what is set apart before."""
    _apart[name] = function, load
    _finders[name] = functools.partial(find, name)


def function_of(name: str) -> Callable[..., object]:
    """What has been set apart under this name."""
    return _apart[name][0]


def find(name: str) -> None:
    """See to it that kernels can call what has been set apart under this name."""
    if name in _found:
        return
    function, load = _apart[name]
    await_kernel(function)
    if is_kept(function) or not IS_KNOWN:
        find_all(name)
    address = load()
    _found.add(name)
    llvm.add_symbol(name, address)


def find_all(until: str = "") -> None:
    """The same for all, or all before this one: what is loaded from the cache does not say which of them it calls."""
    for name in _apart:
        if name == until:
            break
        find(name)


_others: dict[str, subprocess.Popen[bytes]] = {}


def leave_to(process: subprocess.Popen[bytes], *kernels: Callable[..., object]) -> None:
    """Another process compiles these kernels: whoever calls them waits for that."""
    _others.update((k.__name__, process) for k in kernels)


def await_kernel(function: Callable[..., object]) -> None:
    """Wait until a kernel that is left to another process lies in the cache folder, or that process has ended."""
    process = _others.pop(function.__name__, None)
    while process and process.poll() is None and not is_kept(function):
        time.sleep(0.05)


def is_kept(function: Callable[..., object]) -> bool:
    """Whether the machine code of a kernel lies in the cache folder, or is not to be made."""
    pattern = f"{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}-*.nbc"
    return bool(config.DISABLE_JIT) or any(cache_folder().rglob(pattern))


def kernel(function: F) -> F:
    """Compile a function on its first call (or ahead, see `sim.kernels.warm`), and keep the machine code."""
    return _compiled(function, cache=True, nogil=True, no_cfunc_wrapper=True)


def caller(function: F) -> F:
    """A kernel that calls others by their address."""
    compiled = kernel(function)
    if config.DISABLE_JIT:
        return compiled
    compile_ = compiled.compile  # type: ignore[attr-defined]

    def compile_or_load(signature: object) -> object:
        if is_kept(function) or not IS_KNOWN:
            find_all()
        return compile_(signature)

    compiled.compile = compile_or_load  # type: ignore[attr-defined]
    return compiled


def part(function: F) -> F:
    """Compile a function that only kernels call; its code is kept with theirs. Arrays are only lent to it."""
    return _compiled(function, no_cfunc_wrapper=True, no_cpython_wrapper=True, _nrt=False)


def disjoint(function: F) -> F:
    """A part whose arrays do not overlap."""
    return _compiled(function, DisjointCompiler, no_cfunc_wrapper=True, no_cpython_wrapper=True, _nrt=False)


def maker(function: F) -> F:
    """A part that makes arrays, or calls one that returns what it has made, and has to free them."""
    return _compiled(function, no_cfunc_wrapper=True, no_cpython_wrapper=True)


@contextmanager
def cached(compiler: type[Compiler] = WholeCompiler) -> Iterator[dict[str, object]]:
    """Machine code of what is compiled here is kept in the cache folder; gives the options of a compilation."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        yield {"error_model": "numpy", "pipeline_class": compiler}
    finally:
        config.CACHE_DIR = before


def _compiled(function: F, compiler: type[Compiler] = WholeCompiler, **options: bool) -> F:
    if config.DISABLE_JIT:  # to debug kernels as the Python that they are
        return function
    with cached(compiler) as more:
        compiled = numba.njit(**options, **more)(function)
    template = compiled.get_call_template

    def without_literals(args: tuple[Type, ...], kws: dict[str, Type]) -> object:
        if "cache" in options:
            await_kernel(function)
        return template(tuple(map(unliteral, args)), kws)

    # Numba compiles a callee once more for every constant that it is called with. Once is enough.
    compiled.get_call_template = without_literals
    return compiled
