"""Kernels to LLVM's text, in a third of the instructions that Numba makes of them.

Numba copies an array's seven fields or more to memory and back for every index, asks whether the step of every loop
is negative, keeps six numbers about every call, and zeroes every variable after its last use. LLVM removes all that
later; to write, parse and remove it takes longer than the rest. Here the few things that kernels do most are written
as they end up. What is not known here is left to Numba.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir as llvm  # type: ignore[import-untyped, unused-ignore]
from numba.core import cgutils, ir, types
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering
from numba.core.types import BaseTuple, Optional, Type, unliteral  # type: ignore[attr-defined, unused-ignore]

from sim.kernels.lend import Lent, load_lent, load_lent_field
from sim.kernels.variables import LentArray, Parts, Variables

_INT64, _BITS = llvm.IntType(64), llvm.IntType(32)
_COMPARED = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
_WHOLE = {operator.add: "add", operator.sub: "sub", operator.mul: "mul"}
_FLOATING = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}
_CHOSEN: dict[object, str] = {max: ">", min: "<"}


class _Lower(Variables):
    """The text of one function."""

    def lower_block(self, block: Any) -> None:
        """Numba's notes, for every statement, what to say of an error in it."""
        self._cur_ir_block = block
        for statement in block.body:
            self.loc = statement.loc
            self.lower_inst(statement)

    def lower_inst(self, inst: Any) -> None:
        """Numba's writes every statement as text, in case somebody asks for it."""
        if isinstance(inst, ir.Del):
            self.delvar(inst.value)
        elif isinstance(inst, ir.Assign) and not isinstance(inst.value, ir.Arg):
            self.storevar(self.lower_assign(self.typeof(inst.target.name), inst), inst.target.name)
        elif not (isinstance(inst, ir.SetItem) and self._set_item(inst)):
            super().lower_inst(inst)

    # Expressions.

    def lower_expr(self, resty: Type, expr: Any) -> Any:
        """The value of an expression."""
        known = _KNOWN.get(expr.op)
        value = known(self, resty, expr) if known else None
        return super().lower_expr(resty, expr) if value is None else value

    def _operation(self, resty: Type, expr: Any) -> Any:
        """Sums, differences, products and comparisons of numbers."""
        function = expr.fn if expr.op == "binop" else expr.immutable_fn
        signature = self.fndesc.calltypes[expr]
        a, b = map(unliteral, signature.args)
        if unliteral(signature.return_type) != unliteral(resty) or a != b or a not in (types.int64, types.float64):
            return None
        names = _WHOLE if a == types.int64 else _FLOATING
        if function not in names and function not in _COMPARED:
            return None
        return self._number(function, a, self._cast(expr.lhs.name, a), self._cast(expr.rhs.name, b))

    def _number(self, function: Any, kind: Type, a: Any, b: Any) -> Any:
        if function in _COMPARED:
            if kind == types.int64:
                return self.builder.icmp_signed(_COMPARED[function], a, b)
            compare = self.builder.fcmp_unordered if function is operator.ne else self.builder.fcmp_ordered
            return compare(_COMPARED[function], a, b)
        if kind == types.int64:
            return getattr(self.builder, _WHOLE[function])(a, b, flags=("nsw",))
        return getattr(self.builder, _FLOATING[function])(a, b)

    def _tuple(self, resty: Any, expr: Any) -> Any:
        if self._is_owner(resty):
            return None
        values = [self._cast(item.name, kind) for item, kind in zip(expr.items, resty, strict=True)]
        return Parts(self.context.get_value_type(resty), values)

    # Loops over whole numbers: a pointer to the next number, the end, the step, a pointer to how many are left.

    def _begin_loop(self, resty: Type, expr: Any) -> Any:
        if self.typeof(expr.value.name) != types.range_state64_type:
            return None
        start, stop, step = self._parts(expr.value.name, 3)
        by = step.constant if isinstance(step, llvm.Constant) else 0
        if by not in (1, -1):
            return None
        count = self.builder.sub(stop, start) if by == 1 else self.builder.sub(start, stop)
        next_, left = (cgutils.alloca_once(self.builder, _INT64) for _ in range(2))
        self.builder.store(start, next_)
        self.builder.store(count, left)
        return Parts(self.context.get_value_type(resty), [next_, stop, step, left])

    def _next(self, resty: Type, expr: Any) -> Any:
        if self.typeof(expr.value.name) != types.range_iter64_type:
            return None
        next_, _, step, left = self._parts(expr.value.name, 4)
        count, value = self.builder.load(left), self.builder.load(next_)
        goes_on = self.builder.icmp_signed(">", count, _INT64(0))
        self.builder.store(self.builder.sub(count, _INT64(1), flags=("nsw",)), left)
        self.builder.store(self.builder.add(value, step), next_)
        return Parts(self.context.get_value_type(resty), [value, goes_on])

    def _first(self, resty: Type, expr: Any) -> Any:
        return self._of_pair(expr, 0)

    def _second(self, resty: Type, expr: Any) -> Any:
        return self._of_pair(expr, 1)

    def _of_pair(self, expr: Any, i: int) -> Any:
        value = self._blk_local_varmap.get(expr.value.name)
        return value.values[i] if isinstance(value, Parts) else None

    # Arrays.

    def _field(self, name: str, field: str) -> Any:
        """A field of an array; of shapes and strides, all of them."""
        kind: Any = self.typeof(name)
        i, value = self.context.data_model_manager[kind].get_field_position(field), self._blk_local_varmap.get(name)
        if isinstance(value, LentArray):
            take: Callable[..., Any] = value.load
        else:
            value = self.loadvar(name)
            take = lambda *at: self.builder.extract_value(value, at)  # noqa: E731
        return [take(i, axis) for axis in range(kind.ndim)] if field in ("shape", "strides") else take(i)

    def _attribute(self, resty: Type, expr: Any) -> Any:
        kind: Any = self.typeof(expr.value.name)
        if type(kind) is types.Array and expr.attr == "shape":
            return Parts(self.context.get_value_type(resty), self._field(expr.value.name, "shape"))
        if not isinstance(kind, Lent) or type(resty) is not types.Array:
            return None
        record, i = self.loadvar(expr.value.name), kind.owner.fields.index(expr.attr)
        return LentArray(
            None,
            lambda: load_lent(self.context, self.builder, kind, record, expr.attr),
            lambda *at: load_lent_field(self.builder, record, i, *at),
        )

    def _indices(self, index: str, kind: Type) -> list[tuple[Any, bool]] | None:
        """Whole numbers that an index consists of, each with whether it might be negative."""
        own = self.typeof(index)
        kinds = list(kind) if isinstance(kind, BaseTuple) else [kind]
        owns = list(own) if isinstance(own, BaseTuple) else [own]
        if any(unliteral(k) not in (types.int64, types.uint64) for k in kinds + owns):
            return None
        values = self._parts(index, len(kinds)) if isinstance(own, BaseTuple) else [self.loadvar(index)]
        return [(v, unliteral(k) == types.int64) for v, k in zip(values, kinds, strict=True)]

    def _place(self, array: str, indices: list[tuple[Any, bool]]) -> Any:
        """The address of what stands at these indices, of as many axes."""
        shape, address = self._field(array, "shape"), None
        for axis, (index, signed) in enumerate(indices):
            if signed and not isinstance(index, llvm.Constant):
                below = self.builder.icmp_signed("<", index, _INT64(0))
                index = self.builder.select(below, self.builder.add(index, shape[axis]), index)
            elif signed and index.constant < 0:
                index = self.builder.add(index, shape[axis])
            address = index if address is None else self.builder.add(self.builder.mul(address, shape[axis]), index)
        for length in shape[len(indices) :]:
            address = self.builder.mul(address, length)
        return self.builder.gep(self._field(array, "data"), [address])

    def _is_plain(self, array: Any, indices: list[tuple[Any, bool]] | None) -> bool:
        """Whether it is a plain array of numbers that is indexed by whole numbers only."""
        return (
            type(array) is types.Array
            and array.layout == "C"
            and array.aligned
            and array.dtype in (types.int64, types.float64)
            and indices is not None
            and 0 < len(indices) <= array.ndim
            and not self.context.enable_boundscheck
        )

    def _item(self, resty: Type, expr: Any) -> Any:
        kind: Any = self.typeof(expr.value.name)
        index = expr.index if expr.op == "getitem" else expr.index_var
        if isinstance(kind, BaseTuple) and index is not None and not self._is_owner(kind):
            at = getattr(self.typeof(index.name), "literal_value", None)
            return self._parts(expr.value.name, len(kind))[at] if isinstance(at, int) else None
        if type(kind) is not types.Array or index is None:
            return None
        indices = self._indices(index.name, self.fndesc.calltypes[expr].args[1])
        if not self._is_plain(kind, indices):
            return None
        assert indices is not None
        if len(indices) == kind.ndim:
            return self.builder.load(self._place(expr.value.name, indices)) if kind.dtype == resty else None
        return None if self._is_owner(resty) else self._row(resty, expr.value.name, indices)

    def _row(self, resty: Any, array: str, indices: list[tuple[Any, bool]]) -> Any:
        """A part of an array, as an array."""
        gone, items, kind = len(indices), None, self.context.get_value_type(resty)
        shape, strides = (self._field(array, f)[gone:] for f in ("shape", "strides"))
        for length in shape:
            items = length if items is None else self.builder.mul(items, length)
        fields = {
            "meminfo": self._field(array, "meminfo"),
            "parent": self._field(array, "parent"),
            "nitems": items,
            "itemsize": self._field(array, "itemsize"),
            "data": self._place(array, indices),
            "shape": self._put_together(Parts(llvm.ArrayType(_INT64, len(shape)), shape)),
            "strides": self._put_together(Parts(llvm.ArrayType(_INT64, len(shape)), strides)),
        }
        model = self.context.data_model_manager[resty]
        return Parts(kind, [fields[name] for name in sorted(fields, key=model.get_field_position)])

    def _unpack(self, resty: Any, expr: Any) -> Any:
        """As many numbers of an array as there are names for them."""
        array = expr.value.name
        if not self._is_plain(self.typeof(array), [(None, False)]) or self.typeof(array).ndim != 1:
            return None
        [length], data = self._field(array, "shape"), self._field(array, "data")
        with cgutils.if_unlikely(self.builder, self.builder.icmp_signed("!=", length, _INT64(expr.count))):
            self.return_exception(ValueError, loc=self.loc)
        places = [self.builder.gep(data, [_INT64(i)]) for i in range(expr.count)]
        return Parts(self.context.get_value_type(resty), [self.builder.load(place) for place in places])

    def _set_item(self, inst: Any) -> bool:
        """Write to an array; whether that is possible here."""
        kind: Any = self.typeof(inst.target.name)
        signature = self.fndesc.calltypes[inst]
        indices = self._indices(inst.index.name, signature.args[1]) if type(kind) is types.Array else None
        if not self._is_plain(kind, indices):
            return False
        assert indices is not None
        if len(indices) != kind.ndim or unliteral(signature.args[2]) not in (types.int64, types.float64):
            return False
        value = self._cast(inst.value.name, kind.dtype)
        self.builder.store(value, self._place(inst.target.name, indices))
        return True

    # Calls.

    def _call(self, resty: Type, expr: Any) -> Any:
        function: Any = self.typeof(expr.func.name)
        signature = self.fndesc.calltypes[expr]
        if expr.kws or expr.vararg or unliteral(signature.return_type) != unliteral(resty):
            return None
        if isinstance(function, types.Dispatcher):
            return self._call_part(function, signature, expr)
        if isinstance(function, types.Function):
            return self._built_in(function.typing_key, signature, [a.name for a in expr.args])
        return None

    def _call_part(self, function: Any, signature: Any, expr: Any) -> Any:
        """Call a part: what it raises is raised here, too."""
        compiled = function.dispatcher.overloads.get(signature.args)
        if compiled is None or len(expr.args) != len(signature.args):
            return None
        if isinstance(signature.return_type, Optional) or compiled.fndesc.restype != signature.return_type:
            return None
        convention = self.call_conv
        callee = self.context.declare_function(self.module, compiled.fndesc)
        self.context.add_linking_libs([compiled.library])
        given = [self._cast(a.name, kind) for a, kind in zip(expr.args, signature.args, strict=True)]
        passed = convention._get_arg_packer(signature.args).as_arguments(self.builder, given)
        kind = convention.get_return_type(signature.return_type).pointee
        slot = cgutils.alloca_once(self.builder, kind)
        raised = convention._get_excinfo_argument(self.builder.function)
        code = self.builder.call(callee, [slot, raised, *passed])
        with cgutils.if_unlikely(self.builder, self.builder.icmp_signed("!=", code, _BITS(0))):
            self.builder.ret(code)
        return self.context.get_returned_value(self.builder, signature.return_type, self.builder.load(slot))

    def _built_in(self, function: Any, signature: Any, args: list[str]) -> Any:
        """What Python has for numbers and arrays."""
        kinds = [unliteral(kind) for kind in signature.args]
        if function is bool and kinds == [types.boolean]:
            return self.loadvar(args[0])
        if function is bool and kinds == [types.int64]:
            return self.builder.icmp_signed("!=", self.loadvar(args[0]), _INT64(0))
        if function is len and len(args) == 1 and type(kinds[0]) is types.Array and kinds[0].ndim:
            return self._field(args[0], "shape")[0]
        if function is range and all(kind == types.int64 for kind in kinds):
            given = [self.loadvar(a) for a in args]
            start, stop = (_INT64(0), given[0]) if len(given) == 1 else given[:2]
            step = given[2] if len(given) == 3 else _INT64(1)
            return Parts(self.context.get_value_type(signature.return_type), [start, stop, step])
        if function in _CHOSEN and len(args) == 2 and signature.return_type in (types.int64, types.float64):
            kind = signature.return_type
            a, b = (self._cast(name, kind) for name in args)
            compare = self.builder.icmp_signed if kind == types.int64 else self.builder.fcmp_ordered
            return self.builder.select(compare(_CHOSEN[function], b, a), b, a)
        return None


_KNOWN: dict[str, Callable[[_Lower, Any, Any], Any]] = {
    "binop": _Lower._operation,
    "inplace_binop": _Lower._operation,
    "build_tuple": _Lower._tuple,
    "getiter": _Lower._begin_loop,
    "iternext": _Lower._next,
    "pair_first": _Lower._first,
    "pair_second": _Lower._second,
    "getitem": _Lower._item,
    "static_getitem": _Lower._item,
    "call": _Lower._call,
    "getattr": _Lower._attribute,
    "exhaust_iter": _Lower._unpack,
}


@register_pass(mutates_CFG=True, analysis_only=False)
class Lowering(NativeLowering):  # type: ignore[misc]
    """The pass that writes LLVM's text."""

    _name = "lean_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        """What writes that of a function."""
        return _Lower
