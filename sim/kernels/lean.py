"""Kernels that count: called millions of times, so that what a call and an index cost decides.

They make no arrays. By itself a kernel notes, for every array that it is given, one reference more when it begins and
one less when it ends: operations that other cores have to see, which together take as long as counting a tensor.

And they, and all that they call, index no array from its end. By itself Numba asks of every index whether it is
negative, which takes a quarter of the time.
"""

from __future__ import annotations

from typing import Any

from numba.core import config, types
from numba.core.types import UniTuple  # type: ignore[attr-defined, unused-ignore]
from numba.core.typing import arraydecl

from sim.kernels import jit
from sim.kernels.jit import F

_typed_index: Any = getattr(arraydecl, "get_array_index_type", None)
_compiling = [False]  # whether what is being compiled indexes no array from its end


def _without_sign(array: Any, index: Any) -> Any:
    """How Numba types an index, with whole numbers taken for positive ones where that is promised."""
    typed = _typed_index(array, index)
    if typed is None or not _compiling[-1]:
        return typed
    if typed.index == types.intp:
        return typed._replace(index=types.uintp)
    if isinstance(typed.index, UniTuple) and typed.index.dtype == types.intp:
        return typed._replace(index=UniTuple(types.uintp, typed.index.count))
    return typed


def is_lean() -> bool:
    """Whether what is being compiled indexes no array from its end: then types of indices are others."""
    return _compiling[-1]


class _Compiler(jit.WholeCompiler):  # type: ignore[misc, unused-ignore]
    def _compile_core(self) -> object:
        _compiling.append(True)
        try:
            return super()._compile_core()
        finally:
            _compiling.pop()


class _Straight(_Compiler, jit.VectorCompiler):  # type: ignore[misc, unused-ignore]
    """The same, for loops of which LLVM is to make vectors."""


def _take_promises() -> None:
    """Have Numba type indices so."""
    arraydecl.get_array_index_type = _without_sign  # type: ignore[attr-defined, unused-ignore]


def straight(function: F) -> F:
    """A part of which LLVM is to make vectors: it uses no negative index, and its arrays do not overlap."""
    if config.DISABLE_JIT:
        return function
    if jit.IS_KNOWN:
        _take_promises()
    return jit._compiled(
        function,
        _Straight if jit.IS_KNOWN else jit.WholeCompiler,
        no_cfunc_wrapper=True,
        no_cpython_wrapper=True,
        _nrt=False,
    )


def lean(function: F) -> F:
    """A kernel (see `sim.kernels.jit`) that makes no arrays and, as all that it calls, uses no negative index."""
    compiled: Any = jit._compiled(function, cache=True, nogil=True, no_cfunc_wrapper=True, _nrt=False)
    if jit.IS_KNOWN and not config.DISABLE_JIT:
        _take_promises()
        compiled._compiler.pipeline_class = _Compiler
    return compiled
