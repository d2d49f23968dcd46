"""Searches small spaces with and without one of the rules by which the exact search leaves something out.

Kernels run as the Python that they are, so that rules can be switched off:

    NUMBA_DISABLE_JIT=1 python -m tests.property.pruning RULE EXAMPLES
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture
from sim.kernels import branch, compare, moves
from sim.kernels.bounds import NEVER
from sim.mapping import parts
from sim.mapping.dataflow import Dataflow
from sim.mapping.objective import OBJECTIVES
from sim.mapping.optimal import MADE, _Search
from sim.mapping.parts import Parts
from sim.mapping.space import Space
from sim.workload.layer import Layer
from tests.strategies import small_cases

LOW = -1e9  # below whatever is worth anything
MOST_WAYS, MOST_LABELS = 60, 1500

Rule = Callable[..., Any]
Tell = Callable[[], None]
"""To be called whenever the rule would have left something out."""


def keep_beaten(is_as_good: Rule, tell: Tell) -> Rule:
    """A label stays although another one beats it."""

    def never(*args: Any) -> bool:
        if is_as_good(*args):
            tell()
        return False

    return never


def forget_bounds(least: Rule, tell: Tell) -> Rule:
    """All labels may become anything."""

    def lowest(*args: Any) -> tuple[float, float]:
        key, cycles = least(*args)
        tell()
        return (LOW if key < NEVER else key), cycles

    return lowest


def look_at_all(look_ahead: Rule, tell: Tell) -> Rule:
    """Parts are searched whatever their tables show."""

    def whole(points: int, looked: int, best: float, *rest: Any) -> bool:
        if not look_ahead(points, looked, best, *rest):
            tell()
        return bool(look_ahead(points, looked, NEVER, *rest))

    return whole


def forget_roots(root_bounds: Rule, tell: Tell) -> Rule:
    """All parts may be worth anything."""

    def lowest(*args: Any) -> None:
        root_bounds(*args)
        out = args[-1]
        tell()
        out[out < NEVER] = LOW

    return lowest


def forget_crude(crude: Rule, tell: Tell) -> Rule:
    """All ways to use the copies may be worth anything."""

    def lowest(*args: Any) -> Any:
        out = crude(*args)
        if len(set(out.tolist())) > 1:
            tell()
        return np.full_like(out, LOW)

    return lowest


def keep_full(forget_full: Rule, tell: Tell) -> Rule:
    """Room counts to the end."""

    def nothing(k: int, status: int, new: int, task: Any, chain: Any, tables: Any, labels: Any) -> None:
        used = labels.used[new].copy()
        forget_full(k, status, new, task, chain, tables, labels)
        if (labels.used[new] != used).any():
            tell()
        labels.used[new] = used

    return nothing


def follow_all(limit: Rule, tell: Tell) -> Rule:
    """Moves are made without a look before."""

    def none(*args: Any) -> float:
        if limit(*args) < NEVER:
            tell()
        return float(NEVER)

    return none


def look_at_times(looked: Rule, tell: Tell) -> Rule:
    """Times are looked at ahead, however short they are."""

    def all_of_them(most: int, *rest: Any) -> int:
        if looked(most, *rest) < most:
            tell()
        return most

    return all_of_them


def set_no_rents(set_rents: Rule, tell: Tell) -> Rule:
    """Room that several tensors share costs nothing."""

    def never(*args: Any) -> bool:
        tell()
        return False

    return never


RULES: dict[str, tuple[Any, str, Callable[[Rule, Tell], Rule]]] = {
    "labels that others beat": (compare, "_is_as_good", keep_beaten),
    "labels that cannot beat the best nest": (compare, "least", forget_bounds),
    "parts, when their tables show it": (branch, "_look_ahead", look_at_all),
    "parts, by their roots": (parts, "root_bounds", forget_roots),
    "ways to use the copies": (Parts, "_crude_bounds", forget_crude),
    "room that cannot run short": (moves, "_forget_full", keep_full),
    "moves, by a look before": (moves, "_limit", follow_all),
    "times that are short": (branch, "_looked", look_at_times),
    "labels, by rents of room": (branch, "set_rents", set_no_rents),
}

BEFORE = {"parts, when their tables show it": ("parts, by their roots",)}
"""Rules that are off in both searches, as they mostly leave out the same before."""


@contextmanager
def without(rule: str, tell: Tell) -> Iterator[None]:
    """Switch a rule off."""
    place, name, off = RULES[rule]
    on = getattr(place, name)
    setattr(place, name, off(on, tell))
    try:
        yield
    finally:
        setattr(place, name, on)


def searched(case: tuple[Layer, Architecture, Dataflow], objective: str) -> _Search:
    """The search of a small space, over."""
    out = _Search(Space(*case), OBJECTIVES[objective], math.inf)
    out.run()
    return out


def examine(rule: str, examples: int) -> int:
    """Compare the optima of random cases; returns how often the rule would have left something out."""
    told = 0

    def tell() -> None:
        nonlocal told
        told += 1

    def compare_optima(case: tuple[Layer, Architecture, Dataflow], objective: str) -> None:
        assume(len(Space(*case).copies) <= MOST_WAYS)
        with ExitStack() as stack:
            for before in BEFORE.get(rule, ()):
                stack.enter_context(without(before, lambda: None))
            found = searched(case, objective)
            assume(found.proves and found.tally[MADE] <= MOST_LABELS)
            stack.enter_context(without(rule, tell))
            everything = searched(case, objective)
        assert everything.best == found.best or math.isclose(everything.best, found.best, rel_tol=1e-12), case

    how = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seed(1)(how(given(small_cases(), st.sampled_from(sorted(OBJECTIVES)))(compare_optima)))()
    return told


if __name__ == "__main__":
    branch.PATIENCE = 20  # so that rents are used
    parts._AT_ONCE = 2  # and cruder bounds
    np.seterr(over="ignore")  # hashes
    print(examine(sys.argv[1], int(sys.argv[2])))
