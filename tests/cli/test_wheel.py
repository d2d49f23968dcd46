"""Does the wheel hold all that is needed, wherever it is installed?"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from sim.arch.library import names
from tests.cli.conftest import QUICK

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_carries_every_configuration(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    endings = {"workloads/models": "onnx", "workloads/datasets": "npz"}
    kinds = ("arch_configs", "dataflows", "workloads", *endings)
    shipped = {f"sim/_data/{kind}/{n}.{endings.get(kind, 'yaml')}" for kind in kinds for n in names(kind)}
    assert shipped - inside == set()
    assert [name for name in inside if name.startswith(("tests/", "docs/"))] == []


def test_it_runs_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--quiet", str(wheel)]
    subprocess.run(install, check=True)
    # other packages are those of this environment; what it has of tilenest is not seen, as .pth files are not read
    env = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}

    def output(*command: str | Path) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env=env).stdout

    assert Path(output(python, "-c", "import sim; print(sim.__file__)").strip()).is_relative_to(home)
    assert "eyeriss" in output(home / "bin" / "tilenest", "list")
    run = ("run", "--arch", "simple_ws", "--workload", "alexnet", "--layers", "conv5", *QUICK)
    assert "alexnet on simple_ws" in output(home / "bin" / "tilenest", *run)
