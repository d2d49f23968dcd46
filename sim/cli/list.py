"""``tilenest list``: what ships with the program."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.arch.library import Kind

KINDS = ("archs", "workloads", "dataflows")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "list",
        help="name the architectures, workloads and dataflows that ship with tilenest",
        description="Names the architectures, workloads and dataflows that ship with tilenest.",
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


_FOLDERS: dict[str, Kind] = {"archs": "arch_configs", "workloads": "workloads", "dataflows": "dataflows"}


def _about(kind: str, name: str) -> str:
    """One line about a shipped file."""
    if kind == "archs":
        from sim.schema.architecture import read_architecture

        return read_architecture(name).summary
    if kind == "dataflows":
        from sim.schema.dataflow import read_dataflow

        return read_dataflow(name).title
    from sim.report.quantities import count, several
    from sim.schema.workload import read_workload

    network = read_workload(name)
    return f"{several(len(network), 'layer')}, {count(network.macs)} MACs, {count(network.weight_words)} weights"
