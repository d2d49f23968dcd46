"""aihwkit itself beside tilenest's arrays, in one run: the same work, like results, CPU seconds and their ratio.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m tests.bench.with_aihwkit

Needs the extras ``peers`` and ``onnx``. Both compute in single precision. Nothing is timed before both have shown
that they err alike: what their outputs are off by has the same spread (to `ALIKE`), and without noise all but a few
(`TIES`) are the same numbers. The status is 1 where they do not, or where there is no aihwkit.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sim.accuracy.data import read_dataset
from sim.accuracy.hardware import Analog, noise_of, products_of
from sim.accuracy.model import read_trained
from sim.accuracy.task import Task
from sim.arch.crossbar import Adc, Cell, Crossbar
from sim.arch.noise import Drift, Noise, Programming, Read
from sim.nonideal.array import program

SIZE, BATCH, IMAGES, CHIPS = 512, 256, 2000, 4
BITS = 8
BOUND = (
    12.0  # the largest output of an ADC, in products of the largest weight and the largest input: aihwkit's default
)
SIGMA = 0.0175  # of aihwkit's preset for phase-change memory
DAY = 86_400.0
ALIKE, TIES = 0.02, 1e-3
ROUNDS = 15

ARRAY = Crossbar(
    SIZE,
    2 * SIZE,
    cell=Cell(0, 25.0),
    input_bits=BITS,
    step_bits=BITS - 1,
    input_signs="pulses",
    input_scale="vector",
    adc=Adc(BITS, limit=BOUND),
)
ERROR = Programming("pcm")


@dataclass(frozen=True)
class Case:
    """One effect more or less, for both.

    Attributes:
        theirs: keys of aihwkit's `IOParameters`.
    """

    name: str
    noise: Noise
    theirs: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("DAC and ADC of 8 bit", Noise()),
    Case("and errors of programming (PCM)", Noise(programming=ERROR)),
    Case(
        "and read noise, alike for all weights",
        Noise(programming=ERROR, read=Read("independent", SIGMA / 2**0.5)),
        {"w_noise": SIGMA, "w_noise_type": "ADDITIVE_CONSTANT"},
    ),
    Case(
        "and read noise of PCM (PCM_READ)",
        Noise(programming=ERROR, read=Read("root", SIGMA)),
        {"w_noise": SIGMA, "w_noise_type": "PCM_READ"},
    ),
    Case(
        "written, drifted for a day, 1/f noise",
        Noise(programming=ERROR, drift=Drift("pcm"), read=Read("pcm", slow=True), time_s=DAY),
    ),
)


def peer() -> Any:
    """PyTorch, if aihwkit works; otherwise the program ends and says why."""
    try:
        torch = importlib.import_module("torch")
        layer(CASES[0], True, np.eye(2, dtype=np.float32))(torch.ones(1, 2))  # its compiled part takes few PyTorches
    except (ImportError, OSError, RuntimeError) as error:
        sys.exit(f"no aihwkit: {error}\nPython 3.11 and 3.12 have it: pip install -e '.[peers,onnx]'")
    torch.set_num_threads(1)
    torch.manual_seed(1)
    return torch


def configured(case: Case, compiled: bool) -> Any:
    """The array as aihwkit describes it, for its compiled tile or the one in PyTorch, which lacks read noise."""
    from aihwkit.inference import PCMLikeNoiseModel
    from aihwkit.simulator.configs import InferenceRPUConfig, TorchInferenceRPUConfig
    from aihwkit.simulator.parameters import IOParameters, MappingParameter
    from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType, WeightNoiseType

    own = dict(case.theirs)
    if "w_noise_type" in own:
        own["w_noise_type"] = WeightNoiseType[own["w_noise_type"]]
    forward = IOParameters(
        inp_res=1 / (2**BITS - 2),
        out_res=1 / (2**BITS - 2),
        out_bound=BOUND,
        out_noise=0.0,
        noise_management=NoiseManagementType.ABS_MAX,
        bound_management=BoundManagementType.NONE,
        **own,
    )
    return (InferenceRPUConfig if compiled else TorchInferenceRPUConfig)(
        forward=forward,
        mapping=MappingParameter(weight_scaling_omega=1.0, max_input_size=SIZE, max_output_size=SIZE),
        noise_model=PCMLikeNoiseModel(g_max=25.0),
        drift_compensation=None,
    )


def write(analog: Any, noise: Noise) -> Any:
    """Writes aihwkit's layers, and lets time pass."""
    analog.eval()
    if noise.programming:
        analog.program_analog_weights()
    if noise.time_s:
        analog.drift_analog_weights(noise.time_s)
    return analog


def layer(case: Case, compiled: bool, weights: np.ndarray) -> Any:
    """A layer of aihwkit."""
    import torch
    from aihwkit.nn import AnalogLinear

    made = AnalogLinear(*weights.shape, bias=False, rpu_config=configured(case, compiled))
    made.set_weights(torch.from_numpy(np.ascontiguousarray(weights.T)))
    return write(made, case.noise)


