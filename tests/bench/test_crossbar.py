"""How fast are layers laid into analog arrays?"""

from __future__ import annotations

import pytest

from sim.api import load_arch, load_workload
from sim.engines.crossbar import run_in_arrays


@pytest.mark.parametrize("workload", ["vgg16", "resnet50"])
def test_a_network_in_arrays(benchmark, workload: str):
    arch, network = load_arch("isaac"), load_workload(workload)
    benchmark(run_in_arrays, network, arch)
