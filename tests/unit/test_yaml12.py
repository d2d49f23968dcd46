"""Is YAML read by the core schema of YAML 1.2, strictly, and with the place of everything?"""

import contextlib
import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ConfigError
from sim.schema import yaml12
from sim.schema.yaml12 import load, read, scalar


def fail(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(text, "f.yaml")
    return str(error.value)


# YAML 1.2.2, section 10.3.2, and the differences from YAML 1.1 that bite people
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2016-06-18", "2016-06-18"),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.5e+2", -50.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        (".", "."),
        ("-", "-"),
        ("108 KiB", "108 KiB"),
    ],
)
def test_what_a_plain_scalar_means(text, value):
    result = scalar(text)
    assert result == value
    assert type(result) is type(value)


def test_not_a_number():
    assert math.isnan(scalar(".nan"))


def test_quotes_make_text():
    assert read("[\"12\", 'true', '~', \"\"]").plain() == ["12", "true", "~", ""]


def test_keys_are_text():
    assert read("{1: a, true: b, y: c, ~: d}").plain() == {"1": "a", "true": "b", "y": "c", "~": "d"}


def test_an_empty_file_is_null():
    assert read("").plain() is None
    assert read("# only a comment\n").plain() is None


def test_anchors_and_aliases():
    assert read("a: &a {x: 1}\nb: *a\nc: [*a]").plain() == {"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}]}


def test_the_place_of_keys_and_values():
    root = read("a: 1\nb:\n  - c: two\n    d: [3, 4]\n", "f.yaml")
    node = root.at_path(("b", 0, "d", 1))
    assert (node.at.file, node.at.line, node.at.column) == ("f.yaml", 4, 12)
    assert node.at.text == "    d: [3, 4]"
    key = root.at_path(("b", 0, "d")).key
    assert key is not None
    assert (key.line, key.column) == (4, 5)


def test_duplicate_key():
    assert fail("a:\n  size: 1\n  width: 2\n  size: 3\n") == (
        "f.yaml:4:3: duplicate key 'size': first on line 2, again on line 4\n    size: 3\n    ^"
    )


def test_keys_that_are_equal_once_unquoted_are_duplicates():
    assert "duplicate key 'a'" in fail("{a: 1, 'a': 2}")


def test_merge_key():
    assert fail("a: &a {x: 1}\nb:\n  <<: *a\n") == (
        "f.yaml:3:3: merge keys (<<) are not part of YAML 1.2\n    <<: *a\n    ^\n"
        "  to build on another file, name it under `extend:`"
    )


@pytest.mark.parametrize(
    ("text", "tag"), [("a: !foo 1", "!foo"), ("a: !!int '1'", "!!int"), ("a: !!python/none ''", "!!python/none")]
)
def test_tags(text, tag):
    assert fail(text).startswith(f"f.yaml:1:4: the tag '{tag}' is not allowed\n")


def test_several_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        read("a: 1\na: 2\nb: !x 3\nc: [")
    assert [problem.line for problem in error.value.problems] == [2, 3, 4]


def test_tab():
    assert fail("a:\n\tb: 1\n") == (
        "f.yaml:2:1: a tab stands where YAML wants spaces\n   b: 1\n  ^\n  expected: indentation with spaces"
    )


def test_second_document():
    assert fail("a: 1\n---\nb: 2\n") == (
        "f.yaml:2:1: a second document begins here\n  ---\n  ^\n  expected: one document a file"
    )


def test_an_expression_in_a_flow_mapping_needs_quotes():
    assert fail("a: {x: ${rows}}\n").endswith('inside { } and [ ] an expression needs quotes: "${name}"')


def test_an_unclosed_bracket_names_the_line_where_it_opens():
    assert fail("a: [1, 2\nb: 3\nc: 4\n").endswith("it begins on line 1")


def test_an_alias_inside_its_own_value():
    assert fail("a: &x [1, *x]").startswith("f.yaml:1:11: the alias '*x' stands inside the value that it stands for")


def test_an_alias_without_anchor():
    assert fail("a: &size 1\nb: *sise").startswith("f.yaml:2:4: the alias '*sise' has no anchor '&sise' before it")


def test_exploding_aliases_are_stopped():
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))]
    assert "aliases unfold to more than" in fail("\n".join(lines))


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000])
def test_deep_nesting_is_stopped(text):
    assert "nested more than 100 deep" in fail(text)


def test_a_character_that_yaml_does_not_allow():
    assert fail("a: 1\nb: x\x07").startswith("f.yaml:2:5: the character U+0007 is not allowed in YAML")


def test_a_number_of_thousands_of_digits():
    assert "a number of too many digits" in fail("a: " + "9" * 5000)


def test_line_ends_of_windows_and_a_byte_order_mark(tmp_path: Path):
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: [2,\r\n  !x 3]\r\n")
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "f.yaml")
    (problem,) = error.value.problems
    assert (problem.line, problem.column, problem.text) == (3, 3, "  !x 3]")


def test_files_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigError, match="byte 9 is not UTF-8 text"):
        load(tmp_path / "latin.yaml")
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml")


def test_the_pure_python_parser_gives_the_same(monkeypatch: pytest.MonkeyPatch):
    text = (Path(__file__).parent / "data" / "small.yaml").read_text()
    fast = read(text)
    monkeypatch.setattr(yaml12, "_Loader", yaml.SafeLoader)
    assert read(text) == fast


# JSON writes characters above these as pairs of surrogates, and YAML allows for no key of more than 1024 characters
words = st.text(st.characters(max_codepoint=0xD7FF), min_size=1, max_size=100)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(json_like)
def test_json_is_read_as_it_is(value):
    """YAML 1.2 contains JSON."""
    assert read(json.dumps(value)).plain() == value


@given(st.integers(-(10**30), 10**30))
def test_integers_round_trip(number):
    assert scalar(str(number)) == number
    assert scalar(hex(abs(number))) == abs(number)
    assert scalar(oct(abs(number))) == abs(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_round_trip(number):
    assert scalar(repr(number)) == number


@given(st.text())
def test_no_text_does_worse_than_a_config_error(text):
    with contextlib.suppress(ConfigError):
        read(text).plain()
