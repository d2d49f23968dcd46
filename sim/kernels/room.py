"""Arrays that kernels make. Numba compiles NumPy's own functions anew for every type of shape; these, once."""

from __future__ import annotations

import numpy as np

from sim.kernels.cost import Floats
from sim.kernels.jit import maker
from sim.kernels.layout import Ints


@maker
def floats1(n: int) -> Floats:
    """An array whose content is not set."""
    return np.empty(n)


@maker
def floats2(n: int, m: int) -> Floats:
    """The same with two axes."""
    return np.empty((n, m))


@maker
def floats3(n: int, m: int, k: int) -> Floats:
    """The same with three."""
    return np.empty((n, m, k))


@maker
def floats4(n: int, m: int, k: int, j: int) -> Floats:
    """The same with four."""
    return np.empty((n, m, k, j))


@maker
def zeros1(n: int) -> Floats:
    """Zeros."""
    out = np.empty(n)
    out[:] = 0.0
    return out


@maker
def zeros2(n: int, m: int) -> Floats:
    """The same with two axes."""
    out = np.empty((n, m))
    out[:, :] = 0.0
    return out


@maker
def zeros3(n: int, m: int, k: int) -> Floats:
    """The same with three."""
    out = np.empty((n, m, k))
    out[:, :, :] = 0.0
    return out


@maker
def ints1(n: int, value: int) -> Ints:
    """An array that is filled with a number."""
    out = np.empty(n, np.int64)
    out[:] = value
    return out


@maker
def ints2(n: int, m: int, value: int) -> Ints:
    """The same with two axes."""
    out = np.empty((n, m), np.int64)
    out[:, :] = value
    return out


@maker
def ints3(n: int, m: int, k: int, value: int) -> Ints:
    """The same with three."""
    out = np.empty((n, m, k), np.int64)
    out[:, :, :] = value
    return out
