"""Normal random numbers in single precision, several times faster than one by one: whole lanes at once.

Each lane is a generator of its own, xoshiro128++ (Blackman and Vigna, ACM Transactions on Mathematical Software 47,
2021). Two of its numbers make two normal ones (Box and Muller, 1958), by series that are exact to the last bits and
have no branches, so that the compiler makes vector instructions of them. The largest is 6.7.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sim.kernels.jit import kernel, part

Words: TypeAlias = npt.NDArray[np.uint32]
Floats: TypeAlias = npt.NDArray[np.float32]

LANES = 256
_LN2 = np.float32(np.log(2))
_ANGLE = np.float32(np.pi / 4 / 2**31)  # the 32 bits of a signed word are an eighth of a turn to either side
_ROOT_HALF = np.int32(0x3F3504F3)  # the bits of the root of a half
_ONE, _HALF, _TWO = np.float32(1), np.float32(0.5), np.float32(2)
_C4, _C6, _C8 = np.float32(1 / 24), np.float32(1 / 720), np.float32(1 / 40320)
_S3, _S5, _S7 = np.float32(1 / 6), np.float32(1 / 120), np.float32(1 / 5040)
_L3, _L5, _L7 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)


@part
def _next(state: Words, i: int) -> np.uint32:
    """The next number of a lane."""
    a, b, c, d = state[0, i], state[1, i], state[2, i], state[3, i]
    total = np.uint32(a + d)
    out = np.uint32(np.uint32((total << np.uint32(7)) | (total >> np.uint32(25))) + a)
    c ^= a
    d ^= b
    state[1, i] = b ^ c
    state[0, i] = a ^ d
    state[2, i] = c ^ np.uint32(b << np.uint32(9))
    state[3, i] = np.uint32(d << np.uint32(11)) | np.uint32(d >> np.uint32(21))
    return out


@kernel
def fill(state: Words, out: Floats) -> None:
    """Fill an array of one axis with normal numbers; `state` [4, LANES] goes on, and must not be 0 all over."""
    radius, turn = np.empty(LANES, np.float32), np.empty(LANES, np.uint32)
    bits, angle, exponent = radius.view(np.int32), turn.view(np.int32), np.empty(LANES, np.float32)
    first, second = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for begin in range(0, len(out), 2 * LANES):
        for i in range(LANES):
            radius[i] = np.float32(_next(state, i)) + _ONE
        for i in range(LANES):
            turn[i] = _next(state, i)
        for i in range(LANES):  # 2**power * mantissa, the mantissa around 1
            power = (bits[i] - _ROOT_HALF) >> np.int32(23)
            exponent[i] = np.float32(power - np.int32(32))
            bits[i] = bits[i] - (power << np.int32(23))
        for i in range(LANES):
            s = (radius[i] - _ONE) / (radius[i] + _ONE)
            q = s * s
            log = exponent[i] * _LN2 + _TWO * s * (_ONE + q * (_L3 + q * (_L5 + q * _L7)))
            first[i] = np.sqrt(max(-_TWO * log, np.float32(0)))
        for i in range(LANES):
            swap, flip = angle[i] & np.int32(1), (angle[i] >> np.int32(1)) & np.int32(1)
            a = np.float32(angle[i]) * _ANGLE
            q = a * a
            cos = _ONE - q * (_HALF - q * (_C4 - q * (_C6 - q * _C8)))
            sin = a * (_ONE - q * (_S3 - q * (_S5 - q * _S7)))
            cos = cos * (_ONE - _TWO * np.float32(flip))
            r = first[i]
            first[i] = r * (sin if swap else cos)
            second[i] = r * (cos if swap else sin)
        most = min(LANES, len(out) - begin)
        for i in range(most):
            out[begin + i] = first[i]
        for i in range(min(LANES, len(out) - begin - most)):
            out[begin + most + i] = second[i]
