"""Does what the README shows work?"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import QUICK
from tests.onnx_models import op, save, zeros

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ tilenest (.*?)(?:  +#.*)?$", README, re.MULTILINE)
MISTAKE = "hierarchy:\n  - memory: dram\n    bandwith: 12.8 GB/s\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the commands name."""
    (machine,) = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_arch.yaml").write_text(machine)
    (tmp_path / "typo.yaml").write_text(MISTAKE)
    save(tmp_path, [op("Conv", "x w", "y")], {"x": ["batch", 3, 8, 8]}, {"w": zeros(4, 3, 3, 3)}).rename("model.onnx")
    return tmp_path


def test_commands_are_found() -> None:
    assert len(COMMANDS) == 19


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_does_as_it_is_said_to(tilenest: Any, folder: Path, command: str) -> None:
    words = shlex.split(command)
    status, _, err = tilenest(*words, *(QUICK if words[0] in ("run", "nest", "map") else ()))
    assert (status, "did you mean 'bandwidth'?" in err) == ((2, True) if "typo.yaml" in words else (0, False))
    for name in re.findall(r"\w+\.(?:json|csv|png)", command):
        assert (folder / name).stat().st_size > 0


def test_the_python_example(folder: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "alexnet on eyeriss: batch 4" in out
    assert (folder / "out.json").stat().st_size > 0


def test_its_links_lead_somewhere() -> None:
    root = Path(__file__).parents[2]
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if not (root / link).exists()] == []
    assert len(links) > 8
