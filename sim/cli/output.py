"""Where commands write: consoles that suit the terminal, and files that are written whole or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import TilenestError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


_PLAIN_WIDTH = 100
_WIDEST = 10_000


class OutputError(TilenestError):
    """A file that cannot be written."""


def console() -> Console:
    """Standard output: colours and the terminal's width on a terminal, plain text of 100 columns elsewhere."""
    from rich.console import Console

    class Ours(Console):
        """Leaves it to `sim.cli.main` what to do when nobody reads on; rich would leave with status 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    limited = sys.stdout.isatty() or "COLUMNS" in os.environ
    # People's names and sources are shown as they are: [1] is no colour and :x: no picture.
    return Ours(width=None if limited else _PLAIN_WIDTH, highlight=False, markup=False, emoji=False)


def show(*renderables: RenderableType) -> None:
    """Print text and tables, wider than the room there is if they must be: a number that is cut is another number."""
    from rich.measure import Measurement

    out = console()
    room = out.width if out.is_terminal else _PLAIN_WIDTH
    for renderable in renderables:
        needed = Measurement.get(out, out.options.update(max_width=_WIDEST), renderable).minimum
        out.width = max(room, needed)
        out.print(renderable)


@contextmanager
def progress(total: int | None, quiet: bool = False, mapper: str = "optimal") -> Iterator[Callable[[str], None]]:
    """A bar on standard error, if that is a terminal; call what it gives with the name of everything done.

    It also says what the first run of a mapper waits for. A total of None means that nobody knows it.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from sim.kernels.warm import is_warm

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("" if is_warm(mapper) else "compiling the kernels, once on this machine", total=total)
        yield lambda name: bar.update(task, advance=1, description=name)


def targets_of(named: Mapping[str, str]) -> dict[str, Target]:
    """Targets by what is written to them.

    Raises:
        OutputError: when one cannot be written to, or two are the same file.
    """
    targets = {what: Target.of(path) for what, path in named.items()}
    for (one, a), (other, b) in itertools.combinations(targets.items(), 2):
        if a.path == b.path and a.is_replaced:
            raise OutputError(f"cannot write {b.named}: --{one} and --{other} are the same file")
    return targets


@dataclass(frozen=True, slots=True)
class Target:
    """A file to be written once the work is done; the folder is known to take it.

    >>> Target.of("/nowhere/out.json")
    Traceback (most recent call last):
    sim.cli.output.OutputError: cannot write /nowhere/out.json: there is no folder /nowhere
    """

    named: str
    path: Path

    @classmethod
    def of(cls, named: str) -> Target:
        """A target that can be written to.

        Raises:
            OutputError: when it cannot; better now than after minutes of work.
        """
        path = Path(os.path.realpath(named))
        if not path.exists() and os.path.exists(named):  # a pipe under /dev/fd has no real path
            path = Path(named)
        target = cls(named, path)
        if target.path.is_dir():
            raise OutputError(f"cannot write {named}: it is a folder")
        if not target.path.parent.is_dir():
            raise OutputError(f"cannot write {named}: there is no folder {Path(named).parent}")
        if target.path.exists() and not os.access(target.path, os.W_OK):
            raise OutputError(f"cannot write {named}: {os.strerror(errno.EACCES)}")
        if target.is_replaced:
            with target._said():
                trial = target._beside()
                trial.touch(exist_ok=False)
                trial.unlink()
        return target

    def write(self, content: str | bytes) -> None:
        """Write the whole file; if that fails, what was there before is still there.

        Raises:
            OutputError: when it cannot be written.
        """
        data = content.encode() if isinstance(content, str) else content
        with self._said():
            if not self.is_replaced:
                self.path.write_bytes(data)
                return
            beside = self._beside()
            try:
                beside.write_bytes(data)
                if self.path.exists():
                    shutil.copymode(self.path, beside)
                beside.replace(self.path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise

    @property
    def is_replaced(self) -> bool:
        """Devices and pipes are written to, not replaced."""
        return self.path.is_file() or not self.path.exists()

    def _beside(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What the operating system says of the file, as an error of ours."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write {self.named}: {error.strerror}") from None
