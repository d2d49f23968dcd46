"""What do the parts of an architecture cost, who says so, and what is said about a wrong component?"""

import math
import re
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.arch.tree import (
    Architecture,
    Component,
    Compute,
    Converter,
    Fanout,
    Given,
    Link,
    Memory,
    Node,
    Technology,
)
from sim.components import registry, sram
from sim.components.data import load
from sim.components.model import Model
from sim.components.table import ComponentError, NodeCosts, describe, link_key, node_costs

DOCS = Path(__file__).parents[2] / "docs" / "components.md"
SRAM_QUANTITIES = ("read", "write", "leakage", "area", "latency", "interval")
HOROWITZ = Technology(45, 0.9)


def component(model: str, **attributes: float | str) -> Component:
    return Component(model, tuple(attributes.items()))


def machine(*nodes: Node, technology: Technology = HOROWITZ) -> Architecture:
    last = () if nodes and isinstance(nodes[-1], Compute) else (Compute("mac"),)
    return Architecture("toy", (Memory("dram", ("all",), math.inf), *nodes, *last), technology=technology)


def costs(node: Node, technology: Technology = HOROWITZ) -> NodeCosts:
    return node_costs(machine(node, technology=technology))[node.name]


def memory(model: str, size_bytes: float, width: int, technology: Technology = HOROWITZ, **attributes) -> NodeCosts:
    node = Memory("buffer", ("all",), 8 * size_bytes, width, component=component(model, **attributes))
    return costs(node, technology)


def mac(model: str, bits: int, technology: Technology = HOROWITZ, **attributes) -> NodeCosts:
    return costs(Compute("mac", bits=bits, component=component(model, **attributes)), technology)


class TestArithmetic:
    """Horowitz, ISSCC 2014, Fig. 1.1.9."""

    def test_tabulated_widths_cost_what_the_table_says(self):
        assert mac("int_mac", 8, accumulate="32 bit").op.value == pytest.approx(0.2 + 0.1)
        assert mac("int_mac", 32, accumulate="32 bit").op.value == pytest.approx(3.1 + 0.1)
        assert mac("float_mac", 16).op.value == pytest.approx(1.1 + 0.4)
        assert mac("float_mac", 32).op.value == pytest.approx(3.7 + 0.9)
        assert mac("int_mac", 8, accumulate="16 bit").area.value == pytest.approx(282 + 67)
        assert mac("float_mac", 16, accumulate="32 bit").area.value == pytest.approx(1640 + 4184)

    def test_the_sum_of_an_integer_unit_is_as_wide_as_the_product(self):
        assert mac("int_mac", 8).op.value == pytest.approx(0.2 + 0.05)

    def test_between_the_widths_multipliers_grow_almost_quadratically(self):
        product = mac("int_mac", 16, accumulate="16 bit").op.value - 0.05
        assert product == pytest.approx((0.2 * 3.1) ** 0.5)
        assert product == pytest.approx(0.7833, rel=0.01)  # the parabola through 0, 8 and 32 bits

    def test_other_technologies_by_scaling(self):
        assert mac("int_mac", 8, Technology(65, 1.0)).op.value == pytest.approx(0.25 * 1.906, rel=1e-4)
        assert mac("int_mac", 8, Technology(65, 1.0)).area.value == pytest.approx(349 * 1.5)

    def test_widths_beyond_the_table_are_marked(self):
        assert "extrapolated from 8 to 32" in mac("int_mac", 4).op.source
        assert "extrapolated" not in mac("int_mac", 16).op.source


# (max, median) of |fit / point - 1| over all points.
SRAM_ERRORS = {
    "read": (0.293, 0.054),
    "write": (0.163, 0.036),
    "leakage": (0.200, 0.022),
    "area": (0.143, 0.035),
    "latency": (0.140, 0.042),
    "interval": (0.303, 0.045),
}


