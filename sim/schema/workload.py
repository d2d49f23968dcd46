"""Workload files: their shape, and how they become a `sim.workload.network.Network`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

from pydantic import Field

from sim.arch.library import find
from sim.errors import ConfigError, TilenestError, nearest
from sim.schema.blocks import INPUT, BlockText, expand
from sim.schema.layer_base import Count, FedError, PrecisionText, Site, with_formats
from sim.schema.layers import Entry
from sim.schema.source import Source, read
from sim.schema.validate import Free, Identifier, Strict, validate
from sim.schema.yaml12 import Node, Position
from sim.workload.build import NetworkBuilder
from sim.workload.layer import LayerError
from sim.workload.network import Network
from sim.workload.value import Formats, Value


class WorkloadText(Strict):
    """A network."""

    name: str = Field(min_length=1, description="name of the network")
    source: str = Field("", description="where the shapes come from: paper and table")
    batch: Count = Field(1, description="samples that are computed together (default 1)")
    parameters: dict[Identifier, Free] = Field({}, description="named values, used as ${name}")
    input: list[Count] | None = Field(
        None, min_length=1, description="shape of one sample: [C, H, W], or [sequence, features]"
    )
    precision: PrecisionText | None = Field(None, description="word widths of all layers (default 16 bit)")
    blocks: dict[Identifier, BlockText] = Field({}, description="layers that are used many times, by name")
    layers: list[Entry] = Field(min_length=1, description="layers in the order of execution")


def lower(text: WorkloadText, source: Source) -> Network:
    """The network that a file describes.

    Raises:
        ConfigError: at the first layer that does not fit those before it.
    """
    formats = with_formats(Formats(), text.precision, None, None)
    builder = NetworkBuilder(text.name, batch=text.batch, source=text.source, formats=formats)
    last = builder.input(*text.input) if text.input else None
    values: dict[str, Value] = {INPUT: last} if last else {}
    for index, entry in enumerate(text.layers):
        try:
            if entry.name in values:
                raise LayerError(f"layer {entry.name}: something before it has the same name")
            last = values[entry.name] = entry.lower(Site(builder, formats, values, last))
        except FedError as error:
            message = f"layer {entry.name}: {error.message}"
            problem = source.problem(("layers", index, "from"), message, error.expected, error.hint)
            raise ConfigError(problem) from None
        except LayerError as error:
            raise ConfigError(source.problem(("layers", index), str(error))) from None
    return builder.network()


def read_workload(
    path_or_name: str | FilePath,
    batch: int | None = None,
    sets: Sequence[str] = (),
    bind: Mapping[str, int] | None = None,
) -> Network:
    """The network in a YAML or ONNX file or one of SCALE-Sim's topologies (CSV), or the shipped one of this name.

    Args:
        path_or_name: a path, or a name that `tilenest list` shows.
        batch: samples that are computed together, instead of what the file says.
        sets: overrides such as ``conv1.M=64``; for YAML only.
        bind: values for the parameters of a YAML file, or for the open dimensions of an ONNX model.

    Raises:
        TilenestError: when there is no such file; a `ConfigError` with the mistakes in it.

    >>> read_workload("alexnet", batch=4)["conv1"].sizes["N"]
    4
    """
    path = find("workloads", path_or_name)
    if path.suffix == ".onnx":
        from sim.workload.importers.onnx import import_onnx

        if sets:
            raise TilenestError(f"{path}: an ONNX model has no values to set ({', '.join(sets)})")
        return import_onnx(path, batch=batch, bind=bind)

    def prepare(root: Node) -> Node:
        if batch is not None and isinstance(root.value, dict):
            root = replace(root, value={**root.value, "batch": Node(batch, Position(f"batch={batch}"))})
        return expand(_bound(root, bind or {}))

    if path.suffix == ".csv":
        from sim.workload.importers.scalesim_csv import import_scalesim

        if sets or bind:
            raise TilenestError(
                f"{path}: a topology of SCALE-Sim has no values to set ({', '.join([*sets, *(bind or {})])})"
            )
        return import_scalesim(path, batch)

    source = read(path, sets, "workloads", prepare)
    try:
        return lower(validate(WorkloadText, source), source)
    except ConfigError as error:
        # A mistake in a block shows once, however often the block is used.
        raise ConfigError(
            {(p.file, p.line, p.column, p.expected): p for p in error.problems[::-1]}.values()
        ) from None


def _bound(root: Node, bind: Mapping[str, int]) -> Node:
    """A document in which parameters have other values."""
    node = root.child("parameters")
    parameters = dict(node.value) if node and isinstance(node.value, dict) else {}
    for name, value in bind.items():
        at = Position(f"--bind {name}={value}")
        if name not in parameters:
            expected = f"one of {', '.join(parameters)}" if parameters else ""
            problem = at.problem(f"the workload has no parameter '{name}'", expected, nearest(name, parameters))
            raise ConfigError(problem)
        parameters[name] = replace(parameters[name], value=value, at=at)
    if not bind or not isinstance(root.value, dict):
        return root
    return replace(root, value={**root.value, "parameters": Node(parameters, root.at, root.at)})
