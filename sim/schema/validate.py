"""Checks data against a pydantic model and says what is wrong in the words and at the place of the writer.

The field types for quantities live here too; they are strict: ``2`` is no energy and ``"3"`` no number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Tag, ValidationError, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from sim import units
from sim.errors import ConfigError, Problem, nearest, shown
from sim.schema.reference import spoken
from sim.schema.source import Source
from sim.schema.yaml12 import Node, Path
from sim.units import NUMBER_PATTERN, Dimension, Quantity, UnitError

M = TypeVar("M", bound=BaseModel)


class Strict(BaseModel):
    """Base of all models of files: no unknown keys, no conversions. Every field has a description."""

    # `defer_build`: of the many models of layers and nodes, only those that a file needs are prepared.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


def reject(message: str, expected: str = "", hint: str = "") -> PydanticCustomError:
    """An error for a validator to raise; its text reaches the reader as it is."""
    return PydanticCustomError("told", "{message}", {"message": message, "expected": expected, "hint": hint})


def one_kind(value: object, kinds: Iterable[str], what: str, example: str, article: str = "") -> object:
    """An entry that says what it is by having just one of the keys `kinds`, as it is.

    Args:
        what: what it is an entry of, e.g. ``a layer``.
        article: what stands before each kind where several are named.

    Raises:
        PydanticCustomError: when it has none of the keys, or several.
    """
    if not isinstance(value, dict):
        raise reject(f"{what} is keys and values", example)
    found = [kind for kind in kinds if kind in value]
    if len(found) > 1:
        raise reject(f"{what} is one thing, not {' and '.join(article + kind for kind in found)}")
    if not found:
        hint = next(filter(None, (nearest(key, kinds) for key in value)), "")
        raise reject(f"{what} must say what it is", f"one of the keys {', '.join(kinds)}, with its name", hint)
    return value


@dataclass(frozen=True, slots=True)
class UnitField:
    """Makes a field take a quantity of one of some dimensions.

    Attributes:
        result: what the field holds: ``value`` a float of the base unit, ``whole`` an int of it, ``quantity``.
        zero: whether zero makes sense.
        most: the largest number of base units; its inverse is the smallest, but for zero.
    """

    dimensions: tuple[Dimension, ...]
    result: Literal["value", "whole", "quantity"] = "value"
    zero: bool = True
    most: float = 1e30  # beyond it no machine lies, and products of several quantities stay finite

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        return self.json_schema()

    def json_schema(self) -> dict[str, Any]:
        """What the field takes, for an editor."""
        names = "|".join(unit.replace("u", "[uµ]") for d in self.dimensions for unit in d.units)
        pattern = rf"^\s*\+?{NUMBER_PATTERN}\s*({names})\s*$"
        return {"type": "string", "pattern": pattern, "examples": [d.example for d in self.dimensions]}

    def _read(self, value: object) -> Quantity | float:
        try:
            quantity = Quantity.read(value, *self.dimensions)
        except UnitError as error:
            raise reject(error.message, error.expected, error.hint) from None
        if quantity.exact < 0:
            raise reject(f"{value} is negative")
        if quantity.exact == 0 and not self.zero:
            raise reject(f"{value} is zero", "more than zero")
        if not 1 / Fraction(self.most) <= (quantity.exact or 1) <= self.most:
            base = quantity.dimension.base
            raise reject(f"{value} is out of range", f"{1 / self.most:g} to {self.most:g} {base}")
        if self.result == "quantity":
            return quantity
        if self.result == "value":
            return quantity.value
        if quantity.exact.denominator != 1:
            raise reject(f"{value} is not a whole number of {quantity.dimension.base}s")
        return quantity.exact.numerator


Data = Annotated[float, UnitField((units.DATA,), zero=False)]
Bits = Annotated[int, UnitField((units.DATA,), "whole", zero=False, most=1e9)]
Frequency = Annotated[float, UnitField((units.FREQUENCY,), zero=False)]
Energy = Annotated[float, UnitField((units.ENERGY,))]
Power = Annotated[float, UnitField((units.POWER,))]
Area = Annotated[float, UnitField((units.AREA,))]
Time = Annotated[float, UnitField((units.TIME,))]
Length = Annotated[float, UnitField((units.LENGTH,), zero=False)]
Resistance = Annotated[float, UnitField((units.RESISTANCE,))]
Voltage = Annotated[float, UnitField((units.VOLTAGE,), zero=False)]
Conductance = Annotated[float, UnitField((units.CONDUCTANCE,))]
Delay = Annotated[Quantity, UnitField((units.TIME, units.CYCLES), "quantity", most=1e12)]
Bandwidth = Annotated[Quantity, UnitField((units.DATA_RATE, units.DATA_PER_CYCLE), "quantity", zero=False)]

IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"


def _check_identifier(value: str) -> str:
    if not re.fullmatch(IDENTIFIER, value):
        raise reject(f"'{value}' is not a name", "letters, digits and _, not beginning with a digit")
    return value


def _check_scalar(value: object) -> object:
    if isinstance(value, dict | list):
        raise reject(f"{shown(value)} stands where one value is expected", "a number, text, true or false")
    return value


def _listed(value: object) -> object:
    if not isinstance(value, str | list):
        raise reject(f"{shown(value)} is neither a name nor a list of names")
    return [value] if isinstance(value, str) else value


Identifier = Annotated[
    str, AfterValidator(_check_identifier), WithJsonSchema({"type": "string", "pattern": f"^{IDENTIFIER}$"})
]
Free = Annotated[Any, AfterValidator(_check_scalar), WithJsonSchema({"type": ["number", "string", "boolean"]})]
_TEXT_OR_LIST = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
Names = Annotated[list[str], BeforeValidator(_listed), WithJsonSchema(_TEXT_OR_LIST)]


def validate(model: type[M], source: Source) -> M:
    """The data of a source as a model.

    Raises:
        ConfigError: with every mistake, in the order of the lines.
    """
    problems = list(_blanks(source, source.root))
    try:
        made = model.model_validate(source.data)
    except ValidationError as error:
        found = (_problem(model, source, e) for e in error.errors(include_url=False))
        problems += _joined(p for p in found if p is not None)
    if problems:
        raise ConfigError(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
    return made


def _joined(problems: Iterable[Problem]) -> list[Problem]:
    """One problem for a value that fits no branch of a union, where pydantic reports each branch."""
    expected: dict[Problem, list[str]] = {}
    for problem in problems:
        expected.setdefault(replace(problem, expected=""), []).append(problem.expected)
    return [replace(p, expected=" or ".join(dict.fromkeys(texts))) for p, texts in expected.items()]


def _blanks(source: Source, node: Node, path: Path = ()) -> Iterator[Problem]:
    """A key without a value is a slip; nothing that a person configures is null."""
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from _blanks(source, child, (*path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from _blanks(source, child, (*path, index))
    elif node.value is None:
        yield source.problem(path, f"{spoken(source.root, path) or 'the file'} has no value", at_key=True)


_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "literal_error": "{expected}",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "at least {min_length}",
    "string_too_short": "some text",
}


def _problem(model: type[BaseModel], source: Source, error: ErrorDetails) -> Problem | None:
    """One pydantic error in words, None where a blank value is reported already."""
    loc, kind, context = error["loc"], error["type"], error.get("ctx", {})
    path = _path(source.root, loc)
    if source.find(path).value is None:
        return None
    if kind == "missing":
        key = str(loc[-1])
        return source.problem(path, f"key '{key}' is missing", _description(model, loc))
    if kind == "extra_forbidden":
        key, keys = str(loc[-1]), list(_fields(_annotation(model, loc[:-1])))
        expected = f"one of {', '.join(keys)}"
        return source.problem(path, f"unknown key '{key}'", expected, nearest(key, keys), at_key=True)
    if kind == "told":
        return source.problem(path, **context, at_key="[key]" in loc)
    if kind == "value_error":
        return source.problem(path, str(context["error"]))
    value = error["input"]
    message = f"{spoken(source.root, path) or 'the file'} is {shown(value)}"
    expected = _EXPECTED[kind].format_map(context) if kind in _EXPECTED else error["msg"]
    hint = nearest(str(value), re.findall("'([^']*)'", expected)) if kind == "literal_error" else ""
    if kind == "string_type" and isinstance(value, int | float):
        hint = "put it in quotes"
    return source.problem(path, message, expected, hint)


def _path(root: Node, loc: tuple[int | str, ...]) -> Path:
    """The parts of a pydantic location that are in the data; the others name branches of the model."""
    node, path = root, []
    for part in loc:
        child = node.child(part)
        if child is not None:
            node = child
            path.append(part)
    return tuple(path)


def _description(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    owner = _annotation(model, loc[:-1])
    field = _fields(owner).get(str(loc[-1]))
    return (field.description or "") if field else ""


def _fields(annotation: object) -> dict[str, FieldInfo]:
    """The fields of a model by the key that a file uses, its own before the inherited ones."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return {}
    own = [name for name in annotation.__annotations__ if name in annotation.model_fields]
    fields = {name: annotation.model_fields[name] for name in (*own, *annotation.model_fields)}
    return {field.alias or name: field for name, field in fields.items()}


def _annotation(model: type[BaseModel], loc: tuple[int | str, ...]) -> object:
    """The type that the value at a pydantic location must have, None where the location is too odd to follow."""
    annotation: object = model
    for part in loc:
        annotation = _step(annotation, part)
    while get_origin(annotation) is Annotated or type(None) in get_args(annotation):
        annotation = get_args(annotation)[0]
    return annotation


def _step(annotation: object, part: int | str) -> object:
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _step(arguments[0], part)
    if get_origin(annotation) in (list, dict):
        return arguments[-1]
    if arguments:
        tagged = (a for a in arguments if any(isinstance(t, Tag) and t.tag == part for t in get_args(a)[1:]))
        return next(tagged, None) or _step(arguments[0], part)
    field = _fields(annotation).get(str(part))
    return field.annotation if field else None
