"""What a person should know beside the numbers of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.accuracy.statistics import sampling_error
from sim.accuracy.study import Case, Examiner, Row
from sim.accuracy.task import Task

_CHANCE = 1.5  # so many times the accuracy of guessing is hardly better


def notes_of(
    examiners: Sequence[Examiner], rows: Sequence[Row], cases: Sequence[Case], unbuilt: int
) -> Iterator[str]:
    """Sentences about data, networks and machines, as far as there is something to say."""
    data = examiners[0].task.data
    error = max(sampling_error(row.mean, len(data.x)) for row in rows)
    yield f"{len(data.x):,} samples alone leave accuracies uncertain by up to {100 * error:.1f} % (95 %)"
    if not data.held_out:
        some = f"the first {len(data.calibration)} samples of 'x'"
        yield f"ranges were set on {some}, as the data set holds no 'calibration'"
    for examiner in examiners:
        yield from _of_network(examiner.task, rows)
        if examiner.recalibrate and "BatchNormalization" not in examiner.task.model.operators.values():
            yield f"{examiner.task.model.name} has no BatchNormalization (any more), so there is none to recalibrate"
    if not any(case.machine.noise.effects for case in cases):
        yield "the machine says nothing of noise (key `noise`), so quantization is all that is there"
    if unbuilt:
        yield f"{unbuilt} combinations contradict themselves, or the network does not fit there"


def _of_network(task: Task, rows: Sequence[Row]) -> Iterator[str]:
    name, classes = task.model.name, task.classes
    plain = next((row.mean for row in rows if (row.model, row.what) == (name, "float")), None)
    if plain is not None and classes > 1 and plain < _CHANCE / classes:
        yield (
            f"{name} as it is answers {100 * plain:.1f} % right, hardly better than guessing: are the labels and the "
            "range of x those that it was trained with?"
        )
    if task.digital:
        yield f"{name}: exact, as no operand is a matrix of weights: {', '.join(task.digital)}"
