"""Operators for onnx's reference evaluator: products that go somewhere else, and poolings that do not take minutes.

The evaluator does what ONNX says of every operator, so no operator is written here that need not be. Three multiply
by weights: what they do is to find the matrix and the rows that it is multiplied with. Two are replaced because they
are slow: of 100 images [16, 24, 24], pooled 2 x 2, onnx 1.23 takes the largest in 1.5 s and the average in 11 s, the
ones below in about 2 ms.

This module imports onnx; import it where it is needed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from onnx.reference.op_run import OpRun
from onnx.reference.ops._op_list import load_op

from sim.accuracy.windows import Window, matrix_of, rows_of

Array = NDArray[Any]

Part = tuple[str, int]
"""A matrix of weights: the layer's name, and which of its groups."""

Moments = dict[str, tuple[Array, Array]]
"""Mean and variance of each channel, by the normalization of batches that takes them."""

Multiply = Callable[[Part, Array, Array], Array]
"""Computes inputs [B, K] times the weights [K, M] of a part, in its own way."""


def operators(
    multiply: Multiply,
    constants: frozenset[str],
    moments: Moments | None = None,
    measures: bool = False,
    together: Mapping[str, int] = MappingProxyType({}),
) -> list[type[Any]]:
    """Classes for `ReferenceEvaluator(new_ops=...)`.

    Args:
        multiply: called for every product with weights.
        constants: tensors that do not depend on the network's input; a product of two that do is no product with
            weights, and is computed as it is.
        moments: for normalizations of batches, instead of those that the network holds.
        measures: whether such normalizations take the moments of what they see, and put them there.
        together: how many groups of a layer are multiplied at once, side by side; one, where it is not there.
    """
    bound = {"multiply": staticmethod(multiply), "constants": constants, "together": together}
    products = [type(kind.__name__, (kind,), bound) for kind in (Conv, Gemm, MatMul)]
    if moments is None:
        return [*products, MaxPool, AveragePool]
    held = {"moments": moments, "measures": measures}
    return [*products, MaxPool, AveragePool, type("BatchNormalization", (BatchNormalization,), held)]


class _Product(OpRun):  # type: ignore[misc]  # onnx has no types
    """An operator that multiplies by weights, if an operand is constant."""

    op_domain = ""
    constants: ClassVar[frozenset[str]]
    together: ClassVar[Mapping[str, int]]

    @staticmethod
    def multiply(part: Part, inputs: Array, weights: Array) -> Array:
        """Where products with weights go."""
        raise NotImplementedError

    def _product(self, a: Array, b: Array) -> Array:
        """``a @ b``, of which one may be a matrix of weights."""
        name = self.onnx_node.name
        first, second = (tensor in self.constants for tensor in self.onnx_node.input[:2])
        if b.ndim == 2 and second and not first:
            rows = self.multiply((name, 0), a.reshape(-1, a.shape[-1]), b)
            return rows.reshape(*a.shape[:-1], b.shape[1])
        if a.ndim == 2 and b.ndim > 1 and first and not second:
            columns = b.swapaxes(-1, -2)
            rows = self.multiply((name, 0), columns.reshape(-1, columns.shape[-1]), a.T)
            return rows.reshape(*columns.shape[:-1], len(a)).swapaxes(-1, -2)
        return np.asarray(a @ b)


class MatMul(_Product):
    """A product of matrices."""

    def _run(self, a: Array, b: Array) -> tuple[Array]:
        return (self._product(a, b).astype(a.dtype, copy=False),)


class Gemm(_Product):
    """A product of matrices, and a bias."""

    def _run(
        self,
        a: Array,
        b: Array,
        c: Array | None = None,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        transA: int = 0,
        transB: int = 0,
        broadcast: int = 0,  # before operator set 7: whether c may be smaller
    ) -> tuple[Array]:
        y = self._product(a.T if transA else a, b.T if transB else b)
        y = y if alpha == 1 else alpha * y
        if c is not None:
            y = y + (c if beta == 1 else beta * c)
        return (y.astype(a.dtype, copy=False),)


