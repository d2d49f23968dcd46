"""Do workload files say what they mean, and are mistakes told at their line?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.arch.library import names
from sim.errors import ConfigError, TilenestError
from sim.schema.index import read_index
from sim.schema.layer_base import KINDS
from sim.schema.workload import read_workload
from sim.workload.layer import Layer, Rank, VectorLayer
from sim.workload.network import Flow, Network

HEAD = "name: made\ninput: [3, 8, 8]\n"


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def read(text: str, **options: Any) -> Network:
        path = tmp_path / "made.yaml"
        path.write_text(text)
        return read_workload(path, **options)

    return read


@pytest.fixture
def told(load: Any) -> Any:
    """The message for a file, without its folder."""

    def message(text: str, **options: Any) -> str:
        with pytest.raises(ConfigError) as error:
            load(text, **options)
        return "\n".join(p.render().split("/")[-1] for p in error.value.problems)

    return message


def mac(network: Network, name: str) -> Layer:
    layer = network[name]
    assert isinstance(layer, Layer)
    return layer


def test_a_file_with_every_kind_of_layer(load: Any) -> None:
    network = load(
        HEAD
        + """
batch: 2
precision: {inputs: 8 bit, weights: 4 bit, outputs: 20 bit}
layers:
  - conv: conv
    M: 8
    kernel: [3, 1]
    stride: [1, 2]
    padding: [1, 0]
    dilation: 1
    groups: 1
    density: {inputs: 0.5, weights: 0.25}
    precision: {outputs: 32 bit}
  - batchnorm: bn
  - relu6: act
  - depthwise: dw
    kernel: 3
    padding: same
  - transposed_conv: up
    M: 4
    kernel: 2
    stride: 2
  - avgpool: shrink
    kernel: 2
    padding: [0, 0, 1, 1]
  - upsample: grow
    scale: [1, 2]
    mode: linear
  - lrn: lrn
  - add: sum
    from: [lrn, grow]
  - concat: both
    from: [sum, lrn]
  - global_maxpool: pool
  - reshape: flat
    shape: [2, 4]
  - linear: fc
    M: 6
  - reshape: turned
    from: fc
    shape: [6, 2]
  - matmul: product
    from: [fc, turned]
  - softmax: soft
"""
    )
    conv = mac(network, "conv")
    assert conv.sizes == {"N": 2, "M": 8, "C": 3, "P": 8, "Q": 4, "R": 3, "S": 1}
    assert [(t.bits, t.density) for t in conv.tensors] == [(8, 0.5), (4, 0.25), (32, 1)]
    assert [t.bits for t in mac(network, "fc").tensors] == [8, 4, 20]
    act = network["act"]
    assert isinstance(act, VectorLayer)
    assert (act.kind, act.fused, act.bits) == ("relu6", "conv", 8)
    assert mac(network, "dw").words("outputs") == 2 * 8 * 8 * 4
    assert mac(network, "up").words("outputs") == 2 * 4 * 16 * 8
    assert {layer.name: layer.output_words // 2 for layer in network if isinstance(layer, VectorLayer)} == {
        "bn": 256, "act": 256, "shrink": 4 * 8 * 4, "grow": 4 * 8 * 8, "lrn": 256, "sum": 256, "both": 512, "pool": 8,
        "soft": 4,
    }  # fmt: skip
    assert mac(network, "product").sizes == {"B": 2, "M": 2, "N": 2, "K": 6}
    assert Flow("pool", "fc", "inputs", 16, 8) in network.flows, "a view moves nothing"


def test_an_einsum_written_out(load: Any) -> None:
    network = load("""
name: made
layers:
  - einsum: first
    dims: {P: 16, R: 3}
    tensors:
      W: {index: [R], role: weights, bits: 4 bit}
      I: {index: [P + 2*R - 1], role: inputs, extent: [16], density: 0.5}
      O: {index: [P], role: outputs}
  - einsum: second
    dims: {A: 16}
    tensors:
      X: {index: [A], role: inputs}
      Y: {index: [A], role: outputs}
    from: {X: first}
