"""Is what the engine says of analog arrays what walking through them shows, and do they compute the product?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.crossbar_machine import CrossbarMachine
from sim.arch.tree import Architecture, Compute, Fanout, Link, Memory
from sim.engines.crossbar_layer import LayerRun
from sim.engines.crossbar_place import Cut, Placement, balanced
from sim.engines.crossbar_words import Traffic
from sim.reference.crossbar import Walk, walk
from sim.workload.layer import Layer
from sim.workload.product import Product
from tests.strategies import convolutions

ARCH = Architecture("machine", (Memory("dram", ("all",), 1e9), Fanout("array", 1, 1), Compute("cell")), "crossbar")


@st.composite
def arrays(draw: st.DrawFn) -> Crossbar:
    signs = draw(st.sampled_from(("balanced", "differential", "offset")))
    weight_bits, cell_bits = draw(st.integers(2, 6)), draw(st.integers(0, 3))
    input_bits = draw(st.integers(2, 6))
    slices = -(-(weight_bits - (signs != "offset")) // cell_bits) if cell_bits else 1
    groups, rows = draw(st.sampled_from(("apart", "diagonal"))), draw(st.integers(1, 14))
    return Crossbar(
        rows,
        draw(st.integers(1, 6)) * slices * (1 if signs == "offset" else 2) + draw(st.integers(0, 1)),
        active_rows=draw(st.integers(0, rows)),
        weight_bits=weight_bits,
        signs=signs,
        cell=Cell(cell_bits),
        input_bits=input_bits,
        step_bits=draw(st.integers(1, input_bits)),
        input_signs=draw(st.sampled_from(("pulses", "twos", "offset"))),
        adc=Adc(0),
        groups=groups,
    )


def walked(product: Product, xbar: Crossbar, copies: int, seed: int) -> tuple[Walk, np.ndarray]:
    """The walk through a layer with random words, and [x, k] the addresses of its inputs, -1 for padding."""
    of_x, of_k, padding = product.padded_addresses()
    address = of_x[:, None] + of_k[None, :]
    address = np.where(padding[address], -1, address)
    rng = np.random.default_rng(seed)
    x, n, k = product.sizes
    most_input, most_weight = 2 ** (xbar.input_bits - 1), 2 ** (xbar.weight_bits - 1)
    inputs = rng.integers(1 - most_input, most_input, (product.repeats, x, k)) * (address >= 0)
    weights = rng.integers(1 - most_weight, most_weight, (product.repeats, k, n))
    seen = walk(inputs, address >= 0, weights, xbar, copies)
    np.testing.assert_array_equal(seen.product, inputs @ weights)
    return seen, address


@st.composite
def groups(draw: st.DrawFn) -> Layer:
    """Products of several small matrices, each with vectors of its own."""
    sizes = {name: draw(st.integers(1, most)) for name, most in (("G", 7), ("X", 3), ("K", 3), ("N", 2))}
    return Layer.einsum("groups", sizes, inputs="G X K", weights="G K N", outputs="G X N")


@settings(max_examples=120, deadline=None)
@given(convolutions() | groups(), arrays(), st.integers(1, 3), st.integers(1, 7), st.integers(0, 99))
def test_counts_are_what_walking_through_arrays_shows(layer: Layer, xbar: Crossbar, copies, inside, seed):
    assume(layer.macs <= 400)
    product = Product.of(layer)
    cut = Cut(product, xbar)
    place = Placement(cut, min(copies, cut.vectors))
    seen, address = walked(product, xbar, place.copies, seed)
    run = LayerRun(CrossbarMachine(ARCH, xbar, 10**6, (), ARCH.nodes[:1]), place, 1)
    assert (place.arrays, int(place.vectors.max()) * cut.reads) == (seen.arrays, seen.reads)
    assert (run.driven * xbar.steps, run.conversions) == (seen.pulses, seen.conversions)
    assert (run.cells_read, run.cells) == (seen.cells_read, seen.cells)
    assert run.cells / run.held == pytest.approx(seen.written)
    of_runs = {(n // inside, *rest) for n, *rest in seen.inputs}
    assert place.inputs(inside) == len(of_runs)
    assert place.outputs(inside) == len({(n // inside, *rest) for n, *rest in seen.sums})
    words = len({(r, copy, group, address[x, q]) for r, copy, group, x, q in of_runs})
    whole = inside >= place.arrays
    unique = len(np.unique(address[address >= 0])) == (address >= 0).sum()
    assert place.window(inside) == words if whole or unique else place.window(inside) >= words


def seen_in_runs(seen: Walk, inside: int) -> dict[str, set[tuple[int, ...]]]:
    return {
        "inputs": {(n // inside, *rest) for n, *rest in seen.inputs},
        "outputs": {(n // inside, *rest) for n, *rest in seen.sums},
    }


@settings(max_examples=100, deadline=None)
@given(
    convolutions() | groups(), arrays(), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), *[st.booleans()] * 4
)
def test_words_above_the_arrays_are_those_that_are_seen_to_pass(
    layer: Layer, xbar: Crossbar, copies, tiles, inside, sent_to_tiles, sent_to_arrays, added_in_tiles, added
):
    """A home, tiles with a buffer, arrays in them; whether links multicast, and whether they add."""
    assume(layer.macs <= 300)
    links = [
        (Link("inputs", multicast=m), Link("outputs", reduce=r))
        for m, r in ((sent_to_tiles, added), (sent_to_arrays, added_in_tiles))
    ]
    outside = (
        Memory("home", ("all",), 1e9),
        Fanout("tiles", 10**4, 1, links[0]),
        Memory("buffer", ("inputs", "outputs"), 1e9),
        Fanout("arrays", inside, 1, links[1]),
    )
    arch = Architecture("machine", (*outside, Fanout("array", 1, 1), Compute("cell")), "crossbar")
    place = Placement(Cut(Product.of(layer), xbar), min(copies, Cut(Product.of(layer), xbar).vectors))
    seen, _ = walked(Product.of(layer), xbar, place.copies, 1)
    traffic = Traffic(CrossbarMachine(arch, xbar, 10**4 * inside, (), outside), place, 1)
    of_all, of_tiles, of_arrays = (seen_in_runs(seen, size) for size in (10**4 * inside, inside, 1))
    inputs, outputs = (traffic.actions["buffer"][t] for t in ("inputs", "outputs"))
    assert inputs.reads == len((of_tiles if sent_to_arrays else of_arrays)["inputs"])
    come = len((of_tiles if added_in_tiles else of_arrays)["outputs"])
    assert (outputs.updates, outputs.drains) == (come, len(of_tiles["outputs"]))
    assert outputs.reads == come - len(of_tiles["outputs"])
    home = traffic.actions["home"]
    sums, finished = len((of_all if added else of_tiles)["outputs"]), layer.words("outputs") * 1
    assert (home["outputs"].updates, home["outputs"].drains) == (sums, 0)
    assert home["outputs"].reads == sums - finished
    assert inputs.fills == place.window(inside)
    assert home["inputs"].reads == place.window(10**4 * inside if sent_to_tiles else inside)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(1, 3)), min_size=1, max_size=3),
    st.integers(0, 20),
)
def test_no_other_numbers_of_copies_make_the_slowest_layer_faster(shapes, more):
    """Layers of so many arrays and vectors, read so many times, and so many arrays left."""
    cuts = []
    for arrays_, vectors, times in shapes:
        layer = Layer.einsum("l", {"X": vectors, "K": 3, "N": arrays_}, inputs="X K", weights="K N", outputs="X N")
        cuts.append(Cut(Product.of(layer), Crossbar(3, 2, -(-3 // times), weight_bits=2, input_bits=1)))
    room = sum(cut.arrays for cut in cuts) + more

    def slowest(copies: tuple[int, ...]) -> int:
        return max(-(-cut.vectors // n) * cut.reads for cut, n in zip(cuts, copies, strict=True))

    ways = itertools.product(*(range(1, cut.vectors + 1) for cut in cuts))
    fit = [w for w in ways if sum(cut.arrays * n for cut, n in zip(cuts, w, strict=True)) <= room]
    found = tuple(balanced(cuts, room))
    assert found in fit
    assert slowest(found) == min(map(slowest, fit))
