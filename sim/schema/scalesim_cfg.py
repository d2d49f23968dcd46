"""SCALE-Sim's configuration files (``scale.cfg``) as machines of class ``systolic``, by timing ``scalesim``.

A word is a byte, a kB is 1024 of them, and nothing is said of clock and technology: seconds are at 1 GHz, and nothing
costs energy. Format: `scale_config.py` of SCALE-Sim 3.0.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from sim.arch.systolic import SystolicMachine
from sim.arch.tree import ALL, Architecture, Compute, Fanout, Link, Memory, Node, Stationary, Systolic, Timing
from sim.errors import ConfigError, Problem, nearest

_WORD_BITS = 8
_KB_BITS = 8 * 1024
_MOST = 10**6  # rows, columns and kB
_LINE = re.compile(r"\s*([^:=\[\]#;]+?)\s*[:=]\s*(.*?)\s*$")
_SECTION = re.compile(r"\s*\[([^\]]*)\]\s*$")

_ROWS, _COLUMNS = "ArrayHeight", "ArrayWidth"
_SIZES = {"inputs": "IfmapSramSzkB", "weights": "FilterSramSzkB", "outputs": "OfmapSramSzkB"}
_MEMORIES = {"inputs": "ifmap_sram", "weights": "filter_sram", "outputs": "ofmap_sram"}
_PRESETS = "architecture_presets"
_KNOWN = (_ROWS, _COLUMNS, *_SIZES.values(), "Dataflow", "Bandwidth", "InterfaceBandwidth", "run_name", "timing")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A value and where it stands."""

    value: str
    section: str
    at: Problem

    def problem(self, message: str, expected: str = "", hint: str = "") -> Problem:
        """A mistake in it."""
        return Problem(message, self.at.file, self.at.line, self.at.column, self.at.text, expected, hint)


def read_cfg(path: Path, sets: Sequence[str] = ()) -> Architecture:
    """The machine that a configuration file describes.

    Args:
        sets: overrides such as ``ArrayHeight=64``; ``timing=tilenest`` makes it an ordinary systolic array.

    Raises:
        ConfigError: with all mistakes.
    """
    reader = _Reader(path, sets)
    arch = reader.machine()
    if reader.problems or arch is None:
        raise ConfigError(reader.problems)
    SystolicMachine.of(arch)
    return arch


