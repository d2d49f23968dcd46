"""What every PE of a systolic array holds, cycle by cycle, as text and as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import Architecture
from sim.errors import TilenestError
from sim.reference.systolic import SCALESIM, simulate
from sim.reference.systolic_array import Flags, Matrix, Numbers, Rules, Run, Snapshot
from sim.workload.layer import Layer
from sim.workload.product import Product

SCHEMA = "tilenest-trace/1"

_MOST = 20_000_000  # PEs times cycles
_REGISTERS = {  # what goes right, stays, goes down, and is beside it
    "os": ("input", "sum", "weight", "finished sum"),
    "ws": ("input", "weight", "sum", "next weight"),
    "is": ("weight", "input", "sum", "next input"),
}


@dataclass(frozen=True, slots=True)
class Pe:
    """What a PE holds after a cycle, each by name: ``i2,7`` is the input of x = 2 and k = 7, ``w7,1`` the weight of
    k = 7 and n = 1; a sum is a number. None where it holds nothing.

    Attributes:
        right: goes right.
        stay: stays, and is in use.
        down: goes down.
        beside: is in the second register.
        busy: whether it multiplied.
    """

    right: str | int | None
    stay: str | int | None
    down: str | int | None
    beside: str | int | None
    busy: bool


@dataclass(frozen=True)
class Trace:
    """A run of the first product of a layer on an array.

    Attributes:
        registers: names of what goes right, stays, goes down, and is beside it.
        pes: [cycle][row][column].
    """

    arch: str
    layer: str
    machine: SystolicMachine
    sizes: tuple[int, int, int]
    run: Run
    registers: tuple[str, ...]
    pes: tuple[tuple[tuple[Pe, ...], ...], ...]

    def to_json(self, first: int, last: int) -> str:
        """As data; PEs that hold nothing are left out."""
        cycles = [
            {
                "cycle": t,
                "pes": [self._pe(r, c, pe) for r, row in enumerate(rows) for c, pe in enumerate(row) if _any(pe)],
            }
            for t, rows in enumerate(self.pes)
            if first <= t <= last
        ]
        x, n, k = self.sizes
        about = {
            "schema": SCHEMA,
            "arch": self.arch,
            "layer": self.layer,
            "dataflow": self.machine.settings.dataflow,
            "timing": self.machine.settings.timing,
            "rows": self.machine.array.y,
            "columns": self.machine.array.x,
            "sizes": {"x": x, "n": n, "k": k},
            "total_cycles": self.run.cycles,
            "product": self.run.product.tolist(),
            "cycles": cycles,
        }
        return json.dumps(about) + "\n"

    def _pe(self, row: int, column: int, pe: Pe) -> dict[str, Any]:
        words = zip(self.registers, _words(pe), strict=True)
        held = {name: word for name, word in words if word is not None}
        return {"row": row, "column": column, "busy": pe.busy, **held}

    def lines(self, first: int, last: int) -> Iterator[str]:
        """As text: a block of rows for each cycle; a PE shows what goes right, what stays and what goes down."""
        x, n, k = self.sizes
        right, stay, down, beside = self.registers
        yield (
            f"{self.layer} on {self.arch}: outputs[{x} x, {n} n] += inputs[x, {k} k] * weights[k, n], "
            f"{self.run.cycles} cycles"
        )
        yield f"a PE: {right}>{stay}v{down}+{beside}; i2,7 is the input of x 2 and k 7, w7,1 the weight of k 7, n 1"
        yield "* where it multiplied, - where it only holds or hands on, . where there is nothing."
        for t in range(max(0, first), min(last + 1, len(self.pes))):
            yield ""
            yield f"cycle {t}"
            cells = [[_cell(pe) for pe in row] for row in self.pes[t]]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            for row in cells:
                yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def trace(layer: Layer, arch: Architecture) -> Trace:
    """Run a layer register by register and note what PEs hold. Inputs and weights are numbered from 1 on.

    Raises:
        TilenestError: when it would take too long, or the array does not give the product.
    """
    machine, product = SystolicMachine.of(arch), Product.of(layer)
    if machine.count > 1:
        raise TilenestError(f"{arch.name} has {machine.count} arrays, and only one can be watched")
    x, n, k = product.sizes
    inputs, exists = _inputs(product)
    weights = np.arange(1, k * n + 1).reshape(k, n)
    rows, columns = machine.array.y, machine.array.x
    settings = machine.settings
    folds = {"os": (x, n, k), "ws": (k, n, x), "is": (k, x, n)}[settings.dataflow]
    places = k // product.side_by_side if settings.rows == "channels" else 1
    about = (
        -(-folds[0] // places // rows)
        * places
        * -(-folds[1] // columns)
        * (folds[2] + 2 * rows + columns)
        * rows
        * columns
    )
    if about > _MOST:
        raise TilenestError(
            f"layer {layer.name} is too large to watch on {arch.name}: about {about} PEs times cycles, and {_MOST} "
            "at most; tiny_gemm is a small one"
        )
    rules = SCALESIM if settings.timing == "scalesim" else Rules(settings.overlap, places=places)
    pes: list[tuple[tuple[Pe, ...], ...]] = []
    names = _REGISTERS[settings.dataflow]
    run = simulate(
        inputs,
        weights,
        (rows, columns),
        settings.dataflow,
        rules,
        exists,
        lambda snapshot: pes.append(_held(snapshot, names, k, n)),
    )
    if not np.array_equal(run.product, inputs @ weights):
        raise TilenestError(f"layer {layer.name} on {arch.name}: the array's product is wrong; this is a bug")
    return Trace(arch.name, layer.name, machine, (x, n, k), run, names, tuple(pes[: run.cycles]))


def _inputs(product: Product) -> tuple[Numbers, Flags]:
    """[x, k] numbered inputs, 0 for padding, and which are none."""
    x, _, k = product.sizes
    a = product.addresses()
    index = a.of_x[:, :, None] + a.of_k[:, None, :]
    exists = np.all((index >= 0) & (index < a.extents[:, None, None]), axis=0)
    return np.where(exists, np.arange(1, x * k + 1).reshape(x, k), 0), exists


def _held(snapshot: Snapshot, names: tuple[str, ...], k: int, n: int) -> tuple[tuple[Pe, ...], ...]:
    registers = snapshot.right, snapshot.stay, snapshot.down, snapshot.beside
    words = (_named(own, name.rpartition(" ")[2], k, n) for own, name in zip(registers, names, strict=True))
    rows = zip(*words, snapshot.busy.tolist(), strict=True)
    return tuple(tuple(Pe(*pe) for pe in zip(*row, strict=True)) for row in rows)


def _named(words: Matrix, name: str, k: int, n: int) -> list[list[str | int | None]]:
    """Numbers of words as the words that they stand for."""

    def named(number: int) -> str | int:
        if name == "sum":
            return number
        across, letter = (k, "i") if name == "input" else (n, "w")
        return f"{letter}{(number - 1) // across},{(number - 1) % across}" if number else "0"

    rows = zip(words[0].tolist(), words[1].tolist(), strict=True)
    return [[named(v) if there else None for v, there in zip(*row, strict=True)] for row in rows]


def _any(pe: Pe) -> bool:
    return any(word is not None for word in _words(pe))


def _words(pe: Pe) -> tuple[str | int | None, ...]:
    return pe.right, pe.stay, pe.down, pe.beside


def _cell(pe: Pe) -> str:
    if not _any(pe):
        return "."
    marks = ("", ">", "v", "+")
    words = zip(marks, _words(pe), strict=True)
    return ("*" if pe.busy else "-") + "".join(f"{mark}{word}" for mark, word in words if word is not None)
