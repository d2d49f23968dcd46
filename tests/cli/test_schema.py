"""Do the JSON Schemas describe what is read and written?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sim
from sim.arch.library import find, names
from sim.schema import yaml12

KINDS = ("arch", "workload", "dataflow", "mapping", "result", "robust")
FOLDERS: dict[str, Any] = {"arch": "arch_configs", "workload": "workloads", "dataflow": "dataflows"}
DOCUMENTED = Path(__file__).parents[2] / "docs" / "json.md"


@pytest.fixture
def schema(tilenest: Any) -> Any:
    def printed(kind: str) -> Any:
        status, out, err = tilenest("schema", kind)
        assert (status, err) == (0, "")
        return json.loads(out)

    return printed


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_schema(schema: Any, kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("kind", FOLDERS)
def test_every_shipped_file_is_valid(schema: Any, kind: str) -> None:
    validator = jsonschema.Draft202012Validator(schema(kind))
    for name in names(FOLDERS[kind]):
        found = [f"{name}: {e.json_path}: {e.message}" for e in validator.iter_errors(_plain(FOLDERS[kind], name))]
        assert found == []


def _plain(folder: Any, name: str) -> Any:
    return yaml12.load(find(folder, name)).plain()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("workload", "{name: x, layers: [{conv: a, M: 4, kernel: 3}, {maxpool: b, kernel: [2, 2]}]}"),
        ("workload", "{name: x, blocks: {b: {layers: [{relu: r}]}}, layers: [{block: a, use: b, repeat: '${n}'}]}"),
        ("workload", "{extend: alexnet, layers: [{conv: conv1, M: 64}, {relu: relu1, remove: true}]}"),
        ("workload", "{name: x, layers: [{einsum: e, dims: {M: 2}, tensors: {O: {index: [M], role: outputs}}}]}"),
        ("dataflow", "{name: x, array: {x: {spread: M}, any: {whole: [R]}}, inner: Q}"),
        ("dataflow", "{extend: row_stationary, name: x, inner: {remove: true}}"),
        ("mapping", "{mapping: [for N 4]}"),
        ("mapping", "{name: x, mapping: {conv1: [keep dram weights, for N 4]}}"),
    ],
)
def test_it_accepts_what_the_reader_accepts(schema: Any, kind: str, text: str) -> None:
    jsonschema.Draft202012Validator(schema(kind)).validate(yaml12.read(text).plain())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("workload", "{name: x, layers: [{conv: a, M: 4, kernal: 3}]}"),
        ("workload", "{name: x, layers: [{conv: a, kernel: 3}]}"),
        ("workload", "{name: x, layers: [{kernel: 3}]}"),
        ("workload", "{name: x, layers: [{convolution: a}]}"),
        ("workload", "{name: x, blocks: {b: {layers: [{rule: r}]}}, layers: [{block: a, use: b}]}"),
        ("dataflow", "{name: x, inner: [Z]}"),
        ("dataflow", "{name: x, pe: {keeps: [wieghts]}}"),
        ("mapping", "{mapping: for N 4}"),
        ("mapping", "{mappings: [for N 4]}"),
    ],
)
def test_it_refuses_what_the_reader_refuses(schema: Any, kind: str, text: str) -> None:
    assert not jsonschema.Draft202012Validator(schema(kind)).is_valid(yaml12.read(text).plain())


class TestTheResult:
    @pytest.mark.parametrize(
        ("arch", "workload"),
        [("eyeriss", "alexnet"), ("simple_ws", "squeezenet1_1"), ("eyeriss_isca16_nlr", "alexnet")],
    )
    def test_of_every_run_is_valid(self, schema: Any, arch: str, workload: str) -> None:
        result = sim.run(arch, workload, mapper="sampled", effort="low", layers=["conv1", "*relu1", "pool1"])
        jsonschema.Draft202012Validator(schema("result")).validate(json.loads(result.to_json()))

    def test_has_no_field_that_the_schema_does_not_know(self, schema: Any) -> None:
        form = json.loads(
            json.dumps(schema("result")).replace('"required"', '"additionalProperties": false, "required"')
        )
        result = sim.run("eyeriss", "alexnet", mapper="sampled", effort="low", layers=["conv2", "relu2", "pool2"])
        jsonschema.Draft202012Validator(form).validate(json.loads(result.to_json()))

    def test_has_the_fields_that_were_promised(self, schema: Any) -> None:
        form = schema("result")
        assert set(form["required"]) >= {"schema", "tilenest", "provenance", "arch", "workload", "totals", "layers"}
        assert set(form["$defs"]["LayerResult"]["required"]) >= {
            "name", "kind", "macs", "energy_pj", "latency_cycles", "latency_s", "compute_cycles", "utilization",
            "active_pes", "energy_breakdown", "actions", "mapping", "optimal",
        }  # fmt: skip
        assert form["$defs"]["Actions"]["required"] == ["fills", "reads", "updates", "drains"]

    def test_every_field_is_described_and_documented(self, schema: Any) -> None:
        fields = dict(_fields(schema("result")))
        assert [name for name, field in fields.items() if not field.get("description")] == []
        documented = set(re.findall(r"`([a-z_0-9]+)`", DOCUMENTED.read_text()))
        assert sorted(set(fields) - documented) == []


def _fields(node: Any) -> Any:
    """All fields of a schema, by name."""
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for child in node.values():
            yield from _fields(child)
