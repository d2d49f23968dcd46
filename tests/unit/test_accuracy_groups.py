"""Do groups that share an array compute and cost what they should?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from sim.accuracy.cases import architecture_of
from sim.accuracy.data import read_dataset
from sim.accuracy.hardware import machine_of, products_of, traces_of
from sim.accuracy.model import read_trained
from sim.accuracy.operators import operators
from sim.accuracy.packing import pack
from sim.accuracy.robust import robust
from sim.accuracy.task import Task, Trace
from sim.accuracy.windows import matrix_of
from sim.api import load_workload, run
from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import Noise, Programming
from sim.nonideal.array import program
from tests.asked import machine
from tests.onnx_models import Array, op, save

CHANNELS = 7
RNG = np.random.default_rng(1)


def depthwise(folder: Path) -> Task:
    """A convolution of each of seven channels, and what tells from it where an image is bright."""
    held = {
        "filters": RNG.standard_normal((CHANNELS, 1, 3, 3)).astype(np.float32),
        "w": RNG.standard_normal((CHANNELS * 4, 3)).astype(np.float32),
    }
    nodes = [
        op("Conv", "x filters", "deep", group=CHANNELS),
        op("Flatten", "deep", "flat"),
        op("MatMul", "flat w", "y"),
    ]
    path = save(folder, nodes, {"x": ["N", CHANNELS, 4, 4]}, held)
    x = RNG.standard_normal((60, CHANNELS, 4, 4)).astype(np.float32)
    y = ReferenceEvaluator(str(path)).run(None, {"x": x})[0].argmax(axis=1)
    np.savez(folder / "seen.npz", x=x, y=y)
    return Task.of(read_trained(path), read_dataset(folder / "seen.npz"))


def arrays(groups: str, **others: object) -> Crossbar:
    """Of 30 rows, for three channels of nine."""
    known = {"columns": 64, "cell": Cell(3, 25.0), "input_signs": "pulses", "adc": Adc(0)} | others
    return Crossbar(30, groups=groups, **known)


def test_groups_are_multiplied_side_by_side() -> None:
    """Two of five at once, and the last one alone."""
    w, x = (RNG.standard_normal(shape).astype(np.float32) for shape in ((10, 2, 3, 3), (2, 10, 4, 4)))
    matrices = [matrix_of(each) for each in np.split(w, 5)]
    seen = []

    def multiply(part: tuple[str, int], rows: Array, matrix: Array) -> Array:
        seen.append((part, rows.shape))
        own = matrices[part[1] : part[1] + 2]
        return np.concatenate([r @ m for r, m in zip(np.split(rows, len(own), axis=1), own, strict=True)], axis=1)

    node = helper.make_node("Conv", ["x", "w"], ["out"], "grouped", group=5)
    ours = ReferenceEvaluator(node, new_ops=operators(multiply, frozenset(["w"]), together={"grouped": 2}))
    expected, found = (run.run(None, {"x": x, "w": w})[0] for run in (ReferenceEvaluator(node), ours))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert seen == [(("grouped", 0), (8, 36)), (("grouped", 2), (8, 36)), (("grouped", 4), (8, 18))]


@pytest.mark.parametrize("signs", ["balanced", "differential", "offset"])
def test_without_noise_groups_compute_the_same_as_apart(signs: str) -> None:
    """Weights and inputs of one are a thousand times those of another: each keeps its own scale."""
    scales = (1.0, 1000.0, 0.01)
    parts = [Trace(RNG.standard_normal((9, 2)) * s, RNG.standard_normal((50, 9)) / s, 1) for s in scales]
    whole = Trace.along_diagonal(parts)
    together = pack(whole.weights, whole.inputs, 3, arrays("diagonal", signs=signs), Noise(), 1)
    found = np.split(together.product(whole.inputs, RNG), 3, axis=1)
    for part, own in zip(parts, found, strict=True):
        apart = program(part.weights, arrays("apart", signs=signs), Noise(), 1, part.inputs)
        np.testing.assert_allclose(own, apart.product(part.inputs, RNG), rtol=1e-9, atol=1e-9)


def test_cells_beside_the_diagonal_err_too() -> None:
    """With the same error in all cells, sums over three times as many have errors that are larger by its root."""
    parts = [Trace(RNG.standard_normal((9, 9)), RNG.choice([-1.0, 1.0], (200, 9)), 1) for _ in range(3)]
    whole, noise = Trace.along_diagonal(parts), Noise(programming=Programming("independent", 0.1))
    xbar = arrays("diagonal", columns=200, cell=Cell(0, 25.0, 5.0))
    errors = []
    for seed in range(20):
        together = pack(whole.weights, whole.inputs, 3, xbar, noise, seed)
        apart = program(parts[0].weights, xbar, noise, seed, parts[0].inputs)
        exact = parts[0].inputs @ parts[0].weights
        errors.append(
            [
                np.std(p - exact)
                for p in (together.product(whole.inputs, RNG)[:, :9], apart.product(parts[0].inputs, RNG))
            ]
        )
    joint, alone = np.mean(errors, axis=0)
    assert joint / alone == pytest.approx(3**0.5, rel=0.1)


def test_accuracy_and_cost_know_the_same_arrays(tmp_path: Path) -> None:
    """Channels of nine rows, three in an array of 32 rows and four outputs: three arrays instead of seven."""
    task = depthwise(tmp_path)
    for groups, expected in (("apart", 7), ("diagonal", 3)):
        arch = architecture_of(machine(tmp_path), [f"crossbar.groups={groups}"], ())
        hardware = machine_of(arch)
        products = products_of(task, hardware, 0, ["deep"])
        assert len(products) == len([part for part in traces_of(task, hardware) if part[0] == "deep"]) == expected
        laid = run(arch, load_workload(task.model.source, batch=1))["deep"].crossbar
        assert laid is not None
        assert sum(p.report.arrays for p in products.values()) == laid.arrays == expected
        cells = np.mean([p.report.cells * p.report.arrays for p in products.values()]) * len(products) / expected
        assert cells == pytest.approx(laid.cell_share)


def test_a_study_of_groups_together(tmp_path: Path) -> None:
    depthwise(tmp_path)
    files = machine(tmp_path), tmp_path / "made.onnx", tmp_path / "seen.npz"
    clean = ["noise.programming=0", "noise.read=0", "crossbar.adc.bits=12 bit"]
    apart, together = (
        robust(*files, set=[*clean, f"crossbar.groups={groups}"], seeds=1, cache=False)
        for groups in ("apart", "diagonal")
    )
    (deep, _), (packed, _) = (study.layers["made"] for study in (apart, together))
    assert (deep.groups, deep.arrays, deep.rows, deep.columns) == (7, 7, 9, 1)
    assert (packed.groups, packed.arrays, packed.rows, packed.columns) == (7, 3, 9, 1)
    assert packed.snr_db is not None
    assert packed.snr_db > 35
    assert together.rows[-1].mean > 0.9
