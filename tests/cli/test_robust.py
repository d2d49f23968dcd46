"""Does ``tilenest robust`` do as it says, and say what is wrong with what it is given?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from onnx import numpy_helper

from tests.asked import data, machine, network, samples, weights
from tests.onnx_models import op, save

ASK = ("robust", "--arch", "small.yaml", "--model", "made.onnx", "--dataset", "made.npz", "--seeds", "2")


@pytest.fixture
def asked(tilenest: Any, tmp_path: Path) -> Any:
    """Runs the command on the small network, its data and its machine, with further words."""
    machine(tmp_path), network(tmp_path), data(tmp_path)
    return lambda *words: tilenest(*ASK, *words)


def test_effects_and_layers(asked: Any) -> None:
    status, out, err = asked()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "made on small: 200 samples of made, 2 chips"
    first = [line.split("  ")[0] for line in lines]
    for named in ("float", "int8", "int4", "binary", "arrays without noise", "programming alone", "read alone"):
        assert named in first
    assert "hidden hurts most: alone on the arrays it loses" in out
    assert "note     ranges were set on the first 200 samples of 'x', as the data set holds no 'calibration'" in out


def test_json_holds_it_all(asked: Any) -> None:
    _, out, _ = asked("--vary", "noise.read=0:0.2:0.1", "--json", "--seed", "7")
    study = json.loads(out)
    assert study["seeds"] == [7, 8]
    assert [row["settings"] for row in study["rows"]] == [{}, *({"noise.read": v} for v in ("0.0", "0.1", "0.2"))]
    row = study["rows"][-1]
    assert (row["what"], row["model"], len(row["shares"])) == ("all", "made", 2)
    assert row["mean"] == sum(row["shares"]) / 2
    assert study["command"].startswith("tilenest robust --arch small.yaml")
    assert study["met"] is None


def test_settings_are_called_on_and_off_as_by_the_option(asked: Any) -> None:
    drift = ("--set", "noise.drift=0.1", "--time", "1y")
    _, out, _ = asked(*drift, "--drift-compensation", "on,off")
    words = [line.split()[0] for line in out.splitlines() if line.split()]
    assert {"on", "off"} <= set(words)
    assert not {"true", "false"} & set(words)


def test_times_and_compensation_are_compared(asked: Any) -> None:
    drift = ("--set", "noise.drift=0.1")
    _, out, _ = asked(*drift, "--time", "1s,1y", "--drift-compensation", "on,off", "--json")
    rows = json.loads(out)["rows"][1:]
    assert [tuple(row["settings"].values()) for row in rows] == [
        ("true", "1s"), ("true", "1y"), ("false", "1s"), ("false", "1y")
    ]  # fmt: skip


def test_networks_are_ranked(asked: Any, tmp_path: Path) -> None:
    worse = weights() | {"w1": weights()["w1"] + np.float32(0.3)}
    network(tmp_path, worse).rename(tmp_path / "worse.onnx")
    network(tmp_path)
    status, out, _ = asked("--model", "made.onnx,worse.onnx", "--vary", "noise.read=0,0.1")
    assert status == 0
    assert "ranking  best is made at noise.read=0" in out


def test_the_cheapest_machine(asked: Any) -> None:
    goal = ("--vary", "crossbar.adc.bits=2:8:1 bit", "--budget", "accuracy >= 80%")
    _, out, _ = asked(*goal)
    said = " ".join(out.split())
    assert "found 80.0 % with least energy: crossbar.adc.bits=3 bit; none of the 1 that take less reach it" in said
    assert ("unsure" in said) == (_least_of_the_found(asked(*goal, "--json")[1]) < 0.8)
    _, out, _ = asked("--vary", "crossbar.adc.bits=8bit", "--budget", "accuracy >= 10%")
    assert "unsure" not in out
    _, out, _ = asked("--vary", "crossbar.adc.bits=2bit,3bit", "--budget", "accuracy >= 99%")
    assert "none of 2 machines; the best has" in out


def _least_of_the_found(written: str) -> float:
    found = json.loads(written)["rows"][-1]
    return float(found["mean"] - found["half_width"])


@pytest.mark.parametrize("words", [(), ("--vary", "noise.read=0,0.1"), ("--vary", "crossbar.adc.bits=3bit,4bit")])
@pytest.mark.parametrize("form", ["png", "svg"])
def test_pictures(asked: Any, tmp_path: Path, words: tuple[str, ...], form: str) -> None:
    assert asked(*words, "--plot", f"out.{form}")[0] == 0
    begins = {"png": b"\x89PNG", "svg": b"<?xml"}[form]
    assert (tmp_path / f"out.{form}").read_bytes().startswith(begins)


def infinite(name: str) -> dict[str, Any]:
    held = weights()
    held[name][2, 3] = np.nan
    return held


def test_weights_that_are_no_numbers(asked: Any, tmp_path: Path) -> None:
    network(tmp_path, infinite("w1"))
    assert asked() == (2, "", "made.onnx: the weights 'w1' are nan at [2, 3]\n")


def test_a_model_without_weights(asked: Any, tmp_path: Path) -> None:
    save(tmp_path, [op("MatMul", "x w", "y")], {"x": ["N", 6], "w": [6, 4]})
    said = "made.onnx: holds no weights, all its tensors are inputs (x, w) or computed of them\n"
    assert asked() == (2, "", said)


def test_a_shipped_workload_has_no_weights(asked: Any) -> None:
    ours = "fashion_lenet, fashion_lenet_noisy, fashion_mlp"
    said = f"alexnet has shapes, but no weights: accuracy needs an ONNX model, or one of {ours}\n"
    assert asked("--model", "alexnet") == (2, "", said)


def test_external_weights_that_are_missing(asked: Any, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(tmp_path / "made.onnx")
    onnx.save(model, tmp_path / "made.onnx", save_as_external_data=True, location="held.bin", size_threshold=0)
    (tmp_path / "held.bin").unlink()
    status, _, err = asked()
    assert status == 2
    assert err.startswith("made.onnx: its weights cannot be read: ")


def test_an_operator_that_onnx_cannot_run(asked: Any, tmp_path: Path) -> None:
    nodes = [op("MatMul", "x w1", "hidden"), op("Magic", "hidden", "y", domain="own")]
    save(tmp_path, nodes, {"x": ["N", 6]}, weights())
    status, _, err = asked()
    assert status == 2
    assert err.startswith("made.onnx: onnx's evaluator cannot run the operator own.Magic 'y': ")


def test_a_network_that_fails_when_it_runs(asked: Any, tmp_path: Path) -> None:
    nodes = [op("MatMul", "x w1", "hidden"), op("Reshape", "hidden shape", "y")]
    save(tmp_path, nodes, {"x": ["N", 6]}, weights() | {"shape": np.array([-1, 7])})
    status, _, err = asked()
    assert status == 2
    assert err.startswith("made.onnx: onnx's evaluator fails: ")


def test_two_inputs(asked: Any, tmp_path: Path) -> None:
    nodes = [op("Add", "a b", "x"), op("MatMul", "x w1", "y")]
    save(tmp_path, nodes, {"a": ["N", 6], "b": ["N", 6]}, weights())
    said = "made.onnx: accuracy needs a model with one input; this one has 2: a, b\n"
    assert asked() == (2, "", said)


WRONG_DATA = [
    ({"x": np.ones((200, 7), np.float32)}, "samples are [7], but input 'x' of made.onnx takes [6]"),
    ({"y": np.full(200, 4)}, "the label at [0] is 4, but made.onnx knows 4 classes, 0 to 3"),
    ({"y": np.arange(200) - 1}, "the label at [0] is -1; labels count from 0"),
    ({"y": np.zeros(200)}, "labels in 'y' are float64 [200]; whole numbers from 0 are expected"),
    ({"y": np.int64(1)}, "labels in 'y' are int64 []; whole numbers from 0 are expected"),
    ({"y": np.zeros(199, int)}, "200 samples in 'x', 200 for calibration, but 199 labels in 'y'"),
    ({"x": np.full((200, 6), np.inf, np.float32)}, "'x' is inf at [0, 0]"),
    ({"calibration": np.ones((3, 5), np.float32)}, "samples are [6], but those for calibration [5]"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG_DATA)
def test_data_that_do_not_fit(asked: Any, tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    data(tmp_path, **changed)
    assert asked() == (2, "", f"made.npz: {said}\n")


def test_data_beyond_the_range_of_a_shipped_model(asked: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "made.npz", x=np.full((3, 1, 28, 28), 255.0, np.float32), y=np.zeros(3, int))
    status, _, err = asked("--model", "fashion_lenet")
    assert status == 2
    assert err.startswith("made.npz: 'x' goes from 255 to 255, but input 'images' of ")
    assert err.endswith("fashion_lenet.onnx takes numbers from 0 to 1\n")


def test_samples_for_calibration_beyond_the_range_of_a_shipped_model(asked: Any, tmp_path: Path) -> None:
    x = np.zeros((3, 1, 28, 28), np.float32)
    np.savez(tmp_path / "made.npz", x=x, y=np.zeros(3, int), calibration=x + 2)
    status, _, err = asked("--model", "fashion_lenet")
    assert status == 2
    assert err.startswith("made.npz: 'calibration' goes from 2 to 2, but input 'images' of ")


def test_a_file_that_holds_no_arrays(asked: Any, tmp_path: Path) -> None:
    (tmp_path / "made.npz").write_text("x")
    said = "made.npz: not a NumPy file of named arrays (.npz) without Python objects\n"
    assert asked() == (2, "", said)
    np.savez(tmp_path / "made.npz", images=samples()["x"])
    assert asked() == (2, "", "made.npz: holds no array 'x'; there are images\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dataset", "fashion_mnits"), "no data set 'fashion_mnits': it is neither a file nor a shipped name; "
         "did you mean 'fashion_mnist'? `tilenest list` shows all names"),
        (("--images", "201"), "made.npz: 201 samples are asked for, but it holds 200"),
        (("--arch", "eyeriss"), "eyeriss is of class spatial, whose arithmetic is exact: accuracy is a matter of "
         "class crossbar (`tilenest list archs` shows what there is)"),
        (("--model", "made.onnx,./made.onnx"), "two models are called 'made'; give one of the files another name"),
        (("--model", ","), "no model is named"),
        (("--drift-compensation", "of"), "--drift-compensation 'of' is not on, off, or on,off"),
        (("--budget", "accuracy >= 50%", "--least", "enery"), "--least 'enery' is no cost; there are energy, "
         "latency, area (did you mean 'energy'?)"),
    ],
)  # fmt: skip
def test_other_mistakes(asked: Any, words: tuple[str, ...], said: str) -> None:
    assert asked(*words) == (2, "", f"{said}\n")


@pytest.mark.parametrize(
    "words",
    [(), ("--vary", "noise.read=0,0.1"), ("--vary", "crossbar.adc.bits=2bit,8bit", "--budget", "accuracy >= 80%")],
)
def test_the_schema_describes_all_that_is_written(asked: Any, tilenest: Any, words: tuple[str, ...]) -> None:
    schema = json.loads(tilenest("schema", "robust")[1])
    written = json.loads(asked(*words, "--json")[1])
    jsonschema.Draft202012Validator(_closed(schema)).validate(written)
    assert list(written["rows"][-1]["cost"]) == ["energy_pj", "latency_s", "area_um2"]


def _closed(schema: Any) -> Any:
    """A schema by which nothing may be there that it does not name."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    return closed | {"additionalProperties": False} if "required" in schema else closed


