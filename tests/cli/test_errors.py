"""What does a person read who made a mistake? The exact text, the exit status, and nothing half-written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sim.cli import COMMANDS
from tests.cli.conftest import QUICK
from tests.onnx_models import op, save, zeros

SMALL_ARCH = """\
name: small
clock: 200 MHz
hierarchy:
  - memory: dram
    size: unbounded
  - fanout: array
    x: 4
  - memory: rf
    size: 1 KiB
    keeps: [weights, inputs, outputs]
  - compute: mac
"""
GEMM = """\
name: gemm
layers:
  - einsum: product
    dims: {M: 4, N: 8, K: 16}
    tensors:
      A: {index: [M, K], role: inputs}
      B: {index: [K, N], role: weights}
      C: {index: [M, N], role: outputs}
"""
RUN = ("run", "--arch", "arch.yaml", "--workload", "gemm.yaml", *QUICK)


@pytest.fixture
def refused(tilenest: Any, file: Any) -> Any:
    """What is said of a run that is refused, where the two files are replaced or words are added."""

    def message(*words: str, arch: str = SMALL_ARCH, workload: str = GEMM) -> str:
        file("arch.yaml", arch)
        file("gemm.yaml", workload)
        status, out, err = tilenest(*RUN, *words)
        assert (status, out) == (2, "")
        return str(err)

    return message


def test_the_files_of_these_tests_are_fine(tilenest: Any, file: Any) -> None:
    file("arch.yaml", SMALL_ARCH)
    file("gemm.yaml", GEMM)
    assert tilenest(*RUN, "--quiet") == (0, "", "")


def test_a_level_without_capacity(refused: Any) -> None:
    assert refused(arch=SMALL_ARCH.replace("    size: 1 KiB\n", "")) == (
        "arch.yaml:8:5: key 'size' is missing\n"
        "    - memory: rf\n"
        "      ^\n"
        "  expected: capacity of one instance, e.g. 108 KiB; `size: unbounded` for a memory without a limit, "
        "such as DRAM\n"
    )


def test_an_unknown_tensor_in_an_architecture(refused: Any) -> None:
    assert refused(arch=SMALL_ARCH.replace("[weights", "[wieghts")) == (
        "architecture small, rf: no layer of gemm has a tensor 'wieghts'; "
        "there are all, inputs, weights, outputs, A, B, C (did you mean 'weights'?)\n"
    )


def test_an_unknown_dimension_in_a_workload(refused: Any) -> None:
    assert refused(workload=GEMM.replace("[K, N]", "[K, L]")) == (
        "gemm.yaml:3:5: layer product, tensor B: unknown dimension L; there are M, N, K\n"
        "    - einsum: product\n"
        "      ^\n"
    )


def test_unknown_tensors_and_dimensions_in_a_mapping(refused: Any, file: Any) -> None:
    file("nest.yaml", "mapping:\n  product:\n    - keep dram A, B, D\n    - for Z 8\n")
    assert refused("--mapping", "nest.yaml") == (
        "nest.yaml:2: small cannot run this mapping of layer product:\n"
        "  - 'keep dram A, B, D': no tensor D; there are A, B, C\n"
        "  - 'for Z 8': no dimension Z; there are M, N, K\n"
    )


def test_a_mapping_of_a_layer_that_is_not_there(refused: Any, file: Any) -> None:
    file("nest.yaml", "mapping:\n  produkt:\n    - for M 4\n")
    assert refused("--mapping", "nest.yaml") == (
        "nest.yaml:2:3: no layer 'produkt' can be mapped\n    produkt:\n    ^\n  did you mean 'product'?\n"
    )


def test_a_dataflow_that_the_array_cannot_host(refused: Any) -> None:
    assert refused("--dataflow", "row_stationary") == (
        "small cannot host the dataflow row_stationary:\n  - it spreads R over array.y, which has one copy\n"
    )


def test_a_layer_too_large_for_any_tile(refused: Any) -> None:
    assert refused("--dataflow", "weight_stationary", arch=SMALL_ARCH.replace("1 KiB", "1 B")) == (
        "no mapping of layer product fits small with the dataflow weight_stationary; the nearest one found:\n"
        "  - rf has room for 8 bit and its tiles need 16, 8 too many: B 1 words of 16 bit\n"
    )


def test_a_truncated_onnx_file(tilenest: Any, tmp_path: Path) -> None:
    whole = save(tmp_path, [op("Conv", "x w", "y")], {"x": [1, 3, 8, 8]}, {"w": zeros(4, 3, 3, 3)}).read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    assert tilenest("run", "--arch", "eyeriss", "--workload", "cut.onnx") == (
        2,
        "",
        "cut.onnx: not an ONNX model, or cut short (it is not a complete protobuf)\n",
    )


class TestAnOnnxFileWithAnUnsupportedOperator:
    RUN = ("run", "--arch", "eyeriss", "--workload", "made.onnx", *QUICK)

    @pytest.fixture(autouse=True)
    def _model(self, tmp_path: Path) -> None:
        nodes = [op("Conv", "x w", "y"), op("Foo", "y", "z", domain="own")]
        save(tmp_path, nodes, {"x": [1, 3, 8, 8]}, {"w": zeros(4, 3, 3, 3)})

    def test_is_refused(self, tilenest: Any, tmp_path: Path) -> None:
        status, out, err = tilenest(*self.RUN, "--json", "out.json")
        assert (status, err) == (
            2,
            "made.onnx: it is not known what these operators cost:\n"
            "  - own.Foo z: no rule for this operator\n"
            "  --allow-unsupported (allow_unsupported=True) runs the others without them\n",
        )
        assert [" ".join(line.split()) for line in out.splitlines()[3:5]] == [
            "mapped conv 1 multiplies and accumulates; has a loop nest",
            "unsupported own.Foo 1 z: no rule for this operator",
        ]
        assert [p.name for p in tmp_path.iterdir()] == ["made.onnx"]

    def test_is_run_without_it_if_that_is_wanted(self, tilenest: Any) -> None:
        assert tilenest(*self.RUN, "--allow-unsupported", "--quiet") == (0, "", "")


class TestAnOutputPathThatCannotBeWritten:
    @pytest.mark.parametrize(
        ("option", "path", "why"),
        [
            ("--json", "nowhere/out.json", "there is no folder nowhere"),
            ("--csv", "folder", "it is a folder"),
            ("--plot", "readonly/out.png", os.strerror(errno.EACCES)),
            ("--csv", "locked.csv", os.strerror(errno.EACCES)),
        ],
    )
    def test_is_refused_before_any_work(
        self, refused: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, path: str, why: str
    ) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "readonly").mkdir(mode=0o555)
        (tmp_path / "locked.csv").touch(mode=0o444)
        if os.geteuid() == 0 and why == os.strerror(errno.EACCES):
            pytest.skip("root may write anywhere")
        monkeypatch.setattr("sim.api.run", lambda *a, **k: pytest.fail("it ran"))
        assert refused(option, path) == f"cannot write {path}: {why}\n"
        assert sorted(p.name for p in tmp_path.rglob("*.part")) == []

    def test_leaves_what_was_there_if_the_disk_is_full(
        self, refused: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(path: Path, data: bytes) -> None:
            with path.open("wb") as half:
                half.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        (tmp_path / "out.json").write_text("before")
        monkeypatch.setattr(Path, "write_bytes", full)
        message = refused("--json", "out.json", "--quiet")
        assert message == "cannot write out.json: No space left on device\n"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["arch.yaml", "gemm.yaml", "out.json"]
        assert (tmp_path / "out.json").read_text() == "before"


def test_an_unknown_architecture(tilenest: Any) -> None:
    assert tilenest("run", "--arch", "eyeris", "--workload", "alexnet") == (
        2,
        "",
        "no architecture 'eyeris': it is neither a file nor a shipped name; "
        "did you mean 'eyeriss'? `tilenest list` shows all names\n",
    )


def test_a_set_with_a_wrong_path(refused: Any) -> None:
    assert refused("--set", "arry.x=16") == (
        "--set arry.x=16: unknown name 'arry'\n"
        "  expected: one of name, clock, hierarchy, dram, array, rf, mac\n"
        "  did you mean 'array'?\n"
    )


def test_a_set_with_a_wrong_value(refused: Any) -> None:
    assert refused("--set", "rf.size=3 pJ") == (
        "--set rf.size=3 pJ: 3 pJ is an energy; an amount of data is expected, e.g. 64 bit\n"
    )


def test_a_binding_that_means_nothing(refused: Any) -> None:
    assert refused("--bind", "seq=3") == "--bind seq=3: the workload has no parameter 'seq'\n"


def test_bad_yaml(refused: Any) -> None:
    assert refused(arch="name: small\n  clock: 200 MHz\n") == (
        "arch.yaml:2:8: not YAML: mapping values are not allowed in this context\n"
        "    clock: 200 MHz\n"
        "         ^\n"
        "  a text with ': ' in it needs quotes, and keys of one mapping stand in one column\n"
    )


def test_a_layer_that_is_not_there(refused: Any) -> None:
    assert refused("--layers", "produkt") == "network gemm has no layer produkt; did you mean 'product'?\n"


def test_no_layer_at_all(refused: Any) -> None:
    assert refused("--layers", ",") == "none of the layers of network gemm is asked for\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "x: 4",
            "x: 10000000",
            "arch.yaml:7:8: array.x is 10000000\n      x: 10000000\n         ^\n  expected: at most 1e+06",
        ),
        (
            "size: 1 KiB",
            "size: 1e999 TB",
            "arch.yaml:9:11: 1e999 TB is out of range\n      size: 1e999 TB\n            ^\n"
            "  expected: 1e-30 to 1e+30 bit",
        ),
        (
            "200 MHz",
            "1e-300 Hz",
            "arch.yaml:2:8: 1e-300 Hz is out of range\n  clock: 1e-300 Hz\n         ^\n  expected: 1e-30 to 1e+30 Hz",
        ),
    ],
)
def test_a_machine_beyond_all_bounds(refused: Any, old: str, new: str, message: str) -> None:
    assert refused(arch=SMALL_ARCH.replace(old, new)) == f"{message}\n"


def test_more_operations_than_can_be_counted(refused: Any) -> None:
    assert refused(workload=GEMM.replace("M: 4, N: 8", "M: 4000000000, N: 4000000000")) == (
        "gemm.yaml:3:5: layer product: 256000000000000000000 multiply-accumulates; "
        "1152921504606846976 at most can be counted\n"
        "    - einsum: product\n"
        "      ^\n"
    )


def test_a_component_that_no_model_understands(refused: Any) -> None:
    cost = "    component: {model: srm}\n"
    assert refused(arch=SMALL_ARCH.replace("    size: 1 KiB\n", f"    size: 1 KiB\n{cost}")) == (
        "arch.yaml:10:5: architecture small, rf: unknown component model srm; did you mean 'sram'?; "
        "known: free, sram, regfile, dram, edram, int_mac, float_mac, wire, "
        "adc, dac, sample_hold, shift_add, memristor, sram_cell\n"
        "      component: {model: srm}\n"
        "      ^\n"
    )


def test_a_group_without_room_for_a_pair(refused: Any) -> None:
    compression = "    size: 1 KiB\n    compression: [{tensor: inputs, format: rlc, group: 16 bit}]\n"
    assert refused(arch=SMALL_ARCH.replace("    size: 1 KiB\n", compression)) == (
        "compression of A: a group of 16 bit has no room for a pair of 5 + 16 bit\n"
    )


class TestWrongOptions:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (
                ["rnu"],
                f"tilenest: argument COMMAND: no 'rnu'; there are {', '.join(COMMANDS)} (did you mean 'run'?); "
                "see `tilenest --help`",
            ),
            (
                [*RUN, "--bach", "4"],
                "tilenest run: unknown: --bach 4 (did you mean '--batch'?); see `tilenest run --help`",
            ),
            (
                [*RUN, "--mapper", "optmal"],
                "tilenest run: argument --mapper: no 'optmal'; there are optimal, sampled "
                "(did you mean 'optimal'?); see `tilenest run --help`",
            ),
            (
                [*RUN, "--batch", "0"],
                "tilenest run: argument --batch: '0' is not a whole number of at least 1; see `tilenest run --help`",
            ),
            (
                [*RUN, "--bind", "seq"],
                "tilenest run: argument --bind: 'seq' is not NAME=VALUE, e.g. seq=128; see `tilenest run --help`",
            ),
            (
                [*RUN, "--plot", "out.jpg"],
                "tilenest run: argument --plot: 'out.jpg' does not end in .png, .svg or .pdf; "
                "see `tilenest run --help`",
            ),
            (
                ["run", "--arch", "eyeriss"],
                "tilenest run: the following arguments are required: --workload; see `tilenest run --help`",
            ),
        ],
    )
    def test_are_told_with_the_nearest_valid_one(self, tilenest: Any, words: list[str], message: str) -> None:
        assert tilenest(*words) == (2, "", message + "\n")


class TestWhatIsNotTheUsersFault:
    def test_a_bug_is_called_one(self, tilenest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TILENEST_DEBUG", raising=False)
        monkeypatch.setattr("sim.api.run", lambda *a, **k: 1 // 0)
        assert tilenest("run", "--arch", "eyeriss", "--workload", "alexnet") == (
            1,
            "",
            "this is a bug in tilenest: ZeroDivisionError: integer division or modulo by zero\n"
            "set TILENEST_DEBUG=1 for the traceback\n",
        )

    def test_and_shown_with_its_traceback_on_request(self, tilenest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILENEST_DEBUG", "1")
        monkeypatch.setattr("sim.api.run", lambda *a, **k: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            tilenest("run", "--arch", "eyeriss", "--workload", "alexnet")

    def test_an_interruption_leaves_with_130(self, tilenest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*args: object, **options: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("sim.api.run", interrupted)
        assert tilenest("run", "--arch", "eyeriss", "--workload", "alexnet") == (130, "", "interrupted\n")

    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_a_real_ctrl_c_leaves_quietly_and_leaves_nothing_behind(self, tmp_path: Path, jobs: str) -> None:
        search = ("--mapper", "sampled", "--effort", "high", "-j", jobs)
        words = ["run", "--arch", "eyeriss", "--workload", "vgg16", *search, "--json", "out.json"]
        # A line from the first layer that is done says that the work has begun.
        code = (
            "import sys, sim.cli.output as o, contextlib\n"
            "@contextlib.contextmanager\n"
            "def told(total, quiet=False): yield lambda name: print(name, flush=True)\n"
            "o.progress = told\n"
            "from sim.cli import main\n"
            "if __name__ == '__main__': sys.exit(main(sys.argv[1:]))\n"
        )
        (tmp_path / "begin.py").write_text(code)
        process = subprocess.Popen(
            [sys.executable, "begin.py", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (130, "interrupted\n")
        assert [p.name for p in tmp_path.iterdir()] == ["begin.py"]
