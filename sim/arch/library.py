"""Finds the files that ship with the program: architectures, dataflows, workloads, trained models and data sets.

In a checkout and an editable install they lie in folders beside the package, in an installed wheel inside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sim.errors import UnplacedError, nearest

Kind = Literal["arch_configs", "dataflows", "workloads", "workloads/models", "workloads/datasets"]

_NOUNS: dict[Kind, str] = {
    "arch_configs": "architecture",
    "dataflows": "dataflow",
    "workloads": "workload",
    "workloads/models": "trained model",
    "workloads/datasets": "data set",
}
_SUFFIXES: dict[Kind, str] = {"workloads/models": ".onnx", "workloads/datasets": ".npz"}
_PACKAGE = Path(__file__).resolve().parents[1]


class LibraryError(UnplacedError):
    """A name that is neither a file nor a shipped configuration."""


def find(kind: Kind, name_or_path: str | Path) -> Path:
    """The file that a person means: an existing path, else a shipped name, with or without its ending.

    A trained model is a workload, too.

    Raises:
        LibraryError: when there is neither.
    """
    path = Path(name_or_path)
    if path.is_file() or path.is_fifo():
        return path
    known: list[str] = []
    for folder in (kind, "workloads/models") if kind == "workloads" else (kind,):
        suffix = _suffix(folder)
        name, here = path.as_posix().removesuffix(suffix), names(folder)
        if name in here:
            return _folder(folder) / f"{name}{suffix}"
        known += here
    message = f"no {_NOUNS[kind]} '{name_or_path}': it is neither a file nor a shipped name"
    raise LibraryError(
        message, hint=" ".join(filter(None, (nearest(path.as_posix(), known), "`tilenest list` shows all names")))
    )


def names(kind: Kind) -> list[str]:
    """The shipped names of a kind in alphabetical order; those in subfolders as ``folder/name``."""
    folder = _folder(kind)
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob(f"*{_suffix(kind)}"))


def _suffix(kind: Kind) -> str:
    return _SUFFIXES.get(kind, ".yaml")


def _folder(kind: Kind) -> Path:
    installed = _PACKAGE / "_data" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
