"""A network, and data that say whether it is right: asked again and again with products computed in other ways."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.accuracy.data import Dataset
from sim.accuracy.model import TrainedModel
from sim.accuracy.packing import Packed
from sim.errors import TilenestError
from sim.workload.importers.onnx_file import first_line

Array = NDArray[Any]

Part = tuple[str, int]
"""A matrix of weights: the layer's name, and which of its groups."""

MULTIPLYING = frozenset({
    "Conv", "Gemm", "MatMul", "ConvTranspose", "Einsum", "LSTM", "GRU", "RNN", "QLinearConv", "QLinearMatMul",
    "ConvInteger", "MatMulInteger", "Attention",
})  # fmt: skip

_PATCH_BYTES = 32 << 20
"""A batch is as many samples as have so large a matrix of inputs; what computes a product takes a few times that."""

_MOST_SAMPLES = 500
_MOST_ROWS = 256  # of a batch for calibration
_CALIBRATED_AT_ONCE = 32


class Product(Protocol):
    """What multiplies by a matrix, in its own way."""

    def product(self, inputs: Array, rng: np.random.Generator) -> Array:
        """Inputs [B, K] times the weights [K, M]."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What a part sees where all is exact.

    Attributes:
        weights: [K, M].
        inputs: rows that it is multiplied with, [B, K]: those of the samples for calibration, or some of them.
        rows: how many there are for each sample.
        groups: how many parts it is, along the diagonal of `weights`, and side by side in `inputs`.
    """

    weights: Array
    inputs: Array
    rows: int
    groups: int = 1

    @classmethod
    def along_diagonal(cls, parts: Sequence[Trace]) -> Trace:
        """Several parts of a layer as one."""
        (k, m), number = parts[0].weights.shape, len(parts)
        weights = np.zeros((number, k, number, m), parts[0].weights.dtype)
        for i, part in enumerate(parts):
            weights[i, :, i] = part.weights
        inputs = np.concatenate([part.inputs for part in parts], axis=1)
        return cls(weights.reshape(number * k, number * m), inputs, parts[0].rows, number)


