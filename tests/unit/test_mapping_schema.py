"""Are loop nests written by hand read as they are printed, and slips shown in the line?"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ConfigError
from sim.mapping.nest import For, Item, Keep, Mapping, Parallel
from sim.schema.mapping import ItemError, parse_item, read_mappings


def write(folder: Path, text: str) -> Path:
    path = folder / "nest.yaml"
    path.write_text(text)
    return path


NEST = Mapping(
    (
        Keep("dram", ("weights", "inputs", "outputs")),
        For("N", 4),
        Parallel("array", "x", "P", 14),
        Keep("rf", ("weights",)),
    )
)
LINES = """
    - keep dram weights, inputs, outputs
    - for N 4
    - parallel array.x P 14
    - keep rf weights
"""


def test_one_nest_a_layer(tmp_path: Path):
    text = f"name: mine\nmapping:\n  conv1:{LINES}  default: ['for M 2']\n"
    assert read_mappings(write(tmp_path, text)) == {"conv1": NEST, "default": Mapping((For("M", 2),))}


def test_a_plain_list_has_no_layer_name(tmp_path: Path):
    assert read_mappings(write(tmp_path, f"mapping:{LINES}")) == {"": NEST}


def test_wrong_lines_are_all_shown_with_their_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        "mapping:\n  conv1:\n    - keep rf weights\n    - fro N 4\n    - 'for N zero'\n    - parallel array.z P 14\n",
    )
    with pytest.raises(ConfigError) as error:
        read_mappings(Path("nest.yaml"))
    assert str(error.value) == (
        "nest.yaml:4:7: 'fro' stands where 'keep', 'for' or 'parallel' is expected\n      - fro N 4\n        ^\n"
        "  expected: keep LEVEL TENSOR, TENSOR ..., e.g. keep glb inputs, outputs; for DIM BOUND, e.g. for N 4;"
        " parallel FANOUT.AXIS DIM BOUND, e.g. parallel array.x P 14\n  did you mean 'for'?\n"
        "nest.yaml:5:14: 'zero' stands where a whole number of at least 1 is expected\n      - 'for N zero'\n"
        "               ^\n  expected: for DIM BOUND, e.g. for N 4\n"
        "nest.yaml:6:16: 'array.z' stands where a fanout with its axis x or y is expected\n"
        "      - parallel array.z P 14\n                 ^\n"
        "  expected: parallel FANOUT.AXIS DIM BOUND, e.g. parallel array.x P 14"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "the line ends where 'keep', 'for' or 'parallel' is expected"),
        ("keep glb", "the line ends where a tensor is expected"),
        ("keep glb inputs outputs", "'outputs' stands where a comma is expected"),
        ("keep glb inputs,", "the line ends where a tensor is expected"),
        ("for N", "the line ends where a whole number of at least 1 is expected"),
        ("for N 0", "'0' stands where a whole number of at least 1 is expected"),
        ("for N 4 5", "'5' stands after the end of the item"),
        ("for 4 N", "'4' stands where a dimension is expected"),
        ("parallel array P 4", "'array' stands where a fanout with its axis x or y is expected"),
    ],
)
def test_what_is_said_about_a_wrong_line(line, message):
    with pytest.raises(ItemError) as error:
        parse_item(line)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mapping: {}\n", "mapping is an empty mapping"),
        ("mapping: 3\n", "mapping is 3"),
        ("mapping:\n  conv1: [3]\n", "mapping.conv1.0 is 3"),
        ("maping: []\n", "unknown key 'maping'"),
    ],
)
def test_a_file_of_another_shape(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        read_mappings(write(tmp_path, text))


names = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
bounds = st.integers(1, 10**9)
items = (
    st.builds(Keep, names, st.lists(names, min_size=1, max_size=4).map(tuple))
    | st.builds(For, names, bounds)
    | st.builds(Parallel, names, st.sampled_from(["x", "y"]), names, bounds)
)


@given(items)
def test_a_printed_item_is_read_back(item: Item):
    assert parse_item(str(item)) == item
