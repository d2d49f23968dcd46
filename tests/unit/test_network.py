"""Does a network know what it is made of, and refuse what makes no sense?"""

from __future__ import annotations

import pytest

from sim.workload.layer import Layer, VectorLayer
from sim.workload.network import Flow, Network, NetworkError


def product(name: str, m: int = 2) -> Layer:
    return Layer.einsum(name, {"M": m, "K": 3}, inputs="K", weights="M K", outputs="M")


RELU = VectorLayer("relu", "relu", (("inputs", 2),), 2, 2)
NET = Network(
    "net",
    (product("one"), RELU, product("two", 5)),
    (Flow("one", "relu", "inputs", 2), Flow("relu", "two", "inputs", 3)),
)


def test_totals() -> None:
    assert len(NET) == 3
    assert [layer.name for layer in NET] == ["one", "relu", "two"]
    assert [layer.name for layer in NET.mac_layers] == ["one", "two"]
    assert NET.macs == 2 * 3 + 5 * 3
    assert NET.weight_words == 6 + 15


def test_weights_that_another_layer_makes_are_no_weights_of_the_network() -> None:
    attention = Network("attention", (product("q"), product("scores", 5)), (Flow("q", "scores", "weights", 15),))
    assert attention.weight_words == 6


def test_the_graph_has_layers_as_nodes_and_flows_as_edges() -> None:
    assert list(NET.graph.nodes) == ["one", "relu", "two"]
    assert NET.graph.nodes["relu"]["layer"] is RELU
    assert [(a, b, flow.words) for a, b, flow in NET.graph.edges(data="flow")] == [
        ("one", "relu", 2),
        ("relu", "two", 3),
    ]


def test_cut_down_to_some_layers_in_their_own_order() -> None:
    cut = NET.only(["two", "relu"])
    assert [layer.name for layer in cut] == ["relu", "two"]
    assert cut.flows == NET.flows[1:]
    assert NET.only(["one"]).flows == ()


def test_a_layer_that_is_not_there() -> None:
    for ask in (lambda: NET["twoo"], lambda: NET.only(["one", "twoo"])):
        with pytest.raises(NetworkError) as error:
            ask()
        assert str(error.value) == "network net has no layer twoo; did you mean 'two'?"


def test_cut_down_to_nothing() -> None:
    with pytest.raises(NetworkError, match="none of the layers of network net is asked for"):
        NET.only([])


@pytest.mark.parametrize(
    ("names", "flows", "message"),
    [
        (("a", "b", "a"), (), "network bad: layer name used twice: a"),
        (("first", "b"), (("frist", "b"),), "network bad: no layer frist; did you mean 'first'?"),
        (("a", "b"), (("a", "z"),), "network bad: no layer z"),
    ],
)
def test_names_that_make_no_sense(names: tuple[str, ...], flows: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(NetworkError) as error:
        Network("bad", tuple(map(product, names)), tuple(Flow(a, b, "inputs", 1) for a, b in flows))
    assert str(error.value) == message


@pytest.mark.parametrize("circle", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_layers_in_a_circle(circle: list[str]) -> None:
    flows = tuple(Flow(one, after, "inputs", 1) for one, after in zip(circle, circle[1:] + circle[:1], strict=True))
    with pytest.raises(NetworkError, match="network bad: its layers form a cycle"):
        Network("bad", tuple(map(product, "abc")), flows)
