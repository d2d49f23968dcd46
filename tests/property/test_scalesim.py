"""Are SCALE-Sim's buffers as a naive replay of every word shows: what is fetched, what is sent, and when?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.arch.systolic import SystolicMachine
from sim.engines.scalesim import ScaleSim, by_laps
from sim.engines.systolic_folds import Placed
from sim.kernels.replay import PADDING, REVERSED, SKEWED, misses
from sim.kernels.sending import sent, skewed
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer
from sim.workload.window import Window
from tests.property.test_systolic import machine


def requests(folds: np.ndarray, order: int) -> Iterator[tuple[int, int, int]]:
    """The cycle, line and lane of every request."""
    for line, after, lane, lane_after, begin in folds.tolist():
        deep, wide = after - line, lane_after - lane
        for t in range(deep + (wide - 1 if order == SKEWED else 0)):
            for j in range(wide):
                own = t - j if order == SKEWED else deep - 1 - t
                if 0 <= own < deep:
                    yield begin + t, line + own, lane + j


def replayed(asked: list[tuple[int, int]], capacity: int) -> tuple[int, int]:
    """Words that are fetched of (cycle, address) requests, and the cycle in which the buffer was emptied last."""
    held: set[int] = set()
    fetched, emptied = 0, -1
    for cycle, address in asked:
        if address not in held:
            fetched += 1
            held.add(address)
        if len(held) == capacity:
            held, emptied = set(), cycle
    return fetched, emptied


@st.composite
def convolutions(draw: st.DrawFn) -> Layer:
    """Also such whose channels fill whole folds, and with many filters, so that there are many laps."""
    small, window = st.integers(1, 3), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    net = NetworkBuilder("net", batch=draw(st.integers(1, 2)))
    channels, filters = draw(st.sampled_from((1, 2, 3, 4, 6, 8))), draw(st.sampled_from((1, 5, 24)))
    at = Window.of(window, draw(st.integers(1, 2)), draw(st.integers(0, 2)), draw(st.integers(1, 2)))
    net.conv("conv", net.input(channels, 4 + draw(small), 5), filters, at)
    layer = net.network()["conv"]
    assert isinstance(layer, Layer)
    return layer


@settings(max_examples=200, deadline=None)
@given(
    convolutions(), st.sampled_from((1, 2, 3, 4)), st.integers(1, 4), st.sampled_from(("os", "ws", "is")),
    st.sampled_from((256, 600, 1200, 5000)),
)  # fmt: skip
def test_what_is_fetched_and_when(layer: Layer, rows: int, columns: int, dataflow: str, size: int):
    sizes = (f"{memory}_sram.size={size}B" for memory in ("input", "weight", "output"))
    own = machine(rows, columns, dataflow, "systolic.timing=scalesim", *sizes)
    placed = Placed(layer, own, SystolicMachine.of(own), "channels")
    rules, product = ScaleSim(placed.product, placed.machine, placed.folds), placed.product
    of_x, of_k, padding = product.padded_addresses()
    capacity = size * 8 // 16 // 100 * 50
    folds, order = rules._folds("inputs")
    lines, lanes = (of_x, of_k) if dataflow == "ws" else (of_k, of_x)
    asked = [(t, int(lines[line] + lanes[lane])) for t, line, lane in requests(folds, order)]
    asked = [(t, address) for t, address in asked if not padding[address]]
    fetched, emptied = replayed(asked, max(1, capacity))
    found = rules.fetches("inputs")
    assert found.words == fetched
    assert found.stop == (emptied + 1 if emptied >= 0 else -1)
    if product.sizes[0] * product.sizes[2] != product.existing:
        assert rules._sram_cycles("inputs") == (asked[0][0] + 1, asked[-1][0] + 1)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)), st.integers(1, 2), st.integers(0, 2), st.integers(1, 2),
    st.integers(1, 3), st.integers(2, 4), st.integers(1, 9), st.integers(1, 150),
)  # fmt: skip
def test_inputs_that_are_never_found_are_all_fetched(
    window, stride, padding, dilation, rows, parts, filters, capacity
):
    """Where channels of a place of the window fill several folds."""
    net = NetworkBuilder("net", batch=2)
    net.conv("conv", net.input(rows * parts, 6, 5), filters, Window.of(window, stride, padding, dilation))
    layer = net.network()["conv"]
    assert isinstance(layer, Layer)
    own = machine(rows, 4, "ws", "systolic.timing=scalesim")
    placed = Placed(layer, own, SystolicMachine.of(own), "channels")
    rules = ScaleSim(placed.product, placed.machine, placed.folds)
    folds, order = rules._folds("inputs")
    replay = rules._replayed("inputs", folds, order, capacity)
    if rules._never_found(capacity):
        assert rules._all_fetched(folds, capacity) == replay
    if capacity == 1:
        assert rules._never_found(capacity)
    assert replay[0] <= rules._all_fetched(folds, capacity)[0]


def test_a_place_s_neighbour_has_most_inputs_in_common():
    net = NetworkBuilder("net")
    net.conv("conv", net.input(64, 14, 14), 64, Window.of(3, padding=1))
    layer = net.network()["conv"]
    assert isinstance(layer, Layer)
    own = machine(8, 8, "ws", "systolic.timing=scalesim")
    placed = Placed(layer, own, SystolicMachine.of(own), "channels")
    rules = ScaleSim(placed.product, placed.machine, placed.folds)
    assert rules._never_found(7 * 13 * 13 * 8)  # seven folds lie between, of 13 x 13 pixels at least
    assert not rules._never_found(7 * 13 * 13 * 8 + 1)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 30), st.sampled_from((SKEWED, REVERSED)))
@example(7, 40, 5, SKEWED)
def test_laps_that_repeat_are_passed_over(seed: int, laps: int, capacity: int, order: int):
    rng = np.random.default_rng(seed)
    shapes = [(int(rng.integers(1, 6)), int(rng.integers(1, 4))) for _ in range(rng.integers(1, 4))]
    lines, lanes = rng.integers(0, 8, 8) * 3, rng.integers(0, 9, 4)
    stamps = np.where(rng.random(40) < 0.2, PADDING, 0).astype(np.int32)
    lap = np.array([(0, deep, 0, wide, 20 * i) for i, (deep, wide) in enumerate(shapes)], np.int64)
    cycles = 20 * len(shapes)
    every = np.vstack([lap + np.array([0, 0, 0, 0, cycles * i]) for i in range(laps)])
    asked = [(t, int(lines[line] + lanes[lane])) for t, line, lane in requests(every, order)]
    naive = replayed([(t, at) for t, at in asked if stamps[at] == 0], capacity)
    assert tuple(misses(lines, lanes, lap, laps, cycles, order, capacity, stamps)) == naive


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=4),
    st.integers(1, 4),
    st.integers(1, 60),
    st.sampled_from((SKEWED, REVERSED)),
    st.booleans(),
)
def test_what_comes_once_in_a_lap_is_fetched_as_a_replay_shows(shapes, repeats, capacity, order, many_laps):
    """Laps of several folds, each of which has words of its own; all of them repeated, or each one by itself."""
    made, line, lane = [], 0, 0
    for deep, wide in shapes:
        made.append((line, line + deep, lane, lane + wide))
        line, lane = line + deep, lane + wide
    laps = [[fold] * repeats for fold in made] if many_laps else [made] * repeats
    folds = np.array([(*fold, 100 * i) for i, fold in enumerate(f for lap in laps for f in lap)], np.int64)
    naive = replayed([(t, 1000 * own + at) for t, own, at in requests(folds, order)], capacity)
    assert by_laps(folds, order, capacity, 1 if many_laps else len(made), repeats) == naive


@given(st.integers(1, 9), st.integers(1, 9))
def test_words_of_skewed_columns(deep: int, wide: int):
    lines = [sum(0 <= t - c < deep for c in range(wide)) for t in range(deep + wide - 1)]
    assert [skewed(deep, wide, i) for i in range(len(lines) + 1)] == [sum(lines[:i]) for i in range(len(lines) + 1)]


def sent_word_by_word(folds: np.ndarray, fold_lines: int, width: int, size: int) -> tuple[int, int, int]:
    """The buffer as a queue of lines, sums as a list of the cycles in which they come."""
    comes = [
        f * fold_lines + late + t
        for f, (deep, wide, late) in enumerate(folds.tolist())
        for t in range(deep + wide - 1)
        for c in range(wide)
        if 0 <= t - c < deep
    ]
    half, queue, starts, last, free, stored, out = size // 2, deque[int](), list[int](), 0, size, 0, 0

    def store(words: int) -> None:
        queue.extend([width] * (words // width) + [words % width] * (words % width > 0))

    def send() -> tuple[int, int]:
        lines = [queue.popleft() for _ in range(min(len(queue), -(-half // width)))]
        return (len(lines) - 1) * width + lines[-1], len(lines)  # a gap is seen in the last line alone

    while True:
        enough = stored + free - (size - half) + 1
        if starts:
            enough = max(enough, sum(cycle < last for cycle in comes) + 1)
        if enough > len(comes):
            break
        store(enough - stored)
        gone, lines = send()
        free, out, stored = free + gone - (enough - stored), out + gone, enough
        starts.append(comes[stored - 1])
        last = starts[-1] + lines - 1
    store(len(comes) - stored)
    now = len(folds) * fold_lines - 1
    while queue:
        gone, lines = send()
        starts.append(now)
        out, now = out + gone, now + lines
        last = max(last, now - 1)
    return out, starts[0], last


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 9), st.integers(1, 6), st.integers(0, 6), st.integers(0, 5), st.integers(2, 80)
)  # fmt: skip
def test_what_is_sent_and_when(deep: int, width: int, folds: int, late: int, apart: int, size: int):
    made = np.array([(deep, width if f < folds - 1 else max(1, width - 2), late) for f in range(folds)], np.int64)
    lines = late + deep + width - 1 + apart
    assert tuple(sent(made, lines, width, size)) == sent_word_by_word(made, lines, width, size)
