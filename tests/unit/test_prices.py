"""Do words, cycles and idle nodes cost what one computes by hand from the costs of the nodes?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.arch.tree import (
    Architecture,
    Component,
    Compression,
    Compute,
    Converter,
    Fanout,
    Given,
    Link,
    Memory,
    ZeroSaving,
)
from sim.components.table import node_costs
from sim.engines.spatial import evaluate
from sim.kernels.cost import (
    ALTERNATES,
    CYCLES,
    DEPTH,
    DOWN,
    DRAIN,
    FILL,
    FIXED,
    PORT_TIME,
    READ,
    READ_TIME,
    ROOM,
    STAGE,
    STATIC,
    UP,
    UPDATE,
    WHOLE,
    WRITE_TIME,
)
from sim.mapping.counts import count_words
from sim.mapping.nest import Mapping
from sim.mapping.prices import cost_of, link_prices, prices_of, static_pj
from sim.schema.mapping import parse_item
from sim.workload.layer import Layer, Rank, Tensor

WEIGHTS = Tensor("weights", "weights", (Rank.of("R"),))
INPUTS = Tensor("inputs", "inputs", (Rank.of("P", "R"),))
OUTPUTS = Tensor("outputs", "outputs", (Rank.of("P"),))
LINE = Layer("line", "conv", (("P", 4), ("R", 3)), (WEIGHTS, INPUTS, OUTPUTS))
ALL_KEPT = {t.name: ("dram", "buffer") for t in LINE.tensors}


def costs(**quantities: float) -> Component:
    return Component(given=tuple((name, Given(value, "assumed")) for name, value in quantities.items()))


def nest(*lines: str) -> Mapping:
    return Mapping(tuple(map(parse_item, lines)))


DRAM = Memory("dram", ("all",), math.inf, component=costs(read_pj=200, write_pj=100))
BUFFER = Memory("buffer", ("all",), 1e4, component=costs(read_pj=6, write_pj=3))
MAC = Compute("mac", component=costs(op_pj=1, cycle_pj=0.25))
TWO = Architecture("two", (DRAM, BUFFER, MAC))
WHOLE_IN_BUFFER = nest(
    "keep dram weights, inputs, outputs", "keep buffer weights, inputs, outputs", "for P 4", "for R 3"
)


def both(layer: Layer, arch: Architecture, mapping: Mapping) -> float:
    """The energy, of which the engine and the mapper's kernel must be of one mind."""
    counts = count_words(layer, arch, mapping)
    pj, _ = cost_of(counts, prices_of(layer, arch, {t.name: counts.kept(t.name) for t in layer.tensors}))
    assert evaluate(layer, arch, mapping).energy_pj == pytest.approx(pj, rel=1e-12)
    return pj


def test_energy_of_a_layer_by_hand() -> None:
    # DRAM: 3 weights and 6 inputs read, 4 outputs written. Buffer: 9 words come, 12 + 12 operands and 8 partial sums
    # are read, 12 partial sums written, 4 outputs read out. 12 operations in 12 cycles.
    dram = 9 * 200 + 4 * 100
    buffer = 9 * 3 + (12 + 12 + 8) * 6 + 12 * 3 + 4 * 6
    assert both(LINE, TWO, WHOLE_IN_BUFFER) == dram + buffer + 12 * 1 + 12 * 0.25


def test_a_word_costs_its_share_of_an_access() -> None:
    wide = replace(TWO, nodes=(replace(DRAM, width_bits=64), BUFFER, MAC))
    dram, buffer = 9 * 200 + 4 * 100, 279
    assert both(LINE, wide, WHOLE_IN_BUFFER) == dram / 4 + buffer + 15


def test_what_is_paid_in_every_cycle() -> None:
    link = Link("all", component=costs(cycle_pj=7))
    other = Link("weights", component=costs(leakage_mw=2))
    register = Memory("register", ("all",), 64, component=costs(cycle_pj=0.5, leakage_mw=3))
    arch = Architecture(
        "array", (DRAM, Fanout("pes", 4, 2, (link, other)), register, replace(MAC, component=costs(leakage_mw=1))),
        clock_hz=5e8,
    )  # fmt: skip
    # 1 mW is 1e9 pJ/s, so 2 pJ in a cycle of 2 ns
    assert static_pj(arch) == {"dram": 0, "pes": 7 + 2 * 2, "register": 8 * (0.5 + 3 * 2), "mac": 8 * 2}


