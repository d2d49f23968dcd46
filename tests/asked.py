"""A small network that is right, data to ask it about, and a machine, for tests of accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.onnx_models import op, save

Array = np.ndarray[Any, Any]

CLASSES, FEATURES = 4, 6

MACHINE = """
name: small
class: crossbar
clock: 1 GHz
technology: 32 nm
crossbar:
  weights: {bits: 8 bit}
  inputs: {bits: 8 bit}
  cell: {bits: 2 bit, most: 25 uS, least: 1 uS}
  adc: {bits: 8 bit}
noise:
  programming: 0.1
  read: 0.1
hierarchy:
  - memory: buffer
    size: unbounded
  - fanout: arrays
    x: 16
  - converter: adc
    tensors: outputs
    energy: {word: "1 pJ * 2 ** (${crossbar.adc.bits} / 1 bit)", source: assumed}
  - fanout: array
    x: 32
    y: 32
  - compute: cell
"""


def weights() -> dict[str, Array]:
    rng = np.random.default_rng(1)
    first = np.eye(FEATURES, 8) + 0.2 * rng.standard_normal((FEATURES, 8))
    second = np.eye(8, CLASSES) + 0.2 * rng.standard_normal((8, CLASSES))
    return {"w1": first.astype(np.float32), "w2": second.astype(np.float32)}


def network(folder: Path, constants: dict[str, Array] | None = None, batch: int | str = "N") -> Path:
    """A file ``made.onnx``: two layers, ``hidden`` and ``scores``."""
    nodes = [op("MatMul", "x w1", "hidden"), op("Relu", "hidden", "relu"), op("MatMul", "relu w2", "scores")]
    return save(folder, nodes, {"x": [batch, FEATURES]}, weights() if constants is None else constants)


def samples(number: int = 200) -> dict[str, Array]:
    """Samples, and as labels what the network says."""
    x = np.random.default_rng(2).standard_normal((number, FEATURES)).astype(np.float32)
    held = weights()
    return {"x": x, "y": (np.maximum(x @ held["w1"], 0) @ held["w2"]).argmax(axis=1)}


def data(folder: Path, **changed: Array) -> Path:
    """A file ``made.npz``."""
    np.savez(folder / "made.npz", **(samples() | changed))
    return folder / "made.npz"


def machine(folder: Path, text: str = MACHINE) -> Path:
    """A file ``small.yaml``."""
    (folder / "small.yaml").write_text(text)
    return folder / "small.yaml"
