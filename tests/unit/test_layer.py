"""Does a layer know its words, and say what is wrong with itself?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.workload.layer import Layer, LayerError, Rank, Tensor, VectorLayer

BILLION = 10**9


@st.composite
def ranks(draw: st.DrawFn) -> tuple[Rank, dict[str, int]]:
    dims = draw(st.integers(0, 3))
    sizes = {name: draw(st.integers(1, 9)) for name in "PRT"[:dims]}
    terms = tuple((name, draw(st.integers(1, 7))) for name in sizes)
    return Rank(terms, draw(st.integers(-20, 5)), draw(st.one_of(st.none(), st.integers(1, 60)))), sizes


@given(ranks())
def test_counting_indices_is_listing_them(case: tuple[Rank, dict[str, int]]) -> None:
    rank, sizes = case
    assert rank.count(sizes) == len(rank.indices(sizes))


@given(ranks())
def test_indices_lie_in_the_span_and_both_ends_are_reached(case: tuple[Rank, dict[str, int]]) -> None:
    rank, sizes = case
    low, high = rank.span(sizes)
    touched = Rank(rank.terms, rank.offset).indices(sizes)
    assert (min(touched), max(touched)) == (low, high)


@pytest.mark.parametrize(
    ("rank", "sizes", "words"),
    [
        # 0 .. (n - 1) + (m - 1), without gaps
        (Rank.of("P", "R"), {"P": BILLION, "R": BILLION}, 2 * BILLION - 1),
        # 2p + r is every number up to 2 (n - 1) + m - 1
        (Rank((("P", 2), ("R", 1))), {"P": BILLION, "R": BILLION}, 3 * BILLION - 2),
        # 2p + 2r is every even one of them
        (Rank((("P", 2), ("R", 2))), {"P": BILLION, "R": 3}, BILLION + 2),
        # strides larger than the filter leave holes: every output has its own three words
        (Rank((("P", 5), ("R", 1))), {"P": BILLION, "R": 3}, 3 * BILLION),
        # a convolution with padding: exactly the image
        (Rank((("P", 1), ("R", 1)), -1, BILLION), {"P": BILLION, "R": 3}, BILLION),
        # of 5p - 1, 5p, 5p + 1 the first word and none at the end lie outside
        (Rank((("P", 5), ("R", 1)), -1, 5 * BILLION), {"P": BILLION, "R": 3}, 3 * BILLION - 1),
        (Rank.of("P"), {"P": 10**15}, 10**15),
        (Rank(()), {}, 1),
    ],
)
def test_huge_bounds_cost_nothing(rank: Rank, sizes: dict[str, int], words: int) -> None:
    assert rank.count(sizes) == words


@pytest.mark.parametrize(
    ("rank", "sizes", "looks"),
    [
        (Rank((("P", 1), ("R", 1)), 0, 5), {"P": 2_000_000, "R": 3_000_000}, 2_000_000),
        (Rank.of("P", "R", "T"), {"P": 1000, "R": 100, "T": 11}, 1_100_000),
    ],
)
def test_what_cannot_be_counted_fast_is_refused(rank: Rank, sizes: dict[str, int], looks: int) -> None:
    with pytest.raises(LayerError) as error:
        rank.count(sizes)
    assert str(error.value) == f"rank '{rank}' has too many combinations to count: {looks}, and 1000000 at most"


def test_indices_of_padding_and_holes() -> None:
    rank = Rank((("P", 3), ("R", 1)), offset=-1, extent=7)  # -1 0 | 2 3 | 5 6
    assert rank.indices({"P": 3, "R": 2}) == {0, 2, 3, 5, 6}
    assert rank.span({"P": 3, "R": 2}) == (-1, 6)


@pytest.mark.parametrize(
    ("rank", "text"),
    [
        (Rank.of("P"), "P"),
        (Rank((("P", 2), ("R", 1)), -3), "2*P + R - 3"),
        (Rank((("P", 1),), 4), "P + 4"),
        (Rank(()), "0"),
    ],
)
def test_a_rank_is_printed_as_it_is_written(rank: Rank, text: str) -> None:
    assert str(rank) == text


def tensors(*ranks: Rank, role: str = "inputs", density: float = 1.0) -> tuple[Tensor, ...]:
    return (
        Tensor("x", role, ranks, density=density),  # type: ignore[arg-type]
        Tensor("outputs", "outputs", (Rank.of("M"),)),
    )


GEMM = Layer.einsum("gemm", {"M": 4, "N": 8, "K": 16}, inputs="M K", weights="K N", outputs="M N", bits=8)


@pytest.mark.parametrize(
    ("dims", "given", "message"),
    [
        ((("M", 2), ("M", 3)), tensors(), "layer bad: a dimension is named twice"),
        ((("M", 0),), tensors(), "layer bad: dimension M has the bound 0; it must be at least 1"),
        (
            (("M", 2**40), ("N", 2**40)),
            tensors(),
            "layer bad: 1208925819614629174706176 multiply-accumulates; 1152921504606846976 at most can be counted",
        ),
        (
            (("M", 2),),
            tensors(Rank((("M", 1),), 2**61)),
            "layer bad, tensor x: rank 'M + 2305843009213693952' or its extent goes beyond 1152921504606846976",
        ),
        ((("M", 2),), tensors() * 2, "layer bad: a tensor is named twice"),
        ((("M", 2),), tensors()[:1], "layer bad: exactly one tensor must have the role outputs"),
        ((("M", 2),), tensors(role="outputs"), "layer bad: exactly one tensor must have the role outputs"),
        (
            (("M", 2), ("Channels", 3)),
            tensors(Rank.of("Chanels")),
            "layer bad, tensor x: unknown dimension Chanels; there are M, Channels (did you mean 'Channels'?)",
        ),
        ((("M", 2),), tensors(Rank.of("Q")), "layer bad, tensor x: unknown dimension Q; there are M"),
        (
            (("M", 2),),
            tensors(Rank.of("M"), Rank.of("M")),
            "layer bad, tensor x: dimension M stands in two ranks; each may stand in one",
        ),
        (
            (("M", 2),),
            tensors(Rank((("M", -1),))),
            "layer bad, tensor x: rank '-1*M' needs positive coefficients",
        ),
        (
            (("M", 2),),
            tensors(Rank((("M", 1),), -5, 3)),
            "layer bad, tensor x: rank 'M - 5' reaches no word that exists",
        ),
        ((("M", 2),), tensors(density=0.0), "layer bad, tensor x: density 0.0 is not above 0 and at most 1"),
        ((("M", 2),), tensors(density=1.5), "layer bad, tensor x: density 1.5 is not above 0 and at most 1"),
        (
            (("M", 2), ("A", 200), ("B", 200), ("C", 200)),
            tensors(Rank.of("A", "B", "C")),
            "layer bad, tensor x: rank 'A + B + C' has too many combinations to count: 8000000, and 1000000 at most",
        ),
    ],
)
def test_a_layer_that_contradicts_itself(
    dims: tuple[tuple[str, int], ...], given: tuple[Tensor, ...], message: str
) -> None:
    with pytest.raises(LayerError) as error:
        Layer("bad", "einsum", dims, given)
    assert str(error.value) == message


def test_an_einsum() -> None:
    assert GEMM.macs == 4 * 8 * 16
    assert [(t.name, t.role, t.bits, str(t)) for t in GEMM.tensors] == [
        ("inputs", "inputs", 8, "inputs[M, K]"),
        ("weights", "weights", 8, "weights[K, N]"),
        ("outputs", "outputs", 8, "outputs[M, N]"),
    ]
    assert [GEMM.words(t.name) for t in GEMM.tensors] == [64, 128, 32]
    assert GEMM.outputs is GEMM.tensor("outputs")
    assert GEMM.sizes == {"M": 4, "N": 8, "K": 16}


def test_a_tensor_that_is_not_there() -> None:
    with pytest.raises(LayerError) as error:
        GEMM.tensor("wieghts")
    assert str(error.value) == "layer gemm has no tensor wieghts; did you mean 'weights'?"


def test_words_are_those_that_exist_and_are_touched() -> None:
    # CONV1 of AlexNet: 55 rows at stride 4 under a filter of 11 reach all 227; a filter of 3 would leave holes.
    for filter_rows, words in ((11, 227), (3, 3 * 55)):
        window = Rank((("P", 4), ("R", 1)), 0, 227)
        tensors_ = (Tensor("inputs", "inputs", (window,)), Tensor("outputs", "outputs", (Rank.of("P"),)))
        layer = Layer("conv1", "conv", (("P", 55), ("R", filter_rows)), tensors_)
        assert layer.words("inputs") == words


def test_equal_shapes_are_equal_whatever_the_names() -> None:
    def made(name: str, kind: str, k: int) -> Layer:
        return Layer.einsum(name, {"M": 4, "K": k}, kind, inputs="M K", weights="K", outputs="M")

    assert made("a", "linear", 8).shape == made("b", "matmul", 8).shape
    assert made("a", "linear", 8).shape != made("a", "linear", 9).shape


def test_a_vector_layer() -> None:
    add = VectorLayer("add", "add", (("a", 10), ("b", 20)), 20, 20)
    assert (add.input_words, add.macs) == (30, 0)
    # the names of what it reads and of what it is fused into are of no matter, that it is fused is
    assert add.shape == VectorLayer("sum", "add", (("c", 10), ("d", 20)), 20, 20).shape
    assert add.shape != VectorLayer("add", "add", (("a", 10), ("b", 20)), 20, 20, fused="conv").shape
