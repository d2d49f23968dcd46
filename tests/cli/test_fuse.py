"""Does ``tilenest run --fuse`` say and write what groups cost and save?"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

import sim
from sim.report.groups import group_sheet, saving
from sim.report.result_schema import result_schema
from sim.report.text import as_html, as_text
from tests.cli.conftest import QUICK

ATTENTION = "layer.0.scores,layer.0.attention,layer.0.context"
RUN = ("run", "--arch", "simple_ws", "--workload", "bert_base", "--layers", ATTENTION, "--fuse", *QUICK)


@pytest.fixture(scope="module")
def result() -> sim.Result:
    return sim.run("simple_ws", "bert_base", layers=ATTENTION, fuse=True)


def test_the_table_of_groups(result: sim.Result) -> None:
    sheet = group_sheet(result)
    assert sheet is not None
    ((number, layers, tiles, overlap, stay, full, *costs),) = sheet.rows
    assert (number, layers, overlap, stay) == ("1", "layer.0.scores ... layer.0.context", "-", "-")
    group = result.groups[0]
    assert tiles == f"{group.tiles} of H {group.rows}"
    assert full == f"{100 * group.peak_bits / group.size_bits:.0f} %"
    assert costs[4:] == ["393.2 k", "1.18 M"]
    assert sheet.total[:2] == ("all", "3 layers")


def test_the_command_prints_both_tables(tilenest: Any) -> None:
    status, out, err = tilenest(*RUN)
    assert (status, err) == (0, "")
    assert "group   layers" in out
    assert "fusing   1 group through glb, tile by tile: " in out


def test_text_and_html_have_both_tables(result: sim.Result) -> None:
    assert "layer.0.scores ... layer.0.context" in as_text(result)
    assert as_html(result).count("<table>") == as_html(result).count("</table>") == 2


def test_what_is_saved_is_told_of_the_whole_run(result: sim.Result) -> None:
    (group,) = result.groups
    share = 100 * (1 - group.energy_pj / group.unfused_energy_pj)
    assert f"{share:.0f} % less energy" in saving(result)
    worse = replace(group, unfused_latency_s=group.latency_s / 2)
    assert saving(replace(result, groups=(worse,))).endswith("100 % more time than layer by layer")


def test_the_json_is_valid_and_says_which_layers_are_in_a_group(tilenest: Any) -> None:
    status, out, _ = tilenest(*RUN, "--json")
    data = json.loads(out)
    assert status == 0
    jsonschema.Draft202012Validator(result_schema()).validate(data)
    assert data["provenance"]["fuse"] is True
    assert [layer["group"] for layer in data["layers"]] == [1, 1, 1]
    assert data["groups"][0]["layers"] == ATTENTION.split(",")


def test_the_csv_has_the_number_of_the_group(tilenest: Any, tmp_path: Any) -> None:
    tilenest(*RUN, "--csv", "out.csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["group"] for row in rows] == ["1", "1", "1"]


def test_processes_side_by_side_find_what_one_does(result: sim.Result) -> None:
    assert sim.run("simple_ws", "bert_base", layers=ATTENTION, fuse=True, jobs=2) == result


def test_where_there_is_nothing_to_fuse_it_is_said(tilenest: Any) -> None:
    status, out, _ = tilenest(
        "run", "--arch", "simple_ws", "--workload", "alexnet", "--layers", "fc8", "--fuse", *QUICK
    )
    assert status == 0
    assert "fusing   no group of layers is better than they are alone" in out
    assert "group   layers" not in out


def test_a_machine_that_cannot_is_refused(tilenest: Any) -> None:
    status, _, err = tilenest(
        "run", "--arch", "nvdla_like", "--workload", "alexnet", "--layers", "fc8", "--fuse", *QUICK
    )
    assert (status, err) == (
        2,
        "nvdla_like cannot fuse layers: there must be one memory on the chip that may keep inputs and outputs\n",
    )
