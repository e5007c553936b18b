"""A 64-bit number that looks random and depends on nothing but its argument (splitmix64, Steele et al. 2014)."""

from __future__ import annotations

_MASK = (1 << 64) - 1


def mixed(number: int) -> int:
    """The number, mixed."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
