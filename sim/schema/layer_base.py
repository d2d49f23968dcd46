"""What the layers of a workload file have in common: how they are fed, word formats, windows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast

from pydantic import Field, PlainValidator, WithJsonSchema, create_model

from sim.errors import UnplacedError, nearest, shown
from sim.schema.validate import Bits, Names, Strict, reject
from sim.workload.build import NetworkBuilder
from sim.workload.value import Formats, Value
from sim.workload.window import Pads, Pair, Window

MANY = 1000

Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=10**15)]  # so that products of several can be shown; layers have a limit too
Density = Annotated[float, Field(gt=0, le=1)]
Ones = Annotated[float, Field(ge=0, le=1)]


class FedError(UnplacedError):
    """Something is wrong with what feeds a layer."""


@dataclass(frozen=True, slots=True)
class Site:
    """The place where a layer is added.

    Attributes:
        formats: of the whole network.
        values: what can be named, by the name of the layer that makes it.
        last: what the layer before makes; None before the first layer of a network without an input.
    """

    builder: NetworkBuilder
    formats: Formats
    values: Mapping[str, Value]
    last: Value | None

    def named(self, name: str) -> Value:
        """What a layer makes.

        Raises:
            FedError: when no layer before has the name.
        """
        if name not in self.values:
            raise FedError(f"no layer '{name}' comes before this one", hint=nearest(name, self.values))
        return self.values[name]

    def feed(self, names: list[str] | None, least: int, most: int) -> list[Value]:
        """What feeds a layer that takes from `least` to `most` inputs.

        Raises:
            FedError: for unknown layers, or another number of them.
        """
        if names is None and self.last is None:
            raise FedError("nothing comes before this layer", "`input:` in the file, e.g. input: [3, 224, 224]")
        values = [self.last] if names is None else [self.named(name) for name in names]
        if not least <= len(values) <= most:
            count = f"{least} or more" if most == MANY else str(least)
            raise FedError(f"fed by {len(values)}, but takes {count}", "that many layers under `from:`")
        return [value for value in values if value is not None]


def _size(value: object) -> Pair:
    """One whole number for rows and columns, or both."""
    both = [value, value] if isinstance(value, int) else value
    if isinstance(both, list) and len(both) == 2 and all(type(v) is int for v in both):
        return both[0], both[1]
    raise reject(f"{shown(value)} is not a size", "a whole number, or [rows, columns]")


_SIDES = "a whole number, [rows, columns] or [top, left, bottom, right]"


def _sides(value: object) -> Pads:
    """One whole number for all sides, or two, or four."""
    sides = [value] * 4 if isinstance(value, int) else value
    if isinstance(sides, list) and len(sides) == 2:
        sides = [*sides, *sides]
    if isinstance(sides, list) and len(sides) == 4 and all(type(v) is int for v in sides):
        return sides[0], sides[1], sides[2], sides[3]
    raise reject(f"{shown(value)} is not a padding", _SIDES)


def _padding(value: object) -> Pads | Literal["same"]:
    if isinstance(value, str) and value != "same":
        raise reject(f"{shown(value)} is not a padding", f"{_SIDES}, or same")
    return "same" if value == "same" else _sides(value)


def _whole(*lengths: int, **also: Any) -> WithJsonSchema:
    lists = [{"type": "array", "items": {"type": "integer"}, "minItems": n, "maxItems": n} for n in lengths]
    return WithJsonSchema({"anyOf": [{"type": "integer"}, *lists, *([also] if also else [])]})


Size = Annotated[Pair, PlainValidator(_size), _whole(2)]
Sides = Annotated[Pads, PlainValidator(_sides), _whole(2, 4)]
Padding = Annotated[Pads | Literal["same"], PlainValidator(_padding), _whole(2, 4, const="same")]


class LayerText(Strict):
    """A layer. One of its keys is one of `kinds` and holds its name."""

    kinds: ClassVar[tuple[str, ...]]

    @property
    def kind(self) -> str:
        """What it is."""
        return next(kind for kind in self.kinds if getattr(self, kind) is not None)

    @property
    def name(self) -> str:
        """What it is called."""
        return str(getattr(self, self.kind))

    @abstractmethod
    def lower(self, site: Site) -> Value:
        """Adds the layer to the network.

        Raises:
            FedError: when what feeds it is wrong.
            LayerError: when shapes do not fit.
        """


LayerType = TypeVar("LayerType", bound=type[LayerText])

KINDS: dict[str, type[LayerText]] = {}
"""The layers by the key that says what they are."""


def called(*kinds: str) -> Callable[[LayerType], LayerType]:
    """Gives a layer its keys: the model gets a field for each kind, of which a file has one."""

    def decorate(cls: LayerType) -> LayerType:
        default = ... if len(kinds) == 1 else None
        fields: Any = {kind: (Name, Field(default, description="name of the layer")) for kind in kinds}
        made = create_model(cls.__name__, __base__=cls, __module__=cls.__module__, __doc__=cls.__doc__, **fields)
        made.kinds = kinds
        KINDS.update(dict.fromkeys(kinds, made))
        return cast(LayerType, made)

    return decorate


class FedText(LayerText):
    """A layer fed by others: by `least` to `most` of them."""

    least: ClassVar[int] = 1
    most: ClassVar[int] = 1

    from_: Names | None = Field(
        None,
        alias="from",
        min_length=1,
        description="the layer that feeds it, or a list; `input` is the network's input (default: the layer before)",
    )

    def feed(self, site: Site) -> list[Value]:
        """What feeds it."""
        return site.feed(self.from_, self.least, self.most)


class PrecisionText(Strict):
    """Word widths."""

    inputs: Bits | None = Field(None, description="width of an input word, e.g. 8 bit")
    weights: Bits | None = Field(None, description="width of a weight, e.g. 8 bit")
    outputs: Bits | None = Field(None, description="width of an output word, e.g. 16 bit")


class DensityText(Strict):
    """Shares of words that are not zero."""

    inputs: Density | None = Field(None, description="share of input words that are not zero")
    weights: Density | None = Field(None, description="share of weights that are not zero")
    outputs: Density | None = Field(None, description="share of output words that are not zero")


class OnesText(Strict):
    """Mean shares of set bits."""

    inputs: Ones | None = Field(None, description="share of set bits in input words that are not zero")
    weights: Ones | None = Field(None, description="share of set bits in weights that are not zero")


def with_formats(
    formats: Formats, precision: PrecisionText | None, density: DensityText | None, ones: OnesText | None
) -> Formats:
    """Formats in which what a person wrote replaces what was there."""
    for name, text in (("bits", precision), ("density", density), ("ones", ones)):
        given = {role: value for role, value in text or () if value is not None}
        formats = replace(formats, **{r: replace(getattr(formats, r), **{name: v}) for r, v in given.items()})
    return formats


class MacText(FedText):
    """A layer that multiplies and accumulates."""

    precision: PrecisionText | None = Field(None, description="word widths that differ from the network's")
    density: DensityText | None = Field(None, description="shares of words that are not zero (default 1)")
    ones: OnesText | None = Field(
        None, description="mean shares of set bits, for analog arrays (default: what the machine says)"
    )

    def formats(self, site: Site) -> Formats:
        """The formats of its tensors."""
        return with_formats(site.formats, self.precision, self.density, self.ones)


class SlidingText(FedText):
    """A layer with a window that slides over rows and columns."""

    kernel: Size = Field(description="rows and columns of the window: 3, or [1, 7]")
    stride: Size | None = Field(None, description="rows and columns to move (default 1; for pools the kernel)")
    padding: Padding = Field((0, 0, 0, 0), description=f"zeros around the input: {_SIDES}, or same (default 0)")
    dilation: Size = Field((1, 1), description="distance of neighbouring words under the window (default 1)")

    def window(self, x: Value, stride: Pair = (1, 1)) -> Window:
        """The window over a feature map; `stride` holds where none is written."""
        stride = self.stride or stride
        if self.padding == "same":
            return Window.same((x.shape[-2], x.shape[-1]), self.kernel, stride, self.dilation)
        return Window(self.kernel, stride, self.dilation, self.padding)
