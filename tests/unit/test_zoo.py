"""Do the shipped networks have the multiply-accumulates and weights that were published?"""

from __future__ import annotations

import itertools

import pytest

from sim.arch.library import names
from sim.schema.workload import read_workload
from sim.workload.layer import Layer
from sim.workload.network import Network

# Exact multiply-accumulates, exact weights (no biases, no parameters of normalizations), then what was published:
# giga multiply-accumulates and mega parameters.
PUBLISHED = {
    # 724.4 M nominal MACs: Chen et al., JETCAS 2019, Table VI; 60.95 M weights: Yang et al., CVPR 2017, Table 1.
    "alexnet": (724_406_816, 60_954_656, 0.7244, 60.95),
    # CONV layers 46.04 G for a batch of 3: Chen et al., JSSC 2017, Table VI, plus 0.124 G of the three linear layers;
    # 138 M parameters: Simonyan and Zisserman, ICLR 2015, Table 2.
    "vgg16": (15_470_264_320, 138_344_128, 46.04 / 3 + 0.124, 138.0),
    # "1.5 billion multiply-adds": Szegedy et al., CVPR 2015, section 1; 6.99 M: Yang et al., CVPR 2017, Table 1.
    "googlenet": (1_582_671_872, 6_990_272, 1.5, 6.99),
    # 1.8e9: He et al., CVPR 2016, Table 1; 11,689,512 parameters in torchvision's resnet18, 9,600 of which belong to
    # batch normalization and 1,000 to the bias.
    "resnet18": (1_814_073_344, 11_678_912, 1.8, 11.69),
    # 4.09 G and 25,557,032 parameters: torchvision's resnet50 ("v1.5"); the paper's own placement has 3.8e9.
    "resnet50": (4_089_184_256, 25_502_912, 4.09, 25.56),
    # 569 M and 4.2 M: Howard et al., arXiv 1704.04861, Table 4.
    "mobilenet_v1": (568_740_352, 4_209_088, 0.569, 4.2),
    # 300 M and 3.4 M: Sandler et al., CVPR 2018, Table 4.
    "mobilenet_v2": (300_774_272, 3_469_760, 0.300, 3.4),
    # 0.35 G and 1,235,496 parameters: torchvision's squeezenet1_1.
    "squeezenet1_1": (349_151_936, 1_231_552, 0.35, 1.235),
    # No published count; see test_bert_by_formula. 85 M are commonly said of the encoder.
    "bert_base": (11_173_625_856, 84_934_656, 11.17, 85.0),
}
TOLERANCE = {
    "googlenet": 0.06,
    "mobilenet_v2": 0.025,
}  # printed with two digits; 3.4 M is 3.504 M with all parameters


def mac_layer(network: Network, name: str) -> Layer:
    layer = network[name]
    assert isinstance(layer, Layer)
    return layer


@pytest.mark.parametrize("name", PUBLISHED)
def test_totals(name: str) -> None:
    network = read_workload(name)
    macs, weights, published_gmacs, published_mweights = PUBLISHED[name]
    assert (network.macs, network.weight_words) == (macs, weights)
    assert network.macs / 1e9 == pytest.approx(published_gmacs, rel=TOLERANCE.get(name, 0.01))
    assert network.weight_words / 1e6 == pytest.approx(published_mweights, rel=TOLERANCE.get(name, 0.01))


