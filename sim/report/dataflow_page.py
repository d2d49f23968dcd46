"""A dataflow on one page: its prose, and its constraints drawn as the loop nest that they allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.text import Text

from sim.arch.tree import Architecture
from sim.errors import MappingError
from sim.mapping.dataflow import LETTERS, Dataflow, check_host
from sim.report.fitting import Fitting
from sim.workload.layer import ROLES

_MEANING = {
    "N": "batch",
    "G": "groups",
    "M": "output channels",
    "C": "input channels",
    "P": "output rows",
    "Q": "output columns",
    "R": "filter rows",
    "S": "filter columns",
}
_AXES = {"y": "rows", "x": "columns"}


def dataflow_page(flow: Dataflow) -> list[RenderableType]:
    """Prose, to be broken into lines as the reader's terminal wants it, and the nest, which is not to be broken."""
    head = f"{flow.name}: {flow.title}" if flow.title else flow.name
    paragraphs = [" ".join(paragraph.split()) for paragraph in flow.prose.split("\n\n")]
    nest = Fitting(Text("\n".join(f"  {line}" for line in nest_lines(flow)) + "\n"))
    legend = f"In a convolution: {', '.join(f'{d} {_MEANING[d]}' for d in LETTERS)}.\n"
    prose = [Text(f"{part}\n") for part in (*paragraphs, flow.source and f"Source: {flow.source}.") if part]
    return [Text(f"{head}\n"), *prose, "The loop nests that it allows, outermost first:\n", nest, legend]


def nest_lines(flow: Dataflow) -> list[str]:
    """The nest, each line with a note on what it stands for."""
    rows = [("  " * depth + text, note) for depth, (text, note) in enumerate(_rows(flow))]
    width = max(len(text) for text, _ in rows)
    return [f"{text:{width}}   # {note}" if note else text for text, note in rows]


def _rows(flow: Dataflow) -> Iterator[tuple[str, str]]:
    """Lines and notes, each inside the one before."""
    outside = [d for d in LETTERS if d not in flow.inner and d not in flow.pe_whole]
    if outside:
        yield f"for {_listed(outside, 'or')} ...", "through the memories outside the array"
    if flow.inner:
        yield f"for {_listed(flow.inner, 'or')} ...", "innermost outside a PE: what they do not index stays"
    yield from _spread(flow)
    yield _kept(flow)
    if flow.pe_keeps != ():
        yield from _inside(flow)
    yield "multiply and add", ""


def _spread(flow: Dataflow) -> Iterator[tuple[str, str]]:
    if not flow.spread:
        yield "parallel for any dimension", "over the rows and columns of the array"
    for spread in flow.spread:
        where = _AXES.get(spread.axis, "rows and columns")
        may = [d for d in spread.dims if d not in spread.whole]
        if spread.whole:
            yield f"parallel for {_listed(spread.whole, 'and')}", f"over the {where}, as far as they reach"
        if may:
            rest = "what is left of the " if spread.whole else "the "
            yield f"parallel for {_listed(may, 'or')}", f"over {rest}{where}"


def _kept(flow: Dataflow) -> tuple[str, str]:
    if flow.pe_keeps is None:
        return "a PE keeps what it has memory for", ""
    if not flow.pe_keeps:
        return "a PE keeps nothing", "every operand comes from outside in every step"
    moving = [role for role in ROLES if role not in flow.pe_keeps]
    return f"a PE keeps {_listed(flow.pe_keeps, 'and')}", f"{_listed(moving, 'and')} stream past" if moving else ""


def _inside(flow: Dataflow) -> Iterator[tuple[str, str]]:
    if flow.pe_dims is None:
        yield "for any dimension ...", "inside a PE, as far as its memory reaches"
        return
    may = [d for d in flow.pe_dims if d not in flow.pe_whole]
    if flow.pe_whole:
        yield f"for {_listed(flow.pe_whole, 'and')} ...", "whole inside a PE"
    if may:
        yield f"for {_listed(may, 'or')} ...", "inside a PE, as far as its memory reaches"


def _listed(names: Iterable[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def hosts(flow: Dataflow, archs: Iterable[Architecture]) -> Iterator[tuple[str, str]]:
    """For every machine its name, and why it cannot host the dataflow, or nothing."""
    for arch in archs:
        try:
            check_host(flow, arch)
        except MappingError as error:
            reasons = str(error).partition("\n")[2].splitlines()
            yield arch.name, "; ".join(reason.strip().removeprefix("- ") for reason in reasons)
        else:
            yield arch.name, ""
