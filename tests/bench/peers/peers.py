"""Asks another mapper, in a process of its own, and says its answer in our terms."""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sim.errors import MappingError
from sim.mapping.check import check
from sim.mapping.nest import Mapping
from sim.schema.mapping import parse_item
from tests.bench.peers.cases import CASES, Case

PEERS = {"accelforge": ("accelforge",), "zigzag": ("zigzag", "six")}  # by the modules that they need


@dataclass(frozen=True, slots=True)
class Answer:
    """A peer's best mapping.

    Attributes:
        version: of the peer.
        energy_pj, cycles: what the peer says that it costs.
        cpu_s: CPU seconds of the search alone.
        nest: the mapping, one line an item.
    """

    version: str
    energy_pj: float
    cycles: float
    cpu_s: float
    nest: tuple[str, ...]


def missing(peer: str) -> str:
    """Why a peer cannot be asked, or nothing."""
    absent = [module for module in PEERS[peer] if importlib.util.find_spec(module) is None]
    return f"{', '.join(absent)} not installed (pip install 'tilenest[peers]')" if absent else ""


def ask(peer: str, case: Case, limit_s: int) -> Answer | str:
    """A peer's answer, or why there is none.

    Args:
        limit_s: CPU seconds that its process may take.
    """

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))

    command = [sys.executable, "-m", f"tests.bench.peers.with_{peer}", case.name]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited)
    if done.returncode < 0:
        return f"no answer in {limit_s} s"
    if done.returncode:
        return f"fails: {done.stderr.splitlines()[-1]}"
    data = json.loads(done.stdout.splitlines()[-1])
    return Answer(**data | {"nest": tuple(data["nest"])})


def reply(search: Callable[[Case], Answer]) -> None:
    """In the peer's process: search for the case that the command line names, and print the answer."""
    print(json.dumps(asdict(search(CASES[sys.argv[1]]))))


def as_ours(answer: Answer, case: Case) -> tuple[Mapping | None, str]:
    """A peer's mapping as one of ours, or none and why our machine cannot run it."""
    mapping = Mapping(tuple(map(parse_item, answer.nest)))
    try:
        check(mapping, case.layer, case.machine)
    except MappingError as error:
        return None, " ".join(str(error).split())
    return mapping, ""
