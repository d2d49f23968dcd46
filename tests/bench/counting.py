"""How many mappings a second does one core count? ``python -m tests.bench.counting``, a minute or two.

Every distinct convolution of ResNet-18 on four machines: the nests that both mappers find, each counted for itself as
often as takes some milliseconds, the least time of 30 rounds. One mapping is all words of all tensors at all levels
and gaps. ``uneven`` are nests with a bound that does not divide.
"""

from __future__ import annotations

import math
import time

import sim
from sim.kernels.layout import BOUND, LENGTH, Ints, Nest, Scratch, Shape, new_counts, new_scratch
from sim.kernels.lean import lean
from sim.kernels.reuse import count
from sim.kernels.warm import light_optimization
from sim.mapping.annealer import Sampled
from sim.mapping.dataflow import Dataflow
from sim.mapping.mapper import Strategy, find_mapping
from sim.mapping.objective import OBJECTIVES
from sim.mapping.optimal import Optimal
from sim.mapping.problem import nest_of, shape_of
from sim.schema.dataflow import read_dataflow

MACHINES = ("eyeriss", "nvdla_like", "simba_like", "tpu_v4i_like")
WAYS: tuple[Strategy, ...] = (Sampled(), Optimal())
ROUNDS = 30
MAPPINGS_A_ROUND = 2_000


@lean
def count_often(shape: Shape, nest: Nest, scratch: Scratch, out: Ints, n: int) -> None:
    """Count a nest `n` times, each time from nothing; compiled as the mappers are."""
    for _ in range(n):
        count(
            shape.size, shape.ranks, shape.tensors, nest.loops, nest.keep,
            scratch.lane, scratch.stamp, scratch.memo, out,
        )  # fmt: skip


def millions_a_second(shape: Shape, nest: Nest) -> float:
    """Mappings a second of one core, in millions."""
    scratch, out = new_scratch(shape, nest.loops.shape[1]), new_counts(shape, nest.keep.shape[1])
    with light_optimization():
        count_often(shape, nest, scratch, out, 1)
    least = math.inf
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        count_often(shape, nest, scratch, out, MAPPINGS_A_ROUND)
        least = min(least, time.perf_counter() - begun)
    return MAPPINGS_A_ROUND / least / 1e6


def main() -> None:
    """Print a table."""
    layers = {(layer.dims, layer.tensors): layer for layer in sim.load_workload("resnet18").mac_layers}
    convolutions = [layer for layer in layers.values() if layer.kind == "conv"]
    print(f"{'machine':14}{'layer':18}" + "".join(f"{type(way).__name__:>18}" for way in WAYS))
    for machine in MACHINES:
        arch = sim.load_arch(machine)
        flow = read_dataflow(arch.dataflow)
        assert isinstance(flow, Dataflow)
        for layer in convolutions:
            cells = []
            for way in WAYS:
                mapping = find_mapping(layer, arch, flow, OBJECTIVES["edp"], way).mapping
                nest = nest_of(mapping, layer, arch)
                uneven = math.prod(nest.loops[BOUND, : nest.loops[LENGTH, 0]].tolist()) != layer.macs
                speed = millions_a_second(shape_of(layer, arch), nest)
                cells.append(f"{' uneven' if uneven else '':12}{speed:6.2f}")
            print(f"{machine:14}{layer.name:18}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
