"""What is found out of documents when they are read, each text once: near copies and languages, where the project asks for them."""

from pipeline.batches import in_batches
from pipeline.stages.duplicates import mark_copies
from pipeline.stages.session import Session

__all__ = ["describe_documents", "detect_languages"]

BATCH = 20_000  # texts


def describe_documents(session: Session) -> None:
    """Mark near copies and detect languages as the project asks; of texts that were described before, nothing is done again."""
    mark_copies(session)
    detect_languages(session)


def detect_languages(session: Session) -> int:
    """Detect the language of each text whose documents do not say it, and give how many were looked at; nothing where the project does not ask."""
    store = session.store
    if not session.project.corpus.detect_language:
        if store.whole_current("language_detector") is not None:
            store.mark_whole(language_detector=None)
        return 0
    from pipeline.language_detection import detect, detector_id  # its model takes a moment to load, and most projects need none

    detector = detector_id()
    among = store.unnamed_texts() if session.project.corpus.language else None
    pending = store.pending("languages", {"detector": detector}, among=among)
    for hashes in session.progress.track(in_batches(pending, BATCH), total=len(pending), what="languages", size=len):
        texts = store.plain_texts(hashes)
        store.save_languages(detector, hashes, detect([texts[one] for one in hashes]))
    if store.whole_current("language_detector") != detector:
        store.mark_whole(language_detector=detector)
    return len(pending)
