"""Kernels that other kernels call by their address.

Numba puts all that a kernel calls into its machine code, and compiles it again for each kernel. What is large and
called seldom is compiled by itself instead, if need be by another process, and found when a kernel that calls it is
loaded. Its types are those of its annotations: whole numbers, numbers, and named tuples of arrays, which are lent.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import numba
from numba import float64, int64, void
from numba.core import config, types
from numba.core.types import Type

from sim.kernels.jit import cached, set_apart
from sim.kernels.lend import Lent

F = TypeVar("F", bound=Callable[..., object])


def apart(function: F) -> F:
    """A function that kernels call by its address, and that is compiled by itself."""
    if config.DISABLE_JIT:
        return function
    name = f"{function.__module__}.{function.__name__}"
    hints = typing.get_type_hints(function, include_extras=True)
    returned = hints.pop("return")
    signature = (void if returned is type(None) else _type_of(returned))(*map(_type_of, hints.values()))

    def load() -> int:
        with cached() as options:
            return numba.cfunc(signature, cache=True, **options)(function).address

    set_apart(name, function, load)
    return types.ExternalFunction(name, signature)  # type: ignore[return-value]


def types_of(kernel: Any) -> tuple[Type, ...]:
    """What a kernel is called with, by its annotations; named tuples are passed as they are."""
    hints = typing.get_type_hints(kernel.py_func, include_extras=True)
    del hints["return"]
    return tuple(_owner(h) if isinstance(h, type) and issubclass(h, tuple) else _field(h) for h in hints.values())


def _type_of(hint: Any) -> Type:
    if hint in (int, float):
        return int64 if hint is int else float64
    if issubclass(hint, tuple):
        return Lent(_owner(hint))
    raise TypeError(f"{hint}")


def _owner(record: Any) -> Type:
    """The type of a named tuple of arrays."""
    hints = typing.get_type_hints(record, include_extras=True)
    return types.NamedTuple([_field(hint) for hint in hints.values()], record)  # type: ignore[attr-defined]


def _field(hint: Any) -> Type:
    if typing.get_origin(hint) is not Annotated:
        return _type_of(hint)
    array, rank = typing.get_args(hint)
    dtype = numba.from_dtype(typing.get_args(typing.get_args(array)[1])[0])
    return types.Array(dtype, rank, "C")
