"""Does every operator of an ONNX model become a layer, or is it listed with the reason?"""

from __future__ import annotations

import builtins
import functools
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import helper, shape_inference  # noqa: E402

from sim.errors import TilenestError, UnsupportedOp  # noqa: E402
from sim.schema.workload import read_workload  # noqa: E402
from sim.workload.importers.onnx import import_onnx, summary  # noqa: E402
from sim.workload.layer import VectorLayer  # noqa: E402
from sim.workload.network import Network  # noqa: E402
from tests.onnx_models import F32, attention, op, save, vector, zeros  # noqa: E402

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

# Structures that the onnx package ships: multiply-accumulates, weights, and how they compare.
LIGHT_MODELS = {
    # The zoo has 724.4 M: its input is 227x227 and conv1 makes 55x55; this model takes 224x224, which makes 54x54.
    "bvlc_alexnet": (654_560_384, 60_954_656),
    # torchvision: 2.83 G, 7,978,856 parameters, of which 83,648 of batch normalizations and 1,000 of the bias.
    "densenet121": (2_834_161_664, 7_978_856 - 83_648 - 1_000),
    # The zoo has 1582.7 M: its pools round sizes up as the paper's do (56, 28, 14, 7), those here down (55, 27, 13).
    "inception_v1": (1_431_556_352, 6_990_272),
    "inception_v2": (2_018_851_840, 11_174_080),
    # As the zoo.
    "resnet50": (4_089_184_256, 25_502_912),
    "shufflenet": (124_664_528, 1_365_464),
    # As the zoo.
    "squeezenet": (349_151_936, 1_231_552),
    # torchvision: 19.63 G, 143,667,240 parameters, of which 14,696 are biases.
    "vgg19": (19_632_062_464, 143_667_240 - 14_696),
    "zfnet512": (1_481_727_008, 87_242_528),
}
ZOO = {"resnet50": "resnet50", "squeezenet": "squeezenet1_1"}


def light(name: str) -> Path:
    return LIGHT / f"light_{name}.onnx"


def counted_from_shapes(path: Path) -> int:
    """Multiply-accumulates from the shapes that onnx infers and nothing of this program."""
    graph = shape_inference.infer_shapes(onnx.load(path), data_prop=True).graph
    shapes = {
        info.name: [d.dim_value for d in info.type.tensor_type.shape.dim]
        for info in (*graph.value_info, *graph.input, *graph.output)
    }
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "Gemm":
            total += shapes[node.output[0]][0] * math.prod(shapes[node.input[1]])
    return total


@pytest.mark.parametrize("name", LIGHT_MODELS)
def test_models_of_the_onnx_package(name: str) -> None:
    network = import_onnx(light(name))
    assert (network.macs, network.weight_words) == LIGHT_MODELS[name]
    assert network.macs == counted_from_shapes(light(name))


@pytest.mark.parametrize("name", LIGHT_MODELS)
def test_every_operator_is_accounted_for(name: str) -> None:
    network = import_onnx(light(name), strict=True)
    rows = summary(network)
    nodes = onnx.load(light(name)).graph.node
    assert sorted(row.name for row in rows) == sorted(node.name or node.output[0] for node in nodes)
    assert len(rows) == len(network) + len(network.skipped)
    assert not [row for row in rows if row.status == "unsupported"]


@pytest.mark.parametrize("name", LIGHT_MODELS)
def test_a_model_stored_for_one_sample_can_have_a_batch(name: str) -> None:
    one, four = import_onnx(light(name)), import_onnx(light(name), batch=4)
    assert four.batch == 4
    assert (four.macs, four.weight_words) == (4 * one.macs, one.weight_words)


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_has_the_same_layers(name: str) -> None:
    def shapes(network: Network) -> list[dict[str, int]]:
        return sorted((layer.sizes for layer in network.mac_layers), key=lambda s: sorted(s.items()))

    assert shapes(import_onnx(light(name))) == shapes(read_workload(ZOO[name]))


