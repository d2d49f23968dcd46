"""Do kernels, written for LLVM in a way of our own, compute what Python does?"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from sim.kernels.jit import IS_KNOWN, kernel, maker, part


@part
def _steps(n, step):
    out = 0
    for i in range(n, -n, -step):
        out += i * i if i > 0 else i
    for i in range(2, n):
        out -= i
    for _ in range(-n):
        out += 1000
    return out


@part
def _from_the_end(table, i):
    return table[i, -1] + table[-1, i] + table[i][i - 1]


@part
def _write(table, row, i):
    table[i, 1] = i > 0
    table[-1, -2] = 7
    row[i] = table[i, 1] + 1
    shape = table.shape
    return shape[0] * 100 + shape[1] * 10 + len(row)


@part
def _unpack(row):
    a, b, c = row
    return max(a, b) - min(b, c)


@part
def _compare(a, b):
    return (a < b) + 2 * (a <= b) + 4 * (a == b) + 8 * (a != b) + 16 * (a >= b) + 32 * (a > b)


@maker
def _doubled(row):
    out = np.empty(len(row))
    for i in range(len(row)):
        out[i] = 2.0 * row[i]
    return out


@part
def _late(n):
    found = 0
    for i in range(n):
        if i % 3 == 1:
            last = i
            found += last
        else:
            last = -i
            found -= last // 2
    return found


@kernel
def _all(table, row, i, n, a, b):
    made = _doubled(_doubled(row))
    written = _write(table, row, i)
    return _steps(n, 1) + _late(n), _from_the_end(table, i), written, made[i], _unpack(row), _compare(a, b)


def _plain(function: Callable[..., object]) -> Callable[..., object]:
    return getattr(function, "py_func", function)


@pytest.mark.parametrize("i", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2.0, 2.0), (float("nan"), 1.0)])
def test_kernels_compute_what_python_does(i: int, a: float, b: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def arguments() -> tuple[object, ...]:
        return np.arange(9).reshape(3, 3), np.array([3.0, 1.0, 4.0]), i, 7, a, b

    compiled, changed = arguments(), arguments()
    found = _all(*compiled)
    for name in ("_steps", "_from_the_end", "_write", "_unpack", "_compare", "_doubled", "_late"):
        monkeypatch.setitem(globals(), name, _plain(globals()[name]))
    assert found == _plain(_all)(*changed)
    for mine, own in zip(compiled[:2], changed[:2], strict=True):
        assert np.array_equal(mine, own)  # type: ignore[arg-type]


def test_what_a_part_raises_reaches_python() -> None:
    with pytest.raises(ValueError, match=r"^$"):
        _all(np.zeros((4, 4), np.int64), np.zeros(4), 0, 1, 0.0, 0.0)


@pytest.mark.skipif(not IS_KNOWN, reason="asks for what other versions of Numba do")
def test_other_versions_of_numba_do_without() -> None:
    code = """
import sys, numba
numba.version_info = numba.version_info._replace(short=(9, 9))
import sim.kernels.lean, test_lower
assert "sim.kernels.whole" not in sys.modules
import numpy as np
print(test_lower._all(np.arange(9).reshape(3, 3), np.array([3.0, 1.0, 4.0]), 1, 7, 1.0, 2.0)[1:3])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=os.path.dirname(__file__), capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(15, 333)\n"
