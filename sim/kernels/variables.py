"""The variables of a kernel as LLVM's values.

Numba gives a variable a place in memory if more than one block knows it, loads what was there before whatever is
written, in case an array has to be freed, and zeroes it after its last use. LLVM removes most of that.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

from llvmlite import ir as llvm  # type: ignore[import-untyped, unused-ignore]
from numba.core import cgutils, ir
from numba.core.analysis import compute_cfg_from_blocks, compute_use_defs, must_use_alloca
from numba.core.lowering import Lower
from numba.core.types import Type, unliteral  # type: ignore[attr-defined, unused-ignore]


class Parts:
    """A tuple, or the like, that may never have to be put together."""

    def __init__(self, kind: Any, values: list[Any]) -> None:
        self.kind = kind
        self.values = values


class LentArray(Parts):
    """An array in a named tuple that is lent, of which only those fields are loaded that are asked for."""

    def __init__(self, kind: Any, whole: Callable[[], Any], load: Callable[..., Any]) -> None:
        self.whole = whole
        self.load = functools.cache(load)
        self.kind = kind


class Variables(Lower):  # type: ignore[misc]
    """What is known of the variables of a function."""

    def _find_singly_assigned_variable(self) -> None:
        """Find variables that need no place in memory: Numba's are those that only one block knows.

        A variable that is assigned once, in a block that comes before all that use it, is its value.
        """
        uses = compute_use_defs(self.blocks)
        assigned = Counter(
            s.target.name for block in self.blocks.values() for s in block.body if isinstance(s, ir.Assign)
        )
        at = {name: offset for offset, names in uses.defmap.items() for name in names}
        once = {name for name in at if assigned[name] == 1} - must_use_alloca(self.blocks)
        within = compute_cfg_from_blocks(self.blocks).dominators()
        self._across: set[str] = set()
        for offset, names in uses.usemap.items():
            for name in names & once:
                if at[name] >= offset or at[name] not in within.get(offset, ()) or self._is_owner(self.typeof(name)):
                    once.discard(name)
                self._across.add(name)
        self._singly_assigned_vars = once
        self._blk_local_varmap: dict[str, Any] = {}

    def _is_owner(self, kind: Type) -> bool:
        return bool(self.context.enable_nrt) and self.context.data_model_manager[kind].contains_nrt_meminfo()

    def alloca_lltype(self, name: str, lltype: Any, datamodel: Any = None) -> Any:
        """Numba's asks LLVM for the size of each, for debuggers."""
        return cgutils.alloca_once(self.builder, lltype, name=name, zfill=False)

    def loadvar(self, name: str) -> Any:
        """The value of a variable."""
        value = self._blk_local_varmap.get(name)
        if isinstance(value, Parts):
            value = self._blk_local_varmap[name] = self._put_together(value)
        return super().loadvar(name) if value is None else value

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Set a variable."""
        if isinstance(value, Parts) and (name in self._across or name not in self._singly_assigned_vars):
            value = self._put_together(value)
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
            return
        if self._is_owner(self.typeof(name)):
            super().storevar(value, name, argidx)
        else:
            self.builder.store(value, self.getvar(name))

    def delvar(self, name: str) -> None:
        """Note that a variable is not used any more."""
        if self._is_owner(self.typeof(name)):
            self.loadvar(name) if name in self._blk_local_varmap else None
            super().delvar(name)
        elif name not in self._blk_local_varmap:
            self._singly_assigned_vars.discard(name)

    def _put_together(self, parts: Parts) -> Any:
        if isinstance(parts, LentArray):
            return parts.whole()
        whole = llvm.Constant(parts.kind, llvm.Undefined)
        for i, value in enumerate(parts.values):
            whole = self.builder.insert_value(whole, value, i)
        return whole

    def _parts(self, name: str, count: int) -> list[Any]:
        """The parts of a tuple."""
        value = self._blk_local_varmap.get(name)
        if isinstance(value, Parts):
            return value.values
        value = self.loadvar(name)
        return [self.builder.extract_value(value, i) for i in range(count)]

    def _cast(self, name: str, kind: Type) -> Any:
        """A variable's value as another type."""
        own = self.typeof(name)
        value = self.loadvar(name)
        return value if own == kind or unliteral(own) == kind else self.context.cast(self.builder, value, own, kind)
