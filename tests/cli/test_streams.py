"""What if nobody reads standard output, or it is closed, or full?"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

EVERY_WAY = pytest.mark.parametrize("words", [("schema", "workload"), ("list", "dataflows")])  # print and rich


@EVERY_WAY
def test_a_closed_pipe_is_no_mistake(words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "sim", *words], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@EVERY_WAY
def test_output_that_is_closed_goes_nowhere(words: tuple[str, ...]) -> None:
    command = f"exec {sys.executable} -m sim {' '.join(words)} >&-"
    done = subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_for_which_there_is_no_room() -> None:
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "sim", "list", "dataflows"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    message = f"cannot write to standard output: {os.strerror(errno.ENOSPC)}\n"
    assert (done.returncode, done.stderr.decode()) == (2, message)
