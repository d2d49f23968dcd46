"""Does the exact search find the same optimum if it may leave nothing out by one of its rules?"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.property.pruning import RULES

EXAMPLES = os.environ.get("TILENEST_EXAMPLES", "60")


@pytest.mark.parametrize("rule", RULES)
def test_no_optimum_is_lost_by_leaving_out(rule: str) -> None:
    words = [sys.executable, "-m", "tests.property.pruning", rule, EXAMPLES]
    done = subprocess.run(words, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "the rule has not been used"
