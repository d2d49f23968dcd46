"""``tilenest trace``: what every PE of a systolic array holds, cycle by cycle."""

from __future__ import annotations

import argparse

from sim.cli import inputs


def cycles(text: str) -> tuple[int, int]:
    """``FIRST-LAST``, or one cycle."""
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form 10-20 or 10")
    if dash and int(first) > int(last):
        raise argparse.ArgumentTypeError(f"{first} comes after {last}")
    return int(first), int(last) if dash else int(first)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "trace",
        help="what every PE of a systolic array holds, cycle by cycle",
        description="Runs a layer on a systolic array register by register, with numbered words, and shows what "
        "every PE holds after every cycle. Of a layer in groups it is the first one.",
        epilog="example: tilenest trace --arch systolic_8x8_ws --layer tiny_gemm",
    )
    inputs.add_arch(parser)
    parser.add_argument(
        "--workload",
        metavar="WORKLOAD",
        help="where the layer is from, as for run (default: what the layer is called)",
    )
    inputs.add_sizes(parser)
    inputs.add_layer(parser)
    parser.add_argument("--cycles", metavar="FIRST-LAST", type=cycles, help="only these, e.g. 10-20 (default: all)")
    inputs.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Run it and show it.

    Raises:
        TilenestError: for a machine that is no systolic array, and a layer that is too large to watch.
    """
    from sim.cli.output import Target
    from sim.errors import TilenestError
    from sim.report.systolic_trace import trace

    to_file = args.json is not None and args.json != inputs.STANDARD_OUTPUT
    target = Target.of(args.json) if to_file else None
    args.workload = args.workload or args.layer
    arch, network = inputs.arch_of(args), inputs.network_of(args)
    if arch.systolic is None:
        raise TilenestError(f"{arch.name} is of class {arch.engine}; only systolic arrays can be watched")
    made = trace(inputs.layer_of(args, network), arch)
    first, last = args.cycles or (0, made.run.cycles - 1)
    if first >= made.run.cycles:
        raise TilenestError(f"{made.layer} takes cycles 0 to {made.run.cycles - 1} on {arch.name}, not {first}")
    if args.json is None:
        for line in made.lines(first, last):
            print(line)
    elif target is None:
        print(made.to_json(first, last), end="")
    else:
        target.write(made.to_json(first, last))
    return 0
