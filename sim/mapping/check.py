"""Says whether a machine can run a mapping, and if not, why, with numbers."""

from __future__ import annotations

from collections.abc import Iterator

from sim.arch.tree import ALL, Architecture, ArchitectureError, Compute, Converter, Fanout, Memory, Node, keeps
from sim.errors import MappingError, there_are
from sim.mapping.counts import count_words
from sim.mapping.nest import Keep, Mapping, Parallel
from sim.workload.layer import ROLES, Layer
from sim.workload.network import Network


def check(mapping: Mapping, layer: Layer, arch: Architecture) -> None:
    """Pass silently or raise.

    Raises:
        MappingError: with every reason for which the machine cannot run the mapping, one a line.
    """
    reasons = list(_names(mapping, layer, arch))
    if not reasons:
        reasons = [*_bounds(mapping, layer), *_keeps(mapping, layer, arch), *_spaces(mapping, arch)]
    if not reasons:
        reasons = list(_room(mapping, layer, arch))
    if reasons:
        lines = "\n".join(f"  - {reason}" for reason in reasons)
        place = f"{mapping.place}: " if mapping.place else ""
        raise MappingError(f"{place}{arch.name} cannot run this mapping of layer {layer.name}:\n{lines}")


def _names(mapping: Mapping, layer: Layer, arch: Architecture) -> Iterator[str]:
    """Everything that is named exists."""
    levels, fanouts = [m.name for m in arch.memories], [f.name for f in arch.fanouts]
    tensors, dims = [t.name for t in layer.tensors], [d for d, _ in layer.dims]
    for item in mapping:
        if isinstance(item, Keep):
            if item.level not in levels:
                yield _unknown(item, "memory", item.level, levels)
            yield from (_unknown(item, "tensor", t, tensors) for t in item.tensors if t not in tensors)
            continue
        if item.dim not in dims:
            yield _unknown(item, "dimension", item.dim, dims)
        if item.bound < 1:
            yield f"'{item}': the bound must be at least 1"
        if isinstance(item, Parallel) and item.fanout not in fanouts:
            yield _unknown(item, "fanout", item.fanout, fanouts)


def _unknown(item: object, what: str, name: str, known: list[str]) -> str:
    return f"'{item}': no {what} {name}; {there_are(known, name)}"


def _bounds(mapping: Mapping, layer: Layer) -> Iterator[str]:
    """The loops of every dimension cover it, and none of them runs into nothing."""
    loops, steps = mapping.loops, mapping.steps()
    for dim, size in layer.dims:
        own = [(loop, step) for loop, step in zip(loops, steps, strict=True) if loop.dim == dim]
        product = own[0][0].bound * own[0][1] if own else 1
        if product < size:
            yield f"the loops over {dim} cover {product} of its {size} iterations"
        for loop, step in own:
            most = -(-size // step)
            if loop.bound > most:
                left = f", as the loops inside it take steps of {step}" if step > 1 else ""
                yield f"'{loop}': {dim} has {size} iterations, so a bound of {most} is enough{left}"


def _keeps(mapping: Mapping, layer: Layer, arch: Architecture) -> Iterator[str]:
    """Every tensor is kept at its home first, then inward, where it may be, once a level."""
    order = {m.name: i for i, m in enumerate(arch.memories)}
    for tensor in layer.tensors:
        home = arch.home(tensor.name).name
        kept: list[str] = []
        outside = 0
        for item in mapping:
            if not isinstance(item, Keep):
                outside += 1
                continue
            if tensor.name not in item.tensors:
                continue
            if item.tensors.count(tensor.name) > 1:
                yield f"'{item}': names {tensor.name} more than once"
            memory = arch[item.level]
            assert isinstance(memory, Memory)
            if not keeps(memory, tensor.name, tensor.role):
                yield f"'{item}': {item.level} keeps {', '.join(memory.keeps)}, not {tensor.name}"
            if kept and order[kept[-1]] >= order[item.level]:
                yield f"'{item}': {tensor.name} is already kept in {kept[-1]}, which is not further out"
            if not kept and (item.level != home or outside):
                yield f"{tensor.name} must be kept in {home} before any loop"
            kept.append(item.level)
        if not kept:
            yield f"{tensor.name} is kept nowhere; it must be kept in {home} before any loop"


def _spaces(mapping: Mapping, arch: Architecture) -> Iterator[str]:
    """Loops in space fit their axes and stand between the memories above and below their fanout."""
    node = {n.name: i for i, n in enumerate(arch.nodes)}
    used: dict[tuple[str, str], int] = {}
    for i, item in enumerate(mapping.items):
        if not isinstance(item, Parallel):
            continue
        used[item.fanout, item.axis] = used.get((item.fanout, item.axis), 1) * item.bound
        for j, other in enumerate(mapping.items):
            if isinstance(other, Keep) and (node[other.level] < node[item.fanout]) != (j < i):
                where = ("above", "outside") if j > i else ("below", "inside")
                yield f"'{item}': {other.level} is {where[0]} {item.fanout}, so '{other}' must stand {where[1]} it"
    for (name, axis), copies in used.items():
        fanout = arch[name]
        assert isinstance(fanout, Fanout)
        most = fanout.x if axis == "x" else fanout.y
        if copies > most:
            yield f"the loops over {name}.{axis} need {copies} copies, and there are {most}"


def _room(mapping: Mapping, layer: Layer, arch: Architecture) -> Iterator[str]:
    """The tiles of every memory fit beside what is taken of it; that is where tensors are at home in it."""
    counts = count_words(layer, arch, mapping)
    for memory in arch.memories:
        tiles = [
            (t, counts.tile(memory.name, t.name)) for t in layer.tensors if (t.name, memory.name) not in arch.homes
        ]
        bits = sum(words * t.bits for t, words in tiles) * memory.room_per_tile
        room = memory.room_bits * memory.room_per_tile
        if bits > room:
            parts = ", ".join(f"{t.name} {words} words of {t.bits} bit" for t, words in tiles if words)
            twice = ", twice because it is double-buffered" if memory.room_per_tile == 2 else ""
            yield (
                f"{memory.name} has room for {room:.0f} bit and its tiles need {bits}, "
                f"{bits - room:.0f} too many: {parts}{twice}"
            )


def check_tensors(arch: Architecture, network: Network) -> None:
    """Pass silently if all tensors that a machine's nodes name are roles or tensors of a network.

    Raises:
        ArchitectureError: with every name that means nothing; such a node would quietly do nothing.
    """
    tensors = (tensor.name for layer in network.mac_layers for tensor in layer.tensors)
    known = list(dict.fromkeys((ALL, *ROLES, *tensors)))
    problems = []
    for node in arch:
        unknown = [name for name in dict.fromkeys(_tensors(node)) if name not in known]
        for name in unknown:
            problems.append(
                f"architecture {arch.name}, {node.name}: no layer of {network.name} has a tensor '{name}'; "
                f"{there_are(known, name)}"
            )
    if problems:
        raise ArchitectureError("\n".join(problems))


def _tensors(node: Node) -> Iterator[str]:
    """All tensors and roles that a node names."""
    match node:
        case Memory():
            yield from node.keeps
            yield from (c.tensor for c in node.compression)
            yield from (s.target for s in node.savings)
        case Fanout():
            yield from (link.tensor for link in node.links)
        case Converter():
            yield from node.tensors
    if isinstance(node, Memory | Compute):
        yield from (name for s in node.savings for name in s.on)
