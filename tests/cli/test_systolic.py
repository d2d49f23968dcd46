"""Do commands do with systolic arrays, and with SCALE-Sim's files, what they are said to?"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from sim.report.scalesim import FILES

CFG = """\
[general]
run_name = scale_example

[architecture_presets]
ArrayHeight:    32
ArrayWidth:     32
IfmapSramSzkB:  64
FilterSramSzkB: 64
OfmapSramSzkB:  64
Dataflow : ws
Bandwidth : 10

[run_presets]
InterfaceBandwidth: CALC
"""
TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 224, 224, 7, 7, 3, 64, 2,
Conv2_1a, 56, 56, 3, 3, 64, 64, 1,
"""
LINES = [121940, 108360]  # SCALE-Sim 3.0.0: sim/validate/data/scalesim/scalesim_resnet18_ws_32x32.csv


@pytest.fixture
def files(file: Any) -> tuple[str, ...]:
    return "--arch", file("scale.cfg", CFG), "--workload", file("topology.csv", TOPOLOGY)


def test_scalesim_s_two_files_as_they_are(tilenest: Any, files: tuple[str, ...]):
    status, out, err = tilenest("run", *files, "--json", "out.json")
    assert (status, err) == (0, "")
    assert "topology on scale_example: batch 1, dataflow ws, timing scalesim, 1,024 PEs at 1 GHz" in out
    assert "energies are 0" in out
    result = json.loads(Path("out.json").read_text())
    assert [layer["compute_cycles"] for layer in result["layers"]] == LINES
    assert [layer["latency_cycles"] for layer in result["layers"]] == LINES
    assert result["layers"][0]["actions"]["ifmap_sram"]["inputs"]["reads"] == 3557400
    assert result["provenance"]["dataflow"] == "ws"


def test_its_reports(tilenest: Any, files: tuple[str, ...]):
    status, out, err = tilenest("run", *files, "--quiet", "--scalesim-reports", "reports/ws")
    assert (status, out, err) == (0, "", "")
    tables = {name: Path("reports/ws", f"{name}.csv").read_text().splitlines() for name in FILES}
    compute = [[cell.strip() for cell in row] for row in csv.reader(tables["COMPUTE_REPORT"])]
    assert compute[0] == [
        "LayerID", "Total Cycles (incl. prefetch)", "Total Cycles", "Stall Cycles", "Overall Util %",
        "Mapping Efficiency %", "Compute Util %", "",
    ]  # fmt: skip
    assert [(row[0], row[2], row[3]) for row in compute[1:]] == [("0", "121939", "0"), ("1", "108359", "0")]
    assert float(compute[1][4]) == pytest.approx(91.16750998450044)
    assert tables["BANDWIDTH_REPORT"][0] == (
        "LayerID, Avg IFMAP SRAM BW, Avg FILTER SRAM BW, Avg OFMAP SRAM BW, Avg IFMAP DRAM BW, Avg FILTER DRAM BW, "
        "Avg OFMAP DRAM BW,"
    )
    detail = [[cell.strip() for cell in row] for row in csv.reader(tables["DETAILED_ACCESS_REPORT"])]
    assert detail[0][1:4] == ["SRAM IFMAP Start Cycle", "SRAM IFMAP Stop Cycle", "SRAM IFMAP Reads"]
    assert detail[0][-2] == "DRAM OFMAP Writes"
    assert [row[3] for row in detail[1:]] == ["3557400", "3359232"]


def test_reports_are_for_its_timing(tilenest: Any, files: tuple[str, ...]):
    for arch, how in (("systolic_8x8_ws", "--set systolic.timing=scalesim"), ("eyeriss", "of systolic arrays alone")):
        status, _, err = tilenest("run", "--arch", arch, *files[2:], "--scalesim-reports", "reports")
        assert (status, how in err) == (2, True)
    assert not Path("reports").exists()
    Path("reports").write_text("")
    status, _, err = tilenest("run", *files, "--scalesim-reports", "reports")
    assert (status, "cannot write reports" in err) == (2, True)


def test_the_same_topology_by_the_default_timing(tilenest: Any, files: tuple[str, ...]):
    status, out, _ = tilenest("run", "--arch", "systolic_128x128_os", *files[2:])
    assert status == 0
    assert "timing tilenest" in out
    status, out, _ = tilenest("run", *files, "--set", "timing=tilenest")
    assert (status, "timing tilenest" in out) == (0, True)


def test_show_knows_both(tilenest: Any, files: tuple[str, ...]):
    status, out, _ = tilenest("show", "scale.cfg")
    assert (status, "dataflow ws; timing scalesim" in out) == (0, True)
    status, out, _ = tilenest("show", "topology.csv")
    assert (status, "Conv2_1a" in out) == (0, True)
    status, out, _ = tilenest("show", "systolic_8x8_ws")
    assert "bursts of 512 bit; 50 cycles until data come" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nest", "--layer", "conv1"), "is a systolic array: its dataflow leaves no mapping to look for"),
        (("map", "--layer", "conv1"), "is a systolic array: its dataflow leaves no mapping to look for"),
        (("run", "--fuse"), "only machines of class spatial can"),
        (("run", "--dataflow", "row_stationary"), "which has its own dataflow: --set systolic.dataflow=os"),
        (("run", "--limit", "latency<=5ms"), "there is nothing to choose that could keep a limit"),
        (("trace", "--layer", "conv1"), "layer conv1 is too large to watch"),
        (("trace", "--layer", "relu1"), "layer relu1 multiplies nothing"),
    ],
)
def test_what_systolic_arrays_are_not_for(tilenest: Any, words: tuple[str, ...], expected: str):
    status, _, err = tilenest(words[0], "--arch", "systolic_32x32_ws", "--workload", "alexnet", *words[1:])
    assert (status, expected in err) == (2, True)


