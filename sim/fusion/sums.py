"""What the parts of a layer cost together."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Map
from typing import TypeVar

from sim.mapping.counts import Actions
from sim.results import LayerResult, Stored
from sim.workload.network import AnyLayer

Parts = Sequence[tuple[LayerResult, int]]
"""Results, and how often each is run."""

_T = TypeVar("_T")


def summed(layer: AnyLayer, parts: Parts, group: int) -> LayerResult:
    """The result of a layer that is run in parts; see `LayerResult.group`."""
    cycles = sum(one.latency_cycles * n for one, n in parts)
    macs = sum(one.macs * n for one, n in parts)
    busy = sum(one.utilization * one.latency_cycles * n for one, n in parts)
    bound: Counter[str] = Counter()
    for one, n in parts:
        bound[one.bound_by] += round(one.latency_cycles * n)
    gap = _gap(parts)
    return LayerResult(
        name=layer.name,
        kind=layer.kind,
        macs=layer.macs,
        energy_pj=sum(one.energy_pj * n for one, n in parts),
        latency_cycles=cycles,
        latency_s=sum(one.latency_s * n for one, n in parts),
        compute_cycles=sum(one.compute_cycles * n for one, n in parts),
        utilization=busy / cycles * layer.macs / macs if macs else 0.0,
        active_pes=max(one.active_pes for one, _ in parts),
        energy_breakdown=_numbers((one.energy_breakdown, n) for one, n in parts),
        energy_by_tensor=_tables(parts, lambda one: one.energy_by_tensor, lambda pj, n: pj * n, operator.add),
        actions=_tables(parts, lambda one: one.actions, _times, operator.add),
        tiles=_tables(parts, lambda one: one.tiles, lambda words, _: words, max),
        cycles=_numbers((one.cycles, n) for one, n in parts),
        bound_by=max(bound, key=bound.__getitem__),
        zeros=_tables(parts, lambda one: one.zeros, _stored_times, _stored_sum),
        operations=_numbers((one.operations, n) for one, n in parts),
        mapping=max(parts, key=lambda part: (len(part[0].mapping) > 0) * part[1])[0].mapping,
        evaluated=sum(one.evaluated for one, _ in parts),
        optimal=None if gap is None else all(one.optimal for one, _ in parts if one.mapping),
        gap=gap,
        group=group,
    )


def _gap(parts: Parts) -> float | None:
    """The largest gap of their mappings; None if one is not known."""
    searched = [one for one, _ in parts if one.mapping]
    known = [one.gap for one in searched if one.gap is not None]
    return max(known) if known and len(known) == len(searched) else None


def _numbers(tables: Iterable[tuple[Map[str, float], int]]) -> dict[str, float]:
    out: defaultdict[str, float] = defaultdict(float)
    for table, n in tables:
        for key, value in table.items():
            out[key] += value * n
    return dict(out)


def _tables(
    parts: Parts,
    of: Callable[[LayerResult], Map[str, Map[str, _T]]],
    times: Callable[[_T, int], _T],
    add: Callable[[_T, _T], _T],
) -> dict[str, dict[str, _T]]:
    """Tables by memory and tensor, added up."""
    out: dict[str, dict[str, _T]] = {}
    for one, n in parts:
        for memory, tensors in of(one).items():
            own = out.setdefault(memory, {})
            for tensor, value in tensors.items():
                more = times(value, n)
                own[tensor] = add(own[tensor], more) if tensor in own else more
    return out


def _times(actions: Actions, n: int) -> Actions:
    return Actions(actions.fills * n, actions.reads * n, actions.updates * n, actions.drains * n)


def _stored_times(one: Stored, n: int) -> Stored:
    return Stored(_numbers([(one.data, n)]), _numbers([(one.metadata_bits, n)]), one.gated * n, one.skipped * n)


def _stored_sum(a: Stored, b: Stored) -> Stored:
    return Stored(
        _numbers([(a.data, 1), (b.data, 1)]),
        _numbers([(a.metadata_bits, 1), (b.metadata_bits, 1)]),
        a.gated + b.gated,
        a.skipped + b.skipped,
    )
