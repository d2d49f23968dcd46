"""Named tuples of arrays that a kernel lends to its parts by their address.

By itself Numba passes a named tuple field by field, and an array as seven numbers or more: hundreds of arguments for
every call, which take longer to compile than what the functions do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir  # type: ignore[import-untyped, unused-ignore]
from numba.core import cgutils, config
from numba.core.cgutils import voidptr_t as voidptr
from numba.core.types import Array, Type, none
from numba.core.typing.templates import AttributeTemplate, Signature
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model

T = TypeVar("T")


class Lent(Type):
    """The address of a named tuple of type `owner`."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        super().__init__(f"lent {owner}")


@register_model(Lent)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, lent: Lent) -> None:
        super().__init__(manager, lent, manager.lookup(lent.owner).get_value_type().as_pointer())


@infer_getattr
class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = Lent

    def generic_resolve(self, lent: Lent, name: str) -> Type | None:
        """The type of a field."""
        fields = lent.owner.fields
        return lent.owner.types[fields.index(name)] if name in fields else None


def _constant(module: Any) -> Any:
    """Tells LLVM that nobody writes to what is lent, so that loops need not load it again."""
    zero, one = ir.Constant(ir.IntType(64), 0), ir.Constant(ir.IntType(64), 1)
    kind = module.add_metadata(["lent", module.add_metadata(["tilenest"]), zero])
    return module.add_metadata([kind, kind, zero, one])


def load_lent_field(builder: Any, address: Any, *field: int) -> Any:
    """Load a field of what is lent, or a field of that."""
    value = builder.load(cgutils.gep_inbounds(builder, address, 0, *field))
    value.set_metadata("tbaa", _constant(builder.module))
    return value


@lower_getattr_generic(Lent)
def load_lent(context: Any, builder: Any, lent: Lent, address: Any, name: str) -> Any:
    """Load a field of what is lent, by its name."""
    i = lent.owner.fields.index(name)
    field = load_lent_field(builder, address, i)
    if not isinstance(lent.owner.types[i], Array):
        return field
    owned = context.data_model_manager[lent.owner.types[i]].get_field_position("meminfo")
    return builder.insert_value(field, voidptr(None), owned)  # so no references to it are counted


def _lend(context: Any, owner: Type) -> tuple[Signature, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Signature, args: list[Any]) -> Any:
        slot = cgutils.alloca_once_value(builder, args[0])
        # An address out of nowhere: nothing that is loaded from it is loaded before it has been written.
        same = ir.FunctionType(slot.type, [slot.type])
        return builder.asm(same, "", "=r,0,~{memory}", [slot], side_effect=True)

    return Lent(owner)(owner), generate


def _hold(context: Any, owner: Type) -> tuple[Signature, Callable[..., Any]]:
    return none(owner), lambda context, builder, signature, args: context.get_dummy_value()


_LEND, _GIVE_BACK = intrinsic(_lend), intrinsic(_hold)


def lend(owner: T) -> T:
    """What a kernel passes to its parts instead of a named tuple; its fields stay what they are."""
    return owner


def give_back(owner: object) -> None:
    """No part uses what was lent any more: until then, arrays that the kernel has made are not freed."""


if not config.DISABLE_JIT:
    lend, give_back = _LEND, _GIVE_BACK
