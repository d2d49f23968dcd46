"""How fast is a network on noisy arrays? ``OPENBLAS_NUM_THREADS=1 pytest tests/bench --benchmark-enable``."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from sim.accuracy.cases import architecture_of
from sim.accuracy.data import read_dataset
from sim.accuracy.hardware import Exact, Hardware, machine_of, noise_of, products_of
from sim.accuracy.model import read_trained
from sim.accuracy.task import Task

IMAGES = 200


@pytest.fixture(scope="module")
def task() -> Task:
    return Task.of(read_trained("fashion_lenet"), read_dataset("fashion_mnist").first(IMAGES))


@pytest.mark.parametrize("arch", ["float", "pcm_crossbar", "reram_crossbar"])
def test_lenet(benchmark: BenchmarkFixture, task: Task, arch: str) -> None:
    hardware: Hardware = Exact() if arch == "float" else machine_of(architecture_of(arch, [], ()))
    products = products_of(task, hardware, 0)
    right = benchmark.pedantic(lambda: task.correct(products, noise_of(0)), rounds=3)
    benchmark.extra_info["images a second"] = IMAGES / benchmark.stats["mean"] if benchmark.enabled else None
    assert right > 0.7 * IMAGES
