"""``tilenest nest``: the loop nest that runs a layer, drawn, with what it moves and costs."""

from __future__ import annotations

import argparse

from sim.cli import inputs


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "nest",
        help="the loop nest of one layer, drawn with the tiles that every memory keeps",
        description="Find the best loop nest for a layer, or take one written by hand, and draw it.",
        epilog="example: tilenest nest --arch eyeriss --workload alexnet --layer conv2",
    )
    inputs.add_arch(parser)
    inputs.add_workload(parser)
    inputs.add_layer(parser)
    inputs.add_search(parser)
    inputs.add_mapping(parser)


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
    from sim.report.nest_drawing import WORDS_NOTE, cost_table, nest_drawing, verdict, words_table
    from sim.schema.mapping import parse_item

    arch, network = inputs.arch_of(args), inputs.network_of(args)
    check_tensors(arch, network)
    layer = inputs.layer_of(args, network)
    options, by_hand = inputs.options_of(args, arch), inputs.mappings_of(args, network)
    given = by_hand.get(layer.name, by_hand.get(""))
    with progress(1, mapper=args.mapper) as done:
        result = engine_of(arch)(layer, arch, given, options)
        done(layer.name)
    counts = count_words(layer, arch, given or Mapping(tuple(map(parse_item, result.mapping))))
    how = f"the nest of {args.mapping}" if given else f"{options.dataflow.name}, best {options.objective} found"
    show(
        Text(f"{layer.name} of {network.name} on {arch.name}: {how}"),
        *nest_drawing(counts),
        Fitting(words_table(result), words_table(result, compact=True)),
        WORDS_NOTE,
        cost_table(result, arch),
        verdict(result, arch),
    )
    return 0