def line_of_pes(link: Link, bits: int = 16) -> tuple[Layer, Architecture, Mapping]:
    tensors = tuple(replace(t, bits=bits) for t in LINE.tensors)
    arch = Architecture("row", (DRAM, Fanout("row", 4, 1, (link,)), replace(MAC, component=costs())))
    return (
        replace(LINE, tensors=tensors),
        arch,
        nest("keep dram weights, inputs, outputs", "parallel row.x P 4", "for R 3"),
    )


@pytest.mark.parametrize(
    ("link", "pj"),
    [
        # a bus is paid for every word that a PE receives: 4 PEs in 3 steps
        (Link("inputs", component=costs(word_pj=2)), 12 * 2),
        (Link("weights", component=costs(word_pj=2)), 12 * 2),
        # 6 words come from DRAM, the other 6 of 12 from a neighbour
        (Link("inputs", neighbour=True, component=costs(word_pj=2)), 6 * 2),
        # 12 partial sums go up, and 8 come down to be added to
        (Link("outputs", component=costs(word_pj=2)), (12 + 8) * 2),
    ],
)
def test_what_a_network_is_paid(link: Link, pj: float) -> None:
    layer, arch, mapping = line_of_pes(link)
    assert evaluate(layer, arch, mapping).energy_breakdown["row"] == pj
    both(layer, arch, mapping)


def test_neighbours_that_add_are_paid_for_what_they_hand_on() -> None:
    # three PEs give 12 partial sums, which leave the row as 4: 8 are handed to a neighbour
    link = Link("outputs", neighbour=True, component=costs(word_pj=2))
    arch = Architecture("row", (DRAM, Fanout("row", 3, 1, (link,)), MAC))
    mapping = nest("keep dram weights, inputs, outputs", "for P 4", "parallel row.x R 3")
    assert evaluate(LINE, arch, mapping).energy_breakdown["row"] == 8 * 2


def test_prices_of_links_by_gap() -> None:
    layer, arch, _ = line_of_pes(Link("outputs", component=costs(word_pj=2)))
    table = link_prices(layer, arch, node_costs(arch))
    wanted = np.zeros((3, 2, 2))
    wanted[2, 1, UP] = wanted[2, 0, DOWN] = 2
    np.testing.assert_array_equal(table, wanted)
    layer, arch, _ = line_of_pes(Link("inputs", neighbour=True, component=costs(word_pj=2)))
    wanted = np.zeros((3, 2, 2))
    wanted[1, 1, DOWN], wanted[1, 0, DOWN] = 2, -2
    np.testing.assert_array_equal(link_prices(layer, arch, node_costs(arch)), wanted)


def test_a_converter_is_paid_in_both_directions_by_those_it_is_for() -> None:
    adc = Converter("adc", ("outputs",), costs(word_pj=5))
    dac = Converter("dac", ("inputs", "weights"), costs(word_pj=0.5))
    arch = replace(TWO, nodes=(DRAM, BUFFER, dac, adc, MAC))
    parts = evaluate(LINE, arch, WHOLE_IN_BUFFER).energy_breakdown
    assert (parts["adc"], parts["dac"]) == ((12 + 8) * 5, 24 * 0.5)
    assert both(LINE, arch, WHOLE_IN_BUFFER) == both(LINE, TWO, WHOLE_IN_BUFFER) + 100 + 12


def test_gated_accesses_and_operations() -> None:
    layer = replace(LINE, tensors=(WEIGHTS, replace(INPUTS, density=0.25), OUTPUTS))
    buffer = replace(BUFFER, savings=(ZeroSaving("gating", "weights", ("inputs",)),))
    mac = replace(MAC, component=costs(op_pj=1, gated_pj=0.5), savings=(ZeroSaving("gating", "mac", ("inputs",)),))
    result = evaluate(layer, Architecture("gated", (DRAM, buffer, mac)), WHOLE_IN_BUFFER)
    assert result.energy_by_tensor["buffer"]["weights"] == 3 * 3 + 12 * 6 * 0.25  # fills are not gated
    assert result.energy_breakdown["mac"] == 3 * 1 + 9 * 0.5
    assert result.latency_cycles == 12
    assert result.operations == {"done": 3, "gated": 9, "skipped": 0}


