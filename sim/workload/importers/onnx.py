"""ONNX models: every operator becomes a layer, or is listed as skipped with the reason.

`onnx_file` reads the file, `onnx_mac` and `onnx_vector` know the operators, `onnx_graph` the tensors; here the graph
is walked. An operator is one of four things: ``mapped`` to a layer that multiplies and accumulates, a ``vector``
layer, a ``view`` (it moves nothing: reshapes, number formats, whatever depends on constants alone), or
``unsupported``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sim.errors import TilenestError, UnsupportedOp
from sim.workload.importers.onnx_file import Node, read_model
from sim.workload.importers.onnx_graph import Graph
from sim.workload.importers.onnx_mac import RULES as MAC_RULES
from sim.workload.importers.onnx_vector import RULES as VECTOR_RULES
from sim.workload.layer import Layer
from sim.workload.network import Network, Skipped

OPERATORS = MAC_RULES | VECTOR_RULES

Status = Literal["mapped", "vector", "view", "unsupported"]


def import_onnx(
    path: str | Path,
    *,
    batch: int | None = None,
    bind: Mapping[str, int] | None = None,
    float_bits: int = 16,
    strict: bool = False,
) -> Network:
    """The network of an ONNX file.

    Args:
        path: the file; external weights need not be there.
        batch: size of the first axis of the inputs; also replaces a fixed one.
        bind: sizes of the other open dimensions, by name (``<input>.<axis>`` for one without a name).
        float_bits: width that floating-point tensors get. The float32 of most files says how a network was stored,
            not how an accelerator computes it; integer tensors have the width of their type.
        strict: unsupported operators are an error instead of being listed in `Network.skipped`.

    Raises:
        TilenestError: when the file cannot be read or contradicts itself, or a dimension is left open.
        UnsupportedOp: for an unsupported operator, when `strict`.
    """
    model = read_model(path, batch, bind or {}, float_bits)
    graph = Graph(model, source=str(path))
    skipped: list[Skipped] = []
    for node in model.nodes:
        try:
            view = _place(graph, node)
        except UnsupportedOp as error:
            if strict:
                raise UnsupportedOp(f"{path}: {node.op} {node.name}: {error}") from None
            skipped.append(Skipped(node.name, node.op, f"unsupported: {error}"))
            graph.give_up(node)
        except TilenestError as error:
            raise TilenestError(f"{path}: {node.op} {node.name}: {error}") from None
        else:
            if view:
                skipped.append(Skipped(node.name, node.op, f"view: {view}"))
    return replace(graph.network(), skipped=tuple(skipped))


def _place(graph: Graph, node: Node) -> str | None:
    """Adds the layers of an operator, or says why it moves nothing."""
    if graph.is_static(node):
        return "depends on constants alone"
    if node.op not in OPERATORS:
        raise UnsupportedOp("no rule for this operator")
    return OPERATORS[node.op](graph, node)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """What became of one operator: a layer of this kind, or nothing."""

    name: str
    op: str
    status: Status
    detail: str


def summary(network: Network) -> tuple[SummaryRow, ...]:
    """One row for every layer of an imported network, then one for every operator that became none."""
    rows = []
    for layer in network:
        if isinstance(layer, Layer):
            detail = " ".join(f"{d}={bound}" for d, bound in layer.dims)
            rows.append(SummaryRow(layer.name, layer.kind, "mapped", detail))
        else:
            detail = f"fused into {layer.fused}" if layer.fused else f"{layer.output_words} words"
            rows.append(SummaryRow(layer.name, layer.kind, "vector", detail))
    for skip in network.skipped:
        status, _, reason = skip.reason.partition(": ")
        rows.append(SummaryRow(skip.name, skip.op, "view" if status == "view" else "unsupported", reason))
    return tuple(rows)
