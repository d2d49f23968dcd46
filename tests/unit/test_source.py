"""Do extended files, overrides and expressions give the data that a person meant, and errors at their own place?"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sim.errors import ConfigError
from sim.schema.source import Source, read

MACHINE = """\
name: base
clock: 200 MHz
parameters: {rows: 4, share: 16 KiB}
hierarchy:
  - memory: dram
    size: unbounded
  - memory: glb
    size: 64 KiB
    energy: {read: 2 pJ, write: 3 pJ}
  - fanout: array
    x: 14
    y: ${rows} * 3
    links:
      weights: {multicast: true}
  - compute: mac
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files into the working directory, so that messages name them shortly, and returns the last."""
    monkeypatch.chdir(tmp_path)

    def write(**texts: str) -> Path:
        for name, text in texts.items():
            Path(f"{name}.yaml").write_text(text)
        return Path(f"{list(texts)[-1]}.yaml")

    return write


def fail(path: Path, sets: Sequence[str] = ()) -> str:
    with pytest.raises(ConfigError) as error:
        read(path, sets)
    return str(error.value)


def entry(source: Source, name: str) -> dict[str, Any]:
    return next(e for e in source.data["hierarchy"] if name in e.values())


class TestExtend:
    def test_mappings_merge_and_entries_are_overridden_by_name(self, write: Write):
        path = write(
            base=MACHINE,
            mine="""\
extend: base.yaml
name: mine
parameters: {rows: 5}
hierarchy:
  - memory: glb
    energy: {write: 9 pJ}
""",
        )
        source = read(path)
        assert source.data["name"] == "mine"
        assert source.data["clock"] == "200 MHz"
        assert entry(source, "glb") == {
            "memory": "glb",
            "size": "64 KiB",
            "energy": {"read": "2 pJ", "write": "9 pJ"},
        }
        assert entry(source, "array")["y"] == 15
        assert "extend" not in source.data

    def test_new_entries_stand_after_the_one_they_name_or_before_the_compute_node(self, write: Write):
        path = write(
            base=MACHINE,
            mine="extend: base\nhierarchy:\n  - {memory: l2, after: dram, size: 1 MiB}\n  - memory: spad\n",
        )
        names = [next(iter(e.values())) for e in read(path).data["hierarchy"]]
        assert names == ["dram", "l2", "glb", "array", "spad", "mac"]
        assert "after" not in entry(read(path), "l2")

    def test_new_layers_stand_at_the_end(self, write: Write):
        path = write(
            base="layers:\n  - {name: a, M: 1}\n  - {name: b, M: 2}\n",
            mine="extend: base\nlayers:\n  - {name: c}\n  - {name: a, M: 7}\n",
        )
        assert read(path).data["layers"] == [{"name": "a", "M": 7}, {"name": "b", "M": 2}, {"name": "c"}]

    def test_entries_and_keys_can_be_removed(self, write: Write):
        path = write(
            base=MACHINE,
            mine="""\
extend: base
hierarchy:
  - {memory: glb, energy: {remove: true}}
  - {fanout: array, remove: true}
