"""The part of architecture files that says how analog arrays work, and what only such machines may say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, WrapValidator, model_validator

from sim.arch import crossbar as domain
from sim.arch.noise import Noise
from sim.arch.tree import ArchitectureError, Converter, Fanout, Node
from sim.errors import ConfigError, Problem
from sim.schema.costs import present
from sim.schema.source import Source
from sim.schema.validate import Bits, Conductance, Strict, Time, UnitField, reject
from sim.units import DATA

if TYPE_CHECKING:
    from sim.schema.architecture import ArchitectureText

_EXACT = "exact"
_MOST_BITS = 24  # no array's sum is known better


def _resolution(value: object, handler: Callable[[object], int]) -> int:
    return 0 if value == _EXACT else handler(value)


def _few(bits: int) -> int:
    if bits > _MOST_BITS:
        raise reject(f"{bits} bit are too many", f"1 bit to {_MOST_BITS} bit")
    return bits


FewBits = Annotated[Bits, AfterValidator(_few)]
Resolution = Annotated[
    FewBits,
    WrapValidator(_resolution),
    WithJsonSchema({"anyOf": [{"const": _EXACT}, UnitField((DATA,)).json_schema()]}),
]
_IDLE = {
    "time_s": ("time", "drift, or read of the model flicker or pcm"),
    "kelvin": ("kelvin", "temperature or thermal"),
    "compensation": ("compensation", "drift or temperature"),
}
_ONES = "mean share of set bits in one that is not zero (default 0.5: all values equally likely)"


class WeightsText(Strict):
    """How weights are held."""

    bits: FewBits = Field(description="of a weight, sign included, e.g. 8 bit")
    signs: domain.Signs | None = Field(
        None, description="balanced (default), differential or offset: how a weight has a sign"
    )
    ones: float | None = Field(None, ge=0, le=1, description=_ONES)


class InputsText(Strict):
    """How inputs are applied."""

    bits: FewBits = Field(description="of an input, sign included where there are negative ones, e.g. 8 bit")
    step: FewBits | None = Field(None, description="bits that are applied at a time (default 1 bit)")
    signs: domain.InputSigns | None = Field(None, description="twos (default), pulses or offset: how one has a sign")
    scale: domain.InputScale | None = Field(
        None, description="calibrated (default) on sample data, or vector: by each vector's largest magnitude"
    )
    coding: domain.Coding | None = Field(
        None, description="amplitude (default) of one pulse, or unary: 2**step - 1 times the time of a pulse"
    )
    pulse: Time | None = Field(None, description="time of a pulse, settling included (default 100 ns)")
    ones: float | None = Field(None, ge=0, le=1, description=_ONES)


class CellText(Strict):
    """A memory cell as a conductance."""

    bits: FewBits | None = Field(None, description="bits that one cell holds (default: any conductance)")
    most: Conductance | None = Field(None, description="the largest conductance, e.g. 25 uS")
    least: Conductance | None = Field(None, description="the smallest conductance (default 0 uS)")

    @model_validator(mode="after")
    def _in_order(self) -> CellText:
        cell = domain.Cell(**present(most_us=self.most, least_us=self.least))
        if cell.least_us >= cell.most_us:
            what = f"the smallest conductance, {cell.least_us:g} uS, is not below the largest, {cell.most_us:g} uS"
            raise reject(what, "least below most")
        return self


class AdcText(Strict):
    """The converters at the columns."""

    bits: Resolution = Field(description="resolution, e.g. 8 bit; `exact` for one that loses nothing")
    range: domain.AdcRange | None = Field(
        None, description="calibrated (default), full or granular: what its full scale is"
    )
    columns: int | None = Field(None, ge=1, le=10**6, description="columns that share one (default 1)")
    percentile: float | None = Field(
        None, gt=50, le=100, description="percent of the sums that a calibrated range lets through (default 99.99)"
    )
    limit: float | None = Field(
        None, gt=0, description="largest current told apart, in currents of a cell that is on, instead of a range"
    )
    time: Time | None = Field(None, description="time of one conversion, e.g. 0.8 ns (default 0 ns)")


class CrossbarText(Strict):
    """How analog arrays work; their rows and columns are those of the innermost fanout."""

    weights: WeightsText = Field(description="how weights are held: bits, signs")
    inputs: InputsText = Field(description="how inputs are applied: bits, step, signs, coding, pulse")
    cell: CellText = Field(description="the memory cell: bits, most and least conductance")
    adc: AdcText = Field(description="the converters at the columns: bits, range, columns, time")
    active_rows: int | None = Field(None, ge=1, le=10**6, description="rows that are read at once (default: all)")
    overlap: bool | None = Field(
        None, description="whether sums are held and converted while the next step is applied (default true)"
    )
    measured: bool | None = Field(
        None, description="whether energies of cells and DACs are means over data already (default false)"
    )
    replicate: bool | None = Field(
        None, description="whether arrays that are left hold further copies of small layers (default false)"
    )
    reload: bool | None = Field(
        None, description="whether weights are written for every layer; else they stay for good (default false)"
    )
    groups: domain.Groups | None = Field(
        None, description="apart (default): each group of a layer has its arrays, or diagonal: several share one"
    )
    write: Time | None = Field(None, description="time of writing a row (default 0 ns)")

    def lower(self, rows: int, columns: int) -> domain.Crossbar:
        """As the domain has it.

        Raises:
            ArchitectureError: for numbers that contradict each other.
        """
        cell = present(bits=self.cell.bits, most_us=self.cell.most, least_us=self.cell.least)
        adc = present(
            range=self.adc.range,
            limit=self.adc.limit,
            columns=self.adc.columns,
            percentile=self.adc.percentile,
            time_s=self.adc.time,
        )
        rest = present(
            active_rows=self.active_rows,
            signs=self.weights.signs,
            weight_ones=self.weights.ones,
            step_bits=self.inputs.step,
            input_signs=self.inputs.signs,
            input_scale=self.inputs.scale,
            coding=self.inputs.coding,
            pulse_s=self.inputs.pulse,
            input_ones=self.inputs.ones,
            overlap=self.overlap,
            measured=self.measured,
            replicate=self.replicate,
            reload=self.reload,
            write_s=self.write,
            groups=self.groups,
        )
        return domain.Crossbar(
            rows,
            columns,
            weight_bits=self.weights.bits,
            input_bits=self.inputs.bits,
            cell=domain.Cell(**cell),
            adc=domain.Adc(self.adc.bits, **adc),
            **rest,
        )


def lower(text: ArchitectureText, nodes: Iterable[Node], source: Source) -> domain.Crossbar | None:
    """The arrays of a machine, with the rows and columns of its innermost fanout.

    None where nothing says these, which `CrossbarMachine` explains.

    Raises:
        ConfigError: for numbers that contradict each other.
    """
    fanouts = [node for node in nodes if isinstance(node, Fanout)]
    if text.crossbar is None or not fanouts or fanouts[-1].y == 1:
        return None
    try:
        return text.crossbar.lower(fanouts[-1].y, fanouts[-1].x)
    except ArchitectureError as error:
        raise ConfigError([source.problem(("crossbar",), str(error))]) from None


def with_resolution(nodes: Iterable[Node], arrays: domain.Crossbar | None) -> Iterator[Node]:
    """Nodes in which ADCs that lose nothing have as many bits as that takes: what they cost depends on it."""
    for node in nodes:
        attributes = dict(node.component.attributes) if isinstance(node, Converter) else {}
        if arrays and isinstance(node, Converter) and attributes.get("bits") == _EXACT:
            attributes["bits"] = f"{arrays.resolution} bit"
            node = replace(node, component=replace(node.component, attributes=tuple(attributes.items())))
        yield node


def affordable(arrays: domain.Crossbar | None, part: str, nodes: Iterable[Node]) -> str:
    """What is expected of an ADC whose model knows none that loses nothing; else nothing."""
    if arrays and not arrays.adc.bits and any(node.name == part and _is_adc(node) for node in nodes):
        return f"crossbar.adc.bits of fewer than the {arrays.resolution} bit that lose nothing here"
    return ""


def _is_adc(node: Node) -> bool:
    return isinstance(node, Converter) and node.component.model == "adc"


def lower_noise(text: ArchitectureText, arrays: domain.Crossbar | None, source: Source) -> Noise | None:
    """What makes the arrays of a machine err.

    Raises:
        ConfigError: for numbers that contradict each other, a model that was not measured for such cells, or a
            condition that no effect depends on.
    """
    if text.noise is None or arrays is None:
        return None
    noise = text.noise.lower()
    if noise.idle:
        raise ConfigError(
            source.problem(("noise", key), f"{key} changes nothing here", f"an effect that it matters to: {effects}")
            for key, effects in (_IDLE[name] for name in noise.idle)
        )
    try:
        noise.check(arrays.cell)
    except ArchitectureError as error:
        raise ConfigError([source.problem(("noise",), str(error))]) from None
    return noise


def misplaced(text: ArchitectureText, source: Source) -> Iterator[Problem]:
    """Keys that a machine of this class does not know, or lacks."""
    if text.engine != "crossbar":
        if text.crossbar is not None:
            what = f"a machine of class {text.engine} has no analog arrays"
            yield source.problem(("crossbar",), what, "class: crossbar", at_key=True)
        if text.noise is not None:
            what = f"a machine of class {text.engine} has no analog arrays that could err"
            yield source.problem(("noise",), what, "class: crossbar", at_key=True)
        return
    if text.crossbar is None:
        what = "a machine of class crossbar must say how its arrays work"
        yield source.problem(("class",), what, "a key crossbar, with weights, inputs, cell and adc")
    if text.dataflow is not None:
        what = "in a machine of class crossbar weights stay in their cells, so there is no dataflow to choose"
        yield source.problem(("dataflow",), what, "no such key", at_key=True)
