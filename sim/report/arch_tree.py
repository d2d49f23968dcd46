"""A machine as a tree: what every node can hold, move and do, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping as Map

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from sim.arch.crossbar import Crossbar
from sim.arch.tree import ALL, Architecture, Compute, Converter, Fanout, Link, Memory, ZeroSaving
from sim.components.model import NOT_MODELLED
from sim.components.table import NodeCosts, describe, node_costs
from sim.engines.run import area_um2
from sim.report.quantities import area, count, energy, number, rate, seconds, several, size
from sim.workload.layer import ROLES

_BUFFERING = {
    "buffet": "filled while in use, word by word (buffet)",
    "double": "double-buffered: a tile takes its room twice",
    "single": "single-buffered: not filled while in use",
}


def arch_tree(arch: Architecture) -> Tree:
    """The nodes, outermost first; what follows a fanout is inside every one of its copies.

    Raises:
        ComponentError: see `sim.components.table.node_costs`.
    """
    costs = node_costs(arch)
    tree = branch = Tree(_label(arch.name, arch.summary, _about(arch, costs)), guide_style="dim")
    for node in arch:
        if isinstance(node, Fanout):
            what = f"{node.x} x {node.y} = {node.x * node.y} copies of what follows"
            branch = branch.add(_label(node.name, what, _networks(node, arch, costs)))
        elif isinstance(node, Memory):
            lines = _memory(node, arch, costs[node.name])
            branch.add(_label(node.name, f"memory, {_capacity(node, arch)}", lines))
        elif isinstance(node, Converter):
            branch.add(_label(node.name, *_converter(node, arch, costs[node.name])))
        else:
            branch.add(
                _label(node.name, node.op, _compute(node, costs[node.name], "step" if arch.crossbar else "cycle"))
            )
    return tree


def _label(name: str, what: str, lines: list[str]) -> Group:
    return Group(Text.assemble((name, "bold"), "  ", what), *(Text(line, "dim") for line in lines))


def _about(arch: Architecture, costs: Map[str, NodeCosts]) -> list[str]:
    volts = f", {arch.technology.voltage:g} V" if arch.technology.voltage else ""
    peak = arch.pes * arch.clock_hz / arch.compute.cycles
    most = _peak(arch) if arch.crossbar else f"{count(peak)} operations/s"
    lines = [
        f"{several(arch.pes, 'cell' if arch.crossbar else 'PE')} at {count(arch.clock_hz / 1e6)} MHz: at most {most}",
        f"{arch.technology.node_nm:g} nm{volts}; class {arch.engine}; {_works(arch)}",
    ]
    known = area_um2(arch)
    if known:
        without = [node.name for node in arch if node.name in costs and node.name not in known]
        but = f", without {', '.join(without)}" if without else ""
        lines.append(f"area: {area(sum(known.values()))}{but}")
    return [*lines, f"source: {arch.source}"] if arch.source else lines


def _works(arch: Architecture) -> str:
    if arch.crossbar is not None:
        return _arrays(arch.crossbar)
    if arch.systolic is None:
        return f"dataflow {arch.dataflow}"
    folds = "" if arch.systolic.overlap else "; folds one after the other"
    return f"dataflow {arch.systolic.dataflow}; timing {arch.systolic.timing}{folds}"


def _arrays(xbar: Crossbar) -> str:
    """How an array holds weights and takes inputs."""
    cells = several(xbar.cells_per_weight, "cell")
    stay = "written for every layer" if xbar.reload else "stay"
    alike = len(set(xbar.step_widths)) == 1
    return (
        f"weights of {xbar.weight_bits} bit in {cells} ({xbar.signs}), {stay}; inputs of {xbar.input_bits} bit in "
        f"{several(xbar.steps, 'step')} of {seconds(xbar.step_s)}{'' if alike else ' on average'}"
    )


def _peak(arch: Architecture) -> str:
    """What all arrays do when all are busy."""
    from sim.engines.crossbar_peak import peak

    most = peak(arch)
    text = f"{_giga(most.ops)} GOPS"
    if watts := sum(most.watts.values()):
        text += f", {watts:.3g} W, {_giga(most.ops_per_watt)} GOPS/W"
    return text + (f", {_giga(most.ops_per_mm2)} GOPS/mm2" if most.mm2 else "")


def _giga(value: float) -> str:
    return f"{value / 1e9:,.0f}" if value >= 1e12 else f"{value / 1e9:.4g}"


def _capacity(memory: Memory, arch: Architecture) -> str:
    copies = arch.instances(memory.name)
    text = size(memory.size_bits)
    if not math.isinf(memory.size_bits):
        words = memory.size_bits / arch.compute.bits
        text += f" = {several(words, 'word')} of {arch.compute.bits} bit"
    return text + (f" in each of {copies}" if copies > 1 else "")


def _converter(node: Converter, arch: Architecture, costs: NodeCosts) -> tuple[str, list[str]]:
    what = f"{several(node.count, 'converter')} of" if node.count > 1 else "converter of"
    bits = arch.crossbar.step_bits if arch.crossbar else arch.compute.bits
    lines = [f"energy: {_price({'a word': costs.word_pj(bits)})}", *_upkeep(costs)]
    return f"{what} {', '.join(node.tensors)}", lines


def _memory(memory: Memory, arch: Architecture, costs: NodeCosts) -> list[str]:
    lines = [
        f"keeps {', '.join(memory.keeps)}; {memory.width_bits} bit wide; {_BUFFERING[memory.buffering]}",
        f"bandwidth: {_bandwidths(memory, arch)}{_requests(memory)}",
    ]
    if costs.read is not NOT_MODELLED or costs.write is not NOT_MODELLED:
        share = arch.compute.bits / memory.width_bits
        lines.append(f"energy: {_price({'a read': costs.read.value, 'a write': costs.write.value})}")
        if share != 1:
            lines[-1] += f"; {energy(costs.read.value * share)} and {energy(costs.write.value * share)} a word"
    return [*lines, *_upkeep(costs), *_compressed(memory), *map(_saving, memory.savings)]


def _bandwidths(memory: Memory, arch: Architecture) -> str:
    kinds = {"reads": memory.read_bandwidth, "writes": memory.write_bandwidth, "in all": memory.bandwidth}
    texts = [
        f"{number(per_cycle)} bit/cycle = {rate(per_cycle * arch.clock_hz)} {kind}"
        for kind, per_cycle in kinds.items()
        if not math.isinf(per_cycle)
    ]
    return ", ".join(texts) or "unlimited"


def _requests(memory: Memory) -> str:
    bursts = f"; bursts of {memory.burst_bits} bit" if memory.burst_bits > 1 else ""
    return bursts + (f"; {memory.latency_cycles:g} cycles until data come" if memory.latency_cycles else "")


def _compressed(memory: Memory) -> Iterator[str]:
    for how in memory.compression:
        runs = "" if how.format == "bitmask" else f", {how.run_bits}-bit runs"
        groups = f", packed into {how.group_bits} bit" if how.group_bits else ""
        yield f"{how.tensor} compressed: {how.format}{runs}{groups}"


def _saving(saving: ZeroSaving) -> str:
    verb = {"gating": "gated (saves energy)", "skipping": "skipped (saves energy and time)"}[saving.kind]
    return f"{saving.target}: {verb} where {' or '.join(saving.on)} are zero"


def _networks(fanout: Fanout, arch: Architecture, costs: Map[str, NodeCosts]) -> list[str]:
    lines = [_network(link, arch, costs[f"{fanout.name}.{link.tensor}"]) for link in fanout.links]
    named = {link.tensor for link in fanout.links}
    if ALL not in named and not named.issuperset(ROLES):
        lines.append(f"{'the others' if named else 'all tensors'}: multicast and reduced for free")
    return lines


def _network(link: Link, arch: Architecture, costs: NodeCosts) -> str:
    does = []
    if link.tensor != "outputs":
        does.append("multicast" if link.multicast else "unicast")
    if link.tensor in ("outputs", ALL):
        does.append("reduced on the way up" if link.reduce else "not reduced")
    if link.neighbour:
        does.append("passed on by neighbours")
    if not math.isinf(link.bandwidth):
        does.append(f"{number(link.bandwidth)} bit/cycle = {rate(link.bandwidth * arch.clock_hz)}")
    word = costs.word_pj(arch.compute.bits)
    return f"{link.tensor}: {', '.join(does)}; {f'{energy(word)} a word' if word else 'for free'}"


def _compute(compute: Compute, costs: NodeCosts, unit: str) -> list[str]:
    pace = f"one a {unit}" if compute.cycles == 1 else f"one every {compute.cycles:g} {unit}s"
    stages = f", {compute.depth} stages" if compute.depth > 1 else ""
    price = _price({"an operation": costs.op.value, "a gated one": costs.gated.value})
    lines = [f"{compute.bits} bit, {pace}{stages}", f"energy: {price}"]
    return [*lines, *_upkeep(costs), *map(_saving, compute.savings)]


def _upkeep(costs: NodeCosts) -> list[str]:
    """What a copy takes just by being there."""
    parts = []
    if costs.cycle.value:
        parts.append(f"{energy(costs.cycle.value)} every cycle")
    if costs.leakage.value:
        parts.append(f"leaks {costs.leakage.value:.3g} mW")
    if costs.area.value:
        parts.append(area(costs.area.value))
    return [f"each: {', '.join(parts)}"] if parts else []


def _price(costs: dict[str, float]) -> str:
    return ", ".join(f"{energy(pj)} {what}" for what, pj in costs.items() if pj) or "none"


def energy_table(arch: Architecture) -> Table:
    """What every action costs, how much that is against an operation, and where the number comes from.

    Costs per access or bit are compared by the word that the arithmetic takes. A source stands where it changes.
    """
    table = Table(box=box.SIMPLE_HEAD, title=f"What the parts of {arch.name} cost (one copy)", title_justify="left")
    for header in ("part", "what", "cost", f"a word / {arch.compute.name}", "source"):
        table.add_column(header, justify="left" if header in ("part", "what", "source") else "right")
    operation = node_costs(arch)[arch.compute.name].op.value
    width = {memory.name: memory.width_bits for memory in arch.memories}
    node = source = ""
    for row in describe(arch):
        access = arch.compute.bits / width[row.node] if row.node in width else 1
        words = {"pJ/access": access, "pJ/bit": arch.compute.bits}.get(row.unit, 1)
        origin = f"{'given' if row.given else 'model'}: {row.source}"
        normal = row.value * words / operation if operation and row.unit.startswith("pJ") else None
        table.add_row(
            row.node if row.node != node else "",
            row.quantity,
            f"{row.value:.4g} {row.unit}",
            f"{normal:.3g}" if normal is not None else "",
            Text(origin if origin != source else ""),
        )
        node, source = row.node, origin
    return table
