"""The ways to use the copies of a machine: what the loops in space do.

There can be a hundred thousand of them, as many as there are combinations of what single fanouts may do. So they
are kept as such: of every fanout what it may do, and of every way which of these it picks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.kernels.layout import Ints


@dataclass(frozen=True, slots=True)
class Copies:
    """S ways to use the copies of F fanouts, the innermost first.

    Attributes:
        own: of every fanout the bounds of its loops over both axes, [N, 2, D].
        totals: the products over the axes, [N, D].
        picks: [F, S] which of them a way uses.
    """

    own: tuple[Ints, ...]
    totals: tuple[Ints, ...]
    picks: Ints

    @classmethod
    def of(cls, own: Sequence[Ints]) -> Copies:
        """All combinations. Without fanouts, there is one way."""
        many = [len(bounds) for bounds in own]
        picks = np.indices(many).reshape(len(own), math.prod(many))
        return cls(tuple(own), tuple(bounds.prod(1) for bounds in own), picks)

    def __len__(self) -> int:
        return int(self.picks.shape[1])

    def __getitem__(self, chosen: np.ndarray) -> Copies:
        return Copies(self.own, self.totals, self.picks[:, chosen])

    def axes(self, dims: int) -> Ints:
        """Bounds by axis, [S, F, 2, D]."""
        out = np.ones((len(self), len(self.own), 2, dims), np.int64)
        for f, bounds in enumerate(self.gathered(self.own)):
            out[:, f] = bounds
        return out

    def gathered(self, each: Iterable[np.ndarray]) -> list[np.ndarray]:
        """What is known of everything that a fanout may do, for every way: [S, ...] of every fanout."""
        return [known[pick] for known, pick in zip(each, self.picks, strict=True)]

    def passes(self, size: Ints) -> Ints:
        """Passes that loops in time make over each dimension, [D, S]."""
        out = np.empty((len(size), len(self)), np.int64)
        for d, bound in enumerate(size.tolist()):
            out[d] = -(-bound // math.prod(self.gathered(total[:, d] for total in self.totals)))
        return out


def distinct(rows: Ints) -> Ints:
    """Where, in the order of the rows, those stand that are unlike all before them.

    >>> distinct(np.array([[1, 2], [2, 1], [1, 2]]))
    array([0, 1])
    """
    code, most = np.zeros(len(rows), np.int64), 1
    for column in rows.T:
        there = np.zeros(column.max(initial=0) + 1, np.int64)
        there[column] = 1
        number = there.cumsum() - 1
        if most * int(there.sum()) >= 2**62:
            code = np.unique(code, return_inverse=True)[1]
            most = len(rows)
        code, most = code * int(there.sum()) + number[column], most * int(there.sum())
    return np.sort(np.unique(code, return_index=True)[1])
