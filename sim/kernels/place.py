"""The place for bounds in space: what loops in space do, and room for the lattice of loops in time."""

from __future__ import annotations

from sim.kernels.bounds import Place, Task
from sim.kernels.jit import maker, part
from sim.kernels.layout import Ints
from sim.kernels.room import floats1, floats2, ints1, ints2, ints3


@maker
def new_place(task: Task, limits: Ints) -> Place:
    """Room for a place; `limits` are the most divisors and primes there may be."""
    fanouts, dims, tensors = len(task.node), len(task.size), len(task.depends)
    return Place(
        ints2(fanouts, dims, 1),
        ints2(fanouts + 1, dims, 1),
        ints1(dims, 1),
        ints2(dims, limits[0], 1),
        ints3(dims, limits[0], limits[1], -1),
        ints1(dims, 1),
        ints1(dims, 1),
        ints1(dims, 0),
        ints1(2, 1),
        floats1(1),
        floats2(tensors, fanouts),
        floats1(fanouts + 1),
        floats1(tensors),
    )


@part
def set_place(copies: Ints, task: Task, place: Place) -> None:
    """Set all but the lattice for bounds in space [F, D]."""
    fanouts, dims = copies.shape
    place.busy[0] = place.beyond[fanouts] = 1.0
    for t in range(len(task.depends)):
        place.uneven[t] = 1.0
    for d in range(dims):
        for f in range(fanouts):
            place.copies[f, d] = copies[f, d]
            place.inside[f + 1, d] = place.inside[f, d] * copies[f, d]
        place.passes[d] = -(-task.size[d] // place.inside[fanouts, d])
        covered = place.passes[d] * place.inside[fanouts, d]
        place.busy[0] *= task.size[d] / covered
        for t in range(len(task.depends)):
            if not task.depends[t, d]:
                place.uneven[t] *= task.size[d] / covered
    for f in range(fanouts - 1, -1, -1):
        place.beyond[f] = place.beyond[f + 1]
        for d in range(dims):
            place.beyond[f] *= copies[f, d]
        for t in range(len(task.depends)):
            place.alike[t, f] = 1.0
            for d in range(dims):
                place.alike[t, f] *= 1 if task.depends[t, d] else copies[f, d]
