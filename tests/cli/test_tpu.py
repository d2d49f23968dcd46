"""Do `--breakdown` and `roofline` print and write what they are said to?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_the_breakdown_of_a_network(tilenest: Any):
    line = "run --arch tpu_v1 --workload lstm1_tpu --batch 96 --breakdown --json out.json"
    status, out, err = tilenest(*line.split())
    assert (status, err) == (0, "")
    for heading in ("array", "weight", "shift", "non-", "input", "TOPS"):
        assert heading in out
    (total,) = [row.split() for row in out.splitlines() if row.startswith("total ")]
    data = json.loads(Path("out.json").read_text())
    parts = data["totals"]["breakdown"]
    cycles = parts["active"] + parts["weight_stall"] + parts["weight_shift"] + parts["non_matrix"]
    assert cycles == pytest.approx(data["totals"]["latency_cycles"])
    shares = [f"{100 * parts[key] / cycles:.1f}" for key in ("active", "useful", "unused", "weight_stall")]
    assert total[5:13:2] == shares
    layers = [layer for layer in data["layers"] if layer["fused"] is None]
    assert len(layers) == 56
    assert all(layer["breakdown"] for layer in layers)


def test_no_breakdown_of_other_machines(tilenest: Any):
    status, out, err = tilenest("run", "--arch", "systolic_8x8_ws", "--workload", "tiny_gemm", "--breakdown")
    assert (status, out) == (2, "")
    assert err.startswith("--breakdown is for systolic arrays whose inputs and outputs are at home on the chip")


def test_a_roofline(tilenest: Any):
    line = "roofline --arch tpu_v1 --workload mlp0,lstm0 --plot roofline.png --json roofline.json"
    status, out, err = tilenest(*line.split())
    assert (status, err) == (0, "")
    assert "tpu_v1: 91.8 TOPS, weight_dram 34 GB/s" in out
    assert Path("roofline.png").read_bytes().startswith(b"\x89PNG")
    data = json.loads(Path("roofline.json").read_text())
    assert data["roof"]["ridge"] == pytest.approx(256 * 256 * 700e6 / 34e9)
    first, second = data["points"]
    assert (first["workload"], first["macs_per_byte"], first["bound_by"]) == ("mlp0", 200, "memory")
    assert second["roof_tops"] == pytest.approx(4.352)
    assert 0 < second["tops"] < second["roof_tops"]


def test_a_roofline_of_another_machine_counts_what_its_memory_moves(tilenest: Any):
    line = "roofline --arch systolic_8x8_ws --workload tiny_gemm --json"
    status, out, err = tilenest(*line.split())
    assert (status, err) == (0, "")
    (point,) = json.loads(out)["points"]
    assert point["macs_per_byte"] == pytest.approx(240 / (2 * (40 + 60 + 24)))


def test_a_roofline_needs_a_bandwidth(tilenest: Any, file: Any):
    machine = "name: m\nclock: 1 GHz\nhierarchy:\n  - {memory: dram, size: unbounded}\n  - {compute: mac}\n"
    status, _, err = tilenest("roofline", "--arch", file("m.yaml", machine), "--workload", "alexnet")
    assert status == 2
    assert "m has no roofline, as dram has no bandwidth: --set dram.bandwidth=..." in err
