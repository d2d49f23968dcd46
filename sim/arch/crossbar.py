"""How an analog array holds weights, takes inputs and is read: what its cost and its accuracy have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from sim.arch.tree import ArchitectureError

Signs = Literal["balanced", "differential", "offset"]
InputSigns = Literal["pulses", "twos", "offset"]
AdcRange = Literal["calibrated", "full", "granular"]
InputScale = Literal["calibrated", "vector"]
Coding = Literal["amplitude", "unary"]
Groups = Literal["apart", "diagonal"]


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
        bits: resolution; 0 for one that loses nothing, whose bits `Crossbar.resolution` knows.
        range: what its full scale is: ``calibrated`` (on sample data, per layer and slice), ``full`` (the largest sum
            that the array can give), ``granular`` (one step is the smallest difference between two sums, so that
            large sums are clipped; from columns without a partner one of empty cells is subtracted).
        limit: the largest current that it tells apart, in currents of a cell that is fully on, instead of what
            `range` says; 0 for none.
        columns: columns that share one.
        percentile: share of the sampled sums, in percent, that a calibrated range lets through unclipped.
        time_s: seconds that one conversion takes; columns that share a converter wait for each other.
    """

    bits: int = 8
    range: AdcRange = "calibrated"
    columns: int = 1
    percentile: float = 99.99
    time_s: float = 0.0
    limit: float = 0.0


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
        input_scale: what the largest input stands for: ``calibrated`` on sample data, or each ``vector``'s own
            largest magnitude, by which it is divided, and its product multiplied, digitally.
        coding: how the bits of a step are applied to a row: as the ``amplitude`` of one pulse, or ``unary``: as
            2**bits - 1 times the time of a pulse (so many pulses, or one of such a width).
        pulse_s: seconds for which a pulse is applied until the sums have settled.
        overlap: whether sums are held, so that a step is converted while the next one is applied.
        input_ones: mean share of the bits that are set in an input that is not zero; see `drive`.
        weight_ones: the same of what is programmed for a weight that is not zero; see `conductance`.
        measured: whether the energies of cells and DACs are means over data already, so that no share of set bits
            counts, but only which inputs are zero.
        replicate: whether arrays that are left over hold further copies of small layers, to work side by side.
        reload: whether weights are written anew for every layer; they stay in their cells for good otherwise.
        groups: where the matrices of a layer of groups lie that do not fill an array: each in arrays of its own
            (``apart``), or as many as fit along the ``diagonal`` of one, with zeros beside them.
        write_s: seconds for writing a row; all arrays are written side by side, row by row.

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
    coding: Coding = "amplitude"
    pulse_s: float = 100e-9
    overlap: bool = True
    input_ones: float = 0.5
    weight_ones: float = 0.5
    measured: bool = False
    replicate: bool = False
    reload: bool = False
    write_s: float = 0.0
    input_scale: InputScale = "calibrated"
    groups: Groups = "apart"

    def __post_init__(self) -> None:
        if self.step_bits > self.input_bits:
            raise ArchitectureError(f"inputs of {self.input_bits} bit are not applied {self.step_bits} bit at a time")
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

    def together(self, rows: int, columns: int, groups: int) -> int:
        """How many of so many matrices share an array.

        >>> Crossbar(128, 128, groups="diagonal").together(9, 1, 512)  # a depthwise layer of 3 x 3: 14 of nine rows
        14
        """
        if self.groups == "apart":
            return 1
        return max(1, min(groups, self.rows // rows, self.outputs // columns))

    @property
    def steps(self) -> int:
        """Pulses by which an input is streamed."""
        return len(self.step_widths)

    @property
    def step_widths(self) -> tuple[int, ...]:
        """Bits of an input that each step applies, the lowest first; what is left for the last may be fewer.

        >>> Crossbar(8, 8, input_bits=8, step_bits=4, input_signs="pulses").step_widths
        (4, 3)
        """
        bits = max(1, self.input_bits - (self.input_signs == "pulses"))
        return tuple(min(self.step_bits, bits - first) for first in range(0, bits, self.step_bits))

    @property
    def conversions(self) -> int:
        """Conversions for one sum of one block of rows."""
        return self.steps * self.slices * (2 if self.signs == "differential" else 1)

    @property
    def resolution(self) -> int:
        """Bits of an ADC: those that are given, or the fewest with a code for every sum that can be.

        That is the largest digit of an input times that of a cell for each row that is read at once, with a sign
        where there may be two. A cell that takes any conductance has the digits of a rounded weight.

        >>> Crossbar(128, 128, cell=Cell(2), adc=Adc(0)).resolution  # 128 * 3 * 1 is 384; and its sign
        10
        """
        if self.adc.bits:
            return self.adc.bits
        largest = 2**self.cell.bits - 1 if self.cell.bits else 2 ** (self.weight_bits - 1) - 1
        if not self.cell.bits and self.signs == "offset":
            largest *= 2
        most = self.rows_at_once * largest * (2 ** self.step_widths[0] - 1)
        signed = self.signs == "balanced" or self.input_signs == "pulses"
        return int(2 * most + 1 if signed else most).bit_length()

    @property
    def reads_per_step(self) -> int:
        """Conversions of a full array in one step; those of a balanced pair of columns are one."""
        return self.outputs * self.conversions // self.steps

    @property
    def converters(self) -> int:
        """ADCs of an array."""
        return math.ceil(self.columns / self.adc.columns)

    @property
    def conversion_share(self) -> float:
        """Share of a step that a conversion keeps the ADCs of an array busy; an equal one where it takes no time.

        >>> Crossbar(128, 128, signs="offset", adc=Adc(columns=8, time_s=1e-9), pulse_s=16e-9).conversion_share * 128
        0.5
        """
        return self.adc.time_s / (self.converters * self.step_s) if self.adc.time_s else 1 / self.reads_per_step

    @property
    def step_s(self) -> float:
        """Seconds from one step to the next, on average over the steps of an input.

        >>> Crossbar(128, 128, adc=Adc(columns=128, time_s=0.5e-9), pulse_s=10e-9).step_s
        3.2e-08
        """
        conversion = self.adc.time_s * math.ceil(self.reads_per_step / self.converters)
        pulses = (self.pulse_s * (2**bits - 1 if self.coding == "unary" else 1) for bits in self.step_widths)
        together = sum if not self.overlap else max
        return sum(together((pulse, conversion)) for pulse in pulses) / self.steps

    @property
    def pulses(self) -> tuple[tuple[float, int], ...]:
        """For each step how likely a row is driven at all by an input that is not zero, and by how many bits.

        Bits are set by `input_ones`, and taken to be independent of each other.

        >>> Crossbar(8, 8, input_bits=3, step_bits=2).pulses
        ((0.75, 2), (0.5, 1))
        """
        idle = 0.0 if self.measured else 1 - self.input_ones
        return tuple((1.0 - math.pow(idle, bits), bits) for bits in self.step_widths)

    @property
    def drive(self) -> float:
        """Mean energy of a cell over the steps of an input that is not zero; that of the largest digit is 1.

        An amplitude counts with its square (a resistor), a time as it is. Bits are taken to be independent. What
        was measured is a mean over the steps already.

        >>> Crossbar(8, 8).drive, Crossbar(8, 8, step_bits=2).drive
        (0.5, 0.3888888888888889)
        """
        if self.measured:
            return 1.0
        mean = self.input_ones
        largest = [math.pow(2, bits) - 1 for bits in self.step_widths]
        span = largest[0]
        if self.coding == "unary":
            return sum(mean * most / span for most in largest) / self.steps
        squares = (mean**2 * most**2 + mean * (1 - mean) * most * (most + 2) / 3 for most in largest)
        return sum(squares) / span**2 / self.steps

    def with_ones(self, inputs: float | None, weights: float | None) -> Crossbar:
        """The same for data with other shares of set bits, where these are known."""
        return replace(
            self,
            input_ones=self.input_ones if inputs is None else inputs,
            weight_ones=self.weight_ones if weights is None else weights,
        )

    def conductance(self, density: float = 1.0, held: float = 1.0) -> float:
        """Mean conductance of the cells that an input reaches, as a share of the largest.

        Of a pair, one cell holds the magnitude and the other one nothing; where half the range is added to all
        weights, a zero is half of it: the top bit, in one of the slices. Where energies are means already, it is a
        share of that mean.

        Args:
            density: share of the weights that are not zero.
            held: share of the cells that hold weights; beside the diagonal they hold zeros.
        """
        if self.measured:
            return held + (1 - held) * self._mean(0.0) / self._mean(1.0)
        return self._mean(density * held)

    @property
    def _zero(self) -> float:
        """Mean level of the cells of a weight of zero, as a share of the largest.

        Half the range is the top bit alone: it is in the top slice, and the others hold nothing.
        """
        if self.signs != "offset":
            return 0.0
        if not self.cell.bits:
            return 0.5
        top = self.weight_bits - 1 - (self.slices - 1) * self.cell.bits
        return float(2**top / (self.cell.levels - 1) / self.slices)

    def _mean(self, density: float) -> float:
        cells = 1 if self.signs == "offset" else 2
        level = (density * self.weight_ones + (1 - density) * self._zero) / cells
        least = self.cell.least_us / self.cell.most_us
        return least + level * (1 - least)
