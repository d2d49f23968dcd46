"""``tilenest robust``: whether networks survive imperfect analog arrays, and what that costs."""

from __future__ import annotations

import argparse
import os
import sys

from sim.cli import inputs
from sim.cli.run import names


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "robust",
        help="the accuracy of trained networks on noisy analog arrays, with energy and latency beside it",
        description="Runs trained networks on labelled data through a machine's analog arrays: with each of their "
        "effects alone and with all of them, or on machines side by side.",
        epilog="example: tilenest robust --arch pcm_crossbar --model fashion_lenet --dataset fashion_mnist "
        "--vary noise.programming=0:0.1:0.02 --plot robust.png",
    )
    inputs.add_arch(parser)
    parser.add_argument(
        "--model", metavar="MODELS", type=names, required=True, help="ONNX models with weights, separated by commas"
    )
    parser.add_argument(
        "--dataset",
        "--data",
        metavar="DATASET",
        help="a shipped one, a .npz file or IDX files (default: what shipped models were trained on)",
    )
    parser.add_argument("--images", metavar="N", type=inputs.count, help="only the first N samples (default: all)")
    parser.add_argument(
        "--vary",
        metavar="PATH=VALUES",
        action="append",
        default=[],
        help="compare machines: FIRST:LAST:STEP, or values separated by commas; may be repeated",
    )
    parser.add_argument("--time", metavar="TIMES", help="compare times since programming, e.g. 1s,1h,1d,1y")
    parser.add_argument("--drift-compensation", metavar="on,off", help="compare with and without, or set it")
    parser.add_argument("--seeds", metavar="N", type=inputs.count, default=5, help="number of chips (default 5)")
    parser.add_argument("--seed", metavar="N", type=inputs.seed, default=0, help="of the first chip (default 0)")
    parser.add_argument(
        "--reads", metavar="N", type=inputs.count, default=1, help="compute every sample N times; most answers count"
    )
    parser.add_argument(
        "--recalibrate", action="store_true", help="measure the moments of batch normalizations anew on each chip"
    )
    parser.add_argument(
        "--budget", metavar="GOAL", help="find the cheapest machine that is so good: 'accuracy >= 88%%'"
    )
    parser.add_argument("--least", metavar="COST", default="energy", help="then: energy (default), latency or area")
    parser.add_argument("--no-cache", action="store_true", help="compute all anew, and keep nothing")
    inputs.add_json(parser)
    parser.add_argument("--plot", metavar="PATH", type=inputs.plot_path, help="draw it: .png, .svg or .pdf")


def execute(args: argparse.Namespace) -> int:
    """Make the study, then print and write what was asked for."""
    _one_thread()
    from sim.accuracy.robust import Plan
    from sim.cli.output import progress, show, targets_of

    named = {"json": args.json, "plot": args.plot}
    targets = targets_of({what: path for what, path in named.items() if path and path != inputs.STANDARD_OUTPUT})
    plan = Plan.of(
        args.arch,
        args.model,
        args.dataset or _trained_on(args.model),
        set=args.set,
        images=args.images,
        vary=[*args.vary, *_times(args)],
        seeds=args.seeds,
        seed=args.seed,
        reads=args.reads,
        recalibrate=args.recalibrate,
        budget=args.budget,
        least=args.least,
        cache=not args.no_cache,
        command=args.line,
    )
    with progress(plan.asks, quiet=args.json == inputs.STANDARD_OUTPUT) as done:
        study = plan.run(done)
    if args.json == inputs.STANDARD_OUTPUT:
        print(study.to_json(), end="")
    else:
        from sim.report.robust import robust_table

        show(robust_table(study))
    for what, target in targets.items():
        if what == "json":
            target.write(study.to_json())
        else:
            from sim.report.robust_plot import robust_plot

            target.write(robust_plot(study, target.path.suffix[1:].lower()))
    return 0


def _times(args: argparse.Namespace) -> list[str]:
    """``--time`` and ``--drift-compensation`` as what they vary."""
    from sim.errors import TilenestError

    out = []
    if args.drift_compensation is not None:
        words = names(args.drift_compensation)
        if not words or not {"on", "off"}.issuperset(words):
            raise TilenestError(f"--drift-compensation '{args.drift_compensation}' is not on, off, or on,off")
        out.append(f"noise.compensation={','.join('true' if word == 'on' else 'false' for word in words)}")
    if args.time is not None:
        out.append(f"noise.time={args.time}")
    return out


def _trained_on(models: list[str]) -> str:
    """The data set of shipped models, where none is named.

    Raises:
        TilenestError: when a model is not a shipped one.
    """
    from sim.accuracy.data import TRAINED_ON
    from sim.arch.library import names as shipped
    from sim.errors import TilenestError

    foreign = [model for model in models if model not in shipped("workloads/models")]
    if foreign:
        raise TilenestError(f"--dataset is missing: what '{foreign[0]}' has been trained on is not known")
    return TRAINED_ON


def _one_thread() -> None:
    """Keep BLAS from dividing small products among threads, which wait for each other longer than they compute.

    It reads this once, when NumPy is imported.
    """
    if "numpy" not in sys.modules:
        for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
