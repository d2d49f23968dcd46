"""A mapping drawn as the loop nest that it is, with the tile that every memory keeps, and what that costs."""

from __future__ import annotations

import math
from collections import Counter

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sim.arch.tree import Architecture, Fanout, Memory
from sim.mapping.counts import Counts
from sim.mapping.nest import Keep, Parallel
from sim.report.fitting import Fitting
from sim.report.quantities import count, energy, seconds, share, size
from sim.report.workload_table import dims_text
from sim.results import LayerResult
from sim.workload.layer import Layer, Rank, Tensor

_WINDOWS = {frozenset("PR"): "H", frozenset("QS"): "W"}
WORDS_NOTE = (
    "Fills enter from above, reads leave downward or are added to, updates are partial sums from below, drains leave "
    "upward. MACs/word: operations for every word read (of outputs: updated); other reuse is further inward.\n"
)
_PARTS = {
    "static": "clock and leakage",
    "waits": "for single buffers",
    "start": "fill and drain",
    "depth": "pipeline",
}


def nest_drawing(counts: Counts) -> tuple[RenderableType, ...]:
    """What the layer computes, and the nest, as wide as there is room."""
    what = Text(f"{statement(counts.layer)}   {dims_text(counts.layer)}")
    return Fitting(what), Fitting(nest_table(counts), nest_table(counts, compact=True))


