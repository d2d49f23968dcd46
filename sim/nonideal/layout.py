"""Where the cells of a matrix are, and what the current of a column counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.arch.crossbar import Crossbar
from sim.arch.noise import Noise
from sim.nonideal.digits import InputCode, WeightCode
from sim.nonideal.streams import FloatArray

_STRAIGHT = 1e-6  # what bends less is a line to twelve digits


@dataclass(frozen=True, slots=True)
class Layout:
    """A matrix of `rows` x `outputs` in arrays like `xbar`."""

    rows: int
    outputs: int
    xbar: Crossbar
    noise: Noise
    weights: WeightCode
    inputs: InputCode

    @property
    def arrays(self) -> int:
        """Crossbars that the matrix takes."""
        return math.ceil(self.rows / self.xbar.rows) * math.ceil(self.outputs / self.xbar.outputs)

    @property
    def utilization(self) -> float:
        """Share of their cells that hold something."""
        held = self.rows * self.outputs * self.xbar.cells_per_weight
        return held / (self.arrays * self.xbar.rows * self.xbar.columns)

    @property
    def blocks(self) -> tuple[slice, ...]:
        """Rows that are read at once; none of them reaches from one array into the next."""
        at_once = self.xbar.rows_at_once
        return tuple(
            slice(begin, min(begin + at_once, first + self.xbar.rows, self.rows))
            for first in range(0, self.rows, self.xbar.rows)
            for begin in range(first, min(first + self.xbar.rows, self.rows), at_once)
        )

    def array_of(self, rows: slice) -> int:
        """The array in which a block lies, counted along the rows."""
        return int(rows.start) // self.xbar.rows

    @property
    def tiles(self) -> tuple[slice, ...]:
        """Outputs that lie in the same arrays."""
        width = self.xbar.outputs
        return tuple(slice(m, min(m + width, self.outputs)) for m in range(0, self.outputs, width))

    @property
    def signs(self) -> int:
        """Columns of a slice that are converted apart and subtracted digitally, or one."""
        return 2 if self.xbar.signs == "differential" else 1

    @property
    def converted(self) -> int:
        """Conversions for one output, one block and one step of the inputs."""
        return self.signs * self.weights.slices

    @property
    def empty(self) -> float:
        """What an empty cell conducts, in units of the largest conductance."""
        return self.xbar.cell.least_us / self.xbar.cell.most_us

    @property
    def reference(self) -> float:
        """What is taken off each cell before the conversion, in units of the largest conductance.

        Where a step of the ADC is the smallest difference of two sums, sums must be multiples of it: a column of
        empty cells is subtracted from columns that do not come in pairs.
        """
        return self.empty if self.xbar.adc.range == "granular" and self.xbar.signs != "balanced" else 0.0

    @property
    def symmetric(self) -> bool:
        """Whether currents of both signs reach an ADC."""
        bipolar = self.inputs.least < 0 and self.xbar.input_signs == "pulses"
        return bipolar or self.xbar.signs == "balanced"

    @property
    def streamed(self) -> bool:
        """Whether inputs come as single bits, of which there are no shades."""
        dac = self.noise.dac
        return self.inputs.span == 1 and not (dac and dac.noise)

    @property
    def pedestal(self) -> float:
        """What each unit of the inputs adds to the sums though no weight is there; it is taken off digitally."""
        if self.weights.paired:
            return 0.0
        everywhere = sum(self.weights.base**s for s in range(self.weights.slices)) * self.weights.largest
        left = self.empty - self.reference
        return float(self.weights.zero + everywhere * left / (1 - self.empty))

    @property
    def granule(self) -> float:
        """The smallest difference of two currents."""
        levels = self.weights.largest
        if not self.xbar.cell.bits:  # as of weights that are rounded
            levels = (2.0 ** (self.xbar.weight_bits - 1) - 1) * (1 if self.weights.paired else 2)
        return (1 - self.empty) / levels / self.inputs.span

    @property
    def counts(self) -> FloatArray:
        """What a current of 1 counts in the sum of whole numbers, for each conversion: slices, and in them signs."""
        slices = float(self.weights.base) ** np.arange(self.weights.slices)
        signs = np.array([1.0, -1.0])[: self.signs]
        unit = self.weights.largest * self.inputs.span / (1 - self.empty)
        return (unit * slices[:, None] * signs).ravel()

    def conductances(self, weights: FloatArray) -> FloatArray:
        """What is to be written for some rows, in microsiemens: [signs, slices, rows, outputs]."""
        cell = self.xbar.cell
        least, swing = cell.least_us, (cell.most_us - cell.least_us) / self.weights.largest
        return weights.dtype.type(least) + weights.dtype.type(swing) * self.weights.digits(weights)

    def column_sums(self, weights: FloatArray) -> FloatArray:
        """Sums of the columns, of weights as whole numbers."""
        numbers = weights / self.weights.scale
        return (np.rint(numbers) if self.xbar.cell.bits else numbers).sum(axis=0, dtype=np.float64)

    def bent(self, digits: FloatArray) -> FloatArray:
        """Digits as cells see them whose current is no line over the voltage.

        ``sinh(bend * v) / sinh(bend)``, as the Stanford model has it: Panda et al., Nanoscale Research Letters 13
        (2018), Table 3.
        """
        effect = self.noise.nonlinearity
        if effect is None or effect.bend < _STRAIGHT or self.inputs.span == 1 or self.xbar.coding == "unary":
            return digits
        bend, span = effect.bend, self.inputs.span
        return (np.sinh(digits * (bend / span)) * (span / math.sinh(bend))).astype(digits.dtype)
