"""Chance that can be had again: a hash of (seed, slot, n-th eligible), evenly spread over [0, 1). Pure.

The same seed and the same order of requests give the same decisions, in every process of the same name, today and
tomorrow. Each process draws for itself; nothing is shared but the seed.
"""

from hashlib import blake2b
from typing import Final

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15
_SCALE: Final = 2.0**-53


def key_of(seed: int, slot: str, purpose: str = "") -> int:
    """What the draws of one fault in one process have in common. Draws for another `purpose` know nothing of them."""
    return int.from_bytes(blake2b(f"{seed}/{slot}/{purpose}".encode(), digest_size=8).digest(), "big")


def chance(key: int, nth: int) -> float:
    """The `nth` draw (SplitMix64)."""
    mixed = (key + nth * _STEP) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) * _SCALE
