"""Do counts obey the laws that any correct count of words must obey?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sim.arch.tree import Architecture, Fanout, Link
from sim.mapping.check import check
from sim.mapping.counts import Counts, count_words
from sim.mapping.nest import For, Item, Keep, Mapping, Parallel
from sim.workload.layer import Layer, Rank, Tensor
from tests.strategies import layers, machines, nests

Case = tuple[Layer, Architecture, Mapping]

laws = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def cases(draw: st.DrawFn, divide: bool | None = None) -> Case:
    layer, arch = draw(layers()), draw(machines())
    divide = draw(st.booleans()) if divide is None else divide
    return layer, arch, draw(nests(layer, arch, divide=divide))


def with_links(arch: Architecture, link: Link) -> Architecture:
    """The machine with one network for all tensors in every fanout."""
    nodes = [replace(n, links=(link,)) if isinstance(n, Fanout) else n for n in arch.nodes]
    return replace(arch, nodes=tuple(nodes))


def stretches(counts: Counts, tensor: Tensor) -> Iterator[range]:
    """The gaps between each two nodes in a row at which a tensor stops."""
    nodes = [n.name for n in counts.arch.nodes]
    stops = [*map(nodes.index, counts.kept(tensor.name)), len(nodes) - 1]
    for parent, child in itertools.pairwise(stops):
        yield range(parent, child)


def home_gap(arch: Architecture, tensor: Tensor) -> int:
    """The gap below the memory at which a tensor is at home."""
    return arch.nodes.index(arch.home(tensor.name))


def moved(counts: Counts, tensor: Tensor, gap: int) -> int:
    """Words that cross a gap in the direction in which the tensor mainly goes."""
    crossing = counts.up if tensor.role == "outputs" else counts.down
    return crossing(tensor.name, gap)


def table(counts: Counts, but_tiles: bool = False) -> list[list[int]]:
    gaps = 2 * (len(counts.arch.nodes) - 1)
    return counts.table[:, :gaps].tolist() if but_tiles else counts.table.tolist()


def existing_points(layer: Layer, tensor: Tensor) -> int:
    """Operations whose word of a tensor exists, that is, does not lie in padding."""
    points = math.prod(bound for d, bound in layer.dims if d not in tensor.dims)
    for rank in tensor.ranks:
        starts = [rank.offset]
        for d, c in rank.terms:
            starts = [s + c * i for s in starts for i in range(layer.sizes[d])]
        points *= sum(rank.extent is None or 0 <= s < rank.extent for s in starts)
    return points


@laws
@given(cases())
def test_the_nests_of_these_tests_are_legal(case: Case) -> None:
    layer, arch, mapping = case
    check(mapping, layer, arch)


@laws
@given(cases())
def test_every_operation_takes_a_word_of_each_operand_and_gives_a_partial_sum(case: Case) -> None:
    layer, arch, mapping = case
    counts = count_words(layer, with_links(arch, Link("all")), mapping)
    for tensor in layer.tensors:
        assert moved(counts, tensor, len(arch.nodes) - 2) == existing_points(layer, tensor)


@laws
@given(cases())
def test_steps_times_copies_have_room_for_all_operations(case: Case) -> None:
    layer, arch, mapping = case
    counts = count_words(layer, arch, mapping)
    assert counts.steps <= layer.macs <= counts.steps * counts.used
    assert counts.used <= mapping.spatial()


@laws
@given(cases())
def test_unicast_reads_from_the_parent_what_fills_the_children(case: Case) -> None:
    layer, arch, mapping = case
    counts = count_words(layer, with_links(arch, Link("all", multicast=False, reduce=False)), mapping)
    for tensor in layer.tensors:
        for gaps in stretches(counts, tensor):
            assert len({moved(counts, tensor, gap) for gap in gaps}) == 1


@laws
@given(cases())
def test_sharing_only_saves_and_at_most_by_the_number_of_copies(case: Case) -> None:
    layer, arch, mapping = case
    shared = count_words(layer, with_links(arch, Link("all")), mapping)
    alone = count_words(layer, with_links(arch, Link("all", multicast=False, reduce=False)), mapping)
    for tensor in layer.tensors:
        for gap in range(len(arch.nodes) - 1):
            most = moved(alone, tensor, gap)
            assert moved(shared, tensor, gap) <= most <= moved(shared, tensor, gap) * mapping.spatial()
        for gaps in stretches(shared, tensor):
            outer_first = [moved(shared, tensor, gap) for gap in gaps]
            assert outer_first == sorted(outer_first)
            assert outer_first[-1] == moved(alone, tensor, gaps[-1])  # what the copies themselves take or give


@laws
@given(cases())
def test_links_of_neighbours_only_save(case: Case) -> None:
    layer, arch, mapping = case
    bus = count_words(layer, with_links(arch, Link("all")), mapping)
    neighbours = count_words(layer, with_links(arch, Link("all", neighbour=True)), mapping)
    for tensor in layer.tensors:
        for gap in range(len(arch.nodes) - 1):
            assert moved(neighbours, tensor, gap) <= moved(bus, tensor, gap)


@laws
@given(cases())
def test_every_distinct_word_comes_from_its_home_at_least_once_and_nothing_crosses_further_out(case: Case) -> None:
    layer, arch, mapping = case
    counts = count_words(layer, arch, mapping)
    for tensor in layer.tensors:
        home = home_gap(arch, tensor)
        if tensor.role != "outputs":
            assert counts.down(tensor.name, home) >= layer.words(tensor.name)
        for gap in range(home):
            assert counts.down(tensor.name, gap) == counts.up(tensor.name, gap) == 0


@laws
@given(cases())
def test_a_tensor_kept_before_any_loop_comes_or_goes_once(case: Case) -> None:
    layer, arch, mapping = case
    assume(len(arch.memories) > 1 and not arch.homes)
    inner = arch.memories[1]
    held = tuple(t.name for t in layer.tensors if t.role in inner.keeps)
    items = [
        replace(i, tensors=tuple(t for t in i.tensors if t not in held)) if _at(i, inner.name) else i for i in mapping
    ]
    whole = Mapping(
        (items[0], Keep(inner.name, held), *(i for i in items[1:] if not isinstance(i, Keep) or i.tensors))
    )
    assume(not any(_outside(arch, inner.name, i) for i in whole if isinstance(i, Parallel)))
    check(whole, layer, arch)
    counts = count_words(layer, arch, whole)
    for tensor in layer.tensors:
        if tensor.name in held:
            words = layer.words(tensor.name)
            assert counts.tile(inner.name, tensor.name) >= words
            assert moved(counts, tensor, 0) == words
            assert tensor.role != "outputs" or counts.down(tensor.name, 0) == 0


def _at(item: Item, level: str) -> bool:
    return isinstance(item, Keep) and item.level == level


def _outside(arch: Architecture, level: str, loop: Parallel) -> bool:
    names = [n.name for n in arch.nodes]
    return names.index(loop.fanout) < names.index(level)


@laws
@given(cases())
def test_outputs_are_finished_once(case: Case) -> None:
    """All that goes up to its home and did not come down before is an output, each once."""
    layer, arch, mapping = case
    counts = count_words(layer, with_links(arch, Link("all")), mapping)
    out = layer.outputs
    home = home_gap(arch, out)
    assert counts.up(out.name, home) - counts.down(out.name, home) == layer.words(out.name)
    for gap in range(home, len(arch.nodes) - 1):
        assert counts.up(out.name, gap) - counts.down(out.name, gap) >= layer.words(out.name)


@laws
@given(cases())
def test_a_partial_sum_is_written_once_without_being_read(case: Case) -> None:
    """Whether links reduce or not: the first visit writes, later ones read, add and write."""
    layer, arch, mapping = case
    counts = count_words(layer, arch, mapping)
    out = counts.actions(arch.home(layer.outputs.name).name, layer.outputs.name)
    assert out.updates - out.reads == layer.words(layer.outputs.name)


@laws
@given(cases(divide=True))
def test_a_word_that_comes_is_used_before_it_goes(case: Case) -> None:
    """So no gap is crossed by more words than the one inside it, up to the operations themselves."""
    layer, arch, mapping = case
    counts = count_words(layer, with_links(arch, Link("all")), mapping)
    for tensor in layer.tensors:
        outer_first = [moved(counts, tensor, gap) for gap in range(len(arch.nodes) - 1)]
        assert outer_first == sorted(outer_first)


@laws
@given(cases())
def test_tiles_shrink_inward(case: Case) -> None:
    layer, arch, mapping = case
    counts = count_words(layer, arch, mapping)
    for tensor in layer.tensors:
        outer_first = [counts.tile(level, tensor.name) for level in counts.kept(tensor.name)]
        assert outer_first == sorted(outer_first, reverse=True)


@laws
@given(cases(), st.data())
def test_a_loop_cut_in_two_is_the_same_loop(case: Case, data: st.DataObject) -> None:
    layer, arch, mapping = case
    items: list[Item] = []
    for item in mapping:
        factor = 1
        if not isinstance(item, Keep):
            factor = data.draw(st.sampled_from([f for f in range(1, item.bound + 1) if item.bound % f == 0]))
            items.append(replace(item, bound=item.bound // factor))
        items.append(replace(item, bound=factor) if not isinstance(item, Keep) else item)
    assert table(count_words(layer, arch, Mapping(tuple(items)))) == table(count_words(layer, arch, mapping))


@laws
@given(cases(), st.data())
def test_the_order_of_loops_in_time_inside_all_keeps_does_not_matter(case: Case, data: st.DataObject) -> None:
    """The arithmetic keeps nothing, unless its links pass words on."""
    layer, arch, mapping = case
    arch = with_links(arch, Link("all"))
    items = list(mapping)
    first = 1 + max(i for i, item in enumerate(items) if isinstance(item, Keep))
    for i in data.draw(st.lists(st.integers(first, max(first, len(items) - 2)), max_size=6)):
        if i + 1 < len(items) and _may_swap(items[i], items[i + 1]):
            items[i], items[i + 1] = items[i + 1], items[i]
    assert table(count_words(layer, arch, Mapping(tuple(items)))) == table(count_words(layer, arch, mapping))


def _may_swap(one: Item, other: Item) -> bool:
    assert not isinstance(one, Keep)
    assert not isinstance(other, Keep)
    return one.dim != other.dim and isinstance(one, For) | isinstance(other, For)


@laws
@given(cases(), st.integers(2, 4))
def test_a_batch_outside_all_loops_multiplies_inputs_and_outputs_and_at_most_weights(case: Case, batch: int) -> None:
    layer, arch, mapping = case
    tensors = tuple(replace(t, ranks=(Rank.of("B"), *t.ranks)) if t.role != "weights" else t for t in layer.tensors)
    more = replace(layer, dims=(("B", batch), *layer.dims), tensors=tensors)
    first, *rest = mapping
    one = count_words(layer, arch, mapping)
    many = count_words(more, arch, Mapping((first, For("B", batch), *rest)))
    assert (many.steps, many.used) == (batch * one.steps, one.used)
    for tensor in layer.tensors:
        for gap in range(len(arch.nodes) - 1):
            if tensor.role == "weights":
                assert one.down("weights", gap) <= many.down("weights", gap) <= batch * one.down("weights", gap)
            else:
                assert many.down(tensor.name, gap) == batch * one.down(tensor.name, gap)
                assert many.up(tensor.name, gap) == batch * one.up(tensor.name, gap)
