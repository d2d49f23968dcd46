"""Does a dataflow mean the right dimensions, and say which arrays cannot host it?"""

from __future__ import annotations

import math

import pytest

from sim.arch.tree import Architecture, Compute, Fanout, Memory
from sim.errors import MappingError
from sim.mapping.dataflow import ANY, Dataflow, Spread, check_host, held_roles, letters, pe_memories
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer
from sim.workload.window import Window

DRAM = Memory("dram", ("all",), math.inf)
GLB = Memory("glb", ("inputs", "outputs"), 1e6)
RF = Memory("rf", ("weights", "outputs"), 1e3)
LATCH = Memory("latch", ("inputs",), 16)


def machine(*nodes: Memory | Fanout) -> Architecture:
    return Architecture("machine", (DRAM, *nodes, Compute("mac")))


def built(kind: str) -> Layer:
    net = NetworkBuilder("net", batch=2)
    x = net.input(4, 6, 6)
    if kind == "grouped":
        net.conv("layer", x, 8, Window.of(3), groups=2)
    elif kind == "transposed":
        net.transposed_conv("layer", x, 8, Window.of(3))
    else:
        net.linear("layer", net.view(x, 2, 144), 8)
    (layer,) = net.network().mac_layers
    return layer


def test_a_convolution_has_its_own_letters() -> None:
    assert letters(built("grouped")) == {d: d for d in "NGMCPQRS"}
    assert letters(built("linear")) == {d: d for d in "NMC"}


def test_other_layers_have_the_letters_of_what_plays_the_same_part() -> None:
    gemm = Layer.einsum("gemm", {"M": 2, "N": 3, "K": 4}, inputs="M K", weights="K N", outputs="M N")
    # M stands in inputs and outputs, as rows do; N in weights and outputs, as output channels do
    assert letters(gemm) == {"M": "P", "N": "M", "K": "C"}
    heads = Layer.einsum("qk", {"B": 2, "M": 2, "K": 4}, inputs="B M K", weights="B K", outputs="B M")
    assert letters(heads) == {"B": "G", "M": "P", "K": "C"}
    # taps of a transposed convolution choose the output, as output channels do
    assert {d: letter for d, letter in letters(built("transposed")).items() if d in "HWRS"} == {
        "H": "P", "W": "P", "R": "M", "S": "M",
    }  # fmt: skip
    # a dimension of a single tensor
    odd = Layer.einsum("odd", {"A": 2, "K": 4}, inputs="K", weights="K", outputs="A")
    assert letters(odd) == {"A": "G", "K": "C"}


@pytest.mark.parametrize(
    ("axis", "letter", "may", "must"),
    [
        ("x", "P", True, False),
        ("x", "M", True, False),
        ("y", "P", False, False),
        ("y", "R", True, True),
        ("y", "M", True, False),
        ("x", "R", False, False),
        ("x", "C", False, False),
    ],
)
def test_what_may_and_must_be_spread(axis: str, letter: str, may: bool, must: bool) -> None:
    flow = Dataflow("rows", spread=(Spread("x", ("P",)), Spread("y", ("R",), ("R",)), Spread("any", ("M",))))
    assert (flow.may_spread(axis, letter), flow.must_spread(axis, letter)) == (may, must)


def test_without_a_word_about_it_everything_may_be_spread() -> None:
    assert ANY.may_spread("x", "C")
    assert not ANY.must_spread("x", "C")


def test_a_pe_is_what_lies_below_the_innermost_fanout() -> None:
    assert pe_memories(machine(GLB)) == ()
    assert pe_memories(machine(GLB, Fanout("array", 4), RF, LATCH)) == (RF, LATCH)
    assert pe_memories(machine(GLB, Fanout("array", 4), RF, Fanout("lanes", 2), LATCH)) == (LATCH,)


def test_a_pe_may_keep_what_the_dataflow_names_or_anything() -> None:
    assert held_roles(ANY) == ("inputs", "weights", "outputs")
    assert held_roles(Dataflow("ws", pe_keeps=("weights",))) == ("weights",)
    assert held_roles(Dataflow("nlr", pe_keeps=())) == ()


@pytest.mark.parametrize(
    ("flow", "arch", "reasons"),
    [
        (
            Dataflow("rows", spread=(Spread("y", ("R", "S")),)),
            machine(GLB),
            ["it spreads R, S over an array, and there is no fanout"],
        ),
        (
            Dataflow("rows", spread=(Spread("y", ("R", "M"), ("R",)), Spread("x", ("P",), ("P",)))),
            machine(Fanout("array", 8), RF),
            ["it spreads R over array.y, which has one copy"],
        ),
        (
            Dataflow("ws", pe_keeps=("weights", "inputs")),
            machine(Fanout("array", 8), RF),
            ["it keeps inputs inside a PE, and no memory below array keeps inputs"],
        ),
        (
            Dataflow("os", pe_keeps=("outputs",), spread=(Spread("any", ("P",)),)),
            machine(GLB),
            [
                "it spreads P over an array, and there is no fanout",
                "it keeps outputs inside a PE, and no memory inside a PE keeps outputs",
            ],
        ),
    ],
)
def test_arrays_that_cannot_host_a_dataflow(flow: Dataflow, arch: Architecture, reasons: list[str]) -> None:
    with pytest.raises(MappingError) as error:
        check_host(flow, arch)
    first, *lines = str(error.value).split("\n")
    assert first == f"machine cannot host the dataflow {flow.name}:"
    assert lines == [f"  - {reason}" for reason in reasons]


def test_an_array_that_can() -> None:
    flow = Dataflow(
        "rows", spread=(Spread("x", ("P",), ("P",)), Spread("any", ("M",), ("M",))), pe_keeps=("weights",)
    )
    check_host(flow, machine(GLB, Fanout("array", 8), RF))
    check_host(ANY, machine())
