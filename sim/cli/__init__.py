"""The command line: one module a command, and what all of them leave to the outside."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from sim import __version__
from sim.errors import TilenestError, nearest, show_warning, there_are

COMMANDS = ("run", "map", "show", "nest", "trace", "list", "schema", "validate", "roofline", "robust")

BAD_INPUT = 2
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """A parser that suggests the nearest valid word, and does not bury it under the list of all options."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]  # `map` is a module here, once it is imported
            raise argparse.ArgumentError(action, f"no '{value}'; {there_are(known, str(value))}")

    def error(self, message: str) -> NoReturn:
        """Leave with a message."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see `{self.prog} --help`\n")

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Leave with what is wrong with words that mean nothing."""
        options = [option for action in self._actions for option in action.option_strings]
        hint = nearest(unknown[0].partition("=")[0], options)
        self.error(f"unknown: {shlex.join(unknown)}{f' ({hint})' if hint else ''}")


def parser() -> _Parser:
    """The parser of all commands; what a command imports beyond argparse it imports when it is executed."""
    out = _Parser(
        prog="tilenest",
        description="What does this neural network cost on that accelerator? Energy, latency and utilization, "
        "layer by layer, with the loop nest that achieves them.",
        epilog="example: tilenest run --arch eyeriss --workload alexnet --batch 4",
    )
    out.add_argument("--version", action="version", version=f"tilenest {__version__}")
    commands = out.add_subparsers(metavar="COMMAND", dest="command")
    for name in COMMANDS:
        command = importlib.import_module(f"sim.cli.{name}")
        command.add(commands)
        commands.choices[name].set_defaults(execute=command.execute, parser=commands.choices[name])
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and say how it went: 0 if well, 2 for what the user can mend, 130 if interrupted.

    Raises:
        SystemExit: from argparse, with 2 for wrong options and 0 after ``--help``.
    """
    argv = [*(sys.argv[1:] if argv is None else argv)]  # `list` is a module here, once it is imported
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever runs us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (open to the end)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # better a question mark than a crash where UTF-8 is not understood
    whole = parser()
    args, unknown = whole.parse_known_args(argv)
    if unknown:
        getattr(args, "parser", whole).refuse(unknown)
    if args.command is None:
        whole.print_help()
        return 0
    args.line = shlex.join(["tilenest", *argv])
    try:
        return _execute(args)
    except TilenestError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("TILENEST_DEBUG"):
            raise
        print(f"this is a bug in tilenest: {type(error).__name__}: {error}", file=sys.stderr)
        print("set TILENEST_DEBUG=1 for the traceback", file=sys.stderr)
        return 1


def _execute(args: argparse.Namespace) -> int:
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            status: int = args.execute(args)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        _discard_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        raise TilenestError(f"cannot write to standard output: {error.strerror}") from None
    return status


def _discard_output() -> None:
    """Let what is still to be written go nowhere, so that the interpreter does not stumble over it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
