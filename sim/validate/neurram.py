"""NeuRRAM (Wan et al., Nature 608, 2022): speed and efficiency by the bits of inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sim.engines.crossbar_peak import Peak, peak
from sim.schema import yaml12
from sim.schema.architecture import read_architecture
from sim.validate.row import Row

_TERA, _FEMTO = 1e12, 1e-15


@cache
def published() -> dict[str, Any]:
    """What the paper says; see ``data/neurram.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "neurram.yaml").plain()
    return data


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    data = published()
    for outputs, inputs, phases, tops, _ in data["rows"]:
        yield _row("TOPS", (outputs, inputs, phases), tops, at(outputs, inputs, phases).ops / _TERA)
    for outputs, inputs, phases, _, efficiency in data["rows"]:
        found = at(outputs, inputs, phases).ops_per_watt / _TERA
        yield _row("TOPS/W", (outputs, inputs, phases), efficiency, found)
    for *bits, energy_fj in data["word_lines"]:
        most = at(*bits)
        yield _row("fJ", tuple(bits), energy_fj, most.watts["wordlines"] / most.ops / _FEMTO, "word lines, ")
    progress("neurram")


def _row(unit: str, bits: tuple[int, ...], value: float, found: float, what: str = "") -> Row:
    data, (outputs, inputs, phases) = published(), bits
    what += f"{inputs} bit in, {outputs} bit out{', two phases' if phases > 1 else ''}"
    note = data["notes"].get(unit, {}).get(str(outputs), "") if phases == 1 else ""
    return Row(data["paper"], data["where"][unit], what, value, found, unit, data["tolerance"], note)


def at(outputs: int, inputs: int, phases: int) -> Peak:
    """The chip at its best with so many bits; an input of more than one has a sign."""
    magnitude = max(1, inputs - 1)
    one = phases == 1 or magnitude <= published()["most_in_a_phase"]
    phase = magnitude if one else -(-magnitude // 2)
    return peak(read_architecture("neurram", [f"inputs={inputs}", f"outputs={outputs}", f"phase={phase}"]))
