"""The stage of mistakes: labels that differ from gold are sorted by what is at fault, and confused pairs get a proposed tie-breaker."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.errors import BudgetReachedError
from pipeline.evaluation import ConfusedPair, GoldDoubt, Witness, confused_pairs, gold_categories, sort_mistakes
from pipeline.evaluation.mistakes import METHOD
from pipeline.gold import gold_labels
from pipeline.ids import content_id
from pipeline.mistake_records import Mistake, TieBreaker
from pipeline.prompts import load_prompt
from pipeline.records import Taxonomy
from pipeline.stages.asking import annotation_sample, current_taxonomy, given_labels, vote_annotators
from pipeline.stages.known import known_labels
from pipeline.stages.learning import label_probabilities
from pipeline.stages.session import Session
from pipeline.store.mistake_rows import count_mistakes, predictions_with_next
from pipeline.students import doubt_labels
from pipeline.taxonomy import Confusion, propose_ties

__all__ = ["confusions_to_ask", "mistakes"]

MOST = 10_000  # documents with gold labels that are looked at
MOST_PAIRS = 6  # that get a tie-breaker
FEWEST = 3  # confusions of a pair that gets one
CLEAREST = 30  # texts of a category that its centre is made of

Witnesses = dict[str, Witness]


def mistakes(session: Session) -> tuple[int, int]:
    """Sort the labels of teacher and student that differ from gold, or from what people said where there is none, and propose tie-breakers.

    Nothing is sorted, and no model asked, where there is neither.
    """
    store, evaluation_id = session.store, session.store.current("evaluation_id")
    gold = _gold(session)
    if not gold or evaluation_id is None:
        store.mark_current(mistakes_id=None)
        return 0, 0
    key = content_id("mistakes", [METHOD, evaluation_id, load_prompt("tie_break").fingerprint, session.model_of("generator"), len(gold)])
    found = 0
    if store.current("mistakes_id") != key:
        said = _witnesses(session, sorted(gold))
        rows = _sorted(session, said, gold, evaluation_id)
        ties = _ties(session, said, gold, evaluation_id)
        store.save(rows)
        if ties is None:  # the budget is reached: they are asked for another time
            store.mark_current(mistakes_id=None)
            return len(rows), len(rows)
        store.save(ties)
        store.mark_current(mistakes_id=key)
        found = len(rows) + len(ties)
    return found, count_mistakes(store, evaluation_id)


def confusions_to_ask(session: Session) -> int:
    """Say how many pairs a tie-breaker is to be asked for at most."""
    known = session.project.corpus.gold is not None and session.store.current("mistakes_id") is None
    return MOST_PAIRS if known else 0


def _gold(session: Session) -> dict[str, str]:
    """Give what is known to be right, but for what the teacher was calibrated on; what people said by the names of its categories."""
    present, store = current_taxonomy(session), session.store
    names = {category.category_id: category.name for category in present.leaves}
    known = known_labels(session, present)
    asked = [document.text_hash for document in annotation_sample(session)]
    gold = store.gold(list(dict.fromkeys([*asked, *store.sample_hashes(first=MOST)])))
    if gold:
        return {text: one for text, one in gold.items() if text not in known}
    return {text: names[one] for text, one in store.human_labels(present.taxonomy_id).items() if one in names}


def _witnesses(session: Session, texts: Sequence[str]) -> dict[str, Witnesses]:
    """Gather what teacher and student say of some texts."""
    store, present = session.store, current_taxonomy(session)
    votes: dict[str, list[str | None]] = {}
    for voter, _ in vote_annotators(session, present):
        for vote in given_labels(session, present, voter, texts):
            votes.setdefault(vote.text_hash, []).append(vote.category_id)
    teacher, student = store.current("teacher_annotator_id"), store.current("classifier_id")
    wanted = set(texts)
    given = [label for label in store.labels(present.taxonomy_id, teacher) if label.text_hash in wanted] if teacher else []
    taught = {
        label.text_hash: Witness(
            label.category_id, label.probability, label_probabilities(label, None), tuple(label.also), tuple(votes.get(label.text_hash, ()))
        )
        for label in given
    }
    return {"teacher": taught, "student": _predicted(session, student, texts) if student else {}}


def _predicted(session: Session, student: str, texts: Sequence[str]) -> Witnesses:
    rows = predictions_with_next(session.store, student, texts)
    return {text: Witness(label, sure, {label: sure, **after}) for text, label, sure, after in rows}


def _sorted(session: Session, said: Mapping[str, Witnesses], gold: Mapping[str, str], evaluation_id: str) -> list[Mistake]:
    names = {category.category_id: category.name for category in current_taxonomy(session).leaves}
    doubts, words = _doubts(session, gold), {one.text_hash: one.words for one in session.store.texts(sorted(gold))}
    found: list[Mistake] = []
    for subject, witnesses in said.items():
        others = {name: row for name, row in said.items() if name != subject}
        found += sort_mistakes(subject, witnesses, others=others, gold=gold, doubts=doubts, names=names, words=words, evaluation_id=evaluation_id)
    return found


def _doubts(session: Session, gold: Mapping[str, str]) -> dict[str, GoldDoubt]:
    """Ask classifiers what they make of each gold label that they did not see; of several labels the first is looked at."""
    texts = sorted(gold)
    labels = [gold_labels(gold[text])[0] for text in texts]
    vectors, spelled = session.store.vectors(session.embedder.embedder_id, texts), [one.text for one in session.store.texts(texts)]
    found = doubt_labels(vectors, spelled, labels, seed=session.project.seed)
    return {
        text: GoldDoubt(
            float(found.quality[place]), bool(found.flagged[place]), found.names[int(found.expected[place])], float(found.sure[place]),
            [(texts[near], labels[near]) for near in found.nearest[place].tolist()],
        )
        for place, text in enumerate(texts)
    }  # fmt: skip


def _ties(session: Session, said: Mapping[str, Witnesses], gold: Mapping[str, str], evaluation_id: str) -> list[TieBreaker] | None:
    """Propose a tie-breaker for the most confused pairs; None where the budget is reached before."""
    present = current_taxonomy(session)
    labels = {text: witness.category_id for row in (said["student"], said["teacher"]) for text, witness in row.items()}
    stands_for = gold_categories(labels, gold, {category.category_id: category.name for category in present.leaves})
    right: dict[str, str] = {}
    for text, one in gold.items():
        standing = stands_for.get(gold_labels(one)[0], ()) if text in labels else ()
        if standing:
            given = labels[text]
            right[text] = given if given in standing else standing[0]
    pairs = [pair for pair in confused_pairs(labels, right) if pair.confusions >= FEWEST and pair.confusions > pair.by_chance][:MOST_PAIRS]
    session.progress.status(f"mistakes: tie-breakers for {len(pairs)} confused pairs")
    try:
        proposed = propose_ties(
            [_confusion(session, pair, present, labels, right) for pair in pairs],
            chat=session.generator, embedder=session.embedder, project=session.project,
        )  # fmt: skip
    except BudgetReachedError as reached:
        session.stop(f"{reached} Left: tie-breakers for {len(pairs)} confused pairs.")
        return None
    return [
        TieBreaker(evaluation_id, pair.category_id, pair.other_id, pair.confusions, pair.by_chance, pair.n, tie.sentence, tie.source)
        for pair, tie in zip(pairs, proposed, strict=True)
    ]


def _confusion(session: Session, pair: ConfusedPair, present: Taxonomy, labels: Mapping[str, str | None], right: Mapping[str, str]) -> Confusion:
    by_id = {category.category_id: category for category in present.leaves}
    texts, centres = [], []
    for key in (pair.category_id, pair.other_id):
        clear = [text for text in sorted(right) if right[text] == key == labels[text]][:CLEAREST]
        torn = [text for text in pair.texts if right[text] == key]
        members = clear or torn or [text for text in sorted(right) if right[text] == key]
        vectors = session.store.vectors(session.embedder.embedder_id, members)
        centre = vectors.mean(axis=0) if len(vectors) else session.embedder.embed([by_id[key].name])[0]
        centres.append(centre / max(float(np.linalg.norm(centre)), 1e-9))
        texts.append([document.text for document in session.store.texts([*clear[:1], *torn[:1]])])
    one, other = (by_id[key] for key in (pair.category_id, pair.other_id))
    return Confusion((one, other), (texts[0], texts[1]), (centres[0], centres[1]))