def test_only_finished_outputs_are_compressed() -> None:
    # A bitmask stores half of 16 bits and one more: 9 bits. Each of 4 outputs is written three times, twice
    # unfinished in 16 bits, and read twice in 16 bits.
    layer = replace(LINE, tensors=(WEIGHTS, INPUTS, replace(OUTPUTS, density=0.5)))
    dram = replace(DRAM, compression=(Compression("outputs", "bitmask"),))
    arch = Architecture("plain", (dram, MAC))
    mapping = nest("keep dram weights, inputs, outputs", "for P 4", "for R 3")
    result = evaluate(layer, arch, mapping)
    written, read = 4 * 9 + 8 * 16, 8 * 16
    assert result.energy_by_tensor["dram"]["outputs"] == written * 100 / 16 + read * 200 / 16
    both(layer, arch, mapping)


@pytest.mark.parametrize("density", [0.5, 1.0])
def test_a_form_that_is_larger_and_wanted_all_the_same(density: float) -> None:
    # pairs of 10 + 16 bits; 26 bits a word where nothing is zero
    how = Compression("outputs", "rlc", run_bits=10, only_if_smaller=False)
    layer = replace(LINE, tensors=(WEIGHTS, INPUTS, replace(OUTPUTS, density=density)))
    arch = Architecture("plain", (replace(DRAM, compression=(how,)), MAC))
    mapping = nest("keep dram weights, inputs, outputs", "for P 4", "for R 3")
    finished = density / (1 - (1 - density) ** 1024) * 26
    written, read = 4 * finished + 8 * 16, 8 * 16
    result = evaluate(layer, arch, mapping)
    assert result.energy_by_tensor["dram"]["outputs"] == pytest.approx(
        written * 100 / 16 + read * 200 / 16, rel=1e-12
    )
    both(layer, arch, mapping)


def test_tables_of_the_kernel() -> None:
    single = replace(BUFFER, buffering="single", read_bandwidth=8.0, width_bits=32)
    double = Memory("register", ("all",), 128, bandwidth=4.0, write_bandwidth=2.0, buffering="double")
    mac = replace(MAC, cycles=2.0, depth=4)
    link = Link("weights", bandwidth=64)
    layer = replace(LINE, tensors=(replace(WEIGHTS, bits=8), INPUTS, replace(OUTPUTS, bits=24)))
    arch = Architecture("three", (DRAM, single, Fanout("pes", 2, 1, (link,)), double, mac))
    prices = prices_of(layer, arch, {t.name: ("dram", "buffer", "register") for t in layer.tensors})
    assert prices.bits.tolist() == [8, 16, 24]
    # 6 pJ for reading 32 bits, 3 for writing them
    assert {a: prices.energy[0, 1, a] for a in (FILL, READ, UPDATE, DRAIN)} == {
        FILL: 0.75, READ: 1.5, UPDATE: 0.75, DRAIN: 1.5,
    }  # fmt: skip
    assert prices.port[2, 1].tolist() == [24, 24, 24, 24, 0]
    rows = prices.level
    assert rows[:, READ_TIME].tolist() == [0, 1 / 8, 0]
    assert rows[:, WRITE_TIME].tolist() == [0, 0, 1 / 2]
    assert rows[:, PORT_TIME].tolist() == [0, 0, 1 / 4]
    assert rows[:, ALTERNATES].tolist() == [0, 1, 0]
    assert rows[:, WHOLE].tolist() == [0, 1, 1]
    assert rows[:, ROOM].tolist() == [math.inf, 1e4, 64]
    assert rows[:, STAGE].tolist() == [0, 0, 1]
    assert prices.wire.tolist() == [[0, 8 / 64, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert (prices.total[CYCLES], prices.total[DEPTH]) == (2, 3)
    assert (prices.total[FIXED], prices.total[STATIC]) == (12, 2 * 0.25)
