"""Does `tilenest show` tell what a name or file is, and say what matters about it?"""

from pathlib import Path

import onnx
import pytest

from sim.cli import main

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]):
    """Runs the command; its output with single spaces."""

    def show(*arguments: str) -> str:
        status = main(["show", *arguments])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return " ".join(printed.out.split())

    return show


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]):
    """Runs the command, which must refuse; what it says."""

    def refused(*arguments: str) -> str:
        assert main(["show", *arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        return printed.err.strip()

    return refused


@pytest.mark.parametrize(
    "text",
    [
        "168 PEs at 200 MHz: at most 33.6 G operations/s",
        "65 nm, 1 V; class spatial; dataflow row_stationary",
        "source: Chen, Krishna, Emer, Sze, JSSC 52(1), 2017",
        "├── dram memory, unbounded │ keeps all; 64 bit wide;",
        "bandwidth: 19.2 bit/cycle = 480 MB/s in all",
        "energy: 1.28 nJ a read, 1.28 nJ a write; 320 pJ and 320 pJ a word",
        "inputs compressed: rlc, 5-bit runs, packed into 64 bit",
        "├── glb memory, 100 KiB = 51,200 words of 16 bit │ keeps inputs, outputs;",
        "└── array 14 x 12 = 168 copies of what follows",
        "inputs: multicast, 16 bit/cycle = 400 MB/s; 2.39 pJ a word",
        "outputs: reduced on the way up, 64 bit/cycle = 1.6 GB/s; 2.39 pJ a word",
        "├── weights_spad memory, 448 B = 224 words of 16 bit in each of 168",
        "single-buffered: not filled while in use",
        "weights: gated (saves energy) where inputs are zero",
        "mac multiply-accumulate 16 bit, one a cycle, 3 stages energy: 1.69 pJ an operation",
    ],
)
def test_what_is_said_about_the_eyeriss_chip(show, text: str):
    assert text in show("eyeriss")


def test_numbers_are_not_cut_where_there_is_no_room(show, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    assert "105.4 M" in show("alexnet")


def test_the_tree_without_unicode(show, monkeypatch: pytest.MonkeyPatch):
    from rich.console import Console

    monkeypatch.setattr(Console, "encoding", "ascii")
    assert "`-- array 14 x 12 = 168 copies of what follows" in show("eyeriss")


def test_overrides_are_shown(show):
    text = show("eyeriss", "--set", "array.x=16", "--set", "glb.size=256KiB")
    assert "192 PEs at 200 MHz" in text
    assert "glb memory, 256 KiB = 131,072 words of 16 bit" in text


def test_energies_with_their_sources(show):
    text = show("eyeriss", "--energy")
    assert "dram read 1280 pJ/access 189 model: 20 pJ/bit: EIE (Han et al., ISCA 2016), Table I" in text
    assert "mac op 1.691 pJ/operation 1 model: Horowitz ISSCC 2014" in text
    assert "cycle 4.58 pJ/cycle 2.71 given: calibrated" in text


def test_energies_are_compared_by_the_word(show):
    # Table IV of the ISCA'16 paper: DRAM 200, buffer 6, inter-PE 2, register file 1.
    text = show("eyeriss_isca16", "--energy")
    for row in ("dram read 200 pJ/access 200", "glb read 6 pJ/access 6", "array.all word 2 pJ/word 2", "rf read 1"):
        assert row in text


def test_energies_and_whether_a_machine_can_host_a_dataflow(show):
    text = show("simple_ws", "--energy", "--dataflow", "any")
    assert "What the parts of simple_ws cost" in text
    assert "It can host any." in text


def test_whether_a_machine_can_host_a_dataflow(show):
    assert show("eyeriss", "--dataflow", "row_stationary").endswith("It can host row_stationary.")
    assert "It cannot host row_stationary: it spreads R over array.y, which has one copy; it keeps weights" in show(
        "eyeriss_isca16_nlr", "--dataflow", "row_stationary"
    )


def test_a_workload(show):
    text = show("alexnet")
    assert "conv1 conv N1 M96 C3 P55 Q55 R11 S11 stride 4 105.4 M 34.85 k 154.6 k 290.4 k 219.7" in text
    assert "conv2 conv N1 G2 M128 C48 P27 Q27 R5 S5 pad 2 223.9 M 307.2 k" in text
    assert "relu1 relu fused into conv1" in text
    assert "pool1 maxpool vector layer, 559.9 k operations 290.4 k 69.98 k" in text
    assert "total 8 with MACs 724.4 M 60.95 M" in text
    assert "7 vector layers are fused" in text


def test_the_batch_of_a_workload(show):
    assert "conv1 conv N4 M96 C3 P55 Q55 R11 S11 stride 4 421.7 M 34.85 k" in show("alexnet", "--batch", "4")


def test_parameters_of_a_workload(show):
    assert "layer.0.scores matmul B1 H12 M64 N64 K64" in show("bert_base", "--bind", "sequence=64")


def test_an_onnx_model(show):
    text = show(str(LIGHT / "light_squeezenet.onnx"), "--batch", "2")
    assert "squeezenet_old, batch 2" in text
    assert "view:" in text


def test_a_dataflow(show):
    text = show("row_stationary")
    assert text.startswith("row_stationary: Row stationary (RS) A PE computes one-dimensional convolutions:")
    for line in (
        "for N, G, M, C, P or R ... # through the memories outside the array for Q ... # innermost outside a PE",
        "parallel for P, M, C or N # over the columns parallel for R # over the rows, as far as they reach",
        "parallel for P, C, M or N # over what is left of the rows a PE keeps weights, inputs and outputs",
        "for S ... # whole inside a PE for C, M or N ... # inside a PE, as far as its memory reaches multiply",
    ):
        assert line in text
    assert "that can host it: eyeriss, eyeriss_isca16." in text


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("name: a\nclock: 1 GHz\nhierarchy: [{memory: m, size: unbounded}, {compute: c}]\n", "a 1 PE at 1,000 MHz"),
        ("extend: eyeriss\nname: mine\n", "mine The Eyeriss chip"),
        ("name: w\ninput: [8]\nlayers: [{linear: fc, M: 4}]\n", "w, batch 1"),
        ("name: d\npe: {keeps: [weights]}\n", "d The loop nests that it allows"),
    ],
)
def test_what_a_file_is_by_its_content(show, tmp_path: Path, text: str, first: str):
    path = tmp_path / "thing.yaml"
    path.write_text(text)
    assert show(str(path)).startswith(first)


def test_brackets_are_not_taken_for_markup(show, tmp_path: Path):
    path = tmp_path / "odd.yaml"
    path.write_text("name: odd\nsource: table [bold] 3\ninput: [8]\nlayers: [{linear: 'fc[red]', M: 4}]\n")
    text = show(str(path))
    assert "source: table [bold] 3" in text
    assert "fc[red] linear N1 M4 C8" in text


def test_an_unknown_name(refused):
    assert refused("eyeris") == (
        "no architecture, workload or dataflow 'eyeris': it is neither a file nor a shipped name; "
        "did you mean 'eyeriss'? `tilenest list` shows all names"
    )
    assert "did you mean 'alexnet'?" in refused("alexnt")
    assert "did you mean 'row_stationary'?" in refused("row_stationry")


def test_a_name_of_two_things(refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sim.arch import library

    for folder in ("arch_configs", "workloads"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twin.yaml").write_text("")
    monkeypatch.setattr(library, "_PACKAGE", tmp_path / "sim")
    assert refused("twin") == (
        f"'twin' is the name of several things: the architecture {tmp_path}/arch_configs/twin.yaml, "
        f"the workload {tmp_path}/workloads/twin.yaml; give the path"
    )


def test_files_that_are_none_of_them(refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("nest.yaml").write_text("mapping: [for N 4]\n")
    Path("odd.yaml").write_text("colour: red\n")
    Path("circle.yaml").write_text("extend: circle.yaml\n")
    assert refused("nest.yaml").startswith(
        "nest.yaml holds loop nests for layers; `tilenest nest --mapping nest.yaml"
    )
    for name in ("odd.yaml", "circle.yaml"):
        assert refused(name).startswith(f"{name} has no key that tells what it describes")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("alexnet", "--energy"), "--energy does not apply to the workload alexnet"),
        (("eyeriss", "--batch", "4"), "--batch does not apply to the architecture eyeriss"),
        (("row_stationary", "--set", "a=1"), "--set does not apply to the dataflow row_stationary"),
    ],
)
def test_options_for_something_else(refused, arguments, message: str):
    assert refused(*arguments) == message
