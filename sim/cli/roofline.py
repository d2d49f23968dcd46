"""``tilenest roofline``: how fast networks could be on a machine, and how fast they are."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from sim.cli import inputs
from sim.cli.run import names

if TYPE_CHECKING:
    from sim.arch.tree import Architecture
    from sim.report.roofline import Point


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "roofline",
        help="how fast networks could be by arithmetic and memory bandwidth, and how fast they are",
        description="Runs networks on a machine and compares their speed with its roofline: what its arithmetic and "
        "the bandwidth of its outer memory allow.",
        epilog="example: tilenest roofline --arch tpu_v1 --workload mlp0,lstm0,cnn0 --plot roofline.png",
    )
    inputs.add_arch(parser)
    parser.add_argument(
        "--workload", metavar="WORKLOADS", required=True, type=names, help="names or files, separated by commas"
    )
    inputs.add_sizes(parser)
    inputs.add_search(parser)
    inputs.add_json(parser)
    parser.add_argument("--plot", metavar="PATH", type=inputs.plot_path, help="draw the roofline: .png, .svg or .pdf")


def execute(args: argparse.Namespace) -> int:
    """Run all networks, then print and write what was asked for.

    Raises:
        TilenestError: for a machine that says nothing of its bandwidth.
    """
    from sim.cli.output import show, targets_of
    from sim.report.roofline import Roof, roofline_json, roofline_table

    named = {"json": args.json, "plot": args.plot}
    targets = targets_of({what: path for what, path in named.items() if path and path != inputs.STANDARD_OUTPUT})
    arch = inputs.arch_of(args)
    _check(args, arch)
    roof, points = Roof.of(arch), _points(args, arch)
    if args.json == inputs.STANDARD_OUTPUT:
        print(roofline_json(roof, points), end="")
    else:
        show(roofline_table(roof, points))
    for what, target in targets.items():
        if what == "json":
            target.write(roofline_json(roof, points))
        else:
            from sim.report.roofline_plot import roofline_plot

            target.write(roofline_plot(roof, points, target.path.suffix[1:].lower()))
    return 0


def _check(args: argparse.Namespace, arch: Architecture) -> None:
    from sim.errors import TilenestError
    from sim.report.roofline import Roof

    if arch.crossbar:
        raise TilenestError(
            f"{arch.name} has no roofline: its weights are where they are used; `show` tells its peak"
        )
    if not args.workload:
        raise TilenestError("--workload names nothing")
    roof = Roof.of(arch)
    if math.isinf(roof.bandwidth):
        raise TilenestError(
            f"{arch.name} has no roofline, as {roof.memory} has no bandwidth: --set {roof.memory}.bandwidth=..."
        )


def _points(args: argparse.Namespace, arch: Architecture) -> list[Point]:
    """Where the networks lie."""
    from sim.api import run
    from sim.cli.output import progress
    from sim.report.roofline import point
    from sim.schema.workload import read_workload

    networks = [read_workload(name, args.batch, bind=dict(args.bind)) for name in args.workload]
    with progress(sum(map(len, networks)), mapper=args.mapper) as done:
        found = [run(arch, network, progress=done, **inputs.search_of(args)) for network in networks]
    return [point(result, network, arch) for result, network in zip(found, networks, strict=True)]
