"""Does ``tilenest run`` say and write what a network costs?"""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.cli import inputs
from sim.engines.options import EFFORTS, MAPPERS
from sim.mapping.annealer import Sampled, anneal
from sim.mapping.found import Found
from sim.report.rows import notes, sheet, title
from sim.report.text import as_text
from sim.workload.layer import Layer
from tests.cli.conftest import QUICK
from tests.onnx_models import attention, op, save, zeros

CONVS = ("run", "--arch", "eyeriss", "--workload", "alexnet", "--layers", "conv2,pool*", *QUICK)
MAPPING = """\
mapping:
  conv2:
    - keep dram weights, inputs, outputs
    - for G 2
    - for M 128
    - for C 48
    - for P 27
    - for Q 27
    - for R 5
    - for S 5
"""


@pytest.fixture(scope="module")
def result() -> sim.Result:
    return sim.run("eyeriss", "alexnet", batch=4, layers=["conv2", "relu2", "pool2"], mapper="sampled", effort="low")


class TestTheTable:
    def test_has_a_row_for_every_layer_that_costs_anything_and_a_total(self, result: sim.Result) -> None:
        table = sheet(result)
        assert [row[0] for row in table.rows] == ["conv2", "pool2"]
        assert table.total[:3] == ("total", "2 layers", "895.8 M")

    def test_has_a_column_for_every_memory(self, result: sim.Result) -> None:
        words = [heading.replace("\n", "") for heading in sheet(result).headings[9:]]
        assert words == [f"{level}words" for level in result.levels]

    def test_has_three_or_four_digits(self, result: sim.Result) -> None:
        numbers = [cell.split()[0] for row in sheet(result).rows for cell in row[2:8] if cell != "-"]
        assert all(len(number.replace(".", "").replace(",", "")) <= 4 for number in numbers)

    def test_shows_names_as_they_are(self, tilenest: Any, file: Any) -> None:
        file("odd.yaml", "name: odd\ninput: [8]\nlayers: [{linear: 'fc[/red]:x:', M: 4}]\n")
        status, out, _ = tilenest("run", "--arch", "simple_ws", "--workload", "odd.yaml", *QUICK)
        assert status == 0
        assert "\nfc[/red]:x:   linear " in out

    def test_says_what_was_run(self, result: sim.Result) -> None:
        assert title(result) == ("alexnet on eyeriss: batch 4, dataflow row_stationary, best edp, 168 PEs at 200 MHz")

    def test_says_which_layers_are_fused(self, result: sim.Result) -> None:
        assert notes(result)[-1] == "fused    relu2: works on words that pass by and costs nothing of its own"

    def test_says_what_every_layer_had_to_keep(self) -> None:
        limits = ("latency<=1s", "energy <= 20 mJ", "latency<=80ms")
        result = sim.run("eyeriss", "alexnet", layers="conv5", mapper="sampled", effort="low", limits=limits)
        assert ", best edp within 20 mJ and 80 ms a layer, 168 PEs" in title(result)

    def test_is_printed(self, tilenest: Any) -> None:
        status, out, err = tilenest(*CONVS)
        lines = out.splitlines()
        assert (status, err) == (0, "")
        assert lines[0] == "alexnet on eyeriss: batch 1, dataflow row_stationary, best edp, 168 PEs at 200 MHz"
        assert [line.split()[0] for line in lines if line.startswith(("conv", "pool", "total  "))] == [
            "pool1", "conv2", "pool2", "pool5", "total", "total",
        ]  # fmt: skip
        assert "…" not in out, "no number is cut, though this is wider than 100 columns"

    def test_is_plain_text_in_python_too(self, result: sim.Result) -> None:
        assert str(result) == as_text(result)
        assert str(result).splitlines()[4].split()[:4] == ["conv2", "conv", "895.8", "M"]

    def test_is_html_in_a_notebook(self, result: sim.Result) -> None:
        html = result._repr_html_()
        assert html.count("<tr>") == 4
        assert '<td style="text-align:left">conv2</td>' in html

    @pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal")
    @pytest.mark.parametrize("columns", [60, 100, 200])
    def test_fits_the_terminal(self, columns: int) -> None:
        out = _on_terminal(columns, *CONVS)
        lines = [line for line in out.splitlines() if "━" not in line]  # without the progress bar
        assert max(map(len, lines)) <= columns
        for number in ("223.9 M", "compute", "k"):
            assert number in out
        assert "…" not in out
        assert (out.count("layer   ") == 1) == (columns == 200), "one table, or several one above the other"

    def test_can_be_written_where_utf_8_is_not_understood(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "sim", *CONVS],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=True,
        )
        assert done.stdout.isascii()
        assert b"?" not in done.stdout


def _on_terminal(columns: int, *words: str) -> str:
    """What a command writes to a terminal, without what only controls it."""
    import fcntl
    import pty
    import re
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | {"TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-m", "sim", *words], stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        out = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux says that the other side is closed
                break
            if not part:
                break
            out += part
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode()).replace("\r", "")


