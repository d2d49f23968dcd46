"""How fast are products in noisy arrays?

``OPENBLAS_NUM_THREADS=1 pytest tests/bench/test_analog.py --benchmark-enable --benchmark-timer=time.process_time``
measures 512 x 512, 256 vectors, on one core; `products/s` are products of a matrix with a vector. Ratios to the plain
product of matrices within a run compare, numbers of different runs do not. Else each is done once, unmeasured.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import Noise, Programming, Read, Wires
from sim.nonideal.array import program
from sim.nonideal.wires import effective

SIZE, BATCH = 512, 256
RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal((SIZE, SIZE), np.float32)
INPUTS = RNG.standard_normal((BATCH, SIZE), np.float32)

WHOLE = Crossbar(SIZE, 2 * SIZE, cell=Cell(0, 25.0), input_signs="pulses", step_bits=7, adc=Adc(8))
SLICED = Crossbar(SIZE, 8 * SIZE, cell=Cell(2, 25.0), input_signs="pulses", step_bits=1, adc=Adc(8))
ERROR, READ = Programming(sigma=0.05), Read(sigma=0.02)

CASES = {
    "DAC and ADC of 8 bits, errors of programming": (WHOLE, Noise(programming=ERROR)),
    "and read noise": (WHOLE, Noise(programming=ERROR, read=READ)),
    "four slices, seven steps": (SLICED, Noise(programming=ERROR)),
    "four slices, seven steps, read noise": (SLICED, Noise(programming=ERROR, read=READ)),
}


def timed(benchmark: BenchmarkFixture, run: Callable[[], object], products: int) -> None:
    """The best of many runs, and how many products that is in a second."""
    benchmark(run)
    if benchmark.stats is not None:
        benchmark.extra_info["products/s"] = round(products / benchmark.stats["min"])


def test_the_product_of_matrices_alone(benchmark: BenchmarkFixture):
    out = np.empty((BATCH, SIZE), np.float32)
    timed(benchmark, lambda: np.matmul(INPUTS, WEIGHTS, out=out), BATCH)


@pytest.mark.parametrize("case", CASES)
def test_products(benchmark: BenchmarkFixture, case: str):
    xbar, noise = CASES[case]
    made, rng = program(WEIGHTS, xbar, noise, 1, INPUTS), np.random.default_rng(1)
    timed(benchmark, lambda: made.product(INPUTS, rng), BATCH)


@pytest.mark.parametrize("wires", [None, Wires(1.0, 1.0)])
def test_wires_cost_nothing_once_they_are_known(benchmark: BenchmarkFixture, wires: Wires | None):
    """An array of 128 rows and 64 outputs, with and without wires: the products are the same."""
    xbar = Crossbar(128, 128, cell=Cell(0, 25.0), input_signs="pulses", step_bits=7, adc=Adc(8))
    inputs = INPUTS[:, :128].copy()
    made, rng = program(WEIGHTS[:128, :64], xbar, Noise(wires=wires), 1, inputs), np.random.default_rng(1)
    timed(benchmark, lambda: made.product(inputs, rng), BATCH)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_knowing_wires(benchmark: BenchmarkFixture, size: int):
    """What is done once for each array."""
    conductances = RNG.uniform(0, 25, (size, size)).astype(np.float32)
    if benchmark.disabled and size > 64:
        pytest.skip("only to be measured")
    benchmark(effective, conductances, Wires(1.0, 1.0))
