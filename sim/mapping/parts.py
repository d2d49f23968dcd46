"""The parts of a map space, the most promising first: a chain of memories, and what the loops in space do.

There can be a hundred thousand ways to use the copies in space, most of which are too slow by far. So the bounds of
their parts are made when a cruder one, of all chains, says that it is time.
"""

from __future__ import annotations

import heapq
import itertools
import math

import numpy as np

from sim.kernels.bounds import ADDED, HOME, NEVER, TIMES, Chain
from sim.kernels.cost import CYCLES, DEPTH, FIXED, PORT_TIME, READ, STATIC, UPDATE, Floats
from sim.kernels.labels import SLACK
from sim.kernels.roots import root_bounds
from sim.mapping.objective import Objective
from sim.mapping.pricing import Pricing
from sim.mapping.space import Space

_AT_ONCE = 256  # ways to use the copies whose bounds are made together

Part = tuple[float, int, int]
"""What its nests are worth at least (a logarithm); the numbers of its chain and of its way to use the copies."""


class Parts:
    """The parts of a space that are still to be searched.

    Attributes:
        chains: which memories may keep which tensor; of each, `totals` has what nests cost in any case.
    """

    def __init__(self, space: Space, objective: Objective, pricing: Pricing, feeders: list[tuple[int, ...]]) -> None:
        self.space = space
        self.powers = np.array(objective.powers)
        self.most = np.array([objective.most_pj, objective.most_cycles])
        code = space.passing @ (1 << np.arange(len(space.fanouts)))
        codes, first = np.unique(code, return_index=True)
        kinds = [(f, straight, n) for n in range(len(codes)) for f in feeders for straight in pricing.straight(f)]
        self.chains = [pricing.chain(f, straight, space.passing[first[n]]) for f, straight, n in kinds]
        self.totals = [space.prices(f).total for f, *_ in kinds]
        self._light = [_light(chain) for chain in self.chains]
        self._ways = [code == codes[n] for *_, n in kinds]
        self._crude = self._crude_bounds(pricing)
        self._order = np.argsort(self._crude, kind="stable")
        self._begun = 0  # ways of which bounds have been made
        self._waiting: list[Part] = []

    def take(self, many: int) -> list[Part]:
        """The most promising part, and up to so many others that follow it and are at hand."""
        self._make_bounds()
        out: list[Part] = []
        while self._waiting and len(out) < many and self._waiting[0][0] <= self._next:
            out.append(heapq.heappop(self._waiting))
        return out

    def put_back(self, parts: list[Part]) -> None:
        """They have not been searched yet."""
        for part in parts:
            heapq.heappush(self._waiting, part)

    @property
    def _next(self) -> float:
        """Ways of which there are no bounds yet are worth at least this."""
        return float(self._crude[self._order[self._begun]]) if self._begun < len(self._order) else math.inf

    def _make_bounds(self) -> None:
        """Make bounds until it is clear which part is the most promising one."""
        copies = self.space.copies[1]
        while self._begun < len(self._order) and not (self._waiting and self._waiting[0][0] <= self._next):
            chosen = self._order[self._begun : self._begun + _AT_ONCE]
            self._begun += len(chosen)
            for i, chain in enumerate(self._light):
                own = chosen[self._ways[i][chosen]]
                bounds = np.empty(len(own))
                root_bounds(copies[own], self.space.task, chain, self.totals[i], self.powers, self.most, bounds)
                for bound, s in zip(bounds.tolist(), own.tolist(), strict=True):
                    heapq.heappush(self._waiting, (bound, i, s))

    def _crude_bounds(self, pricing: Pricing) -> Floats:
        """For every way to use the copies, what a nest is worth at least: words come once, and PEs never wait."""
        task, prices, total = self.space.task, pricing.prices, np.min(self.totals, 0)
        one = np.ones((1, len(task.size)), np.int64)  # where there is no fanout
        passes = -(-task.size // math.prod(self.space.copies[1].swapaxes(0, 1), start=one))
        action = np.where(task.kind[0] == 1, UPDATE, READ)
        words = task.words.prod(1)
        tensors, home = range(len(words)), task.kind[HOME]
        once = words @ prices.energy[tensors, home, action]
        busy = max(
            words * prices.port[tensors, home, action] @ (home == i) * prices.level[i, PORT_TIME] for i in home
        )
        cycles = np.maximum(math.prod(passes.T) * total[CYCLES], busy) + total[DEPTH]
        pj = total[FIXED] + once + total[STATIC] * cycles
        bits = words * prices.bits @ (home == 0)
        costs = np.log(np.maximum(1e-12, [pj, cycles, np.full_like(cycles, bits)]))
        beyond = (pj > self.most[0] * (1 + SLACK)) | (cycles > self.most[1] * (1 + SLACK))
        return np.where(beyond, NEVER, self.powers @ costs)


def by_chain(parts: list[Part]) -> list[list[Part]]:
    """Parts that have a chain in common, in the same order."""
    ordered = sorted(parts, key=lambda part: part[1])
    groups = [list(group) for _, group in itertools.groupby(ordered, key=lambda part: part[1])]
    return sorted(groups)


def _light(chain: Chain) -> Chain:
    """A chain without the costs that say nothing before anything has closed."""
    tells = chain.role > ADDED
    tells[:TIMES] = True
    names = ("down", "up", "added", "tile", "among", "role", "per_tile")
    return chain._replace(**{name: np.ascontiguousarray(getattr(chain, name)[tells]) for name in names})