class TestFiles:
    def test_json_goes_to_standard_output_alone(self, tilenest: Any) -> None:
        for words in (["--json"], ["--json", "-"]):
            status, out, err = tilenest(*CONVS, *words)
            data = json.loads(out)
            assert (status, err) == (0, "")
            assert [layer["name"] for layer in data["layers"]] == ["pool1", "conv2", "pool2", "pool5"]

    def test_json_of_a_file_is_the_same(self, tilenest: Any, tmp_path: Path) -> None:
        _, out, _ = tilenest(*CONVS, "--json")
        status, table, _ = tilenest(*CONVS, "--json", "out.json")
        assert status == 0
        assert "conv2" in table
        written, printed = json.loads((tmp_path / "out.json").read_text()), json.loads(out)
        assert written["provenance"].pop("command").endswith(" --json out.json")
        assert printed["provenance"].pop("command").endswith(" --json")
        assert written == printed

    def test_csv_has_a_row_for_every_layer(self, tilenest: Any, tmp_path: Path) -> None:
        status, *_ = tilenest(*CONVS, "--csv", "out.csv", "--quiet")
        rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
        assert status == 0
        assert [row["layer"] for row in rows] == ["pool1", "conv2", "pool2", "pool5"]
        conv2 = rows[1]
        assert int(conv2["macs"]) == 223948800
        parts = sum(float(value) for key, value in conv2.items() if key.startswith("energy_pj."))
        assert parts == pytest.approx(float(conv2["energy_pj"]))

    @pytest.mark.parametrize(("form", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
    def test_a_picture(self, tilenest: Any, tmp_path: Path, form: str, begin: bytes) -> None:
        status, *_ = tilenest(*CONVS, "--plot", f"out.{form}", "--quiet")
        assert status == 0
        assert (tmp_path / f"out.{form}").read_bytes().startswith(begin)

    def test_a_picture_of_many_layers_is_as_tall_as_they_need(self, tilenest: Any, tmp_path: Path) -> None:
        heights = []
        for layers in ("conv1", "*"):
            tilenest(
                "run", "--arch", "eyeriss", "--workload", "resnet18", "--layers", layers, *QUICK,
                "--plot", "out.png", "--quiet",
            )  # fmt: skip
            heights.append(struct.unpack(">I", (tmp_path / "out.png").read_bytes()[20:24])[0])
        assert heights[1] > 2 * heights[0]

    def test_keep_their_permissions_and_links(self, tilenest: Any, tmp_path: Path) -> None:
        (tmp_path / "real.json").touch(mode=0o600)
        (tmp_path / "link.json").symlink_to("real.json")
        assert tilenest(*CONVS, "--json", "link.json", "--quiet")[0] == 0
        assert (tmp_path / "link.json").is_symlink()
        assert (tmp_path / "real.json").stat().st_mode & 0o777 == 0o600
        assert json.loads((tmp_path / "real.json").read_text())

    def test_a_pipe_is_written_to(self, tilenest: Any) -> None:
        reader, writer = os.pipe()
        assert tilenest(*CONVS, "--csv", f"/dev/fd/{writer}", "--quiet") == (0, "", "")
        os.close(writer)
        with os.fdopen(reader) as pipe:
            assert pipe.readline().startswith("layer,kind,fused,")

    def test_two_in_one_are_refused(self, tilenest: Any, tmp_path: Path) -> None:
        status, out, err = tilenest(*CONVS, "--json", "out", "--csv", "./out")
        assert (status, out, err) == (2, "", "cannot write ./out: --json and --csv are the same file\n")
        assert list(tmp_path.iterdir()) == []

    def test_a_device_may_take_two(self, tilenest: Any) -> None:
        assert tilenest(*CONVS, "--csv", os.devnull, "--json", os.devnull, "--quiet") == (0, "", "")

    @pytest.mark.parametrize("words", [("--csv", "-"), ("--csv", ""), ("--json", ""), ("--plot", "")])
    def test_paths_that_are_none(self, tilenest: Any, words: tuple[str, str]) -> None:
        status, out, err = tilenest(*CONVS, *words)
        assert (status, out) == (2, "")
        assert err.startswith(f"tilenest run: argument {words[0]}: '{words[1]}' ")

    def test_a_device_is_written_to(self, tilenest: Any) -> None:
        assert tilenest(*CONVS, "--csv", os.devnull, "--quiet") == (0, "", "")
        assert not Path(os.devnull).is_file()


class TestOptions:
    def test_the_names_on_the_command_line_are_those_of_the_program(self) -> None:
        assert tuple(EFFORTS) == inputs.EFFORT_NAMES
        assert inputs.MAPPERS == MAPPERS

    def test_an_architecture_may_name_its_dataflow(self, tilenest: Any) -> None:
        for words, name in (((), "row_stationary"), (("--dataflow", "any"), "any")):
            _, out, _ = tilenest(*CONVS, "--json", *words)
            assert json.loads(out)["provenance"]["dataflow"] == name

    def test_set_changes_the_architecture(self, tilenest: Any) -> None:
        _, out, _ = tilenest(*CONVS, "--json", "--set", "array.x=16", "--set", "glb.size=256KiB")
        assert json.loads(out)["arch"]["pes"] == 192

    def test_bind_gives_parameters_of_a_workload(self, tilenest: Any) -> None:
        words = ("--workload", "bert_base", "--layers", "layer.0.query", "--bind", "sequence=16")
        _, out, _ = tilenest("run", "--arch", "eyeriss", *words, *QUICK, "--json")
        assert json.loads(out)["totals"]["macs"] == 16 * 768 * 768

    def test_the_same_seed_gives_the_same_result(self, tilenest: Any) -> None:
        first, again = (tilenest(*CONVS, "--seed", "3", "--json")[1] for _ in range(2))
        assert first == again

    def test_processes_give_the_same_result(self, tilenest: Any) -> None:
        one, two = (json.loads(tilenest(*CONVS, "-j", jobs, "--json")[1]) for jobs in ("1", "2"))
        assert one["layers"] == two["layers"]

    def test_a_hand_written_mapping_is_taken(self, tilenest: Any, file: Any) -> None:
        file("nest.yaml", MAPPING)
        status, out, _ = tilenest(*CONVS, "--mapping", "nest.yaml", "--json")
        conv2 = json.loads(out)["layers"][1]
        assert status == 0
        assert conv2["mapping"][:3] == ["keep dram weights, inputs, outputs", "for G 2", "for M 128"]
        assert (conv2["evaluated"], conv2["active_pes"], conv2["compute_cycles"]) == (0, 1, 223948800)


class TestProof:
    """With a search that pretends to prove something: `gap` below what it finds."""

    WORDS = ("run", "--arch", "eyeriss", "--workload", "alexnet", "--layers", "conv3,conv5", "--mapper", "optimal")

    @pytest.fixture
    def proved(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        def prove(gap: float) -> None:
            def optimum(layer: Layer, *how: Any) -> Found:
                found = anneal(layer, *how[:-1], Sampled(1, 300))
                share = gap if layer.name == "conv3" else 0
                return replace(found, bound=found.value * (1 - share), space=1.3e17)

            monkeypatch.setattr("sim.mapping.mapper.optimum", optimum)

        return prove

    def test_of_all_mappings(self, tilenest: Any, proved: Callable[[float], None]) -> None:
        proved(0)
        _, out, _ = tilenest(*self.WORDS)
        assert "optimal  proved for 2 of 2 mappings searched for\n" in out

    def test_of_some_mappings(self, tilenest: Any, proved: Callable[[float], None]) -> None:
        proved(0.032)
        _, out, _ = tilenest(*self.WORDS, "--budget", "2s")
        assert (
            "optimal  proved for 1 of 2 mappings searched for; "
            "where the search ended early, the best may be lower by: conv3 3.2 %\n"
        ) in out

    def test_in_json(self, tilenest: Any, proved: Callable[[float], None]) -> None:
        proved(0.032)
        _, out, _ = tilenest(*self.WORDS, "--budget", "2s", "--objective", "energy*latency^2", "--json")
        data = json.loads(out)
        assert data["provenance"]["mapper"] == "optimal, 2 s a layer"
        assert data["provenance"]["objective"] == "ed2p"
        conv3, conv5 = data["layers"]
        assert (conv3["optimal"], conv5["optimal"], conv3["space"]) == (False, True, 1.3e17)
        assert conv3["gap"] == pytest.approx(0.032)
        assert conv3["value"] == pytest.approx(conv3["energy_pj"] * conv3["latency_cycles"] ** 2)
        assert conv3["bound"] == pytest.approx(conv3["value"] * (1 - 0.032))

    def test_nothing_is_said_of_what_was_sampled(self, tilenest: Any) -> None:
        _, out, _ = tilenest(*CONVS)
        assert "optimal" not in out


class TestOnnx:
    def test_a_model_is_imported_and_run(self, tilenest: Any, tmp_path: Path) -> None:
        attention(tmp_path)
        words = ("--workload", "made.onnx", "--batch", "2", "--bind", "seq=10", *QUICK)
        status, out, err = tilenest("run", "--arch", "eyeriss", *words)
        assert (status, err) == (0, "")
        told = {tuple(line.split()[:3]) for line in out.splitlines()}
        assert {("mapped", "linear", "3"), ("mapped", "matmul", "2"), ("view", "Reshape", "4")} <= told

    def test_the_table_of_the_import_does_not_disturb_json(self, tilenest: Any, tmp_path: Path) -> None:
        save(tmp_path, [op("Conv", "x w", "y")], {"x": [1, 3, 8, 8]}, {"w": zeros(4, 3, 3, 3)})
        _, out, _ = tilenest("run", "--arch", "eyeriss", "--workload", "made.onnx", *QUICK, "--json")
        assert json.loads(out)["layers"][0]["name"] == "y"


def test_a_first_run_says_what_it_waits_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.cli.output import progress
    from sim.kernels import warm

    monkeypatch.setattr(warm, "is_warm", lambda mapper: False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress(3):
        pass
    assert "compiling the kernels, once on this machine" in capsys.readouterr().err
