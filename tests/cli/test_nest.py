"""Is the loop nest that `tilenest nest` draws the one that runs, and would a student understand it?"""

from pathlib import Path

import pytest

from sim.cli import main
from tests.cli.conftest import QUICK

# CONV2 of AlexNet on the chip as its paper draws it: R = 5 rows of the array, 27 output rows as 14 + 13.
CONV2 = """
mapping:
  conv2:
    - keep dram weights, inputs, outputs
    - for G 2
    - for M 8
    - for C 24
    - keep glb inputs, outputs
    - for P 2
    - for Q 27
    - parallel array.x P 14
    - parallel array.y C 2
    - parallel array.y R 5
    - keep inputs_spad inputs
    - keep weights_spad weights
    - keep psum_spad outputs
    - for S 5
    - for M 16
"""


@pytest.fixture
def nest(capsys: pytest.CaptureFixture[str]):
    """Runs the command; its lines without space at their ends."""

    def nest(*arguments: str) -> list[str]:
        status = main(["nest", *arguments])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return [line.rstrip() for line in printed.out.splitlines()]

    return nest


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]):
    """Runs the command, which must refuse; what it says."""

    def refused(*arguments: str) -> str:
        assert main(["nest", *arguments]) == 2
        return capsys.readouterr().err.strip()

    return refused


ON_EYERISS = ("--arch", "eyeriss", "--workload", "alexnet")


@pytest.fixture
def by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conv2.yaml").write_text(CONV2)
    return (*ON_EYERISS, "--layer", "conv2", "--mapping", "conv2.yaml")


def test_the_drawing_of_a_nest_written_by_hand(nest, by_hand):
    lines = nest(*by_hand)
    assert lines[0].startswith("conv2 of alexnet on eyeriss: the nest of")
    assert " ".join(lines).count("outputs[n, g, m, p, q] += inputs[n, g, c, p + r - 2, q + s - 2] * weights[g") == 1
    rule = next(i for i, line in enumerate(lines) if "────" in line)
    drawn = [" ".join(line[1:].split()) for line in lines[rule + 1 : rule + 20]]
    assert drawn == [
        "[dram] keeps weights G2 x M128 x C48 x R5 x S5 307,200 600 KiB",
        "[dram] keeps inputs G2 x C48 x H27 x W27 69,984 136.7 KiB",
        "[dram] keeps outputs G2 x M128 x P27 x Q27 186,624 364.5 KiB",
        "for g in 0:2",
        "for m1 in 0:8",
        "for c1 in 0:24",
        "[glb] keeps inputs C2 x H27 x W27 1,458 2.848 KiB, 2.8 % of 100 KiB",
        "[glb] keeps outputs M16 x P27 x Q27 11,664 22.78 KiB, 23 % of 100 KiB",
        "for p1 in 0:2 P: 27 = 14 + 13",
        "for q in 0:27",
        "parallel for p0 in 0:14 on array.x 14 of 14 columns",
        "parallel for c0 in 0:2 on array.y",
        "parallel for r in 0:5 on array.y 2 x 5 = 10 of 12 rows",
        "[inputs_spad] keeps inputs W5 5 10 B, 42 % of 24 B",
        "[weights_spad] keeps weights M16 x S5 80 160 B, 36 % of 448 B",
        "[psum_spad] keeps outputs M16 16 32 B, 67 % of 48 B",
        "for s in 0:5",
        "for m0 in 0:16",
        "outputs += inputs * weights",
    ]
    assert lines[rule + 20 : rule + 22] == ["", "Words moved, all copies together"]


def test_loops_are_indented_by_their_depth(nest, by_hand):
    lines = nest(*by_hand)
    depth = {line.split()[1]: len(line) - len(line.lstrip()) for line in lines if line.lstrip().startswith("for ")}
    assert [depth[name] for name in ("g", "m1", "c1", "p1", "q", "s", "m0")] == [1, 3, 5, 7, 9, 17, 19]


def test_the_words_and_what_they_are_good_for(nest, by_hand):
    rows = [line.split() for line in nest(*by_hand)]
    # From DRAM every input comes once for each of 8 groups of filters, and every weight once: a PE has the same ones
    # for both halves of the rows.
    assert ["dram", "inputs", "-", f"{8 * 69_984:,}", "-", "-", "400"] in [row[:7] for row in rows]
    assert ["weights", "-", "307,200", "-", "-", "729"] in [row[:6] for row in rows]


def test_energy_and_cycles(nest, by_hand):
    text = "\n".join(nest(*by_hand))
    steps = 2 * 8 * 24 * 2 * 27 * 5 * 16
    assert f"{steps:,}   decides" in text
    assert "start" in text
    assert "140 of 168 PEs have work" in " ".join(text.split())


def test_a_nest_that_is_found_is_told_from_one_that_is_given(nest):
    lines = nest(*ON_EYERISS, "--layer", "conv3", *QUICK, "--objective", "energy")
    assert lines[0] == "conv3 of alexnet on eyeriss: row_stationary, best energy found"
    assert any("parallel for" in line and "on array.y" in line for line in lines)


def test_overrides_and_another_dataflow(nest):
    arguments = ("--layer", "fc8", *QUICK, "--dataflow", "any", "--set", "glb.size=50KiB")
    lines = nest(*ON_EYERISS, *arguments)
    assert lines[0].startswith("fc8 of alexnet on eyeriss: any")
    assert any("of 50 KiB" in line for line in lines)


def test_a_double_buffer_takes_its_room_twice(nest):
    lines = nest("--arch", "nvdla_like", "--workload", "alexnet", "--layer", "fc8", *QUICK)
    assert any(line.endswith("100 % of 4 B (double-buffered)") for line in lines)


def test_a_layer_without_a_nest(refused):
    assert refused(*ON_EYERISS, "--layer", "pool1") == (
        "layer pool1 multiplies nothing, so it has no loop nest; "
        "those that do: conv1, conv2, conv3, conv4, conv5, fc6, fc7, fc8"
    )


def test_an_unknown_layer(refused):
    assert refused(*ON_EYERISS, "--layer", "convv2") == ("network alexnet has no layer convv2; did you mean 'conv2'?")


def test_a_mapping_that_does_not_fit(refused, tmp_path: Path):
    path = tmp_path / "wide.yaml"
    path.write_text(CONV2.replace("array.x P 14", "array.x P 15"))
    message = refused(*ON_EYERISS, "--layer", "conv2", "--mapping", str(path))
    assert message.startswith(f"{path}:3: eyeriss cannot run this mapping of layer conv2:")
    assert "the loops over array.x need 15 copies, and there are 14" in message


def test_a_terminal_of_80_columns_gets_every_number(nest, by_hand, monkeypatch: pytest.MonkeyPatch):
    from rich.console import Console

    monkeypatch.setattr(Console, "is_terminal", property(lambda self: True))
    monkeypatch.setenv("TERM", "dumb")  # no colours, 80 columns
    lines = nest(*by_hand)
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    assert any(
        line.split()
        == ["psum_spad", "outputs", "42.92", "M", "222.1", "M", "223.9", "M", "44.79", "M", "1", "442", "uJ"]
        for line in lines
    )
