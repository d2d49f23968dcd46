"""Are the words of small nests those that one counts by hand?"""

from __future__ import annotations

import math

import pytest

from sim.arch.tree import Architecture, Compute, Fanout, Link, Memory
from sim.errors import MappingError
from sim.mapping.counts import Actions, Counts, count_words
from sim.mapping.nest import Mapping
from sim.schema.mapping import parse_item
from sim.workload.layer import Layer, Rank, Tensor

DRAM = "keep dram weights, inputs, outputs"


def line(p: int, r: int, stride: int = 1, pad: int = 0, extent: int | None = None) -> Layer:
    """A convolution in one dimension."""
    return Layer(
        "line",
        "conv",
        (("P", p), ("R", r)),
        (
            Tensor("weights", "weights", (Rank.of("R"),)),
            Tensor("inputs", "inputs", (Rank((("P", stride), ("R", 1)), -pad, extent),)),
            Tensor("outputs", "outputs", (Rank.of("P"),)),
        ),
    )


def machine(*nodes: Memory | Fanout) -> Architecture:
    return Architecture("machine", (Memory("dram", ("all",), math.inf), *nodes, Compute("mac")))


BUFFER = Memory("buffer", ("all",), 1e9)


def counted(layer: Layer, arch: Architecture, *lines: str) -> Counts:
    return count_words(layer, arch, Mapping(tuple(map(parse_item, lines))))


def test_padding_never_moves() -> None:
    # Output p under tap r reads p + r - 1 of the words 0..3. The first tile of two outputs needs -1, 0, 1, 2, of
    # which three exist; the second needs 1..4, of which only 3 is new. Two of the twelve operations take padding.
    counts = counted(
        line(4, 3, pad=1, extent=4), machine(BUFFER), DRAM, "for P 2", f"{DRAM.replace('dram', 'buffer')}", "for P 2",
        "for R 3",
    )  # fmt: skip
    assert counts.actions("dram", "inputs") == Actions(reads=4)
    assert counts.actions("buffer", "inputs") == Actions(fills=4, reads=10)
    assert counts.actions("buffer", "weights") == Actions(fills=3, reads=12)
    assert counts.actions("buffer", "outputs") == Actions(reads=8, updates=12, drains=4)
    assert counts.actions("dram", "outputs") == Actions(updates=4)
    assert counts.tile("buffer", "inputs") == 4  # room is reserved for padding


def test_a_word_that_comes_back_after_a_wrap_is_kept_if_it_is_still_there() -> None:
    # Tiles of 2 outputs under one tap: words {0, 1}, {2, 3} for tap 0, then {1, 2}, {3, 4} for tap 1. From {2, 3} to
    # {1, 2} the word 2 stays, from {1, 2} to {3, 4} none: 2 + 2 + 1 + 2.
    counts = counted(line(4, 2), machine(BUFFER), DRAM, "for R 2", "for P 2", "keep buffer inputs", "for P 2")
    assert counts.down("inputs", 0) == 7


@pytest.mark.parametrize(
    ("link", "above", "below"),
    [
        (Link("inputs", multicast=False), 12, 12),
        (Link("inputs"), 12, 12),  # in one step four PEs want four words
        (Link("inputs", neighbour=True), 6, 12),  # words 0..3, then one new word a step: each word once
    ],
)
def test_inputs_that_slide_along_a_row_of_pes(link: Link, above: int, below: int) -> None:
    counts = counted(line(4, 3), machine(Fanout("row", 4, 1, (link,))), DRAM, "parallel row.x P 4", "for R 3")
    assert (counts.down("inputs", 0), counts.down("inputs", 1)) == (above, below)


@pytest.mark.parametrize(("multicast", "above"), [(True, 3), (False, 12)])
def test_a_weight_that_four_pes_want_at_once(multicast: bool, above: int) -> None:
    array = Fanout("row", 4, 1, (Link("weights", multicast=multicast),))
    counts = counted(line(4, 3), machine(array), DRAM, "parallel row.x P 4", "for R 3")
    assert (counts.down("weights", 0), counts.down("weights", 1)) == (above, 12)