@pytest.fixture(scope="module")
def errors() -> dict[str, list[float]]:
    table = load("cacti7_sram")
    found: dict[str, list[float]] = {quantity: [] for quantity in SRAM_QUANTITIES}
    for cell in ("itrs-hp", "itrs-lstp"):
        volts = dict(table["supplies"][cell])
        for node, size, width, *published in table["points"][cell]:
            fitted = memory("sram", size, width, Technology(node, volts[node]), cell=cell)
            published[3] *= 1e6  # mm2
            for quantity, value in zip(SRAM_QUANTITIES, published, strict=True):
                found[quantity].append(abs(getattr(fitted, quantity).value / value - 1))
    return found


class TestSram:
    """The 100 points of CACTI 7."""

    @pytest.mark.parametrize("quantity", SRAM_QUANTITIES)
    def test_the_fit_is_as_good_as_stated(self, errors, quantity):
        assert len(errors[quantity]) == 100
        assert max(errors[quantity]) == pytest.approx(SRAM_ERRORS[quantity][0], abs=1e-3)
        assert median(errors[quantity]) == pytest.approx(SRAM_ERRORS[quantity][1], abs=1e-3)

    @pytest.mark.parametrize("text", [DOCS.read_text(), str(sram.__doc__)], ids=["page", "docstring"])
    def test_these_errors_are_written_down(self, errors, text):
        rows = re.findall(r"(\w+)\W+(\d+) %\W+(\d+) %", text)
        stated = {name: (int(worst), int(middle)) for name, worst, middle in rows}
        assert stated == {q: (round(100 * max(e)), round(100 * median(e))) for q, e in errors.items()}

    @given(
        size=st.floats(16, 2**26),
        growth=st.floats(1.01, 16),
        width=st.sampled_from([8, 16, 64, 256, 1024]),
        node=st.sampled_from([7, 16, 28, 45, 90, 130]),
        cell=st.sampled_from(["itrs-hp", "itrs-lstp"]),
    )
    def test_a_larger_or_wider_memory_never_costs_less(self, size, growth, width, node, cell):
        base = memory("sram", size, width, Technology(node, 1.0), cell=cell)
        larger = memory("sram", size * growth, width, Technology(node, 1.0), cell=cell)
        wider = memory("sram", size, 2 * width, Technology(node, 1.0), cell=cell)
        for quantity in SRAM_QUANTITIES:
            assert getattr(larger, quantity).value > getattr(base, quantity).value > 0
            assert getattr(wider, quantity).value >= getattr(base, quantity).value

    def test_an_access_to_a_banked_memory_is_one_to_a_bank(self):
        whole, bank = memory("sram", 65536, 64, banks=4), memory("sram", 16384, 64)
        assert (whole.read.value, whole.interval.value) == (bank.read.value, bank.interval.value)
        assert whole.leakage.value == pytest.approx(4 * bank.leakage.value)
        assert whole.area.value == pytest.approx(4 * bank.area.value)
        assert "4 banks" in whole.read.source

    def test_the_nominal_supply_of_high_performance_cells_is_cactis(self):
        stated, nominal = Technology(65, 1.1), Technology(65)
        assert memory("sram", 8192, 64, stated, cell="itrs-hp") == memory("sram", 8192, 64, nominal, cell="itrs-hp")

    def test_beyond_the_points_the_source_says_so(self):
        assert "extrapolated" not in memory("sram", 512, 32).read.source
        assert "extrapolated in capacity, width, node" in memory("sram", 256, 16, Technology(16, 0.8)).read.source

    def test_an_array_costs_less_than_horowitz_says_of_a_cache(self):
        """His caches (10, 20 and 100 pJ per 64 bits) have tags and comparators, these arrays have none."""
        reads = [memory("sram", size, 64, cell="itrs-hp").read.value for size in (2**13, 2**15, 2**20)]
        assert reads == pytest.approx([4.35, 9.61, 69.8], rel=0.01)


