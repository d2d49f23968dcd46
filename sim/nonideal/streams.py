"""Random numbers: a stream of its own for each effect, so that none changes when another is switched on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sim.arch.noise import EFFECTS

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
Seed: TypeAlias = int | Sequence[int]


def normal(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Normal random numbers in single precision, from a fast generator that `rng` gives its state to."""
    from sim.kernels.normal import LANES, fill

    out = np.empty(math.prod(shape), np.float32)
    fill(rng.integers(1, 2**32, (4, LANES), np.uint32), out)
    return out.reshape(shape)


def stream(seed: Seed, effect: str, cycle: int = 0) -> np.random.Generator:
    """The random numbers of an effect.

    Args:
        seed: what tells one chip from another.
        cycle: how often the array was written before, for what differs from one time to the next.

    >>> float(stream(1, "read").random()) == float(stream([1], "read").random())
    True
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(EFFECTS.index(effect), cycle)))
