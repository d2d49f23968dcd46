"""What makes an analog array compute something else than its weights say: one attribute for each effect, all off.

Conductances are in microsiemens. A relative spread of a thing is its standard deviation over its mean.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from sim.arch.crossbar import Cell
from sim.arch.tree import ArchitectureError
from sim.errors import there_are

ProgrammingModel = Literal["proportional", "independent", "pcm", "rram_wan", "rram_milo", "sonos"]
DriftModel = Literal["power", "pcm"]
ReadModel = Literal["proportional", "independent", "root", "flicker", "pcm", "sonos"]

# Up to which conductance a model was measured, in microsiemens.
MEASURED_US = {"pcm": 25.0, "rram_wan": 39.26, "rram_milo": 225.0, "sonos": 16.0}


@dataclass(frozen=True, slots=True)
class Programming:
    """How far a conductance is from what was to be written; see `sim.nonideal.programming`.

    Attributes:
        model: ``proportional`` to the conductance, ``independent`` of it (relative to the cell's largest), or as
            measured: ``pcm``, ``rram_wan``, ``rram_milo``, ``sonos``.
        sigma: relative spread, for the first two.
        scale: multiplies the spread of measured models.
    """

    model: ProgrammingModel = "proportional"
    sigma: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Variation:
    """Devices that differ although they are written alike.

    Attributes:
        device: relative spread of a factor that a device keeps for ever.
        cycle: relative spread of a factor that changes whenever the array is written.
    """

    device: float = 0.0
    cycle: float = 0.0


@dataclass(frozen=True, slots=True)
class Stuck:
    """Cells that cannot be written.

    Attributes:
        on, off: share of cells that stay at the largest, and at the smallest conductance.
        clustered: share of these that come as whole columns.

    Raises:
        ArchitectureError: for shares that are none.
    """

    on: float = 0.0
    off: float = 0.0
    clustered: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.on + self.off <= 1 or min(self.on, self.off) < 0 or not 0 <= self.clustered <= 1:
            raise ArchitectureError(
                f"shares of stuck cells are between 0 and 1, also together, not {self.on:g} on, {self.off:g} off, "
                f"{self.clustered:g} of them clustered"
            )


@dataclass(frozen=True, slots=True)
class Drift:
    """Conductances that fall with time: ``g * ((t + start_s) / start_s) ** -nu``.

    Attributes:
        model: ``power``: the exponents are normal, or ``pcm``: as measured, by conductance.
        nu, nu_sigma: mean and standard deviation of the exponents, for ``power``.
        start_s: when after the last pulse a device counts as programmed, in seconds.

    Raises:
        ArchitectureError: for a device that counts as programmed at once: its power of time would be endless.
    """

    model: DriftModel = "power"
    nu: float = 0.0
    nu_sigma: float = 0.0
    start_s: float = 20.0

    def __post_init__(self) -> None:
        if self.start_s <= 0:
            raise ArchitectureError(f"drift starts some time after the last pulse, not after {self.start_s:g} s")


@dataclass(frozen=True, slots=True)
class Read:
    """Noise of a conductance that is read; see `sim.nonideal.read`.

    Attributes:
        model: ``proportional`` to the conductance, ``independent`` of it (relative to the cell's largest),
            ``root`` (its variance is proportional to the conductance, relative to the cell's largest),
            ``flicker`` (1/f: proportional, growing with time), or as measured: ``pcm`` (1/f), ``sonos``.
        sigma: relative spread, for the first four; for ``flicker`` per root of the logarithm.
        scale: multiplies the spread of measured models.
        read_s: how long a read takes, for 1/f noise, in seconds.
        start_s: when after the last pulse a device counts as programmed, in seconds.
        slow: whether it is the same in all products, as what is slow in 1/f noise is, instead of new in each.

    Raises:
        ArchitectureError: for a read that takes no time: its bandwidth would be endless.
    """

    model: ReadModel = "proportional"
    sigma: float = 0.0
    scale: float = 1.0
    read_s: float = 250e-9
    start_s: float = 20.0
    slow: bool = False

    def __post_init__(self) -> None:
        if self.read_s <= 0:
            raise ArchitectureError(f"a read takes some time, not {self.read_s:g} s")


@dataclass(frozen=True, slots=True)
class Thermal:
    """Johnson-Nyquist noise of the cells.

    Attributes:
        bandwidth_hz: of the circuit that reads a column.
        read_v: the largest voltage on a row.

    Raises:
        ArchitectureError: for no voltage, to which noise would be compared.
    """

    bandwidth_hz: float
    read_v: float

    def __post_init__(self) -> None:
        if self.read_v <= 0:
            raise ArchitectureError(f"rows need a voltage to be read, not {self.read_v:g} V")


@dataclass(frozen=True, slots=True)
class Wires:
    """Resistance of the wire between two neighbouring cells, in ohm; see `sim.nonideal.wires`."""

    row_ohm: float = 0.0
    column_ohm: float = 0.0


@dataclass(frozen=True, slots=True)
class Temperature:
    """Conductances that depend on the temperature; at `reference_k` they are as written.

    Attributes:
        per_kelvin: relative change by a kelvin, as metallic filaments have it (below zero).
        activation_ev: activation energy, as semiconductors and amorphous PCM have it.
    """

    per_kelvin: float = 0.0
    activation_ev: float = 0.0
    reference_k: float = 300.0


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """Currents that are no line over the voltage: ``sinh(bend * v) / sinh(bend)``, v relative to the largest."""

    bend: float


@dataclass(frozen=True, slots=True)
class Converters:
    """Converters that differ from each other, and from what they did before.

    Attributes:
        offset: standard deviation of what each adds, in steps of the converter.
        gain: standard deviation of the factor of each, around 1.
        noise: standard deviation of what is added in each conversion anew, in steps; those of an ADC that loses
            nothing are currents of a cell that is fully on.
    """

    offset: float = 0.0
    gain: float = 0.0
    noise: float = 0.0


Effect = Programming | Variation | Stuck | Drift | Read | Thermal | Wires | Temperature | Nonlinearity | Converters


@dataclass(frozen=True, slots=True)
class Noise:
    """All effects, and the conditions under which an array is used.

    Attributes:
        time_s: seconds since the array was programmed.
        kelvin: its temperature.
        compensation: whether the outputs are multiplied by what makes up for drift on average.

    >>> noise = Noise(programming=Programming(sigma=0.05), read=Read(sigma=0.01))
    >>> noise.effects
    ('programming', 'read')
    >>> noise.only("read").effects
    ('read',)
    """

    programming: Programming | None = None
    variation: Variation | None = None
    stuck: Stuck | None = None
    drift: Drift | None = None
    temperature: Temperature | None = None
    read: Read | None = None
    thermal: Thermal | None = None
    wires: Wires | None = None
    nonlinearity: Nonlinearity | None = None
    dac: Converters | None = None
    adc: Converters | None = None
    time_s: float = 0.0
    kelvin: float = 300.0
    compensation: bool = False

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects that are on."""
        return tuple(name for name in EFFECTS if getattr(self, name) is not None)

    def only(self, *names: str) -> Noise:
        """These effects alone, under the same conditions.

        Raises:
            ArchitectureError: for a name that there is not.
        """
        for name in names:
            if name not in EFFECTS:
                raise ArchitectureError(f"there is no effect '{name}'; {there_are(EFFECTS, name)}")
        others: dict[str, Any] = {name: None for name in EFFECTS if name not in names}
        return replace(self, **others)

    @property
    def idle(self) -> tuple[str, ...]:
        """Conditions that were changed, though no effect here depends on them.

        >>> Noise(drift=Drift(nu=0.05), time_s=60, kelvin=350).idle
        ('kelvin',)
        """
        matters = {
            "time_s": self.drift or (self.read and self.read.model in _GROWING),
            "kelvin": self.temperature or self.thermal,
            "compensation": self.drift or self.temperature,
        }
        usual = Noise()
        return tuple(name for name, by in matters.items() if not by and getattr(self, name) != getattr(usual, name))

    def check(self, cell: Cell) -> None:
        """Whether these effects are known for such a cell.

        Raises:
            ArchitectureError: for a conductance beyond what a model was measured for.
        """
        for name in ("programming", "drift", "read"):
            effect = getattr(self, name)
            most = MEASURED_US.get(effect.model, cell.most_us) if effect else cell.most_us
            if cell.most_us > most * (1 + 1e-9):
                raise ArchitectureError(
                    f"noise.{name}: the model {effect.model} was measured up to {most:g} uS, "
                    f"but the cell has {cell.most_us:g} uS"
                )


_GROWING = ("flicker", "pcm")  # read noise that grows with the time since programming
_CONDITIONS = ("time_s", "kelvin", "compensation")
EFFECTS = tuple(field.name for field in fields(Noise) if field.name not in _CONDITIONS)
