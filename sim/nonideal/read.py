"""Noise that is new in every product. It is normal: a column's current needs one draw, with the summed variance."""

from __future__ import annotations

import math

import numpy as np

from sim.arch.crossbar import Cell
from sim.arch.noise import Read, Thermal
from sim.nonideal.streams import FloatArray

_BOLTZMANN_J_PER_K = 1.380649e-23  # exact by the definition of the kelvin


def read_sigma(g: FloatArray, written: FloatArray, read: Read, time_s: float, cell: Cell) -> FloatArray:
    """Standard deviation of conductances `g` in a product, in microsiemens.

    Args:
        written: conductances right after writing, by which measured 1/f noise is given.
        time_s: since programming; 1/f noise covers the frequencies from then to one read.

    Sources:
        root: aihwkit's `PCM_READ`, which stands for 1/f noise of PCM in every product (Rasch et al., Nature
            Communications 14, 5282 (2023)): ``s**2 = sigma**2 * g * most``.
        flicker: a spectrum ``S / g**2 = sigma**2 / f`` between 1 / (t + t_start + t_read) and 1 / (2 t_read).
        pcm: aihwkit's fit (`PCMLikeNoiseModel`) to Nandakumar et al., ICECS 2019, and Joshi et al., Nature
            Communications 11, 2473 (2020).
        sonos: CrossSim's fit to Agrawal et al., IEDM 2022, Fig. 11b.
    """
    ratio = max(1.0, (time_s + read.start_s + read.read_s) / (2 * read.read_s))
    width = math.sqrt(math.log(ratio))  # 0 where a read takes all the time that there was
    match read.model:
        case "proportional":
            return read.sigma * g
        case "independent":
            return np.full_like(g, read.sigma * cell.most_us)
        case "root":
            return read.sigma * np.sqrt(g * g.dtype.type(cell.most_us))
        case "flicker":
            return read.sigma * width * g
        case "pcm":
            quality = np.minimum(0.2, 0.0088 / np.maximum((written / 25) ** 0.65, 1e-3))
            return read.scale * width * quality * g
        case "sonos":
            return read.scale * 12.58037 * (1 - np.exp(-g * 100 / 215.36557)) / 100  # 100 nA per uS


def thermal_variance(g: FloatArray, thermal: Thermal, kelvin: float, cell: Cell) -> FloatArray:
    """Variance that each cell adds to its column's current, whatever its row's voltage: 4 k T g df.

    In units of the square of the largest current of a cell. Nyquist, Physical Review 32 (1928).
    """
    largest_a = cell.most_us * 1e-6 * thermal.read_v
    return g * np.asarray(4 * _BOLTZMANN_J_PER_K * kelvin * 1e-6 * thermal.bandwidth_hz / largest_a**2, g.dtype)
