"""Numbers as an array takes them: weights as digits in cells, inputs as digits in pulses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim.arch.crossbar import Crossbar
from sim.arch.tree import ArchitectureError
from sim.nonideal.streams import FloatArray


@dataclass(frozen=True, slots=True)
class WeightCode:
    """How weights become digits: ``weight = scale * (sum of base**s * digit[s] - zero)``.

    With two cells for a weight, each sum is the difference of those of the two.

    Attributes:
        base: what a slice counts more than the one before.
        largest: the largest digit; the cell then has its largest conductance.
        zero: what stands for a weight of zero, with one cell for a weight.
    """

    scale: float
    base: int
    slices: int
    largest: float
    zero: float
    paired: bool

    def digits(self, weights: FloatArray) -> FloatArray:
        """Digits [signs, slices, rows, columns]; slice 0 counts least."""
        numbers = weights / weights.dtype.type(self.scale)
        if not self.paired:
            parts = (numbers + weights.dtype.type(self.zero))[None]
        else:
            parts = np.stack([np.maximum(numbers, 0), np.maximum(-numbers, 0)])
        if self.base == 1:
            return parts[:, None]
        whole = np.rint(parts).astype(np.int64)
        slices = [(whole // self.base**s) % self.base for s in range(self.slices)]
        return np.stack(slices, axis=1).astype(weights.dtype)


def weight_code(xbar: Crossbar, peak: float) -> WeightCode:
    """The code of weights up to `peak`. A continuous cell takes a weight as it is, without rounding.

    Raises:
        ArchitectureError: for weights that are nothing but a sign.
    """
    if xbar.weight_bits < 2:
        raise ArchitectureError(
            f"a weight of {xbar.weight_bits} bit, its sign included, has no magnitude; expected at least 2 bit"
        )
    paired = xbar.signs != "offset"
    peak = peak or 1.0
    if not xbar.cell.bits:
        scale, zero = (peak, 0.0) if paired else (2 * peak, 0.5)
        return WeightCode(scale, 1, 1, 1.0, zero, paired)
    most = 2 ** (xbar.weight_bits - 1) - 1
    base = xbar.cell.levels
    return WeightCode(peak / most, base, xbar.slices, base - 1.0, 0.0 if paired else most + 1.0, paired)


@dataclass(frozen=True, slots=True)
class InputCode:
    """How inputs become pulses: ``input = scale * (sum of factor * digit - shift)``.

    Attributes:
        least, most: range of the whole numbers that inputs are rounded to.
        shift: what is added, so that there are no negative ones.
        step_bits: bits of a digit.
        span: the largest digit; the row then has its largest voltage.
        negative_top: whether the last step counts negatively, as the top bit of two's complement does.
    """

    scale: float
    least: int
    most: int
    shift: int
    steps: int
    step_bits: int
    span: int
    negative_top: bool

    @property
    def counts(self) -> tuple[float, ...]:
        """What a digit of each step counts."""
        counts = [2.0 ** (step * self.step_bits) for step in range(self.steps)]
        return (*counts[:-1], -counts[-1] if self.negative_top else counts[-1])

    @property
    def bipolar(self) -> bool:
        """Whether digits may be negative."""
        return self.least < 0 and not self.shift and not self.negative_top

    def numbers(self, inputs: FloatArray) -> FloatArray:
        """Whole numbers, in the precision of the inputs."""
        out = np.multiply(inputs, inputs.dtype.type(1 / self.scale))
        np.rint(out, out=out)
        return np.clip(out, self.least, self.most, out=out)

    def pulses(self, numbers: FloatArray) -> Iterator[tuple[float, FloatArray]]:
        """For each step what it counts and its digits, which may be negative; the least first."""
        if self.steps == 1:
            yield 1.0, numbers + numbers.dtype.type(self.shift) if self.shift else numbers
            return
        from sim.kernels.convert import digits

        for step, counts in enumerate(self.counts):
            out = np.empty_like(numbers)
            digits(numbers.ravel(), self.shift, step * self.step_bits, self.span, self.bipolar, out.ravel())
            yield counts, out


def input_code(xbar: Crossbar, peak: float, signed: bool) -> InputCode:
    """The code of inputs up to `peak` in magnitude.

    Raises:
        ArchitectureError: for inputs that are nothing but a sign, and for two's complement in digits of several bits,
            whose top digit has no voltage.
    """
    peak = peak or 1.0
    pulses = xbar.input_signs == "pulses"
    bits = xbar.input_bits - 1 if pulses else xbar.input_bits
    most = 2 ** (bits if pulses or not signed else bits - 1) - 1
    if not most:
        raise ArchitectureError(
            f"an input of {xbar.input_bits} bit, its sign included, has no magnitude; expected at least 2 bit"
        )
    step_bits = min(xbar.step_bits, bits)
    twos = signed and xbar.input_signs == "twos"
    if twos and step_bits > 1:
        raise ArchitectureError(
            f"inputs in two's complement cannot be streamed {step_bits} bits at a time, as the top bit counts "
            "negatively; expected step_bits of 1, or input_signs of pulses or offset"
        )
    shift = most + 1 if signed and xbar.input_signs == "offset" else 0
    span = 2**step_bits - 1
    return InputCode(peak / most, -most if signed else 0, most, shift, xbar.steps, step_bits, span, twos)
