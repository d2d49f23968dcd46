"""Compilation: one decorator for all kernels, and where their machine code is kept.

Numba does not notice when a function that a cached one calls has changed. So the cache folder is named by a hash of
all kernel sources; another version of tilenest or of Numba has another folder.

By itself Numba optimizes and translates every function that it compiles, together with all that the function calls,
and does so again for each of its callers: three quarters of the time, and for functions that only kernels call, for
nothing. Here they are linked as they are into the kernel, which is optimized and translated once.
"""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import llvmlite.binding as llvm  # type: ignore[import-untyped, unused-ignore]
import numba
from llvmlite.binding import Linkage  # type: ignore[import-untyped, unused-ignore]
from numba.core import config, typed_passes, untyped_passes
from numba.core.codegen import CodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.types import Type, unliteral  # type: ignore[attr-defined]

from sim.cache import own_folder
from sim.kernels.lower import Lowering

# Whether this is a version of Numba whose inner workings the library below is made for; others compile as they do.
_IS_KNOWN = (0, 62) <= numba.version_info.short <= (0, 68)

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


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function. It stays as it is until its address is asked for: a kernel's is, a part's is not."""

    def add_linking_library(self, library: CodeLibrary) -> None:
        """Note that a function of this library calls one of the other."""
        if not isinstance(library, _Library):
            library._ensure_finalized()
        self._linking_libraries.append(library)

    def get_pointer_to_function(self, name: str) -> int:
        """The address of a function, 0 if the library does not have it."""
        defined = any(f.name == name and not f.is_declaration for f in self._final_module.functions)
        return super().get_pointer_to_function(name) if defined else 0

    def finalize(self) -> None:
        """Link all that is called, optimize it, and translate it to machine code."""
        self._linking_libraries = self._callees()
        super().finalize()

    def _finalize_final_module(self) -> None:
        """Make it callable; what it calls by address has to be so before."""
        for function in self._final_module.functions:
            if function.is_declaration and function.name in _apart:
                find(function.name)
        super()._finalize_final_module()

    def _optimize_final_module(self) -> None:
        """Optimize all at once. Nobody else calls a kernel's parts: what they do not need is not passed to them.

        They get names of their own, as LLVM's compiler looks a function that others may see up among all by its name.
        """
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr and not function.is_declaration:
                function.linkage = "internal"
                function.name = f"{self.name}.{function.name}"
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)

    def _callees(self) -> list[CodeLibrary]:
        """All libraries that are needed, callers before callees: what nobody calls yet would not be linked."""
        order: dict[CodeLibrary, None] = {}

        def visit(library: CodeLibrary) -> None:
            if isinstance(library, _Library) and not library._finalized:
                for callee in library._linking_libraries:
                    if callee not in order:
                        visit(callee)
            order[library] = None

        visit(self)
        return list(order)[-2::-1]

    def _get_module_for_linking(self) -> object:
        if self._finalized:
            return super()._get_module_for_linking()
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = "linkonce_odr"
        return self._final_module

    @property
    def codegen(self) -> object:
        """Where the environment of a function is set: nowhere, as long as it has no address."""
        return super().codegen if self._finalized else self

    def set_env(self, name: str, env: object) -> None:
        """Leave it unset; Numba does so, too, for what it loads from its cache."""


# Passes of Numba for what no kernel does: contexts, closures, text of functions put into others, branches that depend
# on types, literal types of loops, expressions of arrays, dynamic errors.
_NOT_NEEDED = {
    untyped_passes.WithLifting,
    untyped_passes.InlineClosureLikes,
    untyped_passes.DeadBranchPrune,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.InlineInlinables,
    untyped_passes.RewriteDynamicRaises,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralUnroll,
    untyped_passes.LiteralPropagationSubPipelinePass,
    untyped_passes.GenericRewrites,
    typed_passes.InlineOverloads,
    typed_passes.NopythonRewrites,
    typed_passes.DumpParforDiagnostics,
}


class _Flags(Flags):  # type: ignore[misc]
    """What is asked of a compilation. For every operation that it types, Numba looks up hundreds of times what it has
    done under the same flags, and asks each time for the value of each flag: a tenth of all the time."""

    _HASH = hash(Flags())  # Numba's is that of the names alone

    def __hash__(self) -> int:
        return self._HASH

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Flags):
            return NotImplemented
        mine, others = self._values, other._values
        return mine == others or all(getattr(self, k) == getattr(other, k) for k in {**mine, **others})


class _Compiler(Compiler):  # type: ignore[misc]
    """Numba's, with such a library and such flags."""

    def _compile_core(self) -> object:
        self.state.flags = _Flags(self.state.flags)
        return super()._compile_core()

    def define_pipelines(self) -> list[object]:
        """The passes of a compilation."""
        library = _Library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        library.enable_object_caching()
        self.state.library = library
        managers = super().define_pipelines()
        for manager in managers:
            manager.passes = [p for p in manager.passes if p[0] not in _NOT_NEEDED]
            manager.passes = [(Lowering, p[1]) if p[0] is typed_passes.NativeLowering else p for p in manager.passes]
        return managers


class _DisjointCompiler(_Compiler):
    """The same, for what is called with arrays of which none overlaps another, which LLVM has to know to keep sums in
    registers."""

    def _compile_core(self) -> object:
        self.state.flags.noalias = True
        return super()._compile_core()


_apart: dict[str, tuple[Callable[..., object], Callable[[], int]]] = {}
_found: set[str] = set()


def set_apart(name: str, function: Callable[..., object], load: Callable[[], int]) -> None:
    """Kernels call a function by its address; `load` loads or compiles it. It calls only what is set apart before."""
    _apart[name] = function, load


def function_of(name: str) -> Callable[..., object]:
    """What has been set apart under this name."""
    return _apart[name][0]


def find(name: str) -> None:
    """See to it that kernels can call what has been set apart under this name."""
    if name in _found:
        return
    function, load = _apart[name]
    await_kernel(function)
    if is_kept(function) or not _IS_KNOWN:
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
        if is_kept(function) or not _IS_KNOWN:
            find_all()
        return compile_(signature)

    compiled.compile = compile_or_load  # type: ignore[attr-defined]
    return compiled


def part(function: F) -> F:
    """Compile a function that only kernels call; its code is kept with theirs. Arrays are only lent to it."""
    return _compiled(function, no_cfunc_wrapper=True, no_cpython_wrapper=True, _nrt=False)


def disjoint(function: F) -> F:
    """A part whose arrays do not overlap."""
    return _compiled(function, _DisjointCompiler, no_cfunc_wrapper=True, no_cpython_wrapper=True, _nrt=False)


def maker(function: F) -> F:
    """A part that makes arrays, or calls one that returns what it has made, and has to free them."""
    return _compiled(function, no_cfunc_wrapper=True, no_cpython_wrapper=True)


@contextmanager
def cached(compiler: type[Compiler] = _Compiler) -> Iterator[dict[str, object]]:
    """Machine code of what is compiled here is kept in the cache folder; gives the options of a compilation."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        yield {"error_model": "numpy", "pipeline_class": compiler if _IS_KNOWN else Compiler}
    finally:
        config.CACHE_DIR = before


def _compiled(function: F, compiler: type[Compiler] = _Compiler, **options: bool) -> F:
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
