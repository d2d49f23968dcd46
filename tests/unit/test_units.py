"""Do texts with units become the right numbers, and wrong ones a helpful error?"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import units
from sim.units import DATA, DIMENSIONS, ENERGY, LENGTH, Quantity, UnitError, parse


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("1 bit", units.DATA, 1),
        ("1 b", units.DATA, 1),
        ("1 B", units.DATA, 8),
        ("1 kB", units.DATA, 8_000),
        ("1 KiB", units.DATA, 8_192),
        ("108 KiB", units.DATA, 884_736),
        ("108KiB", units.DATA, 884_736),
        ("1 MB", units.DATA, 8_000_000),
        ("1 GiB", units.DATA, 8 * 2**30),
        ("2 kbit", units.DATA, 2_000),
        ("200 MHz", units.FREQUENCY, 2e8),
        ("1.2 nJ", units.ENERGY, 1_200),
        ("100 fJ", units.ENERGY, 0.1),
        (".5 pJ", units.ENERGY, 0.5),
        ("1e-3 J", units.ENERGY, 1e9),
        ("0.1 W", units.POWER, 100),
        ("3 uW", units.POWER, 0.003),
        ("3 µW", units.POWER, 0.003),
        ("2 mm2", units.AREA, 2_000_000),
        ("2 µm²", units.AREA, 2),
        ("15 ns", units.TIME, 1.5e-8),
        ("65 nm", units.LENGTH, 65),
        ("1 mm", units.LENGTH, 1_000_000),
        ("800 mV", units.VOLTAGE, 0.8),
        ("3.2 GB/s", units.DATA_RATE, 25_600_000_000),
        ("10 Gbit/s", units.DATA_RATE, 10_000_000_000),
        ("8 B/cycle", units.DATA_PER_CYCLE, 64),
        ("64 bit / cycle", units.DATA_PER_CYCLE, 64),
    ],
)
def test_what_a_quantity_means(text, dimension, value):
    assert parse(text, dimension) == value


def test_another_unit_on_request():
    assert parse("65 nm", LENGTH, "um") == 0.065
    assert Quantity.read("1 mm").to("nm") == 1_000_000


def test_decimals_are_exact_before_they_are_rounded_once():
    assert Quantity.read("0.1 kB").exact == 800
    assert Quantity.read("1.1 pJ").exact == Fraction(11, 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("200 MHz", "200 MHz is a frequency; an energy is expected, e.g. 2 pJ"),
        ("3", "3 has no unit; an energy is expected, e.g. 2 pJ"),
        (3, "3 has no unit; an energy is expected, e.g. 2 pJ"),
        (0.5, "0.5 has no unit; an energy is expected, e.g. 2 pJ"),
        (
            "2 pj",
            "unknown unit 'pj' in '2 pj'; expected an energy in J, mJ, uJ, nJ, pJ, fJ; did you mean 'pJ'?",
        ),
        ("much", "'much' is not a quantity; an energy is expected, e.g. 2 pJ"),
        ("", "'' is not a quantity; an energy is expected, e.g. 2 pJ"),
        ("nan pJ", "'nan pJ' is not a quantity; an energy is expected, e.g. 2 pJ"),
        (True, "true is not a quantity; an energy is expected, e.g. 2 pJ"),
        ([1], "a list is not a quantity; an energy is expected, e.g. 2 pJ"),
    ],
)
def test_what_is_said_about_a_wrong_energy(text, message):
    with pytest.raises(UnitError) as error:
        parse(text, ENERGY)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("64 KB", "write KiB for 1024 bytes or kB for 1000"),
        ("64 bytes", "write B"),
        ("64 kib", "did you mean 'KiB'?"),
        ("64 gb", "did you mean 'GB'?"),
    ],
)
def test_confused_units_of_data_get_a_hint(text, hint):
    with pytest.raises(UnitError) as error:
        parse(text, DATA)
    assert error.value.hint == hint


def test_a_huge_exponent_is_refused_rather_than_computed():
    with pytest.raises(UnitError):
        parse("1e999999999 B", DATA)


def test_either_of_two_dimensions_is_named_in_the_error():
    with pytest.raises(UnitError, match="3 GB is an amount of data; a data rate or data per cycle is expected"):
        Quantity.read("3 GB", units.DATA_RATE, units.DATA_PER_CYCLE)


def test_no_unit_belongs_to_two_dimensions():
    names = [unit for dimension in DIMENSIONS for unit in dimension.units]
    assert len(names) == len(set(names))


@given(st.sampled_from(DIMENSIONS), st.fractions(0, 10**12, max_denominator=1000), st.data())
def test_a_printed_quantity_is_read_back(dimension, number, data):
    unit = data.draw(st.sampled_from(sorted(dimension.units)))
    quantity = Quantity(number * dimension.units[unit], dimension)
    again = Quantity.read(str(quantity), dimension)
    assert again.value == quantity.value
    if quantity.exact.denominator == 1:
        assert again == quantity


@given(st.sampled_from(DIMENSIONS), st.integers(0, 10**15), st.data())
def test_whole_numbers_of_any_unit_are_exact(dimension, number, data):
    unit = data.draw(st.sampled_from(sorted(dimension.units)))
    assert Quantity.read(f"{number} {unit}").exact == number * dimension.units[unit]


@given(st.text())
def test_no_text_does_worse_than_a_unit_error(text):
    try:
        value = parse(text, DATA)
    except UnitError:
        return
    assert value == value
