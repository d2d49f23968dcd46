"""The same examples in every run of continuous integration; elsewhere new ones, to find what is still unknown.

What searches find is kept in a folder of its own, which every test finds empty. Compiled kernels are shared with all
other runs, by processes that tests start as well.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sim.kernels.jit import cache_folder

settings.register_profile("steady", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("steady")

_CACHE = tempfile.TemporaryDirectory(prefix="tilenest-tests-")  # removed at the end
KERNELS = cache_folder()
Path(_CACHE.name, KERNELS.name).symlink_to(KERNELS)
os.environ["TILENEST_CACHE"] = _CACHE.name


@pytest.fixture(autouse=True)
def mappings() -> Iterator[Path]:
    """The folder of what searches find."""
    folder = Path(_CACHE.name, "mappings")
    yield folder
    for kept in (folder, folder.with_name("accuracy")):
        shutil.rmtree(kept, ignore_errors=True)
