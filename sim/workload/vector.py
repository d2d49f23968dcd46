"""What the layers that do not multiply-accumulate do for each word: the one table of elementary operations.

An elementary operation is an addition, multiplication, division, comparison or the evaluation of one function of one
variable (exponential, sigmoid, GELU ...: hardware looks them up). The few operations that are done once for a whole
row of words (the division of a mean, the root of a variance) are not counted, nor are parameters for each channel.
"""

from __future__ import annotations

#: Functions of one word: one operation. They are done on the way out of the layer before them where that is possible.
ACTIVATIONS = frozenset({
    "relu", "relu6", "leakyrelu", "prelu", "thresholdedrelu", "clip", "elu", "selu", "celu", "softplus", "softsign",
    "sigmoid", "hardsigmoid", "tanh", "gelu", "silu", "hardswish", "mish", "erf", "exp", "log", "sqrt", "reciprocal",
    "abs", "neg", "sign", "floor", "ceil", "round", "sin", "cos", "not",
})  # fmt: skip

#: Multiplication with and addition of constants, operations a word; none where they fold into weights and bias.
AFFINE = {"batchnorm": 2, "scale": 1, "bias": 1}

#: Two or more operands, word by word: one operation less than there are operands.
ELEMENTWISE = frozenset({
    "add", "sub", "mul", "div", "max", "min", "mean", "pow", "mod", "and", "or", "xor", "equal", "greater", "less",
    "where",
})  # fmt: skip

#: Words are only copied to other places: no operation.
MOVES = frozenset({"concat", "transpose", "pad", "tile", "depth_to_space", "space_to_depth", "gather"})

#: Operations for each output word, by kind.
OPS_PER_WORD: dict[str, int] = (
    dict.fromkeys(ACTIVATIONS, 1)
    | dict.fromkeys(MOVES, 0)
    | AFFINE
    | {
        # Mean, difference, square, variance; then times 1/sigma, times gamma, plus beta.
        "layernorm": 7,
        "groupnorm": 7,
        "instancenorm": 7,
        # Square, sum; then times 1/rms, times gamma.
        "rmsnorm": 4,
        # Maximum, difference, exponential, sum, division; the logarithm instead of a division costs as much.
        "softmax": 5,
        "logsoftmax": 5,
    }
)

#: Axes at the end that are taken whole for every output word, for kinds of which that is known.
WHOLE_AXES: dict[str, int] = dict.fromkeys(ACTIVATIONS | AFFINE.keys() | ELEMENTWISE, 0) | dict.fromkeys(
    ("layernorm", "rmsnorm", "softmax", "logsoftmax"), 1
)

#: Source words under one output word of an interpolation along two axes.
RESIZE_TAPS = {"nearest": 1, "linear": 4, "cubic": 16}


def pool_ops(window: int, mode: str) -> int:
    """Operations for a pooled word: ``max`` compares, ``avg`` adds and multiplies once by the reciprocal.

    >>> pool_ops(9, "max"), pool_ops(9, "avg")
    (8, 9)
    """
    return window - 1 if mode == "max" else window


def lrn_ops(size: int) -> int:
    """Operations for a word of local response normalization: square, window sum, scale, offset, power, division.

    Source: Krizhevsky et al., NIPS 2012, section 3.3; `size` is the number n of neighbouring maps.
    """
    return 1 + (size - 1) + 4


def resize_ops(mode: str) -> int:
    """Operations for an interpolated word: a product for each tap and the sums between them; none for ``nearest``."""
    taps = RESIZE_TAPS[mode]
    return 2 * taps - 1 if taps > 1 else 0