class TestRegfile:
    def test_one_word_costs_what_aladdins_flip_flops_cost(self):
        register = memory("regfile", 2, 16, Technology(40, 0.9))
        assert register.read.value == pytest.approx(16 * 0.009)
        assert register.area.value == pytest.approx(16 * 5.981433)
        assert register.leakage.value == pytest.approx(16 * 7.395312e-5)

    @pytest.mark.parametrize("technology", [HOROWITZ, Technology(65, 1.0), Technology(7)])
    def test_half_a_kilobyte_costs_a_multiply_accumulate_as_in_eyeriss(self, technology):
        file, unit = memory("regfile", 512, 16, technology), mac("int_mac", 16, technology, accumulate="32 bit")
        assert file.read.value == pytest.approx(unit.op.value)
        assert file.write == file.read

    @given(size=st.floats(8, 1024), growth=st.floats(1.01, 8), width=st.sampled_from([8, 16, 32]))
    def test_a_larger_or_wider_file_costs_more(self, size, growth, width):
        base = memory("regfile", size, width)
        assert memory("regfile", size * growth, width).read.value > base.read.value
        assert memory("regfile", size, 2 * width).read.value > base.read.value

    def test_beyond_a_kilobyte_the_source_says_so(self):
        assert "extrapolated" in memory("regfile", 2048, 16).read.source
        assert "extrapolated" not in memory("regfile", 1024, 16).read.source


class TestDram:
    @pytest.mark.parametrize(("kind", "pj_per_bit"), [("DDR3", 20), ("LPDDR4", 8), ("GDDR5", 14), ("HBM3", 4.05)])
    def test_an_access_costs_its_bits(self, kind, pj_per_bit):
        dram = memory("dram", math.inf, 64, type=kind)
        assert dram.read.value == dram.write.value == 64 * pj_per_bit
        assert "pJ/bit: " in dram.read.source

    def test_it_does_not_depend_on_the_technology_of_the_chip(self):
        assert memory("dram", 1, 64, Technology(3), type="DDR3") == memory("dram", 1, 64, type="DDR3")


class TestWire:
    def wire(self, technology: Technology, length: str = "1 mm") -> NodeCosts:
        link = Link("weights", component=component("wire", length=length))
        return node_costs(machine(Fanout("array", 2, links=(link,)), technology=technology))["array.weights"]

    def test_random_bits_cost_what_keckler_says(self):
        assert self.wire(Technology(40, 0.9), "10 mm").word_pj(256) == pytest.approx(310)

    @pytest.mark.parametrize(("volts", "published"), [(0.75, 200), (0.65, 150)])
    def test_the_projections_of_the_source_to_10_nm_are_met(self, volts, published):
        assert self.wire(Technology(10, volts), "10 mm").word_pj(256) == pytest.approx(published, rel=0.09)

    def test_a_word_costs_its_bits_and_its_millimetres(self):
        near, far = self.wire(HOROWITZ, "500 um"), self.wire(HOROWITZ, "2 mm")
        assert far.word_pj(8) == pytest.approx(4 * near.word_pj(8))
        assert far.word_pj(16) == pytest.approx(2 * far.word_pj(8))

    def test_a_converter_may_be_a_wire(self):
        pad = Converter("bus", ("all",), component("wire", length="1 mm"))
        assert costs(pad).bit == self.wire(HOROWITZ).bit


