"""Is the closed form of systolic arrays what moving every word shows, and does the array compute the product?"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture
from sim.engines.systolic import evaluate
from sim.engines.systolic_folds import Folds, case_of
from sim.kernels import systolic as kernel
from sim.reference.systolic import SCALESIM, Stationary, simulate
from sim.reference.systolic_array import Rules, Run
from sim.schema.architecture import read_architecture
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer
from sim.workload.product import Product
from sim.workload.window import Window

DATAFLOWS: tuple[Stationary, ...] = ("os", "ws", "is")
RULES = (Rules(), Rules(overlap=False), SCALESIM)


def machine(rows: int, columns: int, dataflow: str, *sets: str) -> Architecture:
    size = [f"array.x={columns}", f"array.y={rows}", f"systolic.dataflow={dataflow}"]
    return read_architecture("systolic_8x8_ws", [*size, *sets])


def observed(run: Run) -> list[list[int]]:
    """As the kernel has it: of one array, operands enter it just when its SRAM reads them."""
    seen = [list(dataclasses.astuple(words)) for words in (run.inputs, run.weights, run.outputs)]
    return [[*row, row[0] if role < 2 else 0] for role, row in enumerate(seen)]


def made(
    x: int, n: int, k: int, exists: np.ndarray, size: tuple[int, int], dataflow: str, rules: Rules
) -> np.ndarray:
    """A product on one array."""
    case = np.zeros(kernel.CASE, np.int64)
    stationary = {"os": kernel.OUTPUT, "ws": kernel.WEIGHT, "is": kernel.INPUT}[dataflow]
    passed = int((exists.sum(axis=0) * (np.arange(k) % size[0] + 1)).sum())
    case[[kernel.X, kernel.N, kernel.K, kernel.STATIONARY, kernel.ROWS, kernel.COLUMNS]] = x, n, k, stationary, *size
    case[[kernel.OVERLAP, kernel.DRAIN, kernel.WHOLE]] = rules.overlap, rules.drain, rules.whole
    case[[kernel.EXISTING, kernel.LOADED]] = exists.sum(), passed
    case[[kernel.GROUPS, kernel.PLACES, kernel.ACROSS, kernel.ALONG]] = 1
    return case


def foretold(case: kernel.Ints) -> list[list[int]]:
    counts = np.zeros((3, kernel.COLUMN_COUNT), np.int64)
    kernel.count(case, counts)
    return counts.tolist()


@st.composite
def products(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, which of them are no padding, and weights."""
    x, n, k = (draw(st.integers(1, 9)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    exists = rng.random((x, k)) < draw(st.sampled_from((0.6, 1.0)))
    return np.where(exists, rng.integers(-9, 10, (x, k)), 0), exists, rng.integers(-9, 10, (k, n))


@settings(max_examples=150, deadline=None)
@given(products(), st.integers(1, 6), st.integers(1, 6), st.sampled_from(DATAFLOWS), st.sampled_from(RULES))
def test_the_closed_form_is_what_moving_every_word_shows(product, rows, columns, dataflow, rules):
    inputs, exists, weights = product
    run = simulate(inputs, weights, (rows, columns), dataflow, rules, exists)
    np.testing.assert_array_equal(run.product, inputs @ weights)
    (x, k), n = inputs.shape, weights.shape[1]
    case = made(x, n, k, exists, (rows, columns), dataflow, rules)
    assert kernel.cycles(case) == run.cycles
    if rules.whole:  # registers of what fills up a fold are not told apart
        assert [row[:2] for row in foretold(case)] == [row[:2] for row in observed(run)]
    else:
        assert foretold(case) == observed(run)


def matrices(layer: Layer, values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A layer of one group, from its definition: [x, k] inputs, which exist, [k, n] weights, and [x, n] outputs."""
    product, sizes = Product.of(layer), layer.sizes

    def points(dims):
        return [dict(zip(dims, p, strict=True)) for p in itertools.product(*(range(sizes[d]) for d in dims))]

    def word(role, point):
        tensor = product.tensor(role)
        at = tuple(rank.offset + sum(c * point[d] for d, c in rank.terms) for rank in tensor.ranks)
        there = all(r.extent is None or 0 <= i < r.extent for i, r in zip(at, tensor.ranks, strict=True))
        return values[role][at] if there else None

    xs, ns, ks = points(product.x), points(product.n), points(product.k)
    inputs = [[word("inputs", x | k) for k in ks] for x in xs]
    weights = np.array([[word("weights", k | n) for n in ns] for k in ks])
    exists = np.array([[v is not None for v in row] for row in inputs])
    matrix = np.array([[v or 0 for v in row] for row in inputs])
    return matrix, exists, weights, matrix @ weights


@st.composite
def convolutions(draw: st.DrawFn) -> Layer:
    small = st.integers(1, 3)
    kernel_size, stride, padding = draw(small), draw(st.integers(1, 2)), draw(st.integers(0, 1))
    window = Window.of((kernel_size, draw(small)), stride, padding, draw(st.integers(1, 2)))
    net = NetworkBuilder("net", batch=draw(st.integers(1, 2)))
    net.conv("conv", net.input(draw(small), 7, 7), draw(st.integers(1, 5)), window)
    layer = net.network()["conv"]
    assert isinstance(layer, Layer)
    return layer


@settings(max_examples=40, deadline=None)
@given(convolutions(), st.integers(2, 5), st.integers(2, 5), st.sampled_from(DATAFLOWS), st.booleans())
def test_a_convolution_is_the_product_that_its_addresses_say(layer, rows, columns, dataflow, overlap):
    rng = np.random.default_rng(0)
    shapes = {"inputs": (2, 3, 7, 7), "weights": (5, 3, 3, 3)}
    values = {role: rng.integers(-9, 10, shape) for role, shape in shapes.items()}
    inputs, exists, weights, outputs = matrices(layer, values)
    arch = machine(rows, columns, dataflow, f"systolic.overlap={str(overlap).lower()}")
    product = Product.of(layer)
    np.testing.assert_array_equal(product.existing_of_k, exists.sum(axis=0))
    a = product.addresses()
    index = a.of_x[:, :, None] + a.of_k[:, None, :]
    np.testing.assert_array_equal(np.all((index >= 0) & (index < a.extents[:, None, None]), axis=0), exists)
    of_x, of_k, padding = product.padded_addresses()
    np.testing.assert_array_equal(~padding[of_x[:, None] + of_k], exists)
    run = simulate(inputs, weights, (rows, columns), dataflow, Rules(overlap=overlap), exists)
    np.testing.assert_array_equal(run.product, outputs)
    case = case_of(product, SystolicMachine.of(arch), "channels")
    assert kernel.cycles(case) == run.cycles
    assert foretold(case) == observed(run)
    assert Folds.of(case).efficiency <= 1
    result = evaluate(layer, arch)
    assert result.compute_cycles == run.cycles
    assert result.actions["registers"]["inputs"].reads == run.inputs.reads


def test_groups_follow_each_other_as_folds_do():
    net = NetworkBuilder("net")
    net.depthwise("dw", net.input(5, 6, 6), Window.of(3))
    layer = net.network()["dw"]
    assert isinstance(layer, Layer)
    for dataflow, overlap in itertools.product(DATAFLOWS, ("true", "false")):
        arch = machine(4, 4, dataflow, f"systolic.overlap={overlap}")
        case = case_of(Product.of(layer), SystolicMachine.of(arch), "channels")
        one = case.copy()
        one[kernel.GROUPS] = 1
        assert case[kernel.GROUPS] == 5
        if overlap == "false":
            assert kernel.cycles(case) == 5 * kernel.cycles(one)
        else:  # all but the last one leave while others enter
            folds = Folds.of(case)
            enter = sum(kernel.interval(one, fold) for fold in range(folds.row_folds * folds.column_folds))
            assert kernel.cycles(case) == 4 * enter + kernel.cycles(one)
        np.testing.assert_array_equal(foretold(case), 5 * np.array(foretold(one)))


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.integers(2, 5), st.integers(2, 5))
def test_folds_that_share_no_place_of_the_window_are_those_of_as_many_products(layer, rows, columns):
    """Word by word: the products of all places, one after the other on one array, added up at the end."""
    arch = machine(rows, columns, "ws")
    product = Product.of(layer)
    places, channels = product.sizes[2] // product.side_by_side, product.side_by_side
    case = case_of(product, SystolicMachine.of(arch), "channels")
    case[kernel.PLACES] = places
    rng = np.random.default_rng(0)
    values = {"inputs": rng.integers(-9, 10, (2, 3, 7, 7)), "weights": rng.integers(-9, 10, (5, 3, 3, 3))}
    inputs, exists, weights, outputs = matrices(layer, values)
    parts = [slice(i * channels, (i + 1) * channels) for i in range(places)]
    runs = [simulate(inputs[:, p], weights[p], (rows, columns), "ws", Rules(), exists[:, p]) for p in parts]
    np.testing.assert_array_equal(sum(run.product for run in runs), outputs)
    seen = np.sum([observed(run) for run in runs], axis=0)
    seen[2, kernel.SRAM_READS] += (places - 1) * outputs.size  # to add the sums of one place to those of another
    np.testing.assert_array_equal(foretold(case), seen)
    run = simulate(inputs, weights, (rows, columns), "ws", Rules(places=places), exists)
    np.testing.assert_array_equal(run.product, outputs)
    assert foretold(case) == observed(run)
    assert kernel.cycles(case) == run.cycles


def shares(dataflow: str, part: str, sizes: tuple[int, int], of_array: int, arrays: int) -> list[np.ndarray]:
    """What each array has of x (outputs) or n (channels): whole folds, or of what streams one, each in turn."""
    whole = np.arange(sizes[0] if part == "outputs" else sizes[1])
    turns = whole if (dataflow, part) in (("ws", "outputs"), ("is", "channels")) else whole // of_array
    return [own for a in range(arrays) if len(own := whole[turns % arrays == a])]


@settings(max_examples=200, deadline=None)
@given(
    products(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.sampled_from(DATAFLOWS),
    st.sampled_from(("channels", "outputs")), st.booleans(),
)  # fmt: skip
def test_several_arrays_are_as_many_that_have_a_part_each(product, rows, columns, arrays, dataflow, part, overlap):
    """Word by word: each array by itself has a part of the product; the first one has most to do."""
    inputs, exists, weights = product
    (x, k), n = inputs.shape, weights.shape[1]
    rules, runs, total = Rules(overlap=overlap), [], np.zeros((x, n), np.int64)
    of_array = rows if (dataflow, part) == ("os", "outputs") else columns
    for own in shares(dataflow, part, (x, n), of_array, arrays):
        at = (own, slice(None)) if part == "outputs" else (slice(None), own)
        mine = (inputs[own], weights, exists[own]) if part == "outputs" else (inputs, weights[:, own], exists)
        runs.append(simulate(mine[0], mine[1], (rows, columns), dataflow, rules, mine[2]))
        total[at] = runs[-1].product
    np.testing.assert_array_equal(total, inputs @ weights)
    case = made(x, n, k, exists, (rows, columns), dataflow, rules)
    on_columns = (part == "outputs") == (dataflow == "is")
    case[kernel.ACROSS if on_columns else kernel.ALONG] = arrays
    assert kernel.cycles(case) == runs[0].cycles == max(run.cycles for run in runs)
    seen = np.sum([observed(run) for run in runs], axis=0)
    shared = 0 if part == "channels" else 1  # the operand that all need is read once for all
    seen[shared, kernel.SRAM_READS] = observed(runs[0])[shared][kernel.SRAM_READS]
    np.testing.assert_array_equal(foretold(case), seen)
