"""The windows of convolutions and poolings of any rank, as views of one array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Window:
    """How a window moves over an image, as ONNX says it.

    Attributes:
        size, strides, dilations: one number for each axis of the image.
        pads: what is put before and behind every axis.

    >>> Window.of((28, 28), (5, 5), strides=[2, 2], auto_pad="SAME_UPPER").pads
    ((1, 2), (1, 2))
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]

    @classmethod
    def of(
        cls,
        image: Sequence[int],
        size: Sequence[int],
        *,
        strides: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        auto_pad: str | None = None,
    ) -> Window:
        """The window that an operator's attributes describe, over images of this shape."""
        rank = len(size)
        strides, dilations = tuple(strides or (1,) * rank), tuple(dilations or (1,) * rank)
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            needed = [
                max((math.ceil(n / u) - 1) * u + (k - 1) * d + 1 - n, 0)
                for n, k, u, d in zip(image, size, strides, dilations, strict=True)
            ]
            halves = [(n // 2, n - n // 2) for n in needed]
            around = tuple(half if auto_pad == "SAME_UPPER" else half[::-1] for half in halves)
        else:
            pads = pads or (0,) * 2 * rank  # VALID, and NOTSET without pads
            around = tuple(zip(pads[:rank], pads[rank:], strict=True))
        return cls(tuple(size), strides, dilations, around)

    def padded(self, x: Array, value: float = 0.0) -> Array:
        """Images [N, C, ...] with what is put around them."""
        if not any(map(any, self.pads)):
            return x
        return np.pad(x, ((0, 0), (0, 0), *self.pads), constant_values=value)

    def over(self, padded: Array) -> Array:
        """All windows of padded images: [N, C, P, Q, ..., R, S, ...], a view."""
        spans = [(k - 1) * d + 1 for k, d in zip(self.size, self.dilations, strict=True)]
        axes = tuple(range(2, padded.ndim))
        every = np.lib.stride_tricks.sliding_window_view(padded, spans, axes)
        steps = [slice(None, None, step) for step in (*self.strides, *self.dilations)]
        return every[(slice(None), slice(None), *steps)]


def rows_of(windows: Array) -> Array:
    """Windows [N, C, P..., R...] as the rows of a matrix, [N * P * ..., R * ... * C]: what is multiplied at once.

    Channels come last, as the outputs of such products lie in memory: then it is long runs that are copied.
    """
    rank = (windows.ndim - 2) // 2
    order = (0, *range(2, windows.ndim), 1)
    depth = windows.shape[1] * math.prod(windows.shape[2 + rank :])
    return windows.transpose(order).reshape(-1, depth)


def matrix_of(weights: Array) -> Array:
    """The weights [M, C, R...] of a convolution as the matrix [R * ... * C, M] that such rows are multiplied by."""
    return np.moveaxis(weights, 1, -1).reshape(len(weights), -1).T
