"""Windows as ONNX writes them: attributes for one or two axes, explicit or automatic padding."""

from __future__ import annotations

from sim.workload.importers.onnx_file import Node
from sim.workload.value import Value
from sim.workload.window import Pair, Window


def axes(values: tuple[int, ...], fill: int) -> Pair:
    """Rows and columns; a signal of one axis has one row."""
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def plane(image: Value) -> Pair:
    """Rows and columns of a feature map."""
    return image.shape[2], image.shape[3]


def window_of(node: Node, kernel: tuple[int, ...], size: Pair) -> Window:
    """The window of a convolution or pool over a feature map of this size."""
    n = len(kernel)
    kernel_ = axes(kernel, 1)
    stride, dilation = axes(node.ints("strides", (1,) * n), 1), axes(node.ints("dilations", (1,) * n), 1)
    auto = node.text("auto_pad", "NOTSET")
    if auto.startswith("SAME"):
        return Window.same(size, kernel_, stride, dilation, lower=auto == "SAME_LOWER")
    pads = node.ints("pads", (0,) * (2 * n))
    return Window(kernel_, stride, dilation, (*axes(pads[:n], 0), *axes(pads[n:], 0)))
