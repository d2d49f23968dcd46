"""How a product lies on a systolic array, or on several that divide it, and what the kernel is told of that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture, Part
from sim.kernels import systolic as kernel
from sim.workload.layer import ROLES, Layer
from sim.workload.product import Product

Ints = npt.NDArray[np.int64]

_STATIONARY = {"os": kernel.OUTPUT, "ws": kernel.WEIGHT, "is": kernel.INPUT}
_STREAMS = {kernel.OUTPUT: kernel.K, kernel.WEIGHT: kernel.X, kernel.INPUT: kernel.N}


def parts_of(machine: SystolicMachine) -> tuple[Part, ...]:
    """What its arrays may divide, what lies on the columns first."""
    if machine.settings.divide != "best":
        return (machine.settings.divide,)
    on_columns, other = _on_columns(machine)
    return (on_columns,) if machine.count == 1 else (on_columns, other)


def _on_columns(machine: SystolicMachine) -> tuple[Part, Part]:
    """What lies on the columns, and what does not."""
    return ("outputs", "channels") if machine.settings.dataflow == "is" else ("channels", "outputs")


def case_of(product: Product, machine: SystolicMachine, part: Part) -> Ints:
    """A layer on a machine, whose arrays divide `part`, as the kernel has it."""
    settings, (x, n, k), array = machine.settings, product.sizes, machine.array
    across = machine.count if part == _on_columns(machine)[0] else 1
    whole = settings.timing == "scalesim"
    passed = product.existing_of_k * (np.arange(k) % array.y + 1)
    case = np.zeros(kernel.CASE, np.int64)
    case[[kernel.X, kernel.N, kernel.K, kernel.GROUPS]] = x, n, k, product.repeats
    case[[kernel.ROWS, kernel.COLUMNS, kernel.STATIONARY]] = array.y, array.x, _STATIONARY[settings.dataflow]
    case[[kernel.OVERLAP, kernel.DRAIN, kernel.WHOLE]] = settings.overlap and not whole, not whole, whole
    case[[kernel.EXISTING, kernel.LOADED]] = product.existing, passed.sum()
    case[[kernel.ACROSS, kernel.ALONG]] = across, machine.count // across
    case[kernel.PLACES] = k // product.side_by_side if settings.rows == "channels" else 1
    return case


@dataclass(frozen=True, slots=True)
class Folds:
    """How a product lies on all arrays together.

    Attributes:
        on_rows, on_columns, streams: what lies on rows and columns, and how much streams.
        rows, columns: of a fold.
        array_rows, array_columns: of one array.
        abreast: arrays that divide what streams.
        places: equal parts of what lies on the rows, none of which shares a fold with another.
    """

    on_rows: int
    on_columns: int
    streams: int
    rows: int
    columns: int
    array_rows: int
    array_columns: int
    abreast: int = 1
    places: int = 1

    @classmethod
    def of(cls, case: Ints) -> Folds:
        """How the case lies."""
        on_rows, on_columns, _ = map(int, kernel.shape(case))
        rows, columns = map(int, kernel.fold_size(case))
        of_array = int(case[kernel.ROWS]), int(case[kernel.COLUMNS])
        abreast = 1 if case[kernel.STATIONARY] == kernel.OUTPUT else int(case[kernel.ALONG])
        streams = int(case[_STREAMS[int(case[kernel.STATIONARY])]])
        return cls(on_rows, on_columns, streams, rows, columns, *of_array, abreast, int(case[kernel.PLACES]))

    @property
    def at_once(self) -> int:
        """So much of what streams goes through the arrays in a step, each array its own."""
        return min(self.abreast, self.streams)

    @property
    def steps(self) -> int:
        """Steps of a fold."""
        return -(-self.streams // self.abreast)

    @property
    def row_folds(self) -> int:
        """Folds of a column of folds."""
        return -(-self.on_rows // self.places // self.rows) * self.places

    @property
    def column_folds(self) -> int:
        """Columns of folds."""
        return -(-self.on_columns // self.columns)

    @property
    def used_rows(self) -> int:
        """Rows of the largest fold."""
        return min(self.rows, self.on_rows // self.places)

    @property
    def used_columns(self) -> int:
        """Columns of the largest fold."""
        return min(self.columns, self.on_columns)

    @property
    def used_pes(self) -> int:
        """PEs that the largest fold uses, of all arrays."""
        return self.used_rows * self.used_columns * self.at_once

    @property
    def efficiency(self) -> float:
        """Share of the PEs that have work, over all folds and steps: what SCALE-Sim calls mapping efficiency."""
        whole = self.rows * self.columns * self.row_folds * self.column_folds * self.steps * self.abreast
        return self.on_rows * self.on_columns * self.streams / whole


@dataclass(frozen=True)
class Placed:
    """A layer that multiplies, on a machine whose arrays divide `part` among them."""

    layer: Layer
    arch: Architecture
    machine: SystolicMachine
    part: Part

    @cached_property
    def product(self) -> Product:
        """The product that the layer is.

        Raises:
            UnsupportedOp: when it is none.
        """
        return Product.of(self.layer)

    @cached_property
    def case(self) -> Ints:
        """As the kernel has it."""
        return case_of(self.product, self.machine, self.part)

    @cached_property
    def folds(self) -> Folds:
        """How it lies on the arrays."""
        return Folds.of(self.case)

    @cached_property
    def names(self) -> dict[str, str]:
        """Of the tensors, by role."""
        return {role: self.product.tensor(role).name for role in ROLES}

    @cached_property
    def bits(self) -> dict[str, int]:
        """Of a word, by role."""
        return {role: self.product.tensor(role).bits for role in ROLES}

    def counted(self) -> Ints:
        """[role, what] the words that move, as the kernel has them."""
        counts = np.zeros((len(ROLES), kernel.COLUMN_COUNT), np.int64)
        kernel.count(self.case, counts)
        return counts