def test_bind_and_set_are_not_for_topologies(tilenest: Any, files: tuple[str, ...]):
    status, _, err = tilenest("run", *files, "--bind", "rows=3")
    assert (status, "has no values to set (rows)" in err) == (2, True)


def test_a_result_says_what_arrays_divide(tilenest: Any):
    words = ("run", "--arch", "tpu_v4_like", "--workload", "resnet18", "--layers", "conv1,conv5*")
    status, out, _ = tilenest(*words, "--set", "systolic.divide=channels")
    assert (status, "arrays   divide channels in 6 layers\n" in out) == (0, True)
    assert "arrays   divide" not in tilenest("run", "--arch", "tpu_v2_like", "--workload", "tiny_gemm")[1]


# --- trace


def test_what_every_pe_holds(tilenest: Any):
    status, out, err = tilenest("trace", "--arch", "systolic_8x8_ws", "--layer", "tiny_gemm", "--cycles", "8-9")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].endswith("outputs[4 x, 6 n] += inputs[x, 10 k] * weights[k, n], 28 cycles")
    first, second = lines.index("cycle 8"), lines.index("cycle 9")
    assert lines[first + 1].split()[0] == "*i0,0>w0,0v1+w9,0"  # the first product, and the weight of the next fold
    assert lines[second + 2].split()[0] == "*i0,1>w1,0v15+w9,0"  # 1 * 1 + 2 * 7
    assert len(lines[second:]) == 9


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("timing", ["tilenest", "scalesim"])
def test_a_trace_as_data(tilenest: Any, dataflow: str, timing: str):
    sets = ("--set", f"systolic.dataflow={dataflow}", "--set", f"systolic.timing={timing}")
    status, out, _ = tilenest("trace", "--arch", "systolic_8x8_ws", *sets, "--layer", "tiny_gemm", "--json")
    trace = json.loads(out)
    assert (status, trace["schema"], trace["sizes"]) == (0, "tilenest-trace/1", {"x": 4, "n": 6, "k": 10})
    assert len(trace["cycles"]) == trace["total_cycles"]
    assert trace["product"][0][0] == sum((k + 1) * (6 * k + 1) for k in range(10))
    used = sum(pe["busy"] for cycle in trace["cycles"] for pe in cycle["pes"])
    assert used == (
        4 * 6 * 10 if timing == "tilenest" else {"os": 64 * 10, "ws": 2 * 64 * 4, "is": 2 * 64 * 6}[dataflow]
    )
    held = {name for cycle in trace["cycles"] for pe in cycle["pes"] for name in pe} - {"row", "column", "busy"}
    assert {"input", "weight", "sum"} <= held


def test_a_trace_goes_to_a_file(tilenest: Any):
    words = ("trace", "--arch", "systolic_8x8_ws", "--workload", "tiny_gemm", "--layer", "tiny_gemm")
    assert tilenest(*words, "--json", "trace.json")[:2] == (0, "")
    assert json.loads(Path("trace.json").read_text())["rows"] == 8
    for wrong, expected in (("x", "not of the form 10-20"), ("3-", "not of the form")):
        status, _, err = tilenest(*words, "--cycles", wrong)
        assert (status, expected in err) == (2, True)


def test_folds_of_a_trace_are_those_of_the_machine(tilenest: Any, file: Any):
    """The TPU has the channels of one place of the window on its rows."""
    net = file("net.yaml", "name: net\ninput: [3, 4, 4]\nlayers:\n  - {conv: conv, M: 4, kernel: 2}\n")
    words = ("--arch", "tpu_v1", "--set", "side=8", "--workload", net)
    status, out, err = tilenest("trace", *words, "--layer", "conv", "--json")
    assert (status, err) == (0, "")
    used = {(pe["row"], pe["column"]) for cycle in json.loads(out)["cycles"] for pe in cycle["pes"] if pe["busy"]}
    assert used == {(row, column) for row in range(3) for column in range(4)}
    status, out, _ = tilenest("run", *words, "--json")
    assert json.loads(out)["layers"][0]["active_pes"] == len(used)


def test_cycles_that_there_are_not(tilenest: Any):
    words = ("trace", "--arch", "systolic_8x8_ws", "--layer", "tiny_gemm", "--cycles")
    for wrong, expected in (
        ("28-30", "tiny_gemm takes cycles 0 to 27 on systolic_8x8_ws"),
        ("9-3", "9 comes after 3"),
    ):
        status, out, err = tilenest(*words, wrong)
        assert (status, out, expected in err) == (2, "", True)
    status, out, _ = tilenest(*words, "27-90")
    assert (status, out.count("\ncycle ")) == (0, 1)


def test_only_systolic_arrays_can_be_watched(tilenest: Any):
    status, _, err = tilenest("trace", "--arch", "eyeriss", "--layer", "tiny_gemm")
    assert (status, err) == (2, "eyeriss is of class spatial; only systolic arrays can be watched\n")
