"""Is a nest that the machine cannot run rejected, with the numbers that say why?"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.arch.tree import Architecture, Compute, Fanout, Memory
from sim.errors import MappingError
from sim.mapping.check import check
from sim.mapping.nest import For, Item, Mapping
from sim.schema.mapping import parse_item
from sim.workload.layer import Layer, LayerError, Rank, Tensor

MACHINE = Architecture(
    "tiny",
    (
        Memory("dram", ("all",), math.inf),
        Memory("glb", ("inputs", "outputs"), 16 * 40),
        Fanout("pes", 4, 2),
        Memory("rf", ("all",), 16 * 6),
        Compute("mac"),
    ),
)
GEMM = Layer.einsum("gemm", {"M": 4, "N": 6, "K": 8}, inputs="M K", weights="K N", outputs="M N")
DRAM = "keep dram inputs, weights, outputs"


def nest(*lines: str) -> Mapping:
    return Mapping(tuple(map(parse_item, lines)))


def reasons(mapping: Mapping, layer: Layer = GEMM, arch: Architecture = MACHINE) -> list[str]:
    with pytest.raises(MappingError) as error:
        check(mapping, layer, arch)
    first, *lines = str(error.value).split("\n")
    assert first == f"tiny cannot run this mapping of layer {layer.name}:"
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]


def test_a_legal_nest_passes() -> None:
    check(nest(DRAM, "for M 4", "for N 6", "for K 8"), GEMM, MACHINE)
    # 6 columns on 4 PEs: 4 + 2; tiles of rf: 2 inputs, 2 weights, 1 output
    inside = ("parallel pes.x N 4", "keep rf weights, inputs", "keep rf outputs", "for K 2")
    check(nest(DRAM, "for N 2", "keep glb inputs", "for K 4", "for M 4", *inside), GEMM, MACHINE)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("keep gbl inputs", "'keep gbl inputs': no memory gbl; there are dram, glb, rf (did you mean 'glb'?)"),
        (
            "keep glb outputs, input",
            "'keep glb outputs, input': no tensor input; there are inputs, weights, outputs (did you mean 'inputs'?)",
        ),
        ("for Q 2", "'for Q 2': no dimension Q; there are M, N, K"),
        ("parallel pe.x M 2", "'parallel pe.x M 2': no fanout pe; there are pes (did you mean 'pes'?)"),
        (For("M", 0), "'for M 0': the bound must be at least 1"),
    ],
)
def test_names_that_there_are_not(line: str | Item, reason: str) -> None:
    item = parse_item(line) if isinstance(line, str) else line
    assert reasons(Mapping((*nest(DRAM, "for M 4", "for N 6", "for K 8"), item))) == [reason]


@pytest.mark.parametrize(
    ("loops", "reason"),
    [
        (["for M 4", "for N 6"], "the loops over K cover 1 of its 8 iterations"),
        (["for M 4", "for N 6", "for K 2", "for K 3"], "the loops over K cover 6 of its 8 iterations"),
        (["for M 5", "for N 6", "for K 8"], "'for M 5': M has 4 iterations, so a bound of 4 is enough"),
        (
            ["for K 3", "for M 4", "for N 6", "for K 4"],
            "'for K 3': K has 8 iterations, so a bound of 2 is enough, as the loops inside it take steps of 4",
        ),
        (
            ["for M 4", "for N 3", "parallel pes.x N 4", "for K 8"],
            "'for N 3': N has 6 iterations, so a bound of 2 is enough, as the loops inside it take steps of 4",
        ),
    ],
)
def test_loops_that_do_too_little_or_run_into_nothing(loops: list[str], reason: str) -> None:
    assert reasons(nest(DRAM, *loops)) == [reason]


LOOPS = ("for M 4", "for N 6", "for K 8")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((DRAM, "keep glb weights", *LOOPS), "'keep glb weights': glb keeps inputs, outputs, not weights"),
        (
            (DRAM, *LOOPS, "keep rf inputs", "keep glb inputs"),
            "'keep glb inputs': inputs is already kept in rf, which is not further out",
        ),
        (
            (DRAM, *LOOPS, "keep rf inputs", "keep rf inputs"),
            "'keep rf inputs': inputs is already kept in rf, which is not further out",
        ),
        ((DRAM, *LOOPS, "keep rf inputs, inputs"), "'keep rf inputs, inputs': names inputs more than once"),
        (("keep dram weights, outputs", *LOOPS), "inputs is kept nowhere; it must be kept in dram before any loop"),
        (
            ("keep dram weights, outputs", LOOPS[0], "keep dram inputs", *LOOPS[1:]),
            "inputs must be kept in dram before any loop",
        ),
        (
            ("keep dram weights, outputs", "keep glb inputs", *LOOPS),
            "inputs must be kept in dram before any loop",
        ),
    ],
)
def test_keeps_in_a_wrong_place(lines: tuple[str, ...], reason: str) -> None:
    assert reasons(nest(*lines)) == [reason]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ("parallel pes.x M 4", "keep glb inputs", "for N 6", "for K 8"),
            "'parallel pes.x M 4': glb is above pes, so 'keep glb inputs' must stand outside it",
        ),
        (
            ("keep rf inputs", "parallel pes.x M 4", "for N 6", "for K 8"),
            "'parallel pes.x M 4': rf is below pes, so 'keep rf inputs' must stand inside it",
        ),
        (
            ("for M 4", "parallel pes.x N 2", "parallel pes.x K 4", "for N 3", "for K 2"),
            "the loops over pes.x need 8 copies, and there are 4",
        ),
        (
            ("for M 4", "parallel pes.y N 3", "for N 2", "for K 8"),
            "the loops over pes.y need 3 copies, and there are 2",
        ),
    ],
)
def test_loops_in_space_in_a_wrong_place(lines: tuple[str, ...], reason: str) -> None:
    assert reasons(nest(DRAM, *lines)) == [reason]


def test_tiles_that_are_too_large() -> None:
    # a tile of 4 x 8 inputs and one of 4 x 6 outputs; then a row of 8 inputs
    assert reasons(nest(DRAM, "keep glb inputs, outputs", *LOOPS)) == [
        "glb has room for 640 bit and its tiles need 896, 256 too many: "
        "inputs 32 words of 16 bit, outputs 24 words of 16 bit"
    ]
    assert reasons(nest(DRAM, "for M 4", "for N 6", "keep rf inputs, outputs", "for K 8")) == [
        "rf has room for 96 bit and its tiles need 144, 48 too many: "
        "inputs 8 words of 16 bit, outputs 1 words of 16 bit"
    ]


def test_a_double_buffered_tile_takes_its_room_twice() -> None:
    nodes = [replace(n, buffering="double") if isinstance(n, Memory) and n.name == "rf" else n for n in MACHINE]
    arch = replace(MACHINE, nodes=tuple(nodes))
    lines = (DRAM, "for M 4", "for N 6", "for K 2", "keep rf inputs", "for K 4")
    check(nest(*lines), GEMM, MACHINE)
    assert reasons(nest(*lines), arch=arch) == [
        "rf has room for 96 bit and its tiles need 128, 32 too many: "
        "inputs 4 words of 16 bit, twice because it is double-buffered"
    ]


def test_the_width_of_words_and_the_halo_count() -> None:
    # 3 outputs at stride 2 under a filter of 3 need 2 * 2 + 3 = 7 inputs of 8 bit
    line = Layer(
        "line",
        "conv",
        (("P", 6), ("R", 3)),
        (
            Tensor("weights", "weights", (Rank.of("R"),), bits=4),
            Tensor("inputs", "inputs", (Rank((("P", 2), ("R", 1))),), bits=8),
            Tensor("outputs", "outputs", (Rank.of("P"),), bits=24),
        ),
    )
    mapping = nest(DRAM, "for P 2", "keep rf inputs, weights, outputs", "for P 3", "for R 3")
    assert reasons(mapping, line) == [
        "rf has room for 96 bit and its tiles need 140, 44 too many: "
        "weights 3 words of 4 bit, inputs 7 words of 8 bit, outputs 3 words of 24 bit"
    ]


def test_all_reasons_of_one_kind_are_given_at_once() -> None:
    assert reasons(nest("keep dram inputs, outputs", "for M 8", "for N 6", "keep glb weights")) == [
        "'for M 8': M has 4 iterations, so a bound of 4 is enough",
        "the loops over K cover 1 of its 8 iterations",
        "'keep glb weights': glb keeps inputs, outputs, not weights",
        "weights must be kept in dram before any loop",
    ]


def test_a_tensor_that_is_too_large_to_be_counted() -> None:
    vast = Layer.einsum("vast", {"M": 1 << 25, "K": 2}, inputs="K", weights="M K", outputs="M")
    message = r"^layer vast: index 'M' reaches over 33554432 words, and 16777216 at most$"
    with pytest.raises(LayerError, match=message):
        check(nest(DRAM, f"for M {1 << 25}", "for K 2"), vast, MACHINE)
