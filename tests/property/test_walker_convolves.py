"""Does the walk through a nest give what a convolution is by everybody else's definition, with NumPy?"""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.reference.walk import operands, walk
from sim.workload.build import NetworkBuilder
from sim.workload.layer import Layer, LayerError
from sim.workload.window import Window
from tests.strategies import machines, nests

Floats = NDArray[np.float64]

pairs = st.tuples(st.integers(1, 3), st.integers(1, 2))


def array(layer: Layer, name: str, shape: tuple[int, ...]) -> Floats:
    """The operand on which the walk works; words that no one reads are zero."""
    out = np.zeros(shape)
    for word, value in operands(layer, seed=0)[name].items():
        out[word] = value
    return out


def convolved(x: Floats, w: Floats, window: Window) -> Floats:
    """x[n, g, c, h, w] with w[g, m, c, r, s]."""
    top, left, bottom, right = window.padding
    x = np.pad(x, ((0, 0), (0, 0), (0, 0), (top, bottom), (left, right)))
    n, groups, _, height, width = x.shape
    (r, s), (u, v), (d, e) = window.kernel, window.stride, window.dilation
    rows, columns = (height - d * (r - 1) - 1) // u + 1, (width - e * (s - 1) - 1) // v + 1
    out = np.zeros((n, groups, w.shape[1], rows, columns))
    for p in range(rows):
        for q in range(columns):
            seen = x[:, :, :, u * p : u * p + d * r : d, v * q : v * q + e * s : e]
            out[..., p, q] = np.einsum("ngcrs,gmcrs->ngm", seen, w)
    return out


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_convolution(data: st.DataObject) -> None:
    n, groups, c, m = (data.draw(st.integers(1, 2)) for _ in range(4))
    size = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 4)))
    padding = data.draw(st.tuples(*[st.integers(0, 1)] * 4))
    window = Window(data.draw(pairs), data.draw(pairs), data.draw(pairs), padding)
    reach = [d * (k - 1) + 1 for d, k in zip(window.dilation, window.kernel, strict=True)]
    assume(size[0] + padding[0] + padding[2] >= reach[0] and size[1] + padding[1] + padding[3] >= reach[1])
    builder = NetworkBuilder("net", batch=n)
    try:
        builder.conv("conv", builder.input(groups * c, *size), groups * m, window, groups=groups)
    except LayerError:  # a window that only ever covers padding is no layer
        reject()
    (layer,) = builder.network().mac_layers
    arch = data.draw(machines())
    seen = walk(layer, arch, data.draw(nests(layer, arch)), seed=0)
    grouped = (groups,) if groups > 1 else ()
    x = array(layer, "inputs", (n, *grouped, c, *size)).reshape(n, groups, c, *size)
    w = array(layer, "weights", (*grouped, m, c, *window.kernel)).reshape(groups, m, c, *window.kernel)
    wanted = convolved(x, w, window)
    np.testing.assert_array_equal(seen.output.reshape(wanted.shape), wanted)
