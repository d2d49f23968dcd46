"""Indices of tensors as a person writes them: ``P + 2*R - 1``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from sim.errors import shown
from sim.schema.validate import IDENTIFIER, reject
from sim.workload.layer import Rank

_TERM = re.compile(
    rf"""\s*(?P<sign>[+-])?\s*(?:
    (?P<dim>{IDENTIFIER})(?:\s*\*\s*(?P<after>\d{{1,9}}))?
    | (?P<before>\d{{1,9}})\s*\*\s*(?P<dim_>{IDENTIFIER})
    | (?P<number>\d{{1,9}})
    )\s*(?=[+-]|$)""",
    re.VERBOSE,
)


def read_index(text: object) -> Rank:
    """The rank that an index says, without an extent.

    Raises:
        PydanticCustomError: when it is not a sum of dimensions, each with a factor or none, and numbers.

    >>> read_index("P + 2*R - 1")
    Rank(terms=(('P', 1), ('R', 2)), offset=-1, extent=None)
    """
    terms: list[tuple[str, int]] = []
    offset, at = 0, 0
    while isinstance(text, str) and at < len(text):
        match = _TERM.match(text, at)
        if match is None or (at and not match["sign"]):
            break
        sign = -1 if match["sign"] == "-" else 1
        if match["number"]:
            offset += sign * int(match["number"])
        else:
            terms.append((match["dim"] or match["dim_"], sign * int(match["after"] or match["before"] or 1)))
        at = match.end()
    if not isinstance(text, str) or at < len(text) or not text.strip():
        raise reject(f"{shown(text)} is no index", "a sum of dimensions and numbers, e.g. P + 2*R - 1")
    return Rank(tuple(terms), offset)


Index = Annotated[Rank, PlainValidator(read_index), WithJsonSchema({"type": "string", "examples": ["P + 2*R - 1"]})]
"""A field that takes an index."""