class Conv(_Product):
    """A convolution, as one product with all windows for each group."""

    def _run(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        *,
        auto_pad: str | None = None,
        dilations: list[int] | None = None,
        group: int | None = None,
        kernel_shape: list[int] | None = None,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
    ) -> tuple[Array]:
        window = Window.of(
            x.shape[2:], w.shape[2:], strides=strides, dilations=dilations, pads=pads, auto_pad=auto_pad
        )
        windows = window.over(window.padded(x))
        depth, space = w.shape[1], windows.shape[2 : x.ndim]
        matrices, size = np.split(w, group or 1), self.together.get(self.onnx_node.name, 1)
        parts = [
            self._groups(first, windows[:, first * depth : (first + size) * depth], matrices[first : first + size])
            for first in range(0, len(matrices), size)
        ]
        y = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        y = y if b is None else y + b
        return (np.moveaxis(y.reshape(len(x), *space, len(w)), -1, 1).astype(x.dtype, copy=False),)

    def _groups(self, first: int, windows: Array, weights: list[Array]) -> Array:
        """Products of one group, or side by side of several that something computes at once."""
        if len(weights) > 1:
            rows = np.concatenate([rows_of(part) for part in np.split(windows, len(weights), axis=1)], axis=1)
        else:
            rows = rows_of(windows)
        matrix = matrix_of(weights[0])
        if self.onnx_node.input[1] not in self.constants:
            return np.asarray(rows @ matrix)
        return self.multiply((self.onnx_node.name, first), rows, matrix)


class _Pool(OpRun):  # type: ignore[misc]  # onnx has no types
    """A pooling; what is rare is left to onnx."""

    op_domain = ""

    def _theirs(self, x: Array) -> tuple[Array, ...]:
        kind = load_op("", self.onnx_node.op_type, self.run_params["opsets"][""])
        out: tuple[Array, ...] = kind(self.onnx_node, self.run_params).run(x)
        return out


class MaxPool(_Pool):
    """The largest value of every window."""

    def _run(
        self, x: Array, *, ceil_mode: int | None = None, storage_order: int | None = None, **attributes: Any
    ) -> tuple[Array, ...]:
        if ceil_mode or len(self.onnx_node.output) > 1 or x.dtype.kind != "f":
            return self._theirs(x)
        return (_folded(_window(x, attributes), x, np.maximum, -np.inf),)


class AveragePool(_Pool):
    """The mean of every window."""

    def _run(
        self, x: Array, *, ceil_mode: int | None = None, count_include_pad: int | None = None, **attributes: Any
    ) -> tuple[Array, ...]:
        if ceil_mode:
            return self._theirs(x)
        window = _window(x, attributes)
        total = _folded(window, x, np.add, 0)
        ones = np.ones((1, 1, *x.shape[2:]), x.dtype)
        inside = math.prod(window.size) if count_include_pad else _folded(window, ones, np.add, 0)
        return ((total / inside).astype(x.dtype, copy=False),)


class BatchNormalization(OpRun):  # type: ignore[misc]  # onnx has no types
    """A normalization of batches whose moments may have been measured anew."""

    op_domain = ""
    moments: ClassVar[Moments]
    measures: ClassVar[bool]

    def _run(
        self, x: Array, scale: Array, bias: Array, mean: Array, variance: Array, *, epsilon: float, **rest: Any
    ) -> tuple[Array]:
        name, others = self.onnx_node.name, (0, *range(2, x.ndim))
        if self.measures:
            self.moments[name] = x.mean(axis=others), x.var(axis=others)
        mean, variance = self.moments.get(name, (mean, variance))
        factor = scale / np.sqrt(variance + epsilon)
        each = (-1, *[1] * (x.ndim - 2))
        y = x * factor.reshape(each) + (bias - mean * factor).reshape(each)
        return (y.astype(x.dtype, copy=False),)


def _window(x: Array, attributes: dict[str, Any]) -> Window:
    size: list[int] = attributes.pop("kernel_shape")
    return Window.of(x.shape[2:], size, **attributes)


def _folded(window: Window, x: Array, fold: Callable[..., Array], around: float) -> Array:
    """What becomes of windows when their values are folded into one."""
    windows = window.over(window.padded(x, around))
    places: Iterator[Any] = itertools.product(*map(range, window.size))
    values = (windows[(..., *place)] for place in places)
    out: Array = next(values).copy()
    for value in values:
        fold(out, value, out=out)
    return out
