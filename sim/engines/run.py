"""Runs a network on a machine: equal layers once, several processes if wanted."""

from __future__ import annotations

import concurrent.futures
import math
import multiprocessing
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Map
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from sim import __version__
from sim.arch.tree import Architecture, Fanout
from sim.components.table import describe, node_costs
from sim.engines.options import Options, described
from sim.errors import RoomError, TilenestError, show_warning, there_are
from sim.mapping.mapper import is_ready, make_ready
from sim.mapping.nest import Mapping
from sim.results import LayerResult, Provenance, Result, digest
from sim.workload.network import AnyLayer, Network

Engine = Callable[[AnyLayer, Architecture, Mapping | None, Options], LayerResult]

_GROUP = "tilenest.engines"
_OURS = {
    name: EntryPoint(name, f"sim.engines.{name}:evaluate", _GROUP) for name in ("spatial", "systolic", "crossbar")
}


def engine_of(arch: Architecture) -> Engine:
    """The engine for a machine's ``class:``; others than ours come from the entry-point group ``tilenest.engines``.

    Raises:
        TilenestError: when there is none.
    """
    entry = _OURS.get(arch.engine)
    if entry is None:
        known = {e.name: e for e in entry_points(group=_GROUP)} | _OURS
        if arch.engine not in known:
            there = there_are(known, arch.engine)
            raise TilenestError(f"architecture {arch.name}: no engine for class {arch.engine}; {there}")
        entry = known[arch.engine]
    engine: Engine = entry.load()
    return engine


def run_network(
    network: Network,
    arch: Architecture,
    options: Options = Options(),
    mappings: Map[str, Mapping] | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda name: None,
    command: str = "",
) -> Result:
    """What a network costs, layer by layer.

    Args:
        mappings: hand-written mappings by layer name; the name ``""`` is for all layers without one of their own.
        jobs: processes that work side by side.
        progress: called with the name of every layer when it is done.

    Raises:
        TilenestError: when a layer cannot be run.
    """
    mappings = mappings or {}
    if together := _together(arch):
        return _result(network, arch, options, mappings, command, together(network, arch, mappings, progress))
    work: Work = {}
    names: dict[object, list[str]] = {}
    keys: list[object] = []
    for layer in network:
        mapping = mappings.get(layer.name, mappings.get("")) if layer.macs else None
        keys.append((type(layer), layer.shape, mapping))
        work.setdefault(keys[-1], (layer, arch, mapping, options))
        names.setdefault(keys[-1], []).append(layer.name)

    def done(key: object) -> None:
        for name in names[key]:
            progress(name)

    found = _with_room(each(_attempt, work, jobs, done), network, keys)
    results = tuple(
        replace(found[key], name=layer.name, kind=layer.kind, fused=getattr(layer, "fused", None))
        for key, layer in zip(keys, network, strict=True)
    )
    return _result(network, arch, options, mappings, command, results)


def _together(arch: Architecture) -> Callable[..., tuple[LayerResult, ...]] | None:
    """What runs all layers together, where they have to do with each other."""
    if arch.engine == "crossbar":
        return _in_arrays
    return _in_a_row if arch.systolic and arch.homes else None


def _in_arrays(
    network: Network, arch: Architecture, mappings: Map[str, Mapping], progress: Callable[[str], None]
) -> tuple[LayerResult, ...]:
    """Layers whose weights stay in analog arrays share these."""
    from sim.engines.crossbar import no_mapping, run_in_arrays

    if mappings:
        raise no_mapping(arch)
    results = run_in_arrays(network, arch)
    for layer in network:
        progress(layer.name)
    return results


def _in_a_row(
    network: Network, arch: Architecture, mappings: Map[str, Mapping], progress: Callable[[str], None]
) -> tuple[LayerResult, ...]:
    """Layers whose tensors stay on the chip wait for each other, so they are run together."""
    from sim.engines.systolic import no_mapping, run_in_a_row

    if mappings:
        raise no_mapping(arch)
    results = run_in_a_row(network, arch)
    for layer in network:
        progress(layer.name)
    return tuple(replace(r, fused=getattr(layer, "fused", None)) for r, layer in zip(results, network, strict=True))


