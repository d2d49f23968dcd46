"""Keeps how many answers were right, so that a study that was interrupted goes on where it was.

An entry is a file ``accuracy/NAME.json`` in the cache folder (`sim.cache`). Its name is a hash of all that decides
the number: the network, the data, the hardware, the seed, and the sources of what computes it. Entries are written
beside their place and then moved there: any number of processes may share the folder, and any file may be deleted.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from sim.cache import own_folder

_SIM = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of numbers; without one, nothing is kept."""

    folder: Path | None

    @classmethod
    def of(cls, wanted: bool) -> Kept:
        """The folder in the cache, where it is wanted and can be written."""
        return cls(own_folder("accuracy") if wanted else None)

    def get(self, what: str) -> int | None:
        """What was kept under a text that says all; None where nothing was, or it cannot be read."""
        if self.folder is None:
            return None
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            entry = json.loads(self._path(what).read_text(encoding="utf-8"))
            return int(entry["correct"]) if entry["what"] == what else None
        return None

    def put(self, what: str, correct: int) -> None:
        """Keep a number."""
        if self.folder is None:
            return
        path = self._path(what)
        part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part")
        with contextlib.suppress(OSError):  # without it everything works, only slower
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_text(json.dumps({"what": what, "correct": correct}), encoding="utf-8")
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def _path(self, what: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{hashlib.sha256((what + _program()).encode()).hexdigest()[:32]}.json"


@functools.cache
def _program() -> str:
    """A hash of the sources that decide what is computed."""
    folders = ("accuracy", "arch", "kernels", "nonideal")
    files = [file for folder in folders for file in sorted((_SIM / folder).glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
