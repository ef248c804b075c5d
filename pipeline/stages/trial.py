"""Whether demonstrations help the model on this corpus: tried on documents whose labels are known."""

from dataclasses import replace

import numpy as np

from pipeline.annotation import llm_annotator
from pipeline.records import Measure, Taxonomy
from pipeline.stages.asking import ask, current_taxonomy, given_labels
from pipeline.stages.known import known_labels
from pipeline.stages.manner import DEMONSTRATIONS_GAIN, TRIED, besides, manner_of
from pipeline.stages.session import Session

__all__ = ["try_demonstrations"]

FEWEST, MOST = 20, 60  # documents with known labels that they are tried on
RESAMPLES = 1000


def try_demonstrations(session: Session) -> int:
    """Ask about known documents with and without demonstrations, once a taxonomy, and store by how many more are right with them.

    :return: number of questions; none where `annotation.demonstrations` is not `auto`, or too few labels are known.
    """
    present = current_taxonomy(session)
    tried = any(measure.metric == DEMONSTRATIONS_GAIN for measure in session.store.measures(present.taxonomy_id))
    known = known_labels(session, present) if session.project.annotation.demonstrations == "auto" and not tried else {}
    texts = sorted(known)[:MOST]
    if len(texts) < FEWEST:
        return 0
    right, made = [], 0
    for count in (0, TRIED):
        manner = replace(manner_of(session, present), demonstrations=count)
        source = besides(session, present, manner, []).source
        annotator = llm_annotator(session.project, session.model_of("annotator"), manner, source)
        session.store.save([annotator])
        made += ask(session, present, annotator, manner, texts, "trying demonstrations", needed=False)
        given = {label.text_hash: label.category_id for label in given_labels(session, present, annotator, texts)}
        right.append([given.get(text) in known[text] for text in texts])
    session.store.save([_gain(present, np.array(right, dtype=float), session.project.seed)])
    return made


def _gain(present: Taxonomy, right: np.ndarray, seed: int) -> Measure:
    """Give the share of documents that are right with demonstrations less that without, with its paired bootstrap interval."""
    differences = right[1] - right[0]
    draws = np.random.default_rng(seed).choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
    low, high = (float(value) for value in np.quantile(draws, [0.025, 0.975]))
    return Measure(present.taxonomy_id, DEMONSTRATIONS_GAIN, float(differences.mean()), len(differences), low=low, high=high, judge="known labels")
