"""Quantities: ``108 KiB``, ``2 pJ`` and ``200 MHz`` become numbers once, where they are read.

Values are counted in one base unit per dimension (bits, pJ, mW, um2, Hz, s, nm, V, uS, ohm, bit/s, bit/cycle). Case
matters: ``b`` is a bit, ``B`` a byte of 8 bits; ``kB`` is 1000 bytes, ``KiB`` 1024 (IEC 80000-13). Arithmetic is
exact, and rounded once, to a float, at the end.

>>> parse("108 KiB", DATA), parse("1.2 nJ", ENERGY), parse("65 nm", LENGTH, "um")
(884736.0, 1200.0, 0.065)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from sim.errors import UnplacedError, nearest, shown


class UnitError(UnplacedError):
    """A text that is no quantity, or one of another dimension."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A kind of quantity.

    Attributes:
        phrase: its name with the article, for messages.
        base: the unit that values are counted in.
        example: a quantity of this kind as a person writes it.
        units: for every unit, how many base units it is.
    """

    phrase: str
    base: str
    example: str
    units: Mapping[str, Fraction] = field(compare=False, repr=False)


_EXPONENTS = {"T": 12, "G": 9, "M": 6, "k": 3, "": 0, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}


def _si(symbol: str, prefixes: str, base: str = "", of: int = 1) -> dict[str, Fraction]:
    """Units of `symbol` with SI prefixes (``1`` stands for none), in units of ``base + symbol``."""
    names = ["" if p == "1" else p for p in prefixes]
    return {p + symbol: of * Fraction(10) ** (_EXPONENTS[p] - _EXPONENTS[base]) for p in names}


_DATA = {
    "bit": Fraction(1),
    "b": Fraction(1),
    "B": Fraction(8),
    **_si("bit", "kMG"),
    **_si("B", "kMGT", of=8),
    **{f"{prefix}iB": Fraction(8 * 1024**power) for power, prefix in enumerate("KMGT", start=1)},
}

_LONG = {"min": 60, "h": 3600, "d": 86_400, "y": 31_557_600}  # a year of 365.25 days
_TIME = {**_si("s", "1munp"), **{unit: Fraction(seconds) for unit, seconds in _LONG.items()}}

NUMBER = Dimension("a plain number", "", "3", {})
DATA = Dimension("an amount of data", "bit", "64 bit", _DATA)
FREQUENCY = Dimension("a frequency", "Hz", "200 MHz", _si("Hz", "1kMGT"))
ENERGY = Dimension("an energy", "pJ", "2 pJ", _si("J", "1munpf", base="p"))
POWER = Dimension("a power", "mW", "0.1 mW", _si("W", "k1munp", base="m"))
AREA = Dimension("an area", "um2", "100 um2", {"um2": Fraction(1), "mm2": Fraction(10**6)})
TIME = Dimension("a time", "s", "10 ns", _TIME)
LENGTH = Dimension("a length", "nm", "65 nm", _si("m", "mun", base="n"))
CONDUCTANCE = Dimension("a conductance", "uS", "25 uS", _si("S", "1mun", base="u"))
RESISTANCE = Dimension("a resistance", "ohm", "2.5 ohm", _si("ohm", "Mk1m"))
VOLTAGE = Dimension("a voltage", "V", "1.0 V", _si("V", "1m"))
DATA_RATE = Dimension("a data rate", "bit/s", "3.2 GB/s", {f"{u}/s": f for u, f in _DATA.items()})
DATA_PER_CYCLE = Dimension("data per cycle", "bit/cycle", "64 bit/cycle", {f"{u}/cycle": f for u, f in _DATA.items()})
CYCLES = Dimension("a number of clock cycles", "cycle", "100 cycle", {"cycle": Fraction(1), "cycles": Fraction(1)})

DIMENSIONS = (
    DATA, FREQUENCY, ENERGY, POWER, AREA, TIME, LENGTH, VOLTAGE, CONDUCTANCE, RESISTANCE, DATA_RATE, DATA_PER_CYCLE,
    CYCLES,
)  # fmt: skip
_DIMENSION_OF = {unit: dimension for dimension in DIMENSIONS for unit in dimension.units}

# The lengths are bounded so that no text can make arithmetic slow.
NUMBER_PATTERN = r"(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?"
_QUANTITY = re.compile(rf"([+-]?{NUMBER_PATTERN})(?:\s*(\S.*))?")
_SPELLINGS = str.maketrans("µμ²", "uu2", " ")
_CONFUSED = {
    "KB": "write KiB for 1024 bytes or kB for 1000",
    "Kb": "write kbit for 1000 bits",
    "byte": "write B",
    "bytes": "write B",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of base units of a dimension.

    Attributes:
        exact: the number before rounding.
    """

    exact: Fraction
    dimension: Dimension

    @classmethod
    def read(cls, text: object, *dimensions: Dimension) -> Quantity:
        """The quantity that a text says, of one of these dimensions (of any, where none is named).

        Raises:
            UnitError: for a text that is no quantity, a bare number, an unknown unit or another dimension.
        """
        stripped = str(text).strip()
        wanted = _wanted(dimensions)
        match = _QUANTITY.fullmatch(stripped) if isinstance(text, str | int | float) else None
        if match is None:
            raise UnitError(f"{shown(text)} is not a quantity; {wanted}")
        number, unit = match[1], (match[2] or "").translate(_SPELLINGS)
        if not unit:
            raise UnitError(f"{stripped} has no unit; {wanted}")
        dimension = _DIMENSION_OF.get(unit)
        if dimension is None:
            raise _unknown_unit(stripped, unit, dimensions)
        if dimensions and dimension not in dimensions:
            raise UnitError(f"{stripped} is {dimension.phrase}; {wanted}")
        return cls(Fraction(number) * dimension.units[unit], dimension)

    @property
    def value(self) -> float:
        """The number of base units."""
        return float(self.exact)

    def to(self, unit: str) -> float:
        """The number of another unit of the same dimension."""
        return float(self.exact / self.dimension.units[unit])

    def __str__(self) -> str:
        number = self.exact.numerator if self.exact.denominator == 1 else self.value
        return f"{number} {self.dimension.base}".rstrip()


def parse(text: str | float, dimension: Dimension, unit: str = "") -> float:
    """What a text says, as a number of the dimension's base unit, or of `unit`.

    Raises:
        UnitError: see `Quantity.read`.

    >>> parse("200 MHz", ENERGY)
    Traceback (most recent call last):
    sim.units.UnitError: 200 MHz is a frequency; an energy is expected, e.g. 2 pJ
    """
    return Quantity.read(text, dimension).to(unit or dimension.base)


def _wanted(dimensions: tuple[Dimension, ...]) -> str:
    if not dimensions:
        return "a number with a unit is expected, e.g. 2 pJ"
    phrases = " or ".join(d.phrase for d in dimensions)
    examples = " or ".join(d.example for d in dimensions)
    return f"{phrases} is expected, e.g. {examples}"


def _unknown_unit(text: str, unit: str, dimensions: tuple[Dimension, ...]) -> UnitError:
    units = [u for d in dimensions or DIMENSIONS for u in d.units]
    same_letters = [u for u in units if u.lower() == unit.lower()]
    hint = _CONFUSED.get(unit) or (f"did you mean '{same_letters[0]}'?" if same_letters else nearest(unit, units))
    phrases = " or ".join(f"{d.phrase} in {', '.join(d.units)}" for d in dimensions)
    return UnitError(f"unknown unit '{unit}' in '{text}'", phrases, hint)