""")
    layer = mac(network, "first")
    assert layer.tensor("I").ranks == (Rank((("P", 1), ("R", 2)), -1, 16),)
    assert (layer.tensor("I").density, layer.tensor("W").bits, layer.macs) == (0.5, 4, 48)
    assert network.flows == (Flow("first", "second", "X", 16),)
    assert network.weight_words == 3


@pytest.mark.parametrize(
    ("text", "rank"),
    [
        ("P", Rank.of("P")),
        ("2*P+R*3", Rank((("P", 2), ("R", 3)))),
        (" P - 1 + R ", Rank((("P", 1), ("R", 1)), -1)),
        ("3", Rank((), 3)),
        ("P + 2 - 5", Rank((("P", 1),), -3)),
    ],
)
def test_indices(text: str, rank: Rank) -> None:
    assert read_index(text) == rank


@pytest.mark.parametrize("text", ["", " ", "2P", "P R", "P +", "P * Q", "P - (R)", "P + 1.5", "*P", 3, None])
def test_what_is_no_index(text: object) -> None:
    with pytest.raises(ValueError, match="no index"):
        read_index(text)


BLOCKS = """
blocks:
  fire:
    parameters: {squeeze: 16, expand: 2 * 4}
    layers:
      - conv: squeeze
        M: ${squeeze}
        kernel: 1
      - relu: relu
      - conv: e1
        M: ${expand}
        kernel: 1
      - conv: e3
        from: relu
        M: ${expand} + ${more}
        kernel: 3
        padding: 1
      - concat: out
        from: [e1, e3]
  tower:
    parameters: {width: 4, times: 2}
    layers:
      - block: fires
        use: fire
        repeat: ${times}
        with:
          expand: ${width}
      - conv: side
        from: input
        M: 2
        kernel: 1
      - concat: joined
        from: [fires, side]
"""


def test_blocks_are_unfolded_with_their_parameters(load: Any) -> None:
    network = load(
        HEAD
        + "parameters: {more: 1, times: 3}\n"
        + BLOCKS.replace("2 * 4", '"${squeeze}"')
        + """
layers:
  - block: a
    use: fire
  - block: b
    use: tower
    with: {times: "${times}", width: 5}
  - conv: last
    M: 1
    kernel: 1
    from: a
"""
    )
    assert [layer.name for layer in network][:5] == ["a.squeeze", "a.relu", "a.e1", "a.e3", "a.out"]
    assert (mac(network, "a.e1").sizes["M"], mac(network, "a.e3").sizes["M"]) == (16, 17)
    assert [layer.name for layer in network if layer.kind == "concat"] == [
        "a.out", "b.fires.0.out", "b.fires.1.out", "b.fires.2.out", "b.joined",
    ]  # fmt: skip
    assert mac(network, "b.fires.2.e3").sizes["M"] == 6
    feeds = {(f.source, f.target) for f in network.flows}
    assert {("a.relu", "a.e3"), ("a.out", "b.fires.0.squeeze"), ("b.fires.0.out", "b.fires.1.squeeze")} <= feeds
    assert {("a.out", "b.side"), ("b.fires.2.out", "b.joined"), ("a.out", "last")} <= feeds


def test_a_block_can_be_fed_by_any_layer(load: Any) -> None:
    network = load(
        HEAD
        + "parameters: {more: 0}\n"
        + BLOCKS.replace("2 * 4", "8")
        + "layers:\n  - {relu: one}\n  - {relu: two}\n  - {block: f, use: fire, from: one}\n"
    )
    assert ("one", "f.squeeze") in {(f.source, f.target) for f in network.flows}


def test_batch_sets_and_parameters_from_outside(load: Any) -> None:
    text = "name: made\nbatch: 1\nparameters: {m: 4}\ninput: [3, 8, 8]\nlayers:\n"
    text += "  - {conv: c, M: '${m} * ${batch}', kernel: 1}\n"
    assert mac(load(text), "c").sizes["M"] == 4
    assert mac(load(text, batch=3), "c").sizes | {"P": 0, "Q": 0} == {
        "N": 3, "M": 12, "C": 3, "P": 0, "Q": 0, "R": 1, "S": 1,
    }  # fmt: skip
    assert mac(load(text, bind={"m": 7}), "c").sizes["M"] == 7
    assert mac(load(text, sets=["c.M=9", "c.kernel=3"]), "c").sizes["R"] == 3
    assert load(text.replace("batch: 1\n", "").replace(" * ${batch}", ""), batch=2).batch == 2


def test_a_file_can_build_on_another(load: Any) -> None:
    network = load(
        "extend: alexnet\nname: thin\nlayers:\n  - {conv: conv1, M: 48}\n  - {softmax: prob, remove: true}\n"
    )
    assert network.name == "thin"
    assert mac(network, "conv1").sizes["M"] == 48
    assert network.layers[-1].name == "fc8"


def test_a_shape_mistake_stands_at_the_line_of_its_layer(told: Any) -> None:
    conv = "layers:\n  - conv: c\n    M: 4\n    kernel: 3\n"
    assert told(HEAD + conv.replace("3", "11")).splitlines() == [
        "made.yaml:4:5: layer c: the kernel spans 11x11 words, more than the 8x8 of the padded input",
        "    - conv: c",
        "      ^",
    ]
    assert told(HEAD + conv + "    groups: 2\n").startswith(
        "made.yaml:4:5: layer c: 2 groups do not divide 3 input and 4 output channels"
    )
    assert told(HEAD + conv + "  - add: s\n    from: [c, input]\n").startswith(
        "made.yaml:7:5: layer s: shapes 1x4x6x6, 1x3x8x8 do not fit together"
    )
    assert "made.yaml:7:5: layer c: something before it has the same name" in told(HEAD + conv + "  - relu: c\n")
    assert "a shape of 1x5 is 5 words, but 1x3x8x8 has 192" in told(HEAD + "layers:\n  - {reshape: r, shape: [5]}\n")


def test_what_feeds_a_layer_must_come_before_it(told: Any) -> None:
    assert told(HEAD + "layers:\n  - relu: first\n  - relu: second\n    from: frist\n").splitlines() == [
        "made.yaml:6:11: layer second: no layer 'frist' comes before this one",
        "      from: frist",
        "            ^",
        "  did you mean 'first'?",
    ]
    assert "layer a: fed by 1, but takes 2 or more" in told(HEAD + "layers:\n  - add: a\n")
    assert "layer a: nothing comes before this layer" in told("name: made\nlayers:\n  - relu: a\n")


def test_slips_of_the_pen_are_all_told_at_once(told: Any) -> None:
    message = told(
        HEAD
        + """layers:
  - cnov: a
    M: 4
  - conv: b
    kernel: [1, 2, 3]
    density: {inputs: 2}
    strid: 1
  - {conv: c, relu: d}
  - conv: e
    M: 1
    kernel: 3
    padding: around
  - einsum: f
    dims: {P: 4}
    tensors:
      I: {index: [2P], role: inputs}
      O: {index: [P], role: outputs, extent: [4, 4]}
