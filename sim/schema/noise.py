"""The part of architecture files that says what makes analog arrays err: `noise:`, with a key for each effect.

An effect is keys and values, or one number where it has one that matters: ``programming: 0.05``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from sim.arch import noise as domain
from sim.schema.costs import present
from sim.schema.validate import Frequency, Resistance, Strict, Time, UnitField, Voltage, reject
from sim.units import RESISTANCE, TIME

Spread = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
Span = Annotated[float, UnitField((TIME,), zero=False)]
Kelvin = Annotated[float, Field(gt=0, le=2000)]


class EffectText(Strict):
    """An effect; a value alone stands for that of the keys `short`."""

    short: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _value_alone(cls, value: object) -> object:
        return dict.fromkeys(cls.short, value) if cls.short and not isinstance(value, dict) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        whole = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [cls.alone(), whole]} if cls.short else whole

    @classmethod
    def alone(cls) -> dict[str, Any]:
        """What a value alone is, for an editor."""
        return {"type": "number"}

    @abstractmethod
    def lower(self) -> domain.Effect:
        """As the domain has it."""


def _check_spread(model: str, sigma: float | None, scale: float | None) -> None:
    """Refuse a spread that the model would not look at."""
    if model in domain.MEASURED_US and sigma is not None:
        raise reject(f"the model {model} has a spread of its own, and no sigma", "scale, which multiplies it")
    if model not in domain.MEASURED_US and scale is not None:
        raise reject(f"the model {model} has no measured spread that scale could multiply", "sigma")


class ProgrammingText(EffectText):
    """How far a conductance is from what was to be written."""

    short = ("sigma",)

    model: domain.ProgrammingModel | None = Field(
        None, description="proportional (default), independent, pcm, rram_wan, rram_milo or sonos"
    )
    sigma: Spread | None = Field(
        None, description="relative spread, e.g. 0.05; of the cell's largest conductance where independent"
    )
    scale: Spread | None = Field(None, description="multiplies the spread of measured models (default 1)")

    @model_validator(mode="after")
    def _is_used(self) -> ProgrammingText:
        _check_spread(self.model or domain.Programming().model, self.sigma, self.scale)
        return self

    def lower(self) -> domain.Programming:
        """As the domain has it."""
        return domain.Programming(**present(**dict(self)))


class VariationText(EffectText):
    """Devices that differ although they are written alike."""

    short = ("device",)

    device: Spread | None = Field(None, description="relative spread of a factor that a device keeps, e.g. 0.1")
    cycle: Spread | None = Field(None, description="relative spread of a factor that is new whenever it is written")

    def lower(self) -> domain.Variation:
        """As the domain has it."""
        return domain.Variation(**present(**dict(self)))


class StuckText(EffectText):
    """Cells that cannot be written."""

    short = ("off",)

    on: Share | None = Field(None, description="share of cells that stay at the largest conductance, e.g. 0.0175")
    off: Share | None = Field(None, description="share of cells that stay at the smallest conductance, e.g. 0.0904")
    clustered: Share | None = Field(None, description="share of these that come as whole columns (default 0)")

    @model_validator(mode="after")
    def _is_a_share(self) -> StuckText:
        if (self.on or 0) + (self.off or 0) > 1:
            raise reject("more than all cells are stuck", "on and off that are at most 1 together")
        return self

    def lower(self) -> domain.Stuck:
        """As the domain has it."""
        return domain.Stuck(**present(**dict(self)))


class DriftText(EffectText):
    """Conductances that fall with time."""

    short = ("nu",)

    model: domain.DriftModel | None = Field(None, description="power (default) or pcm: where exponents come from")
    nu: Spread | None = Field(None, description="mean exponent, for power, e.g. 0.05")
    nu_sigma: Spread | None = Field(None, description="standard deviation of the exponents of devices, for power")
    start: Span | None = Field(None, description="when a device counts as programmed (default 20 s)")

    @model_validator(mode="after")
    def _is_used(self) -> DriftText:
        if self.model == "pcm" and (self.nu is not None or self.nu_sigma is not None):
            raise reject(
                "the model pcm has exponents of its own, by conductance", "no nu and nu_sigma, or model: power"
            )
        return self

    def lower(self) -> domain.Drift:
        """As the domain has it."""
        rest = present(model=self.model, nu=self.nu, nu_sigma=self.nu_sigma, start_s=self.start)
        return domain.Drift(**rest)


class ReadText(EffectText):
    """Noise of a conductance that is read."""

    short = ("sigma",)

    model: domain.ReadModel | None = Field(
        None, description="proportional (default), independent, root, flicker, pcm or sonos"
    )
    sigma: Spread | None = Field(None, description="relative spread, e.g. 0.02")
    scale: Spread | None = Field(None, description="multiplies the spread of measured models (default 1)")
    time: Span | None = Field(None, description="how long a read takes, for flicker and pcm (default 250 ns)")
    start: Time | None = Field(None, description="when a device counts as programmed (default 20 s)")
    slow: bool | None = Field(
        None, description="whether it is the same in all products, instead of new in each (default false)"
    )

    @model_validator(mode="after")
    def _is_used(self) -> ReadText:
        _check_spread(self.model or domain.Read().model, self.sigma, self.scale)
        return self

    def lower(self) -> domain.Read:
        """As the domain has it."""
        rest = present(sigma=self.sigma, scale=self.scale, read_s=self.time, start_s=self.start, slow=self.slow)
        return domain.Read(**present(model=self.model), **rest)


class ThermalText(EffectText):
    """Johnson-Nyquist noise of the cells."""

    bandwidth: Frequency = Field(description="bandwidth of the circuit that reads a column, e.g. 10 MHz")
    voltage: Voltage = Field(description="the largest voltage on a row, e.g. 0.2 V")

    def lower(self) -> domain.Thermal:
        """As the domain has it."""
        return domain.Thermal(self.bandwidth, self.voltage)


class WiresText(EffectText):
    """Resistance of the wire between two neighbouring cells."""

    short = ("row", "column")

    row: Resistance | None = Field(None, description="along a row, e.g. 2.5 ohm")
    column: Resistance | None = Field(None, description="along a column, e.g. 2.5 ohm")

    @classmethod
    def alone(cls) -> dict[str, Any]:
        """What a value alone is, for an editor."""
        return UnitField((RESISTANCE,)).json_schema()

    def lower(self) -> domain.Wires:
        """As the domain has it."""
        return domain.Wires(**present(row_ohm=self.row, column_ohm=self.column))


class TemperatureText(EffectText):
    """Conductances that depend on the temperature."""

    per_kelvin: float | None = Field(None, description="relative change by a kelvin, e.g. -0.001")
    activation_ev: float | None = Field(None, ge=0, le=10, description="activation energy in electronvolts, e.g. 0.2")
    reference: Kelvin | None = Field(None, description="kelvins at which conductances are as written (default 300)")

    def lower(self) -> domain.Temperature:
        """As the domain has it."""
        rest = present(per_kelvin=self.per_kelvin, activation_ev=self.activation_ev, reference_k=self.reference)
        return domain.Temperature(**rest)


class NonlinearityText(EffectText):
    """Currents that are no line over the voltage."""

    short = ("bend",)

    bend: Spread = Field(description="currents go like sinh(bend * v), v relative to the largest voltage")

    def lower(self) -> domain.Nonlinearity:
        """As the domain has it."""
        return domain.Nonlinearity(self.bend)


class ConvertersText(EffectText):
    """Converters that differ from each other, and from what they did before."""

    short = ("gain",)

    offset: Spread | None = Field(None, description="standard deviation of what each adds, in its steps, e.g. 0.5")
    gain: Spread | None = Field(None, description="standard deviation of the factor of each, around 1, e.g. 0.01")
    noise: Spread | None = Field(None, description="standard deviation of what is new in each conversion, in steps")

    def lower(self) -> domain.Converters:
        """As the domain has it."""
        return domain.Converters(**present(**dict(self)))


class NoiseText(Strict):
    """What makes analog arrays compute something else than their weights say; nothing, where nothing is said."""

    programming: ProgrammingText | None = Field(None, description="error of what is written; or its spread alone")
    variation: VariationText | None = Field(None, description="devices that differ; or their spread alone")
    stuck: StuckText | None = Field(None, description="cells that cannot be written; or the share stuck off alone")
    drift: DriftText | None = Field(None, description="conductances that fall with time; or the exponent alone")
    temperature: TemperatureText | None = Field(None, description="what conductances do when it is not 300 K")
    read: ReadText | None = Field(
        None, description="noise of what is read, new in every product; or its spread alone"
    )
    thermal: ThermalText | None = Field(None, description="Johnson-Nyquist noise")
    wires: WiresText | None = Field(
        None, description="resistance of wires between cells; or one for rows and columns"
    )
    nonlinearity: NonlinearityText | None = Field(None, description="bent currents; or their bend alone")
    dac: ConvertersText | None = Field(None, description="DACs that differ; or the spread of their gain alone")
    adc: ConvertersText | None = Field(None, description="ADCs that differ; or the spread of their gain alone")
    time: Time | None = Field(None, description="time since the arrays were programmed, e.g. 1 d (default 0 s)")
    kelvin: Kelvin | None = Field(None, description="temperature of the arrays in kelvins (default 300)")
    compensation: bool | None = Field(
        None, description="whether outputs are multiplied by what makes up for drift on average (default false)"
    )

    def lower(self) -> domain.Noise:
        """As the domain has it."""
        effects = {name: getattr(self, name).lower() for name in domain.EFFECTS if getattr(self, name) is not None}
        rest = present(time_s=self.time, kelvin=self.kelvin, compensation=self.compensation)
        return domain.Noise(**effects, **rest)
