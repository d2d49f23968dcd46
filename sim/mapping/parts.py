"""The parts of a map space, the most promising first: a chain of memories, and what the loops in space do.

There can be a hundred thousand ways to use the copies in space, most of which are too slow by far. So the bounds of
their parts are made when a cruder one, of all chains, says that it is time.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math

import numpy as np

from sim.kernels.bounds import HOME, NEVER, Chain
from sim.kernels.cost import CYCLES, DEPTH, FIXED, PORT_TIME, READ, STATIC, UPDATE, Floats
from sim.kernels.labels import SLACK
from sim.kernels.layout import Ints
from sim.kernels.roots import root_bounds, root_floors
from sim.mapping.objective import Objective
from sim.mapping.pricing import Kind, Pricing
from sim.mapping.space import Space

_AT_ONCE = 256  # ways to use the copies whose bounds are made together

Part = tuple[float, int, int]
"""What its nests are worth at least (a logarithm); the numbers of its chain and of its way to use the copies."""


class Parts:
    """The parts of a space that are still to be searched.

    Attributes:
        kinds: the kinds of nests; of each, `totals` has what they cost in any case.
        passes: of loops in time over each dimension, for every way to use the copies, [D, S].
    """

    def __init__(self, space: Space, objective: Objective, pricing: Pricing, feeders: list[tuple[int, ...]]) -> None:
        self.space = space
        self.powers = np.array(objective.powers)
        self.most = np.array([objective.most_pj, objective.most_cycles])
        codes, fanouts = np.flatnonzero(np.bincount(space.passing)).tolist(), range(len(space.fanouts))
        self.kinds = [
            Kind(f, straight, tuple(bool(code >> i & 1) for i in fanouts))
            for code in codes
            for f in feeders
            for straight in pricing.straight(f)
        ]
        totals = {f: space.total(f) for f in feeders}
        self.totals = [totals[kind.feeders] for kind in self.kinds]
        self._chain = functools.cache(lambda i: pricing.chain(self.kinds[i]))
        self._roots = [_Roots(space, pricing, code, self.kinds, self.totals) for code in codes]
        self.passes = space.copies.passes(space.size)
        self._crude = self._crude_bounds(pricing)
        n = min(_AT_ONCE, len(self._crude) - 1)
        self._first = np.partition(self._crude, n)[n]  # ways that are worth more are looked at later
        self._order = self._ordered(np.flatnonzero(self._crude <= self._first))
        self._begun = 0  # ways of these of which bounds have been made
        self._waiting: list[Part] = []

    def chain(self, i: int) -> Chain:
        """The chain of a kind of nests."""
        return self._chain(i)

    def take(self, many: int, best: float) -> list[Part]:
        """The most promising part, and up to so many others that follow it and are at hand.

        Those that are worth `best` or more may be missing.
        """
        while self.next < best and not self._is_clear(best):
            self._make_bounds(best)
        out: list[Part] = []
        while self._waiting and len(out) < many and self._is_clear(best):
            out.append(heapq.heappop(self._waiting))
        return out

    def _is_clear(self, best: float) -> bool:
        """Whether it is known which part to search next: any good one, as long as there is no nest."""
        return bool(self._waiting) and (best == NEVER or self._waiting[0][0] <= self.next)

    def put_back(self, parts: list[Part]) -> None:
        """They have not been searched yet."""
        for part in parts:
            heapq.heappush(self._waiting, part)

    @property
    def next(self) -> float:
        """Ways of which there are no bounds yet are worth at least this."""
        return float(self._crude[self._order[self._begun]]) if self._begun < len(self._order) else self._first

    def _ordered(self, ways: Ints) -> Ints:
        return ways[np.argsort(self._crude[ways], kind="stable")]

    def _make_bounds(self, best: float) -> None:
        """Make bounds of some more ways."""
        if self._begun == len(self._order):  # now it is known how good a nest may be
            self._order = self._ordered(np.flatnonzero((self._crude > self._first) & (self._crude < best)))
            self._begun, self._first = 0, math.inf
        chosen = self._order[self._begun : self._begun + _AT_ONCE]
        self._begun += len(chosen)
        for roots in self._roots:
            own = chosen[self.space.passing[chosen] == roots.code]
            bounds = roots.bounds(own, self.passes[:, own], self.powers, self.most)
            for s, k in np.argwhere(bounds < best).tolist():
                heapq.heappush(self._waiting, (float(bounds[s, k]), roots.kinds[k], int(own[s])))

    def _crude_bounds(self, pricing: Pricing) -> Floats:
        """For every way to use the copies, what a nest is worth at least: words come once, and PEs never wait."""
        task, prices, total = self.space.task, pricing.prices, np.min(self.totals, 0)
        action = np.where(task.kind[0] == 1, UPDATE, READ)
        words = task.words.prod(1)
        tensors, home = range(len(words)), task.kind[HOME]
        once = words @ prices.energy[tensors, home, action]
        busy = max(
            words * prices.port[tensors, home, action] @ (home == i) * prices.level[i, PORT_TIME] for i in home
        )
        cycles = np.maximum(self.passes.prod(0, dtype=float) * total[CYCLES], busy) + total[DEPTH]
        pj = total[FIXED] + once + total[STATIC] * cycles
        bits = words * prices.bits @ (home == 0)
        costs = np.log(np.maximum(1e-12, [pj, cycles, np.full_like(cycles, bits)]))
        beyond = (pj > self.most[0] * (1 + SLACK)) | (cycles > self.most[1] * (1 + SLACK))
        return np.where(beyond, NEVER, self.powers @ costs)


class _Roots:
    """Bounds of the parts whose ways to use the copies pass on words across the same fanouts.

    What a tensor costs depends on what a kind of nests says of that tensor. So it is worked out for as many kinds
    only as are needed to see all that there is.

    Attributes:
        code: these fanouts.
        kinds: the numbers of the kinds of nests.
    """

    def __init__(self, space: Space, pricing: Pricing, code: int, kinds: list[Kind], totals: list[Floats]) -> None:
        self.space, self.code = space, code
        self.kinds = [i for i, kind in enumerate(kinds) if sum(p << f for f, p in enumerate(kind.passing)) == code]
        tensors, said = range(len(space.layer.tensors)), {}
        self.chains: list[Chain] = []
        while True:
            new = {i: [t for t in tensors if (t, kinds[i].of(t)) not in said] for i in self.kinds}
            most = max(self.kinds, key=lambda i: len(new[i]))
            if not new[most]:
                break
            said.update({(t, kinds[most].of(t)): len(self.chains) for t in new[most]})
            self.chains.append(pricing.chain(kinds[most], light=True))
        self.picks = np.array([[said[t, kinds[i].of(t)] for t in tensors] for i in self.kinds])
        self.fixed = np.array([totals[i] for i in self.kinds])

    def bounds(self, ways: Ints, passes: Ints, powers: Floats, most: Floats) -> Floats:
        """For ways to use the copies, and every kind of nests, what nests are worth at least, [S, K]."""
        task, role = self.space.task, self.chains[0].role
        copies = self.space.copies[ways].axes(len(task.size)).prod(2)
        floors = np.empty((len(self.chains), len(ways), len(task.depends), len(role)))
        for chain, out in zip(self.chains, floors, strict=True):
            root_floors(copies, task, chain, out)
        bounds = np.empty((len(ways), len(self.kinds)))
        root_bounds(floors, self.picks, passes.prod(0, dtype=float), task, self.fixed, role, powers, most, bounds)
        return bounds


def by_chain(parts: list[Part]) -> list[list[Part]]:
    """Parts that have a chain in common, in the same order."""
    ordered = sorted(parts, key=lambda part: part[1])
    groups = [list(group) for _, group in itertools.groupby(ordered, key=lambda part: part[1])]
    return sorted(groups)
