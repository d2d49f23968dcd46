"""What a name or a file stands for: an architecture, a workload or a dataflow."""

from __future__ import annotations

from pathlib import Path

from sim.arch.library import Kind, LibraryError, find, known
from sim.errors import TilenestError, nearest
from sim.schema.yaml12 import load

KINDS: dict[Kind, str] = {"arch_configs": "architecture", "workloads": "workload", "dataflows": "dataflow"}

# Keys of files that no other kind has.
_KEYS: dict[Kind, frozenset[str]] = {
    "arch_configs": frozenset({"hierarchy", "class", "clock", "technology", "dataflow", "summary"}),
    "workloads": frozenset({"layers", "blocks", "input", "batch", "precision"}),
    "dataflows": frozenset({"array", "pe", "inner", "title", "prose"}),
}

_SUFFIXES: dict[str, Kind] = {".onnx": "workloads", ".csv": "workloads", ".cfg": "arch_configs"}


def kind_of(name_or_path: str) -> Kind:
    """The kind of an existing file, told by its content, or of a shipped name.

    Raises:
        TilenestError: when there is no such name, it is that of several things, or a file describes none of them.

    >>> kind_of("eyeriss"), kind_of("row_stationary")
    ('arch_configs', 'dataflows')
    """
    if Path(name_or_path).is_file():
        return _kind_of_file(Path(name_or_path), frozenset())
    name = Path(name_or_path).as_posix().removesuffix(".yaml")
    kinds = [kind for kind in KINDS if name in known(kind)]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        meant = ", ".join(f"the {KINDS[kind]} {find(kind, name)}" for kind in kinds)
        raise LibraryError(f"'{name}' is the name of several things: {meant}", hint="give the path")
    message = f"no architecture, workload or dataflow '{name_or_path}': it is neither a file nor a shipped name"
    hint = nearest(name, (each for kind in KINDS for each in known(kind)))
    raise LibraryError(message, hint=" ".join(filter(None, (hint, "`tilenest list` shows all names"))))


def _kind_of_file(path: Path, below: frozenset[Path]) -> Kind:
    """The kind of which the file, else the one that it extends, has a telling key.

    Args:
        below: the files that extend this one.
    """
    if path.suffix in _SUFFIXES:
        return _SUFFIXES[path.suffix]
    root = load(path)
    keys = set(root.value) if isinstance(root.value, dict) else set()
    for kind in KINDS:
        if keys & _KEYS[kind]:
            return kind
    base = root.child("extend")
    if base is not None and isinstance(base.value, str) and path not in below:
        beside = (path.parent / base.value, path.parent / f"{base.value}.yaml")
        file = next((b for b in beside if b.is_file()), None)
        return _kind_of_file(file, below | {path}) if file else kind_of(base.value)
    if "mapping" in keys:
        raise TilenestError(f"{path} holds loop nests for layers; `tilenest nest --mapping {path} ...` draws them")
    told = ", ".join(f"{noun} ({', '.join(sorted(_KEYS[kind]))})" for kind, noun in KINDS.items())
    raise TilenestError(f"{path} has no key that tells what it describes; expected those of an {told}")
