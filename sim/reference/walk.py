"""The naive twin of the counting kernel: it walks every iteration of a nest and moves real numbers.

Every copy of every level has a buffer (word -> value). When a tile changes, the words that a buffer lacks are
fetched from the copy above, and partial sums that leave are added into the copy above; crossings of every gap are
counted as they happen. At the end the outermost level holds the layer's output.

The rules, as everywhere in tilenest:

- A copy fetches a word when its tile needs it and its last tile did not have it. A copy without work in some step
  (short last tiles) keeps what it has.
- Copies along an axis with multicast that fetch a word in the same step share one crossing; with reduction, the
  partial sums that they began together are added on the way and cross as one.
- Copies with neighbour links pass words on: what any copy that has work had in its last tile does not cross again,
  even if it is the arithmetic, whose links hold the operands of the last step.
- A memory that takes a partial sum from below reads what it has of it, adds and writes, but for the first time.
- A partial sum that is begun for the first time starts from zero and is not fetched. One that comes back is fetched
  by every copy that takes part; its value goes to one of them, the others start from zero.
- The arithmetic keeps nothing: it fetches its operands, and adds one partial sum, in every step.
- Words that lie in padding do not exist and never move.

Meant to be read, and to be believed because of it. Use it on small layers.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.arch.tree import Architecture, Fanout
from sim.mapping.nest import Keep, Mapping, Parallel
from sim.workload.layer import Layer, Tensor

Word = tuple[int, ...]
Copy = tuple[int, ...]  # digits of the parallel loops that number the copies of a node
Digits = tuple[int, ...]  # one value for every loop
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Walk:
    """What was observed. Gaps are named by the node above: ``down["weights", "dram"]``.

    ``added`` are partial sums that a memory reads to add to them, although they do not go down.
    """

    down: Counter[tuple[str, str]] = field(default_factory=Counter)
    up: Counter[tuple[str, str]] = field(default_factory=Counter)
    added: Counter[tuple[str, str]] = field(default_factory=Counter)
    tile: dict[tuple[str, str], int] = field(default_factory=dict)
    steps: int = 0
    used: int = 0
    macs: int = 0
    output: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(slots=True)
class _Stop:
    """One node at which a tensor stops on its way: a memory that keeps it, or the arithmetic."""

    node: int
    name: str
    position: int  # loops outside the keep
    tiles: dict[Copy, dict[Word, float]] = field(default_factory=lambda: defaultdict(dict))
    seen: Digits | None = None


class _Walker:
    def __init__(self, layer: Layer, arch: Architecture, mapping: Mapping, data: Map[str, Map[Word, float]]) -> None:
        self.layer, self.arch, self.data = layer, arch, data
        self.sizes, self.loops, self.steps = layer.sizes, mapping.loops, mapping.steps()
        self.node_of = {n.name: i for i, n in enumerate(arch.nodes)}
        self.log = Walk()
        self.stops = {t.name: self._stops(t, mapping) for t in layer.tensors}
        self.begun: dict[tuple[str, int, Copy], set[Word]] = defaultdict(set)
        self.known: dict[tuple[str, Copy], set[Word]] = defaultdict(set)
        self.member: dict[tuple[str, int, Copy, Word], list[int]] = {}

    def _stops(self, tensor: Tensor, mapping: Mapping) -> list[_Stop]:
        stops, position = [], 0
        for item in mapping:
            if not isinstance(item, Keep):
                position += 1
            elif tensor.name in item.tensors:
                stops.append(_Stop(self.node_of[item.level], item.level, position))
        stops.append(_Stop(len(self.arch.nodes) - 1, self.arch.compute.name, position))
        return stops

    # -- where iterations lie ---------------------------------------------------------------------------------

    def start(self, digits: Digits, end: int) -> dict[str, int] | None:
        """First index of every dimension at these digits of the outer `end` loops; None beyond the layer."""
        at = dict.fromkeys(self.sizes, 0)
        for loop, step, digit in zip(self.loops[:end], self.steps, digits, strict=False):
            at[loop.dim] += digit * step
        return at if all(at[d] < self.sizes[d] for d in at) else None

    def words(self, tensor: Tensor, at: Map[str, int], end: int) -> set[Word]:
        """Words that the loops from `end` inward touch, beginning at the indices `at`."""
        extent = dict.fromkeys(self.sizes, 1)
        for loop in self.loops[end:]:
            extent[loop.dim] *= loop.bound
        values = {d: range(at[d], min(at[d] + extent[d], self.sizes[d])) for d in tensor.dims}
        touched = set()
        for point in itertools.product(*values.values()):
            word = self.word(tensor, dict(zip(values, point, strict=True)))
            if word is not None:
                touched.add(word)
        return touched

    def word(self, tensor: Tensor, at: Map[str, int]) -> Word | None:
        """The word at an index, or None in padding."""
        index = tuple(r.offset + sum(c * at[d] for d, c in r.terms) for r in tensor.ranks)
        exists = all(r.extent is None or 0 <= i < r.extent for r, i in zip(tensor.ranks, index, strict=True))
        return index if exists else None

    def copies(self, time: Digits, end: int) -> Iterator[tuple[Copy, dict[str, int]]]:
        """Copies that have work at the values `time` of the outer temporal loops: digits in space, first indices."""
        outer = self.loops[:end]
        for space in itertools.product(*(range(x.bound) for x in outer if isinstance(x, Parallel))):
            times, spaces = iter(time), iter(space)
            digits = tuple(next(spaces) if isinstance(x, Parallel) else next(times) for x in outer)
            at = self.start(digits, end)
            if at is not None:
                yield space, at

    def above(self, copy: Copy, node: int) -> Copy:
        """The copy of `node` under which a copy further in stands."""
        parallel = [x for x in self.loops if isinstance(x, Parallel)]
        return tuple(d for d, x in zip(copy, parallel, strict=False) if self.node_of[x.fanout] < node)

    def group(self, tensor: Tensor, copy: Copy, gap: int, child: int) -> Copy:
        """Number of the crossing that a copy of node `child` shares at `gap`: digits along shared axes drop out."""
        parallel = [x for x in self.loops if isinstance(x, Parallel)]
        out = []
        for digit, x in zip(copy, parallel, strict=False):
            fanout = self.arch[x.fanout]
            assert isinstance(fanout, Fanout)
            link = fanout.link(tensor.name, tensor.role)
            shared = link.reduce if tensor.role == "outputs" else link.multicast or link.neighbour
            out.append(-1 if gap < self.node_of[x.fanout] < child and shared else digit)
        return tuple(out)

    # -- moving words -----------------------------------------------------------------------------------------

    def cross_down(self, tensor: Tensor, tiles: Map[Copy, set[Word]], parent: _Stop, child: _Stop) -> None:
        """Count fetched operands at every gap between two stops, where the copies of `child` get these tiles."""
        arithmetic = child is self.stops[tensor.name][-1]
        for gap in range(parent.node, child.node):
            crossing: set[tuple[Copy, Word]] = set()
            held: set[tuple[Copy, Word]] = set()
            passes_on = self.passes_on(tensor, gap, child.node)
            for copy, tile in tiles.items():
                group = self.group(tensor, copy, gap, child.node)
                old = set(child.tiles[copy])
                keeps = set() if arithmetic or passes_on else old
                crossing |= {(group, word) for word in tile - keeps}
                held |= {(group, word) for word in old} if passes_on else set()
            self.log.down[tensor.name, self.arch.nodes[gap].name] += len(crossing - held)

    def passes_on(self, tensor: Tensor, gap: int, child: int) -> bool:
        """Whether a fanout between `gap` and node `child`, whose copies are in use, has neighbour links."""
        for x in self.loops:
            if isinstance(x, Parallel) and x.bound > 1 and gap < self.node_of[x.fanout] < child:
                fanout = self.arch[x.fanout]
                assert isinstance(fanout, Fanout)
                if fanout.link(tensor.name, tensor.role).neighbour:
                    return True
        return False

    def begin(
        self, tensor: Tensor, starts: Map[Copy, set[Word]], parent: _Stop, child: _Stop
    ) -> set[tuple[Copy, Word]]:
        """Partial sums begin: count those that come back. Returns what has to be fetched from above, per copy."""
        back = set()
        for gap in range(parent.node, child.node):
            open_now: dict[tuple[Copy, Word], list[int]] = {}
            returning = set()
            for copy, words in starts.items():
                group = self.group(tensor, copy, gap, child.node)
                for word in words:
                    if word in self.begun[tensor.name, gap, group]:
                        returning.add((group, word))
                        if gap == parent.node:
                            back.add((copy, word))
                    count = open_now.setdefault((group, word), [0])
                    count[0] += 1
                    self.member[tensor.name, gap, copy, word] = count
            for group, word in open_now:
                if gap == parent.node and (group, word) not in returning:
                    self.add_to(tensor, group, word, parent)
                self.begun[tensor.name, gap, group].add(word)
            self.log.down[tensor.name, self.arch.nodes[gap].name] += len(returning)
        return back

    def add_to(self, tensor: Tensor, group: Copy, word: Word, parent: _Stop) -> None:
        """A group of copies begins a word. If another has begun it, too, the parent will add the one to the other."""
        known = self.known[parent.name, self.above(group, parent.node)]
        self.log.added[tensor.name, parent.name] += word in known
        known.add(word)

    def finish(self, tensor: Tensor, copy: Copy, word: Word, value: float, index: int) -> None:
        """A partial sum leaves stop `index` upward. It crosses a gap with the last of those it began with."""
        stops = self.stops[tensor.name]
        for gap in range(stops[index - 1].node, stops[index].node):
            count = self.member.pop((tensor.name, gap, copy, word))
            count[0] -= 1
            if count[0] == 0:
                self.log.up[tensor.name, self.arch.nodes[gap].name] += 1
        for stop in reversed(stops[:index]):  # an idle copy may be late: its word is then further out
            tile = stop.tiles[self.above(copy, stop.node)]
            if word in tile:
                tile[word] += value
                return
        raise AssertionError("a partial sum has nowhere to go")

    def take_back(self, tensor: Tensor, fetched: Iterable[tuple[Copy, Word]], index: int) -> None:
        """Move the values of returning partial sums from the copy above to the first copy that asked."""
        stops = self.stops[tensor.name]
        for copy, word in sorted(fetched):
            tile = stops[index - 1].tiles[self.above(copy, stops[index - 1].node)]
            stops[index].tiles[copy][word] += tile[word]
            tile[word] = 0.0

    # -- the walk ---------------------------------------------------------------------------------------------

    def new_tiles(self, tensor: Tensor, time: Digits) -> None:
        """Change the tiles of all levels outside whose keep a loop has advanced."""
        stops = self.stops[tensor.name]
        changed = []
        for index, stop in enumerate(stops[:-1]):
            outer = sum(not isinstance(x, Parallel) for x in self.loops[: stop.position])
            if stop.seen != time[:outer]:
                stop.seen = time[:outer]
                changed.append(index)
        new = {
            i: {
                c: self.words(tensor, at, stops[i].position)
                for c, at in self.copies(stops[i].seen or (), stops[i].position)
            }
            for i in changed
        }
        if tensor.role == "outputs":
            for i in reversed(changed):  # what leaves goes up before anything comes down
                for copy, tile in new[i].items():
                    for word in set(stops[i].tiles[copy]) - tile:
                        self.leave(tensor, copy, word, i)
        for i in changed:
            self.enter(tensor, i, new[i])

    def leave(self, tensor: Tensor, copy: Copy, word: Word, index: int) -> None:
        """A partial sum leaves a buffer."""
        value = self.stops[tensor.name][index].tiles[copy].pop(word)
        if index:
            self.finish(tensor, copy, word, value, index)

    def enter(self, tensor: Tensor, index: int, new: Map[Copy, set[Word]]) -> None:
        """Fill the buffers of stop `index` with what their new tiles lack."""
        stops = self.stops[tensor.name]
        stop = stops[index]
        lacks = {copy: tile - set(stop.tiles[copy]) for copy, tile in new.items()}
        key = tensor.name, stop.name
        self.log.tile[key] = max([self.log.tile.get(key, 0), *map(len, new.values())])
        if tensor.role == "outputs":
            back = self.begin(tensor, lacks, stops[index - 1], stop) if index else set()
            for copy, words in lacks.items():
                stop.tiles[copy].update(dict.fromkeys(words, 0.0))
            self.take_back(tensor, back, index)
            return
        if index:
            self.cross_down(tensor, new, stops[index - 1], stop)
        for copy, tile in new.items():
            source = (
                stops[index - 1].tiles[self.above(copy, stops[index - 1].node)] if index else self.data[tensor.name]
            )
            old = stop.tiles[copy]
            stop.tiles[copy] = {w: old[w] if w in old else source[w] for w in tile}

    def multiply(self, work: Map[Copy, Map[str, int]]) -> None:
        """One step of the array: every copy with work fetches its operands and adds one product."""
        self.log.steps += 1
        self.log.used = max(self.log.used, len(work))
        self.log.macs += len(work)
        product = dict.fromkeys(work, 1.0)
        for tensor in self.layer.tensors:
            parent, child = self.stops[tensor.name][-2:]
            wants = {copy: w for copy, at in work.items() if (w := self.word(tensor, at)) is not None}
            if tensor.role == "outputs":
                self.begin(tensor, {c: {w} for c, w in wants.items()}, parent, child)
                continue
            self.cross_down(tensor, {c: {wants[c]} if c in wants else set() for c in work}, parent, child)
            for copy in work:
                child.tiles[copy] = {wants[copy]: 0.0} if copy in wants else {}
                tile = parent.tiles[self.above(copy, parent.node)]
                product[copy] *= tile[wants[copy]] if copy in wants else 0.0
        out = self.layer.outputs
        for copy, at in work.items():
            word = self.word(out, at)
            if word is not None:
                self.finish(out, copy, word, product[copy], len(self.stops[out.name]) - 1)

    def run(self) -> Walk:
        temporal = [x for x in self.loops if not isinstance(x, Parallel)]
        for time in itertools.product(*(range(x.bound) for x in temporal)):
            work = dict(self.copies(time, len(self.loops)))
            if not work:
                continue
            for tensor in self.layer.tensors:
                self.new_tiles(tensor, time)
            self.multiply(work)
        out = self.layer.outputs
        stops = self.stops[out.name]
        for index in range(len(stops) - 2, 0, -1):
            for copy in list(stops[index].tiles):
                for word in list(stops[index].tiles[copy]):
                    self.leave(out, copy, word, index)
        self.log.output = _dense(stops[0].tiles[()])
        return self.log


def _dense(words: Map[Word, float]) -> Floats:
    low = np.min(list(words), axis=0)
    out = np.zeros(np.max(list(words), axis=0) - low + 1)
    for word, value in words.items():
        out[tuple(np.array(word) - low)] = value
    return out


def operands(layer: Layer, seed: int) -> dict[str, dict[Word, float]]:
    """Small whole numbers for every input word that exists, so that sums are exact in any order."""
    rng = np.random.default_rng(seed)
    sizes = layer.sizes
    return {
        t.name: {
            w: float(rng.integers(-4, 5)) for w in itertools.product(*(sorted(r.indices(sizes)) for r in t.ranks))
        }
        for t in layer.tensors
        if t.role != "outputs"
    }


def direct(layer: Layer, data: Map[str, Map[Word, float]]) -> Floats:
    """The layer's output by its definition, one product after the other."""
    out: dict[Word, float] = defaultdict(float)
    names = [d for d, _ in layer.dims]
    for point in itertools.product(*(range(b) for _, b in layer.dims)):
        at = dict(zip(names, point, strict=True))
        index = {t.name: tuple(r.offset + sum(c * at[d] for d, c in r.terms) for r in t.ranks) for t in layer.tensors}
        target = layer.outputs
        if all(r.extent is None or 0 <= i < r.extent for r, i in zip(target.ranks, index[target.name], strict=True)):
            factors = [data[t.name].get(index[t.name], 0.0) for t in layer.tensors if t.role != "outputs"]
            out[index[target.name]] += float(np.prod(factors))
    return _dense(out)


def walk(layer: Layer, arch: Architecture, mapping: Mapping, seed: int = 0) -> Walk:
    """Run a legal mapping on random operands, iteration by iteration."""
    return _Walker(layer, arch, mapping, operands(layer, seed)).run()
