"""What time and temperature do to conductances."""

from __future__ import annotations

import numpy as np

from sim.arch.noise import Drift, Temperature
from sim.nonideal.streams import FloatArray

_BOLTZMANN_EV_PER_K = 8.617333262e-5  # CODATA 2018


def drift_exponents(target: FloatArray, drift: Drift, rng: np.random.Generator) -> FloatArray:
    """How fast each device drifts, by the conductance that it was to get, in microsiemens.

    ``pcm``: the fit of aihwkit (`PCMLikeNoiseModel`) to Joshi et al., Nature Communications 11, 2473 (2020).
    """
    draw = rng.standard_normal(target.shape, target.dtype)
    if drift.model == "power":
        return drift.nu + drift.nu_sigma * draw
    log = np.log(np.maximum(target / 25, 1e-7))
    mean = np.clip(-0.0155 * log + 0.0244, 0.049, 0.1)
    spread = np.clip(-0.0125 * log - 0.0059, 0.008, 0.045)
    return np.abs(mean + spread * draw)


def drifted(g: FloatArray, exponents: FloatArray, time_s: float, drift: Drift) -> FloatArray:
    """Conductances some time after programming: ``g * ((t + t0) / t0) ** -nu``."""
    return g * np.exp(-exponents * np.log1p(time_s / drift.start_s)).astype(g.dtype)


def heated(g: FloatArray, kelvin: float, temperature: Temperature) -> FloatArray:
    """Conductances at a temperature: Arrhenius' law times a line."""
    difference = kelvin - temperature.reference_k
    inverse = 1 / kelvin - 1 / temperature.reference_k
    factor = np.exp(-temperature.activation_ev / _BOLTZMANN_EV_PER_K * inverse)
    return g * g.dtype.type(factor * max(0.0, 1 + temperature.per_kelvin * difference))
