"""A trained network: an ONNX model with its weights, run by onnx's reference evaluator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.accuracy.data import Dataset
from sim.arch.library import find, names
from sim.errors import TilenestError
from sim.workload.importers.onnx_file import first_line, names_of, open_model, rebatch

Array = NDArray[Any]

_RANGE = "input_range"
"""A property of our models' metadata: from where to where a sample's numbers go."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A network that can be asked.

    Attributes:
        source: the file.
        proto: the ``ModelProto``, every operator with a name of its own.
        input: name of the only input that is not constant.
        shape: its shape with the batch first, None for what is open.
        dtype: what it takes.
        constants: tensors that do not depend on the input.
        range: from where to where a sample's numbers go, if the model says so.
        digest: a hash of the whole model.
    """

    name: str
    source: str
    proto: Any
    input: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    constants: frozenset[str]
    range: tuple[float, float] | None
    digest: str

    @property
    def operators(self) -> Mapping[str, str]:
        """Kinds of the operators, by name."""
        return {node.name: node.op_type for node in self.proto.graph.node}

    def feed(self, x: Array) -> Array:
        """Samples as the model takes them; bytes stand for numbers from 0 to 1."""
        if x.dtype == np.uint8 and self.dtype.kind == "f":
            return np.divide(x, 255, dtype=self.dtype)
        return x.astype(self.dtype, copy=False)

    def evaluator(self, operators: list[type[Any]], batch: int) -> Any:
        """What runs the model on so many samples at a time, with some operators replaced.

        Raises:
            TilenestError: for an operator that neither has.
        """
        from onnx import ModelProto
        from onnx.reference import ReferenceEvaluator

        proto = self.proto
        if self.shape[0] not in (None, batch):
            proto = ModelProto()
            proto.CopyFrom(self.proto)
            rebatch(proto.graph, [i for i in proto.graph.input if i.name == self.input], batch)
        try:
            return ReferenceEvaluator(proto, new_ops=operators)
        except Exception as error:  # onnx raises whatever comes up
            named = self._unknown(operators)
            raise TilenestError(f"{self.source}: onnx's evaluator cannot run {named}: {first_line(error)}") from None

    def check(self, data: Dataset) -> None:
        """Whether the data can be given to the model.

        Raises:
            TilenestError: when shapes or ranges differ.
        """
        wanted, given = self.shape[1:], data.x.shape[1:]
        fits = len(wanted) == len(given) and all(w in (None, g) for w, g in zip(wanted, given, strict=False))
        if not fits:
            shape = str([n or "?" for n in wanted]).replace("'", "")
            raise TilenestError(
                f"{data.source}: samples are {list(given)}, but input '{self.input}' of {self.source} takes {shape}"
            )
        if self.range is None:
            return
        least, most = self.range
        for name, samples in (("x", data.x), ("calibration", data.calibration)):
            low, high = float(samples.min()), float(samples.max())
            if samples.dtype != np.uint8 and (low < least or high > most):
                raise TilenestError(
                    f"{data.source}: '{name}' goes from {low:g} to {high:g}, but input '{self.input}' of "
                    f"{self.source} takes numbers from {least:g} to {most:g}"
                )

    def _unknown(self, operators: list[type[Any]]) -> str:
        """The first operator that cannot be run, as a person finds it."""
        from onnx.reference import ReferenceEvaluator

        for node in self.proto.graph.node:
            try:
                ReferenceEvaluator(node, new_ops=operators)
            except Exception:  # as above
                return f"the operator {node.domain and node.domain + '.'}{node.op_type} '{node.name}'"
        return "it"


def read_trained(name_or_path: str | Path) -> TrainedModel:
    """The trained model in a file, or the shipped one of this name.

    Raises:
        TilenestError: when there is none, it is no valid model, or weights are missing or not finite.

    >>> read_trained("fashion_lenet").shape
    (None, 1, 28, 28)
    """
    path = _path_of(name_or_path)
    proto = open_model(path)
    from onnx import external_data_helper, helper, shape_inference

    try:
        external_data_helper.load_external_data_for_model(proto, str(path.parent))
    except Exception as error:  # checker errors, operating system errors: the file of weights is not there or damaged
        raise TilenestError(f"{path}: its weights cannot be read: {first_line(error)}") from None
    for name, node in names_of(proto.graph).items():
        node.name = name
    constants = _constants(proto.graph)
    _check_weights(proto.graph, path)
    inputs = [i for i in proto.graph.input if i.name not in constants]
    if len(inputs) != 1:
        named = ", ".join(i.name for i in inputs) or "none"
        raise TilenestError(f"{path}: accuracy needs a model with one input; this one has {len(inputs)}: {named}")
    kind = inputs[0].type.tensor_type
    if not kind.shape.dim:
        raise TilenestError(f"{path}: input '{inputs[0].name}' has no shape with a batch as the first axis")
    shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    said = next((p.value.split() for p in proto.metadata_props if p.key == _RANGE), None)
    limits = (float(said[0]), float(said[1])) if said else None
    digest = hashlib.sha256(proto.SerializeToString(deterministic=True)).hexdigest()
    inferred = shape_inference.infer_shapes(proto)  # some operators are functions whose form depends on types
    return TrainedModel(path.stem, str(path), inferred, inputs[0].name, shape, dtype, constants, limits, digest)


def _path_of(name_or_path: str | Path) -> Path:
    """The file of a model.

    Raises:
        TilenestError: when there is none, or what there is has no weights.
    """
    given = str(name_or_path)
    if given in names("workloads") or Path(given).suffix in (".yaml", ".csv"):
        ours = ", ".join(names("workloads/models"))
        raise TilenestError(f"{given} has shapes, but no weights: accuracy needs an ONNX model, or one of {ours}")
    return find("workloads/models", name_or_path)


def _constants(graph: Any) -> frozenset[str]:
    """Tensors that depend on no input: weights, and what is computed of them alone."""
    known = {i.name for i in graph.initializer} | {i.values.name for i in graph.sparse_initializer}
    for node in graph.node:
        chance = node.op_type.startswith("Random") or node.op_type in ("Bernoulli", "Multinomial")
        if not chance and known.issuperset(filter(None, node.input)):
            known.update(node.output)
    return frozenset(known)


def _check_weights(graph: Any, path: Path) -> None:
    from onnx import numpy_helper

    if not graph.initializer and not any(node.op_type == "Constant" for node in graph.node):
        inputs = ", ".join(i.name for i in graph.input)
        raise TilenestError(f"{path}: holds no weights, all its tensors are inputs ({inputs}) or computed of them")
    held = [(i.name, i) for i in graph.initializer]
    held += [
        (n.output[0], a.t) for n in graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"
    ]
    for name, tensor in held:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind != "f" or np.isfinite(values).all():
            continue
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise TilenestError(f"{path}: the weights '{name}' are {values[place]} at {list(place)}")
