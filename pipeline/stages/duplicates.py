"""Near copies of a corpus: found once for each text, then kept on one side of every split, and labelled once where the project asks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.batches import in_batches
from pipeline.document_records import NearDuplicate, NearPair, PairCount
from pipeline.document_settings import LEAST_ALIKE, NearSettings
from pipeline.duplicates import candidate_pairs, cluster, count_pairs, sign, signature_spec, similarities
from pipeline.ids import content_id
from pipeline.stages.session import Session
from pipeline.store.document_reads import Signed

__all__ = [
    "Example",
    "ThresholdReport",
    "cluster_of",
    "find_pairs",
    "largest_clusters",
    "mark_copies",
    "near_spec",
    "shared_copies",
    "try_thresholds",
]

Pairs = npt.NDArray[np.int64]

SIGN_BATCH = 8192  # texts
COMPARE_BATCH = 20_000  # pairs
REMEMBERED, SHARED = "near_clusters", "near_copies"


@dataclass(frozen=True)
class Example:
    """Two texts, and how alike they are."""

    similarity: float
    text: str
    other: str


@dataclass(frozen=True)
class ThresholdReport:
    """What one threshold would do, and the pairs nearest to it on either side."""

    count: PairCount
    above: Sequence[Example]
    below: Sequence[Example]


def near_spec(threshold: float) -> str:
    """Hash what determines which texts are near copies."""
    return content_id("near", [signature_spec(), threshold])


def find_pairs(session: Session) -> int:
    """Sign the texts that have no signature yet, and compare each with all others that its signature meets; give how many were compared."""
    store, spec = session.store, signature_spec()
    pending = store.pending("near_signatures", {"signature_spec": spec})
    batches = in_batches(pending, SIGN_BATCH)
    for hashes in session.progress.track(batches, total=len(pending), what="signatures", size=len):
        texts = store.plain_texts(hashes)
        store.save_signatures(spec, hashes, sign([texts[one] for one in hashes]))
    signed = store.signatures(spec)
    count = int(signed.fresh.sum())
    if not count:
        return 0
    pairs = candidate_pairs(signed.bands, signed.fresh)
    starts = range(0, len(pairs), COMPARE_BATCH)
    for start in session.progress.track(starts, total=len(pairs), what="comparisons", size=lambda at: min(COMPARE_BATCH, len(pairs) - at)):
        _compare(session, spec, pairs[start : start + COMPARE_BATCH], signed)
    store.mark_compared(spec)
    return count


def _compare(session: Session, spec: str, pairs: Pairs, signed: Signed) -> None:
    """Measure how alike the texts of some pairs are, and keep the pairs that any threshold may ask for."""
    places = np.unique(pairs)
    names = dict(zip(places.tolist(), signed.names(places), strict=True))
    texts = session.store.plain_texts(list(names.values()))
    there = {place: texts[name] for place, name in names.items() if name in texts}  # what was forgotten meanwhile is not
    pairs = pairs[np.isin(pairs, list(there)).all(axis=1)] if len(there) < len(names) else pairs
    alike = similarities(pairs, there)
    kept = zip(pairs[alike >= LEAST_ALIKE].tolist(), alike[alike >= LEAST_ALIKE].tolist(), strict=True)
    session.store.save_pairs(spec, [NearPair(names[later], names[earlier], likeness) for (later, earlier), likeness in kept])


def mark_copies(session: Session) -> int:
    """Write down which texts are near copies of which as the project asks, and give the number of texts that are copies of others."""
    store, wanted = session.store, session.project.corpus.near_duplicates
    if not _acts(wanted):
        if store.whole_current("near_spec") is not None:
            store.mark_whole(near_spec=None, near_shared=None)
        return 0
    assert wanted is not None
    find_pairs(session)
    spec = near_spec(wanted.threshold)
    found = _copies(session, spec, wanted.threshold)
    with store.writer():
        if [(one.text_hash, one.original_hash, one.cluster_hash, one.similarity) for one in found] != store.near_duplicates(spec):
            store.replace_near_duplicates(spec, found)
        store.mark_whole(near_spec=spec, near_shared=spec if wanted.act == "share" else None)
    for kind in (REMEMBERED, SHARED):
        session.drop(kind)
    return sum(one.text_hash != one.original_hash for one in found)


def _acts(wanted: NearSettings | None) -> bool:
    return wanted is not None and wanted.act != "off"


def _copies(session: Session, spec: str, threshold: float) -> list[NearDuplicate]:
    pairs = session.store.near_pairs(signature_spec(), at=threshold)
    found, names = cluster(pairs.pairs, pairs.similarities, at=threshold), pairs.hashes
    rows = zip(found.places.tolist(), found.originals.tolist(), found.firsts.tolist(), found.similarities.tolist(), strict=True)
    copies = [NearDuplicate(names[place], spec, names[original], names[first], likeness) for place, original, first, likeness in rows]
    return sorted(copies, key=lambda one: one.text_hash)


def cluster_of(session: Session, text_hash: str) -> str:
    """Name the near copies that a text belongs to by the first of them; by itself where it has none, or the project does not heed them."""
    wanted = session.project.corpus.near_duplicates
    if wanted is None or wanted.act == "off":
        return text_hash
    spec = near_spec(wanted.threshold)
    return session.remember(REMEMBERED, spec, lambda: session.store.near_clusters(spec)).get(text_hash, text_hash)


def shared_copies(session: Session) -> Mapping[str, str]:
    """Give the original of each text that takes its label from a near copy; nothing where the project does not share labels."""
    wanted = session.project.corpus.near_duplicates
    if wanted is None or wanted.act != "share":
        return {}
    spec = near_spec(wanted.threshold)
    return session.remember(SHARED, spec, lambda: session.store.copies(spec))


def try_thresholds(session: Session, thresholds: Sequence[float], *, examples: int) -> list[ThresholdReport]:
    """Say what each threshold would do, with the pairs nearest to it on either side."""
    spec = signature_spec()
    found = session.store.near_pairs(spec, at=LEAST_ALIKE)
    reports = []
    for threshold in thresholds:
        above, below = session.store.pairs_around(spec, threshold, examples)
        texts = session.store.plain_texts(sorted({name for pair in [*above, *below] for name in (pair.text_hash, pair.other_hash)}))
        shown = [[Example(pair.similarity, texts[pair.text_hash], texts[pair.other_hash]) for pair in pairs] for pairs in (above, below)]
        reports.append(ThresholdReport(count_pairs(found.pairs, found.similarities, at=threshold), *shown))
    return reports


def largest_clusters(session: Session, threshold: float, *, most: int) -> list[list[Example]]:
    """Give the largest clusters of near copies, each as its texts beside their originals, the least alike last."""
    by_cluster: dict[str, list[NearDuplicate]] = {}
    for one in _copies(session, near_spec(threshold), threshold):
        by_cluster.setdefault(one.cluster_hash, []).append(one)
    largest = sorted(by_cluster.values(), key=lambda members: (-len(members), members[0].cluster_hash))[:most]
    texts = session.store.plain_texts([one.text_hash for members in largest for one in members])
    return [
        [Example(one.similarity, texts[one.text_hash], texts[one.original_hash]) for one in sorted(members, key=lambda one: -one.similarity)]
        for members in largest
    ]
