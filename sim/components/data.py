"""The numbers that the models rest on: ``data/*.yaml``, every number with its source, read when first asked for."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from sim.schema import yaml12

_FOLDER = Path(__file__).parent / "data"


@cache
def load(name: str) -> dict[str, Any]:
    """The contents of ``data/<name>.yaml``; shared, so not to be changed."""
    contents: dict[str, Any] = yaml12.load(_FOLDER / f"{name}.yaml").plain()
    return contents