class TestTable:
    def test_every_node_and_every_network_has_a_row(self):
        array = Fanout("array", 2, links=(Link("weights"), Link("outputs")))
        assert list(node_costs(machine(array))) == ["dram", "array.weights", "array.outputs", "array.all", "mac"]
        assert link_key(array, "weights", "weights") == "array.weights"
        assert link_key(array, "image", "inputs") == "array.all"

    def test_what_nobody_gave_or_modelled_is_free_and_says_so(self):
        free = node_costs(machine())["dram"]
        assert free == NodeCosts()
        assert (free.read.value, free.read.source) == (0, "not modelled")

    def test_a_given_number_wins_over_the_model(self):
        mine = Given(2.0, "my chip")
        node = Compute("mac", bits=8, component=Component("int_mac", (), (("op_pj", mine), ("cycle_pj", mine))))
        assert costs(node).op == costs(node).cycle == mine
        assert costs(node).area.value == mac("int_mac", 8).area.value

    def test_a_given_cost_of_a_word_is_all_that_the_word_costs(self):
        wire = Component("wire", (("length", "1 mm"),), (("word_pj", Given(2.0, "my chip")),))
        links = (Link("weights", component=wire),)
        assert node_costs(machine(Fanout("array", 2, links=links)))["array.weights"].word_pj(16) == 2.0

    def test_given_numbers_need_no_known_technology(self):
        node = Compute("mac", component=Component("free", (), (("op_pj", Given(2.0, "my chip")),)))
        assert costs(node, Technology(2)).op.value == 2.0

    def test_describe_tells_given_from_modelled(self):
        given_op = Component("int_mac", (), (("op_pj", Given(2.0, "my chip")),))
        rows = describe(machine(Compute("mac", bits=8, component=given_op)))
        assert [(r.node, r.quantity, r.unit, r.given) for r in rows] == [
            ("mac", "op", "pJ/operation", True),
            ("mac", "area", "um2", False),
        ]
        assert (rows[0].value, rows[0].source) == (2.0, "my chip")
        assert rows[1].source.startswith("Horowitz ISSCC 2014")

    def test_another_package_can_add_a_model(self, monkeypatch):
        monkeypatch.setattr(registry, "_MODELS", dict(registry._MODELS))
        adc = Model("my_adc", (Converter,), (), lambda part: NodeCosts(word=Given(1.5, "its paper")))
        registry.register(adc)
        assert costs(Converter("adc", ("outputs",), Component("my_adc"))).word_pj(8) == 1.5
        with pytest.raises(ComponentError, match="there is a component model my_adc already"):
            registry.register(Model("my_adc", (Converter,), (), lambda part: NodeCosts()))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            component("srma"),
            "unknown component model srma; did you mean 'sram'?; "
            "known: free, sram, regfile, dram, edram, int_mac, float_mac, wire, "
            "adc, dac, sample_hold, shift_add, memristor, sram_cell",
        ),
        (component("sram", bank=2), "unknown sram attribute bank; did you mean 'banks'?; known: cell, banks"),
        (component("free", bank=2), "unknown free attribute bank; known: none"),
        (component("sram", banks=0.5), "attribute banks: 0.5 is not a whole number from 1"),
        (
            component("sram", cell="itrs-h"),
            "unknown cell itrs-h; did you mean 'itrs-hp'?; known: itrs-hp, itrs-lstp",
        ),
        (component("dram"), "the attribute type is missing: one of DDR3, LPDDR, LPDDR4, GDDR5, HBM2, HBM3, HBM4"),
        (component("wire", length="1 mm"), "the model wire is for a link or converter, not for a memory"),
        (
            Component("free", (), (("raed_pj", Given(1.0, "")),)),
            "unknown quantity raed_pj; did you mean 'read_pj'?; known: read_pj, write_pj, op_pj, gated_pj, word_pj, "
            "cycle_pj, leakage_mw, area_um2",
        ),
    ],
)
def test_a_wrong_component_is_explained(made, said):
    with pytest.raises(ComponentError) as error:
        costs(Memory("glb", ("all",), 8192, 64, component=made))
    assert str(error.value) == f"architecture toy, glb: {said}"


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({}, "the attribute length is missing: a length, e.g. 65 nm"),
        ({"length": "3 V"}, "attribute length: 3 V is a voltage; a length is expected, e.g. 65 nm"),
        ({"length": "-1 mm"}, "attribute length: -1 mm is not positive"),
    ],
)
def test_a_wrong_quantity_is_explained(attributes, said):
    link = Link("weights", component=component("wire", **attributes))
    with pytest.raises(ComponentError) as error:
        node_costs(machine(Fanout("array", 2, links=(link,))))
    assert str(error.value) == f"architecture toy, array.weights: {said}"


@pytest.mark.parametrize(("model", "what"), [("sram", "an SRAM"), ("regfile", "a register file")])
def test_a_memory_on_the_chip_needs_a_size(model, what):
    with pytest.raises(ComponentError, match=f"buffer: {what} needs a size"):
        memory(model, math.inf, 64)


def test_an_unknown_technology_is_refused_with_the_node_that_needs_it():
    with pytest.raises(ComponentError, match="architecture toy, mac: technology 5 nm lies outside 7 to 180 nm"):
        mac("int_mac", 8, Technology(5))
