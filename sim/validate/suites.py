"""The validations that there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sim.errors import TilenestError, there_are
from sim.validate import aihwkit, crosssim, eyeriss, isaac, neurram, scalesim, tpu_v1
from sim.validate.row import Row


@dataclass(frozen=True, slots=True)
class Suite:
    """Published numbers about one machine.

    Attributes:
        about: what is compared, in a line.
        steps: how often `rows` reports that it is further on.
        rows: computes the rows; it takes a function that is called with the name of every step that is done.
    """

    about: str
    steps: int
    rows: Callable[[Callable[[str], None]], Iterable[Row]]


SUITES = {
    "aihwkit": Suite(
        "products with aihwkit's converters, and its statistics of phase-change memory", 2, aihwkit.rows
    ),
    "crosssim": Suite("converters, ranges of ADCs and products with sliced matrices, by CrossSim", 3, crosssim.rows),
    "eyeriss": Suite("AlexNet on the Eyeriss chip, and six dataflows on storage of equal area", 24, eyeriss.rows),
    "isaac": Suite("ISAAC's table of parts, and what the chip does at its peak", 1, isaac.rows),
    "neurram": Suite("speed and efficiency of the NeuRRAM chip by bits of inputs and outputs", 1, neurram.rows),
    "scalesim": Suite("AlexNet and ResNet-18 on systolic arrays, by SCALE-Sim's timing", 12, scalesim.rows),
    "tpu_v1": Suite("six applications on the TPU of ISCA 2017: where its cycles go, roofs, power", 6, tpu_v1.rows),
}


def suites(names: Iterable[str]) -> dict[str, Suite]:
    """The suites of these names; all of them if there is no name.

    Raises:
        TilenestError: for a name that there is not.
    """
    out = {}
    for name in names or SUITES:
        if name not in SUITES:
            raise TilenestError(f"no validation '{name}'; {there_are(SUITES, name)}")
        out[name] = SUITES[name]
    return out
