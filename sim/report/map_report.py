"""What ``tilenest map`` found, as plain data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from sim.mapping.alternatives import Alternative
from sim.mapping.found import Found
from sim.results import LayerResult, Provenance

SCHEMA = "tilenest-map/1"


@dataclass(frozen=True, slots=True)
class MapReport:
    """What was asked, and what was found; None for what was not asked for.

    Attributes:
        arch, workload, layer: their names.
        clock_hz: clock frequency.
        provenance: what the report came from.
        result: what the best mapping costs.
        front: mappings of which none is beaten in both energy and latency.
        dataflows: the best mappings under other dataflows.
        room: the best mappings where one memory has more room.
    """

    arch: str
    workload: str
    layer: str
    clock_hz: float
    provenance: Provenance
    result: LayerResult | None = None
    front: tuple[Found, ...] | None = None
    dataflows: tuple[Alternative, ...] | None = None
    room: tuple[Alternative, ...] | None = None

    def to_json(self) -> str:
        """One object, indented."""
        data = {
            "schema": SCHEMA,
            "provenance": asdict(self.provenance),
            "arch": self.arch,
            "workload": self.workload,
            "layer": self.layer,
            "clock_hz": self.clock_hz,
            "result": self.result and self.result.to_dict(),
            "front": self.front and [self._point(point) for point in self.front],
            "dataflows": self.dataflows and [{"dataflow": a.name} | self._found(a) for a in self.dataflows],
            "room": self.room and [{"memory": a.name, "size_bits": a.size_bits} | self._found(a) for a in self.room],
        }
        return json.dumps(data, indent=2) + "\n"

    def _found(self, other: Alternative) -> dict[str, Any]:
        return {"found": other.found and self._point(other.found), "why_not": other.why_not}

    def _point(self, found: Found) -> dict[str, Any]:
        return {
            "energy_pj": found.energy_pj,
            "latency_cycles": found.latency_cycles,
            "latency_s": found.latency_cycles / self.clock_hz,
            "evaluated": found.evaluated,
            "optimal": found.optimal,
            "gap": found.gap,
            "value": found.value,
            "bound": found.bound,
            "space": found.space,
            "mapping": found.mapping.to_list(),
        }
