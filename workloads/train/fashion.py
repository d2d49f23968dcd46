"""Trains the networks for Fashion-MNIST that ship with tilenest, and writes them as ONNX. Needs NumPy and onnx alone.

    python workloads/train/fashion.py lenet workloads/models/fashion_lenet.onnx
    python workloads/train/fashion.py lenet workloads/models/fashion_lenet_noisy.onnx --noise 0.1
    python workloads/train/fashion.py mlp workloads/models/fashion_mlp.onnx --epochs 40

The data are the IDX files of Fashion-MNIST (Xiao, Rasul, Vollgraf, arXiv:1708.07747, 2017; MIT licence), where
Debian's package dataset-fashion-mnist puts them, or in the folder --data. Training is Adam (Kingma, Ba, ICLR 2015)
with a learning rate that falls as half a cosine wave, on images of which half are mirrored. With --noise, every step
sees weights with Gaussian noise of that share of a layer's largest weight, as for phase-change memory in Joshi et
al., Nature Communications 11:2473, 2020. The same seed on the same machine gives the same network.
"""

from __future__ import annotations

import argparse
import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

DEBIAN = "/usr/share/datasets/fashion-mnist"


class Conv:
    """A convolution without padding, of images [B, H, W, C] with weights [R, S, C, M]."""

    def __init__(self, rng: np.random.Generator, size: int, inputs: int, outputs: int) -> None:
        self.weights = _initial(rng, (size, size, inputs, outputs))
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x: Array, noisy: Array) -> Array:
        """The outputs, by one product of all windows."""
        self.shape, (r, s, c, m) = x.shape, noisy.shape
        windows = np.lib.stride_tricks.sliding_window_view(x, (r, s), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
        self.windows, self.seen = windows.reshape(-1, r * s * c), noisy
        return (self.windows @ noisy.reshape(-1, m) + self.bias).reshape(*windows.shape[:3], m)

    def backward(self, gradient: Array, inputs_too: bool) -> tuple[Array | None, Array, Array]:
        """Gradients of inputs, weights and bias."""
        r, s, c, m = self.seen.shape
        p, q = gradient.shape[1:3]
        flat = gradient.reshape(-1, m)
        weights, bias = (self.windows.T @ flat).reshape(r, s, c, m), flat.sum(axis=0)
        if not inputs_too:
            return None, weights, bias
        spread = (flat @ self.seen.reshape(-1, m).T).reshape(-1, p, q, r, s, c)
        inputs = np.zeros(self.shape, np.float32)
        for i in range(r):
            for j in range(s):
                inputs[:, i : i + p, j : j + q] += spread[:, :, :, i, j]
        return inputs, weights, bias


class Dense:
    """A fully connected layer with weights [K, M]; images are flattened."""

    def __init__(self, rng: np.random.Generator, inputs: int, outputs: int) -> None:
        self.weights = _initial(rng, (inputs, outputs))
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x: Array, noisy: Array) -> Array:
        """The outputs."""
        self.shape, self.inputs, self.seen = x.shape, x.reshape(len(x), -1), noisy
        return self.inputs @ noisy + self.bias

    def backward(self, gradient: Array, inputs_too: bool) -> tuple[Array | None, Array, Array]:
        """Gradients of inputs, weights and bias."""
        inputs = (gradient @ self.seen.T).reshape(self.shape) if inputs_too else None
        return inputs, self.inputs.T @ gradient, gradient.sum(axis=0)


class Relu:
    """What is above zero."""

    def forward(self, x: Array) -> Array:
        """The outputs."""
        self.alive = x > 0
        return x * self.alive

    def backward(self, gradient: Array) -> Array:
        """The gradient of the inputs."""
        return gradient * self.alive


