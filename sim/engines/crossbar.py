"""The engine for machines of class ``crossbar``: weights lie in analog arrays, which multiply and add in one go.

A layer is cut into arrays, and small ones are held several times (`sim.engines.crossbar_place`). Every vector of
inputs is applied step by step; the sums of all columns are converted in every step, shifted and added. What moves
above the arrays is counted in `sim.engines.crossbar_words`. Weights stay in their cells, on as many machines as a
network takes, or are written for every layer (`Crossbar.reload`). `sim.reference.crossbar` walks through all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sim.arch.crossbar import Crossbar
from sim.arch.crossbar_machine import CrossbarMachine
from sim.arch.tree import Architecture
from sim.components.table import node_costs
from sim.engines.crossbar_layer import LayerRun
from sim.engines.crossbar_place import Cut, Placement, balanced
from sim.engines.options import Options
from sim.engines.vector import evaluate_vector
from sim.errors import MappingError, UnsupportedOp
from sim.mapping.nest import Mapping
from sim.mapping.prices import static_pj
from sim.results import LayerResult
from sim.workload.layer import Layer, VectorLayer
from sim.workload.network import Network
from sim.workload.product import Product


def evaluate(
    layer: Layer | VectorLayer, arch: Architecture, mapping: Mapping | None = None, options: Options = Options()
) -> LayerResult:
    """What a layer costs that has the machine to itself. There is nothing to search for.

    Raises:
        MappingError: for a mapping, as weights stay where they are.
        UnsupportedOp: for a layer that is no matrix product.
    """
    if mapping is not None:
        raise no_mapping(arch)
    return run_in_arrays(Network(layer.name, (layer,)), arch)[0]


def no_mapping(arch: Architecture) -> MappingError:
    """The error for a mapping."""
    return MappingError(f"{arch.name} takes no mapping: weights that stay in analog arrays leave nothing to choose")


def run_in_arrays(network: Network, arch: Architecture) -> tuple[LayerResult, ...]:
    """What the layers of a network cost that share the arrays of a machine; see `evaluate`."""
    machine = CrossbarMachine.of(arch)
    if not machine.xbar.reload:
        _check_weights(network, arch)
    cuts = {layer.name: Cut(Product.of(layer), machine.xbar) for layer in network.mac_layers}
    chips = 1 if machine.xbar.reload else max(1, -(-sum(cut.arrays for cut in cuts.values()) // machine.arrays))
    copies = dict(zip(cuts, _copies(list(cuts.values()), machine, chips), strict=True))
    known: dict[object, LayerResult] = {}
    results = []
    for layer in network:
        key = (type(layer), layer.shape, copies.get(layer.name))
        if key not in known:
            known[key] = (
                LayerRun(machine, Placement(cuts[layer.name], copies[layer.name]), chips).result()
                if isinstance(layer, Layer)
                else evaluate_vector(layer, arch)
            )
        fused = getattr(layer, "fused", None)
        results.append(replace(known[key], name=layer.name, kind=layer.kind, fused=fused))
    return tuple(_with_static(results, machine, chips))


def _check_weights(network: Network, arch: Architecture) -> None:
    """Cells that are never written again hold no activations."""
    made = {(flow.target, flow.tensor) for flow in network.flows}
    roles = {(layer.name, t.name): t.role for layer in network.mac_layers for t in layer.tensors}
    names = [layer for layer, tensor in made if roles.get((layer, tensor)) == "weights"]
    if names:
        raise UnsupportedOp(
            f"{_few(sorted(names))}: both operands come from other layers, and {arch.name} holds weights that stay; "
            "leave such layers out (--layers), or write cells for every layer (--set crossbar.reload=true)"
        )


def _copies(cuts: list[Cut], machine: CrossbarMachine, chips: int) -> list[int]:
    """How often each layer is held."""
    if not machine.xbar.replicate or not cuts:
        return [1] * len(cuts)
    if machine.xbar.reload:
        return [max(1, min(machine.arrays // cut.arrays, cut.vectors)) for cut in cuts]
    return balanced(cuts, chips * machine.arrays)


def _with_static(results: list[LayerResult], machine: CrossbarMachine, chips: int) -> Iterator[LayerResult]:
    """Adds what the machine takes, busy or not.

    Where weights are written for every layer, one layer runs after the other, and each takes it as long as it runs.
    Where they stay, all layers are at work at the same time, each on another input, and a result comes whenever the
    slowest has ended, or what all share has served them (`_interval`). What the machine takes in that time is divided
    among the layers by their arrays.
    """
    per_cycle = chips * sum(static_pj(machine.arch).values())
    arrays = sum(r.crossbar.arrays for r in results if r.crossbar)
    interval = _interval(results, machine)[0] if arrays else 0.0
    for result in results:
        cycles = result.latency_cycles
        if not machine.xbar.reload and arrays:
            cycles = interval * (result.crossbar.arrays if result.crossbar else 0) / arrays
        breakdown = {**result.energy_breakdown, "static": per_cycle * cycles}
        yield replace(result, energy_breakdown=breakdown, energy_pj=sum(breakdown.values()))


def _interval(results: Sequence[LayerResult], machine: CrossbarMachine) -> tuple[float, str]:
    """Clock cycles from one result to the next where all layers are at work at once, and what is busy all that time.

    It is a layer, which takes its next input when its arrays have done with the last one, however deep its pipeline
    is; or a memory or link of which a chip has one, which all layers share, those without arrays too. Chips are taken
    to divide that work evenly.
    """
    busy: dict[str, float] = defaultdict(float)
    chips = max(r.crossbar.chips for r in results if r.crossbar)
    shared = {node.name for node in machine.outside if machine.arch.instances(node.name) == 1}
    for result in results:
        used = min(chips, -(-result.crossbar.arrays // machine.arrays)) if result.crossbar else 1
        for part, cycles in result.cycles.items():
            if part.partition(".")[0] in shared:
                busy[part] += cycles * used / chips
    own = {r.name: r.latency_cycles - r.cycles["depth"] for r in results if r.crossbar}
    slowest, most = max(own, key=own.__getitem__), max(busy, key=busy.__getitem__, default="")
    return (busy[most], most) if busy[most] > own[slowest] else (own[slowest], slowest)


def _large(network: Network, arch: Architecture) -> Iterator[str]:
    """Layers whose inputs and outputs do not fit into the memory where they begin and end."""
    home = arch.memories[0]
    bits = {
        layer.name: sum(layer.words(t.name) * t.bits for t in layer.tensors if t.role != "weights")
        for layer in network.mac_layers
    }
    names = [name for name, size in bits.items() if size > home.size_bits]
    if names:
        yield f"inputs and outputs of {_few(names)} do not fit into {home.name}; no other memory is reckoned with"


def _sparse(network: Network, xbar: Crossbar) -> Iterator[str]:
    """Layers whose groups have an array each, though several would fit into one."""
    products = {layer.name: Product.of(layer) for layer in network.mac_layers}
    joined = replace(xbar, groups="diagonal")
    counts = {name: (Cut(product, xbar).arrays, Cut(product, joined).arrays) for name, product in products.items()}
    fewer = [name for name, (now, then) in counts.items() if then < now]
    if fewer:
        now, then = (sum(counts[name][i] for name in fewer) for i in (0, 1))
        yield (
            f"every group of {_few(fewer)} has arrays of its own, {now:,} in all, each held once; along the diagonal "
            f"of shared ones it would be {then:,} (--set crossbar.groups=diagonal)"
        )


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f", ... ({len(names)} in all)" if len(names) > 3 else "")


def notes(network: Network, results: Iterable[LayerResult], arch: Architecture) -> Iterator[str]:
    """What would be wrong to keep silent about."""
    machine, results = CrossbarMachine.of(arch), list(results)
    xbar = machine.xbar
    for role, bits in (("inputs", xbar.input_bits), ("weights", xbar.weight_bits)):
        widest = max((t.bits for layer in network.mac_layers for t in layer.tensors if t.role == role), default=0)
        if widest > bits:
            ours = f"{arch.name} takes {role} of {bits} bit"
            yield f"{ours}; those of {network.name}, of {widest} bit, are cut to that in its arrays, not before"
    yield from _large(network, arch)
    yield from _sparse(network, xbar)
    if not xbar.reload:
        yield from _side_by_side(results, network, machine)
    yield from _without_area(machine)


def _side_by_side(results: list[LayerResult], network: Network, machine: CrossbarMachine) -> Iterator[str]:
    """How many chips work, and how fast they are together."""
    laid = [r for r in results if r.crossbar]
    chips = max((r.crossbar.chips for r in laid if r.crossbar), default=1)
    if chips > 1:
        yield f"the weights take {chips} chips of {machine.arch.name}; costs are those of all of them"
    if len(laid) > 1:
        interval, slowest = _interval(results, machine)
        rate = network.batch * machine.arch.clock_hz / interval
        pace = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
        yield (
            f"layers may work at the same time, each on another input: {pace} results a second, as fast as "
            f"{slowest} is; `static` is what the machine takes in that time, whatever it does"
        )


def _without_area(machine: CrossbarMachine) -> Iterator[str]:
    """Converters of which no area is known, where that of others is."""
    areas = {node.name: node_costs(machine.arch)[node.name].area.value for node in machine.periphery}
    names = [name for name, area in areas.items() if not area]
    if 0 < len(names) < len(areas):
        yield f"area is without {_few(names)}, whose own is not known"
