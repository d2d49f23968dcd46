"""Does the engine say how busy the array is, by what it is bound, and what vector layers cost?"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.arch.tree import Architecture, Component, Compute, Fanout, Given, Link, Memory
from sim.engines.spatial import evaluate
from sim.mapping.counts import Actions
from sim.mapping.nest import For, Keep, Mapping, Parallel
from sim.workload.layer import Layer, VectorLayer


def costs(**quantities: float) -> Component:
    return Component(given=tuple((name, Given(value, "assumed")) for name, value in quantities.items()))


DRAM = Memory("dram", ("all",), math.inf, 64, bandwidth=32, component=costs(read_pj=800, write_pj=400))
GLB = Memory("glb", ("inputs", "outputs"), 1e6, component=costs(read_pj=6, write_pj=3, cycle_pj=0.5))
ARCH = Architecture("chip", (DRAM, GLB, Fanout("pes", 4, 2), Compute("mac")), clock_hz=2e8)
GEMM = Layer.einsum("gemm", {"M": 6, "K": 8}, inputs="K", weights="M K", outputs="M")


def test_utilization_is_of_all_pes_and_all_cycles() -> None:
    # 6 rows on 4 of 8 PEs are 4 + 2, in 2 * 8 steps. DRAM gives or takes 2 words a cycle: 48 weights, 8 inputs in
    # each pass, 48 partial sums that are written and all but the first of each row, 42, that are read again.
    keep = Keep("dram", ("inputs", "weights", "outputs"))
    fast = replace(ARCH, nodes=(replace(DRAM, bandwidth=math.inf), *ARCH.nodes[1:]))
    nest = Mapping((keep, For("M", 2), Parallel("pes", "x", "M", 4), For("K", 8)))
    result = evaluate(GEMM, fast, nest)
    assert (result.active_pes, result.compute_cycles, result.latency_cycles) == (4, 16, 16)
    assert result.latency_s == 16 / 2e8
    assert result.utilization == 48 / (16 * 8)
    assert result.bound_by == "compute"
    slow = evaluate(GEMM, ARCH, nest)
    words = 48 + 2 * 8 + 48 + (48 - 6)
    assert slow.latency_cycles == words * 16 / 32
    assert slow.utilization == 48 / (77 * 8)
    assert (slow.active_pes, slow.bound_by) == (4, "dram")


POOL = VectorLayer("pool", "maxpool", (("inputs", 100),), 25, 200)


def test_a_layer_without_multiplications_moves_its_words_once() -> None:
    result = evaluate(POOL, ARCH)
    assert result.actions == {
        "dram": {"inputs": Actions(reads=100), "outputs": Actions(updates=25)},
        "glb": {"inputs": Actions(fills=100, reads=100), "outputs": Actions(updates=25, drains=25)},
    }
    # 200 operations on 8 PEs take 25 cycles; 125 words of 16 bits at 32 bits a cycle take 62.5
    assert (result.compute_cycles, result.latency_cycles, result.bound_by) == (25, 62.5, "dram")
    assert result.energy_breakdown == {
        "dram": 100 * 200 + 25 * 100,  # a word is a quarter of an access
        "glb": 125 * 6 + 125 * 3,
        "static": 62.5 * 0.5,
    }
    assert result.energy_pj == sum(result.energy_breakdown.values())
    assert (result.macs, result.utilization, result.mapping) == (0, 0, ())


def test_a_memory_that_does_not_keep_inputs_is_passed() -> None:
    arch = replace(ARCH, nodes=(DRAM, replace(GLB, keeps=("outputs",)), *ARCH.nodes[2:]))
    result = evaluate(POOL, arch)
    assert "inputs" not in result.actions["glb"]
    assert result.energy_breakdown["glb"] == pytest.approx(25 * 6 + 25 * 3)


def test_words_pass_the_first_memory_that_keeps_their_kind() -> None:
    weights_only = replace(GLB, name="weights_buffer", keeps=("weights",))
    result = evaluate(POOL, replace(ARCH, nodes=(DRAM, weights_only, *ARCH.nodes[1:])))
    assert list(result.actions) == ["dram", "glb"]
    assert result.actions["glb"]["inputs"] == Actions(fills=100, reads=100)


def test_words_take_the_links_and_converters_on_their_way_and_spread_over_copies() -> None:
    link = Link("all", bandwidth=16.0, component=costs(word_pj=2))
    pes = Fanout("pes", 8, 1, (link,))
    register = Memory("rf", ("all",), 1e6, bandwidth=16.0)
    result = evaluate(POOL, Architecture("pooled", (DRAM, pes, register, Compute("mac"))))
    # 125 words pass; each is written to a register and read from it, 16 bits a cycle in each of 8 copies
    assert result.energy_breakdown["pes"] == 125 * 2
    assert result.cycles["pes.inputs"] == 100
    assert result.cycles["rf"] == 125 * 2 / 8


def test_what_is_fused_costs_nothing_of_its_own() -> None:
    result = evaluate(replace(POOL, fused="conv"), ARCH)
    assert (result.energy_pj, result.latency_cycles, result.actions, result.fused) == (0, 0, {}, "conv")
