"""Finds near copies among many short texts in a store: texts a second, peak memory, how many of planted copies are found, and what 1 % more costs.

`near_duplicates.py --data FOLDER [--texts N]`; the texts are those of ag_news cut to 40 words with 5 words of each exchanged; of one in
twenty there is a copy with one word exchanged. Needs no model.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.corpora import add_data_option, read_corpus
from pipeline.batches import in_batches
from pipeline.duplicates import similarity
from pipeline.duplicates.signatures import pieces
from pipeline.ids import text_hash
from pipeline.records import Document
from pipeline.settings import Project
from pipeline.stages import Session
from pipeline.stages.duplicates import find_pairs, mark_copies, near_spec

WORDS, EXCHANGED, COPY_OF, SEED = 40, 5, 20, 42
THRESHOLD, CHECKED = 0.8, 5_000


def main(options: argparse.Namespace) -> None:
    """Fill a store, find the copies, add one in a hundred, and find theirs."""
    texts = list(_texts(options))
    more = len(texts) // 100
    with tempfile.TemporaryDirectory() as folder:
        project = Project.model_validate(
            {"name": "bench", "use_case": "bench", "folder": folder, "corpus": {"path": folder, "near_duplicates": {"threshold": THRESHOLD}}}
        )
        with Session(project, folder=Path(folder) / "state") as session:
            _fill(session, texts[:-more])
            print(f"{len(texts) - more:,} texts, {sum(map(len, texts)) / len(texts):.0f} characters each; memory before {_peak():.2f} GB")
            _timed(session, "all", len(texts) - more)
            _timed(session, "again, nothing new", len(texts) - more)
            _fill(session, texts[-more:])
            _timed(session, "1 % more", more)
            copies = session.store.copies(near_spec(THRESHOLD))
            print(f"peak memory {_peak():.2f} GB; {session.store.count('near_pairs'):,} pairs kept, {len(copies):,} copies")
        _found(texts, copies)


def _timed(session: Session, what: str, count: int) -> None:
    began, worked = time.monotonic(), time.process_time()
    find_pairs(session)
    found = time.monotonic() - began
    mark_copies(session)
    whole, worked = time.monotonic() - began, time.process_time() - worked
    print(f"{what}: {found:.1f} s to sign and compare, {whole - found:.1f} s to cluster")
    print(f"    {worked:.1f} s of processors; {count / worked:,.0f} texts/s of one processor")


def _texts(options: argparse.Namespace) -> Iterator[str]:
    words = [text.split() for text in read_corpus(options.data, "ag_news").texts]
    random = np.random.default_rng(SEED)
    for number in range(options.texts - options.texts // COPY_OF):
        own, other = words[number % len(words)][:WORDS], words[int(random.integers(len(words)))]
        kept = [*own[: WORDS // 2], *other[: WORDS // 2]]
        for _ in range(EXCHANGED):
            source = words[int(random.integers(len(words)))]
            kept[int(random.integers(len(kept)))] = source[int(random.integers(len(source)))]
        yield " ".join(kept)
        if number % (COPY_OF - 1) == 0:
            copy = list(kept)
            copy[int(random.integers(len(copy)))] = "exchanged"
            yield " ".join(copy)


def _fill(session: Session, texts: list[str]) -> None:
    seen = datetime.now(UTC)
    for batch in in_batches(texts, 20_000):
        documents = [Document(f"d{text_hash(text)}", text_hash(text), text, "bench:1") for text in batch]
        session.store.save_documents(documents, seed=SEED, seen_at=seen)


def _found(texts: list[str], copies: dict[str, str]) -> None:
    """Say which share of the planted copies that are alike enough was found, and whether what was found is alike enough."""
    planted = [(later, earlier) for earlier, later in pairwise(texts) if "exchanged" in later.split()][:CHECKED]
    alike = [(later, earlier) for later, earlier in planted if similarity(*pieces([later, earlier])) >= THRESHOLD]
    met = sum(text_hash(later) in copies or text_hash(earlier) in copies for later, earlier in alike)
    share, below = met / max(1, len(alike)), len(planted) - len(alike)
    print(f"{met} of {len(alike)} planted copies at or above {THRESHOLD} found ({share:.4f}); {below} are below it")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--texts", type=int, default=100_000)
    main(parser.parse_args())
