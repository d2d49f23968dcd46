"""Random layers, machines and loop nests for property tests."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import strategies as st

from sim.arch.tree import (
    ALL,
    Architecture,
    Component,
    Compression,
    Compute,
    Converter,
    Fanout,
    Given,
    Link,
    Memory,
    Node,
    ZeroSaving,
    keeps,
)
from sim.mapping.dataflow import ANY, Dataflow, Spread, letters, pe_memories
from sim.mapping.nest import For, Item, Keep, Mapping, Parallel
from sim.workload.layer import Layer, Rank, Tensor


def _rank(*terms: tuple[str, int], pad: int = 0, extent: int | None = None) -> Rank:
    return Rank(terms, -pad, extent)


@st.composite
def convolutions(draw: st.DrawFn) -> Layer:
    """Convolutions in one or two dimensions with stride, dilation, padding and groups; small."""
    dims = {"P": draw(st.integers(1, 6)), "R": draw(st.integers(1, 3))}
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    two = draw(st.booleans())
    if two:
        dims |= {"Q": draw(st.integers(1, 3)), "S": draw(st.integers(1, 2))}
    for name, most in (("M", 3), ("C", 3), ("G", 2), ("N", 2)):
        if draw(st.booleans()):
            dims[name] = draw(st.integers(2, most))
    plain = [Rank.of(d) for d in "NGMC" if d in dims]
    windows = []
    for out, filt in (("P", "R"), ("Q", "S"))[: 1 + two]:
        high = stride * (dims[out] - 1) + dilation * (dims[filt] - 1)
        pad = draw(st.integers(0, 1))
        cut = draw(st.integers(0, 1))
        extent = high + 1 - pad - cut
        padded = extent > 0 and (pad or cut) and _reaches(dims[out], dims[filt], stride, dilation, pad, extent)
        window = _rank((out, stride), (filt, dilation), pad=pad if padded else 0, extent=extent if padded else None)
        windows.append(window)
    tensors = (
        Tensor("weights", "weights", tuple(r for r in plain if r.dims[0] in "GMC") + _filter(two)),
        Tensor("inputs", "inputs", tuple(r for r in plain if r.dims[0] in "NGC") + tuple(windows)),
        Tensor("outputs", "outputs", tuple(r for r in plain if r.dims[0] in "NGM") + _pixels(two)),
    )
    return Layer("conv", "conv", tuple(dims.items()), tensors)


def _reaches(out: int, filt: int, stride: int, dilation: int, pad: int, extent: int) -> bool:
    return any(0 <= stride * p + dilation * r - pad < extent for p in range(out) for r in range(filt))


def _filter(two: bool) -> tuple[Rank, ...]:
    return (Rank.of("R"), Rank.of("S")) if two else (Rank.of("R"),)


def _pixels(two: bool) -> tuple[Rank, ...]:
    return (Rank.of("P"), Rank.of("Q")) if two else (Rank.of("P"),)


@st.composite
def transposed(draw: st.DrawFn) -> Layer:
    """Transposed convolutions: the output's index is the compound one."""
    dims = {"H": draw(st.integers(1, 5)), "R": draw(st.integers(1, 4)), "M": draw(st.integers(1, 2))}
    dims["C"] = draw(st.integers(1, 3))
    stride = draw(st.integers(1, 3))
    high = stride * (dims["H"] - 1) + dims["R"] - 1
    pad = draw(st.integers(0, 1))
    padded = high - pad > 0
    out = _rank(("H", stride), ("R", 1), pad=pad if padded else 0, extent=high + 1 - 2 * pad if padded else None)
    if padded and not _reaches(dims["H"], dims["R"], stride, 1, pad, high + 1 - 2 * pad):
        out = _rank(("H", stride), ("R", 1))
    tensors = (
        Tensor("weights", "weights", (Rank.of("M"), Rank.of("C"), Rank.of("R"))),
        Tensor("inputs", "inputs", (Rank.of("C"), Rank.of("H"))),
        Tensor("outputs", "outputs", (Rank.of("M"), out)),
    )
    return Layer("transposed", "conv", tuple(dims.items()), tensors)