def _result(
    network: Network,
    arch: Architecture,
    options: Options,
    mappings: Map[str, Mapping],
    command: str,
    results: tuple[LayerResult, ...],
) -> Result:
    return Result(
        arch=arch.name,
        workload=network.name,
        batch=network.batch,
        levels=tuple(m.name for m in arch.memories),
        pes=arch.pes,
        clock_hz=arch.clock_hz,
        area_um2=area_um2(arch),
        layers=results,
        provenance=provenance_of(network, arch, options, mappings, command),
        notes=tuple(_notes(network, arch, results)),
    )


def provenance_of(
    network: Network,
    arch: Architecture,
    options: Options,
    mappings: Map[str, Mapping] | None = None,
    command: str = "",
) -> Provenance:
    """What a result comes from."""
    return Provenance(
        tilenest=__version__,
        arch_hash=digest(arch),
        workload_hash=digest(network.layers),
        dataflow=options.dataflow.name,
        dataflow_hash=digest(options.dataflow),
        mappings_hash=digest(sorted(mappings.items())) if mappings else "",
        objective=str(options.objective),
        most_pj=_finite(options.objective.most_pj),
        most_cycles=_finite(options.objective.most_cycles),
        mapper=described(options.strategy) if arch.mapped else "none",
        command=command,
    )


def _finite(most: float) -> float | None:
    return most if math.isfinite(most) else None


def _notes(network: Network, arch: Architecture, results: Iterable[LayerResult]) -> Iterator[str]:
    """What would be wrong to keep silent about."""
    operands = [t.bits for layer in network.mac_layers for t in layer.tensors if t.role != "outputs"]
    widest = max(operands, default=0)
    if arch.crossbar:
        from sim.engines import crossbar

        yield from crossbar.notes(network, results, arch)
    elif widest > arch.compute.bits and not (arch.systolic and arch.systolic.passes):
        yield (
            f"{arch.compute.name} multiplies words of {arch.compute.bits} bit, but {network.name} has operands of "
            f"{widest} bit; its energy is that of the narrower ones"
        )
    if arch.systolic and not any(row.value for row in describe(arch)):
        yield f"nothing says what {arch.name} consists of, so energies are 0"
    if network.unsupported:
        names = ", ".join(f"{s.name} ({s.op})" for s in network.unsupported)
        yield f"left out, as they are not supported or come after what is not: {names}"


Job = tuple[AnyLayer, Architecture, Mapping | None, Options]
Work = dict[object, Job]
_T = TypeVar("_T")


def evaluate(job: Job) -> LayerResult:
    """What a layer costs."""
    return engine_of(job[1])(*job)


def _attempt(job: Job) -> LayerResult | RoomError:
    """What a layer costs, or why there is no room for it."""
    try:
        return evaluate(job)
    except RoomError as error:
        return error


def _with_room(
    found: dict[object, LayerResult | RoomError], network: Network, keys: list[object]
) -> dict[object, LayerResult]:
    """What was found, if there is room for every layer; says of all for which there is none, each with its place."""
    lacking = {key: error for key, error in found.items() if isinstance(error, RoomError)}
    if lacking:
        layers = [(layer, lacking[key]) for key, layer in zip(keys, network, strict=True) if key in lacking]
        raise RoomError(((layer.name, what) for layer, error in layers for _, what in error.faults), network.places)
    return {key: result for key, result in found.items() if isinstance(result, LayerResult)}


def each(what: Callable[[Job], _T], work: Work, jobs: int, done: Callable[[object], None]) -> dict[object, _T]:
    """Does something to all work; `jobs` processes do it side by side, and `done` is called with every key.

    Args:
        what: a function that another process can import.
    """
    return _serial(what, work, done) if min(jobs, len(work)) <= 1 else _parallel(what, work, done, jobs)