class _Reader:
    def __init__(self, path: Path, sets: Sequence[str]) -> None:
        self.path, self.problems = path, list[Problem]()
        self.entries = dict(self._parsed(path.read_text(encoding="utf-8", errors="replace")))
        self._override(sets)

    def _parsed(self, text: str) -> Iterator[tuple[str, _Entry]]:
        section = ""
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.lstrip()[0] in "#;":
                continue
            at = Problem("", str(self.path), number, len(line) - len(line.lstrip()) + 1, line)
            if found := _SECTION.match(line):
                section = found[1].strip().lower()
            elif found := _LINE.match(line):
                placed = Problem("", str(self.path), number, found.start(2) + 1, line)
                yield self._key(found[1]), _Entry(found[2], section, placed)
            else:
                entry = _Entry(line, section, at)
                self.problems.append(
                    entry.problem("this is neither a section nor a value", "[section] or Name: value")
                )

    @staticmethod
    def _key(name: str) -> str:
        """Names do not mind case, and SCALE-Sim's first version left ``kB`` away."""
        key = name.strip().lower()
        return f"{key}kb" if key.endswith("sramsz") else key

    def _override(self, sets: Iterable[str]) -> None:
        for text in sets:
            name, equals, value = text.partition("=")
            value = value.strip()
            at = Problem("", f"--set {text}")
            key = self._key(name.rpartition(".")[2])
            if not equals or key not in map(str.lower, _KNOWN):
                hint = nearest(name, _KNOWN)
                self.problems.append(
                    Problem(f"unknown name '{name}'", at.file, expected=f"one of {', '.join(_KNOWN)}", hint=hint)
                )
            else:
                self.entries[key] = _Entry(value, _PRESETS, at)

    def machine(self) -> Architecture | None:
        """The machine; None if there are too many mistakes for one."""
        rows, columns = self._count(_ROWS), self._count(_COLUMNS)
        sizes = {role: self._count(name) for role, name in _SIZES.items()}
        dataflow, timing = self._choice("Dataflow", get_args(Stationary)), "scalesim"
        if "timing" in self.entries:
            timing = self._choice("timing", get_args(Timing)) or timing
        bandwidth = self._bandwidth()
        self._check_dense()
        if self.problems or not (rows and columns and dataflow):
            return None
        srams = tuple(
            Memory(_MEMORIES[role], (role,), (size or 0) * _KB_BITS, _WORD_BITS, buffering="double")
            for role, size in sizes.items()
        )
        nodes: tuple[Node, ...] = (
            Memory("dram", (ALL,), math.inf, _WORD_BITS, bandwidth=bandwidth),
            *srams,
            Fanout("array", columns, rows, (Link(ALL, neighbour=True),)),
            Compute("mac", bits=_WORD_BITS),
        )
        name = self.entries.get("run_name")
        return Architecture(
            name.value.strip("\"'") if name and name.value else self.path.stem,
            nodes,
            "systolic",
            summary=f"{rows} x {columns} PEs, from SCALE-Sim's {self.path.name}",
            source=f"{self.path}, a configuration of SCALE-Sim",
            systolic=Systolic(dataflow, timing),  # type: ignore[arg-type]
        )

    def _entry(self, name: str) -> _Entry | None:
        entry = self.entries.get(name.lower())
        if entry is None:
            near = nearest(name.lower(), (k for k in self.entries if k not in map(str.lower, _KNOWN)))
            missing = f"{name} is missing from section [{_PRESETS}]"
            self.problems.append(
                Problem(
                    missing, str(self.path), expected=f"e.g. {name}: 32", hint=near.replace("did you mean", "is it")
                )
            )
        return entry

    def _count(self, name: str) -> int | None:
        entry = self._entry(name)
        if entry is None:
            return None
        if entry.value.isdecimal() and 1 <= int(entry.value) <= _MOST:
            return int(entry.value)
        self.problems.append(entry.problem(f"{name} is '{entry.value}'", f"a whole number from 1 to {_MOST}"))
        return None

    def _choice(self, name: str, known: tuple[str, ...]) -> str | None:
        entry = self._entry(name)
        if entry is None or entry.value in known:
            return entry.value if entry else None
        expected = f"one of {', '.join(known)}"
        self.problems.append(
            entry.problem(f"{name} is '{entry.value}'", expected, nearest(entry.value.lower(), known))
        )
        return None

    def _bandwidth(self) -> float:
        """Bits per cycle between DRAM and the chip; unlimited where it is to be calculated."""
        mode = self.entries.get("interfacebandwidth")
        if mode is None or mode.value == "CALC":
            return math.inf
        if mode.value != "USER":
            hint = nearest(mode.value.upper(), ("CALC", "USER"))
            self.problems.append(mode.problem(f"InterfaceBandwidth is '{mode.value}'", "CALC or USER", hint))
            return math.inf
        entry = self._entry("Bandwidth")
        words = entry.value.partition(",")[0].strip() if entry else ""
        if entry and not (words.isdecimal() and int(words)):
            self.problems.append(
                entry.problem(f"Bandwidth is '{entry.value}'", "words a cycle, a whole number from 1")
            )
        return int(words) * _WORD_BITS if words.isdecimal() and int(words) else math.inf

    def _check_dense(self) -> None:
        entry = self.entries.get("sparsitysupport")
        if entry is not None and entry.value.lower() == "true":
            self.problems.append(entry.problem("sparse weights are not supported on systolic arrays yet", "false"))
