"""``tilenest nest``: the loop nest that runs a layer, drawn, with what it moves and costs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sim.cli.inputs import add_arch, add_search, add_workload, arch_of, mappings_of, network_of, options_of

if TYPE_CHECKING:
    from sim.workload.layer import Layer
    from sim.workload.network import Network


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "nest",
        help="the loop nest of one layer, drawn with the tiles that every memory keeps",
        description="Find the best loop nest for a layer, or take one written by hand, and draw it.",
        epilog="example: tilenest nest --arch eyeriss --workload alexnet --layer conv2",
    )
    add_arch(parser)
    add_workload(parser)
    parser.add_argument("--layer", metavar="LAYER", required=True, help="name of a layer of the workload")
    add_search(parser)


def execute(args: argparse.Namespace) -> int:
    """Draw it.

    Raises:
        TilenestError: for a layer that has no nest, or a mapping that the machine cannot run.
    """
    from rich.text import Text

    from sim.cli.output import progress, show
    from sim.engines.run import engine_of
    from sim.mapping.check import check_tensors
    from sim.mapping.counts import count_words
    from sim.mapping.nest import Mapping
    from sim.report.fitting import Fitting
    from sim.report.nest_drawing import WORDS_NOTE, cost_table, nest_table, statement, verdict, words_table
    from sim.report.workload_table import dims_text
    from sim.schema.mapping import parse_item

    arch, network = arch_of(args), network_of(args)
    check_tensors(arch, network)
    layer = _layer(network, args.layer)
    options, by_hand = options_of(args, arch), mappings_of(args, network)
    given = by_hand.get(layer.name, by_hand.get(""))
    with progress(1) as done:
        result = engine_of(arch)(layer, arch, given, options)
        done(layer.name)
    counts = count_words(layer, arch, given or Mapping(tuple(map(parse_item, result.mapping))))
    how = f"the nest of {args.mapping}" if given else f"{options.dataflow.name}, best {options.objective} found"
    show(
        Text(f"{layer.name} of {network.name} on {arch.name}: {how}"),
        Fitting(Text(f"{statement(layer)}   {dims_text(layer)}")),
        Fitting(nest_table(counts), nest_table(counts, compact=True)),
        Fitting(words_table(result), words_table(result, compact=True)),
        WORDS_NOTE,
        cost_table(result, arch),
        verdict(result, arch),
    )
    return 0


def _layer(network: Network, name: str) -> Layer:
    from sim.errors import TilenestError
    from sim.workload.layer import Layer

    layer = network[name]
    if isinstance(layer, Layer):
        return layer
    others = ", ".join(each.name for each in network.mac_layers)
    raise TilenestError(f"layer {name} multiplies nothing, so it has no loop nest; those that do: {others}")