""",
        )
        source = read(path)
        assert entry(source, "glb") == {"memory": "glb", "size": "64 KiB"}
        assert len(source.data["hierarchy"]) == 3

    def test_what_is_removed_must_be_there(self, write: Write):
        path = write(
            base=MACHINE, mine="extend: base\nclok: {remove: true}\nhierarchy:\n  - {memory: gbl, remove: true}\n"
        )
        assert fail(path) == (
            "mine.yaml:2:1: the base has no 'clok' to remove\n  clok: {remove: true}\n  ^\n"
            "  expected: one of name, clock, parameters, hierarchy\n  did you mean 'clock'?\n"
            "mine.yaml:4:5: the base has no 'gbl' to remove\n    - {memory: gbl, remove: true}\n      ^\n"
            "  expected: one of dram, glb, array, mac\n  did you mean 'glb'?"
        )

    def test_an_entry_cannot_stand_after_one_that_is_not_there(self, write: Write):
        path = write(base=MACHINE, mine="extend: base\nhierarchy:\n  - {memory: l2, after: drma}\n")
        assert fail(path) == (
            "mine.yaml:3:25: there is no entry 'drma' to stand after\n    - {memory: l2, after: drma}\n"
            "                          ^\n  expected: one of dram, glb, array, mac\n  did you mean 'dram'?"
        )

    def test_a_base_may_extend_another(self, write: Write):
        path = write(a="x: 1\ny: 1\nz: 1\n", b="extend: a\ny: 2\nz: 2\n", c="extend: b\nz: 3\n")
        assert read(path).data == {"x": 1, "y": 2, "z": 3}

    def test_a_circle_is_an_error(self, write: Write):
        path = write(a="extend: b.yaml\n", b="extend: a.yaml\n")
        assert fail(path) == (
            "a.yaml:1:9: files extend each other in a circle: b.yaml -> a.yaml -> b.yaml\n"
            "  extend: b.yaml\n          ^"
        )

    def test_a_missing_base_is_an_error_at_extend(self, write: Write):
        assert fail(write(a="extend: nothing\n")).startswith(
            "a.yaml:1:9: no architecture 'nothing': it is neither a file nor a shipped name\n"
        )

    def test_a_mistake_in_the_base_is_told_at_its_place_there(self, write: Write):
        source = read(write(base=MACHINE, mine="extend: base\nname: mine\n"))
        problem = source.problem(("hierarchy", 2, "x"), "too large")
        assert (problem.file, problem.line, problem.column) == ("base.yaml", 11, 8)

    def test_a_file_must_hold_keys(self, write: Write):
        assert fail(write(a="- 1\n")).startswith("a.yaml:1:1: a file holds keys and values")
        assert fail(write(a="")) == "a.yaml: a file holds keys and values\n  expected: name: ..."


class TestSet:
    @pytest.mark.parametrize(
        ("text", "path", "value"),
        [
            ("array.x=16", ("hierarchy", 2, "x"), 16),
            ("glb.size=256KiB", ("hierarchy", 1, "size"), "256KiB"),
            ("clock=1 GHz", ("clock",), "1 GHz"),
            ("parameters.rows=8", ("hierarchy", 2, "y"), 24),
            ("rows=8", ("hierarchy", 2, "y"), 24),
            ("glb.energy.read=3 pJ", ("hierarchy", 1, "energy", "read"), "3 pJ"),
            ("array.links.weights.multicast=false", ("hierarchy", 2, "links", "weights", "multicast"), False),
            ("hierarchy.2.x=3", ("hierarchy", 2, "x"), 3),
            ("hierarchy.array.x=3", ("hierarchy", 2, "x"), 3),
            ("array.x=${rows} + 1", ("hierarchy", 2, "x"), 5),
            ("glb.keeps=[inputs, outputs]", ("hierarchy", 1, "keeps"), ["inputs", "outputs"]),
            ("glb.component={model: sram}", ("hierarchy", 1, "component", "model"), "sram"),
        ],
    )
    def test_what_an_override_changes(self, write: Write, text: str, path: tuple[str | int, ...], value: object):
        assert read(write(base=MACHINE), [text]).root.at_path(path).plain() == value

    def test_the_last_override_wins(self, write: Write):
        assert entry(read(write(base=MACHINE), ["array.x=1", "array.x=2"]), "array")["x"] == 2

    def test_a_mistake_in_it_is_told_as_the_override(self, write: Write):
        source = read(write(base=MACHINE), ["array.x=16"])
        assert source.problem(("hierarchy", 2, "x"), "too large").render() == "--set array.x=16: too large"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "aray.x=16",
                "--set aray.x=16: unknown name 'aray'\n"
                "  expected: one of name, clock, parameters, rows, share, hierarchy, dram, glb, array, mac\n"
                "  did you mean 'array'?",
            ),
            (
                "array.link.weights=1",
                "--set array.link.weights=1: 'array' has no 'link'\n"
                "  expected: one of fanout, x, y, links\n  did you mean 'links'?",
            ),
            (
                "parameters.row=8",
                "--set parameters.row=8: 'parameters' has no 'row'\n"
                "  expected: one of rows, share\n  did you mean 'rows'?",
            ),
            ("array.x.y=8", "--set array.x.y=8: 'array.x' is a single value; it has no 'y'"),
            (
                "array.x",
                "--set array.x: a name and a value are needed\n  expected: NAME=VALUE, e.g. array.x=16",
            ),
        ],
    )
    def test_a_name_that_is_not_there(self, write: Write, text: str, message: str):
        assert fail(write(base=MACHINE), [text]) == message

    def test_a_value_that_is_not_yaml(self, write: Write):
        assert fail(write(base=MACHINE), ["array.x=[1"]).startswith("--set array.x=[1: not YAML: ")

    def test_a_name_of_two_values(self, write: Write):
        path = write(a="parameters: {glb: 1}\nhierarchy:\n  - memory: glb\n")
        assert fail(path, ["glb=3"]) == (
            "--set glb=3: 'glb' is the name of several values\n  expected: parameters.glb or hierarchy.glb"
        )

    def test_all_wrong_overrides_are_told_together(self, write: Write):
        with pytest.raises(ConfigError) as error:
            read(write(base=MACHINE), ["aray.x=1", "array.x=1", "nothing"])
        assert len(error.value.problems) == 2


class TestExpressions:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("${rows}", 4),
            ("${array.x}", 14),
            ("${name}", "base"),
            ("${glb.size}", "64 KiB"),
            ("${array.x} * 2", 28),
            ("${rows}*${array.x} - 6", 50),
            ("(${rows} + 1) ** 2", 25),
            ("-${rows} ** 2", -16),
            ("2 ** -1 * ${rows}", 2),
            ("2 ** 3 ** 2 + ${rows} - ${rows}", 512),
            ("${array.x} / ${rows}", 3.5),
            ("${array.x} // ${rows}", 3),
            ("${array.x} % ${rows}", 2),
            ("ceil(${array.x} / ${rows})", 4),
            ("floor(${array.x} / ${rows}) + round(2.6)", 6),
            ("min(${rows}, ${array.x}, 3)", 3),
            ("max(${rows}, 2.5)", 4),
            ("0.1 * ${rows} + 0.2", 0.6),
            ("${glb.size} / 2", "262144 bit"),
            ("${glb.size} - 4 KiB", "491520 bit"),
            ("${rows} * 2 pJ", "8 pJ"),
            ("${glb.size} / ${share}", 4),
            ("${glb.size} // ${share} + ${rows}", 8),
            ("min(${glb.size}, ${share})", "131072 bit"),
            ("${clock} / 3", "66666666.666666664 Hz"),
            ("${hierarchy.array.y}", 12),
            ("4 ** 0.5 * ${rows}", 8),
        ],
    )
    def test_what_an_expression_gives(self, write: Write, text: str, value: object):
        result = read(write(base=MACHINE + f"result: {text}\n")).data["result"]
        assert result == value
        assert type(result) is type(value)

    def test_values_that_are_expressions_themselves(self, write: Write):
        assert read(write(a="parameters: {a: '${b} + 1', b: '${c} * 2', c: 5}\nx: ${a}\n")).data["x"] == 11

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "${arry.x} + 1",
                "f.yaml:1:4: unknown name 'arry'\n  x: ${arry.x} + 1\n     ^\n"
                "  expected: one of x, name, clock, parameters, rows, share, hierarchy, dram, glb, array, mac\n"
                "  did you mean 'array'?",
            ),
            (
                "1 + ${array.w}",
                "f.yaml:1:8: 'array' has no 'w'\n  x: 1 + ${array.w}\n         ^\n"
                "  expected: one of fanout, x, y, links",
            ),
            (
                "${glb.size} + 3",
                "f.yaml:1:16: cannot add an amount of data and a plain number\n"
                "  x: ${glb.size} + 3\n                 ^",
            ),
            (
                "2 * ${name}",
                "f.yaml:1:8: 'name' is 'base', neither a number nor a quantity\n  x: 2 * ${name}\n         ^",
            ),
            (
                "1 + ${nothing.at.all}",
                "f.yaml:1:8: unknown name 'nothing'\n  x: 1 + ${nothing.at.all}\n         ^\n"
                "  expected: one of x, name, clock, parameters, rows, share, hierarchy, dram, glb, array, mac",
            ),
            ("${hierarchy}", "f.yaml:1:4: 'hierarchy' is not a single value\n  x: ${hierarchy}\n     ^"),
            (
                "mim(${rows}, 1)",
                "f.yaml:1:4: unknown function 'mim'\n  x: mim(${rows}, 1)\n     ^\n"
                "  expected: min, max, ceil, floor, round\n  did you mean 'min'?",
            ),
            (
                "rows * ${rows}",
                "f.yaml:1:4: unknown function 'rows'\n  x: rows * ${rows}\n     ^\n"
                "  expected: min, max, ceil, floor, round\n  to refer to a value write ${rows}",
            ),
            (
                "${rows} +",
                "f.yaml:1:13: '${rows} +' ends too early\n  x: ${rows} +\n              ^\n"
                "  expected: a number, a reference such as ${rows}, or a function",
            ),
            (
                "(${rows} 2",
                "f.yaml:1:13: unexpected '2' in '(${rows} 2'\n  x: (${rows} 2\n              ^\n  expected: ')'",
            ),
            ("${rows} ; 2", "f.yaml:1:12: ';' is not part of an expression\n  x: ${rows} ; 2\n             ^"),
            ("${rows} / 0", "f.yaml:1:12: division by zero\n  x: ${rows} / 0\n             ^"),
        ],
    )
    def test_what_is_said_about_a_wrong_expression(self, write: Write, text: str, message: str):
        assert fail(write(f=f"x: {text}\n" + MACHINE)) == message

    @pytest.mark.parametrize("value", [".inf", ".nan", "true", "", "unbounded", "[1]"])
    def test_what_cannot_be_computed_with(self, write: Write, value: str):
        assert "f.yaml:2:" in fail(write(f=f"a: {value}\nb: 1 + ${{a}}\n"))

    def test_a_circle_is_told_once(self, write: Write):
        path = write(f="parameters:\n  a: ${b} + 1\n  b: ${c}\n  c: ${a}\nx: ${a}\n")
        assert fail(path) == (
            "f.yaml:4:6: expressions refer to each other in a circle: a -> b -> c -> a\n    c: ${a}\n       ^"
        )

    def test_what_depends_on_a_wrong_value_is_not_told_again(self, write: Write):
        with pytest.raises(ConfigError) as error:
            read(write(f="a: ${b} * 2\nb: ${nothing}\nc: ${b}\nd: ${nobody}\n"))
        assert [problem.line for problem in error.value.problems] == [2, 4]

    def test_a_name_that_there_is_not_is_told_once(self, write: Write):
        with pytest.raises(ConfigError) as error:
            read(write(f="a: ${b} * 2\nc: 3\nd: 1 + ${b}\ne: ${nobody}\nf: ${b} - ${b}\n"))
        assert [p.message for p in error.value.problems] == [
            "unknown name 'b', also in lines 3, 5",
            "unknown name 'nobody'",
        ]

    def test_a_wrong_expression_in_an_override_is_told_as_the_override(self, write: Write):
        assert fail(write(base=MACHINE), ["array.x=${row} + 1"]).startswith(
            "--set array.x=${row} + 1: unknown name 'row'"
        )

    def test_growing_along_a_chain_of_references_is_stopped(self, write: Write):
        lines = ["p0: 3", *(f"p{i}: ${{p{i - 1}}} * ${{p{i - 1}}}" for i in range(1, 90))]
        assert "a number too large to compute with" in fail(write(f="\n".join(lines) + "\n"))

    def test_a_long_chain_of_nested_expressions_is_computed(self, write: Write):
        deep = "(" * 35 + "${p%d}" + " + 1)" * 35
        lines = [*(f"p{i}: {deep % (i + 1)}" for i in range(45)), "p45: 0"]
        assert read(write(f="\n".join(lines) + "\n")).data["p0"] == 45 * 35

    def test_a_chain_of_references_must_end(self, write: Write):
        lines = [*(f"p{i}: ${{p{i + 1}}}" for i in range(150)), "p150: 1"]
        assert "more than 50 expressions refer to each other in a row" in fail(write(f="\n".join(lines) + "\n"))
