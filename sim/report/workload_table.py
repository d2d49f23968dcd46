"""A network as a table: what each layer computes, and how much data it does it on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from rich import box
from rich.table import Table
from rich.text import Text

from sim.report.quantities import count, several
from sim.workload.layer import ROLES, Layer, VectorLayer
from sim.workload.network import Network

_MOST_REASONS = 20


def dims_text(layer: Layer) -> str:
    """Bounds and what is unusual about a layer's indices, in one line.

    >>> from sim.schema.workload import read_workload
    >>> dims_text(read_workload("alexnet")["conv1"])
    'N1 M96 C3 P55 Q55 R11 S11 stride 4'
    """
    parts = [f"{dim}{bound}" for dim, bound in layer.dims]
    ranks = [rank for t in layer.tensors for rank in t.ranks]
    windows = [rank for rank in ranks if len(rank.terms) == 2]
    strides = [rank.terms[0][1] for rank in windows]
    dilations = [rank.terms[1][1] for rank in windows]
    pads = [-rank.offset for rank in windows]
    for name, values, usual in (("stride", strides, 1), ("dilation", dilations, 1), ("pad", pads, 0)):
        if any(value != usual for value in values):
            same = len(set(values)) == 1
            parts.append(f"{name} {values[0]}" if same else f"{name} {'x'.join(map(str, values))}")
    others = [str(rank) for rank in ranks if len(rank.terms) > 2]
    return " ".join(parts + ([f"index {', '.join(others)}"] if others else []))


def workload_table(network: Network, *, compact: bool = False) -> Table:
    """One row a layer in the order of execution, and the totals; in less room if `compact`."""
    table = Table(box=box.SIMPLE_HEAD, padding=0 if compact else (0, 1), pad_edge=False, show_footer=True)
    footers = _totals(network)
    for header in ("layer", "kind", "dimensions", "MACs", "weights", "inputs", "outputs", "MACs/word"):
        text = header in ("layer", "kind", "dimensions")
        justify: Literal["left", "right"] = "left" if text else "right"
        table.add_column(header, footers.get(header, ""), justify=justify, overflow="fold", no_wrap=not text)
    for layer in network:
        if isinstance(layer, Layer):
            words = [_words(layer, role) for role in ("weights", "inputs", "outputs")]
            numbers = map(count, (layer.macs, *words, layer.macs / sum(words)))
            table.add_row(Text(layer.name), layer.kind, dims_text(layer), *numbers)
        elif layer.fused:
            table.add_row(Text(layer.name), layer.kind, Text(f"fused into {layer.fused}"), style="dim")
        else:
            what = f"vector layer, {count(layer.ops)} operations"
            sizes = ("", "", count(layer.input_words), count(layer.output_words))
            table.add_row(Text(layer.name), layer.kind, what, *sizes, style="dim")
    return table


def _words(layer: Layer, role: str) -> int:
    return sum(layer.words(t.name) for t in layer.tensors if t.role == role)


def _totals(network: Network) -> dict[str, str]:
    words = {role: sum(_words(layer, role) for layer in network.mac_layers) for role in ROLES}
    out = {"layer": "total", "kind": f"{len(network.mac_layers)} with MACs", "MACs": count(network.macs)}
    out |= {"weights": count(network.weight_words)}
    out |= {role: count(words[role]) for role in ("inputs", "outputs")}
    total = sum(words.values())
    return out | {"MACs/word": count(network.macs / total)} if total else out


def notes(network: Network) -> Iterator[str]:
    """What the table does not say: the source, vector layers and what an import left out."""
    yield f"{network.name}, batch {network.batch}"
    if network.source:
        yield f"source: {network.source}"
    vectors = [layer for layer in network if isinstance(layer, VectorLayer)]
    alone = [layer for layer in vectors if not layer.fused]
    if alone:
        moved = sum(layer.input_words + layer.output_words for layer in alone)
        verbs = ("multiply", "move", "their") if len(alone) > 1 else ("multiplies", "moves", "its")
        text = "{} {} nothing and {} {} words on {} own."
        yield text.format(several(len(alone), "vector layer"), *verbs[:2], count(moved), verbs[2])
    if len(alone) < len(vectors):
        fused = len(vectors) - len(alone)
        how = (
            "are fused: they work on words that pass by and cost"
            if fused > 1
            else "is fused: it works on words that pass by and costs"
        )
        yield f"{several(fused, 'vector layer')} {how} no traffic."
    if any(_takes_made_weights(network, layer) for layer in network.mac_layers):
        yield "Weights that another layer makes, as in attention, are not in the total of weights."
    reasons = Counter(f"{skip.op}: {skip.reason}" for skip in network.skipped)
    if reasons:
        yield f"{len(network.skipped)} operators of the model are no layers:"
        yield from (f"  {number} x {reason}" for reason, number in reasons.most_common(_MOST_REASONS))


def _takes_made_weights(network: Network, layer: Layer) -> bool:
    """Whether weights of a layer are made by another one."""
    made = {flow.tensor for flow in network.flows if flow.target == layer.name}
    return any(t.role == "weights" and t.name in made for t in layer.tensors)
