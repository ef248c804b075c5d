"""Cutting a stream into batches (`itertools.batched` needs Python 3.12), and using one while the next is made."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from pipeline.errors import LinnaeusError

__all__ = ["in_batches", "one_ahead", "one_behind"]

T = TypeVar("T")
END = object()


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


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Pass items on, making the next one in a thread of its own while one is used."""
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, iterator, END)
        while (item := coming.result()) is not END:
            coming = thread.submit(next, iterator, END)
            yield item  # type: ignore[misc]


@contextmanager
def one_behind(use: Callable[[T], None]) -> Iterator[Callable[[T], None]]:
    """Give a function that uses items in a thread of its own, in their order: it comes back while the item is used, and waits for the one before.

    What `use` raises is raised at the next item, or at the end.
    """
    with ThreadPoolExecutor(1) as thread:
        before: list[Future[None]] = []

        def take(item: T) -> None:
            for one in before:
                one.result()
            before[:] = [thread.submit(use, item)]

        yield take
        for one in before:
            one.result()
