"""A published number beside the simulated one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One number that a paper publishes and the program claims to reproduce.

    Attributes:
        paper, where: the source, and the table or figure in it.
        what: which number.
        tolerance: largest relative error that counts as reproduced.
        note: why it is not reproduced, where it is not, or what the comparison rests on.
    """

    paper: str
    where: str
    what: str
    published: float
    simulated: float
    unit: str
    tolerance: float
    note: str = ""

    @property
    def error(self) -> float:
        """Relative to the published number."""
        return self.simulated / self.published - 1

    @property
    def reproduced(self) -> bool:
        """Whether the error is within the tolerance."""
        return abs(self.error) <= self.tolerance + 1e-12

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"error": self.error, "reproduced": self.reproduced}
