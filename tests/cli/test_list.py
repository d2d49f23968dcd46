"""Does ``tilenest list`` name all that ships with the program?"""

from __future__ import annotations

from typing import Any

import pytest

from sim.arch.library import names


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        ("archs", "arch_configs"),
        ("workloads", "workloads"),
        ("models", "workloads/models"),
        ("datasets", "workloads/datasets"),
        ("dataflows", "dataflows"),
    ],
)
def test_every_shipped_file_has_a_line(tilenest: Any, kind: str, folder: Any) -> None:
    status, out, err = tilenest("list", kind)
    heading, _, *rows = out.splitlines()
    assert (status, err, heading.strip()) == (0, "", kind)
    named = [row.split()[0] for row in rows if row.strip() and not row.startswith(" ")]
    assert named == names(folder)


def test_a_line_says_what_it_is(tilenest: Any) -> None:
    _, out, _ = tilenest("list")
    lines = {" ".join(line.split()) for line in out.splitlines()}
    assert "row_stationary Row stationary (RS)" in lines
    assert "alexnet 21 layers, 724.4 M MACs, 60.95 M weights" in lines
    assert "fashion_lenet 9 layers, 1.116 M MACs, 80.02 k weights" in lines
    assert any(
        line.startswith("fashion_mnist ") and line.endswith(" samples [1, 28, 28] of 10 classes") for line in lines
    )
    assert any(line.startswith("eyeriss The Eyeriss chip") for line in lines)
