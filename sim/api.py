"""The program in a few functions, for the command line and for Python alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from pathlib import Path

from sim.arch.tree import Architecture
from sim.engines.options import Options, strategy_of, within
from sim.engines.run import run_network
from sim.errors import TilenestError, UnsupportedOp
from sim.fusion.room import buffer_of
from sim.fusion.run import fuse_network
from sim.mapping.check import check_tensors
from sim.mapping.dataflow import Dataflow
from sim.mapping.mapper import Strategy
from sim.mapping.nest import Mapping
from sim.mapping.objective import Objective
from sim.results import Result
from sim.schema.architecture import read_architecture
from sim.schema.dataflow import read_dataflow
from sim.schema.mapping import read_mappings
from sim.schema.workload import read_workload
from sim.workload.network import Network

File = str | Path
"""A path, or the name of something that ships with the program."""

Overrides = Map[str, object] | Sequence[str]


def run(
    arch: Architecture | File,
    workload: Network | File,
    *,
    batch: int | None = None,
    bind: Map[str, int] | None = None,
    set: Overrides = (),  # as the command line calls it
    dataflow: Dataflow | File | None = None,
    mappings: Map[str, Mapping] | File | None = None,
    layers: Sequence[str] | str | None = None,
    objective: Objective | str = "edp",
    limits: Sequence[str] = (),
    mapper: Strategy | str = "optimal",
    budget: str | None = None,
    effort: str | None = None,
    seed: int | None = None,
    fuse: bool = False,
    cache: bool = True,
    jobs: int = 1,
    allow_unsupported: bool = False,
    progress: Callable[[str], None] = lambda name: None,
    command: str = "",
) -> Result:
    """What a network costs on a machine.

    Args:
        arch: a machine, the path of its file, or a shipped name.
        workload: a network, the path of a YAML or ONNX file, or a shipped name.
        batch: samples that are computed together; by default what the workload says.
        bind: sizes of open dimensions of an ONNX model, or parameters of a workload file.
        set: changes of the machine, ``{"array.x": 16}`` or ``["array.x=16"]``.
        dataflow: what mappings must obey; by default what the machine says.
        mappings: loop nests by layer (``""`` for all layers), or a file of them; others are searched for.
        layers: names or patterns such as ``conv3_*``, as a list or separated by commas; by default all.
        objective: what makes a mapping good: ``energy``, ``latency``, ``edp`` (their product), ``ed2p``, ``dram``, or
            a product such as ``energy*latency^2``.
        limits: what every layer may take, such as ``latency<=5ms`` and ``energy<=3mJ``.
        mapper: ``optimal`` finds the best mapping and proves it, ``sampled`` a good one; or a strategy itself.
        budget: for ``optimal``, the time that each layer may take, such as ``2s``; by default what the proof takes,
            or a million partial nests (`Optimal`).
        effort: for ``sampled``, how hard to search: ``low``, ``normal`` (default) or ``high``.
        seed: for ``sampled``, of the random numbers (default 0); the same seed gives the same result.
        fuse: run layers in a row as groups, tile by tile through a buffer on the chip, where that is better.
        cache: whether to keep on disk which mappings were found, and not to search for them again.
        jobs: processes that work side by side. In a script this needs the usual ``if __name__ == "__main__":``.
        allow_unsupported: leave operators that the program does not know out of an ONNX model.
        progress: called with the name of every layer when it is done.
        command: for the result's provenance.

    Raises:
        TilenestError: for whatever is wrong with what was given.

    >>> run("eyeriss", "alexnet", layers=["conv3"], mapper="sampled", effort="low")["conv3"].active_pes
    156
    """
    strategy = _strategy(mapper, budget, effort, seed)
    arch, workload = _arch(arch, set), _workload(workload, batch, bind)
    flow = _dataflow(dataflow, arch)
    if limits and not arch.mapped:
        raise TilenestError(f"{_kind(arch)}: there is nothing to choose that could keep a limit")
    goal = Objective.parse(objective) if isinstance(objective, str) else objective
    options = Options(flow, within(goal, limits, arch.clock_hz), strategy, cache)
    if isinstance(mappings, str | Path):
        mappings = read_mappings(mappings, [layer.name for layer in workload.mac_layers])
    check_tensors(arch, workload)
    if layers is not None:
        workload = workload.only([n.strip() for n in layers.split(",")] if isinstance(layers, str) else layers)
    elif not allow_unsupported:
        _check_supported(workload)
    if fuse and mappings:
        raise TilenestError("fusing searches for the mappings of all parts of layers; it takes none by hand")
    if fuse:
        buffer_of(arch)  # better now than after all layers have been mapped
    result = run_network(workload, arch, options, mappings, jobs, progress, command)
    return fuse_network(result, workload, arch, options, jobs, progress) if fuse else result


def _strategy(mapper: Strategy | str, budget: str | None, effort: str | None, seed: int | None) -> Strategy:
    if isinstance(mapper, str):
        return strategy_of(mapper, budget, effort, seed)
    if (budget, effort, seed) != (None, None, None):
        raise TilenestError("`budget`, `effort` and `seed` are for a mapper by name; this one is a strategy already")
    return mapper


def _arch(given: Architecture | File, set: Overrides) -> Architecture:
    if isinstance(given, Architecture):
        _check_read("an architecture", set=set)
        return given
    return load_arch(given, set=set)


def _workload(given: Network | File, batch: int | None, bind: Map[str, int] | None) -> Network:
    if isinstance(given, Network):
        _check_read("a workload", batch=batch, bind=bind)
        return given
    return load_workload(given, batch=batch, bind=bind)


def _dataflow(given: Dataflow | File | None, arch: Architecture) -> Dataflow:
    """What mappings must obey; machines that take no mappings have a dataflow of their own."""
    if arch.mapped:
        return given if isinstance(given, Dataflow) else load_dataflow(given or arch.dataflow)
    if given is not None:
        how = ": --set systolic.dataflow=os" if arch.systolic else ""
        raise TilenestError(f"{_kind(arch)}, which has its own dataflow{how}")
    return Dataflow(arch.systolic.dataflow if arch.systolic else "weights in arrays")


def _kind(arch: Architecture) -> str:
    return f"{arch.name} is {'a systolic array' if arch.systolic else 'a machine of analog arrays'}"


def load_arch(name_or_path: File, *, set: Overrides = ()) -> Architecture:
    """The machine in a file, or the shipped one of this name; see `run` for `set`.

    Raises:
        TilenestError: when there is no such file, or mistakes are in it.

    >>> load_arch("eyeriss", set={"array.x": 16}).pes
    192
    """
    changes = [f"{name}={value}" for name, value in set.items()] if isinstance(set, Map) else set
    return read_architecture(name_or_path, changes)


def load_workload(name_or_path: File, *, batch: int | None = None, bind: Map[str, int] | None = None) -> Network:
    """The network in a YAML or ONNX file, or the shipped one of this name; see `run`.

    Raises:
        TilenestError: when there is no such file, or mistakes are in it.

    >>> load_workload("bert_base", bind={"sequence": 64})["layer.0.query"].macs == 64 * 768 * 768
    True
    """
    return read_workload(name_or_path, batch, bind=bind)


def load_dataflow(name_or_path: File) -> Dataflow:
    """The dataflow in a file, or the shipped one of this name.

    Raises:
        TilenestError: when there is no such file, or mistakes are in it.

    >>> load_dataflow("row_stationary").title
    'Row stationary (RS)'
    """
    return read_dataflow(name_or_path)


def _check_read(what: str, **changes: object) -> None:
    for name, value in changes.items():
        if value:
            raise TilenestError(f"`{name}` changes {what} when it is read; this one is read already")


def _check_supported(network: Network) -> None:
    if network.unsupported:
        lines = "\n".join(f"  - {s.op} {s.name}: {s.reason.partition(': ')[2]}" for s in network.unsupported)
        raise UnsupportedOp(
            f"{network.source}: it is not known what these operators cost:\n{lines}\n"
            "  --allow-unsupported (allow_unsupported=True) runs the others without them"
        )
