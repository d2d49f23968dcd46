"""``tilenest show``: an architecture, a workload or a dataflow, for people."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from sim.cli.inputs import add_set, add_sizes

_FOR = {
    "set": ("arch_configs", "workloads"),
    "batch": ("workloads",),
    "bind": ("workloads",),
    "dataflow": ("arch_configs",),
    "energy": ("arch_configs",),
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "show",
        help="an architecture as a tree, a workload as a table, a dataflow explained",
        description="Show an architecture as a tree, a workload as a table, a dataflow as the loop nests it allows.",
    )
    parser.add_argument("thing", metavar="NAME_OR_FILE", help="an architecture, workload, ONNX model or dataflow")
    add_set(parser)
    add_sizes(parser)
    parser.add_argument("--dataflow", metavar="DATAFLOW", help="say whether the architecture can host it")
    parser.add_argument(
        "--energy", action="store_true", help="what every part of the architecture costs, and who says so"
    )


def execute(args: argparse.Namespace) -> int:
    """Show it.

    Raises:
        TilenestError: when there is no such thing, or an option is for something else.
    """
    from sim.errors import TilenestError
    from sim.schema.kind import KINDS, kind_of

    kind = kind_of(args.thing)
    for option, kinds in _FOR.items():
        if getattr(args, option) and kind not in kinds:
            raise TilenestError(f"--{option} does not apply to the {KINDS[kind]} {args.thing}")
    _SHOW[kind](args)
    return 0


def _architecture(args: argparse.Namespace) -> None:
    from sim.cli.output import show
    from sim.report.arch_tree import arch_tree, energy_table
    from sim.report.dataflow_page import hosts
    from sim.schema.architecture import read_architecture
    from sim.schema.dataflow import read_dataflow

    arch = read_architecture(args.thing, args.set)
    show(energy_table(arch) if args.energy else arch_tree(arch))
    if args.dataflow:
        flow = read_dataflow(args.dataflow)
        [(_, reason)] = hosts(flow, [arch])
        show(f"\nIt cannot host {flow.name}: {reason}." if reason else f"\nIt can host {flow.name}.")


def _workload(args: argparse.Namespace) -> None:
    from rich.text import Text

    from sim.cli.output import show
    from sim.report.fitting import Fitting
    from sim.report.workload_table import notes, workload_table
    from sim.schema.workload import read_workload

    network = read_workload(args.thing, args.batch, args.set, dict(args.bind))
    show(*map(Text, notes(network)), Fitting(workload_table(network), workload_table(network, compact=True)))


def _dataflow(args: argparse.Namespace) -> None:
    from sim.arch.library import names
    from sim.cli.output import show
    from sim.report.dataflow_page import dataflow_page, hosts
    from sim.schema.architecture import read_architecture
    from sim.schema.dataflow import read_dataflow

    flow = read_dataflow(args.thing)
    archs = [arch for name in names("arch_configs") if (arch := read_architecture(name)).mapped]
    able = [name for name, reason in hosts(flow, archs) if not reason]
    own = [arch.name for arch in archs if arch.dataflow == flow.name]
    show(*dataflow_page(flow), f"Shipped architectures that can host it: {', '.join(able) or 'none'}.")
    if own:
        show(f"It is what {', '.join(own)} {'does' if len(own) == 1 else 'do'} by default.")


_SHOW: dict[str, Callable[[argparse.Namespace], None]] = {
    "arch_configs": _architecture,
    "workloads": _workload,
    "dataflows": _dataflow,
}
