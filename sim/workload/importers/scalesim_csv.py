"""SCALE-Sim's topology files: a convolution or a matrix product a row, in CSV.

A row means what it means to SCALE-Sim (`topology_utils.py`, 3.0.0). An output has ``ceil((input - filter) / stride)
+ 1`` rows and columns, so that the last windows may hang over the edge, where there is nothing. Nothing is padded.
``DP`` in a name makes a convolution one of every channel for itself. A word is a byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.errors import ConfigError, Problem
from sim.workload.layer import Layer, Rank, Tensor
from sim.workload.network import Network

_BITS = 8
_CONVOLUTION = (
    "IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width", "Channels", "Num Filter", "Strides",
)  # fmt: skip
_PRODUCT = ("M", "N", "K")
_MOST = 10**9


@dataclass(frozen=True, slots=True)
class _Row:
    """A line, cut at its commas; `columns` says where in the line the cells begin."""

    number: int
    text: str
    cells: tuple[str, ...]
    columns: tuple[int, ...]
    file: str

    @property
    def name(self) -> str:
        """The layer's."""
        return self.cells[0]

    def problem(self, cell: int, message: str, expected: str = "") -> Problem:
        """A mistake in a cell."""
        column = self.columns[cell] if cell < len(self.columns) else len(self.text) + 1
        return Problem(
            f"row {self.number} ({self.name}): {message}", self.file, self.number, column, self.text, expected
        )


def import_scalesim(path: Path, batch: int | None = None) -> Network:
    """The network of a topology file.

    Args:
        batch: samples that are computed together, which SCALE-Sim itself does not know.

    Raises:
        ConfigError: with all mistakes, by row.
    """
    rows = list(_rows(path))
    if not rows:
        raise ConfigError(Problem("a topology has a line of headings and a row for each layer", str(path)))
    heading, *others = rows
    columns, problems = _columns_of(heading)
    if not others:
        problems.append(Problem("there is no layer", str(path), heading.number))
    layers, places, seen = [], [], Counter[str]()
    for row in others:
        found = list(_mistakes(row, columns))
        problems += found
        if not found:
            seen[row.name] += 1
            name = row.name if seen[row.name] == 1 else f"{row.name}.{seen[row.name]}"
            layers.append((_product if columns is _PRODUCT else _convolution)(name, row, batch or 1))
            places.append((name, f"{path}:{row.number}"))
    if problems:
        raise ConfigError(problems)
    about = f"{path}, a topology of SCALE-Sim"
    return Network(path.stem, tuple(layers), batch=batch or 1, source=about, places=tuple(places))


def _columns_of(heading: _Row) -> tuple[tuple[str, ...], list[Problem]]:
    """What the columns after the name are, and what is wrong with the headings.

    SCALE-Sim reads columns by their place, and is told on its command line whether they are those of products.
    """
    names = [cell.lower() for cell in heading.cells[1:]]
    if any(name.lstrip("-").isdecimal() for name in names):
        what = "the first line must be the headings"
    elif names[: len(_PRODUCT)] == [name.lower() for name in _PRODUCT]:
        return _PRODUCT, []
    elif len(names) >= len(_CONVOLUTION):
        return _CONVOLUTION, []
    else:
        what = "these are the headings neither of convolutions nor of products"
    expected = f"Layer name, {', '.join(_CONVOLUTION)}; or Layer, {', '.join(_PRODUCT)}"
    columns = _CONVOLUTION if len(names) > len(_PRODUCT) else _PRODUCT
    return columns, [Problem(what, heading.file, heading.number, 1, heading.text, expected)]


def _rows(path: Path) -> Iterator[_Row]:
    for number, text in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if not text.strip(" \t,"):
            continue
        columns, cells, at = [], [], 0
        for cell in text.split(","):
            columns.append(at + len(cell) - len(cell.lstrip()) + 1)
            cells.append(cell.strip())
            at += len(cell) + 1
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
        yield _Row(number, text, tuple(cells), tuple(columns[: len(cells)]), str(path))


def _mistakes(row: _Row, names: tuple[str, ...]) -> Iterator[Problem]:
    if not row.name:
        yield row.problem(0, "no name")
    numbers = dict(zip(names, row.cells[1:], strict=False))
    if missing := names[len(numbers) :]:
        yield row.problem(len(row.cells), f"no {', no '.join(missing)}", f"a name and {len(names)} numbers")
    for cell, (name, text) in enumerate(numbers.items(), start=1):
        if not _is_size(text):
            yield row.problem(cell, f"{name} is '{text}'", f"a whole number from 1 to {_MOST}")
    if names is not _CONVOLUTION:
        return
    more = row.cells[len(names) + 1 :]
    if more and not _is_more(more[0]):
        yield row.problem(len(names) + 1, f"'{more[0]}' after the strides", "a stride across, or a ratio such as 2:4")
    for size, kernel in zip(names[:2], names[2:4], strict=True):
        have, need = numbers.get(size, ""), numbers.get(kernel, "")
        if _is_size(have) and _is_size(need) and int(need) > int(have):
            what = f"{kernel} {need} is more than {size} {have}"
            expected = "a filter that fits into the input, as nothing is padded"
            yield row.problem(names.index(kernel) + 1, what, expected)


def _is_size(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= _MOST


def _is_more(text: str) -> bool:
    """A stride across, as SCALE-Sim writes it, or a ratio of weights that are not zero, which it reads there."""
    parts = text.split(":")
    return all(part.strip().isdecimal() and int(part) for part in parts) and len(parts) <= 2


def convolution(
    name: str,
    height: int,
    width: int,
    r: int,
    s: int,
    channels: int,
    filters: int,
    down: int,
    across: int,
    *,
    batch: int = 1,
    depthwise: bool = False,
) -> Layer:
    """A convolution as SCALE-Sim understands it: sizes of input and filter, and strides down and across.

    >>> convolution("conv1", 224, 224, 11, 11, 3, 96, 4, 4).sizes["P"]  # 54 and a quarter windows are 55
    55
    """
    p, q = (-(-(size - kernel) // stride) + 1 for size, kernel, stride in ((height, r, down), (width, s, across)))
    dims = {"N": batch, **({"G": channels} if depthwise else {}), "M": filters, "C": 1 if depthwise else channels}
    dims |= {"P": p, "Q": q, "R": r, "S": s}
    g = (Rank.of("G"),) if depthwise else ()
    window = (Rank((("P", down), ("R", 1)), extent=height), Rank((("Q", across), ("S", 1)), extent=width))
    tensors = (
        Tensor("inputs", "inputs", (Rank.of("N"), *g, Rank.of("C"), *window), _BITS),
        Tensor("weights", "weights", (*g, *map(Rank.of, "MCRS")), _BITS),
        Tensor("outputs", "outputs", (Rank.of("N"), *g, *map(Rank.of, "MPQ")), _BITS),
    )
    return Layer(name, "depthwise" if depthwise else "conv", tuple(dims.items()), tensors)


def _convolution(name: str, row: _Row, batch: int) -> Layer:
    height, width, r, s, channels, filters, down = map(int, row.cells[1:8])
    across = int(row.cells[8]) if len(row.cells) > 8 and ":" not in row.cells[8] else down
    depthwise = "DP" in row.name
    return convolution(name, height, width, r, s, channels, filters, down, across, batch=batch, depthwise=depthwise)


def _product(name: str, row: _Row, batch: int) -> Layer:
    m, n, k = map(int, row.cells[1:4])
    dims = {"B": batch, "M": m, "N": n, "K": k}
    return Layer.einsum(name, dims, "matmul", _BITS, inputs="B M K", weights="K N", outputs="B M N")
