"""``tilenest map``: the best mapping of a layer with its proof, what else there is, and the energy-latency front."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from sim.cli import inputs

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sim.arch.tree import Architecture
    from sim.engines.options import Options
    from sim.mapping.alternatives import Alternative
    from sim.mapping.found import Found
    from sim.mapping.mapper import Finder
    from sim.report.map_report import MapReport
    from sim.workload.layer import Layer

FRONTS = ("energy,latency",)
_STEP = 0.01

_T = TypeVar("_T")


def percent(text: str) -> float:
    """A share from ``0%`` to below ``100%``."""
    number = text.removesuffix("%").strip()
    if number == text or not number.replace(".", "", 1).isdecimal() or float(number) >= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage below 100, e.g. 1%")
    return float(number) / 100


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "map",
        help="the best mapping of one layer with its proof, what else there is, and the energy-latency front",
        description="Find the best loop nest for a layer, prove it, and say what it costs.",
        epilog="example: tilenest map --arch eyeriss --workload alexnet --layer conv3 --explain",
    )
    inputs.add_arch(parser)
    inputs.add_workload(parser)
    inputs.add_layer(parser)
    inputs.add_search(parser)
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--explain", action="store_true", help="also what decides, what other dataflows reach, and more room brings"
    )
    either.add_argument(
        "--pareto", metavar="energy,latency", choices=FRONTS, help="instead all mappings that none beats in both"
    )
    parser.add_argument("--step", metavar="PERCENT", type=percent, help="of a front's latencies (default 1%%)")
    parser.add_argument("--plot", metavar="PATH", type=inputs.plot_path, help="draw the front: .png, .svg, .pdf")
    inputs.add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Find the mapping or the front, print it and write what was asked for.

    Raises:
        TilenestError: for a layer that has no nest or no mapping, and options that contradict.
    """
    from sim.cli.output import targets_of

    _check(args)
    named = {"json": args.json, "plot": args.plot}
    targets = targets_of({what: path for what, path in named.items() if path and path != inputs.STANDARD_OUTPUT})
    task = _task(args)
    report = _front(task, _STEP if args.step is None else args.step) if args.pareto else _best(task, args.explain)
    if task.silent:
        print(report.to_json(), end="")
    for what, target in targets.items():
        form = target.path.suffix[1:].lower()
        target.write(report.to_json() if what == "json" else _picture(task, report, form))
    return 0


