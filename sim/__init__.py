"""tilenest: what does this neural network cost on that accelerator, and does it still work there?

>>> import sim
>>> result = sim.run("eyeriss", "alexnet", layers=["conv2"], mapper="sampled", effort="low")
>>> result["conv2"].macs
223948800

What is listed in `__all__` is the public interface; each name is imported when it is first used, so that
``import sim`` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sim.accuracy.robust import Study, robust
    from sim.api import load_arch, load_dataflow, load_workload, run
    from sim.arch.tree import Architecture, Component, Compute, Converter, Fanout, Link, Memory
    from sim.engines.options import Options
    from sim.errors import CacheWarning, ConfigError, MappingError, TilenestError, UnsupportedOp
    from sim.mapping.annealer import Sampled
    from sim.mapping.dataflow import Dataflow
    from sim.mapping.nest import For, Keep, Mapping, Parallel
    from sim.mapping.objective import Objective
    from sim.mapping.optimal import Optimal
    from sim.results import Group, LayerResult, Result
    from sim.workload.layer import Layer, Rank, Tensor, VectorLayer
    from sim.workload.network import Network

_HOMES = {
    "sim.accuracy.robust": ("Study", "robust"),
    "sim.api": ("load_arch", "load_dataflow", "load_workload", "run"),
    "sim.arch.tree": ("Architecture", "Component", "Compute", "Converter", "Fanout", "Link", "Memory"),
    "sim.engines.options": ("Options",),
    "sim.errors": ("CacheWarning", "ConfigError", "MappingError", "TilenestError", "UnsupportedOp"),
    "sim.mapping.annealer": ("Sampled",),
    "sim.mapping.dataflow": ("Dataflow",),
    "sim.mapping.nest": ("For", "Keep", "Mapping", "Parallel"),
    "sim.mapping.objective": ("Objective",),
    "sim.mapping.optimal": ("Optimal",),
    "sim.results": ("Group", "LayerResult", "Result"),
    "sim.workload.layer": ("Layer", "Rank", "Tensor", "VectorLayer"),
    "sim.workload.network": ("Network",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Architecture", "CacheWarning", "Component", "Compute", "ConfigError", "Converter", "Dataflow", "Fanout", "For",
    "Group",
    "Keep", "Layer", "LayerResult", "Link", "Mapping", "MappingError", "Memory", "Network", "Objective", "Optimal",
    "Options", "Parallel", "Rank", "Result", "Sampled", "Study", "Tensor", "TilenestError", "UnsupportedOp",
    "VectorLayer", "__version__", "load_arch", "load_dataflow", "load_workload", "robust", "run",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sim' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
