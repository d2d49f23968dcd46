"""Do tiles come and go as a queue of events has it, and are they the words that folds need and do not have?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture, Fanout, Part
from sim.engines.systolic import evaluate
from sim.engines.systolic_folds import parts_of
from sim.engines.systolic_tiles import Plan, Planner
from sim.errors import RoomError
from sim.kernels import systolic as kernel
from sim.kernels import tiles
from sim.kernels.tiles import INPUTS, SUMS, WEIGHTS, WRITTEN
from sim.reference.tiles import Dram, Step, simulate
from sim.workload.layer import Layer
from sim.workload.product import Product
from tests.property.test_systolic import convolutions, machine


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[Step], list[list[int]], list[int], Dram]:
    steps, now = [], [0, 0, 0, 0]
    for number in range(draw(st.integers(1, 12))):
        if number:
            now = [tile + draw(st.integers(0, 1)) for tile in now]
        steps.append(Step(draw(st.integers(1, 30)), (now[0], now[1], now[2], now[3])))
    sizes = st.one_of(st.just(0), st.integers(1, 300))
    bits = [[draw(sizes) for _ in range(tile + 1)] for tile in now]
    room = [draw(st.integers(1, 5)) for _ in now]
    dram = Dram(draw(st.sampled_from((1, 2, 8, 32))), draw(st.sampled_from((1, 8, 64))), draw(st.integers(0, 40)))
    return steps, bits, room, dram


@settings(max_examples=300, deadline=None)
@given(schedules())
def test_the_kernel_is_a_queue_of_events(schedule):
    steps, bits, room, dram = schedule
    table = np.zeros((4, max(map(len, bits))), np.int64)
    for stream, own in enumerate(bits):
        table[stream, : len(own)] = own
    cycles, of_step = np.array([float(s.cycles) for s in steps]), np.array([s.tiles for s in steps]).T.copy()
    out, settings_ = np.zeros(tiles.OUTCOMES), np.array([dram.bandwidth, dram.burst, dram.latency, 0.0])
    tiles.run(cycles, of_step, table, np.array(room), settings_, out)
    seen = simulate(steps, bits, room, dram)
    assert (out[tiles.END], out[tiles.BUSY]) == (seen.end, seen.busy)
    assert (out[tiles.FIRST], out[tiles.STALLS]) == (seen.first, seen.stalls)
    assert out[tiles.END] == pytest.approx(cycles.sum() + out[tiles.FIRST] + out[tiles.STALLS] + out[tiles.LAST])


def planned(layer: Layer, arch: Any) -> tuple[Plan, Planner]:
    own = SystolicMachine.of(arch)
    planner = Planner(layer, arch, own, parts_of(own)[0])
    planner.check()
    return planner.plan(), planner


def naive_inputs(product: Product, parts: list[tuple[range, range]], stay: bool) -> int:
    """Words of tiles (ranges of x and k) that the tile before has not, or none before if all stay."""
    of_x, of_k, padding = product.padded_addresses()
    had: set[int] = set()
    words = 0
    for xs, ks in parts:
        tile = {int(of_x[x] + of_k[k]) for x in xs for k in ks if not padding[of_x[x] + of_k[k]]}
        words += len(tile - had)
        had = had | tile if stay else tile
    return words


def grid(arch: Architecture, arrays: int, part: Part) -> Architecture:
    """Several arrays of one machine that divide `part`."""
    place = arch.nodes.index(arch.fanouts[0])
    nodes = (*arch.nodes[:place], Fanout("grid", arrays), *arch.nodes[place:])
    assert arch.systolic
    return replace(arch, nodes=nodes, systolic=replace(arch.systolic, arrays="grid", divide=part))


@settings(max_examples=120, deadline=None)
@given(
    convolutions(), st.integers(2, 5), st.sampled_from(("os", "ws", "is")), st.sampled_from((128, 256, 512, 4096)),
    st.integers(1, 3), st.sampled_from(("channels", "outputs")), st.booleans(),
)  # fmt: skip
def test_what_comes_from_dram(layer, side, dataflow, size, arrays, part, overlap):
    sizes = (f"{m}_sram.size={size}B" for m in ("input", "weight", "output"))
    one = machine(side, side, dataflow, *sizes, f"systolic.overlap={str(overlap).lower()}")
    try:
        plan, planner = planned(layer, grid(one, arrays, part))
    except RoomError:  # several arrays need more at a time
        assert arrays > 1
        return
    product, folds = planner.product, planner.folds
    (x, n, k), half = product.sizes, size * 8 // 2 // 16
    stay = layer.words("inputs") <= 2 * half
    on_columns = (part == "outputs") == (dataflow == "is")
    high, wide = (1, arrays) if on_columns else (arrays, 1) if dataflow == "os" else (1, 1)
    chunk = planner.chunk() * folds.at_once
    steps = plan.tile.shape[1] // (folds.row_folds * folds.column_folds)
    assert steps == -(-folds.streams // chunk)
    rows, columns, streams = (
        [range(a, min(a + size_, whole)) for a in range(0, whole, size_)]
        for size_, whole in ((side * high, folds.on_rows), (side * wide, folds.on_columns), (chunk, folds.streams))
    )
    if dataflow == "is":
        assert plan.fetched["inputs"] == naive_inputs(product, [(c, r) for c in columns for r in rows], stay)
    else:
        parts = [(s, r) if dataflow == "ws" else (r, s) for r in rows for s in streams]
        laps = 1 if stay else len(columns)
        assert plan.fetched["inputs"] == laps * naive_inputs(product, parts, stay)
    if dataflow == "ws" or k * n <= 2 * half:
        assert plan.fetched["weights"] == k * n
    elif dataflow == "is":
        assert plan.fetched["weights"] == k * n * folds.column_folds
    else:
        assert plan.fetched["weights"] == k * n * (1 if k * min(side * wide, n) <= half else folds.row_folds)
    sums_stay = dataflow == "os" or folds.streams * min(side * wide, folds.on_columns) <= half
    rounds = 1 if sums_stay else folds.row_folds
    assert (plan.written, plan.fetched["outputs"]) == (x * n * rounds, x * n * (rounds - 1))
    assert plan.cycles.sum() == kernel.cycles(planner.case)
    assert (plan.cycles > 0).all()
    for stream, bits in ((INPUTS, 16), (WEIGHTS, 16), (WRITTEN, 16), (SUMS, 16)):
        assert plan.bits[stream].max() <= 2 * half * bits


@settings(max_examples=30, deadline=None)
@given(convolutions(), st.sampled_from(("os", "ws", "is")))
def test_memory_only_ever_adds_cycles_and_a_faster_one_fewer(layer, dataflow):
    arrays = [machine(4, 4, dataflow, f"dram.bandwidth={b}bit/cycle", "dram.burst=1bit") for b in (4, 64, 10**9)]
    slow, fast, ideal = (evaluate(layer, arch) for arch in arrays)
    assert slow.latency_cycles >= fast.latency_cycles >= ideal.latency_cycles >= ideal.compute_cycles
    none = evaluate(layer, machine(4, 4, dataflow, "dram.bandwidth=1000000000bit/cycle", "dram.latency=0cycle"))
    assert none.latency_cycles == pytest.approx(none.compute_cycles, rel=1e-3, abs=1e-3)
    parts = slow.cycles
    assert slow.latency_cycles == pytest.approx(sum(parts[p] for p in ("compute", "first", "stalls", "last")))
