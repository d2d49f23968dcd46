"""Follows the windows of partial nests: what closing an edge, a loop or the crossing of a fanout tells about them."""

from __future__ import annotations

from sim.kernels.apart import apart
from sim.kernels.bounds import CHILD_NODE, IS_HARD, TENSOR, Chain, Place, Task, divided, first_words
from sim.kernels.cost import Floats
from sim.kernels.jit import part
from sim.kernels.labels import Labels, closed_at, point_of, status_inside
from sim.kernels.lend import give_back, lend
from sim.kernels.paths import (
    EXACT,
    MOVED,
    SETTLED,
    STATIC,
    UNMOVED,
    Steps,
    add_width,
    add_words,
    ahead,
    fill_spot,
    has_copies,
    spots,
    stepped,
    whole,
)
from sim.kernels.steps import ALL, OTHER
from sim.kernels.tables import Tables, row_of, slides, spot


@part
def _add(
    e: int,
    c: int,
    known: int,
    low: float,
    high: float,
    tile: float,
    new: int,
    chain: Chain,
    tables: Tables,
    labels: Labels,
) -> None:
    """Add what words of a class cost to the costs of a label."""
    prices = tables.prices[e, c]
    if known != EXACT:
        for v in range(labels.low.shape[1]):
            labels.wide[new, v] -= labels.high[new, v] - labels.low[new, v]
    add_words(low, high, tile, prices, chain.per_tile, labels.low[new], labels.high[new])
    if known != EXACT:
        for v in range(labels.low.shape[1]):
            labels.wide[new, v] += labels.high[new, v] - labels.low[new, v]


@apart
def see(
    e: int,
    k: int,
    c: int,
    point: int,
    left: float,
    label: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    labels: Labels,
) -> None:
    """Words of a class that is not followed, if an edge closes at a point of stretch `k`: left in `tables.seen`."""
    t, row, own_steps = (
        chain.edge[e, TENSOR],
        len(tables.steps) - 2,
        Steps(labels.crossed[label], tables.group, tables.steps),
    )
    steps = lend(own_steps)
    one, two, flat = tables.steps[row, 0], tables.steps[row + 1, 0], 1 if e >= chain.searched[0] else 0
    at0, at1 = spot(t, 0, point, tables), spot(t, 1, point, tables)
    fill_spot(e, 0, k, tables.starts[e, c], at0, flat, row, 0, task, chain, place, steps)
    fill_spot(e, 1, k, tables.starts[e, c], at1, flat, row + 1, 0, task, chain, place, steps)
    give_back(own_steps)
    if flat:  # nothing is kept
        low, high = whole(UNMOVED, at0, at0, at1, at1, left, one, two)
    else:
        last0, last1 = spots(t, 0, task, place) - 1, spots(t, 1, task, place) - 1
        low, high = ahead(UNMOVED, at0, at0, last0, at1, at1, last1, left, one, two)
    tables.seen[0], tables.seen[1] = low, high


@part
def close_window(
    e: int,
    k: int,
    point: int,
    tile: float,
    new: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    labels: Labels,
) -> None:
    """Add the costs of an edge with windows that closes at a point of stretch `k`."""
    t, slot = chain.edge[e, TENSOR], tables.slot[e, k]
    left = tables.left[t, point]
    at0, at1 = spot(t, 0, point, tables), spot(t, 1, point, tables)
    last0, last1 = spots(t, 0, task, place) - 1, spots(t, 1, task, place) - 1
    for c in range(tables.starts.shape[1]):
        if tables.starts[e, c] < 0:
            break
        row, known = row_of(slot, c, tables), tables.known[slot, c]
        if known == STATIC:
            see(e, k, c, point, left, new, task, chain, place, tables, labels)
            low, high = tables.seen[0], tables.seen[1]
        else:
            one, two = tables.steps[row, at0], tables.steps[row + 1, at1]
            low, high = ahead(UNMOVED, at0, at0, last0, at1, at1, last1, left, one, two)
        _add(e, c, known, low, high, tile, new, chain, tables, labels)
    for v in range(labels.low.shape[1]):
        price = tile * chain.tile[v, e] / divided(v, e, chain, place)
        if price:
            more = price * first_words(e, price < 0, task, chain, place)
            most = price * first_words(e, price > 0, task, chain, place)
            labels.low[new, v] += more
            labels.high[new, v] += most
            labels.wide[new, v] += most - more
    labels.state[new, e] = UNMOVED


@part
def _term(t: int, d: int, state: int, task: Task) -> int:
    """Which term of the window that has been or may be moved dimension `d` is: 2 * window + term; -1: none."""
    for w in range(2):
        for term in range(2):
            if task.window[t, w, term] == d and (state == UNMOVED or state == MOVED + w):
                return 2 * w + term
    return -1


@part
def grow_windows(
    new: int, d: int, point: int, to: int, task: Task, chain: Chain, place: Place, tables: Tables, labels: Labels
) -> None:
    """A loop over dimension `d` leads from one point to another: what windows cost is better known then."""
    pending = False
    for e in range(labels.state.shape[1]):
        state, t = labels.state[new, e], chain.edge[e, TENSOR]
        if state < 0 or state == SETTLED:
            continue
        pending = True
        term, becomes = _term(t, d, state, task), state
        if term >= 0:
            becomes = MOVED + term // 2
        elif task.depends[t, d]:
            becomes = SETTLED
        _step(e, becomes, d, term, point, to, new, task, chain, place, tables, labels)
        labels.state[new, e] = becomes
    if pending:
        labels.trace[new] = (labels.trace[new] * 64 + d + 1) * 1_000_003 + to


