"""Writes the part of Fashion-MNIST that ships with tilenest. Needs NumPy alone.

    python workloads/train/fashion_data.py workloads/datasets/fashion_mnist.npz

`x` and `y` are the first 2,000 images [1, 28, 28] of the test set with their labels, `calibration` the first 256 of
the training set. Fashion-MNIST is by Han Xiao, Kashif Rasul and Roland Vollgraf (arXiv:1708.07747, 2017), (c) 2017
Zalando SE, MIT licence; see workloads/datasets/LICENSE.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from fashion import DEBIAN, load

TESTED, CALIBRATION = 2000, 256


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write the part of Fashion-MNIST that ships with tilenest.")
    parser.add_argument("out", type=Path, help="the .npz file")
    parser.add_argument("--data", type=Path, default=Path(DEBIAN), help=f"folder of the IDX files (default {DEBIAN})")
    options = parser.parse_args()
    x, y = load(options.data, "t10k")
    calibration, _ = load(options.data, "train")
    images = {"x": x[:TESTED], "calibration": calibration[:CALIBRATION]}
    bytes_of = {name: np.rint(part * 255).astype(np.uint8).transpose(0, 3, 1, 2) for name, part in images.items()}
    np.savez_compressed(options.out, y=y[:TESTED], **bytes_of)


if __name__ == "__main__":
    main()
