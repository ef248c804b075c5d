"""The baselines that labels are held against beside the clusters: a student of words alone, and the annotator told all gold names."""

from dataclasses import replace
from itertools import chain

import numpy as np

from pipeline.annotation import Grounds, Judgement, Manner, llm_annotator, teach, teacher_annotator
from pipeline.evaluation import told_taxonomy
from pipeline.gold import gold_labels
from pipeline.ids import content_id
from pipeline.records import Annotator, Label, Taxonomy
from pipeline.stages.asking import annotation_sample, ask, current_taxonomy, given_labels, is_held_out
from pipeline.stages.known import known_labels
from pipeline.stages.manner import likeness
from pipeline.stages.session import Session
from pipeline.stages.taught import taught_of
from pipeline.students import tfidf_labels

__all__ = ["learn_from_words", "made_rivals", "tell_names", "untold_texts"]

MOST = 20_000  # documents with gold labels that the student of words labels
MOST_NAMES = 250  # gold names that are told in one question
WORDS = 1  # raise it whenever the student of words would say otherwise of the same labels


def learn_from_words(session: Session) -> tuple[int, int]:
    """Let a student of words alone learn the labels that students learn, and label what is measured; where that is done, nothing is fitted."""
    store, taught = session.store, taught_of(session)
    labels = taught.categories()
    if not labels:
        store.mark_current(tfidf_id=None)
        return 0, 0
    key = content_id("tfidf", [WORDS, taught.present.taxonomy_id, sorted(labels.items()), session.project.seed])
    gold = store.gold(store.sample_hashes(first=MOST))
    measured = sorted({document.text_hash for document in annotation_sample(session)} | gold.keys())
    pending = store.pending("predictions", {"classifier_id": key}, among=measured)
    if pending:
        session.progress.status(f"baseline: a student of words alone, on {len(labels)} labels")
        # All that is measured is labelled anew, because the words of all are one vocabulary.
        texts = [document.text for document in store.texts([*labels, *measured])]
        found, sure = tfidf_labels(texts[: len(labels)], list(labels.values()), texts[len(labels) :], seed=session.project.seed)
        store.save_predictions(key, measured, found, np.array(sure))
    store.mark_current(tfidf_id=key)
    return len(pending), len(measured)


def told_texts(session: Session) -> list[str]:
    """List the documents that are labelled with the gold names: with gold labels, held-out ones of the sample first."""
    most = session.project.evaluation.told_sample if session.project.evaluation.baseline else 0
    gold = session.store.gold() if most else {}
    if not gold:
        return []
    known = known_labels(session, current_taxonomy(session))
    texts = [one.text_hash for one in annotation_sample(session) if one.text_hash in gold and one.text_hash not in known]
    return sorted(texts, key=lambda text: not is_held_out(session, text))[:most]


def untold_texts(session: Session) -> list[str]:
    """List those of these documents that have not been asked about."""
    taxonomy, names = _told(session)
    wanted = told_texts(session) if 2 <= len(names) <= MOST_NAMES else []
    key = {"taxonomy_id": taxonomy.taxonomy_id, "annotator_id": _told_annotator(session).annotator_id}
    return session.store.pending("labels", key, among=wanted)


def tell_names(session: Session) -> tuple[int, int]:
    """Let the annotator label some documents with the gold names as categories: what labels would be under a perfect list of names.

    The names are told, never which document has which. Nothing is asked without gold labels, with one name, or with more than 250.
    """
    wanted = told_texts(session)
    taxonomy, names = _told(session)
    if not wanted or not 2 <= len(names) <= MOST_NAMES:
        if wanted:
            session.progress.status(f"baseline: the gold labels have {len(names)} names, and from 2 to {MOST_NAMES} can be told; none are")
        session.store.mark_current(told_id=None)
        return 0, 0
    annotator = _told_annotator(session)
    if session.store.find_taxonomy(taxonomy.taxonomy_id) is None:
        session.store.save([taxonomy])
    session.store.save([annotator])
    made = ask(session, taxonomy, annotator, Manner(), wanted, "labels with the gold names", needed=False)
    session.store.mark_current(told_id=taxonomy.taxonomy_id)
    return made, len(given_labels(session, taxonomy, annotator, wanted))


def made_rivals(session: Session) -> dict[str, dict[str, str | None]]:
    """Give the labels of these baselines, by name and text; a label with the gold names is such a name."""
    store, found = session.store, dict[str, dict[str, str | None]]()
    if (key := store.current("tfidf_id")) is not None:
        found["tfidf"] = dict(store.predictions(key))
    if store.current("told_id") is not None:
        taxonomy, names = _told(session)
        labels = _taught_names(session, taxonomy, told_texts(session))
        found["told_names"] = {text: names.get(label or "") for text, label in labels.items()}
    return {name: labels for name, labels in found.items() if labels}


def _told(session: Session) -> tuple[Taxonomy, dict[str, str]]:
    names = set(chain.from_iterable(map(gold_labels, session.store.gold().values())))
    return told_taxonomy(sorted(names), project=session.project)


def _told_annotator(session: Session) -> Annotator:
    return llm_annotator(session.project, session.model_of("annotator"), Manner())


def _taught_names(session: Session, taxonomy: Taxonomy, wanted: list[str]) -> dict[str, str | None]:
    """Make the teacher's labels of the annotator's, as under any taxonomy; a document without a valid answer has none."""
    annotator = _told_annotator(session)
    raw = given_labels(session, taxonomy, annotator, wanted)
    failed = {one.text_hash for one in session.store.failures("annotations", f"{taxonomy.taxonomy_id} {annotator.annotator_id}")}
    labels: dict[str, str | None] = dict.fromkeys([text for text in wanted if text in failed])
    if raw:
        grounds = Grounds(cards=likeness(session, taxonomy, [label.text_hash for label in raw]))
        labels |= {label.text_hash: label.category_id for label in _heard(session, taxonomy, annotator, raw, grounds)}
    return labels


def _heard(session: Session, taxonomy: Taxonomy, annotator: Annotator, raw: list[Label], grounds: Grounds) -> list[Label]:
    seed, manner = session.project.seed, Judgement(session.project.annotation.abstain)
    teacher = teacher_annotator(annotator, raw, replace(grounds, cards_by=session.embedder.embedder_id), manner=manner, seed=seed)
    categories = [category.category_id for category in taxonomy.leaves]
    return list(teach(raw, grounds, categories=categories, annotator=teacher, manner=manner, seed=seed).labels)
