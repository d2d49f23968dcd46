"""``tilenest run``: what a network costs on a machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli import inputs

if TYPE_CHECKING:
    from sim.arch.tree import Architecture
    from sim.cli.output import Target
    from sim.results import Result
    from sim.workload.network import Network


def names(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        help="energy, latency and utilization of a network on a machine, layer by layer",
        description="Computes energy, latency, utilization and the words moved at every memory, layer by layer.",
    )
    inputs.add_arch(parser)
    inputs.add_workload(parser)
    inputs.add_search(parser)
    inputs.add_mapping(parser)
    parser.add_argument("--layers", metavar="NAMES", type=names, help="only these, e.g. conv1,fc* (default: all)")
    parser.add_argument(
        "--fuse", action="store_true", help="run layers in a row tile by tile through a buffer where that is better"
    )
    parser.add_argument("-j", "--jobs", metavar="N", type=inputs.count, default=1, help="processes (default 1)")
    parser.add_argument(
        "--allow-unsupported", action="store_true", help="leave out operators of an ONNX model that are not known"
    )
    inputs.add_json(parser)
    parser.add_argument("--csv", metavar="PATH", type=inputs.path, help="write a row of numbers for every layer")
    parser.add_argument(
        "--plot", metavar="PATH", type=inputs.plot_path, help="draw the energy of every layer: .png, .svg, .pdf"
    )
    parser.add_argument(
        "--scalesim-reports", metavar="DIR", type=inputs.path, help="write SCALE-Sim's three reports into this folder"
    )
    parser.add_argument(
        "--breakdown",
        action="store_true",
        help="show where the array's cycles go instead (waits for weights, their shift, ...): machines like tpu_v1",
    )
    parser.add_argument("--quiet", action="store_true", help="print neither the table nor progress")


def execute(args: argparse.Namespace) -> int:
    """Run the network, then print and write what was asked for."""
    from sim.cli.output import progress, targets_of

    named = {"json": args.json, "csv": args.csv, "plot": args.plot}
    targets = targets_of({what: path for what, path in named.items() if path and path != inputs.STANDARD_OUTPUT})
    arch, network = inputs.arch_of(args), inputs.network_of(args)
    if args.breakdown:
        _check_breakdown(arch)
    reports = _reports(args.scalesim_reports, arch) if args.scalesim_reports else {}
    silent = args.quiet or args.json == inputs.STANDARD_OUTPUT
    if Path(args.workload).suffix == ".onnx" and not silent:
        _show_import(network)

    from sim.api import run

    chosen = network if args.layers is None else network.only(args.layers)
    with progress(None if args.fuse else len(chosen), args.quiet, args.mapper) as done:
        result = run(
            arch,
            network,
            mappings=args.mapping,
            layers=args.layers,
            fuse=args.fuse,
            jobs=args.jobs,
            allow_unsupported=args.allow_unsupported,
            progress=done,
            **inputs.search_of(args),
        )
    if args.json == inputs.STANDARD_OUTPUT:
        print(result.to_json(), end="")
    elif not args.quiet:
        _show(result, args.breakdown)
    for what, target in targets.items():
        target.write(_content(result, what, target.path))
    if reports:
        from sim.report.scalesim import scalesim_reports

        for name, text in scalesim_reports(result).items():
            reports[name].write(text)
    return 0


def _reports(folder: str, arch: Architecture) -> dict[str, Target]:
    """Where SCALE-Sim's reports go, by their names; the folder is made if there is none."""
    from sim.cli.output import OutputError, Target
    from sim.errors import TilenestError
    from sim.report.scalesim import FILES

    if arch.systolic is None or arch.systolic.timing != "scalesim":
        how = "--set systolic.timing=scalesim" if arch.systolic else "of systolic arrays alone"
        raise TilenestError(f"--scalesim-reports is for SCALE-Sim's timing, which {arch.name} has not ({how})")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    return {f"{file}.csv": Target.of(f"{folder}/{file}.csv") for file in FILES}


def _show_import(network: Network) -> None:
    from sim.cli.output import show
    from sim.report.import_table import import_table

    show(import_table(network), "")


def _check_breakdown(arch: Architecture) -> None:
    from sim.errors import TilenestError

    if not (arch.systolic and arch.homes):
        raise TilenestError(
            f"--breakdown is for systolic arrays whose inputs and outputs are at home on the chip (key `homes`), "
            f"such as tpu_v1; {arch.name} is not"
        )


def _show(result: Result, breakdown: bool) -> None:
    from sim.cli.output import console, show

    if breakdown:
        from sim.report.breakdown import breakdown_table

        show(breakdown_table(result))
        return
    from sim.report.table import result_table

    show(result_table(result, console()))


def _content(result: Result, what: str, path: Path) -> str | bytes:
    if what == "json":
        return result.to_json()
    if what == "csv":
        from sim.report.csv import result_csv

        return result_csv(result)
    from sim.report.energy_plot import energy_plot

    return energy_plot(result, path.suffix[1:].lower())
