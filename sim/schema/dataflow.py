"""Dataflow files: their shape, and how they become a `sim.mapping.dataflow.Dataflow`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from sim.arch.library import find
from sim.errors import nearest
from sim.mapping.dataflow import LETTERS, Dataflow, Spread
from sim.schema.source import read
from sim.schema.validate import Names, Strict, reject, validate
from sim.workload.layer import Role


def _check_letters(names: list[str]) -> list[str]:
    for name in names:
        if name not in LETTERS:
            raise reject(f"'{name}' is no dimension", f"one of {', '.join(LETTERS)}", nearest(name, LETTERS))
    return names


_LETTER = {"enum": list(LETTERS)}
_LETTER_OR_LIST = {"anyOf": [_LETTER, {"type": "array", "items": _LETTER}]}
Letters = Annotated[Names, AfterValidator(_check_letters), WithJsonSchema(_LETTER_OR_LIST)]


class AxisText(Strict):
    """What may be spread over an axis of the array."""

    whole: Letters = Field([], description="dimensions that must be spread over it, as far as it reaches")
    spread: Letters = Field([], description="dimensions that may be spread over it")


class ArrayText(Strict):
    """What may be spread over the innermost fanout."""

    x: AxisText | None = Field(None, description="over its columns")
    y: AxisText | None = Field(None, description="over its rows")
    any: AxisText | None = Field(None, description="over rows and columns alike")


class PeText(Strict):
    """What happens inside a PE."""

    keeps: list[Role] | None = Field(
        None, description="roles that a memory inside the PE must keep; others are not kept there"
    )
    loops: Letters | None = Field(None, description="dimensions that loops inside the PE's tiles may be over")
    whole: Letters = Field([], description="dimensions that are looped inside the PE alone")


class DataflowText(Strict):
    """A dataflow."""

    name: str = Field(min_length=1, description="name of the dataflow")
    title: str = Field("", description="what people call it")
    prose: str = Field("", description="what it does and what it is good for")
    source: str = Field("", description="where it is described")
    array: ArrayText | None = Field(None, description="what may be spread over the array; by default everything")
    pe: PeText | None = Field(None, description="what happens inside a PE; by default anything")
    inner: Letters = Field(
        [], description="dimensions whose loops in time, outside the PE's tiles, stand inside all others"
    )


def lower(text: DataflowText) -> Dataflow:
    """The dataflow that a file describes."""
    flow = Dataflow(text.name, text.title, text.prose, text.source, inner=tuple(text.inner))
    if text.array is not None:
        axes: tuple[tuple[Literal["x", "y", "any"], AxisText | None], ...] = (
            ("x", text.array.x),
            ("y", text.array.y),
            ("any", text.array.any),
        )
        spread = (Spread(name, (*axis.whole, *axis.spread), tuple(axis.whole)) for name, axis in axes if axis)
        flow = replace(flow, spread=tuple(spread))
    if text.pe is not None:
        flow = replace(
            flow,
            pe_keeps=None if text.pe.keeps is None else tuple(text.pe.keeps),
            pe_dims=None if text.pe.loops is None else (*text.pe.loops, *text.pe.whole),
            pe_whole=tuple(text.pe.whole),
        )
    return flow


def read_dataflow(path_or_name: str | FilePath) -> Dataflow:
    """The dataflow in a file, or the shipped one of this name.

    Raises:
        TilenestError: when there is no such file; a `ConfigError` with all mistakes in it.
    """
    return lower(validate(DataflowText, read(find("dataflows", path_or_name), kind="dataflows")))