def _serial(what: Callable[[Job], _T], work: Work, done: Callable[[object], None]) -> dict[object, _T]:
    out = {}
    for key, job in work.items():
        out[key] = what(job)
        done(key)
    return out


def _parallel(what: Callable[[Job], _T], work: Work, done: Callable[[object], None], jobs: int) -> dict[object, _T]:
    """Others begin with the first work, this process with the last: it has nothing to wait for."""
    out: dict[object, _T] = {}
    for strategy in {type(o.strategy): o.strategy for _, arch, _, o in work.values() if arch.mapped}.values():
        if not is_ready(strategy):
            make_ready(strategy)  # or each process would compile for itself
    context = multiprocessing.get_context("spawn")  # threads and compiled code do not survive a fork
    before = multiprocessing.active_children()
    number = min(jobs, len(work)) - 1
    with concurrent.futures.ProcessPoolExecutor(number, mp_context=context, initializer=_warn_plainly) as pool:
        left = _Left(what, work, pool)
        with _uninterrupted():
            for _ in range(2 * number):  # one to work at, and one that comes next
                left.hand_over()
        workers = [child for child in multiprocessing.active_children() if child not in before]
        try:
            while len(out) < len(work):
                if (key := left.take()) is not None:
                    out[key] = what(work[key])
                    done(key)
                for other, result in left.finished():
                    out[other] = result
                    done(other)
        except BaseException:
            left.forget()
            for worker in workers:  # what they are doing may take long, and nobody wants it any more
                worker.terminate()
            raise
    return out


class _Left(Generic[_T]):
    """Work that nobody has begun with."""

    def __init__(self, what: Callable[[Job], _T], work: Work, pool: concurrent.futures.ProcessPoolExecutor) -> None:
        self._what, self._work, self._pool = what, work, pool
        self._keys = deque(work)
        self._others: dict[concurrent.futures.Future[_T], object] = {}
        self._lock = threading.Lock()  # the pool's own thread asks for more work

    def hand_over(self, before: concurrent.futures.Future[_T] | None = None) -> None:
        """Give other processes what comes first; whoever is done with it takes what comes then."""
        if before is not None and (before.cancelled() or before.exception()):
            return  # this process will see it soon; and a pool that is broken takes no work
        with self._lock:
            if not self._keys:
                return
            future = self._pool.submit(self._what, self._work[self._keys[0]])
            self._others[future] = self._keys.popleft()
        future.add_done_callback(self.hand_over)

    def take(self) -> object | None:
        """What comes last; None if nothing is left."""
        with self._lock:
            return self._keys.pop() if self._keys else None

    def finished(self) -> Iterator[tuple[object, _T]]:
        """What others are done with; waits for something if nothing else is left to do.

        Raises:
            TilenestError: when a process has been killed. And whatever its work has raised.
        """
        with self._lock:
            others, timeout = list(self._others), 0 if self._keys else None
        for future in concurrent.futures.wait(others, timeout, concurrent.futures.FIRST_COMPLETED).done:
            with self._lock:
                key = self._others.pop(future)
            try:
                yield key, future.result()
            except concurrent.futures.BrokenExecutor:
                raise TilenestError("a process ended before its work was done: was there memory enough?") from None

    def forget(self) -> None:
        """Nothing is to be done any more."""
        with self._lock:
            self._keys.clear()


def _warn_plainly() -> None:
    """Let this process warn as the command line does."""
    warnings.showwarning = show_warning


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes begun in here leave it to us to react to Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # only the main one has a say in signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def area_um2(arch: Architecture) -> dict[str, float]:
    """Area by component, all copies, where a model or a person knows it."""
    costs = node_costs(arch)
    out = {}
    for node in arch:
        keys: Iterable[str] = [node.name]
        if isinstance(node, Fanout):
            keys = [key for key in costs if key.startswith(f"{node.name}.")]
        out[node.name] = sum(costs[key].area.value for key in keys) * arch.instances(node.name)
    return {name: area for name, area in out.items() if area}
