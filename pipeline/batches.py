"""Cutting a stream into batches (`itertools.batched` needs Python 3.12)."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["in_batches"]

T = TypeVar("T")


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists of `size` items, the last one shorter, reading no further ahead than one batch."""
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch
