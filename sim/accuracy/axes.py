"""What a study varies, and what it has to reach, as people write it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sim.errors import TilenestError, there_are
from sim.units import NUMBER_PATTERN

Settings = tuple[tuple[str, str], ...]
Least = Literal["energy", "latency", "area"]

LEAST: tuple[Least, ...] = ("energy", "latency", "area")

_MOST_VALUES = 1000
_MOST_CASES = 10_000
_RANGE = re.compile(rf"({NUMBER_PATTERN}):({NUMBER_PATTERN})(?::({NUMBER_PATTERN}))?(\s*[a-zA-Z]\S*)?")
_BUDGET = re.compile(rf"accuracy\s*>=\s*({NUMBER_PATTERN})\s*(%?)")


@dataclass(frozen=True, slots=True)
class Axis:
    """Values that some keys of a machine take together, one after another.

    >>> Axis.parse("noise.programming=0:0.1:0.05").values
    ('0.00', '0.05', '0.10')
    >>> Axis.parse("array.x,array.y=64,128")
    Axis(paths=('array.x', 'array.y'), values=('64', '128'))
    """

    paths: tuple[str, ...]
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Axis:
        """What ``PATH=FIRST:LAST:STEP UNIT`` or ``PATH=VALUE,VALUE`` says; several paths are separated by commas.

        Raises:
            TilenestError: for what does not read so, or means no values.
        """
        left, _, right = text.partition("=")
        paths = tuple(path.strip() for path in left.split(","))
        values = tuple(_values(text, right.strip()))
        if not all(paths) or not values:
            raise TilenestError(
                f"--vary '{text}' is not PATH=FIRST:LAST:STEP or PATH=VALUE,VALUE, e.g. noise.programming=0:0.1:0.02 "
                "or crossbar.adc.bits=4:8:1 bit"
            )
        return cls(paths, values)


def _values(text: str, right: str) -> Iterator[str]:
    match = _RANGE.fullmatch(right)
    if match is None:
        yield from filter(None, (value.strip() for value in right.split(",")))
        return
    first, last, step = Decimal(match[1]), Decimal(match[2]), Decimal(match[3] or 1)
    if step <= 0 or last < first or (last - first) / step >= _MOST_VALUES:
        raise TilenestError(
            f"--vary '{text}' means no values, or more than {_MOST_VALUES}: steps go up from the first to the last"
        )
    for number in range(int((last - first) / step) + 1):
        yield f"{first + number * step}{match[4] or ''}"


def combinations(axes: Sequence[Axis]) -> list[Settings]:
    """Settings for every combination of the values of several axes; the last axis changes first.

    Raises:
        TilenestError: when there are too many.
    """
    number = 1
    for axis in axes:
        number *= len(axis.values)
    if number > _MOST_CASES:
        raise TilenestError(f"{number:,} combinations of values are too many; {_MOST_CASES:,} are the most")
    columns = [[tuple((path, value) for path in axis.paths) for value in axis.values] for axis in axes]
    return [tuple(itertools.chain(*choice)) for choice in itertools.product(*columns)]


@dataclass(frozen=True, slots=True)
class Budget:
    """What is to be reached at least cost.

    Attributes:
        accuracy: the least that will do, from 0 to 1.
        least: what is to be as little as possible.

    >>> Budget.parse("accuracy >= 88%", "energy")
    Budget(accuracy=0.88, least='energy')
    """

    accuracy: float
    least: Least

    @classmethod
    def parse(cls, text: str, least: str) -> Budget:
        """What ``accuracy >= 88%`` and the name of a cost say.

        Raises:
            TilenestError: for what does not read so.
        """
        match = _BUDGET.fullmatch(text.strip())
        accuracy = float(match[1]) / (100 if match[2] else 1) if match else 2.0
        if accuracy > 1:
            raise TilenestError(f"--budget '{text}' is not an accuracy to be reached, e.g. 'accuracy >= 88%'")
        for known in LEAST:
            if least == known:
                return cls(accuracy, known)
        raise TilenestError(f"--least '{least}' is no cost; {there_are(LEAST, least)}")
