"""aihwkit: products with its DACs, ADCs and noise management, and its statistics of phase-change memory.

What it computes is in ``data/aihwkit.yaml``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import Converters, Drift, Noise, Programming, Read, Wires
from sim.nonideal.array import program
from sim.nonideal.drift import drift_exponents, drifted
from sim.nonideal.programming import programmed
from sim.nonideal.read import read_sigma
from sim.nonideal.streams import FloatArray
from sim.schema import yaml12
from sim.validate.row import Row

DEVICES = 400_000
CELL = Cell(0, 25.0)
SECONDS = {"1s": 1.0, "1min": 60.0, "1h": 3600.0, "1d": 86_400.0, "1mo": 30 * 86_400.0, "1y": 365 * 86_400.0}

_SINGLE = 1e-5  # its sums are in single precision
_SHARE = 0.02
_SHOWN = (0.5, 2.5, 25.0), ("written", "exponents", "1s", "1d", "1y")  # tests compare all


@cache
def computed() -> dict[str, Any]:
    """What aihwkit says; see ``data/aihwkit.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "aihwkit.yaml").plain()
    return data


def product_rows() -> Iterator[Row]:
    """Products, at eighteen outputs each."""
    data = computed()["products"]
    weights, inputs = np.array(data["weights"]).T, np.array(data["inputs"])
    for case in data["cases"]:
        xbar = Crossbar(
            len(weights),
            2 * weights.shape[1],
            cell=CELL,
            input_bits=case["input"],
            step_bits=case["input"],
            input_signs="pulses",
            input_scale="vector" if case["scaled"] else "calibrated",
            adc=Adc(case["output"], limit=case["bound"] / float(np.abs(weights).max())),
        )
        sample = None if case["output"] else inputs  # its inputs reach to 1 where they are converted
        wires = Wires(column_ohm=case["column_ohm"]) if "column_ohm" in case else None
        found = program(weights, xbar, Noise(wires=wires), 0, sample).product(inputs, np.random.default_rng(0))
        largest = float(np.abs(found - np.array(case["outputs"])).max())
        kind = "scaled by vector" if case["scaled"] else "as they are"
        adc = f"ADC {case['output']} bit to {case['bound']:g}" if case["output"] else "no ADC"
        handling = {"managed": ", bound management", "wires": ", wires"}.get(case.get("beyond", ""), "")
        what = f"{case['tile']}: DAC {case['input']}, {adc}, inputs {kind}{handling}"
        where = "Products of 16 x 6, largest difference of 18"
        yield Row(_source(), where, what, 0.0, largest, "", 0.0, data["beyond"].get(case.get("beyond"), ""), _SINGLE)


def noisy(kind: str, sigma: float, count: int) -> FloatArray:
    """Many products of one vector: `sigma` is that of every ``weight``, ``input`` or ``output`` of a layer.

    Of a ``current``, it is that of the largest possible weight, 1; the variance of others is proportional to them.
    """
    rng = np.random.default_rng(3)
    weights = rng.uniform(-0.5, 0.5, (32, 64)).T
    vector = rng.uniform(-1, 1, 64)
    largest, steps = float(np.abs(weights).max()), 2**15 - 1
    noise = {
        "weight": Noise(read=Read("independent", sigma / largest / math.sqrt(2))),  # of each cell of a pair
        "current": Noise(read=Read("root", sigma / math.sqrt(largest))),
        "input": Noise(dac=Converters(noise=sigma * steps)),
        "output": Noise(adc=Converters(noise=sigma / largest)),
    }[kind]
    xbar = Crossbar(64, 64, cell=CELL, input_bits=16, step_bits=16, input_signs="pulses", adc=Adc(0))
    made = program(weights, xbar, noise, 0)
    return made.product(np.tile(vector / np.abs(vector).max(), (count, 1)), rng)


def noise_rows() -> Iterator[Row]:
    """Deviations of outputs, on average over 32."""
    for case in computed()["noises"]:
        found = noisy(case["noise"], case["sigma"], 20_000).std(axis=0)
        what = f"noise of every {case['noise']}: {case['sigma']:g}"
        theirs = float(np.mean(case["deviations"]))
        yield Row(_source(), "Deviations of products of 64 x 32", what, theirs, float(found.mean()), "", _SHARE)


def devices(target: float, seed: int = 0) -> Iterator[tuple[str, FloatArray]]:
    """Many devices of phase-change memory: conductances as written, exponents, and conductances as read later."""
    rng = np.random.default_rng(seed)
    targets, drift, read = np.full(DEVICES, target), Drift("pcm"), Read("pcm")
    written = programmed(targets, Programming("pcm"), CELL, rng)
    exponents = drift_exponents(targets, drift, rng)
    yield "written", written
    yield "exponents", exponents
    for name, seconds in SECONDS.items():
        now = drifted(written, exponents, seconds, drift)
        noise = read_sigma(now, written, read, seconds, CELL) * rng.standard_normal(DEVICES)
        yield name, np.maximum(now + noise, 0)


def pcm_rows(everything: bool = False) -> Iterator[Row]:
    """Means and standard deviations of devices, in microsiemens: of some that tell most, or all."""
    targets, moments = _SHOWN
    for case in computed()["pcm"]:
        if case["target"] not in targets and not everything:
            continue
        known = {
            "written": (case["mean"], case["deviation"]),
            "exponents": (case["exponent"], case["exponents"]),
            **case["later"],
        }
        for name, values in devices(case["target"]):
            if name not in moments and not everything:
                continue
            mean, deviation = known[name]
            what = f"{case['target']:g} uS, {name if name not in SECONDS else f'after {name}'}"
            unit = "" if name == "exponents" else "uS"
            where = f"Phase-change memory, {DEVICES:,} devices"
            yield Row(_source(), where, f"{what}: mean", mean, float(values.mean()), unit, _SHARE)
            yield Row(_source(), where, f"{what}: deviation", deviation, float(values.std()), unit, _SHARE)


def _source() -> str:
    return str(computed()["source"])


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    yield from product_rows()
    yield from noise_rows()
    progress("products")
    yield from pcm_rows()
    progress("phase-change memory")
