"""Are cycles those that one computes by hand from words and bandwidths?"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.arch.tree import Architecture, Compression, Compute, Fanout, Link, Memory, Node, ZeroSaving
from sim.engines.latency import Latency, latency
from sim.engines.spatial import evaluate
from sim.mapping.counts import count_words
from sim.mapping.nest import Mapping
from sim.mapping.prices import cost_of, prices_of
from sim.schema.mapping import parse_item
from sim.workload.layer import Layer, Rank, Tensor

LINE = Layer(
    "line",
    "conv",
    (("P", 4), ("R", 3)),
    (
        Tensor("weights", "weights", (Rank.of("R"),)),
        Tensor("inputs", "inputs", (Rank.of("P", "R"),)),
        Tensor("outputs", "outputs", (Rank.of("P"),)),
    ),
)
DRAM = Memory("dram", ("all",), math.inf)
BUFFER = Memory("buffer", ("all",), 1e6)
MAC = Compute("mac")
KEEP_DRAM = "keep dram weights, inputs, outputs"


def timed(*nodes: Node, nest: str, layer: Layer = LINE) -> Latency:
    """The latency by the readable engine, of which the mapper's kernel must be of one mind."""
    mapping = Mapping(tuple(parse_item(line.strip()) for line in f"{KEEP_DRAM}; {nest}".split(";")))
    counts = count_words(layer, Architecture("machine", nodes), mapping)
    out = latency(counts)
    prices = prices_of(layer, counts.arch, {t.name: counts.kept(t.name) for t in layer.tensors})
    assert cost_of(counts, prices)[1] == pytest.approx(out.cycles, rel=1e-12)
    assert evaluate(layer, counts.arch, mapping).latency_cycles == out.cycles
    return out


def test_nothing_but_the_arithmetic_takes_time() -> None:
    out = timed(DRAM, MAC, nest="for P 4; for R 3")
    assert (out.steady, out.waits, out.start, out.depth) == ({"compute": 12, "dram": 0}, 0, 0, 0)
    assert (out.cycles, out.bound_by) == (12, "compute")


def test_slow_units_and_deep_pipelines() -> None:
    assert timed(DRAM, replace(MAC, cycles=2.5, depth=5), nest="for P 4; for R 3").cycles == 12 * 2.5 + 4


def test_units_side_by_side() -> None:
    # 27 rows on 14 columns: 2 passes of 5 steps
    layer = replace(LINE, dims=(("P", 27), ("R", 5)))
    assert timed(DRAM, Fanout("row", 14), MAC, nest="for P 2; parallel row.x P 14; for R 5", layer=layer).cycles == 10


WHOLE = "keep buffer weights, inputs, outputs; for P 4; for R 3"


@pytest.mark.parametrize(
    ("changes", "cycles"),
    [
        ({"read_bandwidth": 8.0}, 9 * 2),  # 3 weights and 6 inputs of 16 bits
        ({"write_bandwidth": 4.0}, 4 * 4),  # 4 outputs
        ({"bandwidth": 8.0}, (9 + 4) * 2),  # all of them
        ({"read_bandwidth": 8.0, "write_bandwidth": 4.0, "bandwidth": 64.0}, 18),
    ],
)
def test_a_port_takes_its_words_over_its_bandwidth(changes: dict[str, float], cycles: float) -> None:
    out = timed(replace(DRAM, **changes), BUFFER, MAC, nest=WHOLE)
    assert (out.steady["dram"], out.bound_by) == (cycles, "dram")


def test_ports_of_the_buffer() -> None:
    # reads: 12 + 12 operands, 8 partial sums, 4 finished outputs; writes: 9 words that come, 12 partial sums
    out = timed(DRAM, replace(BUFFER, read_bandwidth=4.0, write_bandwidth=2.0, bandwidth=16.0), MAC, nest=WHOLE)
    assert out.steady["buffer"] == max(36 * 16 / 4, 21 * 16 / 2, 57)
    assert out.steady["compute"] == 12


def test_copies_of_a_memory_share_the_work() -> None:
    # each of 4 registers gives 3 inputs to its unit
    register = replace(BUFFER, name="register", read_bandwidth=4.0)
    out = timed(DRAM, Fanout("row", 4), register, MAC, nest="parallel row.x P 4; keep register inputs; for R 3")
    assert out.steady["register"] == 3 * 16 / 4