def _check(args: argparse.Namespace) -> None:
    from sim.errors import TilenestError

    if args.pareto and args.objective != "edp":
        raise TilenestError("--pareto is for energy and latency, and for no other --objective")
    for option in ("step", "plot"):
        if getattr(args, option) is not None and not args.pareto:
            raise TilenestError(f"--{option} is for the front that --pareto finds")


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done; `report` tells of it, and still lacks what is found. The first line to print is `title`."""

    layer: Layer
    arch: Architecture
    options: Options
    find: Finder
    report: MapReport
    title: str
    mapper: str
    silent: bool

    def show(self, *renderables: RenderableType) -> None:
        """Print, if anything is to be printed."""
        from sim.cli.output import show

        if not self.silent:
            show(*renderables)


def _task(args: argparse.Namespace) -> _Task:
    from sim.engines.run import provenance_of
    from sim.mapping.check import check_tensors
    from sim.mapping.store import finder
    from sim.report.map_report import MapReport

    arch, network = inputs.arch_of(args), inputs.network_of(args)
    check_tensors(arch, network)
    layer, options = inputs.layer_of(args, network), inputs.options_of(args, arch)
    made = provenance_of(network, arch, options, command=args.line)
    if args.pareto:
        made = replace(made, objective=args.pareto)
    report = MapReport(arch.name, network.name, layer.name, arch.clock_hz, made)
    title = f"{layer.name} of {network.name} on {arch.name}: {options.dataflow.name}"
    find = finder(options.cache)
    return _Task(layer, arch, options, find, report, title, args.mapper, silent=args.json == inputs.STANDARD_OUTPUT)


def _best(task: _Task, explain: bool) -> MapReport:
    """Print the best mapping, and on request what decides and what else there is."""
    from rich.text import Text

    from sim.cli.output import progress
    from sim.engines.run import engine_of
    from sim.mapping.counts import count_words
    from sim.mapping.found import Interrupted
    from sim.mapping.mapper import make_ready
    from sim.report.mapping_page import proof, summary
    from sim.report.nest_drawing import nest_drawing
    from sim.report.rows import goal

    layer, arch, options, stopped = task.layer, task.arch, task.options, None
    try:
        with progress(1, mapper=task.mapper) as done:
            make_ready(options.strategy)  # which is not the search's time
            begun = time.perf_counter()
            found = task.find(layer, arch, options.dataflow, options.objective, options.strategy)
            done(layer.name)
    except Interrupted as stop:
        found, stopped = stop.found, stop
    took = time.perf_counter() - begun
    result = engine_of(arch)(layer, arch, found.mapping, options).with_search(found)
    task.show(
        Text(f"{task.title}, best {goal(task.report.provenance, arch.clock_hz)}"),
        *nest_drawing(count_words(layer, arch, found.mapping)),
        summary(result, arch),
        Text(f"\n{proof(found, options.objective, took)}"),
    )
    if stopped:
        raise stopped
    report = replace(task.report, result=result)
    return _explained(task, report, found) if explain else report


def _explained(task: _Task, report: MapReport, found: Found) -> MapReport:
    from sim.arch.library import names
    from sim.cli.output import progress
    from sim.mapping.alternatives import with_dataflows, with_more_room
    from sim.report.mapping_page import dataflow_table, room_table
    from sim.report.nest_drawing import cost_table
    from sim.schema.dataflow import read_dataflow

    layer, arch, options = task.layer, task.arch, task.options
    others = [read_dataflow(name) for name in names("dataflows") if name != options.dataflow.name]
    how = options.objective, options.strategy, task.find
    with progress(None, mapper=task.mapper) as done:
        flows, stopped = _until_stopped(with_dataflows(layer, arch, others, *how), done, lambda a: a.name)
        room: list[Alternative] = []
        if stopped is None:
            roomier = with_more_room(layer, arch, options.dataflow, *how)
            room, stopped = _until_stopped(roomier, done, lambda a: a.name)
    assert report.result is not None
    task.show("", cost_table(report.result, arch))
    if flows:
        task.show(dataflow_table(flows, found, options.objective, arch))
    if room:
        task.show(room_table(room, found, options.objective, arch))
    if stopped:
        raise stopped
    return replace(report, dataflows=tuple(flows), room=tuple(room))


def _front(task: _Task, step: float) -> MapReport:
    """Print the front."""
    from rich.text import Text

    from sim.cli.output import progress
    from sim.mapping.front import front, not_dominated
    from sim.mapping.mapper import make_ready
    from sim.report.mapping_page import front_note, front_table
    from sim.report.quantities import energy

    options = task.options
    with progress(None, mapper=task.mapper) as done:
        make_ready(options.strategy)
        begun = time.perf_counter()
        points = front(task.layer, task.arch, options.dataflow, options.objective, options.strategy, step, task.find)
        found, stopped = _until_stopped(points, done, lambda point: energy(point.energy_pj))
    if stopped and not found:
        raise stopped
    best = not_dominated(found)
    note = front_note(best, step, time.perf_counter() - begun)
    task.show(Text(f"{task.title}, energy and latency\n"), front_table(best, task.arch.clock_hz), Text(f"\n{note}"))
    if stopped:
        raise stopped
    return replace(task.report, front=tuple(best))


def _until_stopped(
    items: Iterable[_T], done: Callable[[str], None], name: Callable[[_T], str]
) -> tuple[list[_T], KeyboardInterrupt | None]:
    """What there is until the end or until Ctrl-C."""
    out = []
    try:
        for item in items:
            out.append(item)
            done(name(item))
    except KeyboardInterrupt as stop:
        return out, stop
    return out, None


def _picture(task: _Task, report: MapReport, form: str) -> bytes:
    from sim.report.front_plot import front_plot

    assert report.front is not None
    return front_plot(report.front, report.clock_hz, task.title, form)
