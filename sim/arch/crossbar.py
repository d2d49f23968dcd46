"""How an analog array holds weights, takes inputs and is read: what its cost and its accuracy have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sim.arch.tree import ArchitectureError

Signs = Literal["balanced", "differential", "offset"]
InputSigns = Literal["pulses", "twos", "offset"]
AdcRange = Literal["calibrated", "full", "granular"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A memory cell as a conductance.

    Attributes:
        bits: bits that one cell holds; 0 for a cell whose conductance is continuous.
        most_us, least_us: the largest and the smallest conductance, in microsiemens.

    >>> Cell(bits=2, most_us=100, least_us=10).levels
    4
    """

    bits: int = 0
    most_us: float = 25.0
    least_us: float = 0.0

    @property
    def levels(self) -> int:
        """Conductances that can be told apart, 0 for a continuous cell."""
        return 2**self.bits if self.bits else 0

    @property
    def on_off(self) -> float:
        """The ratio of the largest conductance to the smallest."""
        return self.most_us / self.least_us if self.least_us else math.inf


@dataclass(frozen=True, slots=True)
class Adc:
    """The converter at the columns.

    Attributes:
        bits: resolution; 0 for one that loses nothing.
        range: what its full scale is: ``calibrated`` (on sample data, per layer and slice), ``full`` (the largest sum
            that the array can give), ``granular`` (one step is the smallest difference between two sums, so that
            large sums are clipped).
        columns: columns that share one.
        percentile: share of the sampled sums, in percent, that a calibrated range lets through unclipped.
    """

    bits: int = 8
    range: AdcRange = "calibrated"
    columns: int = 1
    percentile: float = 99.99


@dataclass(frozen=True, slots=True)
class Crossbar:
    """One array, and how a matrix of integers is put into such arrays.

    A layer is a product of inputs with a matrix of C*R*S rows and M columns. Its rows are cut into blocks of as many
    as an array reads at once, whose sums are added digitally; a weight takes `slices` cells, for each of its signs.

    Attributes:
        rows, columns: cells of one array.
        active_rows: rows that are read at once, 0 for all.
        weight_bits: of a weight, sign included.
        signs: how a weight has a sign: ``balanced``: two cells whose currents are subtracted before the ADC;
            ``differential``: two cells, each column converted, subtracted digitally; ``offset``: one cell holds the
            weight plus half its range, and the sum of the inputs times that half is taken off digitally (ISAAC).
        input_bits: of an input, sign included where there are negative ones.
        step_bits: bits of an input that are streamed at a time: the resolution of the DAC.
        input_signs: how an input has a sign: ``pulses`` of both polarities, ``twos`` complement (the top bit's sum is
            subtracted), ``offset`` (half the range is added, and its product taken off digitally).

    Raises:
        ArchitectureError: for numbers that contradict each other.

    >>> isaac = Crossbar(128, 128, weight_bits=16, signs="offset", cell=Cell(bits=2), input_bits=16)
    >>> isaac.slices, isaac.cells_per_weight, isaac.steps, isaac.outputs
    (8, 8, 16, 16)
    """

    rows: int
    columns: int
    active_rows: int = 0
    weight_bits: int = 8
    signs: Signs = "balanced"
    cell: Cell = Cell()
    input_bits: int = 8
    step_bits: int = 1
    input_signs: InputSigns = "twos"
    adc: Adc = Adc()

    def __post_init__(self) -> None:
        if self.active_rows > self.rows:
            raise ArchitectureError(f"an array of {self.rows} rows cannot read {self.active_rows} at once")
        if self.cell.least_us >= self.cell.most_us:
            least, most = self.cell.least_us, self.cell.most_us
            raise ArchitectureError(f"the smallest conductance, {least:g} uS, is not below the largest, {most:g} uS")
        if self.cells_per_weight > self.columns:
            raise ArchitectureError(
                f"a weight takes {self.cells_per_weight} cells, but the array has {self.columns} columns"
            )

    @property
    def rows_at_once(self) -> int:
        """Rows whose currents are added up in one conversion."""
        return self.active_rows or self.rows

    @property
    def slices(self) -> int:
        """Cells among which the magnitude of a weight is divided."""
        magnitude = self.weight_bits if self.signs == "offset" else self.weight_bits - 1
        return max(1, math.ceil(magnitude / self.cell.bits)) if self.cell.bits else 1

    @property
    def cells_per_weight(self) -> int:
        """Cells that a weight takes, signs included."""
        return self.slices if self.signs == "offset" else 2 * self.slices

    @property
    def outputs(self) -> int:
        """Columns of the layer's matrix that one array holds."""
        return self.columns // self.cells_per_weight

    @property
    def steps(self) -> int:
        """Pulses by which an input is streamed."""
        bits = self.input_bits - 1 if self.input_signs == "pulses" else self.input_bits
        return max(1, math.ceil(bits / self.step_bits))

    @property
    def conversions(self) -> int:
        """Conversions for one sum of one block of rows."""
        return self.steps * self.slices * (2 if self.signs == "differential" else 1)