def test_every_shipped_network_is_checked_and_has_a_source() -> None:
    made_up = {"tiny_gemm"}  # to be watched
    tpu = {"mlp0", "mlp1", "lstm0", "lstm1", "lstm1_tpu", "cnn0", "cnn1"}  # tests/published/test_tpu_v1.py
    assert {*PUBLISHED, *made_up, *tpu} == set(names("workloads"))
    assert all(read_workload(name).source for name in PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_batch_multiplies_work_and_not_weights(name: str) -> None:
    one, four = read_workload(name), read_workload(name, batch=4)
    assert four.batch == 4
    assert (four.macs, four.weight_words) == (4 * one.macs, one.weight_words)
    assert sum(f.words for f in four.flows) == 4 * sum(f.words for f in one.flows)


# H with padding, R, E, C per group, M, U: Chen et al., JSSC 2017, Table III.
ALEXNET = {
    "conv1": (227, 11, 55, 3, 96, 4),
    "conv2": (31, 5, 27, 48, 256, 1),
    "conv3": (15, 3, 13, 256, 384, 1),
    "conv4": (15, 3, 13, 192, 384, 1),
    "conv5": (15, 3, 13, 192, 256, 1),
}


@pytest.mark.parametrize("name", ALEXNET)
def test_alexnet_has_the_shapes_of_the_eyeriss_papers(name: str) -> None:
    layer = mac_layer(read_workload("alexnet"), name)
    padded, r, e, c, m, u = ALEXNET[name]
    size = layer.sizes
    assert (size["R"], size["S"], size["P"], size["Q"], size["C"]) == (r, r, e, e, c)
    assert size["M"] * size.get("G", 1) == m
    rows = layer.tensor("inputs").ranks[-2]
    assert dict(rows.terms)["P"] == u
    assert rows.extent is not None
    assert rows.extent - 2 * rows.offset == padded


# Share of zeros in the input feature maps in percent: Chen et al., JSSC 2017, Tables V and VI.
ZEROS = {
    "alexnet": {"conv1": 0.01, "conv2": 38.7, "conv3": 72.5, "conv4": 79.3, "conv5": 77.6},
    "vgg16": {
        "conv1_1": 1.6, "conv1_2": 47.7, "conv2_1": 24.8, "conv2_2": 38.7, "conv3_1": 39.7, "conv3_2": 58.1,
        "conv3_3": 58.7, "conv4_1": 64.3, "conv4_2": 74.7, "conv4_3": 85.4, "conv5_1": 79.4, "conv5_2": 87.4,
        "conv5_3": 88.5,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ZEROS)
def test_densities_are_the_measured_ones(name: str) -> None:
    network = read_workload(name)
    for layer, zeros in ZEROS[name].items():
        assert mac_layer(network, layer).tensor("inputs").density == pytest.approx(1 - zeros / 100, abs=1e-9)


def kinds_between(network: Network, layer: str, after: str) -> list[str]:
    made_by = {flow.target: flow.source for flow in network.flows}
    kinds = []
    while (after := made_by[after]) != layer:
        kinds.append(network[after].kind)
    return kinds[::-1]


@pytest.mark.parametrize("name", ZEROS)
def test_an_output_is_as_dense_as_the_next_input_or_at_most_that_before_a_max_pooling(name: str) -> None:
    network = read_workload(name)
    for layer, after in itertools.pairwise(ZEROS[name]):
        dense = mac_layer(network, after).tensor("inputs").density
        output = mac_layer(network, layer).outputs.density
        kinds = kinds_between(network, layer, after)
        if kinds == ["relu"]:
            assert output == dense, layer
        else:  # the largest of several words is zero only if all are, so the next input's density is a bound
            assert [kind for kind in kinds if kind not in ("relu", "lrn")] == ["maxpool"]
            assert output in (dense, 1), layer


# MACs of a batch of 3 in G, in the printed digits: Chen et al., JSSC 2017, Table VI.
VGG_MACS = [0.26, 5.55, 2.77, 5.55, 2.77, 5.55, 5.55, 2.77, 5.55, 5.55, 1.39, 1.39, 1.39]


def test_vgg_has_the_multiply_accumulates_of_the_chip_paper_layer_by_layer() -> None:
    layers = read_workload("vgg16", batch=3).mac_layers[:13]
    assert [round(layer.macs / 1e9, 2) for layer in layers] == VGG_MACS


@pytest.mark.parametrize(("sequence", "batch"), [(128, 1), (128, 8), (384, 2)])
def test_bert_by_formula(sequence: int, batch: int) -> None:
    # Vaswani et al., 2017: four d x d projections, two d x 4d feed-forward products, two attention products.
    d, depth = 768, 12
    network = read_workload("bert_base", batch=batch, bind={"sequence": sequence})
    assert network.macs == batch * depth * (12 * sequence * d * d + 2 * sequence**2 * d)
    assert network.weight_words == depth * 12 * d * d
    scores = mac_layer(network, "layer.0.scores")
    assert scores.sizes == {"B": batch, "H": 12, "M": sequence, "N": sequence, "K": 64}


def test_inner_stages_have_the_sizes_of_the_papers() -> None:
    googlenet = read_workload("googlenet")
    # Szegedy et al., CVPR 2015, Table 1: output sizes 28, 14, 7 and depths of the inception modules.
    for name, (size, depth) in {"3a": (28, 256), "3b": (28, 480), "4e": (14, 832), "5b": (7, 1024)}.items():
        assert googlenet[f"inception_{name}.output"].output_words == depth * size * size  # type: ignore[union-attr]
    # Sandler et al., CVPR 2018, Table 2: the last bottleneck is 7x7x320; ten blocks have a shortcut.
    mobilenet = read_workload("mobilenet_v2")
    assert mac_layer(mobilenet, "bottleneck7.project").words("outputs") == 320 * 7 * 7
    assert sum(layer.kind == "add" for layer in mobilenet) == 10
    # He et al., CVPR 2016, Table 1: 3, 4, 6 and 3 blocks.
    blocks = [layer.name.split(".")[0].split("_")[0] for layer in read_workload("resnet50") if layer.kind == "add"]
    assert [blocks.count(f"conv{i}") for i in (2, 3, 4, 5)] == [3, 4, 6, 3]


def test_activations_after_convolutions_cost_no_traffic_of_their_own() -> None:
    network = read_workload("resnet18")
    fused = {layer.name: layer.fused for layer in network if layer.kind == "relu"}  # type: ignore[union-attr]
    assert fused["relu1"] == "conv1"
    assert fused["conv2.0.relu_a"] == "conv2.0.a"
    assert fused["conv2.0.relu"] is None, "it comes after an addition"