@st.composite
def matrix_products(draw: st.DrawFn) -> Layer:
    """GEMM, batched or not, and an einsum with an index of three terms."""
    m, n, k = (draw(st.integers(1, 7)) for _ in range(3))
    if draw(st.booleans()):
        return Layer.einsum("gemm", {"M": m, "N": n, "K": k}, inputs="M K", weights="K N", outputs="M N")
    dims = {"P": min(m, 4), "R": min(n, 3), "T": min(k, 3)}
    tensors = (
        Tensor("weights", "weights", (Rank.of("R"), Rank.of("T"))),
        Tensor("inputs", "inputs", (_rank(("P", 1), ("R", 2), ("T", 1)),)),
        Tensor("outputs", "outputs", (Rank.of("P"),)),
    )
    return Layer("three", "einsum", tuple(dims.items()), tensors)


def layers() -> st.SearchStrategy[Layer]:
    """Any of the above."""
    return st.one_of(convolutions(), convolutions(), matrix_products(), transposed())


@st.composite
def machines(draw: st.DrawFn) -> Architecture:
    """Two to five memories, zero to two fanouts, with and without multicast, reduction, bypass and homes on chip."""
    roles = ("inputs", "weights", "outputs")
    nodes: list[Memory | Fanout | Compute] = [Memory("dram", (ALL,), math.inf)]

    def memory(name: str) -> None:
        if draw(st.booleans()):
            kept = tuple(r for r in roles if draw(st.booleans()))
            if kept:
                nodes.append(Memory(name, kept, 1e9))

    def fanout(name: str) -> None:
        if draw(st.booleans()):
            flag = st.booleans()
            links = tuple(Link(r, draw(flag), draw(flag), draw(flag)) for r in roles if draw(flag))
            nodes.append(Fanout(name, 3, 2, links))

    memory("glb")
    fanout("array")
    memory("rf")
    fanout("lanes")
    memory("latch")
    nodes.append(Compute("mac"))
    return draw(settled(Architecture("machine", tuple(nodes))))


@st.composite
def settled(draw: st.DrawFn, arch: Architecture) -> Architecture:
    """The machine, where some tensors may be at home in a memory on the chip of which there is one."""
    homes = []
    for role in ("inputs", "weights", "outputs"):
        may = [m for m in arch.memories[1:] if keeps(m, role, role) and arch.instances(m.name) == 1]
        if may and draw(st.integers(0, 3)) == 0:
            homes.append((role, draw(st.sampled_from(may)).name))
    return replace(arch, homes=tuple(homes))


@st.composite
def nests(draw: st.DrawFn, layer: Layer, arch: Architecture, divide: bool = False) -> Mapping:
    """A legal mapping: random bounds (dividing or not), order, spatial assignment and keep positions."""
    loops = draw(_loops(layer, arch, divide))
    nodes = list(arch.nodes)
    where = {n.name: i for i, n in enumerate(nodes)}
    at_home = {m: tuple(t.name for t in layer.tensors if arch.home(t.name) is m) for m in arch.memories}
    items: list[Item] = [Keep(m.name, tensors) for m, tensors in at_home.items() if tensors]
    after: dict[int, list[Item]] = {}
    spatial = [where[x.fanout] for x in loops if isinstance(x, Parallel)]
    for tensor in layer.tensors:
        lowest = 0
        for memory in arch.keepers(tensor.name, tensor.role)[1:]:
            if not draw(st.integers(0, 3)):
                continue
            node = where[memory.name]
            outer = [i for i, x in enumerate(loops) if isinstance(x, Parallel) and where[x.fanout] < node]
            inner = [i for i, x in enumerate(loops) if isinstance(x, Parallel) and where[x.fanout] > node]
            low, high = max([lowest, *(i + 1 for i in outer)]), min([len(loops), *inner])
            if low <= high:
                lowest = draw(st.integers(low, high))
                after.setdefault(lowest, []).append(Keep(memory.name, (tensor.name,)))
    assert spatial == sorted(spatial)
    for i in range(len(loops) + 1):
        items += sorted(after.get(i, []), key=lambda k: where[k.level])  # type: ignore[union-attr]
        items += loops[i : i + 1]
    return Mapping(tuple(items))


