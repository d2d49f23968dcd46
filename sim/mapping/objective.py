"""What makes one mapping better than another: a product of powers, and limits that a mapping must keep."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from sim.errors import TilenestError, there_are

_TERM = re.compile(r"([a-z]+)(?:\^([0-9]+(?:\.[0-9]+)?))?")
TERMS = ("energy", "latency", "dram")
MOST_POWER = 4


@dataclass(frozen=True, slots=True)
class Objective:
    """``energy**energy * latency**latency * dram**dram`` is to be as small as possible, within the limits.

    Attributes:
        energy, latency, dram: the powers of the energy in pJ, of the latency in clock cycles and of the bits that
            cross the port of the outermost memory.
        most_pj, most_cycles: limits.

    >>> Objective.parse("edp") == Objective(energy=1, latency=1)
    True
    >>> str(Objective.parse("energy*latency^2"))
    'ed2p'
    """

    energy: float = 0.0
    latency: float = 0.0
    dram: float = 0.0
    most_pj: float = math.inf
    most_cycles: float = math.inf

    @classmethod
    def parse(cls, text: str) -> Objective:
        """A name, or a product such as ``energy*latency^2``.

        Raises:
            TilenestError: for what is neither.
        """
        if text in OBJECTIVES:
            return OBJECTIVES[text]
        powers: dict[str, float] = {}
        for factor in text.replace(" ", "").split("*"):
            term = _TERM.fullmatch(factor)
            power = float(term[2] or 1) if term else 0.0
            if term is None or term[1] not in TERMS or term[1] in powers or not 0 < power <= MOST_POWER:
                names = there_are(OBJECTIVES, text)
                raise TilenestError(
                    f"no objective '{text}'; {names}, and products such as energy*latency^2, "
                    f"with powers above 0 and at most {MOST_POWER}"
                )
            powers[term[1]] = power
        return cls(**powers)

    def __str__(self) -> str:
        for name, known in OBJECTIVES.items():
            if known.powers == self.powers:
                return name
        factors = [f"{name}^{power:g}" for name, power in zip(TERMS, self.powers, strict=True) if power]
        return "*".join(factor.removesuffix("^1") for factor in factors)

    @property
    def powers(self) -> tuple[float, float, float]:
        """Of energy, latency and the outermost memory's bits."""
        return self.energy, self.latency, self.dram

    def score(self, pj: float, cycles: float, bits: float) -> float:
        """The logarithm of the product; the smaller, the better. Infinite beyond a limit."""
        if pj > self.most_pj or cycles > self.most_cycles:
            return math.inf
        parts = zip(self.powers, (pj, cycles, bits), strict=True)
        return sum(power * math.log(max(value, 1e-12)) for power, value in parts if power)


OBJECTIVES = {
    "energy": Objective(energy=1),
    "latency": Objective(latency=1),
    "edp": Objective(energy=1, latency=1),
    "ed2p": Objective(energy=1, latency=2),
    "dram": Objective(dram=1),
}
"""Those that have a name."""

EDP = OBJECTIVES["edp"]
