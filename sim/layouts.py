"""How a layer lies on an array: parts of a result."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Systolic:
    """How a layer lies on a systolic array, as a product of matrices: x pixels of outputs, n of their channels.

    Attributes:
        dataflow: what stays in the PEs: outputs (``os``), weights (``ws``) or inputs (``is``).
        timing: ``tilenest`` or ``scalesim``.
        on_rows, on_columns, steps: what lies on the rows and columns of the array, and what streams.
        row_folds, column_folds: parts into which that is cut.
        groups: products that are made one after the other.
        efficiency: share of the PEs that have work, over all folds.
        fetched: words that come from DRAM, by role of the tensor; those of outputs are sums that come back.
        written: words of outputs that go to DRAM.
        stall_cycles: clock cycles in which the array waits for DRAM, the first tiles not counted.
        divided: what several arrays divide, output ``channels`` or ``outputs``; empty where there is one.
        reports: by timing ``scalesim``, the rows of SCALE-Sim's three reports, by column.
    """

    dataflow: str
    timing: str
    on_rows: int
    on_columns: int
    steps: int
    row_folds: int
    column_folds: int
    groups: int
    efficiency: float
    fetched: Map[str, int]
    written: int
    stall_cycles: float = 0.0
    divided: str = ""
    reports: Map[str, Map[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Crossbar:
    """How a layer lies on analog arrays, as products of vectors with a matrix of rows and columns.

    Attributes:
        rows, columns: of the layer's matrix.
        row_blocks, column_blocks: parts into which arrays cut them; sums of row blocks are added up digitally.
        groups: matrices that the layer has.
        copies: how often all of them are held, so that vectors are divided.
        arrays: that hold all copies.
        rounds: times that the machine's arrays are filled one after the other, as they cannot hold all at once.
        vectors: that one copy takes.
        steps: that an input is applied in, times the reads of an array in each of them.
        interval_cycles: clock cycles from one vector to the next.
        conversions: of all ADCs.
        cell_share: share of the cells of its arrays that hold a weight.
        adc_share: share of the time that the layer takes in which the ADCs of its arrays convert; where a conversion
            takes no time, share of the conversions that there would be with full arrays.
        array_share: share of the arrays there are, on all chips.
        chips: machines that the network takes, side by side.
    """

    rows: int
    columns: int
    row_blocks: int
    column_blocks: int
    groups: int
    copies: int
    arrays: int
    rounds: int
    vectors: int
    steps: int
    interval_cycles: float
    conversions: int
    cell_share: float
    adc_share: float
    array_share: float
    chips: int
