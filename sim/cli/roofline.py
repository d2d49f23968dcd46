"""``tilenest roofline``: how fast networks could be on a machine, and how fast they are."""

from __future__ import annotations

import argparse
import math

from sim.cli import inputs
from sim.cli.run import names


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
    from sim.api import run
    from sim.cli.output import progress, show, targets_of
    from sim.errors import TilenestError
    from sim.report.roofline import Roof, memory_of, point, roofline_json, roofline_table
    from sim.schema.workload import read_workload

    named = {"json": args.json, "plot": args.plot}
    targets = targets_of({what: path for what, path in named.items() if path and path != inputs.STANDARD_OUTPUT})
    arch = inputs.arch_of(args)
    if arch.crossbar:
        raise TilenestError(
            f"{arch.name} has no roofline: its weights are where they are used; `show` tells its peak"
        )
    roof = Roof.of(arch)
    if not args.workload:
        raise TilenestError("--workload names nothing")
    if math.isinf(roof.bandwidth):
        memory = memory_of(arch).name
        raise TilenestError(
            f"{arch.name} has no roofline, as {memory} has no bandwidth: --set {memory}.bandwidth=..."
        )
    networks = [read_workload(name, args.batch, bind=dict(args.bind)) for name in args.workload]
    points = []
    with progress(sum(map(len, networks))) as done:
        for network in networks:
            result = run(
                arch,
                network,
                dataflow=args.dataflow,
                objective=args.objective,
                limits=args.limit,
                mapper=args.mapper,
                budget=args.budget,
                effort=args.effort,
                seed=args.seed,
                cache=not args.no_cache,
                progress=done,
                command=args.line,
            )
            points.append(point(result, network, arch))
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
