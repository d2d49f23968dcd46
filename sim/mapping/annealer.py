"""Samples mappings by simulated annealing: quick, often good, and without a proof; see `sim.mapping.optimal`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sim.arch.tree import Architecture, Fanout, Memory
from sim.errors import MappingError
from sim.kernels import search
from sim.kernels.cost import Prices
from sim.kernels.layout import LOOP_ROWS, Ints, Shape, new_counts, new_scratch
from sim.kernels.search import ALWAYS, NEVER, NO_FIT, OPTIONAL
from sim.kernels.warm import warm_up
from sim.mapping.check import check
from sim.mapping.dataflow import Dataflow, held_roles, letters, pe_memories
from sim.mapping.found import Found
from sim.mapping.judge import Judge, Judged
from sim.mapping.nest import For, Item, Keep, Mapping, Parallel
from sim.mapping.objective import Objective
from sim.mapping.prices import prices_of
from sim.mapping.problem import AXES, shape_of
from sim.workload.layer import Layer, Rank

_MOST_LOOPS = 24  # loops with a bound above one that a nest may have


@dataclass(frozen=True, slots=True)
class Sampled:
    """How hard to search: independent runs of so many trials each, from one seed.

    Many short runs find more than a few long ones. Measured on the convolutions of AlexNet and ResNet-18, on Eyeriss
    with row stationary, three seeds: the energy-delay product ends 3 % above the best nest known on average, and 24 %
    in the worst case.
    """

    runs: int = 10
    trials: int = 4500
    seed: int = 0


@dataclass(slots=True)
class _Space:
    """The nests among which is searched, as the tables of `sim.kernels.search`; `nodes` are those of the levels."""

    slots: Ints
    position: Ints
    low: Ints
    high: Ints
    may: Ints
    axes: Ints
    is_inner: Ints
    nodes: list[int]


def anneal(layer: Layer, arch: Architecture, dataflow: Dataflow, objective: Objective, effort: Sampled) -> Found:
    """The best mapping of a layer found by simulated annealing; the same for the same arguments.

    Raises:
        MappingError: when no nest fits (says what is too large where).
    """
    warm_up()
    space = _Builder(layer, arch, dataflow).build()
    shape = shape_of(_without_padding(layer), arch)
    # the search takes the saving of zeros at the arithmetic from the innermost memories that may feed it
    innermost = {t.name: tuple(m.name for m in arch.keepers(t.name, t.role)) for t in layer.tensors}
    prices = prices_of(layer, arch, innermost)
    # traffic of the outermost memory is judged in the end only; what is not asked for breaks ties
    weights = max(objective.energy + objective.dram, 1e-3), max(objective.latency, 1e-3)
    judge = Judge(layer, arch, objective)
    found: dict[Mapping, Judged] = {}
    evaluated = 0
    for run in range(effort.runs):
        state = _random_state(effort.seed, run)
        start = _scattered(space, state) if run else space
        cost, counted, best = _search(start, shape, prices, weights, state, effort.trials)
        evaluated += counted
        nest = _mapping(best, layer, arch)
        if cost >= NO_FIT:
            misfit = nest
        elif nest not in found:  # the search rounds; what is compared in the end is exact
            found[nest] = judge(nest)
    if not found:
        _explain(misfit, layer, arch, dataflow)
    nest = min(found, key=lambda nest: found[nest].order)
    return found[nest].found(nest, evaluated)


def _scattered(space: _Space, seed: int) -> _Space:
    """The same, but its nest fills the arrays with loops at random: a search ends near where it begins."""
    slots = space.slots.copy()
    random = np.random.default_rng(seed)
    free, axes = slots[search.SLOT_FIXED] == 0, slots[search.SLOT_AXIS]
    for axis, copies in enumerate(space.axes[search.ROOM]):
        room = int(copies) // math.prod(slots[search.SLOT_BOUND, axes == axis].tolist())
        for i in random.permutation(np.flatnonzero((axes == axis) & free)):
            outside = np.flatnonzero((slots[search.SLOT_DIM] == slots[search.SLOT_DIM, i]) & free & (axes < 0))
            if len(outside) == 0:
                continue
            left = int(slots[search.SLOT_BOUND, outside[0]])
            bound = next(b for b in range(max(1, min(left, room)), 0, -1) if -(-left // b) * b <= search.WASTE * left)
            slots[search.SLOT_BOUND, i], slots[search.SLOT_BOUND, outside[0]] = bound, -(-left // bound)
            room //= bound
    return replace(space, slots=slots)


def _search(
    space: _Space, shape: Shape, prices: Prices, weights: tuple[float, float], state: int, trials: int
) -> tuple[float, int, _Space]:
    """One run from the nest in `space`: the best cost, how many nests were counted, and the best nest."""
    slots, position = np.stack([space.slots] * 3), np.stack([space.position] * 3)
    tensors, levels = position.shape[1:]
    keep = np.full((tensors + 1, levels), -1, np.int64)
    keep[-1] = space.nodes
    cost, counted = search.anneal(
        *shape._replace(tensors=shape.tensors.copy()),
        *new_scratch(shape._replace(size=2 * shape.size), _MOST_LOOPS),  # bounds are rounded up, to less than that
        *prices,
        slots,
        position,
        space.low,
        space.high,
        space.may,
        space.axes,
        space.is_inner,
        np.zeros((LOOP_ROWS, _MOST_LOOPS), np.int64),
        keep,
        new_counts(shape, levels),
        np.ones(len(shape.size), np.int64),
        np.ones(2 * levels),
        np.array([state]),
        np.array(weights),
        trials,
    )
    return cost, counted, replace(space, slots=slots[search.BEST], position=position[search.BEST])


def _without_padding(layer: Layer) -> Layer:
    """The layer as if its padding were words like others: what the search goes by, as it is faster to count."""
    tensors = tuple(replace(t, ranks=tuple(Rank(r.terms) for r in t.ranks)) for t in layer.tensors)
    return replace(layer, tensors=tensors)


def _random_state(seed: int, run: int) -> int:
    """Where the random numbers of a run begin; never zero, and below 2**62."""
    return (seed * 7919 + run + 1) * 0x9E3779B97F4A7C1 % (1 << 62) + 1


def _explain(mapping: Mapping, layer: Layer, arch: Architecture, dataflow: Dataflow) -> None:
    try:
        check(mapping, layer, arch)
    except MappingError as error:
        reasons = str(error).partition("\n")[2]
        raise MappingError(
            f"no mapping of layer {layer.name} fits {arch.name} with the dataflow {dataflow.name}; "
            f"the nearest one found:\n{reasons}"
        ) from None
    raise MappingError(f"no mapping of layer {layer.name} on {arch.name} obeys the dataflow {dataflow.name}")


class _Builder:
    """Lays out the slots: for every stretch between fanouts loops in time, then the fanout's loops in space."""

    def __init__(self, layer: Layer, arch: Architecture, dataflow: Dataflow) -> None:
        self.layer, self.arch, self.dataflow = layer, arch, dataflow
        self.letter = letters(layer)
        self.dims = [d for d, bound in layer.dims if bound > 1]
        self.index = {d: i for i, (d, _) in enumerate(layer.dims)}
        self.rows: list[tuple[int, int, int, int, int]] = []
        self.starts: list[tuple[int, int]] = []  # first and last place of a keep, by stretch

    def build(self) -> _Space:
        """The space, and in it the nest from which the search starts."""
        stretches = self._stretches()
        axis = 0
        for s, memories in enumerate(stretches):
            start = len(self.rows)
            inside = s == len(stretches) - 1 and s > 0
            for _ in range(1 if inside else max(1, memories)):
                self._in_time(2 * s, inside)
            self.starts.append((start, len(self.rows)))
            if s < len(self.arch.fanouts):
                self._in_space(2 * s + 1, self.arch.fanouts[s], axis, s == len(self.arch.fanouts) - 1)
                axis += 2
        slots = np.array(self.rows, np.int64).reshape(-1, 5).T.copy()
        self._cover(slots)
        position, low, high, may = self._keeps()
        inner = [self.letter[d] in self.dataflow.inner for d, _ in self.layer.dims]
        sizes = [n for f in self.arch.fanouts for n in (f.x, f.y)]
        axes = np.array([sizes, [1] * len(sizes)], np.int64).reshape(2, -1)
        nodes = [i for i, node in enumerate(self.arch.nodes) if isinstance(node, Memory)]
        return _Space(slots, position, low, high, may, axes, np.array(inner, np.int64), nodes)

    def _stretches(self) -> list[int]:
        """Memories in each stretch between fanouts."""
        out = [0]
        for node in self.arch.nodes:
            if isinstance(node, Fanout):
                out.append(0)
            elif isinstance(node, Memory):
                out[-1] += 1
        return out

    def _in_time(self, block: int, inside: bool) -> None:
        flow = self.dataflow
        for d in self.dims:
            whole = self.letter[d] in flow.pe_whole
            if inside and not whole and flow.pe_dims is not None and self.letter[d] not in flow.pe_dims:
                continue
            if whole and not inside and self.arch.fanouts:
                continue
            bound = self.layer.sizes[d] if whole and inside else 1
            self.rows.append((self.index[d], bound, -1, block, int(whole and inside)))

    def _in_space(self, block: int, fanout: Fanout, axis: int, innermost: bool) -> None:
        for a, name in enumerate(AXES):
            copies = getattr(fanout, name)
            for d in self.dims if copies > 1 else ():
                letter = self.letter[d]
                if letter in self.dataflow.pe_whole:
                    continue
                if innermost and not self.dataflow.may_spread(name, letter):
                    continue
                must = innermost and self.dataflow.must_spread(name, letter)
                bound = min(self.layer.sizes[d], copies) if must else 1
                self.rows.append((self.index[d], bound, axis + a, block, int(must)))

    def _cover(self, slots: Ints) -> None:
        """Let the outermost loops in time do what is left of each dimension."""
        for d in self.dims:
            own = [i for i in range(slots.shape[1]) if slots[search.SLOT_DIM, i] == self.index[d]]
            done = math.prod(int(slots[search.SLOT_BOUND, i]) for i in own)
            left = -(-self.layer.sizes[d] // done)
            free = next((i for i in own if not slots[search.SLOT_FIXED, i]), None)
            if left > 1 and free is not None:
                slots[search.SLOT_BOUND, free] = left

    def _keeps(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Where keeps may stand, and where they are at first: round small tiles, outside what a PE must do whole."""
        memories = self.arch.memories
        stretch = [sum(isinstance(n, Fanout) for n in self.arch.nodes[: self.arch.nodes.index(m)]) for m in memories]
        low = np.array([self.starts[s][0] for s in stretch], np.int64)
        high = np.array([self.starts[s][1] for s in stretch], np.int64)
        high[0] = 0
        position = np.full((len(self.layer.tensors), len(memories)), -1, np.int64)
        may = np.full_like(position, NEVER)
        inside = pe_memories(self.arch)
        for t, tensor in enumerate(self.layer.tensors):
            home, *inward = self.arch.keepers(tensor.name, tensor.role)
            last = [m for m in inward if m in inside][-1:]
            for i, memory in enumerate(memories):
                if memory is home:
                    position[t, i] = 0
                elif memory in inward:
                    if memory in inside and tensor.role not in held_roles(self.dataflow):
                        continue
                    must = self.dataflow.pe_keeps is not None and memory in last
                    may[t, i] = ALWAYS if must else OPTIONAL
                    position[t, i] = low[i] if memory in inside else high[i]
        return position, low, high, may


def _mapping(space: _Space, layer: Layer, arch: Architecture) -> Mapping:
    """The nest in the tables, without loops of one iteration."""
    names = [d for d, _ in layer.dims]
    axes = [(f.name, a) for f in arch.fanouts for a in AXES]
    items: list[Item] = []
    for i in range(space.slots.shape[1] + 1):
        for level, memory in enumerate(arch.memories):
            kept = tuple(t.name for k, t in enumerate(layer.tensors) if space.position[k, level] == i)
            if kept:
                items.append(Keep(memory.name, kept))
        if i == space.slots.shape[1]:
            break
        d, bound, a = (int(space.slots[row, i]) for row in (search.SLOT_DIM, search.SLOT_BOUND, search.SLOT_AXIS))
        if bound > 1:
            items.append(For(names[d], bound) if a < 0 else Parallel(*axes[a], names[d], bound))  # type: ignore[arg-type]
    return Mapping(tuple(items))