@pytest.mark.parametrize(("reduce", "above"), [(True, 4), (False, 12)])
def test_partial_sums_of_three_pes(reduce: bool, above: int) -> None:
    array = Fanout("row", 3, 1, (Link("outputs", reduce=reduce),))
    counts = counted(line(4, 3), machine(array), DRAM, "for P 4", "parallel row.x R 3")
    assert (counts.up("outputs", 0), counts.up("outputs", 1)) == (above, 12)
    # where they are not added on the way, the memory adds: of the three of every output it reads what it has twice
    assert counts.actions("dram", "outputs") == Actions(updates=above, reads=above - 4)
    assert counts.down("outputs", 0) == 0


def test_twenty_seven_rows_on_fourteen_columns() -> None:
    """Eyeriss's CONV2: 14 + 13, and the last column rests in the second pass."""
    counts = counted(line(27, 5), machine(Fanout("row", 14)), DRAM, "for P 2", "for R 5", "parallel row.x P 14")
    assert (counts.steps, counts.used) == (10, 14)
    # nothing is kept below, and the PEs of one step want different inputs and outputs and the same weight
    assert counts.down("inputs", 0) == 5 * (14 + 13)
    assert counts.down("weights", 0) == 5 * 2
    assert counts.up("outputs", 0) == 5 * (14 + 13)
    assert counts.down("outputs", 0) == 4 * (14 + 13)


def test_a_transposed_convolution_scatters_its_outputs() -> None:
    # output h + r for 3 inputs and 2 taps: words 0..3
    layer = Layer(
        "scatter",
        "transposed_conv",
        (("H", 3), ("R", 2)),
        (
            Tensor("weights", "weights", (Rank.of("R"),)),
            Tensor("inputs", "inputs", (Rank.of("H"),)),
            Tensor("outputs", "outputs", (Rank.of("H", "R"),)),
        ),
    )
    # tiles {0, 1}, {1, 2}, {2, 3}: a word leaves once, when the window has passed
    sliding = counted(layer, machine(BUFFER), DRAM, "for H 3", "keep buffer outputs", "for R 2")
    assert sliding.actions("buffer", "outputs") == Actions(fills=0, reads=2, updates=6, drains=4)
    # one word at a time: 0, 1, 2, then 1, 2, 3, of which two have been there before
    hopping = counted(layer, machine(BUFFER), DRAM, "for R 2", "for H 3", "keep buffer outputs")
    assert hopping.actions("dram", "outputs") == Actions(fills=0, reads=2, updates=6, drains=0)
    assert hopping.actions("buffer", "outputs") == Actions(fills=2, reads=2, updates=6, drains=6)


def test_a_tensor_passes_a_memory_that_does_not_keep_it() -> None:
    counts = counted(line(4, 3), machine(BUFFER), DRAM, "for P 4", "keep buffer inputs", "for R 3")
    assert counts.kept("inputs") == ("dram", "buffer")
    assert counts.kept("weights") == ("dram",)
    assert counts.actions("buffer", "weights") == Actions()
    assert counts.tile("buffer", "weights") == 0
    assert counts.tile("buffer", "inputs") == 3
    assert counts.actions("dram", "weights") == Actions(reads=12)
    assert counts.actions("buffer", "inputs") == Actions(fills=6, reads=12)
    assert (counts.down("weights", 0), counts.down("weights", 1)) == (12, 12)


def test_a_name_that_the_layer_does_not_have() -> None:
    with pytest.raises(MappingError) as error:
        counted(line(4, 3), machine(), DRAM, "for Q 3")
    assert str(error.value) == "the mapping names 'Q', which layer line on machine lacks"


def test_room_for_an_index_of_three_terms() -> None:
    """P + 3 R + C, two of each, are the words 0 to 5."""
    index = Rank((("P", 1), ("R", 3), ("C", 1)))
    dims = (("P", 2), ("R", 2), ("C", 2))
    tensors = (Tensor("inputs", "inputs", (index,)), Tensor("outputs", "outputs", (Rank.of("P"),)))
    layer = Layer("three", "einsum", dims, tensors)
    counts = counted(
        layer, machine(BUFFER), "keep dram inputs, outputs", "keep buffer inputs", *(f"for {d} 2" for d, _ in dims)
    )
    assert counts.tile("buffer", "inputs") == 6
