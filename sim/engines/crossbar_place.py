"""Where the matrices of a layer lie on analog arrays, and which words that makes pass where.

A layer is a product of x vectors with a matrix of k rows and n columns, for each of its groups. The matrix is cut
into arrays; those of one column block, whose sums are added up, come one after the other, then the next column block,
the next group, the next copy. So arrays that share a copy of a buffer are a run of these. Copies divide the vectors,
in the order of the outputs. Groups whose matrices are smaller than an array may share one (`Crossbar.groups`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from sim.arch.crossbar import Crossbar
from sim.workload.product import Ints, Product


@dataclass(frozen=True)
class Cut:
    """The matrices of a layer as arrays hold them.

    >>> from sim.workload.layer import Layer
    >>> gemm = Layer.einsum("gemm", {"M": 40, "N": 5, "K": 300}, inputs="N K", weights="K M", outputs="N M")
    >>> cut = Cut(Product.of(gemm), Crossbar(128, 128, weight_bits=16, signs="offset"))
    >>> cut.row_blocks, cut.column_blocks, cut.arrays, cut.heights.tolist()
    (3, 1, 3, [128, 128, 44])
    """

    product: Product
    xbar: Crossbar

    @cached_property
    def heights(self) -> Ints:
        """[row blocks] rows in use."""
        return _blocks(self.product.sizes[2], self.xbar.rows)

    @cached_property
    def widths(self) -> Ints:
        """[column blocks] columns of the matrix."""
        return _blocks(self.product.sizes[1], self.xbar.outputs)

    @cached_property
    def packed(self) -> Ints:
        """[sets of groups] groups whose matrices share an array, along its diagonal; else each is alone."""
        _, n, k = self.product.sizes
        return _blocks(self.product.repeats, self.xbar.together(k, n, self.product.repeats))

    @property
    def row_blocks(self) -> int:
        """Blocks of rows; their sums are added up digitally."""
        return len(self.heights)

    @property
    def column_blocks(self) -> int:
        """Blocks of columns."""
        return len(self.widths)

    @property
    def arrays(self) -> int:
        """Arrays that hold all weights once."""
        return self.row_blocks * self.column_blocks * len(self.packed)

    @property
    def vectors(self) -> int:
        """Vectors that every matrix is multiplied with."""
        return self.product.sizes[0]

    @property
    def phases(self) -> Ints:
        """[sets of groups, row blocks] times that an array is read in a step, as not all rows may be read at once."""
        return np.asarray(-(-np.multiply.outer(self.packed, self.heights) // self.xbar.rows_at_once), np.int64)

    @property
    def reads(self) -> int:
        """Times that arrays are read one after the other, for one vector."""
        return self.xbar.steps * int(self.phases.max())


@dataclass(frozen=True)
class Placement:
    """So many copies of a cut layer, one after the other.

    Methods that take `inside` count for runs of so many arrays, those that share a copy of some node, what all runs
    together get or give.
    """

    cut: Cut
    copies: int

    @property
    def arrays(self) -> int:
        """Arrays of all copies."""
        return self.cut.arrays * self.copies

    @cached_property
    def bounds(self) -> Ints:
        """[copies + 1] the first vector of every copy."""
        return np.asarray(np.arange(self.copies + 1) * self.cut.vectors // self.copies, np.int64)

    @property
    def vectors(self) -> Ints:
        """[copies] how many vectors each takes."""
        return self.bounds[1:] - self.bounds[:-1]

    @cached_property
    def existing(self) -> Ints:
        """[copies, row blocks] inputs that the rows of a block take in one group, padding left out."""
        of_window, position = self._window
        counts = np.add.reduceat(of_window >= 0, self.bounds[:-1], axis=0, dtype=np.int64)
        starts = np.cumsum(self.cut.heights) - self.cut.heights
        of_rows = np.where(position >= 0, counts[:, position], 0)
        return np.asarray(np.add.reduceat(of_rows, starts, axis=1), np.int64)

    @cached_property
    def distinct(self) -> Ints:
        """[copies] different inputs that each takes in one group."""
        of_window, position = self._window
        channels = int((position >= 0).sum()) // of_window.shape[1]
        touched = np.zeros(int(of_window.max()) + 2, np.bool_)  # the last is for padding
        out = []
        for first, end in pairwise(self.bounds):
            touched[:] = False
            touched[of_window[first:end]] = True
            out.append(np.count_nonzero(touched[:-1]) * channels)
        return np.array(out, np.int64)

    @cached_property
    def _window(self) -> tuple[Ints, Ints]:
        """[x, positions] where the inputs of a window lie, -1 for padding; [k] the position of a row, -1 for none."""
        a = self.cut.product.addresses()
        x, _, k = self.cut.product.sizes
        of_x, of_k = (
            np.vstack([np.zeros((1, n), np.int64), of.reshape(-1, n)]) for of, n in ((a.of_x, x), (a.of_k, k))
        )
        extents = np.append(1, a.extents)
        moves, rest = [0, *np.flatnonzero(of_x.any(axis=1))], np.flatnonzero(~of_x.any(axis=1))
        places, position = np.unique(of_k[moves], axis=1, return_inverse=True)
        flat, there = np.zeros((x, places.shape[1]), np.int64), np.ones((x, places.shape[1]), np.bool_)
        for of_one, place, extent in zip(of_x[moves], places, extents[moves], strict=True):
            index = of_one[:, None] + place
            there &= (index >= 0) & (index < extent)
            flat *= extent
            flat += index
        known = ((of_k[rest] >= 0) & (of_k[rest] < extents[rest][:, None])).all(axis=0)
        return np.where(there, flat, -1), np.where(known, position.reshape(-1), -1)

    def inputs(self, inside: int) -> int:
        """Words that come for every vector anew, each once to a run."""
        copy, packed, _, row, _ = self._owners(inside, "copy", "packed", "row")
        return int((self.existing[copy, row] * self.cut.packed[packed]).sum())

    def window(self, inside: int) -> int:
        """Words that a run is sent once and keeps, as neighbouring windows overlap.

        All of a copy's where a run has all of its rows; no more than its rows take where it has some of them.
        """
        copy, packed, _, row, run = self._owners(inside, "copy", "packed", "row")
        sets = len(self.cut.packed)
        owners, number = np.unique((run * self.copies + copy) * sets + packed, return_inverse=True)
        taken = np.bincount(number, weights=self.existing[copy, row]).astype(np.int64)  # of one group of the set
        of_one = np.minimum(taken, self.distinct[owners // sets % self.copies])
        return int((of_one * self.cut.packed[owners % sets]).sum())

    def outputs(self, inside: int) -> int:
        """Sums that leave runs, added up inside them."""
        copy, packed, column, _, _ = self._owners(inside, "copy", "packed", "column")
        return int((self.vectors[copy] * self.cut.widths[column] * self.cut.packed[packed]).sum())

    def weights(self, inside: int) -> int:
        """Weights that are sent to runs, each once."""
        _, packed, column, row, _ = self._owners(inside, "packed", "column", "row")
        return int((self.cut.heights[row] * self.cut.widths[column] * self.cut.packed[packed]).sum())

    def _owners(self, inside: int, *named: str) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Copy, set of groups, column block, row block and run of arrays; one of those alike in all of `named`."""
        sizes = {"row": self.cut.row_blocks, "column": self.cut.column_blocks}
        sizes |= {"packed": len(self.cut.packed), "copy": self.copies}
        rest = np.arange(self.arrays, dtype=np.int64)
        of: dict[str, Ints] = {"run": rest // inside}
        for name, size in sizes.items():
            rest, of[name] = rest // size, rest % size
        code = of["run"]
        for name in named:
            code = code * sizes[name] + of[name]
        _, first = np.unique(code, return_index=True)
        copy, packed, column, row, run = (of[name][first] for name in ("copy", "packed", "column", "row", "run"))
        return copy, packed, column, row, run


def balanced(cuts: Sequence[Cut], room: int) -> list[int]:
    """How many copies of each layer fit into so many arrays, so that the slowest layer is as fast as it can be.

    As in ISAAC (section IV), which holds early layers many times to keep the later ones busy.
    """
    slowest = max(cut.vectors * cut.reads for cut in cuts)
    fastest = max(cut.reads for cut in cuts)
    while fastest < slowest:
        middle = (fastest + slowest) // 2
        if sum(cut.arrays * n for cut, n in zip(cuts, _copies(cuts, middle), strict=True)) <= room:
            slowest = middle
        else:
            fastest = middle + 1
    return _copies(cuts, slowest)


def _copies(cuts: Sequence[Cut], reads: int) -> list[int]:
    """The fewest copies with which every layer ends within so many reads."""
    return [-(-cut.vectors // (reads // cut.reads)) for cut in cuts]


def _blocks(size: int, most: int) -> Ints:
    full, rest = divmod(size, most)
    return np.array([most] * full + [rest] * bool(rest), np.int64)
