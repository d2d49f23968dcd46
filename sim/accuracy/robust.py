"""Whether networks survive a machine's imperfect arrays, and what that costs: the study that a person asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec

from sim import __version__
from sim.accuracy.axes import Axis, Budget, combinations
from sim.accuracy.cases import architecture_of, cases_of, design_axes
from sim.accuracy.data import read_dataset
from sim.accuracy.keep import Kept
from sim.accuracy.model import read_trained
from sim.accuracy.notes import notes_of
from sim.accuracy.study import Case, Examiner, LayerRow, Row, cheapest, effect_asks, effects, layers, sweep
from sim.accuracy.task import Task
from sim.errors import TilenestError

SEEDS = 5

SCHEMA = "tilenest-robust/1"

_MOST_SEEDS = 1000

Asked = ParamSpec("Asked")


@dataclass(frozen=True, slots=True)
class Study:
    """What came out.

    Attributes:
        samples: how many the networks were asked about.
        seeds: of the chips.
        reads: how often each sample was computed; most answers count.
        recalibrated: whether normalizations of batches took the moments that they saw on each chip.
        layers: of each network, where effects were looked at one by one.
        budget: what was to be reached; the last row does so, if `met`.
        notes: what else is to be known.
    """

    arch: str
    dataset: str
    samples: int
    seeds: tuple[int, ...]
    reads: int
    recalibrated: bool
    rows: tuple[Row, ...]
    layers: Mapping[str, Sequence[LayerRow]]
    budget: Budget | None
    notes: tuple[str, ...]
    command: str

    @property
    def met(self) -> bool:
        """Whether there is a budget, and the last row reaches it."""
        return self.budget is not None and bool(self.rows) and self.rows[-1].mean >= self.budget.accuracy

    def to_json(self) -> str:
        """All of it as JSON; accuracies are from 0 to 1."""
        rows = [
            asdict(row) | {"settings": dict(row.settings), "mean": row.mean, "half_width": row.half_width}
            for row in self.rows
        ]
        data = (
            {"schema": SCHEMA, "tilenest": __version__}
            | asdict(self)
            | {"rows": rows, "met": self.met if self.budget else None}
        )
        return json.dumps(data, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """A study before it is made: all is read, and what can be wrong with that has been said.

    Attributes:
        arch: name of the machine.
        cases: machines to be compared, or the one whose effects are looked at one by one.
        compared: whether they are compared.
        unbuilt: how many of the machines that a search would look at cannot be built.
    """

    arch: str
    cases: tuple[Case, ...]
    compared: bool
    examiners: tuple[Examiner, ...]
    budget: Budget | None
    unbuilt: int
    command: str

    @classmethod
    def of(
        cls,
        arch: str | Path,
        models: Sequence[str | Path] | str | Path,
        dataset: str | Path,
        *,
        set: Sequence[str] = (),  # as the command line calls it
        images: int | None = None,
        vary: Sequence[str] = (),
        seeds: int = SEEDS,
        seed: int = 0,
        reads: int = 1,
        recalibrate: bool = False,
        budget: str | None = None,
        least: str = "energy",
        cache: bool = True,
        command: str = "",
        progress: Callable[[str], None] = lambda said: None,
    ) -> Plan:
        """How accurate networks are on a machine of class ``crossbar``, and what a sample costs.

        Without `vary`, each of the machine's effects is looked at alone; with it, machines are compared with all
        effects; with `budget`, the cheapest machine is looked for.

        Args:
            arch: the path of a machine's file, or a shipped name.
            models: one or several ONNX models with weights, or shipped names.
            dataset: the path of a ``.npz``, a folder of IDX files, or a shipped name.
            set: changes of the machine, such as ``noise.programming=0.05``.
            images: only the first so many samples.
            vary: ``PATH=FIRST:LAST:STEP`` or ``PATH=VALUE,VALUE``, see `sim.accuracy.axes.Axis`.
            seeds: number of chips; intervals of confidence are over them.
            seed: of the first chip; the others have those that follow.
            reads: how often each sample is computed; most answers count.
            recalibrate: measure the moments of normalizations of batches anew on each chip, on samples for
                calibration.
            budget: such as ``accuracy >= 88%``; without `vary`, converters, cells and sizes of arrays are tried.
            least: what is then to be as little as possible: ``energy``, ``latency`` or ``area``.
            cache: whether to keep results on disk, and to use those that are kept.
            command: what the study is recorded to have been asked by.
            progress: called with what was asked, after every chip.

        Raises:
            TilenestError: for whatever is wrong with what was given.
        """
        models = [models] if isinstance(models, str | Path) else models
        goal = Budget.parse(budget, least) if budget is not None else None
        if not 1 <= seeds <= _MOST_SEEDS:
            raise TilenestError(f"{seeds} seeds are asked for; 1 to {_MOST_SEEDS} are possible")
        axes = [Axis.parse(text) for text in vary]
        base = architecture_of(arch, set, ())
        data = read_dataset(dataset).first(images)
        tasks = [Task.of(read_trained(model), data) for model in models]
        _check_names([task.model.name for task in tasks])
        if goal and len(tasks) != 1:
            raise TilenestError(f"a budget is for one network; {len(tasks)} are named")
        unbuilt = 0
        if goal and not axes:
            settings = combinations(design_axes(base))
            cases = cases_of(arch, set, settings, tasks, skip=True)
            unbuilt = len(settings) - len(cases)
        else:
            cases = cases_of(arch, set, combinations(axes), tasks)
        chips, kept = tuple(range(seed, seed + seeds)), Kept.of(cache)
        examiners = tuple(Examiner(task, chips, reads, recalibrate, kept, progress) for task in tasks)
        return cls(base.name, tuple(cases), bool(axes), examiners, goal, unbuilt, command)

    @property
    def asks(self) -> int | None:
        """How often a chip will be asked, if that is known before."""
        if self.budget:
            return None
        if self.compared:
            return sum(1 + sum(len(e.chips(case.machine)) for case in self.cases) for e in self.examiners)
        return sum(effect_asks(e, self.cases[0]) for e in self.examiners)

    def run(self, progress: Callable[[str], None] | None = None) -> Study:
        """Make the study.

        Args:
            progress: as for `of`, where it was not known then.

        Raises:
            TilenestError: when a network cannot be put on a machine.
        """
        examiners = [replace(e, progress=progress or e.progress) for e in self.examiners]
        tables: dict[str, list[LayerRow]] = {}
        if self.budget:
            rows = cheapest(examiners[0], self.cases, self.budget)
        elif self.compared:
            rows = sweep(examiners, self.cases)
        else:
            (case,) = self.cases
            rows = [row for examiner in examiners for row in effects(examiner, case)]
            tables = {e.task.model.name: layers(e, case.machine) for e in examiners}
        first, data = examiners[0], examiners[0].task.data
        notes = notes_of(examiners, rows, self.cases, self.unbuilt)
        return Study(
            self.arch,
            data.name,
            len(data.x),
            first.seeds,
            first.reads,
            first.recalibrate,
            tuple(rows),
            tables,
            self.budget,
            tuple(notes),
            self.command,
        )


def _check_names(names: Sequence[str]) -> None:
    """Whether there are networks, and each can be told from the others.

    Raises:
        TilenestError: when not.
    """
    if not names:
        raise TilenestError("no model is named")
    for name in names:
        if names.count(name) > 1:
            raise TilenestError(f"two models are called '{name}'; give one of the files another name")


def _carried_out(plan: Callable[Asked, Plan]) -> Callable[Asked, Study]:
    """What makes a plan as what makes the study that was planned, with the same options."""

    @wraps(plan)
    def robust(*args: Asked.args, **options: Asked.kwargs) -> Study:
        return plan(*args, **options).run()

    robust.__name__ = robust.__qualname__ = "robust"
    vars(robust)["__signature__"] = signature(plan).replace(return_annotation="Study")  # for `help`
    return robust


robust = _carried_out(Plan.of)
