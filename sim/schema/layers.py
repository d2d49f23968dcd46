"""The layers of a workload file, and how each is handed to the `NetworkBuilder`."""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from sim.schema.index import Index
from sim.schema.layer_base import (
    KINDS,
    MANY,
    Count,
    Density,
    FedText,
    LayerText,
    MacText,
    Name,
    Ones,
    Sides,
    Site,
    Size,
    SlidingText,
    called,
)
from sim.schema.validate import Bits, Identifier, Strict, one_kind, reject
from sim.workload import vector
from sim.workload.layer import Layer, LayerError, Role, Tensor
from sim.workload.value import Value

_PLAIN = (
    "relu", "relu6", "leakyrelu", "clip", "sigmoid", "tanh", "gelu", "silu", "hardsigmoid", "hardswish",
    "batchnorm", "layernorm", "groupnorm", "rmsnorm", "softmax",
)  # fmt: skip


@called("conv")
class ConvText(SlidingText, MacText):
    """A convolution."""

    M: Count = Field(description="output channels, of all groups together")
    groups: Count = Field(1, description="groups of channels that do not see each other (default 1)")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        window, formats = self.window(x), self.formats(site)
        return site.builder.conv(self.name, x, self.M, window, groups=self.groups, formats=formats)


@called("depthwise")
class DepthwiseText(SlidingText, MacText):
    """A convolution of each channel for itself."""

    multiplier: Count = Field(1, description="output channels for each input channel (default 1)")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        window, formats = self.window(x), self.formats(site)
        return site.builder.depthwise(self.name, x, window, multiplier=self.multiplier, formats=formats)


@called("transposed_conv")
class TransposedConvText(SlidingText, MacText):
    """A transposed convolution."""

    M: Count = Field(description="output channels, of all groups together")
    groups: Count = Field(1, description="groups of channels that do not see each other (default 1)")
    padding: Sides = Field((0, 0, 0, 0), description="words taken away around the output (default 0)")
    output_padding: Size = Field((0, 0), description="rows and columns added below and right (default 0)")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        return site.builder.transposed_conv(
            self.name,
            x,
            self.M,
            self.window(x),
            groups=self.groups,
            extra=self.output_padding,
            formats=self.formats(site),
        )


@called("linear")
class LinearText(MacText):
    """A fully connected layer on the last axis; a feature map is taken as one long row."""

    M: Count = Field(description="outputs")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        if len(x.shape) == 4:
            x = site.builder.view(x, x.shape[0], math.prod(x.shape[1:]))
        return site.builder.linear(self.name, x, self.M, formats=self.formats(site))


@called("matmul")
class MatmulText(MacText):
    """The product of what two layers make, ``from: [a, b]``; all axes but the last two must be equal or 1."""

    least: ClassVar = 2
    most: ClassVar = 2

    def lower(self, site: Site) -> Value:
        """Adds it."""
        x, y = self.feed(site)
        return site.builder.matmul(self.name, x, y, formats=self.formats(site))


@called("attention_scores")
class ScoresText(MacText):
    """Attention scores ``Q K^T`` of each head; ``from: [queries, keys]``, each sequence x features."""

    least: ClassVar = 2
    most: ClassVar = 2

    heads: Count = Field(description="heads that share the features")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        queries, keys = self.feed(site)
        q = site.builder.heads(queries, self.heads)
        k = site.builder.heads(keys, self.heads, transposed=True)
        return site.builder.matmul(self.name, q, k, formats=self.formats(site))


@called("attention_context")
class ContextText(MacText):
    """Values weighted with attention ``A V``; ``from: [attention, values]``, the values sequence x features."""

    least: ClassVar = 2
    most: ClassVar = 2

    def lower(self, site: Site) -> Value:
        """Adds it."""
        attention, values = self.feed(site)
        if len(attention.shape) != 4:
            raise LayerError(
                f"layer {self.name}: the attention must be batch x heads x rows x columns, not {attention}"
            )
        v = site.builder.heads(values, attention.shape[1])
        return site.builder.joined(site.builder.matmul(self.name, attention, v, formats=self.formats(site)))


@called("maxpool", "avgpool")
class PoolText(SlidingText):
    """Pooling."""

    ceil: bool = Field(False, description="whether a last window that is only partly covered counts (default false)")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        window = self.window(x, self.kernel)
        return site.builder.pool(self.name, self.kind.removesuffix("pool"), x, window, ceil=self.ceil)


@called("global_avgpool", "global_maxpool")
class GlobalPoolText(FedText):
    """Pooling of whole feature maps to 1x1."""

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        mode = self.kind.removeprefix("global_").removesuffix("pool")
        return site.builder.global_pool(self.name, mode, x)


@called(*_PLAIN)
class PlainText(FedText):
    """An activation or normalization."""

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        return site.builder.vector(self.name, self.kind, x)


