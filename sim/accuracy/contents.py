"""What words hold: how many are zero, and how much of the others is set; cells and DACs are paid by that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.accuracy.task import Task, Trace
from sim.arch.crossbar import Crossbar
from sim.workload.layer import Layer, Tensor
from sim.workload.network import AnyLayer, Network

_ROWS = 512
"""So many of a layer's inputs are looked at."""


def with_contents(network: Network, task: Task, xbar: Crossbar) -> Network:
    """A network whose layers know what their weights hold, and what inputs they get from samples for calibration.

    See `sim.workload.layer.Tensor`: `density` and `ones`, as numbers are coded for these arrays. Zeros of padding
    count as inputs. Layers whose weights are not on arrays stay as they are.
    """
    traces = {name: trace for (name, group), trace in task.traces.items() if group == 0}
    return replace(network, layers=tuple(_known(layer, traces.get(layer.name), xbar) for layer in network.layers))


def _known(layer: AnyLayer, trace: Trace | None, xbar: Crossbar) -> AnyLayer:
    """A layer with what is known of its tensors; of several groups, the first stands for all."""
    if trace is None or not isinstance(layer, Layer):
        return layer
    held = {"inputs": inputs_hold(trace, xbar), "weights": weights_hold(trace, xbar)}

    def known(tensor: Tensor) -> Tensor:
        if tensor.role not in held:
            return tensor
        density, ones = held[tensor.role]
        return replace(tensor, density=density, ones=ones)

    return replace(layer, tensors=tuple(map(known, layer.tensors)))


def inputs_hold(trace: Trace, xbar: Crossbar) -> tuple[float, float]:
    """Share of inputs that are not zero, and mean share of a step's largest digit over the steps of one that is not.

    The last step may have fewer bits than the others, and a smaller largest digit.
    """
    from sim.nonideal.array import vector_peaks
    from sim.nonideal.digits import input_code

    rows = trace.inputs[:: -(-len(trace.inputs) // _ROWS)]
    if xbar.input_scale == "vector":
        rows = rows / vector_peaks(rows)
    code = input_code(xbar, float(np.abs(rows).max()), bool((rows < 0).any()))
    numbers = code.numbers(rows)
    there = numbers != 0
    if not there.any():
        return _density(there), 0.0
    means = [np.abs(digits[there]).mean() for _, digits in code.pulses(numbers)]
    largest = [2**bits - 1 for bits in xbar.step_widths]
    return _density(there), float(np.divide(means, largest).mean())


def weights_hold(trace: Trace, xbar: Crossbar) -> tuple[float, float]:
    """Share of weights that are not zero, and mean share of the largest digit over the cells of one that is not."""
    from sim.nonideal.digits import weight_code

    code = weight_code(xbar, float(np.abs(trace.weights).max()))
    there = np.rint(trace.weights / code.scale * (1 if xbar.cell.bits else 2**xbar.weight_bits)) != 0
    digits = code.digits(trace.weights).sum(axis=0).mean(axis=0)
    return _density(there), float(digits[there].mean() / code.largest) if there.any() else 0.0


def _density(there: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    """The share of what is there; never nothing, which a layer does not know."""
    return max(float(there.mean()), 1 / there.size)
