"""Does docs/cli.md know every command and option?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sim.cli import COMMANDS

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def test_every_command_has_a_chapter() -> None:
    assert [name for name in COMMANDS if f"\n## `tilenest {name}`\n" not in TEXT] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_mentioned(tilenest: Any, command: str) -> None:
    _, out, _ = tilenest(command, "--help")
    options = set(re.findall(r"--[a-z-]+", out)) - {"--help"}
    assert sorted(option for option in options if f"`{option}" not in TEXT) == []
