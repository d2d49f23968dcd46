"""The lattice of tiles: for every dimension a divisor of what its loops in time have to cover.

A point says how far the loops from a place in the nest inward reach in time. Points are numbered by the positions of
their divisors; growing by a prime leads to the next points outward.
"""

from __future__ import annotations

from sim.kernels.bounds import Place, Task
from sim.kernels.jit import part
from sim.kernels.layout import Ints

MOST_PRIMES = 8  # the product of the first nine exceeds every bound that fits


@part
def set_divisors(n: int, row: Ints, grown: Ints) -> int:
    """Write the divisors of `n`, ascending, and for each where its product with the prime factors of `n` stands."""
    count = 0
    for d in range(1, n + 1):
        if n % d == 0:
            row[count] = d
            count += 1
    for i in range(count):
        for k in range(MOST_PRIMES):
            grown[i, k] = -1
    rest, p = n, 2
    while rest > 1:
        if rest % p:
            p += 1
            continue
        while rest % p == 0:
            rest //= p
        j = 0
        for i in range(count):
            while j < count and row[j] < row[i] * p:
                j += 1
            if j < count and row[j] == row[i] * p:
                k = 0
                while grown[i, k] >= 0:
                    k += 1
                grown[i, k] = j
    return count


@part
def set_lattice(task: Task, place: Place) -> int:
    """Lay out the points for loops in time that make so many passes over each dimension; returns their number.

    Further and further apart lie first the points along dimensions over which loops inside the innermost fanout may
    be, then along those over which they may not, then along those that a PE does whole. So what loops inside the
    innermost fanout reach stands without gaps, and what is reached outside of it is the last block.
    """
    points, n = 1, 0
    for region in range(3):
        begin = n
        for d in range(len(task.size)):
            if _region(d, task) != region:
                continue
            place.counts[d] = set_divisors(place.passes[d], place.divisors[d], place.grown[d])
            i = n
            while i > begin and place.counts[place.order[i - 1]] < place.counts[d]:
                place.order[i] = place.order[i - 1]
                i -= 1
            place.order[i] = d
            n += 1
        for i in range(begin, n):
            place.strides[place.order[i]] = points
            points *= place.counts[place.order[i]]
        if region < 2:
            place.block[region] = points
    return points


@part
def _region(d: int, task: Task) -> int:
    if len(task.node) == 0 or (task.rules[2, d] and not task.rules[0, d]):
        return 0
    return 2 if task.rules[0, d] else 1


@part
def blocks(k: int, points: int, place: Place) -> int:
    """In how many blocks of points loops inside fanout `k` may end."""
    return points // place.block[1] if k == 0 else 1


@part
def block(k: int, b: int, points: int, place: Place) -> tuple[int, int]:
    """The first point of such a block, and the one after the last."""
    if k:
        return points - place.block[1], points
    return b * place.block[1], b * place.block[1] + place.block[0]
