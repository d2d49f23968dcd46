"""Runs commands in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cli import main

QUICK = ("--mapper", "sampled", "--effort", "low")
"""For tests to which it does not matter which mapping is found."""

Told = tuple[int, str, str]
Tilenest = Callable[..., Told]


@pytest.fixture
def tilenest(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tilenest:
    """Runs ``tilenest`` in an empty folder; gives the exit status and what it wrote to standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Told:
        try:
            status = main(list(words))
        except SystemExit as left:
            status = int(str(left.code))
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a file into the folder where commands run."""

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return name

    return write
