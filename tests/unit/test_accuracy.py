"""Are studies of accuracy right: what is exact, what is repeated, what is kept, what is cheapest?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.accuracy import study
from sim.accuracy.axes import Axis, Budget, combinations
from sim.accuracy.cases import architecture_of, cases_of, design_axes
from sim.accuracy.contents import inputs_hold, weights_hold, with_contents
from sim.accuracy.data import read_dataset
from sim.accuracy.digital import quantize
from sim.accuracy.hardware import Digital, Exact, machine_of, noise_of, products_of
from sim.accuracy.model import read_trained
from sim.accuracy.robust import Plan, robust
from sim.accuracy.statistics import half_width, sampling_error
from sim.accuracy.study import Cost, Row, front
from sim.accuracy.task import Task, Trace
from sim.api import load_workload, run
from sim.arch.crossbar import Cell, Crossbar
from sim.errors import TilenestError
from sim.nonideal.array import Programmed
from tests.asked import CLASSES, FEATURES, MACHINE, data, machine, network, samples, weights
from tests.onnx_models import attention, op, save


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task.of(read_trained(network(tmp_path)), read_dataset(data(tmp_path)))


def test_without_arrays_the_network_is_as_it_is(task: Task) -> None:
    assert task.correct({}, noise_of(0)) == task.samples == 200
    assert products_of(task, Exact(), 0) == {}


@pytest.mark.parametrize(
    ("name", "right"), [("fashion_lenet", 274), ("fashion_lenet_noisy", 271), ("fashion_mlp", 271)]
)
def test_shipped_networks_are_as_accurate_as_their_training_said(name: str, right: int) -> None:
    """90.5 %, 88.0 % and 88.6 % of the 10,000 images of the test set; of the first 300 they know so many."""
    data = read_dataset("fashion_mnist").first(300)
    assert Task.of(read_trained(name), data).correct({}, noise_of(0)) == right


def test_traces_are_the_exact_inputs_of_the_samples_for_calibration(task: Task) -> None:
    x, held = samples()["x"], weights()
    first, second = task.traces.values()
    np.testing.assert_array_equal(first.inputs[:200], x)  # behind them, copies of the last fill the last batch
    np.testing.assert_allclose(second.inputs[:200], np.maximum(x @ held["w1"], 0), rtol=1e-5)
    np.testing.assert_array_equal(second.weights, held["w2"])


def test_a_layer_alone_leaves_the_others_exact(task: Task, tmp_path: Path) -> None:
    noisy = machine_of(architecture_of(machine(tmp_path), [], ()))
    assert set(products_of(task, noisy, 0, ["scores"])) == {("scores", 0)}


@pytest.mark.parametrize("batch", [1, 7, "N"])
def test_a_model_of_another_batch_says_the_same(tmp_path: Path, batch: int | str) -> None:
    task = Task.of(read_trained(network(tmp_path, batch=batch)), read_dataset(data(tmp_path)))
    assert task.correct({}, noise_of(0)) == 200


def test_most_of_several_reads_are_right_more_often(task: Task, tmp_path: Path) -> None:
    noisy = machine_of(architecture_of(machine(tmp_path), ["noise.programming=0"], ()))
    once, often = (task.correct(products_of(task, noisy, 0), noise_of(0), reads) for reads in (1, 15))
    assert once < often <= task.samples


def test_recalibration_makes_up_for_what_all_devices_do(tmp_path: Path) -> None:
    """Drift takes the same share from all sums; a normalization that measures anew does not see it."""
    held, ones = weights(), np.ones(8, np.float32)
    sums = samples()["x"] @ held["w1"]
    moments = {"scale": ones, "bias": 0 * ones, "mean": sums.mean(axis=0), "variance": sums.var(axis=0)}
    nodes = [op("MatMul", "x w1", "hidden"), op("BatchNormalization", "hidden scale bias mean variance", "normal")]
    nodes += [op("Relu", "normal", "relu"), op("MatMul", "relu w2", "scores")]
    model = read_trained(save(tmp_path, nodes, {"x": ["N", FEATURES]}, held | moments))
    right = (np.maximum((sums - moments["mean"]) / sums.std(axis=0), 0) @ held["w2"]).argmax(axis=1)
    task = Task.of(model, read_dataset(data(tmp_path, y=right)))
    text = MACHINE.replace("  programming: 0.1\n  read: 0.1\n", "  drift: 0.2\n  time: 1 y\n")
    fading = machine_of(architecture_of(machine(tmp_path, text), ["crossbar.cell.least=0 uS"], ()))
    faded = products_of(task, fading, 0, ["hidden"])
    assert task.correct({}, noise_of(0)) == 200
    assert task.correct(faded, noise_of(0)) < 120
    assert task.correct(faded, noise_of(0), recalibrate=True) > 190


def test_only_products_with_weights_are_put_on_arrays(tmp_path: Path) -> None:
    model = read_trained(attention(tmp_path))
    np.savez(tmp_path / "a.npz", x=np.ones((3, 5, 64), np.float32), y=np.zeros((3, 5), int))
    task = Task.of(model, read_dataset(tmp_path / "a.npz"))
    assert task.layers == ("q", "k", "v")
    assert task.digital == ("scores", "context")
    assert [trace.weights.shape for trace in task.traces.values()] == [(64, 64)] * 3


def test_weights_that_are_computed_of_constants_are_weights(tmp_path: Path) -> None:
    nodes = [op("Transpose", "stored", "w"), op("MatMul", "x w", "y")]
    path = save(tmp_path, nodes, {"x": ["N", 6]}, {"stored": np.eye(4, 6, dtype=np.float32)})
    assert Task.of(read_trained(path), read_dataset(data(tmp_path))).layers == ("y",)


def test_a_study_says_the_same_again_and_differs_by_seed(tmp_path: Path) -> None:
    files = machine(tmp_path), [network(tmp_path)], data(tmp_path)
    one, other = robust(*files, seeds=2, cache=False), robust(*files, seeds=2, cache=False)
    assert one == other
    shifted = robust(*files, seeds=2, seed=1, cache=False)
    assert [row.shares[1:] for row in one.rows[5:]] == [row.shares[:1] for row in shifted.rows[5:]]


def test_effects_come_alone_and_together_with_what_they_cost(tmp_path: Path) -> None:
    found = robust(machine(tmp_path), [network(tmp_path)], data(tmp_path), seeds=3)
    whats = ["float", "int8", "int4", "binary", "array", "programming", "read", "all"]
    assert [row.what for row in found.rows] == whats
    assert [len(row.shares) for row in found.rows] == [1] * 5 + [3] * 3  # without chance, all chips are alike
    means = {row.what: row.mean for row in found.rows}
    assert means["float"] == 1
    assert means["all"] <= min(means["programming"], means["read"]) < means["array"]
    assert [row.cost is None for row in found.rows] == [True] * 4 + [False] * 4
    assert {layer.name: layer.rows * layer.columns for layer in found.layers["made"]} == {"hidden": 48, "scores": 32}


def test_chips_that_are_asked_at_once_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = machine(tmp_path), [network(tmp_path)], data(tmp_path)
    at_once = robust(*files, seeds=6, cache=False)
    monkeypatch.setattr(study, "_AT_ONCE", 1)
    assert at_once == robust(*files, seeds=6, cache=False)


def test_weights_of_half_precision_do_not_overflow(tmp_path: Path) -> None:
    """Numbers of eight bits times those of inputs, summed, are beyond the 65,504 of half precision."""
    rng = np.random.default_rng(4)
    x, w = rng.random((64, 300)).astype(np.float32), rng.standard_normal((300, 4)).astype(np.float16)
    nodes = [op("Cast", "x", "half", to=10), op("MatMul", "half w", "sums"), op("Cast", "sums", "y", to=1)]
    model = read_trained(save(tmp_path, nodes, {"x": ["N", 300]}, {"w": w}))
    right = (x @ w.astype(np.float32)).argmax(axis=1)
    np.savez(tmp_path / "half.npz", x=x, y=right)
    task = Task.of(model, read_dataset(tmp_path / "half.npz"))
    assert task.correct(products_of(task, Digital(8, 8), 0), noise_of(0)) >= 60


def test_uncertainty_by_few_samples_is_that_of_the_least_certain_row(tmp_path: Path) -> None:
    found = robust(machine(tmp_path), [network(tmp_path)], data(tmp_path), seeds=1)
    worst = max(sampling_error(row.mean, 200) for row in found.rows)
    assert f"200 samples alone leave accuracies uncertain by up to {100 * worst:.1f} % (95 %)" in found.notes
    assert worst > sampling_error(1.0, 200)


def test_as_many_questions_are_asked_as_were_announced(tmp_path: Path) -> None:
    files = machine(tmp_path), [network(tmp_path)], data(tmp_path)
    for vary in ([], ["crossbar.adc.bits=4:6:1 bit"]):
        plan = Plan.of(*files, vary=vary, seeds=2)
        asked: list[str] = []
        plan.run(asked.append)
        assert len(asked) == plan.asks


@pytest.mark.parametrize("arch", ["reram_crossbar", "pcm_crossbar", "isaac", "neurram", "sram_cim"])
def test_costs_and_arrays_are_those_of_the_cost_model(arch: str) -> None:
    whole = read_dataset("fashion_mnist").first(2)
    task = Task.of(read_trained("fashion_lenet"), replace(whole, calibration=whole.calibration[:4]))
    (case,) = cases_of(arch, [], [()], [task])
    costs = run(arch, with_contents(load_workload("fashion_lenet", batch=1), task, case.machine.xbar))
    assert case.costs["fashion_lenet"].energy_pj == costs.totals.energy_pj
    assert case.costs["fashion_lenet"].latency_s == costs.totals.latency_s
    for (name, _), product in products_of(task, case.machine, 0).items():
        assert isinstance(product, Programmed)
        lies = costs[name].crossbar
        assert lies is not None
        assert product.report.arrays * lies.copies == lies.arrays
        assert product.report.cells == pytest.approx(lies.cell_share)


@pytest.mark.parametrize(
    ("xbar", "inputs", "stored"),
    [
        # inputs 0, 15, 5, bit by bit: 4 and 2 of 4 bits are set; of weights -3, 0, 2 it is 2 and 1 of 2 bits
        (Crossbar(8, 8, input_bits=4, weight_bits=3, cell=Cell(bits=1)), (2 / 3, 6 / 8), (2 / 3, 3 / 4)),
        # the same at once: 15 and 5 of 15; a cell of two bits: 3 and 2 of 3
        (
            Crossbar(8, 8, input_bits=4, step_bits=4, weight_bits=3, cell=Cell(bits=2)),
            (2 / 3, 20 / 30),
            (2 / 3, 5 / 6),
        ),
        # three bits, then the one that is left: 7 and 5 of 7, 1 and 0 of 1
        (
            Crossbar(8, 8, input_bits=4, step_bits=3, weight_bits=3, cell=Cell(bits=2)),
            (2 / 3, (12 / 14 + 1 / 2) / 2),
            (2 / 3, 5 / 6),
        ),
    ],
)
def test_cells_are_paid_by_what_they_hold(xbar: Crossbar, inputs: tuple[float, float], stored: tuple[float, float]):
    trace = Trace(np.array([[-3.0], [0.0], [2.0]]), np.array([[0.0, 15.0, 5.0]]), 1)
    assert inputs_hold(trace, xbar) == pytest.approx(inputs)
    assert weights_hold(trace, xbar) == pytest.approx(stored)


def test_inputs_of_their_own_scale_drive_rows_as_far_as_it_says() -> None:
    """As in one array: what is divided by its largest magnitude, has the digits of that."""
    trace = Trace(np.ones((2, 1)), np.array([[15.0, 0.0], [0.0, 3.0]]), 1)
    xbar = Crossbar(8, 8, input_bits=4)
    assert inputs_hold(trace, xbar) == pytest.approx((1 / 2, (4 + 2) / 8))
    assert inputs_hold(trace, replace(xbar, input_scale="vector")) == pytest.approx((1 / 2, 1))


def test_an_interrupted_study_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = machine(tmp_path), [network(tmp_path)], data(tmp_path)
    asked: list[str] = []

    def three(said: str) -> None:
        asked.append(said)
        if len(asked) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        robust(*files, seeds=2, progress=three)
    computed: list[object] = []
    whole = Task.correct
    monkeypatch.setattr(Task, "correct", lambda *words: computed.append(words) or whole(*words))
    asked.clear()
    found = robust(*files, seeds=2, progress=asked.append)
    assert len(computed) == len(asked) - 3
    monkeypatch.undo()
    assert found == robust(*files, seeds=2, cache=False)


def test_the_cheapest_is_found_without_asking_dearer_ones(tmp_path: Path) -> None:
    files = machine(tmp_path), [network(tmp_path)], data(tmp_path)
    vary = ["crossbar.adc.bits=8bit,3bit,2bit,5bit"]
    found = robust(*files, vary=vary, seeds=2, budget="accuracy >= 80%")
    assert [dict(row.settings)["crossbar.adc.bits"] for row in found.rows] == ["2bit", "3bit"]
    assert found.met
    assert found.rows[0].mean < 0.8 <= found.rows[1].mean
    missed = robust(*files, vary=vary, seeds=2, budget="accuracy >= 99.9%")
    assert (len(missed.rows), missed.met) == (4, False)


def test_without_axes_a_budget_tries_converters_sizes_and_cells(tmp_path: Path) -> None:
    arch = architecture_of(machine(tmp_path), [], ())
    assert [axis.paths for axis in design_axes(arch)] == [
        ("crossbar.adc.bits",), ("array.x", "array.y"), ("crossbar.cell.bits",)
    ]  # fmt: skip
    task = Task.of(read_trained(network(tmp_path)), read_dataset(data(tmp_path)))
    wide = combinations([Axis(("array.x", "array.y"), ("2", "32"))])
    assert len(cases_of(tmp_path / "small.yaml", [], wide, [task], skip=True)) == 1  # a weight takes 8 cells


def test_the_front_is_what_no_other_beats() -> None:
    def row(share: float, pj: float) -> Row:
        return Row("m", "all", (), (share,), Cost(pj, 1.0, 1.0))

    rows = [row(0.8, 1), row(0.9, 2), row(0.85, 3), row(0.95, 4), row(0.9, 2)]
    assert [r.mean for r in front(rows)] == [0.8, 0.9, 0.95, 0.9]


@pytest.mark.parametrize(("bits", "signed"), [(8, True), (8, False), (4, True)])
def test_digital_products_are_those_of_whole_numbers(bits: int, signed: bool) -> None:
    rng = np.random.default_rng(3)
    w, x = rng.standard_normal((7, 3)), rng.standard_normal((9, 7))
    x = x if signed else np.abs(x)
    most_w, most_x = 2 ** (bits - 1) - 1, 2 ** (bits - signed) - 1
    scale_w, scale_x = np.abs(w).max(axis=0) / most_w, np.abs(x).max() / most_x
    whole = np.rint(x / scale_x).astype(int) @ np.rint(w / scale_w).astype(int)
    np.testing.assert_allclose(quantize(w, x, bits, bits).product(x, noise_of(0)), whole * scale_w * scale_x)


def test_binary_weights_are_signs_times_the_mean_magnitude() -> None:
    """Rastegari et al., ECCV 2016, equation 6: the best scale is the mean of the magnitudes."""
    w = np.array([[1.0, -2.0], [-3.0, 4.0]])
    product = quantize(w, np.eye(2), 1, 8).product(np.eye(2), noise_of(0))
    np.testing.assert_allclose(product, [[2, -3], [-2, 3]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.5], None), ([1.0, 3.0], 12.706), ([0.0] * 10 + [22.0], 2.228 * 22 / 11), ([1.0] * 5, 0.0)],
)
def test_intervals_are_students(values: list[float], expected: float | None) -> None:
    assert half_width(values) == (expected if expected is None else pytest.approx(expected))


def test_intervals_of_many_are_nearly_normal() -> None:
    values = list(np.random.default_rng(0).standard_normal(41))
    wide = half_width(values)
    assert wide == pytest.approx(2.021 * np.std(values, ddof=1) / 41**0.5, rel=1e-3)  # t of 40: NIST, 1.3.6.7.2


def test_axes() -> None:
    assert Axis.parse("crossbar.adc.bits=4:6:1 bit").values == ("4 bit", "5 bit", "6 bit")
    assert Axis.parse("noise.time=1s, 1h").values == ("1s", "1h")
    two = [Axis.parse("a=1,2"), Axis.parse("b,c=x,y")]
    assert combinations(two)[:2] == [(("a", "1"), ("b", "x"), ("c", "x")), (("a", "1"), ("b", "y"), ("c", "y"))]
    assert combinations([]) == [()]


@pytest.mark.parametrize("text", ["noise.read", "=1,2", "a=", "a=2:1:1", "a=0:1:0", "a=0:1:0.0001", "a,=1"])
def test_what_is_no_axis(text: str) -> None:
    with pytest.raises(TilenestError, match="--vary"):
        Axis.parse(text)


@pytest.mark.parametrize("text", ["accuracy > 88%", "accuracy >= 110%", "energy >= 3", "accuracy >= 88"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(TilenestError, match="not an accuracy to be reached"):
        Budget.parse(text, "energy")


def test_chance_is_noticed(tmp_path: Path) -> None:
    files = machine(tmp_path), [network(tmp_path)]
    shuffled = (samples()["y"] + 1) % CLASSES
    found = robust(*files, data(tmp_path, y=shuffled), seeds=1)
    assert any("hardly better than guessing" in note for note in found.notes)
    assert study.ALL in {row.what for row in found.rows}
