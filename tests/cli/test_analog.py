"""What do the commands say about machines of analog arrays?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Tilenest

DOCS = Path(__file__).parents[2] / "docs" / "analog.md"
RUN = ("run", "--arch", "isaac", "--workload", "vgg16")


def test_a_network_in_arrays(tilenest: Tilenest):
    status, out, err = tilenest(*RUN)
    assert (status, err) == (0, "")
    assert "vgg16 on isaac: batch 1, weights in arrays, 1.321 G cells on 5 chips at 10 MHz" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["conv1_1", "27", "x", "64", "1", "x", "4", "112"] in [line[:8] for line in lines]
    assert ["fc6", "25088", "x", "4096", "196", "x", "256", "1"] in [line[:8] for line in lines]
    text = " ".join(out.split())
    assert "the weights take 5 chips of isaac; costs are those of all of them" in text
    assert "1,395 results a second, as fast as conv1_1 is" in text
    assert "area 85.4 mm2" in text


def test_the_same_as_json(tilenest: Tilenest):
    _, out, _ = tilenest(*RUN, "--layers", "conv3_1", "--json")
    result = json.loads(out)
    (layer,) = result["layers"]
    assert (layer["crossbar"]["row_blocks"], layer["crossbar"]["column_blocks"]) == (9, 16)
    assert layer["crossbar"]["copies"] == 784 // -(-784 // (16128 // 144))
    assert layer["systolic"] is None
    assert result["provenance"]["mapper"] == "none"
    assert result["provenance"]["dataflow"] == "weights in arrays"


def test_the_machine_says_what_it_does_at_its_peak(tilenest: Tilenest):
    status, out, _ = tilenest("show", "isaac")
    assert status == 0
    text = " ".join(out.split())
    assert "264,241,152 cells at 10 MHz: at most 41,288 GOPS, 65.8 W, 627.4 GOPS/W, 483.3 GOPS/mm2" in text
    assert "weights of 16 bit in 8 cells (offset), stay; inputs of 16 bit in 16 steps of 100 ns" in text
    assert "128 converters of inputs" in text
    assert "16 bit, one a step, 7 stages" in text  # a step may take many cycles


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--dataflow", "row_stationary"), "isaac is a machine of analog arrays, which has its own dataflow"),
        (
            ("run", "--limit", "latency<=1ms"),
            "isaac is a machine of analog arrays: there is nothing to choose that could keep a limit",
        ),
        (("run", "--fuse"), "isaac cannot fuse layers: only machines of class spatial can, not crossbar"),
        (("roofline",), "isaac has no roofline: its weights are where they are used; `show` tells its peak"),
        (
            ("map", "--layer", "conv3_1"),
            "isaac is a machine of analog arrays: its dataflow leaves no mapping to look for (see `run`)",
        ),
    ],
)
def test_what_makes_no_sense(tilenest: Tilenest, words: tuple[str, ...], said: str):
    status, out, err = tilenest(words[0], "--arch", "isaac", "--workload", "vgg16", *words[1:])
    assert (status, out, err) == (2, "", f"{said}\n")


def test_activations_cannot_stay_in_cells(tilenest: Tilenest):
    status, _, err = tilenest("run", "--arch", "isaac", "--workload", "bert_base")
    assert status == 2
    assert err.startswith(
        "layer.0.context, layer.0.scores, layer.1.context, ... (24 in all): both operands come from"
    )


def test_the_machine_in_the_documentation(tilenest: Tilenest, file):
    text = DOCS.read_text().partition("# analog.yaml\n")[2].partition("```")[0]
    status, out, err = tilenest(
        "run", "--arch", file("analog.yaml", text), "--workload", "alexnet", "--layers", "conv3"
    )
    assert (status, err) == (0, "")
    assert "conv3   2304 x 384   18 x 24" in out