def fastest(*runs: Callable[[], object]) -> list[float]:
    """CPU seconds of each at its best, in turns."""
    best = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for i, run in enumerate(runs):
            begin = time.process_time()
            run()
            best[i] = min(best[i], time.process_time() - begin)
    return best


def unlike(case: Case, found: np.ndarray, others: np.ndarray, exact: np.ndarray) -> str:
    """Why two results are no results of the same array; nothing if they may be."""
    if not case.noise.effects:
        share = float(np.mean(np.abs(found - others) > 1e-4 * exact.std()))
        return f"{share:.2%} of the outputs differ" if share > TIES else ""
    ours, theirs = ((r - exact).std() / exact.std() for r in (found, others))
    return f"errors of {ours:.4f} and {theirs:.4f}" if abs(ours / theirs - 1) > ALIKE else ""


def line(case: Case, compiled: bool, weights: np.ndarray, inputs: np.ndarray) -> str:
    """Products in a second and seconds to write, of both; ends the program where they are not of the same array."""
    import torch

    theirs, draw = torch.from_numpy(inputs), np.random.default_rng(1)
    made, analog = program(weights, ARRAY, case.noise, 1), layer(case, compiled, weights)
    if why := unlike(case, made.product(inputs, draw), analog(theirs).numpy(), inputs @ weights):
        sys.exit(f"{case.name}: not the same: {why}")
    slow, fast = fastest(lambda: analog(theirs), lambda: made.product(inputs, draw))
    name = case.name if compiled else "  its tile in PyTorch"
    text = f"{name:38} {BATCH / slow:8,.0f} {BATCH / fast:10,.0f} {slow / fast:7.1f}"
    if not case.noise.effects:
        return text
    slow, fast = fastest(lambda: write(analog, case.noise), lambda: program(weights, ARRAY, case.noise, 1))
    return f"{text} {slow:10.3f} {fast:9.3f} {slow / fast:7.1f}"


def products() -> None:
    """A line for each case and tile."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((SIZE, SIZE), np.float32)
    inputs = rng.standard_normal((BATCH, SIZE), np.float32)
    title = f"{SIZE} x {SIZE}, {BATCH} vectors at a time"
    print(f"\n{title:38} {'products in a CPU second':27} {'CPU seconds to write':>27}")
    print(f"{'':38} {'aihwkit':>8} {'tilenest':>10} {'ratio':>7} {'aihwkit':>10} {'tilenest':>9} {'ratio':>7}")
    for case in CASES:
        for compiled in (True, False) if not case.theirs else (True,):
            print(line(case, compiled, weights, inputs), flush=True)


def network(torch: Any) -> None:
    """LeNet on chips of both: accuracy, and seconds for all images."""
    from aihwkit.nn.conversion import convert_to_analog
    from onnx import numpy_helper
    from torch import nn

    trained, data = read_trained("fashion_lenet"), read_dataset("fashion_mnist").first(IMAGES)
    task = Task.of(trained, data)
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in trained.proto.graph.initializer}
    plain = nn.Sequential(
        *(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    for place, name in ((0, "conv0"), (3, "conv3"), (7, "dense6"), (9, "logits")):
        weight = tensors[f"{name}.weight"]
        plain[place].weight.data = weight if weight.ndim == 4 else weight.T.contiguous()
        plain[place].bias.data = tensors[f"{name}.bias"]
    images, labels = torch.from_numpy(trained.feed(data.x)), torch.from_numpy(np.asarray(data.y))
    case = replace(CASES[3], noise=replace(CASES[3].noise, drift=Drift("pcm")))
    rights: tuple[list[float], list[float]] = [], []
    spent = [0.0, 0.0]
    for chip in range(CHIPS):
        analog = write(convert_to_analog(plain, configured(case, True)), case.noise)
        begin = time.process_time()
        rights[0].append(float((analog(images).argmax(dim=1) == labels).float().mean()))
        spent[0] += time.process_time() - begin
        made = products_of(task, Analog(ARRAY, case.noise), chip)
        begin = time.process_time()
        rights[1].append(task.correct(made, noise_of(chip)) / IMAGES)
        spent[1] += time.process_time() - begin
    ours, theirs = np.array(rights[1]), np.array(rights[0])
    print(f"\nLeNet, {IMAGES:,} images, {CHIPS} chips, programming and read noise: seconds for a chip, accuracy")
    print(f"aihwkit   {spent[0] / CHIPS:6.2f}  {theirs.mean():.1%} +- {theirs.std(ddof=1):.1%}")
    print(f"tilenest  {spent[1] / CHIPS:6.2f}  {ours.mean():.1%} +- {ours.std(ddof=1):.1%}")
    print(f"ratio     {spent[0] / spent[1]:6.1f}")


def main() -> None:
    """Print both tables."""
    torch = peer()
    aihwkit = importlib.import_module("aihwkit.version").__version__
    print(f"aihwkit {aihwkit}, PyTorch {torch.__version__}, NumPy {np.__version__}; one thread, single precision")
    with torch.no_grad():
        products()
        network(torch)


if __name__ == "__main__":
    main()
