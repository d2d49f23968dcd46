"""Do results add up and keep what they say on their way to plain data?"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sim import __version__
from sim.errors import TilenestError
from sim.mapping.counts import Actions
from sim.mapping.found import Found
from sim.mapping.nest import For, Mapping
from sim.results import LayerResult, Provenance, Result, Stored, digest

CONV = LayerResult(
    "conv1",
    "conv",
    macs=1000,
    energy_pj=3e6,
    latency_cycles=100,
    latency_s=1e-6,
    compute_cycles=80,
    utilization=0.5,
    active_pes=10,
    energy_breakdown={"dram": 2e6, "mac": 1e6},
    actions={"dram": {"inputs": Actions(0, 5, 0, 0), "outputs": Actions(1, 2, 3, 4)}, "rf": {"inputs": Actions(7)}},
    zeros={"dram": {"inputs": Stored({"reads": 2.5}, {"reads": 10.0}, 1.0, 2.0)}},
    mapping=("keep dram inputs, outputs", "for P 2"),
)
POOL = LayerResult(
    "pool1",
    "maxpool",
    0,
    1e6,
    300,
    3e-6,
    utilization=0.1,
    energy_breakdown={"dram": 1e6},
    actions={"dram": {"inputs": Actions(reads=20)}},
)
RESULT = Result(
    "chip",
    "net",
    4,
    ("dram", "rf"),
    20,
    1e8,
    {"rf": 5.0},
    (CONV, POOL),
    Provenance(__version__, "a" * 16, "b" * 16, "any", "c" * 16, "", "edp", None, 2e6, "optimal", "tilenest run"),
)


def test_words_of_a_level() -> None:
    assert (CONV.words("dram"), CONV.words("rf"), POOL.words("rf")) == (5 + 1 + 2 + 3 + 4, 7, 0)


def test_totals() -> None:
    totals = RESULT.totals
    assert (totals.macs, totals.energy_pj, totals.latency_cycles) == (1000, 4e6, 400)
    assert totals.latency_s == pytest.approx(4e-6, rel=1e-12)
    assert totals.utilization == pytest.approx((0.5 * 100 + 0.1 * 300) / 400, rel=1e-12)
    assert totals.edp_js == pytest.approx(4e-6 * 4e-6, rel=1e-12)
    assert totals.energy_breakdown == {"dram": 3e6, "mac": 1e6}
    assert totals.words == {"dram": 35, "rf": 7}


def test_a_network_that_takes_no_time_has_no_utilization() -> None:
    assert replace(RESULT, layers=()).totals.utilization == 0


def test_a_layer_by_name() -> None:
    assert RESULT["pool1"] is POOL
    with pytest.raises(TilenestError) as error:
        RESULT["pool2"]
    assert str(error.value) == "the result has no layer 'pool2'; did you mean 'pool1'?"
    with pytest.raises(KeyError):
        RESULT["pool2"]


def test_what_is_known_of_the_search() -> None:
    nest = Mapping((For("P", 2),))
    unsure = CONV.with_search(Found(nest, 3e6, 100, value=3e8, evaluated=70, bound=2.4e8, space=1e9))
    assert (unsure.evaluated, unsure.value, unsure.bound, unsure.space) == (70, 3e8, 2.4e8, 1e9)
    assert (unsure.optimal, unsure.gap) == (False, pytest.approx(0.2))
    sampled = CONV.with_search(Found(nest, 3e6, 100, value=3e8, evaluated=70))
    assert (sampled.optimal, sampled.gap, sampled.bound, sampled.space) == (None, None, None, None)


def test_json_says_all_of_it() -> None:
    data = json.loads(RESULT.to_json())
    assert data == RESULT.to_dict()
    assert (data["schema"], data["tilenest"]) == ("tilenest-result/1", __version__)
    assert data["arch"] == {
        "name": "chip", "levels": ["dram", "rf"], "pes": 20, "clock_hz": 1e8, "area_um2": {"rf": 5.0},
    }  # fmt: skip
    assert data["workload"] == {"name": "net", "batch": 4}
    assert data["provenance"] == {
        "tilenest": __version__, "arch_hash": "a" * 16, "workload_hash": "b" * 16, "dataflow": "any",
        "dataflow_hash": "c" * 16, "mappings_hash": "", "objective": "edp", "most_pj": None,
        "most_cycles": 2e6, "mapper": "optimal", "command": "tilenest run",
            "fuse": False,
    }  # fmt: skip
    assert data["totals"]["words"] == {"dram": 35, "rf": 7}
    conv, pool = data["layers"]
    assert conv["actions"]["dram"]["outputs"] == {"fills": 1, "reads": 2, "updates": 3, "drains": 4}
    assert conv["zeros"]["dram"]["inputs"]["metadata_bits"] == {"reads": 10.0}
    assert conv["mapping"] == ["keep dram inputs, outputs", "for P 2"]
    assert (pool["mapping"], pool["optimal"], pool["fused"]) == ([], None, None)


def test_the_layers_of_the_contract_have_the_promised_fields() -> None:
    promised = {
        "name", "kind", "macs", "energy_pj", "latency_cycles", "latency_s", "compute_cycles", "utilization",
        "active_pes", "energy_breakdown", "actions", "mapping", "optimal",
    }  # fmt: skip
    assert promised <= set(CONV.to_dict())


def test_a_digest_is_of_all_that_is_said() -> None:
    assert len(digest(CONV)) == 16
    assert digest(CONV) == digest(replace(CONV))
    assert digest(CONV) != digest(replace(CONV, energy_pj=3e6 + 1))