@st.composite
def _loops(draw: st.DrawFn, layer: Layer, arch: Architecture, divide: bool) -> list[For | Parallel]:
    names = [d for d, _ in layer.dims for _ in range(draw(st.integers(0, 3)))]
    names += [d for d, b in layer.dims if d not in names and b > 1]
    names = draw(st.permutations(names))
    room = {(f.name, a): n for f in arch.fanouts for a, n in (("x", f.x), ("y", f.y))}
    order = {f.name: i for i, f in enumerate(arch.fanouts)}
    left = layer.sizes
    last = len(arch.fanouts)
    out: list[For | Parallel] = []
    for i in range(len(names) - 1, -1, -1):  # innermost first
        dim = names[i]
        outermost = dim not in names[:i]
        choices = [b for b in range(1, min(3, left[dim]) + 1) if not divide or left[dim] % b == 0]
        bound = left[dim] if outermost else draw(st.sampled_from(choices))
        left[dim] = -(-left[dim] // bound)
        fits = [k for k in room if room[k] >= bound > 1 and order[k[0]] <= last]
        key = draw(st.sampled_from([None, *fits]))
        if key is None:
            if bound > 1 or draw(st.booleans()):
                out.append(For(dim, bound))
        else:
            room[key] //= bound
            last = order[key[0]]
            out.append(Parallel(key[0], key[1], dim, bound))  # type: ignore[arg-type]
    return out[::-1]


ROLES = ("inputs", "weights", "outputs")


def _component(draw: st.DrawFn, *quantities: str) -> Component:
    """Something with these costs, of which some are zero."""
    cost = st.one_of(st.just(0.0), st.floats(0.01, 200))
    return Component(given=tuple((q, Given(draw(cost), "drawn")) for q in quantities))


def _bandwidth(draw: st.DrawFn) -> float:
    return draw(st.one_of(st.just(math.inf), st.floats(0.5, 256)))


def _savings(draw: st.DrawFn, targets: tuple[str, ...]) -> tuple[ZeroSaving, ...]:
    kinds = st.sampled_from(["gating", "skipping"])
    on = st.sampled_from([("inputs",), ("weights",), ("inputs", "weights")])
    one = st.builds(ZeroSaving, kinds, st.sampled_from(targets), on)
    return tuple(draw(st.lists(one, max_size=2)))


def _priced(draw: st.DrawFn, node: Node) -> Node:
    if isinstance(node, Memory):
        formats = st.builds(
            Compression,
            st.sampled_from(ROLES),
            st.sampled_from(["rlc", "csc", "bitmask"]),
            st.integers(1, 6),
            st.sampled_from([0, 64]),
            st.booleans(),
        )
        return replace(
            node,
            width_bits=draw(st.sampled_from([8, 16, 64])),
            read_bandwidth=_bandwidth(draw),
            write_bandwidth=_bandwidth(draw),
            bandwidth=_bandwidth(draw),
            buffering=draw(st.sampled_from(["buffet", "double", "single"])),
            component=_component(draw, "read_pj", "write_pj", "cycle_pj", "leakage_mw"),
            compression=tuple(draw(st.lists(formats, max_size=2))),
            savings=_savings(draw, ROLES),
        )
    if isinstance(node, Fanout):
        links = [
            replace(link, bandwidth=_bandwidth(draw), component=_component(draw, "word_pj", "cycle_pj"))
            for link in node.links
        ]
        return replace(node, links=tuple(links))
    assert isinstance(node, Compute)
    return replace(
        node,
        cycles=draw(st.sampled_from([0.5, 1.0, 3.0])),
        depth=draw(st.integers(1, 5)),
        component=_component(draw, "op_pj", "gated_pj", "cycle_pj"),
        savings=_savings(draw, (node.name,)),
    )


@st.composite
def priced_machines(draw: st.DrawFn) -> Architecture:
    """Machines with bandwidths, buffering, converters, savings on zeros, and costs; room for everything."""
    arch = draw(machines())
    nodes: list[Node] = []
    for i, node in enumerate(arch.nodes):
        if i and draw(st.integers(0, 3)) == 0:
            of = draw(st.sampled_from([(ALL,), ("inputs",), ("outputs", "weights")]))
            nodes.append(Converter(f"converter{i}", of, _component(draw, "word_pj", "cycle_pj")))
        nodes.append(_priced(draw, node))
    return replace(arch, nodes=tuple(nodes), clock_hz=draw(st.sampled_from([2e8, 1e9])))


@st.composite
def sparse(draw: st.DrawFn, layer: Layer) -> Layer:
    """The layer with random densities and word widths."""
    bits, density = st.sampled_from([4, 8, 16]), st.one_of(st.just(1.0), st.floats(0.05, 1))
    tensors = tuple(replace(t, bits=draw(bits), density=draw(density)) for t in layer.tensors)
    return replace(layer, tensors=tensors)


@st.composite
def resized(draw: st.DrawFn, arch: Architecture) -> Architecture:
    """The machine with little memory: 1 to 40 words of 16 bits at every level but the outermost, some of it taken."""
    words, taken = st.integers(1, 40), st.sampled_from([0, 0, 3])
    nodes = [
        replace(node, size_bits=16.0 * (draw(words) + (n := draw(taken))), taken_bits=16.0 * n)
        if isinstance(node, Memory) and i
        else node
        for i, node in enumerate(arch.nodes)
    ]
    return replace(arch, nodes=tuple(nodes))


PARTS = st.sampled_from(["all", "some", "inputs", "weights", "outputs", "array"])
GRIDS = st.sampled_from([(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 4), (5, 1), (3, 2)])


@st.composite
def small_machines(draw: st.DrawFn) -> Architecture:
    """Machines for exhaustive search: up to three buffers and two fanouts, in any order, roomy or not, priced.

    Tensors may be at home on the chip, as in `settled`.
    """
    nodes: list[Node] = [Memory("dram", (ALL,), math.inf)]
    for i, part in enumerate(draw(st.lists(PARTS, min_size=1, max_size=4))):
        if part != "array":
            kept = {"all": (ALL,), "some": tuple(draw(st.permutations(ROLES))[:2])}.get(part, (part,))
            if sum(isinstance(n, Memory) for n in nodes) < 4:
                room, taken = draw(st.one_of(st.just(math.inf), st.integers(1, 24))), draw(st.sampled_from([0, 0, 3]))
                nodes.append(Memory(f"buffer{i}", kept, 16.0 * (room + taken), taken_bits=16.0 * taken))
        elif sum(isinstance(n, Fanout) for n in nodes) < 2:
            flag = st.booleans()
            links = tuple(Link(r, draw(flag), draw(flag), draw(flag)) for r in ROLES if draw(flag))
            nodes.append(Fanout(f"array{i}", *draw(GRIDS), links))
    nodes.append(Compute("mac"))
    return draw(settled(Architecture("machine", tuple(_priced(draw, node) for node in nodes))))


def choices(arch: Architecture) -> int:
    """In how many memories tensors may be kept or not."""
    return sum(len(ROLES) if ALL in m.keeps else len(m.keeps) for m in arch.memories[1:])


def factors(layer: Layer) -> int:
    """Prime factors of all bounds: how many loops a nest can have."""
    return sum(_factors(bound) for _, bound in layer.dims)


def _factors(n: int) -> int:
    least = next((f for f in range(2, n + 1) if n % f == 0), None)
    return 1 + _factors(n // least) if least else 0


@st.composite
def sliding(draw: st.DrawFn) -> Layer:
    """A window that slides far, over one dimension, with or without channels or filters."""
    dims = {"P": draw(st.integers(4, 8)), "R": draw(st.integers(2, 5))}
    other = draw(st.sampled_from(["", "M", "C", "G"]))
    if other:
        dims[other] = draw(st.integers(2, 3))
    window = _rank(("P", draw(st.integers(1, 2))), ("R", draw(st.integers(1, 2))))
    ranks = {t: tuple(Rank.of(d) for d in ds if d in dims) for t, ds in (("w", "GMC"), ("i", "GC"), ("o", "GM"))}
    tensors = (
        Tensor("weights", "weights", (*ranks["w"], Rank.of("R"))),
        Tensor("inputs", "inputs", (*ranks["i"], window)),
        Tensor("outputs", "outputs", (*ranks["o"], Rank.of("P"))),
    )
    return Layer("sliding", "conv", tuple(dims.items()), tensors)


@st.composite
def squares(draw: st.DrawFn) -> Layer:
    """As high as it is wide: rows can be taken for columns."""
    side, window = draw(st.sampled_from([(2, 1), (2, 2), (3, 1), (3, 2), (4, 1)]))
    stride = draw(st.integers(1, 2))
    dims = {"P": side, "Q": side, "R": window, "S": window} | (
        {"M": 2} if window == 1 and draw(st.booleans()) else {}
    )
    filters = (Rank.of("M"),) if "M" in dims else ()
    ranks = tuple(_rank((a, stride), (b, 1)) if window > 1 else Rank.of(a) for a, b in ("PR", "QS"))
    tensors = (
        Tensor("weights", "weights", (*filters, Rank.of("R"), Rank.of("S"))),
        Tensor("inputs", "inputs", ranks),
        Tensor("outputs", "outputs", (*filters, Rank.of("P"), Rank.of("Q"))),
    )
    return Layer("square", "conv", tuple(dims.items()), tensors)


@st.composite
def dataflows(draw: st.DrawFn, layer: Layer, arch: Architecture) -> Dataflow:
    """Any dataflow that the machine can host."""
    known = sorted(set(letters(layer).values()))
    some = st.lists(st.sampled_from(known), unique=True, max_size=3).map(tuple)
    axes = [a for a in ("x", "y") if arch.fanouts and getattr(arch.fanouts[-1], a) > 1]
    spread = []
    for axis in draw(st.lists(st.sampled_from(["any", *axes]), unique=True, max_size=2)) if axes else []:
        whole = draw(some)[:1] if axis != "any" else ()
        spread.append(Spread(axis, tuple({*whole, *draw(some)}), whole))  # type: ignore[arg-type]
    held = {r for m in pe_memories(arch) for r in ROLES if keeps(m, r, r)}
    return Dataflow(
        "drawn",
        spread=tuple(spread),
        pe_keeps=draw(st.none() | st.just(tuple(r for r in ROLES if r in held and draw(st.booleans())))),
        pe_dims=draw(st.none() | some),
        pe_whole=draw(st.just(()) | some)[:1],
        inner=draw(some),
    )


@st.composite
def small_cases(draw: st.DrawFn) -> tuple[Layer, Architecture, Dataflow]:
    """A layer, a machine and a dataflow with few enough nests to look at all of them, mostly."""
    arch = draw(small_machines())
    most = {0: 5, 1: 5, 2: 5, 3: 4, 4: 3, 5: 3}.get(choices(arch), 2) - (len(arch.fanouts) == 2)
    layer = draw(st.one_of(layers(), sliding()).filter(lambda layer: 0 < factors(layer) <= most).flatmap(sparse))
    return layer, arch, draw(st.just(ANY) | dataflows(layer, arch))
