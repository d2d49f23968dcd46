"""``tilenest list``: what ships with the program."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.arch.library import Kind

KINDS = ("archs", "workloads", "models", "datasets", "dataflows")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "list",
        help="name the architectures, workloads, trained models, data sets and dataflows that ship with tilenest",
        description="Names what ships with tilenest: architectures, workloads, trained models, data sets, dataflows.",
    )
    parser.add_argument("kind", choices=KINDS, nargs="?", help="only these (default: all)")


def execute(args: argparse.Namespace) -> int:
    """Print a table for each kind."""
    from rich import box
    from rich.table import Table

    from sim.arch.library import names
    from sim.cli.output import show

    for i, kind in enumerate((args.kind,) if args.kind else KINDS):
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        table.add_column(kind, no_wrap=True)
        table.add_column("")
        for name in names(_FOLDERS[kind]):
            table.add_row(name, _about(kind, name))
        show(*([""] if i else []), table)
    return 0


_FOLDERS: dict[str, Kind] = {
    "archs": "arch_configs",
    "workloads": "workloads",
    "models": "workloads/models",
    "datasets": "workloads/datasets",
    "dataflows": "dataflows",
}


def _about(kind: str, name: str) -> str:
    """One line about a shipped file."""
    if kind == "archs":
        from sim.schema.architecture import read_architecture

        return read_architecture(name).summary
    if kind == "dataflows":
        from sim.schema.dataflow import read_dataflow

        return read_dataflow(name).title
    from sim.report.quantities import count, number, several

    if kind == "datasets":
        from sim.accuracy.data import read_dataset

        data = read_dataset(name)
        return f"{number(len(data.x))} samples {list(data.x.shape[1:])} of {data.y.max() + 1} classes"
    from sim.errors import TilenestError
    from sim.schema.workload import read_workload

    try:
        network = read_workload(name, 1 if kind == "models" else None)
    except TilenestError as error:  # without the package onnx
        return str(error)
    return f"{several(len(network), 'layer')}, {count(network.macs)} MACs, {count(network.weight_words)} weights"
