"""Numbers as people read them: ``100 KiB``, ``223.9 M``, ``1.69 pJ``."""

from __future__ import annotations

import math

_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
ENERGIES = ((1e12, "J"), (1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ"), (1.0, "pJ"))
_RATES = ((1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"))
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


def unit_of(largest: float, units: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    """The unit for values up to this one on an axis, with its size.

    >>> unit_of(2735980922.7, ENERGIES), unit_of(0, TIMES)
    ((1000000000.0, 'mJ'), (1e-06, 'us'))
    """
    return next((unit for unit in units if largest >= unit[0]), units[-1])


def count(things: float) -> str:
    """A number of things, to four digits.

    >>> count(223948800), count(9999), count(2.5)
    ('223.9 M', '9,999', '2.5')
    """
    for unit, letter in _COUNTS:
        if things >= max(unit, 10_000):
            return f"{things / unit:.4g} {letter}"
    return f"{things:,.0f}" if things == int(things) else f"{things:.4g}"


def number(value: float) -> str:
    """A number in full, with a digit behind the point where it is not whole.

    >>> number(2097152.0), number(337.954)
    ('2,097,152', '338.0')
    """
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def several(things: float, noun: str) -> str:
    """A number of things with their name.

    >>> several(1, "PE"), several(1024, "PE")
    ('1 PE', '1,024 PEs')
    """
    return f"{number(things)} {noun}{'' if things == 1 else 's'}"


def size(bits: float) -> str:
    """An amount of data.

    >>> size(819200), size(12), size(448 * 8), size(float("inf"))
    ('100 KiB', '12 bit', '448 B', 'unbounded')
    """
    if math.isinf(bits):
        return "unbounded"
    if bits % 8:
        return f"{bits:g} bit" if bits < 1024 else f"{bits / 8192:.4g} KiB"
    return _scaled(bits / 8, _BYTES) or f"{bits / 8:g} B"


def energy(pj: float) -> str:
    """An energy, to three digits.

    >>> energy(1.6914), energy(2735980922.7), energy(0)
    ('1.69 pJ', '2.74 mJ', '0 pJ')
    """
    return _scaled(pj, ENERGIES, 3) or f"{pj:.3g} pJ"


def rate(bits_per_second: float) -> str:
    """A data rate.

    >>> rate(19.2 * 200e6), rate(float("inf"))
    ('480 MB/s', 'unlimited')
    """
    if math.isinf(bits_per_second):
        return "unlimited"
    return _scaled(bits_per_second / 8, _RATES) or f"{bits_per_second / 8:.4g} B/s"


def seconds(time: float) -> str:
    """A time, to three digits.

    >>> seconds(0.00971933)
    '9.72 ms'
    """
    return _scaled(time, TIMES, 3) or f"{time * 1e9:.3g} ns"


def area(um2: float) -> str:
    """An area.

    >>> area(703877.76), area(2262.0), area(1.3e9)
    ('0.704 mm2', '2,262 um2', '1,300 mm2')
    """
    if um2 >= 1e9:
        return f"{um2 / 1e6:,.0f} mm2"
    return f"{um2 / 1e6:.3g} mm2" if um2 >= 1e5 else f"{um2:,.4g} um2" if um2 < 1000 else f"{um2:,.0f} um2"


def share(part: float, whole: float) -> str:
    """A percentage.

    >>> share(1, 3), share(1, 1000), share(0, 5), share(1, float("inf"))
    ('33 %', '0.1 %', '0 %', '')
    """
    if not whole or math.isinf(whole):
        return ""
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or not percent else f"{percent:.1f} %" if percent >= 0.1 else "< 0.1 %"


def _scaled(number: float, units: tuple[tuple[float, str], ...], digits: int = 4) -> str:
    for unit, name in units:
        if number >= unit:
            value = number / unit
            return f"{value:.{digits}g} {name}" if value < 10**digits else f"{value:,.0f} {name}"
    return ""
