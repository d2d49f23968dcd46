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

_TERA = 1e12


@cache
def published() -> dict[str, Any]:
    """What the paper says; see ``data/neurram.yaml``."""
    data: dict[str, Any] = yaml12.load(Path(__file__).parent / "data" / "neurram.yaml").plain()
    return data


def rows(progress: Callable[[str], None] = lambda name: None) -> Iterator[Row]:
    """All rows."""
    data = published()
    for unit, column in (("TOPS", 3), ("TOPS/W", 4)):
        for row in data["rows"]:
            outputs, inputs, phases = row[:3]
            most = at(outputs, inputs, phases)
            found = most.ops if unit == "TOPS" else most.ops_per_watt
            what = f"{inputs} bit in, {outputs} bit out{', two phases' if phases > 1 else ''}"
            note = data["notes"].get(unit, {}).get(str(outputs), "") if phases == 1 else ""
            where = data["where"][unit]
            yield Row(data["paper"], where, what, row[column], found / _TERA, unit, data["tolerance"], note)
    progress("neurram")


def at(outputs: int, inputs: int, phases: int) -> Peak:
    """The chip at its best with so many bits; an input of more than one has a sign."""
    magnitude = max(1, inputs - 1)
    one = phases == 1 or magnitude <= published()["most_in_a_phase"]
    phase = magnitude if one else -(-magnitude // 2)
    return peak(read_architecture("neurram", [f"inputs={inputs}", f"outputs={outputs}", f"phase={phase}"]))
