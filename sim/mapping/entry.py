"""What is kept of a search for a mapping, as a small file of JSON."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import astuple, dataclass
from pathlib import Path

from sim.mapping.found import Found
from sim.mapping.nest import For, Item, Keep, Mapping, Parallel


@dataclass(frozen=True, slots=True)
class Entry:
    """What a search found, and which one it was.

    Attributes:
        family: of the search, see `sim.mapping.identity.Search`.
        bandwidths: of its machine.
        budget_s: of the search, where the result depends on it.
        found: with the time that the search took.
    """

    family: str
    bandwidths: tuple[float, ...]
    budget_s: float | None
    found: Found

    @property
    def path(self) -> Path:
        """Where it belongs in a store."""
        return path_of(self.family, self.bandwidths, self.budget_s)

    def to_json(self) -> str:
        """The text of the file; infinities are written as Python does."""
        found = self.found
        return json.dumps(
            {
                "family": self.family,
                "bandwidths": self.bandwidths,
                "budget_s": self.budget_s,
                "mapping": [[type(item).__name__, *astuple(item)] for item in found.mapping],
                "energy_pj": found.energy_pj,
                "latency_cycles": found.latency_cycles,
                "value": found.value,
                "bound": found.bound,
                "evaluated": found.evaluated,
                "space": found.space,
                "searched_s": found.searched_s,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """The entry that `to_json` wrote.

        Raises:
            ValueError: for any other text.
        """
        try:
            data = json.loads(text)
        except RecursionError:
            raise ValueError("too deep") from None
        match data:
            case {
                "family": str(family),
                "bandwidths": [*bandwidths],
                "budget_s": float() | None as budget_s,
                "mapping": [*items],
                "energy_pj": float(pj),
                "latency_cycles": float(cycles),
                "value": float(value),
                "bound": float() | None as bound,
                "evaluated": int(evaluated),
                "space": float() | None as space,
                "searched_s": float(searched_s),
            } if all(math.isfinite(x or 0.0) for x in (pj, cycles, value, bound, space, searched_s)):
                mapping = Mapping(tuple(map(_item, items)))
                found = Found(mapping, pj, cycles, value, evaluated, bound, space, searched_s)
                return cls(family, tuple(bandwidths), budget_s, found)
        raise ValueError("another form")


def path_of(family: str, bandwidths: tuple[float, ...], budget_s: float | None) -> Path:
    """Where an entry belongs in a store."""
    name = hashlib.sha256(repr((bandwidths, budget_s)).encode()).hexdigest()[:16]
    return Path(family, f"{name}.json")


def _item(data: object) -> Item:
    match data:
        case ["Keep", str(level), [*tensors]] if all(isinstance(t, str) for t in tensors):
            return Keep(level, tuple(map(str, tensors)))
        case ["For", str(dim), int(bound)]:
            return For(dim, bound)
        case ["Parallel", str(fanout), "x" | "y" as axis, str(dim), int(bound)]:
            return Parallel(fanout, axis, dim, bound)
    raise ValueError(f"no item of a nest: {data}")
