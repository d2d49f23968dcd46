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

    Raises:
        LibraryError: when there is neither.
    """
    path = Path(name_or_path)
    if path.is_file() or path.is_fifo():
        return path
    for folder in _folders(kind):
        name = path.as_posix().removesuffix(_suffix(folder))
        if name in names(folder):
            return _folder(folder) / f"{name}{_suffix(folder)}"
    message = f"no {_NOUNS[kind]} '{name_or_path}': it is neither a file nor a shipped name"
    hint = nearest(path.with_suffix("").as_posix(), known(kind))
    raise LibraryError(message, hint=" ".join(filter(None, (hint, "`tilenest list` shows all names"))))


def known(kind: Kind) -> list[str]:
    """The shipped names that stand for something of a kind: a trained model is a workload, too."""
    return [name for folder in _folders(kind) for name in names(folder)]


def names(kind: Kind) -> list[str]:
    """The shipped files of a kind by name, in alphabetical order; those in subfolders as ``folder/name``."""
    folder = _folder(kind)
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob(f"*{_suffix(kind)}"))


def _folders(kind: Kind) -> tuple[Kind, ...]:
    return ("workloads", "workloads/models") if kind == "workloads" else (kind,)


def _suffix(kind: Kind) -> str:
    return _SUFFIXES.get(kind, ".yaml")


def _folder(kind: Kind) -> Path:
    installed = _PACKAGE / "_data" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
