"""The map space of a layer on a machine, lowered to the tables of the exact search.

A nest belongs to the space if it is legal and

- every tensor is kept at its home, and in any of the memories further in that may keep it, each at its own place;
- over the axes of the fanouts a dimension of size X is spread s ways, where s divides X or is the least for the
  passes ceil(X / s) that it leaves; its loops in time make exactly so many passes, in any factors, in any order;
- it obeys the dataflow;
- a tensor that passes by a memory outside a fanout closes outside that fanout: not listed by the search are nests in
  which loops inside a PE bring it word by word from further out (an edge such as partial sums from a PE to DRAM).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.arch.tree import Architecture, Fanout, Memory
from sim.kernels.bounds import Task
from sim.kernels.cost import Floats, Prices
from sim.kernels.layout import COEF, FIRST, LAST, PASSED_ON, TERM, TERMS, WORDS, Ints, Shape
from sim.kernels.layout import EXTENT as RANK_EXTENT
from sim.kernels.layout import OFFSET as RANK_OFFSET
from sim.mapping.copies import Copies, distinct
from sim.mapping.dataflow import Dataflow, held_roles, letters, pe_memories
from sim.mapping.mirror import is_first, mirrors
from sim.mapping.prices import prices_of, total_of
from sim.mapping.problem import AXES, shape_of
from sim.workload.layer import Layer, Tensor


@dataclass(frozen=True)
class Space:
    """The map space of one layer on one machine under one dataflow."""

    layer: Layer
    arch: Architecture
    dataflow: Dataflow

    @cached_property
    def dims(self) -> tuple[int, ...]:
        """Dimensions that vary, by their numbers in the layer."""
        return tuple(i for i, (_, bound) in enumerate(self.layer.dims) if bound > 1)

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """What the dataflow calls them."""
        letter = letters(self.layer)
        return tuple(letter[self.layer.dims[i][0]] for i in self.dims)

    @cached_property
    def size(self) -> Ints:
        """Their sizes."""
        return np.array([self.layer.dims[i][1] for i in self.dims], np.int64)

    @cached_property
    def fanouts(self) -> tuple[Fanout, ...]:
        """The innermost first."""
        return self.arch.fanouts[::-1]

    @cached_property
    def shape(self) -> Shape:
        """The layer on the machine, for the counting kernel."""
        return shape_of(self.layer, self.arch)

    def stage(self, memory: Memory) -> int:
        """Fanouts inside a memory."""
        return sum(isinstance(n, Fanout) for n in self.arch.nodes[self.arch.nodes.index(memory) :])

    # ------------------------------------------------------------------ where tensors are kept

    def feeders(self, tensor: Tensor) -> tuple[int, ...]:
        """Numbers of the memories that may feed the arithmetic with a tensor, or take it from there."""
        may = self.keepers(tensor)
        last = [i for i in may if self.arch.memories[i] in pe_memories(self.arch)][-1:]
        if self.dataflow.pe_keeps is not None and last:
            return tuple(last)
        return may

    def keepers(self, tensor: Tensor) -> tuple[int, ...]:
        """Numbers of the memories that may keep a tensor, its home first, then inward."""
        inside, held = pe_memories(self.arch), tensor.role in held_roles(self.dataflow)
        home, *inward = self.arch.keepers(tensor.name, tensor.role)
        return tuple(self.arch.memories.index(m) for m in (home, *(m for m in inward if held or m not in inside)))

    # ------------------------------------------------------------------ what loops in space do

    def spreads(self, f: int, axis: str) -> list[tuple[int, ...]]:
        """Bounds of the loops over an axis of fanout `f`, one for every dimension."""
        copies = getattr(self.fanouts[f], axis)
        choices = [self._bounds(d, f, axis, copies) for d in range(len(self.dims))]
        out: list[tuple[int, ...]] = []

        def extend(chosen: tuple[int, ...], room: int) -> None:
            if len(chosen) == len(choices):
                out.append(chosen)
                return
            for bound in choices[len(chosen)]:
                if bound <= room:
                    extend((*chosen, bound), room // bound)

        extend((), copies)
        return out

    def _bounds(self, d: int, f: int, axis: str, copies: int) -> list[int]:
        """Bounds that a dimension may have over an axis."""
        letter, size = self.letters[d], int(self.size[d])
        if letter in self.dataflow.pe_whole:
            return [1]
        if f == 0 and not self.dataflow.may_spread(axis, letter):
            return [1]
        if f == 0 and self._demanded(d, axis):
            return [self._demanded(d, axis)]
        size = -(-size // int(self.demanded[d]))
        totals = {-(-size // passes) for passes in range(1, size + 1)} | {
            s for s in range(1, size + 1) if size % s == 0
        }
        return [b for b in range(1, min(size, copies) + 1) if any(s % b == 0 for s in totals)]

    @cached_property
    def copies(self) -> Copies:
        """Bounds in space; of mirrored ways to use the copies, one."""
        own, exchanges = [], mirrors(self)
        for f in range(len(self.fanouts)):
            ways = (self.spreads(f, axis) for axis in AXES)
            x, y = (np.array(bounds, np.int64).reshape(len(bounds), len(self.dims)) for bounds in ways)
            pairs = np.stack([np.repeat(x, len(y), 0), np.tile(y, (len(x), 1))], 1)
            if len(self.fanouts) == 1:
                pairs = pairs[self._economic(Copies.of([pairs]))]
            pairs = pairs[distinct(pairs.prod(1))]
            own.append(pairs if f else pairs[is_first(Copies.of([pairs]), exchanges)])
        out = Copies.of(own)
        out = out[self._economic(out)]
        return out[is_first(out, exchanges)]

    @cached_property
    def passing(self) -> Ints:
        """For every way to use the copies, across which fanouts words are passed on: a sum of powers of two."""
        passes_on = (self.task.share == PASSED_ON).any(0)
        used = self.copies.gathered(total.max(1, initial=1) > 1 for total in self.copies.totals)
        out = np.zeros(len(self.copies), np.int64)
        for f, uses in enumerate(used):
            out += (uses & passes_on[f]) << f
        return out

    @cached_property
    def divisors(self) -> Ints:
        """How many divisors there are of every number of passes that there may be."""
        most = int(self.size.max(initial=1))
        out = np.zeros(most + 1, np.int64)
        for d in range(1, math.isqrt(most) + 1):  # the smaller of two whose product is the number
            out[d * d] += 1
            out[d * (d + 1) :: d] += 2
        return out

    def _economic(self, copies: Copies) -> np.ndarray:
        """In which ways total bounds divide, or are the least for the passes that they leave."""
        out = np.ones(len(copies), bool)
        for d, demanded in enumerate(self.demanded.tolist()):
            own = [total[:, d] for total in copies.totals]
            most = math.prod(int(total.max(initial=1)) for total in own)
            size, each = -(-int(self.size[d]) // demanded), np.arange(1, most // demanded + 1)
            fine = np.repeat((size % each == 0) | (-(-size // -(-size // each)) == each), demanded)
            if own:
                out &= fine[math.prod(copies.gathered(own)) - demanded]
        return out

    @cached_property
    def demanded(self) -> Ints:
        """Bounds over the innermost fanout that the dataflow leaves no choice about."""
        out = np.ones_like(self.size)
        for d, letter in enumerate(self.letters):
            for axis in AXES if self.fanouts and letter not in self.dataflow.pe_whole else ():
                out[d] *= self._demanded(d, axis) or 1
        return out

    def _demanded(self, d: int, axis: str) -> int:
        """The bound that a dimension must have over an axis of the innermost fanout; 0 if that is open."""
        copies, letter = getattr(self.fanouts[0], axis), self.letters[d]
        must = copies > 1 and self.dataflow.must_spread(axis, letter)
        return min(int(self.size[d]), copies) if must else 0

    # ------------------------------------------------------------------ tables

    @cached_property
    def task(self) -> Task:
        """The layer on the machine, for the bounds."""
        shape, dims, tensors = self.shape, self.dims, self.layer.tensors
        number = {d: i for i, d in enumerate(dims)}
        depends = np.zeros((len(tensors), len(dims)), np.int64)
        most, words = np.zeros_like(depends), np.ones((len(tensors), 3))
        window = np.full((len(tensors), 2, 4), -1)
        ends, kind = np.full((len(tensors), 2, 3), -1), np.zeros((4, len(tensors)), np.int64)
        for t, tensor in enumerate(tensors):
            kind[:, t] = tensor.role == "outputs", 0, tensor.bits, self.keepers(tensor)[0]
            windows = 0
            for k in range(shape.tensors[t, FIRST], shape.tensors[t, LAST]):
                rank = shape.ranks[k]
                terms = [
                    (number[int(rank[TERM + i])], int(rank[COEF + i])) for i in range(TERMS) if rank[TERM + i] >= 0
                ]
                for d, _ in terms:
                    depends[t, d] = 1
                if len(terms) == 2 and tensor.role != "outputs" and windows < 2:
                    window[t, windows] = terms[0][0], terms[1][0], terms[0][1], terms[1][1]
                    words[t, 1 + windows] = rank[WORDS]
                    ends[t, windows] = rank[RANK_OFFSET], rank[RANK_EXTENT], self._misses(rank)
                    windows += 1
                    continue
                words[t, 0] *= rank[WORDS]
                if len(terms) > 1:
                    kind[1, t] = 1
                for d, _ in terms[:1]:
                    most[t, d] = rank[WORDS]
            if kind[1, t]:
                words[t, 0] *= words[t, 1] * words[t, 2]
                words[t, 1:], window[t] = 1, -1
        share = np.array(
            [
                [shape.tensors[t, shape.tensors.shape[1] - 2 * (f + 1)] for f in range(len(self.fanouts))]
                for t in range(len(tensors))
            ],
            np.int64,
        ).reshape(len(tensors), len(self.fanouts))
        node = np.array([self.arch.nodes.index(f) for f in self.fanouts], np.int64)
        flow = self.dataflow
        rules = np.array(
            [
                [letter in flow.pe_whole for letter in self.letters],
                [letter in flow.inner for letter in self.letters],
                [flow.pe_dims is None or letter in flow.pe_dims for letter in self.letters],
            ],
            np.int64,
        ).reshape(3, -1)
        room = np.array([m.room_bits for m in self.arch.memories])
        return Task(self.size, depends, most, window, words, ends, kind, share, node, rules, room)

    def _misses(self, rank: Ints) -> int:
        """How often, over all positions of a window, a word is touched that does not exist."""
        if rank[RANK_EXTENT] < 0:
            return 0
        own = [(c, int(self.shape.size[d])) for d, c in zip(rank[TERM:COEF], rank[COEF:], strict=False) if d >= 0]
        at = np.add.outer(*(c * np.arange(n) for c, n in own)) + rank[RANK_OFFSET]
        return int(((at < 0) | (at >= rank[RANK_EXTENT])).sum())

    def prices(self, feeders: tuple[int, ...]) -> Prices:
        """What nests cost in which these memories feed the arithmetic."""
        return prices_of(self.layer, self.arch, self._kept(feeders))

    def total(self, feeders: tuple[int, ...]) -> Floats:
        """The last of these prices; the others do not depend on what feeds the arithmetic."""
        return total_of(self.layer, self.arch, self._kept(feeders))

    def _kept(self, feeders: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
        memories = self.arch.memories
        return {t.name: (memories[i].name,) for t, i in zip(self.layer.tensors, feeders, strict=True)}
