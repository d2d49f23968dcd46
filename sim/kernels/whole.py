"""How kernels are compiled: linked whole, and with what Numba does for others left out.

All of this relies on the inner workings of Numba; `sim.kernels.jit` uses it for versions that it is made for.

By itself Numba optimizes and translates every function that it compiles, together with all that the function calls,
and does so again for each of its callers: three quarters of the time, and for functions that only kernels call, for
nothing. Here they are linked as they are into the kernel, which is optimized and translated once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped, unused-ignore]
from llvmlite.binding import Linkage  # type: ignore[import-untyped, unused-ignore]
from numba.core import event, ir, typed_passes, untyped_passes
from numba.core.codegen import CodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler, Flags

from sim.kernels.lower import Lowering

# What kernels call by its address, by name, and how to see to it that it is there.
finders: dict[str, Callable[[], None]] = {}

_SPEED = 1  # of -O0 to -O3: kernels run as fast as with more


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
            if function.is_declaration and function.name in finders:
                finders[function.name]()
        super()._finalize_final_module()

    def _optimize_functions(self, ll_module: Any) -> None:
        """Tidy up functions, so that little is linked; the rest is done for all at once."""
        ll_module.data_layout = self._codegen._data_layout
        passes, builder = llvm.create_new_function_pass_manager(), self._pass_builder()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        for function in ll_module.functions:
            if not function.is_declaration:
                passes.run(function, builder)

    def _optimize_final_module(self) -> None:
        """Optimize all at once. Nobody else calls a kernel's parts: what they do not need is not passed to them.

        They get names of their own, as LLVM's compiler looks a function that others may see up among all by its name.
        """
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr and not function.is_declaration:
                function.linkage = "internal"
                function.name = f"{self.name}.{function.name}"
        builder = self._pass_builder()
        passes = builder.getModulePassManager()
        passes.add_refprune_pass()
        passes.run(self._final_module, builder)

    def _pass_builder(self, vectors: bool = False) -> Any:
        """What makes passes. No loop is unrolled: most have few turns, and code of twice the size is not faster."""
        options = llvm.create_pipeline_tuning_options(_SPEED + vectors)
        options.loop_unrolling = options.loop_vectorization = vectors
        options.slp_vectorization = False
        return llvm.create_pass_builder(self._codegen._tm, options)

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


class _VectorLibrary(_Library):
    """The code of loops of which LLVM is to make vectors: it does so before they are linked."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Optimize them as a kernel would be, and their loops, too."""
        ll_module.data_layout = self._codegen._data_layout
        builder = self._pass_builder(vectors=True)
        builder.getModulePassManager().run(ll_module, builder)


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


class WholeCompiler(Compiler):  # type: ignore[misc]
    """Numba's, with such a library and such flags."""

    library = _Library

    def _compile_core(self) -> object:
        self.state.flags = _Flags(self.state.flags)
        return super()._compile_core()

    def define_pipelines(self) -> list[object]:
        """The passes of a compilation."""
        library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        library.enable_object_caching()
        self.state.library = library
        managers = super().define_pipelines()
        for manager in managers:
            manager.passes = [
                (Lowering if what is typed_passes.NativeLowering else what, why)
                for what, why in manager.passes
                if what not in _NOT_NEEDED
            ]
        return managers


class DisjointCompiler(WholeCompiler):
    """The same, for what is called with arrays of which none overlaps another, which LLVM has to know to keep sums in
    registers."""

    def _compile_core(self) -> object:
        self.state.flags.noalias = True
        return super()._compile_core()


class VectorCompiler(DisjointCompiler):
    """The same, for loops of which LLVM is to make vectors."""

    library = _VectorLibrary


_VARIABLE, _STATEMENT, _SEVERAL, _OTHER = range(4)
_KINDS = (ir.Var,), (ir.Inst,), (list, tuple, dict), (object,)


@functools.cache
def _kind_of(what: Any) -> int:
    """What a part of a statement is."""
    return next(kind for kind, types in enumerate(_KINDS) if issubclass(what, types))


def _variables(statement: Any, parts: Any) -> list[Any]:
    """The variables in parts of a statement. Numba's own asks for the kind of each part in four ways."""
    out: list[Any] = []
    for part in parts.values() if isinstance(parts, dict) else parts:
        kind = _kind_of(type(part))  # type: ignore[arg-type]
        if kind == _VARIABLE:
            out.append(part)
        elif kind == _STATEMENT:
            out += part.list_vars()
        elif kind == _SEVERAL:
            out += _variables(statement, part)
    return out


def _nothing(*args: object, **details: object) -> None:
    """Tell nobody."""


@contextmanager
def shortcuts() -> Iterator[None]:
    """Meanwhile Numba finds variables faster, and does not tell of every lock that it takes if nobody listens."""
    changes: list[tuple[Any, str, Any]] = [(ir.Inst, "_rec_list_vars", _variables)]
    if not any(event._registered.values()):
        changes += [(event, "start_event", _nothing), (event, "end_event", _nothing)]
    before = [getattr(where, name) for where, name, _ in changes]
    for where, name, new in changes:
        setattr(where, name, new)
    try:
        yield
    finally:
        for (where, name, _), old in zip(changes, before, strict=True):
            setattr(where, name, old)