@dataclass(frozen=True, slots=True)
class Task:
    """A trained network with labelled data.

    Attributes:
        traces: by part, in the order in which parts are computed.
        classes: how many scores the network gives.
    """

    model: TrainedModel
    data: Dataset
    traces: Mapping[Part, Trace]
    classes: int

    @classmethod
    def of(cls, model: TrainedModel, data: Dataset) -> Task:
        """The task, once the network has seen the samples for calibration.

        Raises:
            TilenestError: when data and network do not fit, or the network cannot be run.
        """
        from sim.accuracy.operators import operators

        model.check(data)
        batch = min(_CALIBRATED_AT_ONCE, len(data.calibration))
        recorder = _Recorder(batch)
        recording = operators(recorder, model.constants)
        try:
            scores = _scores(model, data.calibration, data.y.ndim, batch, recording)
        except TilenestError:
            raise
        except Exception as error:  # onnx raises whatever comes up
            raise TilenestError(f"{model.source}: onnx's evaluator fails: {first_line(error)}") from error
        if not recorder.traces:
            raise TilenestError(
                f"{model.source}: no layer multiplies by weights, so there is nothing to put on arrays"
            )
        _check_answers(model, data, scores)
        return cls(model, data, recorder.traces, scores.shape[-1])

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that multiply by weights."""
        return tuple(dict.fromkeys(name for name, _ in self.traces))

    @property
    def digital(self) -> tuple[str, ...]:
        """Names of operators that multiply, but not by a matrix of weights, so that arrays have no part in them."""
        kinds = self.model.operators
        return tuple(name for name, kind in kinds.items() if kind in MULTIPLYING and name not in self.layers)

    @property
    def samples(self) -> int:
        """How many samples the network is asked about."""
        return len(self.data.x)

    @property
    def batch(self) -> int:
        """Samples that are computed together; all batches are alike."""
        largest: int = max(t.rows * max(t.weights.shape) * t.inputs.itemsize for t in self.traces.values())
        most = max(1, min(_MOST_SAMPLES, _PATCH_BYTES // largest))
        return math.ceil(self.samples / math.ceil(self.samples / most))

    def correct(
        self, products: Mapping[Part, Product], rng: np.random.Generator, reads: int = 1, recalibrate: bool = False
    ) -> int:
        """How many answers are right when some parts are computed in other ways.

        Args:
            products: by part; those that are not there are exact. What computes several groups is there by the first.
            rng: for what is drawn anew in every product.
            reads: how often every sample is computed; the answer is that of most of them.
            recalibrate: whether normalizations of batches take the moments that samples for calibration have here.
        """
        from sim.accuracy.operators import Moments, operators

        def multiply(part: Part, inputs: Array, weights: Array) -> Array:
            product = products.get(part)
            return np.asarray(inputs @ weights if product is None else product.product(_wide(inputs), rng))

        together = {name: p.groups for (name, first), p in products.items() if not first and isinstance(p, Packed)}
        model, rank, moments = self.model, self.data.y.ndim, Moments()
        if recalibrate:
            measuring = operators(multiply, model.constants, moments, measures=True, together=together)
            some = self.data.calibration[: self.batch]
            _scores(model, some, rank, len(some), measuring)
        using = operators(multiply, model.constants, moments if recalibrate else None, together=together)

        def answers() -> Array:
            return np.asarray(_scores(model, self.data.x, rank, self.batch, using).argmax(axis=-1))

        given = answers() if reads == 1 else _most([answers() for _ in range(reads)])
        return int((given == self.data.y).sum())


def _check_answers(model: TrainedModel, data: Dataset, scores: Array) -> None:
    """Whether scores and labels fit each other.

    Raises:
        TilenestError: when there is not a score for each class, or a label is of no class.
    """
    expected = (len(data.calibration), *data.y.shape[1:])
    if scores.shape[:-1] != expected:
        shape = list(scores.shape)
        raise TilenestError(
            f"{model.source}: the first output is {shape} for {len(data.calibration)} samples; a score for each "
            f"class is expected, {[*expected, 'classes']}"
        )
    if (most := int(data.y.max())) >= (classes := scores.shape[-1]):
        place = [int(i) for i in np.argwhere(data.y == most)[0]]
        raise TilenestError(
            f"{data.source}: the label at {place} is {most}, but {model.source} knows {classes} classes, "
            f"0 to {classes - 1}"
        )


class _Recorder:
    """Multiplies, and keeps what was multiplied."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.traces: dict[Part, Trace] = {}

    def __call__(self, part: Part, inputs: Array, weights: Array) -> Array:
        seen = self.traces.get(part)
        some = inputs[:: math.ceil(len(inputs) / _MOST_ROWS)]
        kept = some if seen is None else np.concatenate([seen.inputs, some])
        rows = seen.rows if seen else math.ceil(len(inputs) / self.batch)
        self.traces[part] = Trace(_wide(weights), _wide(kept), rows)
        return np.asarray(inputs @ weights)


def _wide(numbers: Array) -> Array:
    """Numbers in at least single precision: in half precision, sums of what arrays compute would overflow."""
    return numbers.astype(np.promote_types(numbers.dtype, np.float32), copy=False)


def _most(answers: list[Array]) -> Array:
    """For every sample the answer that was given most often; of several, the smallest."""
    classes = max(int(a.max()) for a in answers) + 1
    votes = sum((np.eye(classes, dtype=np.int16)[a] for a in answers), start=np.zeros(1, np.int16))
    return np.asarray(votes.argmax(axis=-1))


def _scores(model: TrainedModel, x: Array, rank: int, batch: int, operators: list[type[Any]]) -> Array:
    """The network's first output for all samples; the last batch is filled up with its last sample.

    Args:
        rank: axes before that of the classes; those behind it are left out where they are of one element.
    """
    evaluator = model.evaluator(operators, batch)
    out = []
    for start in range(0, len(x), batch):
        chosen = np.minimum(np.arange(start, start + batch), len(x) - 1)
        scores = evaluator.run(None, {model.input: model.feed(x[chosen])})[0]
        out.append(scores[: len(x) - start])
    whole = np.concatenate(out)
    return whole.reshape(whole.shape[: rank + 1]) if set(whole.shape[rank + 1 :]) == {1} else whole