@part
def is_pending(label: int, last: int, patient: bool, task: Task, labels: Labels) -> bool:
    """Whether the order of the loops that are left may still matter to a window.

    To tensors that are not followed it always may; their orders are tried only if there are few.
    """
    for t in range(len(task.depends)):
        if patient and task.kind[IS_HARD, t] and labels.at[label, 1] < last:
            return True
    for e in range(labels.state.shape[1]):
        if 0 <= labels.state[label, e] < SETTLED and labels.at[label, 1] < last:
            return True
    return False


@part
def _step(
    e: int,
    becomes: int,
    d: int,
    term: int,
    point: int,
    to: int,
    new: int,
    task: Task,
    chain: Chain,
    place: Place,
    tables: Tables,
    labels: Labels,
) -> None:
    """The same for one edge."""
    t, state, closed = chain.edge[e, TENSOR], labels.state[new, e], labels.closed[new, e]
    base, slot = point_of(closed), tables.slot[e, closed_at(closed, chain)]
    at0, now0, next0 = spot(t, 0, base, tables), spot(t, 0, point, tables), spot(t, 0, to, tables)
    at1, now1, next1 = spot(t, 1, base, tables), spot(t, 1, point, tables), spot(t, 1, to, tables)
    last0, last1 = spots(t, 0, task, place) - 1, spots(t, 1, task, place) - 1
    left, after = tables.left[t, point], tables.left[t, to]
    tile = tables.tile[t * chain.level.shape[1] + status_inside(closed, chain), base]
    for c in range(tables.starts.shape[1]):
        known = tables.known[slot, c]
        if tables.starts[e, c] < 0:
            break
        if known == STATIC:
            continue
        row = row_of(slot, c, tables)
        one, two = tables.steps[row, at0], tables.steps[row + 1, at1]
        low, high = ahead(state, at0, now0, last0, at1, now1, last1, left, one, two)
        if becomes == SETTLED:
            settled, _ = whole(state, at0, now0, at1, now1, left, one, two)
            if _shares_on(d, t, state, now0, now1, one, two, task):  # two windows: no more is known
                if known == EXACT:
                    add_width(high - low, tile, tables.prices[e, c], chain.per_tile, labels.wide[new])
                continue
            _add(e, c, known, settled - low, 0.0, tile, new, chain, tables, labels)
            continue
        if state == UNMOVED and term >= 0:
            more, most = stepped(becomes, term % 2, at0, at0, next0, at1, at1, next1, left, after, one, two)
        else:
            more, most = stepped(
                state, term % 2 if term >= 0 else -1, at0, now0, next0, at1, now1, next1, left, after, one, two
            )
        then, then_most = ahead(becomes, at0, next0, last0, at1, next1, last1, after, one, two)
        _add(e, c, known, more + then - low, most + then_most - high, tile, new, chain, tables, labels)


@part
def _shares_on(d: int, t: int, state: int, now0: int, now1: int, one: Floats, two: Floats, task: Task) -> bool:
    """Whether tiles may have words in common even after a loop over a dimension of the other window."""
    other = task.window[t, 1 if state == MOVED else 0]
    if state == UNMOVED or (d != other[0] and d != other[1]):
        return False
    own, now = (one, now0) if state == MOVED else (two, now1)
    return own[OTHER, now] < own[ALL, now] * (1 - 1e-12)


@part
def cross_windows(
    old: int, new: int, k: int, task: Task, chain: Chain, place: Place, tables: Tables, labels: Labels
) -> None:
    """Fanout `k` is crossed: how far its copies lie apart is known now, and so is what they share of windows."""
    for e in range(len(chain.edge)):
        t, kept = chain.edge[e, TENSOR], e < chain.searched[0]
        if not slides(t, task) or (kept and labels.state[new, e] < 0):
            continue
        closed = labels.closed[new, e] if kept else 0
        base, stretch = point_of(closed), closed_at(closed, chain) if kept else 0
        tile = tables.tile[t * chain.level.shape[1] + status_inside(closed, chain), base] if kept else 0.0
        for c in range(tables.starts.shape[1]):
            g = tables.starts[e, c]
            if g < 0:
                break
            known = tables.known[tables.slot[e, stretch], c] if kept else STATIC
            if known == STATIC and _is_shared(e, g, k, task, chain, place):
                left, seen = tables.left[t, base], kept
                for f in range(k):
                    seen = seen or _is_shared(e, g, f, task, chain, place)
                see(e, stretch, c, base, left, old, task, chain, place, tables, labels)
                low, high = tables.seen[0], tables.seen[1]
                see(e, stretch, c, base, left, new, task, chain, place, tables, labels)
                then, most = tables.seen[0], tables.seen[1]
                # what nothing keeps was the same for all labels until now
                _add(e, c, STATIC, then - low, most - (high if seen else low), tile, new, chain, tables, labels)
        if kept and labels.state[new, e] < SETTLED and has_copies(t, k, labels.state[new, e], task, place):
            labels.state[new, e] = SETTLED  # copies lie between its loops


@part
def _is_shared(e: int, g: int, k: int, task: Task, chain: Chain, place: Place) -> bool:
    """Whether copies across fanout `k` share windows in gap `g` of an edge."""
    t = chain.edge[e, TENSOR]
    return task.share[t, k] > 0 and g < task.node[k] < chain.edge[e, CHILD_NODE] and has_copies(t, k, 0, task, place)