def test_the_network_above_an_array() -> None:
    links = (Link("inputs", bandwidth=32), Link("outputs", bandwidth=8))
    out = timed(DRAM, Fanout("row", 4, 1, links), MAC, nest="parallel row.x P 4; for R 3")
    # 4 inputs in each of 3 steps; outputs: 12 up and 8 down, each direction for itself
    assert out.steady == {
        "compute": 3, "dram": 0, "row.weights": 0, "row.inputs": 12 * 16 / 32, "row.outputs": 12 * 16 / 8,
    }  # fmt: skip
    assert out.bound_by == "row.outputs"
    assert timed(
        DRAM, Fanout("row", 4, 1, (replace(links[0], neighbour=True),)), MAC, nest="parallel row.x P 4; for R 3"
    ).steady["row.inputs"] == 6 * 16 / 32  # fmt: skip


def test_skipping_takes_time_away_and_gating_does_not() -> None:
    layer = replace(LINE, tensors=(LINE.tensors[0], replace(LINE.tensors[1], density=0.25), LINE.tensors[2]))
    for kind, share in (("skipping", 0.25), ("gating", 1.0)):
        saving = ZeroSaving(kind, "weights", ("inputs",))  # type: ignore[arg-type]
        dram = replace(DRAM, savings=(saving,), bandwidth=16.0)
        out = timed(dram, MAC, nest="for P 4; for R 3", layer=layer)
        assert out.steady["compute"] == 12 * share
        assert out.steady["dram"] == 12 * share + 12 + 12 + 8  # weights, inputs, partial sums written and read


def test_the_first_tile_has_to_come_before_all_else() -> None:
    # 3 inputs of the first tile at 2 cycles each
    out = timed(replace(DRAM, read_bandwidth=8.0), BUFFER, MAC, nest="for P 4; keep buffer inputs; for R 3")
    assert out.start == 3 * 2
    assert out.waits == 0
    assert out.cycles == (6 + 12 + 8) * 2 + 6  # inputs, weights, partial sums that are read again


def test_a_level_that_streams_passes_the_first_tile_on_and_another_waits_for_a_whole_one() -> None:
    nest = "keep buffer inputs; for P 4; keep register inputs; for R 3"
    register = replace(BUFFER, name="register")
    for buffering, first in (("buffet", 0), ("double", 6 * 2)):
        buffer = replace(BUFFER, buffering=buffering, read_bandwidth=4.0)  # type: ignore[arg-type]
        out = timed(replace(DRAM, read_bandwidth=8.0), buffer, register, MAC, nest=nest)
        assert out.start == first + 3 * 4  # 6 words from DRAM at 2 cycles, 3 from the buffer at 4


def test_the_array_waits_while_a_single_buffer_is_filled() -> None:
    # Tiles of 2 outputs need 4 inputs: 4 come, then 2. At 2 cycles each the array waits for 12.
    nest = "for P 2; keep buffer inputs; for P 2; for R 3"
    dram = replace(DRAM, read_bandwidth=8.0)
    single = timed(dram, replace(BUFFER, buffering="single"), MAC, nest=nest)
    assert (single.waits, single.start) == (12, 0)  # the first tile is among them
    assert timed(dram, replace(BUFFER, buffering="double"), MAC, nest=nest).waits == 0


def test_a_word_that_all_copies_want_is_waited_for_once() -> None:
    nest = "for R 3; parallel row.x P 4; keep register weights"
    register = replace(BUFFER, name="register", buffering="single")
    out = timed(replace(DRAM, read_bandwidth=8.0), Fanout("row", 4), register, MAC, nest=nest)  # type: ignore[arg-type]
    assert out.waits == 3 * 2
    alone = Fanout("row", 4, 1, (Link("weights", multicast=False),))
    out = timed(replace(DRAM, read_bandwidth=8.0), alone, register, MAC, nest=nest)  # type: ignore[arg-type]
    assert out.waits == 12 * 2


def test_results_go_out_at_the_speed_of_writing() -> None:
    nest = "keep buffer outputs; for P 4; for R 3"
    assert timed(replace(DRAM, write_bandwidth=8.0), BUFFER, MAC, nest=nest).start == 4 * 2
    assert timed(replace(DRAM, read_bandwidth=8.0), BUFFER, MAC, nest=nest).start == 0


