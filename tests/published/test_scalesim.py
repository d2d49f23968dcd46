"""Does `timing: scalesim` say what SCALE-Sim says: every cycle, word, share and bandwidth of every layer?"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import sim
from sim.report.scalesim import scalesim_reports
from sim.validate.scalesim import REPORTED, Table, compared, rows, run, tables

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
TABLES = list(tables())


def name(table: Table) -> str:
    return f"{table.network}-{table.dataflow}-{table.size}"


def test_there_are_twelve_tables():
    assert len(TABLES) == 12
    assert {(t.network, t.dataflow, t.size) for t in TABLES} == {
        (network, flow, size)
        for network in ("alexnet", "resnet18")
        for flow in ("os", "ws", "is")
        for size in (32, 128)
    }


@pytest.mark.parametrize("table", TABLES, ids=name)
def test_every_number_of_a_table(table: Table):
    machine, columns = table.machine(), set[str]()
    for row in table.rows:
        result = run(row, machine)
        assert result.macs == int(row["macs"])
        assert result.systolic is not None
        assert (result.systolic.row_folds, result.systolic.column_folds) == (
            int(row["row_folds"]),
            int(row["col_folds"]),
        )
        assert result.latency_cycles == result.compute_cycles == int(row["demand_lines"])
        for column, theirs, ours in compared(row, result):
            assert ours == pytest.approx(theirs, rel=1e-12), (row["layer"], column)
            columns.add(column)
    memory = {column for column in REPORTED if "dram" in column or "prefetch" in column or "_bw" in column}
    ran = any(row["dram_ifmap_reads"] for row in table.rows)
    assert columns - {"demand_lines"} == set(REPORTED) - (set() if ran else memory)


def test_the_page_names_every_row():
    page = PAGE.read_text(encoding="utf-8")
    found = list(rows())
    assert all(row.reproduced and not row.error for row in found)
    assert [row.what for row in found if f"| {row.what} |" not in page] == []


def test_whole_reports_of_small_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Arrays of odd shapes, memories that are emptied often, products, and ``DP`` layers: every number."""
    monkeypatch.chdir(tmp_path)
    told = json.loads((Path(__file__).parent / "scalesim_small.json").read_text())
    for number, case in enumerate(told["runs"]):
        values = "\n".join(f"{name}: {value}" for name, value in case["machine"].items())
        Path("scale.cfg").write_text(f"[architecture_presets]\n{values}\n")
        Path("topology.csv").write_text("\n".join(case["topology"]) + "\n")
        reports = scalesim_reports(sim.run("scale.cfg", "topology.csv"))
        for file, columns in told["columns"].items():
            heading, *rows = csv.reader(reports[f"{file}.csv"].splitlines(), skipinitialspace=True)
            assert heading[:-1] == columns
            ours = [[float(cell) for cell in row[1:-1]] for row in rows]
            assert ours == [pytest.approx(row, rel=1e-12) for row in case["reports"][file]], (number, file)
