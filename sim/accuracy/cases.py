"""Machines to be compared, with what networks cost on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sim.accuracy.axes import Axis, Settings
from sim.accuracy.contents import with_contents
from sim.accuracy.hardware import machine_of
from sim.accuracy.study import Case, Cost
from sim.accuracy.task import Task
from sim.arch.tree import Architecture
from sim.engines.run import run_network
from sim.errors import ConfigError, TilenestError
from sim.schema.architecture import read_architecture
from sim.schema.workload import read_workload
from sim.workload.network import Network

_ADC_BITS = range(4, 11)
_SIZES = (64, 128, 256, 512)


def architecture_of(arch: str | Path, sets: Sequence[str], settings: Settings) -> Architecture:
    """A machine with changes, which must have arrays.

    Raises:
        TilenestError: when it cannot be read, or has none.
    """
    varied = [f"{path}={value}" for path, value in settings]
    try:
        out = read_architecture(arch, [*sets, *varied])
    except ConfigError as error:
        places = {f"--set {text}": f"--vary {text}" for text in varied}
        raise ConfigError(replace(p, file=places.get(p.file, p.file)) for p in error.problems) from None
    machine_of(out)
    return out


def cases_of(
    arch: str | Path, sets: Sequence[str], every: Iterable[Settings], tasks: Sequence[Task], skip: bool = False
) -> list[Case]:
    """A machine with each of several settings.

    Args:
        skip: leave out those that contradict themselves, or on which a network does not fit.

    Raises:
        TilenestError: for those, if they are not to be left out.
    """
    networks = [(task, read_workload(task.model.source, 1)) for task in tasks]
    out = []
    for settings in every:
        try:
            built = architecture_of(arch, sets, settings)
            costs = {task.model.name: _cost(built, network, task) for task, network in networks}
            out.append(Case(settings, machine_of(built), costs))
        except TilenestError:
            if not skip:
                raise
    return out


def _cost(arch: Architecture, network: Network, task: Task) -> Cost:
    """What a sample costs, by what weights and inputs hold."""
    result = run_network(with_contents(network, task, machine_of(arch).xbar), arch)
    return Cost(result.totals.energy_pj, result.totals.latency_s, sum(result.area_um2.values()))


def design_axes(arch: Architecture) -> list[Axis]:
    """What a search for the cheapest machine tries: bits of the ADCs, sizes of arrays, and bits of a cell.

    What a cell holds is only tried where it has a number of bits; else it takes a weight whole.
    """
    assert arch.crossbar is not None
    array = arch.fanouts[-1].name
    axes = [
        Axis(("crossbar.adc.bits",), tuple(f"{bits} bit" for bits in _ADC_BITS)),
        Axis((f"{array}.x", f"{array}.y"), tuple(map(str, _SIZES))),
    ]
    cell = arch.crossbar.cell.bits
    if cell:
        axes.append(Axis(("crossbar.cell.bits",), tuple(f"{bits} bit" for bits in sorted({1, 2, 4, cell}))))
    return axes
