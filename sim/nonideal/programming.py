"""What is written is not what was to be: programming error, variation, cells that are stuck. All in microsiemens."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from sim.arch.crossbar import Cell
from sim.arch.noise import Programming, Stuck, Variation
from sim.nonideal.streams import FloatArray

_SONOS_NA_PER_US = 100.0  # 1,600 nA at 16 uS


def programming_sigma(target: FloatArray, error: Programming, cell: Cell) -> FloatArray:
    """Standard deviation of what is written around the target, in microsiemens.

    Sources:
        pcm: aihwkit's fit (`PCMLikeNoiseModel`) to Joshi et al., Nature Communications 11, 2473 (2020), Fig. 3b.
        rram_wan: CrossSim's fit to Wan et al., Nature 608 (2022), Extended Data Fig. 3, one second after writing.
        rram_milo: CrossSim's fit to Milo et al., IRPS 2021, Fig. 4 (IGVVA-100): 50 to 225 uS, extrapolated below.
        sonos: CrossSim's fit to Agrawal et al., IEDM 2022, Fig. 10a, right after writing.
    """
    g, sigma = target, target
    match error.model:
        case "proportional":
            return error.sigma * g
        case "independent":
            return np.full_like(g, error.sigma * cell.most_us)
        case "pcm":
            sigma = 0.26348 + 1.965 * (g / 25) - 1.1731 * (g / 25) ** 2
        case "rram_wan":
            sigma = 1.536e-4 * g**3 - 1.167e-2 * g**2 + 0.2374 * g + 1.053
        case "rram_milo":
            sigma = 4.782321 - 0.009107 * g
        case "sonos":
            sigma = 19.88665 * (1 - np.exp(-g * _SONOS_NA_PER_US / 176.3115)) / _SONOS_NA_PER_US
    return error.scale * np.maximum(sigma, 0)


def programmed(target: FloatArray, error: Programming, cell: Cell, rng: np.random.Generator) -> FloatArray:
    """Conductances as written: normal around the target, none below zero."""
    sigma = programming_sigma(target, error, cell)
    return np.maximum(target + sigma * rng.standard_normal(target.shape, target.dtype), 0)


def varied(g: FloatArray, spread: float, rng: np.random.Generator) -> FloatArray:
    """Conductances of devices that differ by a log-normal factor of mean 1 and relative spread `spread`.

    Log-normal, so that none is negative; with a mean of 1, so that only the spread tells. An assumption.
    """
    width = np.sqrt(np.log1p(spread**2))
    return g * np.exp(width * rng.standard_normal(g.shape, g.dtype) - width**2 / 2).astype(g.dtype)


def with_variation(
    g: FloatArray, variation: Variation, device: np.random.Generator, cycle: np.random.Generator
) -> FloatArray:
    """Conductances with what a device keeps and with what changes from one writing to the next."""
    return varied(varied(g, variation.device, device), variation.cycle, cycle)


Lines: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Of columns [..., 1, columns]: which ones have their faults as a whole, and what these are."""


def stuck_lines(shape: tuple[int, ...], stuck: Stuck, rng: np.random.Generator) -> Lines:
    """Columns of an array that are stuck as a whole."""
    columns = (*shape[:-2], 1, shape[-1])
    return rng.random(columns) < stuck.clustered, _faults(columns, stuck, rng)


def stuck_cells(shape: tuple[int, ...], stuck: Stuck, lines: Lines, rng: np.random.Generator) -> np.ndarray:
    """Which cells of [..., rows, columns] are stuck: 1 on, -1 off, 0 none.

    A share `clustered` of the faults takes whole columns, the others hit cells one by one: Chen et al., IEEE
    Transactions on Computers 64 (2015), find both stuck cells and patterns that come from shorts of bit lines.
    """
    clustered, faults = lines
    return np.where(clustered, faults, _faults(shape, stuck, rng))


def _faults(shape: tuple[int, ...], stuck: Stuck, rng: np.random.Generator) -> np.ndarray:
    draw = rng.random(shape)
    return np.where(draw < stuck.on, 1, np.where(draw < stuck.on + stuck.off, -1, 0)).astype(np.int8)


def with_stuck(g: FloatArray, faults: np.ndarray, cell: Cell) -> FloatArray:
    """Conductances where stuck cells have what they are stuck at."""
    ends = np.where(faults > 0, cell.most_us, cell.least_us).astype(g.dtype)
    return np.where(faults == 0, g, ends)
