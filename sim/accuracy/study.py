"""Studies: one machine's effects one by one, many machines side by side, and the cheapest that is good enough."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from sim.accuracy.axes import Budget, Least, Settings
from sim.accuracy.hardware import Analog, Digital, Exact, Hardware, noise_of, products_of, traces_of
from sim.accuracy.keep import Kept
from sim.accuracy.statistics import half_width
from sim.accuracy.task import Task
from sim.arch.noise import Noise

BASELINES: Mapping[str, Hardware] = {
    "float": Exact(),
    "int8": Digital(8, 8),
    "int4": Digital(4, 4),
    "binary": Digital(1, 8),
}
"""What there is without arrays: the model as it is, and digital arithmetic; binary weights take inputs of 8 bit."""

ARRAY, ALL = "array", "all"

_FAR = 0.05
_AT_ONCE = 4  # chips, as each takes memory


@dataclass(frozen=True, slots=True)
class Cost:
    """What one sample costs, and the area of all components whose area is known."""

    energy_pj: float
    latency_s: float
    area_um2: float

    def of(self, what: Least) -> float:
        """One of them, by its name."""
        return {"energy": self.energy_pj, "latency": self.latency_s, "area": self.area_um2}[what]

    def times(self, reads: int) -> Cost:
        """What it costs to compute the sample so often, one time after the other."""
        return Cost(reads * self.energy_pj, reads * self.latency_s, self.area_um2)


@dataclass(frozen=True, slots=True)
class Row:
    """How a network does on some hardware.

    Attributes:
        what: one of `BASELINES`; ``array``, that is arrays without noise; an effect alone; ``all``.
        settings: what was changed of the machine, by path.
        shares: of right answers, one for each chip; one in all, where chips do not differ.
        cost: on arrays, of all reads of a sample together.
    """

    model: str
    what: str
    settings: Settings
    shares: tuple[float, ...]
    cost: Cost | None = None

    @property
    def mean(self) -> float:
        """The accuracy."""
        return statistics.fmean(self.shares)

    @property
    def half_width(self) -> float | None:
        """Half of the 95 % confidence interval of the mean over chips."""
        return half_width(self.shares)


@dataclass(frozen=True, slots=True)
class LayerRow:
    """What a layer adds to the error.

    Attributes:
        rows, columns: of its matrix; `groups` of them.
        arrays: crossbars that it takes.
        cells: share of their cells that hold something.
        clipped: the largest share of sums of a slice that its ADCs clip, on the samples for calibration.
        snr_db: power of its exact outputs over that of their error, for exact inputs; None without any error.
        share: of right answers where this layer alone is on noisy arrays.
    """

    name: str
    rows: int
    columns: int
    groups: int
    arrays: int
    cells: float
    clipped: float
    snr_db: float | None
    share: float


@dataclass(frozen=True, slots=True)
class Case:
    """A machine of a sweep.

    Attributes:
        settings: what was changed, by path.
        costs: of one sample of each network, by its name.
    """

    settings: Settings
    machine: Analog
    costs: Mapping[str, Cost]


@dataclass(frozen=True, slots=True)
class Examiner:
    """Asks one network, on one chip after another.

    Attributes:
        seeds: one for each chip.
        reads: how often a sample is computed; most answers count.
        recalibrate: whether normalizations of batches take the moments that they see on each chip.
        progress: called with what was asked, after every chip.
    """

    task: Task
    seeds: tuple[int, ...]
    reads: int
    recalibrate: bool
    kept: Kept
    progress: Callable[[str], None] = lambda said: None

    def row(self, what: str, hardware: Hardware, case: Case | None = None) -> Row:
        """How the network does.

        Raises:
            TilenestError: when it cannot be put on this hardware.
        """
        name = self.task.model.name
        settings, cost = (case.settings, case.costs[name].times(self.reads)) if case else ((), None)
        said = " ".join([name, what, *(f"{path}={value}" for path, value in settings)])
        return Row(name, what, settings, tuple(self._shares(hardware, said)), cost)

    def _shares(self, hardware: Hardware, said: str) -> Iterator[float]:
        """Share of right answers of each chip. Several are asked at once: most of it is outside of Python's lock."""
        chips = self.chips(hardware)
        with ThreadPoolExecutor(min(len(chips), os.cpu_count() or 1, _AT_ONCE)) as pool:
            for share in pool.map(lambda seed: self.share(hardware, seed), chips):
                self.progress(said)
                yield share

    def chips(self, hardware: Hardware) -> tuple[int, ...]:
        """Seeds of the chips to be asked; one is enough where they do not differ."""
        return self.seeds if hardware.is_random else self.seeds[:1]

    def share(self, hardware: Hardware, seed: int, layers: Collection[str] | None = None) -> float:
        """Share of right answers of one chip, with some layers or all of them on it."""
        task = self.task
        chosen = None if layers is None else sorted(layers)
        how = f"{seed} {self.reads} {self.recalibrate}"
        asked = f"{task.model.digest} {task.data.digest} {hardware!r} {chosen} {how}"
        correct = self.kept.get(asked)
        if correct is None:
            products = products_of(task, hardware, seed, layers)
            correct = task.correct(products, noise_of(seed), self.reads, self.recalibrate)
            self.kept.put(asked, correct)
        return correct / task.samples