def nest_table(counts: Counts, *, compact: bool = False) -> Table:
    """The nest: a line a loop, and a line for every tile that a memory keeps, with its shape and size.

    Args:
        compact: less room, and fewer digits.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=0 if compact else (0, 1), pad_edge=False)
    table.add_column("loop nest", overflow="fold", no_wrap=True)
    table.add_column("tile, or how a loop divides", overflow="fold")
    table.add_column("words", justify="right", no_wrap=True)
    table.add_column("room", overflow="fold")
    names, notes = _loop_names(counts), _loop_notes(counts)
    indent = " " if compact else "  "
    depth = loop = 0
    for position, item in enumerate(counts.mapping):
        if isinstance(item, Keep):
            for name in item.tensors:
                line = Text(f"{indent * depth}[{item.level}] keeps {name}", "cyan")
                table.add_row(line, *_tile_cells(counts, item.level, name, position, compact))
            continue
        text = f"for {names[loop]} in 0:{item.bound}"
        if isinstance(item, Parallel):
            line = Text(f"{indent * depth}parallel {text} on {item.fanout}.{item.axis}", "magenta")
        else:
            line = Text(indent * depth + text)
        table.add_row(line, Text(notes[loop], "dim"))
        depth, loop = depth + 1, loop + 1
    operands = " * ".join(t.name for t in counts.layer.tensors if t.role != "outputs")
    table.add_row(Text(f"{indent * depth}{counts.layer.outputs.name} += {operands}", "bold"))
    return table


def statement(layer: Layer) -> str:
    """What a layer computes, as a person would write it.

    >>> from sim.schema.workload import read_workload
    >>> statement(read_workload("alexnet")["conv1"])
    'outputs[n, m, p, q] += inputs[n, c, 4*p + r, 4*q + s] * weights[m, c, r, s]'
    """
    operands = [t for t in layer.tensors if t.role != "outputs"]
    return f"{_indexed(layer.outputs)} += {' * '.join(map(_indexed, operands))}"


def _indexed(tensor: Tensor) -> str:
    return f"{tensor.name}[{', '.join(str(rank).lower() for rank in tensor.ranks)}]"


def _loop_names(counts: Counts) -> list[str]:
    """A variable a loop: ``p``, or ``p1`` outside ``p0`` where the dimension has two."""
    left = Counter(loop.dim for loop in counts.mapping.loops)
    several = {dim for dim, loops in left.items() if loops > 1}
    names = []
    for loop in counts.mapping.loops:
        left[loop.dim] -= 1
        names.append(loop.dim.lower() + (str(left[loop.dim]) if loop.dim in several else ""))
    return names


def _loop_notes(counts: Counts) -> list[str]:
    """What is to be said about each loop: uneven pieces, and how much of an axis the loops over it take."""
    loops, sizes = counts.mapping.loops, counts.layer.sizes
    last = {(item.fanout, item.axis): i for i, item in enumerate(loops) if isinstance(item, Parallel)}
    seen: set[str] = set()
    notes = []
    for i, (loop, step) in enumerate(zip(loops, counts.mapping.steps(), strict=True)):
        parts = []
        if loop.dim not in seen and sizes[loop.dim] % step:
            parts.append(f"{loop.dim}: {pieces(sizes[loop.dim], step)}")
        seen.add(loop.dim)
        if isinstance(loop, Parallel) and last[loop.fanout, loop.axis] == i:
            parts.append(_taken(counts, loop))
        notes.append("; ".join(parts))
    return notes


def pieces(whole: int, step: int) -> str:
    """How a dimension falls into pieces that are not all equal.

    >>> pieces(27, 14), pieces(55, 7)
    ('27 = 14 + 13', '55 = 7 x 7 + 6')
    """
    full, rest = divmod(whole, step)
    return f"{whole} = {f'{full} x {step}' if full > 1 else step} + {rest}"


def _taken(counts: Counts, loop: Parallel) -> str:
    fanout = counts.arch[loop.fanout]
    assert isinstance(fanout, Fanout)
    bounds = [
        item.bound
        for item in counts.mapping.loops
        if isinstance(item, Parallel) and (item.fanout, item.axis) == (loop.fanout, loop.axis)
    ]
    product = f"{' x '.join(map(str, bounds))} = " if len(bounds) > 1 else ""
    return f"{product}{math.prod(bounds)} of {fanout.x if loop.axis == 'x' else fanout.y} {_axis(loop)}"


def _axis(loop: Parallel) -> str:
    return {"x": "columns", "y": "rows"}[loop.axis]


def _tile_cells(counts: Counts, level: str, name: str, position: int, compact: bool) -> tuple[str, ...]:
    """Shape and words of a tile, and what it takes of the memory."""
    memory, tensor = counts.arch[level], counts.layer.tensor(name)
    assert isinstance(memory, Memory)
    words = counts.tile(level, name)
    bits = words * tensor.bits
    twice = " (double-buffered)" if memory.room_per_tile == 2 else ""
    room = [] if compact else [size(bits)]
    if full := share(bits * memory.room_per_tile, memory.size_bits):
        room.append(f"{full} of {size(memory.size_bits)}{twice}")
    return (
        tile_shape(counts.layer, tensor, counts.mapping.tile(position, counts.layer.sizes)),
        count(words) if compact else f"{words:,}",
        ", ".join(room),
    )


def tile_shape(layer: Layer, tensor: Tensor, extents: dict[str, int]) -> str:
    """The indices of a tensor that loops of these bounds touch, rank by rank; ranks with one index are left out.

    A window over rows or columns of an input is called H or W.

    >>> from sim.schema.workload import read_workload
    >>> conv2 = read_workload("alexnet")["conv2"]
    >>> tile_shape(conv2, conv2.tensor("inputs"), conv2.sizes | {"G": 1, "C": 4, "P": 2})
    'C4 x H6 x W27'
    """
    parts = []
    for rank in tensor.ranks:
        touched = min(Rank(rank.terms).count(extents), rank.count(layer.sizes))
        if touched > 1:
            parts.append(f"{_rank_name(rank)}{touched}")
    return " x ".join(parts) or "one word"


def _rank_name(rank: Rank) -> str:
    return _WINDOWS.get(frozenset(rank.dims), "+".join(rank.dims))


def words_table(result: LayerResult, *, compact: bool = False) -> Table:
    """Words that every memory moves, and how many operations each word that it serves is good for.

    Args:
        compact: less room, and fewer digits.
    """
    table = Table(box=box.SIMPLE_HEAD, title="Words moved, all copies together", title_justify="left")
    table.padding, table.pad_edge = (0 if compact else (0, 1)), False
    for header in ("memory", "tensor", "fills", "reads", "updates", "drains", "MACs/word", "energy"):
        name = header in ("memory", "tensor")
        table.add_column(header, justify="left" if name else "right", overflow="fold", no_wrap=not name)
    for level, tensors in result.actions.items():
        for i, (tensor, a) in enumerate(tensors.items()):
            served = a.updates or a.reads
            moved = (a.fills, a.reads, a.updates, a.drains)
            table.add_row(
                "" if i else level,
                Text(tensor),
                *((count(n) if compact else f"{n:,}") if n else "-" for n in moved),
                count(round(result.macs / served, 1)) if served else "",
                energy(result.energy_by_tensor[level][tensor]),
                end_section=i == len(tensors) - 1,
            )
    return table


def cost_table(result: LayerResult, arch: Architecture) -> Table:
    """Energy and cycles of every part; the longest time decides, as the parts work side by side."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="What it costs", title_justify="left")
    for header in ("part", "energy", "share", "cycles", ""):
        table.add_column(header, justify="left" if header in ("part", "") else "right")
    for part, pj in result.energy_breakdown.items():
        busy, cycles = _busiest(part, result, arch)
        decides = "decides" if busy == result.bound_by else ""
        of = f"({busy.removeprefix(part + '.')})" if busy.startswith(f"{part}.") and cycles else ""
        table.add_row(
            part,
            energy(pj),
            share(pj, result.energy_pj),
            f"{cycles:,.0f}" if cycles else "-",
            " ".join(filter(None, (of, _PARTS.get(part), decides))),
        )
    for part in ("waits", "start", "depth"):
        if result.cycles[part]:
            table.add_row(part, "", "", f"+ {result.cycles[part]:,.0f}", _PARTS[part])
    return table


def _busiest(part: str, result: LayerResult, arch: Architecture) -> tuple[str, float]:
    """The entry of `LayerResult.cycles` for a part; for a fanout, of its busiest network."""
    if part == arch.compute.name:
        return "compute", result.cycles["compute"]
    mine = [(name, c) for name, c in result.cycles.items() if name == part or name.startswith(f"{part}.")]
    return max(mine, key=lambda entry: entry[1], default=(part, 0.0))


def verdict(result: LayerResult, arch: Architecture) -> str:
    """The layer in two sentences."""
    return (
        f"{count(result.macs)} MACs take {result.latency_cycles:,.0f} cycles = {seconds(result.latency_s)} at "
        f"{count(arch.clock_hz / 1e6)} MHz and {energy(result.energy_pj)}; {result.bound_by} decides. "
        f"{result.active_pes} of {arch.pes} PEs have work, and the array does "
        f"{share(result.utilization, 1)} of what it could."
    )
