"""What commands take: the options that several of them share, and what those options mean.

Only the functions that read something import more than argparse, so that ``tilenest --help`` answers at once.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.arch.tree import Architecture
    from sim.engines.options import Options
    from sim.mapping.nest import Mapping
    from sim.workload.layer import Layer
    from sim.workload.network import Network

MAPPERS = ("optimal", "sampled")
EFFORT_NAMES = ("low", "normal", "high")
FORMS = ("png", "svg", "pdf")
STANDARD_OUTPUT = "-"


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or not (value := int(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return value


def seed(text: str) -> int:
    """A whole number of at most 32 bits, as the random numbers of the kernels take it."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 to 4294967295")
    return int(text)


def binding(text: str) -> tuple[str, int]:
    """``NAME=VALUE``, the value a whole number of at least 1."""
    name, _, value = text.partition("=")
    if not name.strip() or not value:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE, e.g. seq=128")
    return name.strip(), count(value.strip())


def path(text: str) -> str:
    """The name of a file to write."""
    if text in ("", STANDARD_OUTPUT):
        raise argparse.ArgumentTypeError(f"'{text}' is not the path of a file")
    return text


def json_path(text: str) -> str:
    """The name of a file to write, or ``-`` for standard output."""
    return text if text == STANDARD_OUTPUT else path(text)


def plot_path(text: str) -> str:
    """The name of a picture; its ending says the form."""
    if Path(text).suffix[1:].lower() not in FORMS:
        raise argparse.ArgumentTypeError(f"'{text}' does not end in .png, .svg or .pdf")
    return text


def add_set(parser: argparse.ArgumentParser) -> None:
    """``--set``."""
    parser.add_argument(
        "--set",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        help="change a value of the architecture, e.g. array.x=16 or glb.size=256KiB; may be repeated",
    )


def add_arch(parser: argparse.ArgumentParser) -> None:
    """``--arch`` and ``--set``."""
    parser.add_argument(
        "--arch", metavar="ARCH", required=True, help="a shipped architecture, a YAML file or SCALE-Sim's .cfg"
    )
    add_set(parser)


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """``--batch`` and ``--bind``."""
    parser.add_argument("--batch", metavar="N", type=count, help="samples that are computed together")
    parser.add_argument(
        "--bind",
        metavar="NAME=VALUE",
        type=binding,
        action="append",
        default=[],
        help="size of an open dimension of an ONNX model, or a parameter of a workload file; may be repeated",
    )


def add_layer(parser: argparse.ArgumentParser) -> None:
    """``--layer``."""
    parser.add_argument("--layer", metavar="LAYER", required=True, help="name of a layer of the workload")


def add_workload(parser: argparse.ArgumentParser) -> None:
    """``--workload``, ``--batch`` and ``--bind``."""
    parser.add_argument(
        "--workload",
        metavar="WORKLOAD",
        required=True,
        help="a shipped network, a YAML file, an ONNX model or a topology of SCALE-Sim (.csv)",
    )
    add_sizes(parser)


def add_mapping(parser: argparse.ArgumentParser) -> None:
    """``--mapping``."""
    parser.add_argument("--mapping", metavar="FILE", help="loop nests written by hand, by layer; others are found")


def add_search(parser: argparse.ArgumentParser, mapper: str = "sampled") -> None:
    """What decides which mapping is found: ``--dataflow``, what makes one good, and how to search."""
    parser.add_argument(
        "--dataflow", metavar="DATAFLOW", help="a shipped dataflow or a YAML file (default: the architecture's)"
    )
    parser.add_argument(
        "--objective",
        metavar="OBJECTIVE",
        default="edp",
        help="what makes a mapping good: energy, latency, edp (energy times latency, default), ed2p, dram (its "
        "traffic), or a product such as energy*latency^2",
    )
    parser.add_argument(
        "--limit",
        metavar="LIMIT",
        action="append",
        default=[],
        help="what a layer may take, e.g. 'latency<=5ms' or 'energy<=3mJ'; may be repeated",
    )
    parser.add_argument(
        "--mapper",
        choices=MAPPERS,
        default=mapper,
        help="sampled: a good mapping, by simulated annealing; optimal: the best one, proved, which takes longer "
        f"(default {mapper})",
    )
    parser.add_argument(
        "--budget",
        metavar="TIME",
        help="optimal: time that each layer may take, e.g. 2s (default: until it is proved)",
    )
    parser.add_argument("--effort", choices=EFFORT_NAMES, help="sampled: how hard to search (default normal)")
    parser.add_argument("--seed", metavar="N", type=seed, help="sampled: of the random numbers (default 0)")
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="search anew, although the same search was made before, and keep nothing",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument(
        "--json",
        metavar="PATH",
        type=json_path,
        nargs="?",
        const=STANDARD_OUTPUT,
        help="write all results as JSON; without a path or with - to standard output, instead of the table",
    )


def arch_of(args: argparse.Namespace) -> Architecture:
    """The architecture that is asked for, with its overrides."""
    from sim.schema.architecture import read_architecture

    return read_architecture(args.arch, args.set)


def network_of(args: argparse.Namespace) -> Network:
    """The network that is asked for, with its sizes."""
    from sim.schema.workload import read_workload

    return read_workload(args.workload, args.batch, bind=dict(args.bind))


def options_of(args: argparse.Namespace, arch: Architecture) -> Options:
    """How to search; the dataflow is the architecture's own where none is asked for.

    Raises:
        TilenestError: for a dataflow, an objective or a limit that there is not, and options that contradict.
    """
    from sim.engines.options import Options, strategy_of, within
    from sim.errors import TilenestError
    from sim.mapping.objective import Objective
    from sim.schema.dataflow import read_dataflow

    if not arch.mapped:
        what, see = (
            ("a systolic array", "`run`, `trace`") if arch.systolic else ("a machine of analog arrays", "`run`")
        )
        raise TilenestError(f"{arch.name} is {what}: its dataflow leaves no mapping to look for (see {see})")
    strategy = strategy_of(args.mapper, args.budget, args.effort, args.seed)
    objective = within(Objective.parse(args.objective), args.limit, arch.clock_hz)
    return Options(read_dataflow(args.dataflow or arch.dataflow), objective, strategy, not args.no_cache)


def layer_of(args: argparse.Namespace, network: Network) -> Layer:
    """The layer that is asked for, which must have a loop nest.

    Raises:
        TilenestError: for a layer that there is not, and one that multiplies nothing.
    """
    from sim.errors import TilenestError
    from sim.workload.layer import Layer

    layer = network[args.layer]
    if isinstance(layer, Layer):
        return layer
    others = ", ".join(each.name for each in network.mac_layers)
    raise TilenestError(f"layer {layer.name} multiplies nothing, so it has no loop nest; those that do: {others}")


def mappings_of(args: argparse.Namespace, network: Network) -> dict[str, Mapping]:
    """The hand-written mappings that are asked for, by layer; the one under ``""`` is for all layers.

    Raises:
        TilenestError: for a layer that the network does not have.
    """
    from sim.schema.mapping import read_mappings

    return read_mappings(args.mapping, [layer.name for layer in network.mac_layers]) if args.mapping else {}
