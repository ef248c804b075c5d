"""The interval of a share, and of the difference of two, for every step that reports one."""

import math

__all__ = ["Z", "difference", "wilson"]

Z = 1.959964  # of a normal distribution at that level


def wilson(share: float, n: int) -> tuple[float, float]:
    """Give the interval of a share of n cases, which has a width also where all or none are hits (Wilson, 1927)."""
    middle, reach = share + Z**2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, (middle - reach) / (1 + Z**2 / n)), min(1.0, (middle + reach) / (1 + Z**2 / n))


def difference(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float, float]:
    """Give how far one share is above that of other cases, with the ends of its interval (Newcombe, 1998, method 10).

    :param one: hits and cases.
    :param other: the same of the other cases.
    """
    (here, low), (there, high) = ((hits / n, wilson(hits / n, n)) for hits, n in (one, other))
    below, above = math.hypot(here - low[0], high[1] - there), math.hypot(low[1] - here, there - high[0])
    return here - there, here - there - below, here - there + above
