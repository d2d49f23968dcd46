"""Does an architecture file become the machine that it describes, and a wrong one a helpful error?"""

import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sim.arch.tree import (
    Architecture,
    Component,
    Compression,
    Compute,
    Converter,
    Fanout,
    Given,
    Link,
    Memory,
    Technology,
    ZeroSaving,
)
from sim.errors import ConfigError
from sim.schema import yaml12
from sim.schema.architecture import read_architecture
from sim.schema.jsonschema import architecture_schema

SMALL = Path(__file__).parent / "data" / "small.yaml"
MADE_UP = "made up"


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is said about the small machine after one change of its text."""
    monkeypatch.chdir(tmp_path)

    def fail(old: str, new: str) -> str:
        text = SMALL.read_text()
        assert text.count(old) == 1, old
        Path("f.yaml").write_text(text.replace(old, new))
        with pytest.raises(ConfigError) as error:
            read_architecture("f.yaml")
        return str(error.value)

    return fail


def test_every_part_of_a_file_reaches_the_machine():
    assert read_architecture(SMALL) == Architecture(
        name="small",
        summary="A grid of two by three.",
        clock_hz=200e6,
        technology=Technology(65.0, 1.0),
        nodes=(
            Memory(
                "dram",
                ("all",),
                math.inf,
                width_bits=64,
                bandwidth=128.0,  # 3.2 GB/s at 200 MHz: 25.6e9 / 200e6
                component=Component(
                    "dram",
                    (("type", "DDR3"),),
                    (("read_pj", Given(1200.0, MADE_UP)), ("write_pj", Given(1200.0, MADE_UP))),
                ),
            ),
            Memory(
                "glb",
                ("inputs", "outputs"),
                884_736.0,  # 27 * 4 KiB
                buffering="double",
                read_bandwidth=64.0,
                component=Component("sram", (("banks", 4),)),
                compression=(Compression("inputs", "rlc", 5, 64),),
                savings=(ZeroSaving("skipping", "weights", ("inputs",)),),
            ),
            Fanout(
                "array",
                2,
                3,
                (
                    Link(
                        "weights", multicast=False, bandwidth=64.0, component=Component("wire", (("length", "1 mm"),))
                    ),
                    Link("inputs", component=Component(given=(("word_pj", Given(2.0, MADE_UP)),))),
                    Link("outputs", reduce=False),
                ),
            ),
            Converter(
                "adc",
                ("outputs",),
                Component(given=(("word_pj", Given(1.0, MADE_UP)), ("area_um2", Given(10_000.0, MADE_UP)))),
            ),
            Compute(
                "mac",
                bits=8,
                cycles=2.0,
                depth=3,
                component=Component(
                    given=(
                        ("op_pj", Given(2.0, MADE_UP)),
                        ("gated_pj", Given(0.1, MADE_UP)),
                        ("cycle_pj", Given(0.05, MADE_UP)),
                        ("leakage_mw", Given(0.1, MADE_UP)),
                    )
                ),
                savings=(ZeroSaving("gating", "mac", ("inputs", "weights")),),
            ),
        ),
    )


def test_what_a_file_leaves_out_has_the_defaults_of_the_domain(tmp_path: Path):
    (tmp_path / "f.yaml").write_text(
        "name: f\nclock: 1 GHz\nhierarchy:\n  - {memory: m, size: 1 B}\n  - {fanout: a, x: 2}\n  - compute: c\n"
    )
    assert read_architecture(tmp_path / "f.yaml") == Architecture(
        "f", (Memory("m", ("all",), 8.0), Fanout("a", 2), Compute("c"))
    )


def test_technology_may_be_the_node_alone(tmp_path: Path):
    path = tmp_path / "f.yaml"
    path.write_text("extend: small.yaml\ntechnology: 28 nm\n")
    (tmp_path / "small.yaml").write_text(SMALL.read_text())
    assert read_architecture(path).technology == Technology(28.0)


def test_a_data_rate_follows_the_clock():
    dram = read_architecture(SMALL, ["clock=400 MHz"])["dram"]
    assert isinstance(dram, Memory)
    assert dram.bandwidth == 64.0


def test_an_attribute_that_is_computed_keeps_its_unit():
    array = read_architecture(SMALL, ["array.links.weights.component.length=${rows} * 2 mm"])["array"]
    assert isinstance(array, Fanout)
    assert array.links[0].component.attributes == (("length", "6000000 nm"),)


class TestErrors:
    def test_a_wrong_unit(self, fail):
        assert fail("word: 1 pJ", "word: 1 pj") == (
            "f.yaml:33:20: unknown unit 'pj' in '1 pj'\n      energy: {word: 1 pj, source: made up}\n"
            "                     ^\n  expected: an energy in J, mJ, uJ, nJ, pJ, fJ\n  did you mean 'pJ'?"
        )

    def test_a_quantity_of_another_dimension(self, fail):
        assert fail("clock: 200 MHz", "clock: 5 ns") == (
            "f.yaml:4:8: 5 ns is a time; a frequency is expected, e.g. 200 MHz\n  clock: 5 ns\n         ^"
        )

    def test_a_number_without_unit(self, fail):
        assert fail("bits: 8 bit", "bits: 8") == (
            "f.yaml:36:11: 8 has no unit; an amount of data is expected, e.g. 64 bit\n      bits: 8\n            ^"
        )

    def test_an_unknown_key(self, fail):
        assert fail("buffering: double", "bufering: double") == (
            "f.yaml:19:5: unknown key 'bufering'\n      bufering: double\n      ^\n"
            "  expected: one of memory, size, keeps, width, bandwidth, read_bandwidth, write_bandwidth, buffering,"
            " burst, latency, compression, energy, component, leakage, area, gating, skipping\n"
            "  did you mean 'buffering'?"
        )

    def test_a_compute_node_that_is_to_spare_something_else(self, fail):
        assert fail("{target: mac, on", "{target: inputs, on") == (
            "f.yaml:35:5: 'inputs' cannot be spared in a compute node\n    - compute: mac\n      ^\n"
            "  expected: its own name, mac"
        )

    def test_a_run_length_that_is_too_wide(self, fail):
        assert "65 bit is out of range" in fail("run: 5 bit", "run: 65 bit")

    def test_a_component_is_told_at_its_place(self, fail):
        assert fail("model: wire, length", "model: wire, lenght").startswith(
            "f.yaml:28:60: architecture small, array.weights: unknown wire attribute lenght; did you mean 'length'?"
        )

    def test_a_memory_without_size(self, fail):
        assert fail("    size: unbounded\n", "") == (
            "f.yaml:10:5: key 'size' is missing\n    - memory: dram\n      ^\n"
            "  expected: capacity of one instance, e.g. 108 KiB; `size: unbounded` for a memory without a limit,"
            " such as DRAM"
        )

    def test_numbers_without_source(self, fail):
        assert fail("{word: 2 pJ, source: made up}", "{word: 2 pJ}") == (
            "f.yaml:29:16: key 'source' is missing\n        inputs: {energy: {word: 2 pJ}}\n                 ^\n"
            "  expected: where the numbers come from: paper and table, data sheet, or 'assumed'; they win over every"
            " cost model, so a reader must be able to check them"
        )

    def test_a_source_without_numbers(self, fail):
        assert "there is a source here but no number" in fail("{word: 2 pJ, source: made up}", "{source: made up}")

    def test_a_duplicate_key(self, fail):
        assert fail("    cycles: 2\n", "    cycles: 2\n    cycles: 3\n").startswith(
            "f.yaml:38:5: duplicate key 'cycles': first on line 37, again on line 38\n"
        )

    def test_text_where_a_number_is_expected(self, fail):
        assert fail("x: 2", 'x: "2"') == (
            "f.yaml:25:8: array.x is '2'\n      x: \"2\"\n         ^\n  expected: a whole number"
        )

    @pytest.mark.parametrize(
        ("old", "new", "message", "expected"),
        [
            ("x: 2", "x: true", "array.x is true", "a whole number"),
            ("x: 2", "x: 2.5", "array.x is 2.5", "a whole number"),
            ("x: 2", "x: 0", "array.x is 0", "at least 1"),
            ("y: ${rows}", "y: ${rows} / 2", "array.y is 1.5", "a whole number"),
            ("cycles: 2", "cycles: 0", "mac.cycles is 0", "at least 1e-06"),
            ("multicast: false", "multicast: no", "array.links.weights.multicast is 'no'", "true or false"),
            ("keeps: [inputs, outputs]", "keeps: []", "glb.keeps is an empty list", "at least 1"),
            ("name: small", "name: 3", "name is 3", "text\n  put it in quotes"),
            ("buffering: double", "buffering: tripel", "glb.buffering is 'tripel'", "'single', 'double' or 'buffet'"),
        ],
    )
    def test_a_value_of_the_wrong_kind(self, fail, old, new, message, expected):
        text = fail(old, new)
        assert f": {message}\n" in text
        assert f"\n  expected: {expected}" in text

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("size: unbounded", "size: 0 B", "0 B is zero"),
            ("word: 1 pJ", "word: -1 pJ", "-1 pJ is negative"),
            ("bits: 8 bit", "bits: 0.5 bit", "0.5 bit is not a whole number of bits"),
            ("memory: glb", "memory: g-lb", "'g-lb' is not a name"),
            ("banks: 4", "banks: [4]", "a list stands where one value is expected"),
            ("on: inputs", "on: 3", "3 is neither a name nor a list of names"),
            ("memory: glb", "memry: glb", "an entry must say what it is"),
            ("memory: glb", "fanout: b\n    memory: glb", "an entry is one thing, not a memory and a fanout"),
            ("summary: A grid of two by three.", "summary:", "summary has no value"),
        ],
    )
    def test_a_value_that_makes_no_sense(self, fail, old, new, message):
        assert f": {message}\n" in fail(old, new)

    def test_contradictions_of_the_machine_have_a_place(self, fail):
        assert fail("memory: glb", "memory: dram").startswith(
            "f.yaml:16:5: architecture small: the name dram is used twice\n    - memory: dram\n      ^"
        )
        assert fail("    size: unbounded\n", "    size: unbounded\n    keeps: inputs\n").startswith(
            "f.yaml:10:5: architecture small: the first node must be a memory that keeps all tensors"
        )

    def test_a_mistake_in_an_override(self, fail):
        with pytest.raises(ConfigError) as error:
            read_architecture(SMALL, ["array.z=16"])
        assert str(error.value) == ("--set array.z=16: unknown key 'z'\n  expected: one of fanout, x, y, links")

    def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines(self, tmp_path: Path):
        text = SMALL.read_text()
        for old, new in (
            ("x: 2", "x: two"),
            ("clock: 200 MHz", "clok: 200 MHz"),
            ("bits: 8 bit", "bits: 8"),
            ("depth: 3", "depth:"),
        ):
            text = text.replace(old, new)
        (tmp_path / "f.yaml").write_text(text)
        with pytest.raises(ConfigError) as error:
            read_architecture(tmp_path / "f.yaml")
        assert [(p.line, p.message) for p in error.value.problems] == [
            (2, "key 'clock' is missing"),
            (4, "unknown key 'clok'"),
            (25, "array.x is 'two'"),
            (36, "8 has no unit; an amount of data is expected, e.g. 64 bit"),
            (38, "mac.depth has no value"),
        ]

    def test_no_words_of_the_validator_reach_the_reader(self, fail):
        text = fail("hierarchy:", "hierarchy: 3\nhierarchi:")
        assert not any(word in text for word in ("pydantic", "Input should", "http", "type=", "_type"))


class TestEditorSchema:
    @pytest.fixture
    def validator(self) -> Any:
        schema = architecture_schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        return jsonschema.Draft202012Validator(schema)

    def test_it_accepts_what_the_reader_accepts(self, validator):
        validator.validate(yaml12.load(SMALL).plain())

    @pytest.mark.parametrize(
        "text",
        [
            "{extend: eyeriss, clock: 1 GHz}",
            "{extend: eyeriss, hierarchy: [{memory: glb, remove: true}, {memory: l2, size: 1 MB, after: dram}]}",
            "{extend: eyeriss, hierarchy: [{memory: glb, energy: {read: 3 pJ}, bandwidth: {remove: true}}]}",
            "{extend: eyeriss, technology: '${node}'}",
        ],
    )
    def test_it_accepts_files_that_say_only_what_differs(self, validator, text):
        validator.validate(yaml12.read(text).plain())

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("clock",), "200 MHzz"),
            (("clock",), 200),
            (("hierarchy", 1, "sise"), "1 KiB"),
            (("hierarchy", 1, "size"), "1 pJ"),
            (("hierarchy", 2, "x"), "two"),
            (("hierarchy", 2, "x"), 0),
            (("hierarchy", 1, "buffering"), "tripel"),
            (("hierarchy", 3, "energy", "source"), None),
            (("technology",), "65 MHz"),
        ],
    )
    def test_it_refuses_what_the_reader_refuses(self, validator, path, value):
        data = yaml12.load(SMALL).plain()
        *parents, last = path
        owner = data
        for part in parents:
            owner = owner[part]
        owner[last] = value
        assert not validator.is_valid(data)

    def test_every_field_is_described(self):
        missing = [
            f"{name}.{key}"
            for name, definition in architecture_schema()["$defs"].items()
            for key, field in definition.get("properties", {}).items()
            if "description" not in field and not name.startswith("Partial")
        ]
        assert missing == []