def test_weights_in_an_operator_that_are_no_numbers(asked: Any, tmp_path: Path) -> None:
    held = infinite("w1")
    stored = op("Constant", "", "w", value=numpy_helper.from_array(held["w1"]))
    nodes = [stored, op("MatMul", "x w", "hidden"), op("MatMul", "hidden w2", "y")]
    save(tmp_path, nodes, {"x": ["N", 6]}, {"w2": held["w2"]})
    assert asked() == (2, "", "made.onnx: the weights 'w' are nan at [2, 3]\n")


def test_reads_are_paid_for(asked: Any) -> None:
    once, often = (json.loads(asked("--reads", str(n), "--json")[1])["rows"][-1]["cost"] for n in (1, 3))
    assert often == {**once, "energy_pj": 3 * once["energy_pj"], "latency_s": 3 * once["latency_s"]}


def test_a_mistake_in_what_is_varied_has_a_place(asked: Any) -> None:
    status, _, err = asked("--vary", "noise.read=0.1,many")
    assert status == 2
    assert err.startswith("--vary noise.read=many: noise.read is 'many'")


def test_idx_files(asked: Any, tmp_path: Path) -> None:
    """A folder as MNIST has it; its bytes stand for numbers from 0 to 1."""
    folder = tmp_path / "idx"
    folder.mkdir()
    for which in ("t10k", "train"):
        images = np.zeros((4, 28, 28), np.uint8)
        (folder / f"{which}-images-idx3-ubyte").write_bytes(
            bytes([0, 0, 8, 3, *b"\0\0\0\x04", *b"\0\0\0\x1c", *b"\0\0\0\x1c"]) + images.tobytes()
        )
    (folder / "t10k-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 4]))
    status, out, err = asked("--model", "fashion_mlp", "--dataset", "idx", "--set", "arrays.x=4096")
    assert (status, err) == (0, "")
    assert "4 samples of idx" in out
    (folder / "t10k-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 4, 1]))
    status, _, err = asked("--model", "fashion_mlp", "--dataset", "idx")
    assert (status, err) == (2, "idx/t10k-labels-idx1-ubyte: not a file of the form IDX, or cut short\n")


def test_shipped_models_come_with_their_data(tilenest: Any) -> None:
    words = ("robust", "--arch", "pcm_crossbar", "--model", "fashion_mlp", "--images", "20", "--seeds", "2")
    status, out, err = tilenest(*words)
    assert (status, err) == (0, "")
    assert "20 samples of fashion_mnist" in out


def test_other_models_need_theirs(tilenest: Any, tmp_path: Path) -> None:
    network(tmp_path)
    said = "--dataset is missing: what 'made.onnx' has been trained on is not known\n"
    words = ("robust", "--arch", "pcm_crossbar", "--model", "fashion_mlp,made.onnx")
    assert tilenest(*words) == (2, "", said)
