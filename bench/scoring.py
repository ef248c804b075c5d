"""Times a student on new text: documents a second with embedding, and its share of bare embedding in the same run.

Needs a finished demo (`make demo`). Documents are the demo's, many times over with a number appended.
"""

import time
from pathlib import Path

from pipeline.batches import in_batches
from pipeline.stages import Session, load_current_student
from pipeline.students import score_texts
from pipeline.workspace import find_project

ROOT = Path(__file__).resolve().parent.parent
COUNT, TRIALS = 2000, 3


def main() -> None:
    """Alternate bare embedding and scoring, and print each trial."""
    with Session(find_project("demo", ROOT)) as session:
        student = load_current_student(session)
        known = [document.text for document in session.store.sample_texts(first=2000)]
        texts = [f"{known[number % len(known)]} {number}" for number in range(COUNT)]
        session.embedder.embed(texts[:64])
        print(f"{'trial':<7}{'bare embedding/s':>18}{'scored/s':>10}{'share':>8}   n = {COUNT} documents a trial")
        for trial in range(1, TRIALS + 1):
            bare = _rate(lambda: [session.embedder.embed(batch) for batch in in_batches(texts, 1024)])
            scored = _rate(lambda: list(score_texts(texts, student=student, embedder=session.embedder)))
            print(f"{trial:<7}{bare:>18.0f}{scored:>10.0f}{scored / bare:>8.2f}")


def _rate(work) -> float:  # type: ignore[no-untyped-def]  # noqa: ANN001
    began = time.monotonic()
    work()
    return COUNT / (time.monotonic() - began)


if __name__ == "__main__":
    main()
