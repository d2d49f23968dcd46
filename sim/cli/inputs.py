"""What commands take: the options that several of them share, and what those options mean.

Only the functions that read something import more than argparse, so that ``tilenest --help`` answers at once.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.arch.tree import Architecture
    from sim.engines.options import Options
    from sim.mapping.nest import Mapping
    from sim.workload.network import Network

OBJECTIVES = ("energy", "latency", "edp")
EFFORT_NAMES = ("low", "normal", "high")


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
    parser.add_argument("--arch", metavar="ARCH", required=True, help="a shipped architecture or a YAML file")
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


def add_workload(parser: argparse.ArgumentParser) -> None:
    """``--workload``, ``--batch`` and ``--bind``."""
    parser.add_argument(
        "--workload", metavar="WORKLOAD", required=True, help="a shipped network, a YAML file or an ONNX model"
    )
    add_sizes(parser)


def add_search(parser: argparse.ArgumentParser) -> None:
    """What decides which mapping is taken: ``--dataflow``, ``--mapping`` and how to search."""
    parser.add_argument(
        "--dataflow", metavar="DATAFLOW", help="a shipped dataflow or a YAML file (default: the architecture's)"
    )
    parser.add_argument("--mapping", metavar="FILE", help="loop nests written by hand, by layer")
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="edp",
        help="what makes a mapping good; edp is energy times latency (default)",
    )
    parser.add_argument(
        "--effort", choices=EFFORT_NAMES, default="normal", help="how hard to search (default normal)"
    )
    parser.add_argument(
        "--seed", metavar="N", type=seed, default=0, help="of the search's random numbers (default 0)"
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
    """How to search; the dataflow is the architecture's own where none is asked for."""
    from dataclasses import replace

    from sim.engines.options import EFFORTS, Options
    from sim.schema.dataflow import read_dataflow

    effort = replace(EFFORTS[args.effort], seed=args.seed)
    return Options(read_dataflow(args.dataflow or arch.dataflow), args.objective, effort)


def mappings_of(args: argparse.Namespace, network: Network) -> dict[str, Mapping]:
    """The hand-written mappings that are asked for, by layer; the one under ``""`` is for all layers.

    Raises:
        TilenestError: for a layer that the network does not have.
    """
    from sim.schema.mapping import read_mappings

    return read_mappings(args.mapping, [layer.name for layer in network.mac_layers]) if args.mapping else {}
