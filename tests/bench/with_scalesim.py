"""SCALE-Sim itself beside `timing: scalesim`, in one run: CPU seconds and their ratio. Needs the extra ``peers``.

    python -m tests.bench.with_scalesim [alexnet|resnet18] [SIDE]

The layers are those of the tables in ``sim/validate/data/scalesim``; all numbers of all reports are compared, too.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import sim
from sim.report.scalesim import scalesim_reports
from sim.validate.scalesim import SHAPE, Table, tables

_HEADINGS = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
_CFG = """\
[general]
run_name = run
[architecture_presets]
ArrayHeight: {side}
ArrayWidth: {side}
IfmapSramSzkB: {kib}
FilterSramSzkB: {kib}
OfmapSramSzkB: {kib}
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Dataflow: {flow}
Bandwidth: 10
ReadRequestBuffer: 512
WriteRequestBuffer: 512
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def write(table: Table) -> None:
    """SCALE-Sim's files, here."""
    rows = [", ".join((row["layer"], *(row[key] for key in SHAPE[:-1]))) + "," for row in table.rows]
    Path("topology.csv").write_text("\n".join([_HEADINGS, *rows]) + "\n")
    Path("scale.cfg").write_text(_CFG.format(side=table.size, kib=table.kib, flow=table.dataflow))
    Path("layout.csv").write_text("Layer name,\n")


def theirs() -> dict[str, str]:
    """SCALE-Sim's reports."""
    from scalesim.scale_sim import scalesim

    with contextlib.redirect_stdout(io.StringIO()):
        files = {"config": "scale.cfg", "topology": "topology.csv", "layout": "layout.csv"}
        scalesim(save_disk_space=True, verbose=False, input_type_gemm=False, **files).run_scale(top_path="out")
    return {file.name: file.read_text() for file in Path("out/run").glob("*_REPORT.csv")}


def numbers(reports: dict[str, str]) -> list[list[float]]:
    """All rows of all reports."""
    rows = (row for name in sorted(reports) for row in list(csv.reader(reports[name].splitlines()))[1:])
    return [[float(cell) for cell in row if cell.strip()] for row in rows]


def equal(ours: list[list[float]], others: list[list[float]]) -> bool:
    """Whether two lists of rows have the same numbers."""
    flat, flat_others = ([x for row in rows for x in row] for rows in (ours, others))
    return len(flat) == len(flat_others) and all(
        abs(a - b) <= 1e-9 * max(1, abs(b)) for a, b in zip(flat, flat_others, strict=True)
    )


def main(network: str = "alexnet", side: str = "128") -> None:
    """Print a line for each dataflow."""
    print(f"{network} on {side} x {side} PEs, CPU seconds: SCALE-Sim, tilenest (warm), ratio, equal reports")
    for table in (t for t in tables() if (t.network, t.size) == (network, int(side))):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            write(table)
            begin = time.process_time()
            reports = theirs()
            slow, fast, ours = time.process_time() - begin, float("inf"), dict[str, str]()
            for _ in range(5):  # the first one compiles
                begin = time.process_time()
                ours = scalesim_reports(sim.run("scale.cfg", "topology.csv"))
                fast = min(fast, time.process_time() - begin)
            same = equal(numbers(ours), numbers(reports))
            print(f"{table.dataflow}  {slow:8.1f}  {fast:8.4f}  {slow / fast:8.0f}  {same}", flush=True)
            os.chdir("/")


if __name__ == "__main__":
    main(*sys.argv[1:])