"""
    )
    for expected in (
        "made.yaml:4:5: a layer must say what it is",
        "did you mean 'conv'?",
        "made.yaml:6:5: key 'M' is missing",
        "a list is not a size",
        "b.density.inputs is 2",
        "unknown key 'strid'",
        "did you mean 'stride'?",
        "a layer is one thing, not conv and relu",
        "'around' is not a padding",
        "'2P' is no index",
        "there are 1 indices but 2 extents",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("uses", "message"),
    [
        ("{block: x, use: fier}", "made.yaml:{line}:21: there is no block 'fier'"),
        ("{block: x, use: fire, with: {sqeeze: 3}}", "block 'fire' has no parameter 'sqeeze'"),
        ("{block: x, use: fire, repeat: no}", "repeat is 'no'"),
        ("{block: x, use: fire, from: [a, b]}", "from"),
        ("{block: x, use: loop}", "block 'loop' is used inside itself"),
        ("{block: x, use: lost}", "block 'lost' has no parameter 'squeze'"),
        ("{block: x, use: bad, repeat: 5}", "made.yaml:42:12: x.0.c.M is 'few'"),
    ],
)
def test_mistakes_with_blocks(told: Any, uses: str, message: str) -> None:
    text = (
        HEAD
        + "parameters: {more: 0}\n"
        + BLOCKS.replace("2 * 4", "8")
        + "  loop: {layers: [{block: y, use: loop}]}\n"
        + '  lost: {parameters: {squeeze: 1}, layers: [{conv: c, M: "${squeze}", kernel: 1}]}\n'
        + "  bad:\n    layers:\n      - conv: c\n        M: few\n        kernel: 1\n"
        + f"layers:\n  - {uses}\n"
    )
    said = told(text)
    line = text.splitlines().index(f"  - {uses}") + 1
    assert message.replace("{line}", str(line)) in said
    assert said.count("made.yaml:") == 1, "once, however often the block is used"


def test_names_that_are_not_there() -> None:
    with pytest.raises(TilenestError, match=r"no workload 'alexnt'.* did you mean 'alexnet'"):
        read_workload("alexnt")
    with pytest.raises(TilenestError, match=r"no parameter 'sequnce'(.|\n)*did you mean 'sequence'"):
        read_workload("bert_base", bind={"sequnce": 3})


def test_a_shipped_network_can_be_changed_from_outside() -> None:
    assert read_workload("bert_base", bind={"depth": 2}).weight_words == 2 * 12 * 768 * 768
    assert mac(read_workload("resnet50", sets=["conv3.repeat=1"]), "conv3.reduce").sizes["M"] == 128


def test_the_example_of_the_documentation(load: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "workloads.md").read_text()
    network = load(page.split("```yaml\n")[1].split("```")[0])
    assert mac(network, "fc").sizes == {"N": 1, "M": 10, "C": 16}
    assert {"stage.0.a", "stage.0.relu_a", "stage.1.relu"} <= {layer.name for layer in network}


def test_the_documentation_has_the_totals_of_every_shipped_network() -> None:
    page = (Path(__file__).parents[2] / "docs" / "workloads.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    totals = {row[0].strip("`"): (row[2], row[3]) for row in rows if len(row) == 4}
    assert set(totals) == set(names("workloads"))
    for name, (macs, weights) in totals.items():
        network = read_workload(name)
        digits = len(macs.split(".")[1])
        assert (f"{network.macs / 1e9:.{digits}f}", f"{network.weight_words / 1e6:.2f}") == (macs, weights)


def test_every_key_of_a_layer_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "workloads.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
