"""CrossSim: converters, ranges of ADCs, and products with sliced and unsliced matrices, without noise.

What it computes is in ``data/crosssim.yaml``. Noise of the two cannot be compared number by number; that ours is what
it should be is shown by `sim.reference` and the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import Noise
from sim.nonideal.array import program
from sim.nonideal.converters import AdcRange, quantized
from sim.schema import yaml12
from sim.validate.row import Row

_MOST_US = 100.0  # 10 kohm
_EXACT, _SINGLE = 1e-9, 1e-6
_COMPRESSED = (
    "CrossSim leaves the lowest level of an offset cell unused and does not undo what that takes from the sums, "
    "254/255; so do we here"
)
_BY_INPUTS = (
    "CrossSim widens granular ranges by 256/255 (128/127 where inputs have signs), as for inputs that are applied "
    "whole; ours are for inputs that are applied bit by bit"
)
_HALF = (
    "CrossSim takes 1/254 (1/255 where inputs have no sign) for the smallest current of a pair of cells, which is "
    "1/127"
)
_ALIGNED = (
    "CrossSim widens this range so that its steps are multiples of the smallest current; ours is the largest sum"
)


@cache
def computed() -> dict[str, Any]:
    """What CrossSim says; see ``data/crosssim.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "crosssim.yaml").plain()
    return data


def quantizer_rows() -> Iterator[Row]:
    """ADCs and DACs, at 19 inputs each."""
    data = computed()["quantizers"]
    for case in data["cases"]:
        low, high = case["range"]
        codes = 2 ** case["bits"] - (case["levels"] == "sign")
        found = quantized(np.array(data["input"]), AdcRange(low, high, codes))
        what = f"{case['kind'].upper()}, {case['bits']} bit, {case['levels']}, {low:g} to {high:g}"
        yield _difference("Converters, largest difference of 19", what, found, case["output"])


def range_rows() -> Iterator[Row]:
    """Upper ends of the ranges of ADCs; the lower ones are 0, or as far below."""
    for case in computed()["ranges"]:
        signs, slices, bits = case["signs"], case["slices"], case["bits"]
        magnitude = 8 if signs == "offset" else 7
        xbar = Crossbar(
            case["rows"],
            64,
            signs=signs,
            cell=Cell(-(-magnitude // slices), _MOST_US),
            input_signs="pulses",
            adc=Adc(bits, case["range"]),
        )
        sample = np.full((1, 4), -1.0 if case["signed"] else 1.0)
        found = program(np.ones((4, 1)), xbar, Noise(), 0, sample).report.ranges[case["slice"]].high
        note, tolerance = _range_note(case)
        inputs = "any" if case["signed"] else "positive"
        cells = f"slice {case['slice'] + 1} of {slices}" if slices > 1 else _sliced(slices)
        what = f"{signs}, {cells}, {case['range']}, {case['rows']} rows, {bits} bit, {inputs} inputs"
        yield Row(_paper(), "Ranges of ADCs", what, case["high"], found, "", tolerance, note)


def _range_note(case: dict[str, Any]) -> tuple[str, float]:
    if case["range"] == "granular":
        single_pair = case["signs"] == "balanced" and case["slices"] == 1
        return (_HALF, 0.0) if single_pair else (_BY_INPUTS, 0.01)
    return (_ALIGNED, 0.0) if case["signs"] == "offset" and case["slices"] > 1 else ("", 0.0)


def product_rows() -> Iterator[Row]:
    """Products, at six outputs each."""
    data = computed()["products"]
    weights, inputs = np.array(data["weights"]).T, np.array([data["input"]])
    for case in data["cases"]:
        signs, slices, adc = case["signs"], case["slices"], case["adc"]
        cell = Cell(case["cell_bits"], _MOST_US, _MOST_US / case["on_off"])
        xbar = Crossbar(
            len(weights),
            64,
            signs=signs,
            cell=cell,
            input_signs="pulses",
            step_bits=case["step"],
            adc=Adc(adc, "full", limit=_limit(case, len(weights))),
        )
        found = program(weights, xbar, Noise(), 0).product(inputs, np.random.default_rng(0))[0]
        compressed = signs == "offset" and slices == 1
        if compressed:
            found *= 254 / 255
        step = f"{case['step']} bit at a time"
        what = f"{signs}, {_sliced(slices)}, {step}, ADC {adc or 'exact'}, on/off {case['on_off']}"
        single = signs == "balanced" and slices == 1
        yield _difference(
            "Products of 16 x 6, largest difference of 6",
            what,
            found,
            case["output"],
            _COMPRESSED if compressed else "",
            _SINGLE if single else _EXACT,
        )


def _sliced(slices: int) -> str:
    return f"{slices} slices" if slices > 1 else "not sliced"


def _limit(case: dict[str, Any], rows: int) -> float:
    """The largest current that CrossSim's ADCs know."""
    if case["signs"] != "offset" or case["slices"] == 1 or not case["adc"]:
        return float(rows)
    codes = 2.0 ** case["adc"]
    return float(rows * 2 ** case["cell_bits"] / (2 ** case["cell_bits"] - 1) * (codes - 2) / codes * 128 / 127)


def _difference(
    where: str, what: str, found: np.ndarray, expected: list[float], note: str = "", within: float = _EXACT
) -> Row:
    largest = float(np.abs(found - np.array(expected)).max())
    return Row(_paper(), where, what, 0.0, largest, "", 0.0, note, within)


def _paper() -> str:
    return str(computed()["source"])


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    for part in (quantizer_rows, range_rows, product_rows):
        yield from part()
        progress(part.__name__)
