"""Ours and theirs side by side: ``python -m tests.bench.peers [--limit 300] [CASE ...]``; a Markdown table.

Needs ``pip install -e '.[test,peers]'``; a peer that is not installed is left out with the reason. Each of their
searches runs in a process of its own, with one thread and `--limit` seconds of CPU. Their nests are counted and priced
once more by our kernels: what our exact mapper finds must not cost more.
"""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import dataclass
from datetime import date

import sim
from sim.mapping.dataflow import ANY
from sim.mapping.found import Found
from sim.mapping.judge import Judge
from sim.mapping.mapper import find_mapping
from sim.mapping.objective import EDP
from sim.mapping.optimal import Optimal
from tests.bench.peers.cases import CASES, SMALL, Case
from tests.bench.peers.peers import PEERS, Answer, as_ours, ask, missing


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table: who, what it says that its mapping costs, what we say, how long it took."""

    who: str
    says: tuple[float, float] | None
    ours: tuple[float, float] | None
    cpu_s: float | None
    note: str

    def cells(self, case: Case, best: Found) -> list[str]:
        """The cells, energy by operation, the products relative to our best mapping."""

        def costs(pair: tuple[float, float] | None) -> list[str]:
            return [f"{pair[0] / case.layer.macs:.3f}", f"{pair[1]:,.0f}"] if pair else ["-", "-"]

        ratio = f"{self.ours[0] * self.ours[1] / best.value:.3f}" if self.ours else "-"
        seconds = f"{self.cpu_s:.3g}" if self.cpu_s is not None else "-"
        return [self.who, *costs(self.says), *costs(self.ours), ratio, seconds, self.note]


HEAD = ["case", "mapper", "says pJ/MAC", "cycles", "counted pJ/MAC", "cycles", "EDP / ours", "CPU s", ""]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--limit", type=int, default=300, metavar="S", help="CPU seconds of each search")
    args = parser.parse_args()
    absent = {peer: reason for peer in PEERS if (reason := missing(peer))}
    print(f"{date.today()}, tilenest {sim.__version__}, Python {platform.python_version()}, {platform.machine()}\n")
    for peer, reason in absent.items():
        print(f"{peer}: {reason}\n")
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    find_mapping(SMALL, CASES["nvdla/small"].machine, ANY, EDP, Optimal())  # compiles what is not compiled yet
    for name in args.cases or [name for name, case in CASES.items() if case.layer is not SMALL]:
        case = CASES[name]
        found, row = _ours(case, args.limit)
        print(f"| {' | '.join([name, *row.cells(case, found)])} |", flush=True)
        for peer in PEERS:
            if peer not in absent:
                row = _theirs(peer, case, args.limit)
                print(f"| {' | '.join([name, *row.cells(case, found)])} |", flush=True)


def _ours(case: Case, limit: int) -> tuple[Found, _Row]:
    begun = time.process_time()
    found = find_mapping(case.layer, case.machine, case.dataflow, EDP, Optimal(limit))
    took = time.process_time() - begun
    proof = "optimal" if found.optimal else f"gap {found.gap:.1%}" if found.gap is not None else "no proof"
    costs = found.energy_pj, found.latency_cycles
    return found, _Row("tilenest", costs, costs, took, f"{proof}, of {found.space:.1e}")


def _theirs(peer: str, case: Case, limit: int) -> _Row:
    answer = ask(peer, case, limit)
    if not isinstance(answer, Answer):
        return _Row(peer, None, None, None, answer)
    mapping, why_not = as_ours(answer, case)
    counted = None
    if mapping is not None:
        judged = Judge(case.layer, case.machine, EDP)(mapping)
        counted = judged.pj, judged.cycles
    return _Row(f"{peer} {answer.version}", (answer.energy_pj, answer.cycles), counted, answer.cpu_s, why_not)


if __name__ == "__main__":
    main()
