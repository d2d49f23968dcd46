"""A sliding window over the rows and columns of a feature map, as convolutions and pools have it."""

from __future__ import annotations

from dataclasses import dataclass

from sim.workload.layer import LayerError, Rank

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


def pair(value: int | Pair) -> Pair:
    """One number for both axes, or (rows, columns).

    >>> pair(3), pair((1, 3))
    ((3, 3), (1, 3))
    """
    return (value, value) if isinstance(value, int) else value


@dataclass(frozen=True, slots=True)
class Window:
    """Kernel, stride and dilation as (rows, columns), padding as (top, left, bottom, right).

    Raises:
        LayerError: for a kernel, stride or dilation below 1, or a negative padding.

    >>> Window.of(3, stride=2, padding=1).output((224, 224))
    (112, 112)
    """

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Pads = (0, 0, 0, 0)

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "dilation"):
            value: Pair = getattr(self, name)
            if min(value) < 1:
                raise LayerError(f"{name} {_by(value)}: it must be at least 1")
        if min(self.padding) < 0:
            raise LayerError(f"padding {self.padding}: it must not be negative")

    @classmethod
    def of(
        cls, kernel: int | Pair, stride: int | Pair = 1, padding: int | Pair | Pads = 0, dilation: int | Pair = 1
    ) -> Window:
        """A window from the short forms people write: one number for all sides, or one for each axis."""
        if isinstance(padding, int) or len(padding) == 2:
            rows, columns = pair(padding)
            padding = (rows, columns, rows, columns)
        return cls(pair(kernel), pair(stride), pair(dilation), padding)

    @classmethod
    def same(
        cls, size: Pair, kernel: int | Pair, stride: int | Pair = 1, dilation: int | Pair = 1, *, lower: bool = False
    ) -> Window:
        """A window padded so that the output has ``ceil(size / stride)`` rows and columns.

        An odd word of padding goes below and right, or above and left if `lower` (ONNX ``SAME_UPPER``,
        ``SAME_LOWER``).
        """
        bare = cls(pair(kernel), pair(stride), pair(dilation))
        total = [
            max(0, (-(-length // step) - 1) * step + reach - length)
            for length, step, reach in zip(size, bare.stride, bare.reach, strict=True)
        ]
        small, large = (total[0] // 2, total[1] // 2), (-(-total[0] // 2), -(-total[1] // 2))
        before, after = (large, small) if lower else (small, large)
        return cls(bare.kernel, bare.stride, bare.dilation, (*before, *after))

    @property
    def reach(self) -> Pair:
        """Rows and columns from the first to the last word under the (dilated) kernel."""
        (r, s), (down, right) = self.kernel, self.dilation
        return down * (r - 1) + 1, right * (s - 1) + 1

    @property
    def words(self) -> int:
        """Words under the window."""
        return self.kernel[0] * self.kernel[1]

    def output(self, size: Pair, *, ceil: bool = False) -> Pair:
        """Rows and columns of places for the window on a feature map of this size.

        With `ceil` a last window that is only partly covered counts too, if it starts on the map or its leading
        padding (the ``ceil_mode`` of PyTorch and ONNX).

        Raises:
            LayerError: when the window is larger than the padded map.
        """
        return self._places(size, 0, ceil), self._places(size, 1, ceil)

    def _places(self, size: Pair, axis: int, ceil: bool) -> int:
        step, before = self.stride[axis], self.padding[axis]
        room = size[axis] + before + self.padding[axis + 2] - self.reach[axis]
        if room < 0:
            padded = (size[0] + self.padding[0] + self.padding[2], size[1] + self.padding[1] + self.padding[3])
            raise LayerError(
                f"the kernel spans {_by(self.reach)} words, more than the {_by(padded)} of the padded input"
            )
        places = room // step + 1
        if ceil and room % step and places * step < size[axis] + before:
            places += 1
        return places

    def scattered(self, size: Pair, extra: Pair = (0, 0)) -> Pair:
        """Rows and columns that a transposed convolution makes from a map of this size.

        Raises:
            LayerError: when the padding takes all of them away.
        """
        rows, columns = (
            (size[i] - 1) * self.stride[i] + self.reach[i] - self.padding[i] - self.padding[i + 2] + extra[i]
            for i in (0, 1)
        )
        if min(rows, columns) < 1:
            raise LayerError(f"an output of {_by((rows, columns))} words is left after padding")
        return rows, columns

    def ranks(self, places: tuple[str, str], kernel: tuple[str, str], size: Pair) -> tuple[Rank, Rank]:
        """The ranks ``stride * place + dilation * kernel - padding`` of a feature map of this size."""
        rows, columns = (
            Rank(((places[i], self.stride[i]), (kernel[i], self.dilation[i])), -self.padding[i], size[i])
            for i in (0, 1)
        )
        return rows, columns


def _by(size: Pair) -> str:
    return f"{size[0]}x{size[1]}"