class Pool:
    """The largest of every two by two; of equal ones all get the gradient, divided."""

    def forward(self, x: Array) -> Array:
        """The outputs."""
        b, h, w, c = x.shape
        self.tiles = x.reshape(b, h // 2, 2, w // 2, 2, c)
        self.largest = self.tiles.max(axis=(2, 4), keepdims=True)
        return self.largest[:, :, 0, :, 0]

    def backward(self, gradient: Array) -> Array:
        """The gradient of the inputs."""
        hit = self.tiles == self.largest
        share = gradient[:, :, None, :, None] / hit.sum(axis=(2, 4), keepdims=True, dtype=np.float32)
        b, h, _, w, _, c = self.tiles.shape
        return (hit * share).reshape(b, 2 * h, 2 * w, c)


Layer = Conv | Dense | Relu | Pool


def lenet(rng: np.random.Generator) -> list[Layer]:
    """LeNet-5's order of layers (LeCun et al., Proc. IEEE 86(11), 1998) with 80,202 parameters."""
    features = [Conv(rng, 5, 1, 16), Relu(), Pool(), Conv(rng, 5, 16, 32), Relu(), Pool()]
    return [*features, Dense(rng, 512, 128), Relu(), Dense(rng, 128, 10)]


def mlp(rng: np.random.Generator) -> list[Layer]:
    """One hidden layer of 100, 79,510 parameters."""
    return [Dense(rng, 784, 100), Relu(), Dense(rng, 100, 10)]


NETWORKS = {"lenet": lenet, "mlp": mlp}


class Adam:
    """One parameter's step, by the averages of its gradient and of the square of it."""

    def __init__(self, parameter: Array) -> None:
        self.parameter, self.mean, self.square = parameter, np.zeros_like(parameter), np.zeros_like(parameter)

    def step(self, gradient: Array, rate: float, step: int) -> None:
        """Change the parameter in place; steps count from 1."""
        self.mean += 0.1 * (gradient - self.mean)
        self.square += 0.001 * (gradient**2 - self.square)
        scale = rate * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        self.parameter -= (scale * self.mean / (np.sqrt(self.square) + 1e-8)).astype(np.float32)


def forward(layers: list[Layer], x: Array, rng: np.random.Generator | None = None, noise: float = 0.0) -> Array:
    """The logits of images; with a generator, of a network whose weights are noisy."""
    for layer in layers:
        if isinstance(layer, Relu | Pool):
            x = layer.forward(x)
            continue
        w = layer.weights
        if rng is not None and noise:
            w = w + np.float32(noise * np.abs(w).max()) * rng.standard_normal(w.shape, np.float32)
        x = layer.forward(x, w)
    return x


def backward(layers: list[Layer], gradient: Array) -> list[Array]:
    """Gradients of all parameters, in the order of the layers."""
    out: list[Array] = []
    for number, layer in reversed(list(enumerate(layers))):
        if isinstance(layer, Relu | Pool):
            gradient = layer.backward(gradient)
            continue
        inputs, weights, bias = layer.backward(gradient, number > 0)
        out[:0] = [weights, bias]
        gradient = gradient if inputs is None else inputs
    return out


def train(layers: list[Layer], x: Array, y: NDArray[np.uint8], options: argparse.Namespace) -> None:
    """Adam on the cross entropy, one mini-batch after another."""
    rng = np.random.default_rng([options.seed, 1])
    held = [p for layer in layers if isinstance(layer, Conv | Dense) for p in (layer.weights, layer.bias)]
    adams = [Adam(parameter) for parameter in held]
    steps, step = options.epochs * (len(x) // options.batch), 0
    for epoch in range(options.epochs):
        order, loss = rng.permutation(len(x)), 0.0
        for start in range(0, len(x) - options.batch + 1, options.batch):
            chosen, step = order[start : start + options.batch], step + 1
            images = x[chosen]
            images = np.where(rng.random((len(images), 1, 1, 1)) < 0.5, images[:, :, ::-1], images)
            logits = forward(layers, images, rng, options.noise)
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            odds /= odds.sum(axis=1, keepdims=True)
            here = np.arange(len(chosen)), y[chosen]
            loss -= float(np.log(odds[here] + 1e-12).mean())
            odds[here] -= 1
            rate = options.rate * (1 + math.cos(math.pi * step / steps)) / 2
            for adam, gradient in zip(adams, backward(layers, odds / len(chosen)), strict=True):
                adam.step(gradient, rate, step)
        print(f"epoch {epoch + 1}: loss {loss * options.batch / len(x):.4f}", flush=True)


def accuracy(layers: list[Layer], x: Array, y: NDArray[np.uint8]) -> float:
    """Share of images of which the largest logit is the label's."""
    hits = [forward(layers, x[i : i + 500]).argmax(axis=1) == y[i : i + 500] for i in range(0, len(x), 500)]
    return float(np.concatenate(hits).mean())


def write(layers: list[Layer], options: argparse.Namespace) -> None:
    """The network as ONNX: images [N, 1, 28, 28] from 0 to 1 in, logits out."""
    from onnx import TensorProto, checker, helper, numpy_helper, save_model

    nodes, held, at, shape = [], [], "images", (28, 28, 1)
    for number, layer in enumerate(layers):
        to = "logits" if number == len(layers) - 1 else f"{type(layer).__name__.lower()}{number}"
        if isinstance(layer, Relu):
            nodes.append(helper.make_node("Relu", [at], [to], to))
        elif isinstance(layer, Pool):
            nodes.append(helper.make_node("MaxPool", [at], [to], to, kernel_shape=[2, 2], strides=[2, 2]))
            shape = (shape[0] // 2, shape[1] // 2, shape[2])
        else:
            weights = layer.weights
            if isinstance(layer, Conv):
                weights = weights.transpose(3, 2, 0, 1)
                shape = (shape[0] - weights.shape[2] + 1, shape[1] - weights.shape[3] + 1, weights.shape[0])
            elif len(shape) == 3:  # ONNX flattens channels first
                nodes.append(helper.make_node("Flatten", [at], ["flat"], "flat"))
                weights, at = weights.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(weights.shape), "flat"
                shape = (weights.shape[1],)
            kind = "Conv" if isinstance(layer, Conv) else "Gemm"
            nodes.append(helper.make_node(kind, [at, f"{to}.weight", f"{to}.bias"], [to], to))
            held += [numpy_helper.from_array(np.ascontiguousarray(weights), f"{to}.weight")]
            held += [numpy_helper.from_array(layer.bias, f"{to}.bias")]
        at = to
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, options.out.stem, [images], [logits], held)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8, producer_name="tilenest")
    how = "workloads/train/fashion.py {network} --noise {noise:g} --epochs {epochs} --seed {seed}"
    helper.set_model_props(model, {"input_range": "0 1", "trained_by": how.format(**vars(options))})
    checker.check_model(model, full_check=True)
    save_model(model, str(options.out))


def load(folder: Path, which: str) -> tuple[Array, NDArray[np.uint8]]:
    """Images [N, 28, 28, 1] from 0 to 1 and their labels; `which` is ``train`` or ``t10k``."""
    with gzip.open(folder / f"{which}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    with gzip.open(folder / f"{which}-labels-idx1-ubyte.gz") as file:
        return images.astype(np.float32) / 255, np.frombuffer(file.read(), np.uint8, offset=8)


def _initial(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """He's initial weights (He et al., ICCV 2015)."""
    return rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / math.prod(shape[:-1])))


def main() -> None:
    """Train, say how good it is, and write it."""
    parser = argparse.ArgumentParser(description="Train a network for Fashion-MNIST and write it as ONNX.")
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("out", type=Path, help="the .onnx file")
    parser.add_argument("--data", type=Path, default=Path(DEBIAN), help=f"folder of the IDX files (default {DEBIAN})")
    parser.add_argument("--noise", type=float, default=0.0, help="of weights, as a share of a layer's largest one")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.001, help="of learning, at the start")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    layers = NETWORKS[options.network](np.random.default_rng([options.seed, 0]))
    train(layers, *load(options.data, "train"), options)
    print(f"accuracy on the 10,000 test images: {accuracy(layers, *load(options.data, 't10k')):.4f}")
    write(layers, options)


if __name__ == "__main__":
    main()
