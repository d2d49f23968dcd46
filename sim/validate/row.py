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
        within: largest difference that counts as reproduced, too, in the number's own unit.
        bound: whether the published number is one that must not be exceeded, and no more than that.
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
    within: float = 0.0
    bound: bool = False

    @property
    def error(self) -> float | None:
        """Relative to the published number; None where that is 0 and ours is not."""
        if not self.published:
            return None if self.simulated else 0.0
        return self.simulated / self.published - 1

    @property
    def reproduced(self) -> bool:
        """Whether the error is within the tolerance."""
        if self.bound:
            return self.simulated <= self.published
        near = abs(self.simulated - self.published) <= self.within + 1e-12
        return near or (self.error is not None and abs(self.error) <= self.tolerance + 1e-12)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"error": self.error, "reproduced": self.reproduced}
