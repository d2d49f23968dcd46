"""Ours and theirs side by side, as a Markdown table: ``python -m tests.bench.peers [CASE ...]``.

Their answers are those that were recorded in `answers.json`. ``--ask`` asks the peers anew and records what they
answer; it needs ``pip install -e '.[test,peers]'`` and Python 3.12, and leaves out a peer that is not installed. Each
of their searches runs in a process of its own with one thread and ``--limit`` seconds of CPU. Their nests are counted
and priced once more by our kernels: what our exact mapper finds must not cost more.
"""

from __future__ import annotations

import argparse
import platform
import time
from datetime import date

import sim
from sim.mapping.dataflow import ANY
from sim.mapping.found import Found
from sim.mapping.judge import Judge
from sim.mapping.mapper import find_mapping
from sim.mapping.objective import EDP
from sim.mapping.optimal import Optimal
from tests.bench.peers.cases import CASES, SMALL, Case
from tests.bench.peers.peers import PEERS, Answer, as_ours, ask, missing, record, recorded

HEAD = "case", "mapper", "it says: pJ/MAC", "cycles", "counted: pJ/MAC", "cycles", "EDP over ours", "CPU s", ""
Costs = tuple[float, float]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--ask", action="store_true", help="ask the peers that are installed")
    parser.add_argument("--limit", type=int, default=900, metavar="S", help="CPU seconds of each of their searches")
    args = parser.parse_args()
    print(f"{date.today()}, tilenest {sim.__version__}, Python {platform.python_version()}, {platform.machine()}\n")
    _print(HEAD)
    _print(["---"] * len(HEAD))
    find_mapping(SMALL, CASES["nvdla/small"].machine, ANY, EDP, Optimal())  # compiles what is not compiled yet
    for name in args.cases or CASES:
        if args.ask:
            for peer in PEERS:
                if not missing(peer):
                    record(peer, name, ask(peer, CASES[name], args.limit))
        _compare(CASES[name])


def _compare(case: Case) -> None:
    begun = time.process_time()
    found = find_mapping(case.layer, case.machine, case.dataflow, EDP, Optimal(60))
    took = time.process_time() - begun
    proof = "optimal" if found.optimal else f"gap {found.gap:.1%}" if found.gap is not None else "no proof"
    ours = found.energy_pj, found.latency_cycles
    _row(case, found, "tilenest", ours, ours, took, f"{proof}, of {found.space:.1e}")
    for peer, answer in recorded(case).items():
        if not isinstance(answer, Answer):
            _row(case, found, peer, None, None, None, answer)
            continue
        mapping, why_not = as_ours(answer, case)
        judged = Judge(case.layer, case.machine, EDP)(mapping) if mapping else None
        counted = (judged.pj, judged.cycles) if judged else None
        says = answer.energy_pj, answer.cycles
        _row(case, found, f"{peer} {answer.version}", says, counted, answer.cpu_s, why_not)


def _row(
    case: Case, best: Found, who: str, says: Costs | None, counted: Costs | None, cpu_s: float | None, note: str
) -> None:
    """A line of the table: who, what it says that its mapping costs, what we count, how long it took."""

    def costs(pair: Costs | None) -> list[str]:
        return [f"{pair[0] / case.layer.macs:.3f}", f"{pair[1]:,.0f}"] if pair else ["-", "-"]

    ratio = f"{counted[0] * counted[1] / best.value:.3f}" if counted else "-"
    seconds = f"{cpu_s:.2g}" if cpu_s is not None and cpu_s < 10 else f"{cpu_s:.0f}" if cpu_s is not None else "-"
    _print([case.name, who, *costs(says), *costs(counted), ratio, seconds, note])


def _print(cells: tuple[str, ...] | list[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