def test_first_tiles_take_turns_at_the_port_of_one_memory() -> None:
    nest = "keep buffer inputs, weights; for P 4; for R 3"  # 6 inputs and 3 weights
    assert timed(replace(DRAM, read_bandwidth=8.0), BUFFER, MAC, nest=nest).start == (6 + 3) * 2


@pytest.mark.parametrize("compression", [(), (Compression("outputs", "bitmask"),)])
def test_partial_sums_are_read_as_they_were_written(compression: tuple[Compression, ...]) -> None:
    """Only finished words are compressed, so the port for reading is as busy as without; half the load is writing."""
    sparse = replace(LINE.outputs, density=0.3)
    layer = replace(LINE, tensors=(*LINE.tensors[:2], sparse))
    dram = replace(DRAM, read_bandwidth=8.0, compression=compression)
    # 12 weights and 12 inputs, and each of 4 sums twice
    assert timed(dram, MAC, nest="for P 4; for R 3", layer=layer).steady["dram"] == (12 + 12 + 8) * 2


@pytest.mark.parametrize(("buffering", "waits", "start"), [("single", 6, 0), ("double", 0, 6), ("buffet", 0, 6)])
def test_what_stays_does_not_begin_anew(buffering: str, waits: float, start: float) -> None:
    """The array waits 4 times for a single register of outputs, but the weights come once: 3 of 2 cycles."""
    buffer = replace(BUFFER, buffering=buffering)  # type: ignore[arg-type]
    register = replace(BUFFER, name="register", buffering="single")
    nest = "keep buffer weights; for P 4; keep register outputs; for R 3"
    out = timed(replace(DRAM, read_bandwidth=8.0), buffer, register, MAC, nest=nest)
    assert (out.waits, out.start) == (waits, start)


def test_what_streams_past_begins_anew_with_every_tile() -> None:
    nest = "for P 4; keep register outputs; keep buffer inputs; for R 3"
    register = replace(BUFFER, name="register", buffering="single")
    out = timed(replace(DRAM, read_bandwidth=8.0), BUFFER, register, MAC, nest=nest)
    assert (out.waits, out.start) == (3 * 2, 3 * 2)  # 6 inputs come in all: 3 at the start, one for each other tile


def test_the_busiest_copy_decides() -> None:
    """9 rows on 8 PEs are 8 + 1. The first PE works in all 2 * 16 steps, and reads 3 words in each."""
    layer = Layer.einsum("tall", {"M": 9, "K": 16}, inputs="K", weights="M K", outputs="M")
    register = replace(BUFFER, name="register", read_bandwidth=16.0)
    nest = "for M 2; parallel row.x M 8; keep register weights, inputs, outputs; for K 16"
    out = timed(DRAM, Fanout("row", 8), register, MAC, nest=nest, layer=layer)
    assert out.steady["compute"] == 32
    # of each row 16 inputs, 16 weights, 15 sums to be added to and 1 to be drained are read
    assert out.steady["register"] == 9 * 48 / 4.5 == 96


def test_a_single_buffer_is_never_faster() -> None:
    layer = Layer.einsum("gemm", {"M": 4, "N": 8, "K": 16}, inputs="K N", weights="M K", outputs="M N")
    nest = "for M 2; keep buffer weights, inputs, outputs; for M 2; for N 8; for K 16"
    cycles = {
        buffering: timed(
            replace(DRAM, read_bandwidth=16.0), replace(BUFFER, buffering=buffering), MAC, nest=nest, layer=layer
        ).cycles
        for buffering in ("single", "double", "buffet")
    }
    # 128 inputs and 32 weights first: 160 cycles, then the other 32 weights; 512 steps
    assert cycles["single"] == 160 + 32 + 512
    assert cycles["buffet"] <= cycles["double"] <= cycles["single"]


def test_the_parts_are_shown() -> None:
    out = timed(replace(DRAM, read_bandwidth=8.0), BUFFER, replace(MAC, depth=3), nest=WHOLE)
    assert out.parts() == {"compute": 12, "dram": 18, "buffer": 0, "waits": 0, "start": out.start, "depth": 2}
    assert out.cycles == 18 + out.start + 2