def test_normalization_and_activation_fold_into_the_convolution_before() -> None:
    network = import_onnx(light("resnet50"))
    norms = [layer for layer in network if isinstance(layer, VectorLayer) and layer.kind == "batchnorm"]
    assert len(norms) == 53
    assert all(norm.fused and norm.ops == 0 for norm in norms)
    relus = [layer for layer in network if isinstance(layer, VectorLayer) and layer.kind == "relu"]
    assert [bool(relu.fused) for relu in relus].count(False) == 16, "one after each addition"


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small model."""
    return functools.partial(save, tmp_path)


@pytest.mark.parametrize(
    ("batch", "bind", "message"),
    [
        (None, {}, r"made.onnx: the size of 'batch' and 'seq' is open; .* for example --batch 1 --bind seq=128"),
        (2, {}, r"made.onnx: the size of 'seq' is open; .* for example --bind seq=128"),
        (2, {"sec": 4}, r"made.onnx: no input has an open dimension 'sec'; did you mean 'seq'\?"),
        (2, {"seq": 4, "sed": 4}, r"made.onnx: no input has an open dimension 'sed'; did you mean 'seq'\?"),
    ],
)
def test_open_dimensions_must_be_given(tmp_path: Path, batch: int | None, bind: dict[str, int], message: str) -> None:
    with pytest.raises(TilenestError, match=message):
        import_onnx(attention(tmp_path), batch=batch, bind=bind)


def test_a_dimension_without_a_name_is_called_by_its_place(made: Any) -> None:
    path = made([op("Relu", "x", "y")], {"x": [1, None]})
    with pytest.raises(TilenestError, match=r"--bind x\.1=128"):
        import_onnx(path)
    assert vector(import_onnx(path, bind={"x.1": 7}), "y").output_words == 7


def test_an_unsupported_operator_is_listed_or_refused(made: Any) -> None:
    nodes = [
        op("Conv", "x w", "conv"),
        helper.make_node("Fancy", ["conv"], ["fancy"], name="fancy", domain="own"),
        op("Relu", "conv", "relu"),
        op("TopK", "relu k", "values indices"),
        op("Relu", "values", "after"),
        op("Relu", "fancy", "lost"),
    ]
    constants = {"w": zeros(4, 3, 1, 1), "k": np.array([2])}
    path = made(nodes, {"x": [1, 3, 8, 8]}, constants, outputs=["after", "lost"])
    network = import_onnx(path)
    assert {s.name: (s.op, s.reason) for s in network.skipped} == {
        "fancy": ("own.Fancy", "unsupported: no rule for this operator"),
        "values": ("TopK", "unsupported: no rule for this operator"),
        "lost": ("Relu", "unsupported: the shape of its tensor fancy is not known"),
    }
    assert vector(network, "relu").fused is None, "the operator that is not known needs the words before"
    assert vector(network, "after").output_words == 4 * 8 * 2, "the shape is known all the same"
    assert [row.status for row in summary(network)] == ["mapped", "vector", "vector"] + ["unsupported"] * 3
    with pytest.raises(UnsupportedOp, match=r"made\.onnx: own\.Fancy fancy: no rule for this operator"):
        import_onnx(path, strict=True)


def test_weights_that_the_network_computes_and_volumes_are_unsupported(made: Any) -> None:
    path = made([op("Conv", "x y", "z")], {"x": [1, 3, 8, 8], "y": [4, 3, 1, 1]})
    assert import_onnx(path).skipped[0].reason == "unsupported: its weights are computed by the network"
    path = made([op("Conv", "x w", "z")], {"x": [1, 3, 8, 8, 8]}, {"w": zeros(4, 3, 1, 1, 1)})
    assert "works on 3 axes" in import_onnx(path).skipped[0].reason


def test_functions_inside_a_model_are_unfolded(made: Any) -> None:
    body = [helper.make_node("MatMul", ["a", "b"], ["c"]), helper.make_node("Relu", ["c"], ["d"])]
    function = helper.make_function("own", "Dense", ["a", "b"], ["d"], body, [helper.make_opsetid("", 17)])
    nodes = [helper.make_node("Dense", ["x", "w"], ["y"], name="dense", domain="own")]
    network = import_onnx(made(nodes, {"x": [1, 8]}, {"w": zeros(8, 4)}, functions=[function]), strict=True)
    assert [layer.kind for layer in network] == ["linear", "relu"]


def test_external_weights_need_not_be_there(made: Any, tmp_path: Path) -> None:
    path = made([op("MatMul", "x w", "y")], {"x": [1, 64]}, {"w": np.ones((64, 64), F32)})
    model = onnx.load(str(path))
    onnx.save(model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    assert import_onnx(path).weight_words == 64 * 64


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    whole = light("resnet50").read_bytes()
    path = tmp_path / "bad.onnx"
    for content in (whole[:1000], whole[: len(whole) // 2], whole[:-1], b"hello, this is text\n"):
        path.write_bytes(content)
        with pytest.raises(TilenestError, match=r"^.*bad\.onnx: not an ONNX model, or cut short[^\n]*$"):
            import_onnx(path)
    path.write_bytes(b"")
    with pytest.raises(TilenestError, match=r"bad\.onnx: holds no ONNX graph with operators"):
        import_onnx(path)
    with pytest.raises(TilenestError, match=r"none\.onnx: cannot be read: No such file"):
        import_onnx(tmp_path / "none.onnx")


def test_a_model_that_onnx_itself_would_not_accept_is_refused(made: Any) -> None:
    path = made([op("Relu", "y", "z"), op("Relu", "x", "y")], {"x": [1, 3]}, outputs=["z"])
    with pytest.raises(TilenestError, match=r"made\.onnx: not a valid ONNX model: Nodes in a graph must be topo"):
        import_onnx(path)
    path = made([op("Conv", "x w", "y", strides=3)], {"x": [1, 3, 8, 8]}, {"w": zeros(4, 3, 1, 1)})
    with pytest.raises(TilenestError, match=r"made\.onnx: not a valid ONNX model: Mismatched attribute type"):
        import_onnx(path)


def test_a_model_that_contradicts_itself_names_the_operator(made: Any) -> None:
    path = made([op("Conv", "x w", "y")], {"x": [1, 3, 8, 8]}, {"w": zeros(4, 5, 1, 1)})
    with pytest.raises(TilenestError, match=r"made\.onnx: Conv y: its weights are for 5 channels, but .* has 3"):
        import_onnx(path)
    path = made([op("Conv", "x w", "y")], {"x": [1, 3, 8, 8]}, {"w": zeros(4, 3, 9, 9)})
    with pytest.raises(TilenestError, match=r"made\.onnx: Conv y: layer y: the kernel spans 9x9"):
        import_onnx(path)


def test_a_reshape_that_fixes_the_batch_is_told(made: Any) -> None:
    constants = {"shape": np.array([3, 2, 4])}
    path = made([op("Reshape", "x shape", "y"), op("Relu", "y", "z")], {"x": [1, 24]}, constants)
    with pytest.raises(TilenestError, match=r"Reshape y: .* 24 words, but 2x24 has 48"):
        import_onnx(path, batch=2)


def test_a_missing_package_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TilenestError, match=r'pip install "tilenest\[onnx\]"'):
        import_onnx("any.onnx")


def test_the_package_is_loaded_only_when_a_model_is() -> None:
    code = "import sys, sim.workload.importers.onnx; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
