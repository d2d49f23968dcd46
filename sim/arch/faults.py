"""What is wrong with a machine in the eyes of its engine, with the nodes that it is about."""

from __future__ import annotations

from sim.arch.tree import ArchitectureError

Fault = tuple[int | None, str, str]


class MachineError(ArchitectureError):
    """A machine that its engine does not understand.

    Attributes:
        faults: for each, the number of the node that it is about or None, what is wrong, and what was expected.
    """

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(f"architecture {name}: {message}" for _, message, _ in faults))
