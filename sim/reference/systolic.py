"""A systolic array, register by register: every word moves through every PE on its way, one PE in a cycle.

It yields the product, so that words that meet wrongly are found out, and by observation the cycles and the words that
move. The array keeps to the rules that `sim.kernels.systolic` states in closed form, and to these details:

- A fold lies in the top left corner. What wanders right enters row q q cycles after row 0; what wanders down enters
  column c c cycles after column 0. Sums leave at the bottom, so they pass rows that the fold does not use.
- What stays is shifted in from the top, the bottom row's word first. A row takes part only from the cycle on in which
  its first word comes, so the word before is safe until then. Where folds overlap there is a second register for it,
  and the word in use is replaced when the first step of the fold arrives.
- Sums that stayed are taken over into a register of the column, wait for the bottom row of the fold, and go down.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from sim.reference.systolic_array import (
    LEFT,
    REAL,
    VALUE,
    Array,
    Flags,
    Matrix,
    Numbers,
    Rules,
    Run,
    Snapshot,
    Watch,
    Wave,
    count,
    folds_of,
    padded,
)

Stationary = Literal["os", "ws", "is"]

SCALESIM = Rules(overlap=False, drain=False, whole=True)


def simulate(
    inputs: Numbers,
    weights: Numbers,
    size: tuple[int, int],
    stationary: Stationary,
    rules: Rules = Rules(),  # noqa: B008 (frozen)
    exists: Flags | None = None,
    watch: Watch = None,
) -> Run:
    """Run ``inputs @ weights`` on an array.

    Args:
        inputs: [x, k].
        weights: [k, n].
        size: rows and columns of the array.
        exists: [x, k], false for padding, which must be 0; none by default.
        watch: is shown every cycle.

    >>> run = simulate(np.ones((3, 2), np.int64), np.ones((2, 4), np.int64), (2, 2), "ws", SCALESIM)
    >>> run.product.tolist()[0], run.cycles
    ([2, 2, 2, 2], 14)
    """
    run = Run(np.zeros((len(inputs), weights.shape[1]), np.int64))
    x: Matrix = (inputs, np.ones(inputs.shape, np.bool_) if exists is None else exists)
    w: Matrix = (weights, np.ones(weights.shape, np.bool_))
    if stationary == "os":
        _SumsStay(run, size, rules, watch, x, w).go()
    elif stationary == "ws":
        _Loaded(run, size, rules, watch, x, w, turned=False).go()
    else:
        _Loaded(run, size, rules, watch, (w[0].T, w[1].T), (x[0].T, x[1].T), turned=True).go()
    return run


class _Loaded(Array):
    """What stays is loaded from the top, something else wanders right, sums go down: weights or inputs stationary.

    `moving` is [steps, on rows], `staying` [on rows, on columns]. With `turned`, columns are x and steps are n.
    """

    def __init__(
        self,
        run: Run,
        size: tuple[int, int],
        rules: Rules,
        watch: Watch,
        moving: Matrix,
        staying: Matrix,
        *,
        turned: bool,
    ) -> None:
        super().__init__(run, size, rules, watch)
        if rules.whole:
            moving, staying = padded(moving, 1, size[0]), padded(staying, *size)
        self.moving, self.staying, self.turned = moving, staying, turned
        self.moved, self.stayed = (run.weights, run.inputs) if turned else (run.inputs, run.weights)
        self.steps = len(moving[0])
        self.folds = folds_of(staying[0].shape[0], staying[0].shape[1], *size, rules.places)
        self.used = np.array([len(fold.columns) for fold in self.folds])
        self.loads, self.starts, self.end = self.schedule()

    def schedule(self) -> tuple[list[int], list[int], int]:
        """Cycles in which the folds begin to be loaded, those of their first steps, and when all is over."""
        loads, starts, end = [0], [len(self.folds[0].rows)], 0
        for fold, after in zip(self.folds, [*self.folds[1:], None], strict=True):
            end = max(end, starts[-1] + self.steps + self.shape[0] + len(fold.columns) - 2)
            if after is not None:
                loads.append(starts[-1] if self.rules.overlap else end)
                earliest = starts[-1] + self.steps if self.rules.overlap else end
                starts.append(max(earliest, loads[-1] + len(after.rows)))
        return loads, starts, end

    def edges(self) -> tuple[Numbers, Numbers]:
        """What enters from the left and from the top. A word that will stay says in `LEFT` in which row."""
        west, top = self.edge(self.end, self.shape[0]), self.edge(self.end, self.shape[1])
        for fold, load, start in zip(self.folds, self.loads, self.starts, strict=True):
            for q, k in enumerate(fold.rows):
                when = slice(start + q, start + q + self.steps)
                west[when, VALUE, q], west[when, REAL, q] = self.moving[0][:, k], self.moving[1][:, k]
                west[when, LEFT, q] = len(fold.columns) - 1
                for c, n in enumerate(fold.columns):
                    enters = load + len(fold.rows) - 1 - q + c
                    top[enters, :, c] = self.staying[0][k, n], q, self.staying[1][k, n]
        return west, top

    def go(self) -> None:
        """Run it."""
        down, diagonal = self.c[:1], self.q + self.c
        loading, first, begun = Wave(self.end, down), Wave(self.end, diagonal), Wave(self.end, down)
        for f, (fold, load, start) in enumerate(zip(self.folds, self.loads, self.starts, strict=True)):
            loading.say(load, np.arange(len(fold.rows)))
            first.say(start, f)
            begun.say(start, f * self.steps + np.arange(self.steps))
        (west, top), loads, swaps = self.edges(), loading.heard(), first.heard()
        stay, fresh = self.registers(), self.registers()  # in use, and loaded for the fold that comes next
        sums = np.zeros((2, *self.shape), np.int64)  # and their tags
        sums[1] = -1
        left = np.zeros((self.end, 2, self.shape[1]), np.int64)
        for t in range(self.end):
            if self.rules.overlap and swaps[t]:
                self.swap(stay, fresh, first(t) >= 0)
            if loads[t]:
                self.load(fresh, top[t], loading(t) >= self.q)
            if not self.rules.overlap:
                stay = fresh
            busy = self.shift_right(west[t], self.moved)
            self.moved.reads += count(busy & (self.right[REAL] > 0))
            self.stayed.reads += count(busy & (stay[REAL] > 0))
            self.go_down(sums, begun(t)[0], busy * stay[VALUE] * self.right[VALUE])
            left[t] = sums[:, -1]
            if self.watch is not None:
                used = stay[LEFT] == self.q
                words = (self.right[VALUE], busy), (stay[VALUE], used), (sums[0], sums[1] >= 0)
                beside = (fresh[LEFT] >= 0) & (self.rules.overlap | ~used)
                self.watch(Snapshot(t, *words, (fresh[VALUE], beside), busy))
        cycle, column = np.nonzero(left[:, 1] >= 0)
        self.add_up(cycle, left[cycle, 0, column], *self.place(left[cycle, 1, column], column))

    def swap(self, stay: Numbers, fresh: Numbers, swaps: Flags) -> None:
        """Where the first step of a fold comes, what was loaded for it is taken into use."""
        swaps = swaps & (fresh[LEFT] == self.q)
        np.copyto(stay, fresh, where=swaps)
        fresh[LEFT][swaps] = -1
        words = count(swaps & (stay[REAL] > 0))
        self.stayed.writes += words
        self.stayed.reads += words

    def load(self, fresh: Numbers, top: Numbers, takes: Flags) -> None:
        """What is on its way down goes one row further."""
        above = np.concatenate((top[:, None], fresh[:, :-1]), axis=1)
        np.copyto(fresh, above, where=takes)
        words = takes & (fresh[LEFT] >= 0) & (fresh[REAL] > 0)
        loaded, entered = count(words), count(words[0])
        self.stayed.sram_reads += entered
        self.stayed.writes += loaded
        self.stayed.hops += loaded - entered
        self.stayed.reads += loaded - entered

    def go_down(self, sums: Numbers, begun: Numbers, products: Numbers) -> None:
        """Sums go one row down, and products are added."""
        sums[:, 1:] = sums[:, :-1]
        used = self.used[begun // self.steps] > self.c[0]
        sums[0, 0], sums[1, 0] = 0, np.where(used, begun, -1)
        sums[0] += products
        here, out = sums[1] >= 0, self.run.outputs
        hops = count(here[1:])
        out.writes += count(here)
        out.hops += hops
        out.reads += hops

    def place(self, tags: Numbers, column: Numbers) -> tuple[Numbers, Numbers]:
        """The x and n of sums."""
        on_column = np.array([fold.columns.start for fold in self.folds])[tags // self.steps] + column
        step = tags % self.steps
        return (on_column, step) if self.turned else (step, on_column)


class _SumsStay(Array):
    """Inputs wander right, weights wander down, sums stay: outputs stationary."""

    def __init__(
        self, run: Run, size: tuple[int, int], rules: Rules, watch: Watch, inputs: Matrix, weights: Matrix
    ) -> None:
        super().__init__(run, size, rules, watch)
        if rules.whole:
            inputs, weights = padded(inputs, size[0], 1), padded(weights, 1, size[1])
        self.inputs, self.weights = inputs, weights
        self.steps = len(weights[0])
        self.folds = folds_of(len(inputs[0]), weights[0].shape[1], *size)
        self.starts, self.end = self.schedule()
        self.column = np.zeros((2, *size), np.int64)  # finished sums on their way out, and their folds and rows
        self.column[1] = -1
        self.left: list[tuple[Numbers, ...]] = []  # cycle, sum, x and n of what has left the array

    def schedule(self) -> tuple[list[int], int]:
        """Cycles of the first steps of the folds, and when all is over."""
        starts, end = [0], 0
        down = self.shape[0] - 1 if self.rules.drain else 0
        for fold in self.folds:
            end = max(end, starts[-1] + self.steps + len(fold.rows) + len(fold.columns) - 2 + down)
            starts.append(starts[-1] + max(self.steps, len(fold.rows)) if self.rules.overlap else end)
        return starts[:-1], end

    def edges(self) -> tuple[Numbers, Numbers]:
        """What enters from the left and from the top."""
        west, top = self.edge(self.end, self.shape[0]), self.edge(self.end, self.shape[1])
        for fold, start in zip(self.folds, self.starts, strict=True):
            for q, x in enumerate(fold.rows):
                when = slice(start + q, start + q + self.steps)
                west[when, VALUE, q], west[when, REAL, q] = self.inputs[0][x], self.inputs[1][x]
                west[when, LEFT, q] = len(fold.columns) - 1
            for c, n in enumerate(fold.columns):
                when = slice(start + c, start + c + self.steps)
                top[when, VALUE, c], top[when, REAL, c] = self.weights[0][:, n], self.weights[1][:, n]
                top[when, LEFT, c] = len(fold.rows) - 1
        return west, top

    def go(self) -> None:
        """Run it."""
        diagonal = self.q + self.c
        first, final, drain = Wave(self.end, diagonal), Wave(self.end, diagonal), Wave(self.end, self.c[:1])
        for f, (fold, start) in enumerate(zip(self.folds, self.starts, strict=True)):
            first.say(start, f)
            final.say(start + self.steps - 1, f)
            if self.rules.drain:
                drain.say(start + self.steps + len(fold.rows) - 1, np.arange(1, self.shape[0]))
        (west, top), begin, finish = self.edges(), first.heard(), final.heard() | drain.heard()
        down, sums = self.registers(), np.zeros(self.shape, np.int64)
        for t in range(self.end):
            busy = self.shift_right(west[t], self.run.inputs)
            down[:, 1:] = down[:, :-1]
            down[LEFT] -= 1
            down[:, 0] = top[t]
            busy &= self.seen(down, top[t], self.run.weights)
            if begin[t]:
                begins = busy & (first(t) >= 0)
                sums[begins] = 0
                self.run.outputs.reads -= count(begins)
            sums += busy * self.right[VALUE] * down[VALUE]
            done = count(busy)
            self.run.outputs.writes += done
            self.run.outputs.reads += done
            self.run.inputs.reads += count(busy & (self.right[REAL] > 0))
            self.run.weights.reads += count(busy & (down[REAL] > 0))
            if finish[t]:
                self.finish(t, sums, np.where(busy, final(t), -1), drain(t))
            if self.watch is not None:
                words = (self.right[VALUE], self.right[LEFT] >= 0), (sums, busy), (down[VALUE], down[LEFT] >= 0)
                self.watch(Snapshot(t, *words, (self.column[0], self.column[1] >= 0), busy))
        cycle, value, x, n = (np.concatenate(part) for part in zip(*self.left, strict=True))
        self.add_up(cycle, value, x, n)

    def finish(self, t: int, sums: Numbers, fold: Numbers, age: Numbers) -> None:
        """Sums of folds whose last step was here leave at once, or by the register of the column below them."""
        if not self.rules.drain:
            q, c = np.nonzero(fold >= 0)
            self.leave(t, sums[q, c], fold[q, c], q, c)
            return
        out, rows = self.run.outputs, self.shape[0]
        takes = (age >= 1) & (self.q >= age)  # from the register above
        above = np.concatenate((np.full_like(self.column[:, :1], -1), self.column[:, :-1]), axis=1)
        gives = np.concatenate((takes[1:], takes[:1] & False), axis=0)
        self.column[1][gives] = -1
        np.copyto(self.column, above, where=takes)
        done, moved = fold >= 0, count(takes & (self.column[1] >= 0))
        assert not np.any(done & (self.column[1] >= 0)), "a sum that still waits would be lost"
        np.copyto(self.column, np.stack((sums, fold * rows + self.q)), where=done)
        taken = count(done)
        out.writes += moved + taken
        out.reads += moved + taken
        out.hops += moved
        c = np.flatnonzero(self.column[1, -1] >= 0)
        self.leave(t, self.column[0, -1, c], self.column[1, -1, c] // rows, self.column[1, -1, c] % rows, c)
        self.column[1, -1] = -1

    def leave(self, t: int, value: Numbers, fold: Numbers, q: Numbers, c: Numbers) -> None:
        """Note what leaves the array."""
        starts = np.array([(f.rows.start, f.columns.start) for f in self.folds])[fold]
        self.left.append((np.full(len(c), t), value, starts[:, 0] + q, starts[:, 1] + c))
