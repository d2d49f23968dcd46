"""What a person may choose about an evaluation, the same for all engines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from sim.errors import TilenestError, there_are
from sim.mapping.annealer import Sampled
from sim.mapping.dataflow import ANY, Dataflow
from sim.mapping.mapper import Strategy
from sim.mapping.objective import EDP, Objective
from sim.mapping.optimal import Optimal
from sim.units import ENERGY, TIME, Dimension, Quantity, UnitError

MAPPERS = ("optimal", "sampled")
EFFORTS = {"low": Sampled(runs=1, trials=3000), "normal": Sampled(), "high": Sampled(runs=40, trials=12000)}
"""How hard to sample, by name."""

_LIMITED = {"latency": TIME, "energy": ENERGY}
_MOST = 1e30  # base units; a text can say more than a number holds


@dataclass(frozen=True, slots=True)
class Options:
    """The dataflow that mappings must obey, what makes one mapping better than another, and how to search.

    Attributes:
        cache: whether what searches find is kept on disk, and not searched for again (`sim.mapping.store`).
    """

    dataflow: Dataflow = ANY
    objective: Objective = EDP
    strategy: Strategy = Optimal()
    cache: bool = True


def strategy_of(
    mapper: str, budget: str | None = None, effort: str | None = None, seed: int | None = None
) -> Strategy:
    """How to search, as a person says it.

    Args:
        mapper: ``optimal`` or ``sampled``.
        budget: for ``optimal``, the time that each layer may take, e.g. ``2s``; by default what the proof takes, or
            a million nests.
        effort: for ``sampled``, a name in `EFFORTS`; by default ``normal``.
        seed: for ``sampled``, of the random numbers; by default 0.

    Raises:
        TilenestError: for a name that there is not, a budget that is no time, and a choice that is for the other one.

    >>> strategy_of("optimal", budget="500 ms")
    Optimal(budget_s=0.5)
    """
    _check_one_of("mapper", mapper, MAPPERS)
    if mapper == "optimal":
        _check_unset("sampled", effort=effort, seed=seed)
        return Optimal() if budget is None else Optimal(float(_amount("budget", budget, TIME)))
    _check_unset("optimal", budget=budget)
    effort = "normal" if effort is None else effort
    _check_one_of("effort", effort, EFFORTS)
    return replace(EFFORTS[effort], seed=seed or 0)


def described(strategy: Strategy) -> str:
    """A strategy for the reader.

    >>> described(Optimal(budget_s=2)), described(Sampled(seed=7))
    ('optimal, 2 s a layer', 'sampled, 10 x 4500 trials, seed 7')
    """
    if isinstance(strategy, Sampled):
        return f"sampled, {strategy.runs} x {strategy.trials} trials, seed {strategy.seed}"
    return "optimal" if strategy == Optimal() else f"optimal, {strategy.budget_s:g} s a layer"


def within(objective: Objective, limits: Iterable[str], clock_hz: float) -> Objective:
    """An objective with limits that every mapping must keep; of several on the same thing, the tightest counts.

    Raises:
        TilenestError: for a text that is no limit.

    >>> within(EDP, ["latency <= 5 ms", "energy<=3uJ"], clock_hz=200e6)
    Objective(energy=1, latency=1, dram=0.0, most_pj=3000000.0, most_cycles=1000000.0)
    """
    for text in limits:
        thing, sign, most = (part.strip() for part in text.partition("<="))
        if not sign:
            raise TilenestError(f"limit '{text}' is not of the form latency<=5ms or energy<=3mJ")
        if thing not in _LIMITED:
            raise TilenestError(f"limit '{text}': nothing to limit is called '{thing}'; {there_are(_LIMITED, thing)}")
        amount = _amount(f"limit '{text}'", most, _LIMITED[thing])
        if thing == "latency":
            cycles = float(amount * Fraction(clock_hz))
            objective = replace(objective, most_cycles=min(cycles, objective.most_cycles))
        else:
            objective = replace(objective, most_pj=min(float(amount), objective.most_pj))
    return objective


def _amount(what: str, text: str, dimension: Dimension) -> Fraction:
    """A quantity above zero, in the base unit."""
    try:
        amount = Quantity.read(text, dimension).exact
    except UnitError as error:
        raise TilenestError(f"{what}: {error}") from None
    if not 0 < amount <= _MOST:
        raise TilenestError(
            f"{what}: {text} is out of range; it must be above 0, and at most {_MOST:g} {dimension.base}"
        )
    return amount


def _check_one_of(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise TilenestError(f"no {what} '{name}'; {there_are(known, name)}")


def _check_unset(mapper: str, **choices: object) -> None:
    for name, value in choices.items():
        if value is not None:
            raise TilenestError(f"--{name} is for --mapper {mapper} alone (in Python: {name}, mapper='{mapper}')")
