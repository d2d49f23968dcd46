"""What does the exact search cost, and does it grow with the map space? ``python -m tests.bench.search_cost``

Searches a few hundred map spaces of 1 to 10^24 nests for the least energy-delay product, ten seconds of wall time
each at most; writes ``docs/data/search_cost.csv`` and draws ``docs/images/search_cost.svg``. Takes about three
minutes of one core that nobody else uses. ``--draw`` draws what was measured last, ``--machines`` measures some
machines anew.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import sim
from sim.kernels.labels import MADE
from sim.mapping.judge import Judge
from sim.mapping.mapper import find_mapping
from sim.mapping.objective import EDP
from sim.mapping.optimal import Optimal, _Search
from sim.mapping.size import count_nests
from sim.mapping.space import Space
from sim.schema.dataflow import read_dataflow
from sim.workload.layer import Layer
from tests.bench.peers.cases import convolution

DOCS = Path(__file__).parents[2] / "docs"
TABLE, PICTURE = DOCS / "data" / "search_cost.csv", DOCS / "images" / "search_cost.svg"
MACHINES = ("simple_ws", "nvdla_like", "eyeriss", "simba_like", "tpu_v4i_like")
BUDGET_S = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """One search.

    Attributes:
        space: nests of the map space.
        cpu_s: seconds of CPU, with compiled kernels.
        evaluated, labels: nests that were counted and priced, and partial nests that were kept.
        gap: by which share the best nest found may be above the optimum; 0 if it is the optimum, None if nothing is
            proved.
    """

    machine: str
    dataflow: str
    layer: str
    space: float
    cpu_s: float
    evaluated: int
    labels: int
    gap: float | None

    @property
    def proved(self) -> bool:
        """Whether it is proved that no nest is better."""
        return self.gap is not None and self.gap <= 1e-9


def layers() -> Iterator[Layer]:
    """Products of matrices and convolutions from one operation to a billion, and the layers of two networks."""
    for n in (2**k for k in range(11)):
        yield Layer.einsum(f"gemm {n}", {"P": n, "M": n, "C": n}, inputs="P C", weights="M C", outputs="P M")
    for n in (2, 4, 6, 8, 12, 16, 24, 32):
        yield convolution(f"conv {n}", n, n, n, 3)
    for network in ("resnet18", "bert_base"):
        distinct = {(layer.kind, layer.dims, layer.tensors): layer for layer in sim.load_workload(network).mac_layers}
        yield from distinct.values()


def measure(machine: str, layer: Layer) -> Point:
    """Search once."""
    arch = sim.load_arch(machine)
    flow = read_dataflow(arch.dataflow)
    space = float(count_nests(layer, arch, flow))
    search = _Search(Space(layer, arch, flow), EDP, time.monotonic() + BUDGET_S)
    begun = time.process_time()
    search.run()
    took = time.process_time() - begun
    found = search.found(Judge(layer, arch, EDP)) if search.nest else None
    evaluated, gap = (found.evaluated, found.gap) if found else (0, None)
    return Point(machine, flow.name, layer.name, space, took, evaluated, int(search.tally[MADE]), gap)


def read() -> list[Point]:
    """What was measured last."""
    with TABLE.open(newline="") as file:
        return [
            Point(
                row["machine"],
                row["dataflow"],
                row["layer"],
                float(row["space"]),
                float(row["cpu_s"]),
                int(row["evaluated"]),
                int(row["labels"]),
                float(row["gap"]) if row["gap"] else None,
            )
            for row in csv.DictReader(file)
        ]


def write(points: list[Point]) -> None:
    """The table, a line a search."""
    TABLE.parent.mkdir(exist_ok=True)
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Point)], lineterminator="\n")
        writer.writeheader()
        for point in points:
            short = {"space": f"{point.space:.3g}", "cpu_s": f"{point.cpu_s:.3g}"}
            short["gap"] = "" if point.gap is None else f"{point.gap:.3g}"
            writer.writerow(asdict(point) | short)


def draw(points: list[Point]) -> None:
    """Seconds over nests, both logarithmic."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from sim.report.energy_plot import COLOURS

    mpl.rcParams["svg.hashsalt"] = "tilenest"  # the same picture from the same numbers
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for machine, colour, marker in zip(MACHINES, COLOURS, "osD^v", strict=False):
        for proved in (True, False):
            own = [p for p in points if p.machine == machine and p.proved == proved]
            axes.plot(
                [p.space for p in own],
                [max(p.cpu_s, 1e-3) for p in own],
                marker,
                color=colour,
                mfc=colour if proved else "white",
                ms=5,
                label=machine if proved else None,
            )
    axes.plot([1, 1e9], [1e-6, 1e3], "--", color="grey", lw=1)
    axes.annotate("one by one,\na million a second", (1e7, 8), (1e2, 12), color="dimgrey", fontsize=8)
    axes.plot([], [], "o", color="black", mfc="white", ms=5, label="stopped")
    axes.set(xscale="log", yscale="log", xlim=(0.5, None), ylim=(7e-4, 40))
    axes.set_xlabel("nests in the map space")
    axes.set_ylabel("seconds of CPU")
    proved, stop = sum(p.proved for p in points), f"stopped after {BUDGET_S:g} s of wall time"
    title = f"Least energy-delay product: {proved} of {len(points)} proved, the others {stop}"
    axes.set_title(title, loc="left", fontsize=9)
    axes.grid(lw=0.5, alpha=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="draw what was measured last")
    parser.add_argument("--machines", nargs="+", choices=MACHINES, default=MACHINES, help="measure these alone anew")
    args = parser.parse_args()
    if args.draw:
        draw(read())
        return
    points = [p for p in read() if p.machine not in args.machines] if TABLE.exists() else []
    small = next(layers())
    for machine in args.machines:
        arch = sim.load_arch(machine)
        find_mapping(small, arch, read_dataflow(arch.dataflow), EDP, Optimal())  # compiles what is not compiled yet
        for layer in layers():
            points.append(measure(machine, layer))
            print(points[-1], flush=True)
        write(sorted(points, key=lambda p: (MACHINES.index(p.machine), p.space, p.layer)))
    draw(read())


if __name__ == "__main__":
    main()
