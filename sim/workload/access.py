"""Which words of their operands vector layers touch, said as einsums, so that parts of them can be followed back."""

from __future__ import annotations

from collections.abc import Mapping

from sim.workload.layer import Layer, LayerError, Rank, Tensor
from sim.workload.window import Window

Shape = tuple[int, ...]


def word_by_word(operands: Mapping[str, Shape], shape: Shape, whole: int = 0) -> Layer | None:
    """Every output word takes the word of the same index of each operand; axes of size one are repeated.

    Args:
        operands: shapes by name.
        shape: of the output.
        whole: so many axes at the end are taken whole for every word, as softmax does with the last.

    >>> access = word_by_word({"inputs": (2, 8, 8), "inputs2": (8,)}, (2, 8, 8), whole=1)
    >>> print(*access.tensors)
    inputs[axis0, axis1, whole2] inputs2[whole2] outputs[axis0, axis1, axis2]
    """
    first = len(shape) - whole
    dims = {f"axis{i}": size for i, size in enumerate(shape)}
    dims |= {f"whole{i}": shape[i] for i in range(first, len(shape))}

    def ranks(own: Shape) -> list[Rank]:
        axes = range(len(shape) - len(own), len(shape))
        names = [f"whole{i}" if i >= first else f"axis{i}" for i in axes]
        return [
            Rank.of(name) if size == shape[i] else Rank(()) for name, i, size in zip(names, axes, own, strict=True)
        ]

    if any(len(own) > len(shape) for own in operands.values()):
        return None
    return _access(
        dims, {name: ranks(own) for name, own in operands.items()}, [Rank.of(f"axis{i}") for i in range(len(shape))]
    )


def side_by_side(operands: Mapping[str, Shape], shape: Shape, axis: int) -> Layer | None:
    """Operands follow each other along one axis, of which each is taken whole."""
    dims = {f"axis{i}": size for i, size in enumerate(shape)}
    dims |= {f"whole_{name}": own[axis] for name, own in operands.items()}
    plain = [Rank.of(f"axis{i}") for i in range(len(shape))]
    ranks = {name: [*plain[:axis], Rank.of(f"whole_{name}"), *plain[axis + 1 :]] for name in operands}
    return _access(dims, ranks, plain)


def pooled(shape: Shape, window: Window, places: tuple[int, int]) -> Layer | None:
    """A window slides over the rows and columns of a feature map."""
    n, c, *size = shape
    dims = {"N": n, "C": c, "P": places[0], "Q": places[1], "R": window.kernel[0], "S": window.kernel[1]}
    rows, columns = window.ranks(("P", "Q"), ("R", "S"), (size[0], size[1]))
    taken = [Rank.of("N"), Rank.of("C"), rows, columns]
    return _access(dims, {"inputs": taken}, [Rank.of(d) for d in "NCPQ"])


def pooled_whole(shape: Shape) -> Layer | None:
    """Every feature map becomes one word."""
    ranks = [Rank.of(d) for d in "NCHW"]
    return _access(dict(zip("NCHW", shape, strict=True)), {"inputs": ranks}, [*ranks[:2], Rank(()), Rank(())])


def _access(dims: Mapping[str, int], taken: Mapping[str, list[Rank]], made: list[Rank]) -> Layer | None:
    """The einsum, or None where it has more points than a layer may have."""
    tensors = [Tensor(name, "inputs", tuple(ranks)) for name, ranks in taken.items()]
    try:
        return Layer("access", "access", tuple(dims.items()), (*tensors, Tensor("outputs", "outputs", tuple(made))))
    except LayerError:
        return None
