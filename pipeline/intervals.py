"""The interval of a share, for every step that reports one."""

import math

__all__ = ["wilson"]

Z = 1.959964  # of a normal distribution at that level


def wilson(share: float, n: int) -> tuple[float, float]:
    """Give the interval of a share of n cases, which has a width also where all or none are hits (Wilson, 1927)."""
    middle, reach = share + Z**2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, (middle - reach) / (1 + Z**2 / n)), min(1.0, (middle + reach) / (1 + Z**2 / n))
