"""Is arithmetic in configuration values right, and can no text make it hang or crash?"""

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.schema.expression import ExpressionError, evaluate
from sim.units import NUMBER, Quantity


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "2**100000",
        "(((9**99)**99)**99)",
        "2**0.5**-9999",
        "(-8)**0.5",
        "0**-1",
        "1e999*1e999",
        "(" * 400 + "1" + ")" * 400,
        "-" * 900 + "1",
        "2**" * 300 + "2",
        "1+" * 1000 + "1",
    ],
)
def test_nothing_makes_it_hang_or_overflow(text: str):
    with pytest.raises(ExpressionError):
        evaluate(text, lambda name: Quantity.read(name))


@given(st.text(alphabet="0123456789.+-*/%(), ${}abmin KiBpJ", max_size=40))
def test_no_text_does_worse_than_an_expression_error(text: str):
    with contextlib.suppress(ExpressionError):
        evaluate(text, lambda name: Quantity(Fraction(3), NUMBER))


@given(
    st.recursive(
        st.integers(0, 20).map(str),
        lambda e: st.tuples(e, st.sampled_from(["+", "-", "*", "//", "%"]), e).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        max_leaves=8,
    )
)
def test_it_computes_as_python_does(text: str):
    try:
        expected = eval(text)
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="division by zero"):
            evaluate(text, lambda name: Quantity.read(name))
        return
    assert evaluate(text, lambda name: Quantity.read(name)).exact == expected
