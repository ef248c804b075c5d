"""Cutting a stream into batches (`itertools.batched` needs Python 3.12)."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from pipeline.errors import LinnaeusError

__all__ = ["in_batches"]

T = TypeVar("T")


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists of `size` items, the last one shorter, reading no further ahead than one batch.

    Where the stream ends with a named error, what it gave before comes first.
    """
    batch: list[T] = []
    try:
        for item in items:
            batch.append(item)
            if len(batch) == size:
                full, batch = batch, []
                yield full
    except LinnaeusError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