def effects(examiner: Examiner, case: Case) -> list[Row]:
    """The network without arrays, on arrays without noise, with each effect alone, and with all of them."""
    xbar, noise = case.machine.xbar, case.machine.noise
    rows = [examiner.row(what, hardware) for what, hardware in BASELINES.items()]
    rows.append(examiner.row(ARRAY, Analog(xbar, Noise()), case))
    if len(noise.effects) > 1:
        rows += [examiner.row(effect, Analog(xbar, noise.only(effect)), case) for effect in noise.effects]
    if noise.effects:
        rows.append(examiner.row(ALL, case.machine, case))
    return rows


def effect_asks(examiner: Examiner, case: Case) -> int:
    """How often `effects` and `layers` ask a chip: what a bar of progress counts to."""
    noise = case.machine.noise
    alone = noise.effects if len(noise.effects) > 1 else ()
    noisy = [Analog(case.machine.xbar, noise.only(effect)) for effect in alone]
    chips = [*noisy, *([case.machine] if noise.effects else [])]
    return len(BASELINES) + 1 + sum(len(examiner.chips(c)) for c in chips) + len(examiner.task.layers)


def layers(examiner: Examiner, machine: Analog) -> list[LayerRow]:
    """What each layer adds to the error on the first chip."""
    task, seed = examiner.task, examiner.seeds[0]
    traces, products = traces_of(task, machine), products_of(task, machine, seed)
    out = []
    for name in task.layers:
        parts = {part: trace for part, trace in traces.items() if part[0] == name}
        signal = error = 0.0
        for part, trace in parts.items():
            exact = trace.inputs @ trace.weights
            signal += float(np.square(exact).sum())
            error += float(np.square(products[part].product(trace.inputs, noise_of(seed)) - exact).sum())
        reports = [products[part].report for part in parts]  # type: ignore[attr-defined]  # of arrays
        rows, columns = task.traces[name, 0].weights.shape
        share = examiner.share(machine, seed, [name])
        examiner.progress(f"{task.model.name} {name} alone")
        out.append(
            LayerRow(
                name,
                rows,
                columns,
                sum(trace.groups for trace in parts.values()),
                sum(r.arrays for r in reports),
                statistics.fmean(r.cells for r in reports),
                max(max(r.clipped) for r in reports),
                float(10 * np.log10(signal / error)) if error and signal else None,
                share,
            )
        )
    return out


def sweep(examiners: Sequence[Examiner], cases: Iterable[Case]) -> list[Row]:
    """All networks on all machines, with all effects; before that, each network as it is."""
    cases = list(cases)
    rows = [examiner.row("float", Exact()) for examiner in examiners]
    return rows + [examiner.row(ALL, case.machine, case) for examiner in examiners for case in cases]


def cheapest(examiner: Examiner, cases: Iterable[Case], budget: Budget) -> list[Row]:
    """Machines in the order of their cost, up to the first that is accurate enough; the last row, if one is.

    So nothing that is cheaper than the last row is accurate enough, and nothing dearer had to be tried. Of a machine
    whose first chip misses by far, no other chips are asked.
    """
    name = examiner.task.model.name
    rows = []
    for case in sorted(cases, key=lambda case: case.costs[name].of(budget.least)):
        row = replace(examiner, seeds=examiner.seeds[:1]).row(ALL, case.machine, case)
        others = examiner.seeds[1:] if case.machine.is_random else ()
        if others and row.mean >= budget.accuracy - _FAR:
            rest = replace(examiner, seeds=others).row(ALL, case.machine, case)
            row = replace(row, shares=row.shares + rest.shares)
        rows.append(row)
        if row.mean >= budget.accuracy:
            break
    return rows


def front(rows: Sequence[Row]) -> list[Row]:
    """Rows that no other beats in accuracy, energy and latency at once."""

    def worth(row: Row) -> tuple[float, float, float]:
        assert row.cost is not None
        return -row.mean, row.cost.energy_pj, row.cost.latency_s

    priced = [row for row in rows if row.cost is not None]
    return [
        row
        for row in priced
        if not any(
            all(a <= b for a, b in zip(worth(other), worth(row), strict=True)) and worth(other) != worth(row)
            for other in priced
        )
    ]
