"""Keeps on disk what searches find: one that was made before is answered at once.

An entry is a file ``mappings/FAMILY/NAME.json`` in the cache folder (`sim.cache`). A family is a hash of all that
decides what a search finds but for bandwidths and the budget (`sim.mapping.identity`), a name one of those. What is
proved answers every budget, so it is kept without one. Entries are written beside their place and then moved there:
any number of processes may share a store, and any file may be deleted at any time. Nothing is believed that can be
checked: an entry's mapping must be legal and cost what the entry says.

A search may also be answered by one that differs in bandwidths alone. No nest becomes better when a port becomes
slower, unless the array waits for single-buffered memories. So a bound that is proved on a faster machine holds on a
slower one, and a nest that reaches it there is optimal there, too. Where time has no say in what a nest is worth,
bandwidths have none. Such an answer is as good as what was searched for; among nests that are equally good it may be
another one than a search would find.

The best nest of another bandwidth is no start for a search: by measurement, one that begins with the optimum takes as
long, as its time goes into the proof; and which of several equally good nests it finds would depend on what is kept.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sim.arch.tree import Architecture
from sim.cache import own_folder
from sim.errors import CacheWarning, TilenestError
from sim.mapping.check import check
from sim.mapping.dataflow import Dataflow
from sim.mapping.entry import Entry, path_of
from sim.mapping.found import Found
from sim.mapping.identity import Search, bandwidths, with_bandwidths
from sim.mapping.judge import MOST_LOOPS, Judge
from sim.mapping.mapper import Finder, Strategy, find_mapping
from sim.mapping.nest import Mapping
from sim.mapping.objective import Objective
from sim.mapping.optimal import Optimal
from sim.workload.layer import Layer

_SAME = 1e-9  # relative: what another processor may round otherwise


def finder(cache: bool = True) -> Finder:
    """What finds mappings: with the store in the cache folder; without, if it is not wanted or cannot be written."""
    folder = own_folder("mappings") if cache else None
    return find_mapping if folder is None else Store(folder).find


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of entries."""

    folder: Path

    def find(
        self, layer: Layer, arch: Architecture, dataflow: Dataflow, objective: Objective, strategy: Strategy
    ) -> Found:
        """What `find_mapping` finds, from the store if it is there; else it is kept there.

        Raises:
            MappingError: as `find_mapping`; nothing is kept then, nor of a search that is interrupted.
        """
        search = Search(layer, arch, dataflow, objective, strategy)
        family = search.family()
        if found := self._kept(search, family) or self._found_elsewhere(search, family):
            return found
        begun = time.perf_counter()
        found = find_mapping(layer, arch, dataflow, objective, strategy)
        self._keep(search, family, replace(found, searched_s=time.perf_counter() - begun))
        return found

    def _kept(self, search: Search, family: str) -> Found | None:
        """What the same search has found, or one with another budget has proved."""
        for budget_s in dict.fromkeys((None, search.budget_s)):
            path = self.folder / path_of(family, bandwidths(search.arch), budget_s)
            try:
                entry = self._read(path)
                _verify(entry, search)
                return entry.found
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                warnings.warn(f"ignored {path}: {reason}", CacheWarning, stacklevel=4)
        return None

    def _found_elsewhere(self, search: Search, family: str) -> Found | None:
        """What was found with other bandwidths and holds with these, too."""
        if not isinstance(search.strategy, Optimal):
            return None
        timed = search.minds_bandwidths
        known = [entry for entry in self._family(family) if entry.budget_s in (None, search.budget_s)]
        if timed:
            known = [entry for entry in known if entry.budget_s is None and _is_no_better(search, entry.bandwidths)]
        # of bounds the highest: if it is not reached, no other one is; of nests the best
        for entry in sorted(known, key=lambda e: (-e.found.value if timed else e.found.value, e.path)):
            with contextlib.suppress(ValueError):
                _verify(entry, replace(search, arch=with_bandwidths(search.arch, entry.bandwidths)))
                here = _with_costs(entry.found, search)
                return here if not timed or (math.isfinite(here.value) and here.optimal) else None
        return None

    def _family(self, family: str) -> Iterator[Entry]:
        """All entries that differ in bandwidths and budgets alone."""
        for path in (self.folder / family).glob("*.json"):
            with contextlib.suppress(OSError, ValueError):  # one hears of it when one asks for just this entry
                yield self._read(path)

    def _read(self, path: Path) -> Entry:
        """The entry in a file.

        Raises:
            OSError: when it cannot be read.
            ValueError: when it is no entry, or another one.
        """
        try:
            entry = Entry.from_json(path.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError("no entry of the store") from None
        if self.folder / entry.path != path:
            raise ValueError("the entry of another search")
        return entry

    def _keep(self, search: Search, family: str, found: Found) -> None:
        """Write an entry, or replace it."""
        entry = Entry(family, bandwidths(search.arch), None if found.optimal else search.budget_s, found)
        path = self.folder / entry.path
        part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part")
        with contextlib.suppress(OSError):  # without the store everything works, only slower
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_text(entry.to_json(), encoding="utf-8")
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)


def _verify(entry: Entry, search: Search) -> None:
    """Pass silently if an entry's mapping is legal and costs what the entry says.

    Raises:
        ValueError: if not.
    """
    found = entry.found
    if search.budget_s is not None and entry.budget_s is None and not found.optimal:
        raise ValueError("nothing is proved of its mapping")
    if not _is_legal(found.mapping, search):
        raise ValueError("its mapping is not legal")
    here = _with_costs(found, search)
    pairs = (found.energy_pj, here.energy_pj), (found.latency_cycles, here.latency_cycles), (found.value, here.value)
    if not all(math.isclose(*pair, rel_tol=_SAME) for pair in pairs) or (found.bound or 0.0) > here.value * (
        1 + _SAME
    ):
        raise ValueError("its mapping does not cost what it says")


def _is_legal(mapping: Mapping, search: Search) -> bool:
    if len(mapping.loops) > MOST_LOOPS:  # for which a judge has no room
        return False
    try:
        check(mapping, search.layer, search.arch)
    except TilenestError:
        return False
    return True


def _is_no_better(search: Search, others: tuple[float, ...]) -> bool:
    """Whether no nest is worth less on the machine than it is with these bandwidths."""
    slower = all(own <= other for own, other in zip(bandwidths(search.arch), others, strict=True))
    return slower and search.slower_is_never_better


def _with_costs(found: Found, search: Search) -> Found:
    """What was found on another machine, with what it costs on this one."""
    judged = Judge(search.layer, search.arch, search.objective)(found.mapping)
    value = math.exp(judged.score)
    return replace(found, energy_pj=judged.pj, latency_cycles=judged.cycles, value=value)
