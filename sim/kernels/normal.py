"""Normal random numbers in single precision, several times faster than one by one: whole lanes at once.

Each lane is a generator of its own, xoshiro128++ (Blackman and Vigna, ACM Transactions on Mathematical Software 47,
2021). Two of its numbers make two normal ones (Box and Muller, 1958), by series that are exact to the last bits and
have no branches, so that the compiler makes vector instructions of them. The largest is 6.7.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import disjoint, kernel, part

Words: TypeAlias = npt.NDArray[np.uint32]
Floats: TypeAlias = npt.NDArray[np.float32]

LANES = 256
_LN2 = np.float32(np.log(2))
_ANGLE = np.float32(np.pi / 4 / 2**31)  # the 32 bits of a signed word are an eighth of a turn to either side
_ROOT_HALF = np.int32(0x3F3504F3)  # the bits of the root of a half
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_C4, _C6, _C8 = np.float32(1 / 24), np.float32(1 / 720), np.float32(1 / 40320)
_S3, _S5, _S7 = np.float32(1 / 6), np.float32(1 / 120), np.float32(1 / 5040)
_L3, _L5, _L7 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)


@part
def _next(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> tuple[np.uint32, ...]:
    """The next number of a lane, and its state after that."""
    total = np.uint32(a + d)
    out = np.uint32(np.uint32((total << np.uint32(7)) | (total >> np.uint32(25))) + a)
    shifted = np.uint32(b << np.uint32(9))
    c ^= a
    d ^= b
    return out, a ^ d, b ^ c, c ^ shifted, np.uint32(d << np.uint32(11)) | np.uint32(d >> np.uint32(21))


@disjoint
def _draw(state: Words, words: Words, radius: Floats, first: Floats, second: Floats) -> None:
    """Two numbers of each lane. Loops are so short that a processor works at several turns of them at once."""
    for i in range(LANES):
        words[0, i], a, b, c, d = _next(state[0, i], state[1, i], state[2, i], state[3, i])
        words[1, i], state[0, i], state[1, i], state[2, i], state[3, i] = _next(a, b, c, d)
    for i in range(LANES):
        bits = np.float32(np.float32(words[0, i]) + _ONE).view(np.int32)
        power = np.int32(np.int32(bits - _ROOT_HALF) >> np.int32(23))  # 2**power * mantissa, the mantissa around 1
        mantissa = np.int32(bits - np.int32(power << np.int32(23))).view(np.float32)
        s = (mantissa - _ONE) / (mantissa + _ONE)
        q = s * s
        log = np.float32(power - np.int32(32)) * _LN2 + _TWO * s * (_ONE + q * (_L3 + q * (_L5 + q * _L7)))
        square = -_TWO * log
        radius[i] = np.sqrt(square if square > _ZERO else _ZERO)
    for i in range(LANES):
        turn = np.int32(words[1, i])
        angle = np.float32(turn) * _ANGLE
        q = angle * angle
        cos = _ONE - q * (_HALF - q * (_C4 - q * (_C6 - q * _C8)))
        sin = angle * (_ONE - q * (_S3 - q * (_S5 - q * _S7)))
        cos = cos * (_ONE - _TWO * np.float32(np.int32(turn >> np.int32(1)) & np.int32(1)))
        swap = turn & np.int32(1) != 0
        first[i] = radius[i] * (sin if swap else cos)
        second[i] = radius[i] * (cos if swap else sin)


@kernel
def fill(state: Words, out: Floats) -> None:
    """Fill an array of one axis with normal numbers; `state` [4, LANES] goes on, and must not be 0 all over."""
    words, radius, rest = (
        np.empty((2, LANES), np.uint32),
        np.empty(LANES, np.float32),
        np.empty(2 * LANES, np.float32),
    )
    for begin in range(0, len(out), 2 * LANES):
        left = len(out) - begin
        if left >= 2 * LANES:
            _draw(state, words, radius, out[begin : begin + LANES], out[begin + LANES : begin + 2 * LANES])
        else:
            _draw(state, words, radius, rest[:LANES], rest[LANES:])
            for i in range(left):
                out[begin + i] = rest[i]
