"""The lattice of tiles: for every dimension a divisor of what its loops in time have to cover.

A point says how far the loops from a place in the nest inward reach in time. Points are numbered by the positions of
their divisors, the dimension that has the most of them fastest; growing by a prime leads to the next points outward.
"""

from __future__ import annotations

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
def set_lattice(passes: Ints, divisors: Ints, grown: Ints, counts: Ints, strides: Ints, order: Ints) -> int:
    """Lay out the points for loops in time that make so many passes over each dimension; returns their number.

    Along the dimensions `order` they lie further and further apart.
    """
    points = 1
    for d in range(len(passes)):
        counts[d] = set_divisors(passes[d], divisors[d], grown[d])
        i = d
        while i > 0 and counts[order[i - 1]] < counts[d]:
            order[i] = order[i - 1]
            i -= 1
        order[i] = d
    for d in order:
        strides[d] = points
        points *= counts[d]
    return points
