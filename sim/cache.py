"""Where things are kept between runs: compiled kernels, and what searches have found. Any of it may be deleted."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def own_folder(name: str) -> Path | None:
    """A folder of this name in ``$TILENEST_CACHE``, else in the user's cache folder; it is made if it is missing.

    None where neither can be written to, or others could write to it, too.
    """
    return _first_usable(name, tuple(_homes()))


def _homes() -> Iterator[Path]:
    """Where a cache may be, the best first."""
    if "TILENEST_CACHE" in os.environ:
        yield Path(os.environ["TILENEST_CACHE"])
    if "XDG_CACHE_HOME" in os.environ:
        yield Path(os.environ["XDG_CACHE_HOME"]) / "tilenest"
    with contextlib.suppress(RuntimeError):  # a user without a home
        yield Path.home() / ".cache" / "tilenest"


@functools.cache
def _first_usable(name: str, homes: tuple[Path, ...]) -> Path | None:
    return next((home / name for home in homes if _usable(home / name)), None)


def _usable(folder: Path) -> bool:
    """Whether we can write there and nobody else can: what is read from there is believed, or even executed."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
