"""Does the first TPU do what its paper says? Have the workloads all columns of its Table 1?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sim.schema.workload import read_workload
from sim.validate.row import Row
from sim.validate.tpu_v1 import published, rows, run
from sim.workload.layer import VectorLayer

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
KINDS = {"linear": "fc", "conv": "conv", "mul": "vector", "add": "vector", "maxpool": "pool"}
BEYOND = {
    *(f"{name}: non-matrix" for name in ("mlp0", "mlp1", "lstm0")),
    "mlp1: weight stall",
    "cnn0: input stall",
}


@pytest.fixture(scope="module")
def found() -> dict[str, Row]:
    return {row.what: row for row in rows()}


@pytest.mark.parametrize("name", published()["applications"])
def test_every_column_of_table_1(name: str):
    fc, conv, vector, pool, total, weights, operations, batch = published()["table1"][name]
    network = read_workload(name)
    shown = [layer for layer in network if not (isinstance(layer, VectorLayer) and layer.fused)]
    kinds = Counter(KINDS[layer.kind] for layer in shown)
    assert [kinds[kind] for kind in ("fc", "conv", "vector", "pool")] == [fc, conv, vector, pool]
    assert len(shown) == total
    assert round(network.weight_words / 1e6) == weights
    assert {t.bits for layer in network.mac_layers for t in layer.tensors if t.role == "weights"} == {8}
    assert network.macs / network.weight_words == pytest.approx(operations, rel=1e-3)
    assert network.batch == batch
    assert "not public" in (Path(__file__).parents[2] / "workloads" / f"{name}.yaml").read_text()


def test_the_second_name_of_lstm1():
    one, other = read_workload("lstm1"), read_workload("lstm1_tpu", batch=96)
    assert one.layers == other.layers


def test_just_the_numbers_that_are_known_to_differ_do(found: dict[str, Row]):
    assert {what for what, row in found.items() if not row.reproduced} == BEYOND


def test_every_number_that_differs_has_its_reason(found: dict[str, Row]):
    assert [what for what in BEYOND if not found[what].note] == []


def test_the_page_names_every_row(found: dict[str, Row]):
    page = PAGE.read_text(encoding="utf-8")
    assert [what for what in found if f"| {what} |" not in page] == []


@pytest.mark.parametrize("name", published()["applications"])
def test_columns_add_up_to_all_cycles(name: str):
    result = run(name)
    for layer in (result.totals, *(layer for layer in result.layers if layer.breakdown)):
        parts = layer.breakdown
        assert parts is not None
        assert parts.cycles == pytest.approx(layer.latency_cycles)
        assert parts.active == pytest.approx(parts.useful + parts.unused)
        assert min(parts.useful, parts.unused + 1e-6, parts.weight_stall, parts.input_stall) >= 0
        assert parts.input_stall <= parts.non_matrix
    assert result.totals.latency_cycles == pytest.approx(sum(layer.latency_cycles for layer in result.layers))


def test_the_paper_s_rows_add_up_too():
    table = published()["table3"]
    for name in published()["applications"]:
        rows_ = ("active", "weight_stall", "weight_shift", "non_matrix")
        assert sum(table[row][name] for row in rows_) == pytest.approx(100, abs=0.11)
