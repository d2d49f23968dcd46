"""Fuses a network: finds the groups of layers that are best run through a buffer on the chip, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sim.arch.tree import Architecture
from sim.engines.options import Options
from sim.engines.run import Job, Work, each, evaluate
from sim.engines.vector import evaluate_load
from sim.errors import MappingError
from sim.fusion.choose import Cost, best_grouping
from sim.fusion.plan import Plan, Planner, Resident
from sim.fusion.room import buffer_of
from sim.fusion.sums import summed
from sim.fusion.units import units_of, width
from sim.results import Group, LayerResult, Result
from sim.workload.layer import Layer
from sim.workload.network import AnyLayer, Network


def fuse_network(
    unfused: Result,
    network: Network,
    arch: Architecture,
    options: Options = Options(),
    jobs: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> Result:
    """What a network costs at best if layers in a row may be run as a group (see docs/decisions/0006-fusion.md).

    Args:
        unfused: what it costs layer by layer.
        jobs: processes that work side by side.
        progress: called with the kind of layer for every part that is mapped.

    Raises:
        TilenestError: when the machine has no buffer through which layers could hand tensors to each other.
    """
    planner = Planner(units_of(network), arch, buffer_of(arch))
    every = range(len(planner.units))
    pairs = [(first, last) for first in every for last in every if planner.is_group(first, last)]
    plans = {pair: list(planner.plans(*pair)) for pair in pairs}
    work: Work = {n: (job.layer, job.machine(arch), None, options) for n, job in enumerate(planner.jobs)}
    found = each(attempt, work, jobs, lambda n: progress(work[n][0].kind))
    fusing = _Fusing(unfused, planner, options, tuple(found[n] for n in work))
    return fusing.best({pair: [p for p in own if fusing.is_possible(p)] for pair, own in plans.items()})


def attempt(job: Job) -> LayerResult | None:
    """What a part of a layer costs, or None if it cannot be mapped."""
    try:
        return evaluate(job)
    except MappingError:
        return None


@dataclass(frozen=True)
class _Fusing:
    """What is known once all parts are mapped."""

    unfused: Result
    planner: Planner
    options: Options
    found: tuple[LayerResult | None, ...]

    def best(self, plans: dict[tuple[int, int], list[Plan]]) -> Result:
        """The result with the best grouping."""
        units, layers = self.planner.units, {layer.name: layer for layer in self.unfused.layers}
        ways = {(k, k): [self._cost(layers[unit.layer.name], unit.layer)] for k, unit in enumerate(units)}
        ways |= {pair: [_total(self._unit_cost(p, k) for k in p.jobs) for p in own] for pair, own in plans.items()}
        grouping = best_grouping(len(units), ways, self.options.objective)
        groups = []
        for number, plan in enumerate((plans[i, j][way] for i, j, way in grouping if j > i), 1):
            before = [layers[units[k].layer.name] for k in plan.jobs]
            for k in plan.jobs:
                for name in units[k].members:
                    layers[name] = replace(layers[name], group=number)
                layers[units[k].layer.name] = summed(units[k].layer, self._parts(plan, k), number)
            groups.append(self._group(plan, number, before, [layers[units[k].layer.name] for k in plan.jobs]))
        made = replace(self.unfused.provenance, fuse=True)
        return replace(self.unfused, layers=tuple(layers.values()), groups=tuple(groups), provenance=made)

    def is_possible(self, plan: Plan) -> bool:
        """Whether all its parts can be mapped, and its layers keep their limits."""
        if any(self.found[n] is None for own in plan.jobs.values() for n in own):
            return False
        limits, layers = self.options.objective, {k: self.planner.units[k].layer for k in plan.jobs}
        costs = [self._unit_cost(plan, k) for k, layer in layers.items() if isinstance(layer, Layer)]
        return all(pj <= limits.most_pj and cycles <= limits.most_cycles for pj, cycles, _ in costs)

    def _parts(self, plan: Plan, k: int) -> list[tuple[LayerResult, int]]:
        """The parts of a unit, with what brings its residents in."""
        parts = [(result, times) for n, times in plan.jobs[k].items() if (result := self.found[n]) is not None]
        return parts + [(self._load(resident), 1) for resident in plan.residents if resident.unit == k]

    def _load(self, one: Resident) -> LayerResult:
        return evaluate_load(one.tensor.name, one.tensor, one.words, one.memory, self.planner.arch)

    def _unit_cost(self, plan: Plan, k: int) -> Cost:
        layer = self.planner.units[k].layer
        return _total(_times(self._cost(result, layer), times) for result, times in self._parts(plan, k))

    def _cost(self, result: LayerResult, layer: AnyLayer) -> Cost:
        """What is added up; `layer` says how wide words are."""
        outer = result.actions.get(self.planner.arch.memories[0].name, {})
        bits = sum((a.reads + a.updates) * width(layer, tensor) for tensor, a in outer.items())
        return result.energy_pj, result.latency_cycles, float(bits)

    def _peak(self, plan: Plan) -> float:
        """The most that is in the buffer at one time: what is held, and the tiles of the layer that is run."""
        buffer, most = self.planner.buffer, 0.0
        for k, jobs in plan.held.items():
            layer = self.planner.units[k].layer
            for n, held in jobs.items():
                result, at_home = self.found[n], {t for t, m in self.planner.jobs[n].homes if m == buffer.name}
                tiles = result.tiles.get(buffer.name, {}) if result is not None else {}
                tensors = layer.tensors if isinstance(layer, Layer) else ()
                words = sum(tiles.get(t.name, 0) * t.bits for t in tensors if t.name not in at_home)
                most = max(most, held + words * buffer.room_per_tile)
        return most

    def _group(self, plan: Plan, number: int, before: list[LayerResult], after: list[LayerResult]) -> Group:
        tiling, planner = plan.tiling, self.planner
        outer = planner.arch.memories[0].name
        macs = sum(result.macs * times for k in plan.jobs for result, times in self._parts(plan, k))
        return Group(
            number=number,
            layers=tuple(name for k in plan.jobs for name in planner.units[k].members),
            buffer=planner.buffer.name,
            tiles=len(tiling.tiles),
            dim=self._dim(plan),
            rows=tiling.rows,
            overlap="none" if not tiling.overlaps else "kept" if tiling.keep else "recomputed",
            residents=tuple(f"{planner.units[r.unit].layer.name}.{r.tensor.name}" for r in plan.residents),
            macs=macs,
            energy_pj=sum(r.energy_pj for r in after),
            latency_cycles=sum(r.latency_cycles for r in after),
            latency_s=sum(r.latency_s for r in after),
            peak_bits=self._peak(plan),
            size_bits=planner.buffer.size_bits,
            outer_words=sum(r.words(outer) for r in after),
            unfused_energy_pj=sum(r.energy_pj for r in before),
            unfused_latency_cycles=sum(r.latency_cycles for r in before),
            unfused_latency_s=sum(r.latency_s for r in before),
            unfused_outer_words=sum(r.words(outer) for r in before),
        )

    def _dim(self, plan: Plan) -> str:
        """What is cut; where the last layer has no names for its axes, a layer's before it that is cut alike."""
        along, last = plan.tiling.along, plan.tiling.last
        named = [
            k for k in along if isinstance(self.planner.units[k].layer, Layer) and along[k].size == along[last].size
        ]
        own = along[last].dim or ""
        return along[max(named)].dim or own if named and own.startswith("axis") else own


def _times(cost: Cost, times: int) -> Cost:
    return cost[0] * times, cost[1] * times, cost[2] * times


def _total(costs: Iterable[Cost]) -> Cost:
    columns = list(zip(*costs, strict=True))
    return sum(columns[0]), sum(columns[1]), sum(columns[2])