@called("add", "sub", "mul", "div", "max", "min")
class ElementwiseText(FedText):
    """Two or more inputs, word by word, ``from: [a, b]``; their axes must be equal or 1."""

    least: ClassVar = 2
    most: ClassVar = MANY

    def lower(self, site: Site) -> Value:
        """Adds it."""
        return site.builder.elementwise(self.name, self.kind, *self.feed(site))


@called("concat")
class ConcatText(FedText):
    """Inputs side by side, ``from: [a, b]``."""

    most: ClassVar = MANY

    axis: int = Field(1, ge=1, description="along which axis; the batch is axis 0 (default 1, channels)")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        return site.builder.concat(self.name, *self.feed(site), axis=self.axis)


@called("upsample")
class UpsampleText(FedText):
    """More rows and columns by repetition or interpolation."""

    scale: Size = Field(description="output words for an input word: 2, or [rows, columns]")
    mode: Literal["nearest", "linear", "cubic"] = Field("nearest", description="interpolation (default nearest)")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        return site.builder.upsample(self.name, self.mode, x, self.scale)


@called("embedding")
class EmbeddingText(FedText):
    """A row of a table for each input word."""

    features: Count = Field(description="words of a row")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        return site.builder.embedding(self.name, x, self.features)


@called("lrn")
class LrnText(FedText):
    """Local response normalization."""

    size: Count = Field(5, description="neighbouring channels that are summed (default 5)")

    def lower(self, site: Site) -> Value:
        """Adds it."""
        (x,) = self.feed(site)
        return site.builder.vector(self.name, "lrn", x, ops=x.words * vector.lrn_ops(self.size))


@called("reshape")
class ReshapeText(FedText):
    """The same words in another shape; moves nothing."""

    shape: list[Count] = Field(min_length=1, description="words along each axis, without the batch")

    def lower(self, site: Site) -> Value:
        """Adds no layer: what comes after is fed by the one before."""
        (x,) = self.feed(site)
        return site.builder.view(x, x.shape[0], *self.shape)


class TensorText(Strict):
    """A tensor of an einsum."""

    index: list[Index] = Field(description="its indices, each a sum of dimensions: [N, C, 2*P + R - 1]")
    role: Role = Field(description="what the hardware takes it for: inputs, weights or outputs")
    extent: list[Count] | None = Field(
        None, description="words along each index that exist; beyond is padding (default: all that are reached)"
    )
    bits: Bits | None = Field(None, description="word width (default: the network's, by role)")
    density: Density | None = Field(None, description="share of words that are not zero (default 1)")
    ones: Ones | None = Field(None, description="mean share of set bits, for analog arrays (default: the machine's)")

    @model_validator(mode="after")
    def _extent_fits(self) -> TensorText:
        if self.extent is not None and len(self.extent) != len(self.index):
            raise reject(f"there are {len(self.index)} indices but {len(self.extent)} extents", "one for each")
        return self


@called("einsum")
class EinsumText(LayerText):
    """Any sum of products of tensors."""

    dims: dict[Identifier, Count] = Field(min_length=1, description="bounds by dimension: {M: 4, N: 8, K: 16}")
    tensors: dict[Identifier, TensorText] = Field(description="tensors by name")
    from_: dict[Identifier, Name] = Field(
        {}, alias="from", description="layers that make tensors, by tensor (default: they come from outside)"
    )

    def lower(self, site: Site) -> Value:
        """Adds it."""
        tensors = tuple(self._tensor(name, text, site) for name, text in self.tensors.items())
        layer = Layer(self.name, "einsum", tuple(self.dims.items()), tensors)
        return site.builder.einsum(layer, {layer.tensor(t).name: site.named(n) for t, n in self.from_.items()})

    def _tensor(self, name: str, text: TensorText, site: Site) -> Tensor:
        extents = text.extent or (None,) * len(text.index)
        ranks = tuple(replace(rank, extent=e) for rank, e in zip(text.index, extents, strict=True))
        default = getattr(site.formats, text.role)
        ones = default.ones if text.ones is None else text.ones
        return Tensor(name, text.role, ranks, text.bits or default.bits, text.density or default.density, ones)


def _check_entry(value: object) -> object:
    return one_kind(value, ("block", *KINDS), "a layer", "e.g. `- conv: conv1` and its other keys below")


def _tag(value: dict[str, object]) -> str:
    # The tags must differ from all keys, so that locations in pydantic's errors can be told apart.
    return next(layer.__name__ for kind, layer in KINDS.items() if kind in value)


if TYPE_CHECKING:
    Entry = LayerText
else:
    _TAGGED = (Annotated[layer, Tag(layer.__name__)] for layer in dict.fromkeys(KINDS.values()))
    Entry = Annotated[functools.reduce(operator.or_, _TAGGED), Discriminator(_tag), BeforeValidator(_check_entry)]
