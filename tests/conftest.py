"""The same examples in every run of continuous integration; elsewhere new ones, to find what is still unknown."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("steady")
