"""Finds the best mapping there is, and proves it: branch and bound over the whole map space.

The space (`sim.mapping.space`) falls into parts: which memories feed the arithmetic, and what the loops in space do.
Each part has a bound; parts are searched in the order of their bounds (`sim.kernels.branch`) until no part can hold a
better nest than the best one found. What had to be left out, for want of time or room, lowers the bound that is
proved.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
import time
from dataclasses import dataclass, field, replace

import numpy as np

from sim.arch.tree import ALL, Architecture, Compute, Fanout, Memory
from sim.kernels.bounds import IS_HARD, NEVER, Chain
from sim.kernels.branch import branch
from sim.kernels.cost import Floats
from sim.kernels.labels import COUNTED, MADE, SLACK, STOP, Labels
from sim.kernels.lattice import MOST_PRIMES
from sim.kernels.layout import AXIS, BOUND, DIM, LENGTH, LOOP_ROWS, Ints, new_counts, new_scratch
from sim.kernels.nests import Exact
from sim.kernels.warm import compile_branch, is_warm
from sim.mapping.annealer import Sampled, anneal
from sim.mapping.dataflow import ANY, Dataflow
from sim.mapping.found import Found, Interrupted
from sim.mapping.judge import MOST_LOOPS, Judge
from sim.mapping.nest import For, Item, Keep, Mapping, Parallel
from sim.mapping.objective import Objective
from sim.mapping.parts import Part, Parts, by_chain
from sim.mapping.pricing import Pricing
from sim.mapping.problem import AXES
from sim.mapping.size import count_nests
from sim.mapping.space import Space
from sim.workload.layer import Layer

MOST_LABELS = 1 << 18  # in one part of the space
MOST_MADE = 1 << 20  # labels in all parts, where no time is given: what takes more takes far more
_TOGETHER = 64  # parts that are searched one after the other before anything else is looked at


@dataclass(frozen=True, slots=True)
class Optimal:
    """Search until it is proved that nothing is better, or until so many seconds are over.

    Without such a limit, a search that has looked at a million partial nests ends after that part of the space, too.
    So it finds the same nest on every machine.
    """

    budget_s: float = math.inf


def optimum(layer: Layer, arch: Architecture, dataflow: Dataflow, objective: Objective, how: Optimal) -> Found:
    """The best mapping of a layer, with what is proved about it.

    Where the proof is not finished, what sampling finds is returned if it is better.

    Raises:
        MappingError: when no nest fits (says what is too large where).
        Interrupted: on Ctrl-C, with the best nest until then.
    """
    compile_search()
    judge = Judge(layer, arch, objective)
    search = _Search(Space(layer, arch, dataflow), objective, time.monotonic() + how.budget_s)
    try:
        search.run()
    except KeyboardInterrupt:
        if search.nest is None:
            raise
        raise Interrupted(search.found(judge)) from None
    sampled = None
    if search.nest is None or search.bound < search.best:
        sampled = anneal(layer, arch, dataflow, objective, Sampled())
    if search.nest is None:
        assert sampled is not None
        bound = math.exp(min(search.bound, math.log(sampled.value))) if search.proves else None
        return replace(sampled, bound=bound)
    found = search.found(judge)
    if sampled is not None and sampled.value < found.value:
        return _with_nest(found, sampled)
    return found


@functools.cache
def compile_search() -> None:
    """Compile the search, if it has not been, or load it, so that no search takes the time for it."""
    if not is_warm("optimal"):
        compile_branch()
    layer = Layer.einsum("small", {"M": 2, "K": 2}, inputs="K", weights="M K", outputs="M")
    arch = Architecture("small", (Memory("memory", (ALL,), math.inf), Fanout("array", 2), Compute("mac")))
    _Search(Space(layer, arch, ANY), Objective(energy=1), math.inf).run()


def _with_nest(found: Found, better: Found) -> Found:
    """What is proved of one nest, said of a better one."""
    evaluated = found.evaluated + better.evaluated
    bound = None if found.bound is None else min(found.bound, better.value)
    return Found(better.mapping, better.energy_pj, better.latency_cycles, better.value, evaluated, bound, found.space)


class _Memory(threading.local):
    """Working memory of all searches of a thread, as to get it anew takes longer than a short search."""

    work: Floats = np.empty(0)
    floats: Floats = np.empty(0)
    ints: Ints = np.empty(0, np.int64)
    heads: Ints = np.empty(0, np.int64)

    def __init__(self) -> None:
        self.keys, self.cycles, self.tops = (np.empty(MOST_LABELS) for _ in range(3))
        self.ends = np.zeros(1, np.int64)


_memory = _Memory()


@dataclass(slots=True)
class _Search:
    """The state of a search; `best` and `left` are logarithms of the objective's value.

    Attributes:
        left: what was left out is worth at least this.
        open: and so is what is still to be searched.
    """

    space: Space
    objective: Objective
    deadline: float
    best: float = math.inf
    left: float = math.inf
    open: float = -math.inf
    nest: Mapping | None = None
    tally: Ints = field(default_factory=lambda: np.zeros(4, np.int64))
    labels: dict[int, Labels] = field(default_factory=dict)

    @property
    def bound(self) -> float:
        """No nest of the space is worth less."""
        return min(self.best, self.left)

    @property
    def proves(self) -> bool:
        """Whether partial nests are compared in all that decides; for outputs with windows they are not."""
        return not self.space.task.kind[IS_HARD].any()

    def found(self, judge: Judge) -> Found:
        """What was found."""
        assert self.nest is not None
        judged = judge(self.nest)
        bound = math.exp(min(self.bound, judged.score)) if self.proves else None
        evaluated = int(self.tally[COUNTED])
        size = float(count_nests(self.space.layer, self.space.arch, self.space.dataflow))
        return Found(self.nest, judged.pj, judged.cycles, math.exp(judged.score), evaluated, bound, size)

    def run(self) -> None:
        """Search the parts of the space, the most promising first, until nothing can be better or time is over."""
        rest = self.deadline - time.monotonic()
        timer = threading.Timer(rest, self._stop) if rest < threading.TIMEOUT_MAX else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            self._run()
        except KeyboardInterrupt:
            self.left = min(self.left, self.open)
            raise
        finally:
            if timer:
                timer.cancel()

    def _stop(self) -> None:
        self.tally[STOP] = 1

    def _run(self) -> None:
        space = self.space
        if not len(space.copies):  # the dataflow demands what cannot be
            return
        feeders = list(itertools.product(*(space.feeders(t) for t in space.layer.tensors)))
        pricing = Pricing(space, space.prices(feeders[0]))
        parts = Parts(space, self.objective, pricing, feeders)
        exact = self._exact(pricing)
        most_made = MOST_MADE if math.isinf(self.deadline) else np.iinfo(np.int64).max
        limits = np.array([space.divisors.max(), MOST_PRIMES, pricing.looked, most_made])
        many = 1
        while True:
            group = parts.take(many, self.best)
            many = min(2 * many, _TOGETHER)
            if not group or group[0][0] >= self.best - SLACK or group[0][0] == NEVER:
                break
            self.open = min(group[0][0], parts.next)
            if time.monotonic() >= self.deadline or self.tally[MADE] > most_made:
                self.left = min(self.left, self.open)
                break
            for own in by_chain(group):
                parts.put_back(own[self._search(own, parts, limits, exact) :])

    def _search(self, group: list[Part], parts: Parts, limits: Ints, exact: Exact) -> int:
        """Search parts that have a chain in common; returns how many of them are done with."""
        i, before = group[0][1], self.best
        ways = np.array([s for *_, s in group])
        axes, chain = self.space.copies[ways].axes(len(self.space.size)), parts.chain(i)
        points = self.space.divisors[parts.passes[:, ways]].prod(0).max()
        labels = self._make_room(i, chain, int(points), int(limits[2]))
        exact = exact._replace(total=parts.totals[i])
        self.best, left, done = branch(
            axes.prod(2), axes, np.array([bound for bound, *_ in group]), limits, self.space.task, chain,
            parts.totals[i], parts.powers, parts.most, exact, labels, _memory.work, self.best,
        )  # fmt: skip
        self.left = min(self.left, left)
        if self.best < before:
            self.nest = self._mapping(exact)
        return int(done)

    def _exact(self, pricing: Pricing) -> Exact:
        space, layer, arch = self.space, self.space.layer, self.space.arch
        shape, levels = space.shape, len(arch.memories)
        keep = np.full((len(layer.tensors) + 1, levels), -1, np.int64)
        keep[-1] = [arch.nodes.index(m) for m in arch.memories]
        loops = np.zeros((LOOP_ROWS, MOST_LOOPS), np.int64)
        return Exact(
            *shape,
            *new_scratch(shape, MOST_LOOPS),
            *pricing.prices,
            loops,
            keep,
            new_counts(shape, levels),
            np.ones(len(shape.size), np.int64),
            np.ones(max(3, 2 * levels)),
            np.array(space.dims, np.int64),
            np.ones((len(space.fanouts), len(AXES), len(space.dims)), np.int64),
            loops.copy(),
            keep.copy(),
            np.zeros(3),
            self.tally,
        )

    def _make_room(self, i: int, chain: Chain, points: int, looked: int) -> Labels:
        """See to it that working memory is large enough for parts with chain `i` and so many points."""
        tensors, statuses = chain.level.shape
        stretches = len(self.space.fanouts) + 1
        rows = stretches * int(chain.number.prod())
        costs = len(chain.edge) * stretches
        need = (tensors * (1 + statuses) + costs + (looked + 2) * rows) * points
        if len(_memory.work) < need:
            _memory.work = np.empty(need)
        if len(_memory.heads) < rows * points:
            _memory.heads = np.empty(rows * points, np.int64)
        if i not in self.labels or len(self.labels[i].head) < rows * points:
            self.labels[i] = self._make_labels(chain)
        return self.labels[i]

    def _make_labels(self, chain: Chain) -> Labels:
        """Labels, in the memory that those of all chains have in common."""
        n, costs, edges = MOST_LABELS, len(chain.down), len(chain.edge)
        levels, fanouts = len(self.space.arch.memories), len(self.space.fanouts)
        floats, ints = n * np.array([costs, costs, costs, levels]), n * np.array([3, 4, 1, 1, fanouts, edges, edges])
        if len(_memory.floats) < floats.sum():
            _memory.floats = np.empty(floats.sum())
        if len(_memory.ints) < ints.sum():
            _memory.ints = np.empty(ints.sum(), np.int64)
        low, high, wide, used = np.split(_memory.floats[: floats.sum()], np.cumsum(floats)[:-1])
        at, move, heap, trace, crossed, closed, state = np.split(_memory.ints[: ints.sum()], np.cumsum(ints)[:-1])
        return Labels(
            at.reshape(n, 3),
            move.reshape(n, 4),
            low.reshape(n, costs),
            high.reshape(n, costs),
            used.reshape(n, levels),
            crossed.reshape(n, fanouts),
            closed.reshape(n, edges),
            state.reshape(n, edges),
            trace,
            wide.reshape(n, costs),
            heap,
            _memory.tops,
            _memory.keys,
            _memory.cycles,
            _memory.heads,
            _memory.ends,
            np.empty(costs),
        )

    def _mapping(self, exact: Exact) -> Mapping:
        """The best nest of the last part that was searched."""
        layer, arch = self.space.layer, self.space.arch
        loops, keep = exact.best_loops, exact.best_keep
        names = [d for d, _ in layer.dims]
        axes = [(f.name, a) for f in arch.fanouts for a in AXES]
        items: list[Item] = []
        for i in range(loops[LENGTH, 0] + 1):
            for level, memory in enumerate(arch.memories):
                kept = tuple(t.name for k, t in enumerate(layer.tensors) if keep[k, level] == i)
                if kept:
                    items.append(Keep(memory.name, kept))
            if i < loops[LENGTH, 0]:
                d, bound, a = int(loops[DIM, i]), int(loops[BOUND, i]), int(loops[AXIS, i])
                items.append(For(names[d], bound) if a < 0 else Parallel(*axes[a], names[d], bound))  # type: ignore[arg-type]
        return Mapping(tuple(items))
