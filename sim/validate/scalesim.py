"""SCALE-Sim: AlexNet and ResNet-18, three dataflows, two sizes of array, every number of its reports that is known.

The tables in ``data/scalesim`` were written by SCALE-Sim 3.0.0 itself; their first lines say how it was configured.
Some have no DRAM traffic, as its memory stage was not run.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.arch.tree import Architecture
from sim.engines.systolic import evaluate
from sim.results import LayerResult
from sim.schema.architecture import read_architecture
from sim.validate.row import Row
from sim.workload.importers.scalesim_csv import convolution

FOLDER = Path(__file__).parent / "data" / "scalesim"

PAPER = "SCALE-Sim 3.0.0 (commit 1d62b68), Samajdar et al., arXiv 1811.02883 and ISPASS 2020"

SHAPE = ("ifmap_h", "ifmap_w", "filt_h", "filt_w", "channels", "num_filt", "stride_h", "stride_w")

REPORTED = {
    "total_cycles_incl_prefetch": ("COMPUTE_REPORT", "Total Cycles (incl. prefetch)"),
    "total_cycles": ("COMPUTE_REPORT", "Total Cycles"),
    "overall_util_pct": ("COMPUTE_REPORT", "Overall Util %"),
    "mapping_eff_pct": ("COMPUTE_REPORT", "Mapping Efficiency %"),
    "compute_util_pct": ("COMPUTE_REPORT", "Compute Util %"),
    "avg_ifmap_sram_bw": ("BANDWIDTH_REPORT", "Avg IFMAP SRAM BW"),
    "avg_filter_sram_bw": ("BANDWIDTH_REPORT", "Avg FILTER SRAM BW"),
    "avg_ofmap_sram_bw": ("BANDWIDTH_REPORT", "Avg OFMAP SRAM BW"),
    "avg_ifmap_dram_bw": ("BANDWIDTH_REPORT", "Avg IFMAP DRAM BW"),
    "avg_filter_dram_bw": ("BANDWIDTH_REPORT", "Avg FILTER DRAM BW"),
    "avg_ofmap_dram_bw": ("BANDWIDTH_REPORT", "Avg OFMAP DRAM BW"),
    "sram_ifmap_reads": ("DETAILED_ACCESS_REPORT", "SRAM IFMAP Reads"),
    "sram_filter_reads": ("DETAILED_ACCESS_REPORT", "SRAM Filter Reads"),
    "sram_ofmap_writes": ("DETAILED_ACCESS_REPORT", "SRAM OFMAP Writes"),
    "dram_ifmap_reads": ("DETAILED_ACCESS_REPORT", "DRAM IFMAP Reads"),
    "dram_filter_reads": ("DETAILED_ACCESS_REPORT", "DRAM Filter Reads"),
    "dram_ofmap_writes": ("DETAILED_ACCESS_REPORT", "DRAM OFMAP Writes"),
}
"""The report and the column in which SCALE-Sim writes what a column of the tables has."""

_NETWORKS = {"alexnet": "AlexNet", "resnet18": "ResNet-18"}
_CYCLES = "demand_lines"
_SHOWN = {
    _CYCLES: "cycles",
    "sram_ifmap_reads": "SRAM reads of inputs",
    "sram_filter_reads": "SRAM reads of weights",
    "sram_ofmap_writes": "SRAM writes of outputs",
    "dram_ifmap_reads": "DRAM reads of inputs",
    "dram_filter_reads": "DRAM reads of weights",
    "dram_ofmap_writes": "DRAM writes of outputs",
}


@dataclass(frozen=True, slots=True)
class Table:
    """What SCALE-Sim says of a network on an array."""

    network: str
    dataflow: str
    size: int
    kib: int
    rows: tuple[dict[str, str], ...]

    def machine(self) -> Architecture:
        """The array that it was asked about."""
        sets = [f"systolic.dataflow={self.dataflow}", "systolic.timing=scalesim", f"array.x={self.size}"]
        sets += [f"array.y={self.size}"]
        sets += [f"{memory}.size={self.kib}KiB" for memory in ("input_sram", "weight_sram", "output_sram")]
        return read_architecture("systolic_32x32_ws", sets)


def tables() -> Iterator[Table]:
    """All of them."""
    for file in sorted(FOLDER.glob("*.csv")):
        lines = file.read_text(encoding="utf-8").splitlines()
        about = dict(re.findall(r"(\w+)=(\S+)", "\n".join(line for line in lines if line.startswith("#"))))
        rows = tuple(csv.DictReader(line for line in lines if not line.startswith("#")))
        size, kib = int(about["array_rows"]), int(about["ifmap_sram_kB"])
        yield Table(about["topology"], about["dataflow"], size, kib, rows)


def run(row: dict[str, str], machine: Architecture) -> LayerResult:
    """A layer of a table on its array."""
    return evaluate(convolution(row["layer"], *(int(row[key]) for key in SHAPE)), machine)


def compared(row: dict[str, str], result: LayerResult) -> Iterator[tuple[str, float, float]]:
    """Every number of a row that is known: its column, what SCALE-Sim says, and what we say."""
    assert result.systolic is not None
    yield _CYCLES, float(row[_CYCLES]), result.compute_cycles
    for column, (report, name) in REPORTED.items():
        if row[column]:
            yield column, float(row[column]), result.systolic.reports[report][name]


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """Sums over the layers; `tests/published/test_scalesim.py` compares layer by layer, and more columns."""
    for table in tables():
        machine, sums = table.machine(), dict[str, tuple[float, float]]()
        for row in table.rows:
            for column, theirs, ours in compared(row, run(row, machine)):
                before = sums.get(column, (0.0, 0.0))
                sums[column] = before[0] + theirs, before[1] + ours
        where = f"{_NETWORKS[table.network]} (sums over its convolutions, by dataflow and side of the array)"
        name = f"{table.network} {table.dataflow} {table.size}"
        for column, what in _SHOWN.items():
            if column in sums:
                yield Row(PAPER, where, f"{name}: {what}", *sums[column], "", 0.0)
        progress(name)
