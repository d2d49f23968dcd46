"""Arithmetic in configuration values: ``${array.x} * 2``, ``min(${glb.size} / 4, 16 KiB)``.

A small recursive-descent parser computes while it reads; nothing is ever handed to Python's own `eval`. Numbers are
exact fractions, quantities keep their dimension, and every intermediate result is bounded, so no text takes long.

    sum      = product (("+" | "-") product)*
    product  = sign (("*" | "/" | "//" | "%") sign)*
    sign     = ("-" | "+") sign | power
    power    = operand ("**" sign)?
    operand  = number [unit] | "${" reference "}" | function "(" sum ("," sum)* ")" | "(" sum ")"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction

from sim.errors import UnplacedError, nearest
from sim.units import NUMBER, NUMBER_PATTERN, Quantity, UnitError

Lookup = Callable[[str], Quantity]

_LONGEST = 1000
_DEEPEST = 40
_MOST_BITS = 1000  # of a numerator or denominator; below the largest float, about 2**1024

_REFERENCE = re.compile(r"\$\{\s*(?P<reference>[^{}]*?)\s*\}")
_TOKEN = re.compile(
    rf"""\s*(?:
    {_REFERENCE.pattern}
    | (?P<number>{NUMBER_PATTERN})(?:\s*(?P<unit>[A-Za-zµμ][A-Za-z0-9²]*(?:/(?:s|cycle)\b)?))?
    | (?P<name>[A-Za-z_]\w*)
    | (?P<operator>\*\*|//|[-+*/%(),])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


class ExpressionError(UnplacedError):
    """An expression that cannot be computed."""


def is_expression(value: object) -> bool:
    """Whether a value is a text that refers to another value."""
    return isinstance(value, str) and "${" in value


def sole_reference(text: str) -> str | None:
    """The name, for a text that is one reference and nothing else."""
    match = _REFERENCE.fullmatch(text.strip())
    return match["reference"] if match else None


def references(text: str) -> list[str]:
    """The names that an expression refers to."""
    return [match["reference"] for match in _REFERENCE.finditer(text)]


def evaluate(text: str, lookup: Lookup) -> Quantity:
    """The value of an expression; `lookup` gives the values of its references.

    Raises:
        ExpressionError: when it cannot be read or computed, or is too large; also whatever `lookup` raises.

    >>> str(evaluate("2 * min(${a}, 3 KiB) - 1 B", lambda name: Quantity.read("4 KiB")))
    '49144 bit'
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"an expression of more than {_LONGEST} characters")
    return _Parser(text, lookup).run()


class _Parser:
    def __init__(self, text: str, lookup: Lookup) -> None:
        self.text = text
        self.lookup = lookup
        self.depth = 0
        self.token = self._scan(0)

    def run(self) -> Quantity:
        value = self._sum()
        if self.token.lastgroup != "end":
            raise self._unexpected("an operator")
        return value

    def _scan(self, start: int) -> re.Match[str]:
        match = _TOKEN.match(self.text, start)
        if match is None:
            rest = self.text[start:].lstrip()
            column = len(self.text) - len(rest)
            raise ExpressionError(f"'{rest[:1]}' is not part of an expression", offset=column)
        return match

    @property
    def _column(self) -> int:
        return self.token.end() - len(self.token[0].lstrip())

    def _unexpected(self, expected: str) -> ExpressionError:
        found = self.token[0].strip()
        message = f"unexpected '{found}' in '{self.text}'" if found else f"'{self.text}' ends too early"
        return ExpressionError(message, expected, offset=self._column)

    def _take(self, *operators: str) -> str:
        """The operator that comes next, if it is one of these, and steps over it."""
        operator = self.token["operator"]
        if operator not in operators:
            return ""
        self.token = self._scan(self.token.end())
        return str(operator)

    def _apply(self, operation: Callable[..., Quantity], column: int, *values: Quantity) -> Quantity:
        try:
            result = operation(*values)
        except ExpressionError as error:
            raise ExpressionError(error.message, error.expected, error.hint, column) from None
        except ZeroDivisionError:
            raise ExpressionError("division by zero", offset=column) from None
        if max(result.exact.numerator.bit_length(), result.exact.denominator.bit_length()) > _MOST_BITS:
            raise ExpressionError("a number too large to compute with", offset=column)
        return result

    def _chain(self, operand: Callable[[], Quantity], *operators: str) -> Quantity:
        value = operand()
        while True:
            column = self._column
            operator = self._take(*operators)
            if not operator:
                return value
            value = self._apply(_BINARY[operator], column, value, operand())

    def _sum(self) -> Quantity:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Quantity:
        return self._chain(self._sign, "*", "/", "//", "%")

    def _sign(self) -> Quantity:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ExpressionError("an expression nested too deep", offset=self._column)
        if self._take("-"):
            value = self._sign()
            value = Quantity(-value.exact, value.dimension)
        else:
            value = self._sign() if self._take("+") else self._power()
        self.depth -= 1
        return value

    def _power(self) -> Quantity:
        base = self._operand()
        column = self._column
        return self._apply(_to_the_power, column, base, self._sign()) if self._take("**") else base

    def _operand(self) -> Quantity:
        token, column = self.token, self._column
        if self._take("("):
            value = self._sum()
            self._close()
            return value
        if token.lastgroup in ("operator", "end"):
            raise self._unexpected("a number, a reference such as ${rows}, or a function")
        self.token = self._scan(token.end())
        if token["name"] is not None:
            return self._call(token["name"], column)
        try:
            return _number(token) if token["number"] is not None else self.lookup(token["reference"])
        except (UnitError, ExpressionError) as error:
            raise ExpressionError(error.message, error.expected, error.hint, column) from None

    def _call(self, name: str, column: int) -> Quantity:
        function = _FUNCTIONS.get(name)
        if function is None:
            hint = nearest(name, _FUNCTIONS) or f"to refer to a value write ${{{name}}}"
            raise ExpressionError(f"unknown function '{name}'", ", ".join(_FUNCTIONS), hint, column)
        if not self._take("("):
            raise self._unexpected(f"'(' after {name}")
        values = [self._sum()]
        while self._take(","):
            values.append(self._sum())
        self._close()
        if name in _ROUNDING and len(values) != 1:
            raise ExpressionError(f"{name} takes one value, not {len(values)}", offset=column)
        return self._apply(function, column, *values)

    def _close(self) -> None:
        if not self._take(")"):
            raise self._unexpected("')'")


def _number(token: re.Match[str]) -> Quantity:
    if token["unit"]:
        return Quantity.read(f"{token['number']} {token['unit']}")
    return Quantity(Fraction(token["number"]), NUMBER)


def _same(verb: str, *values: Quantity) -> None:
    for other in values[1:]:
        if other.dimension != values[0].dimension:
            raise ExpressionError(f"cannot {verb} {values[0].dimension.phrase} and {other.dimension.phrase}")


def _add(a: Quantity, b: Quantity) -> Quantity:
    _same("add", a, b)
    return Quantity(a.exact + b.exact, a.dimension)


def _subtract(a: Quantity, b: Quantity) -> Quantity:
    _same("subtract", a, b)
    return Quantity(a.exact - b.exact, a.dimension)


def _multiply(a: Quantity, b: Quantity) -> Quantity:
    if NUMBER not in (a.dimension, b.dimension):
        raise ExpressionError(f"cannot multiply {a.dimension.phrase} and {b.dimension.phrase}")
    return Quantity(a.exact * b.exact, b.dimension if a.dimension == NUMBER else a.dimension)


def _divide(a: Quantity, b: Quantity) -> Quantity:
    if b.dimension not in (NUMBER, a.dimension):
        raise ExpressionError(f"cannot divide {a.dimension.phrase} by {b.dimension.phrase}")
    return Quantity(a.exact / b.exact, NUMBER if b.dimension == a.dimension else a.dimension)


def _floor_divide(a: Quantity, b: Quantity) -> Quantity:
    _same("divide without remainder", a, b)
    return Quantity(Fraction(a.exact // b.exact), NUMBER)


def _remainder(a: Quantity, b: Quantity) -> Quantity:
    _same("take the remainder of", a, b)
    return Quantity(a.exact % b.exact, a.dimension)


def _to_the_power(a: Quantity, b: Quantity) -> Quantity:
    if a.dimension != NUMBER or b.dimension != NUMBER:
        raise ExpressionError("only a plain number can be raised to the power of a plain number")
    if b.exact.denominator == 1:
        bits = max(a.exact.numerator.bit_length(), a.exact.denominator.bit_length())
        if bits > 1 and bits * abs(b.exact) > 2 * _MOST_BITS:
            raise ExpressionError("a number too large to compute with")
        return Quantity(a.exact ** int(b.exact), NUMBER)
    if a.exact < 0:
        raise ExpressionError("a negative number has no fractional power")
    try:
        return Quantity(Fraction(float(a.exact) ** float(b.exact)), NUMBER)
    except OverflowError:
        raise ExpressionError("a number too large to compute with") from None


def _least(*values: Quantity) -> Quantity:
    _same("compare", *values)
    return min(values, key=lambda v: v.exact)


def _most(*values: Quantity) -> Quantity:
    _same("compare", *values)
    return max(values, key=lambda v: v.exact)


def _rounding(function: Callable[[Fraction], int]) -> Callable[[Quantity], Quantity]:
    def apply(value: Quantity) -> Quantity:
        if value.dimension != NUMBER:
            raise ExpressionError(f"cannot round {value.dimension.phrase}; divide it by a unit first")
        return Quantity(Fraction(function(value.exact)), NUMBER)

    return apply


_BINARY: dict[str, Callable[[Quantity, Quantity], Quantity]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _floor_divide,
    "%": _remainder,
}
_ROUNDING: dict[str, Callable[..., Quantity]] = {
    "ceil": _rounding(math.ceil),
    "floor": _rounding(math.floor),
    "round": _rounding(round),
}
_FUNCTIONS: dict[str, Callable[..., Quantity]] = {"min": _least, "max": _most, **_ROUNDING}
