"""Labelled data: what a network is to say of every sample."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.arch.library import find
from sim.errors import TilenestError, there_are

Array = NDArray[Any]

TRAINED_ON = "fashion_mnist"  # what all shipped models have learnt; see workloads/train

# Where Debian's package dataset-fashion-mnist puts the whole of it, by the name of ours.
INSTALLED = {"fashion_mnist": Path("/usr/share/datasets/fashion-mnist")}

CALIBRATION = 256
"""So many samples set ranges, where a data set holds none for it."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples with labels.

    Attributes:
        source: the file or folder.
        x: samples [N, ...]; unsigned bytes stand for numbers from 0 to 1.
        y: labels, whole numbers: [N], or [N, ...] where a network says something of every position.
        calibration: samples without labels, by which ranges are set.
        held_out: whether these are others than those in `x`.
    """

    name: str
    source: str
    x: Array
    y: Array
    calibration: Array
    held_out: bool

    def first(self, samples: int | None) -> Dataset:
        """The first samples; all, where None is given.

        Raises:
            TilenestError: when there are not so many.
        """
        if samples is None:
            return self
        if samples > len(self.x):
            raise TilenestError(f"{self.source}: {samples} samples are asked for, but it holds {len(self.x)}")
        return replace(self, x=self.x[:samples], y=self.y[:samples])

    @property
    def digest(self) -> str:
        """A hash of all that is in it."""
        digest = hashlib.sha256()
        for array in (self.x, self.y, self.calibration):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def read_dataset(name_or_path: str | Path) -> Dataset:
    """The data set in a file ``.npz`` with ``x``, ``y`` and perhaps ``calibration``, a folder of IDX files, or ours.

    Of a shipped name, the whole is read where a package of the system holds it.

    Raises:
        TilenestError: when there is none, or it does not hold what it should.

    >>> read_dataset("fashion_mnist").first(2000).x.shape
    (2000, 1, 28, 28)
    """
    path = Path(name_or_path)
    folder = path if path.is_dir() else INSTALLED.get(str(name_or_path))
    if folder and folder.is_dir():
        return _checked(_read_idx(folder, path.name))
    path = find("workloads/datasets", name_or_path)
    try:
        with np.load(path, allow_pickle=False) as file:
            held = dict(file) if isinstance(file, np.lib.npyio.NpzFile) else {}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise TilenestError(f"{path}: not a NumPy file of named arrays (.npz) without Python objects") from None
    for name in ("x", "y"):
        if name not in held:
            raise TilenestError(f"{path}: holds no array '{name}'; {there_are(held, name) if held else ''}")
    samples = held.get("calibration", held["x"][:CALIBRATION])
    data = Dataset(path.stem, str(path), held["x"], held["y"], samples, "calibration" in held)
    return _checked(data)


def _checked(data: Dataset) -> Dataset:
    """The data set, if its arrays fit each other."""
    x, y, where = data.x, data.y, data.source
    for name, array in (("x", x), ("calibration", data.calibration)):
        if array.dtype.kind not in "fiub" or not array.ndim:
            raise TilenestError(f"{where}: '{name}' holds {array.dtype} {list(array.shape)}, not an array of numbers")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
            raise TilenestError(f"{where}: '{name}' is {array[tuple(place)]} at {place}")
    if y.dtype.kind not in "iu" or not y.ndim:
        raise TilenestError(
            f"{where}: labels in 'y' are {y.dtype} {list(y.shape)}; whole numbers from 0 are expected"
        )
    if not len(x) or len(x) != len(y) or not len(data.calibration):
        raise TilenestError(
            f"{where}: {len(x)} samples in 'x', {len(data.calibration)} for calibration, but {len(y)} labels in 'y'"
        )
    if x.shape[1:] != data.calibration.shape[1:]:
        raise TilenestError(
            f"{where}: samples are {list(x.shape[1:])}, but those for calibration {list(data.calibration.shape[1:])}"
        )
    if (y < 0).any():
        place = [int(i) for i in np.argwhere(y < 0)[0]]
        raise TilenestError(f"{where}: the label at {place} is {y[tuple(place)]}; labels count from 0")
    return data


def _read_idx(folder: Path, name: str) -> Dataset:
    """The test set in a folder of files as MNIST has them; ranges are set by the first images for training."""
    x, y = _idx(folder, "t10k-images-idx3-ubyte"), _idx(folder, "t10k-labels-idx1-ubyte")
    return Dataset(name, str(folder), x, y, _idx(folder, "train-images-idx3-ubyte", CALIBRATION), True)


def _idx(folder: Path, name: str, most: int | None = None) -> Array:
    """An array of bytes, images with a channel axis (the form of LeCun's MNIST: sizes, big-endian, then data)."""
    path = folder / name
    packed = path.with_name(f"{name}.gz")
    try:
        with gzip.open(packed) if packed.exists() else path.open("rb") as file:
            magic = file.read(4)
            shape = [int.from_bytes(file.read(4), "big") for _ in range(magic[3])]
            shape[0] = min(shape[0], most or shape[0])
            data = file.read(int(np.prod(shape)))
        array = np.frombuffer(data, np.uint8).reshape(shape)
    except (OSError, EOFError, IndexError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a file of the form IDX, or cut short"
        raise TilenestError(f"{path}: {said}") from None
    return array[:, None] if array.ndim == 3 else array
