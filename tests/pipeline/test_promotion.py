"""A new student is taken into use by a stated rule only; a person may take any, and go back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.annotation import held_out
from pipeline.errors import ArtefactError, StoreError, StudentError
from pipeline.records import Annotator, Label
from pipeline.stages import Session, load_current_student, run_stage
from pipeline.stages.learning import lesson_of
from pipeline.stages.promotion import RULE, compare, decide, promote, roll_back, used_before
from pipeline.student_records import Promotion
from pipeline.testing import ScriptedChat
from tests.promotions import Heard, MakeProject, decisions, said
from tests.registry import current_id, further_student, spoil
from tests.tiny import NAMES, TinyEmbedder, tiny_session


@pytest.fixture(name="session")
def _session(make_project: MakeProject, copied: Path) -> Iterator[Session]:
    """The finished tiny project with its one student; no model can be asked, and what is said is kept."""
    with tiny_session(make_project(), copied, chat=ScriptedChat([]), run_id="later") as session:
        session.progress = Heard()
        yield session


def held_out_texts(session: Session) -> list[str]:
    student, project = session.store.student(current_id(session)), session.project
    given = session.store.labels(student.taxonomy_id, student.annotator_id)
    share, seed = project.annotation.held_out, project.seed
    return [label.text_hash for label in given if held_out(label.text_hash, share=share, seed=seed)]


def shown(session: Session) -> dict[str, str | None]:
    """Give the category that each document has in the view."""
    return dict(session.store.query("select doc_id, category from labelled_documents")[1])


def test_the_first_student_is_taken_into_use(session: Session) -> None:
    only = current_id(session)
    assert decisions(session) == [Promotion(only, None, "", True, "rule", "It is the first one.")]
    assert used_before(session) == []
    assert decide(session, only)
    assert len(decisions(session)) == 1


def test_another_promise_is_another_student(make_project: MakeProject, session: Session) -> None:
    assert lesson_of(session).classifier_id == current_id(session)
    session.project = make_project(certainty={"level": 0.8})
    assert lesson_of(session).classifier_id != current_id(session)


def test_a_worse_one_by_a_clear_margin_is_kept_out_and_said_so_once(session: Session) -> None:
    first = current_id(session)
    worse = further_student(session, "worse", mistaken=True)
    assert not decide(session, worse)
    assert current_id(session) == first
    decided = decisions(session)[0]
    assert (decided.classifier_id, decided.previous_id, decided.promoted, decided.decided_by) == (worse, first, False, "rule")
    assert f"on {len(held_out_texts(session))} documents that neither learnt from" in decided.reason
    assert said(session) == [f"The new student is kept out of use. {decided.reason} {RULE}"]
    assert not decide(session, worse)
    assert (len(said(session)), len(decisions(session))) == (1, 2)


@pytest.mark.parametrize("mistaken", [False, True], ids=["equal", "better"])
def test_an_equal_or_better_one_is_taken_into_use(session: Session, mistaken: bool) -> None:
    new = further_student(session, "new")
    old = current_id(session)
    if mistaken:
        spoil(session, old)
    assert decide(session, new)
    assert current_id(session) == new
    decided = decisions(session)[0]
    assert (decided.previous_id, decided.promoted) == (old, True)
    assert "By the teacher's labels" in decided.reason
    assert said(session) == []


def test_a_rerun_of_the_stage_decides_nothing_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = current_id(session)
    promote(session, further_student(session, "good"))
    spoil(session, lesson)
    with session.store.writer() as connection:
        connection.execute("delete from promotions")  # so that the rule is free
    assert run_stage("classifier", session).made == 0
    assert [one.promoted for one in decisions(session)] == [False]
    monkeypatch.setattr("pipeline.stages.promotion.compare", lambda *_: pytest.fail("it is compared again"))
    assert run_stage("classifier", session).made == 0
    assert current_id(session) == "student:good"
    assert (len(decisions(session)), len(said(session))) == (1, 1)


def test_what_the_rule_decided_of_two_students_stands_when_the_project_goes_back_and_forth(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = current_id(session), further_student(session, "second")
    assert decide(session, second)
    assert decide(session, first)
    reason = decisions(session)[1].reason
    monkeypatch.setattr("pipeline.stages.promotion.compare", lambda *_: pytest.fail("it is compared again"))
    assert decide(session, second)
    assert decisions(session)[0].reason == reason


def test_a_present_student_that_is_damaged_gives_way(session: Session) -> None:
    first, second, third = current_id(session), further_student(session, "second", mistaken=True), further_student(session, "third", mistaken=True)
    assert not decide(session, second)
    (session.folder / session.store.student(first).path / "card.json").unlink()
    assert decide(session, second), "although it was kept out before"
    assert "cannot be used any more" in decisions(session)[0].reason
    assert "card.json is missing" in decisions(session)[0].reason
    promote(session, third)
    (session.folder / session.store.student(third).path / "model.skops").write_bytes(b"")
    assert decide(session, second), "although a person chose the other one"


def test_a_present_student_of_another_embedder_gives_way_and_labels_nothing(session: Session) -> None:
    other = further_student(session, "other", embedder_id="another@1")
    session.store.mark_current(classifier_id=other)
    with pytest.raises(ArtefactError, match="learnt on vectors of another@1, and would get those of hashed-words@1"):
        load_current_student(session)
    (only, *_) = [one for one in session.store.students() if one.classifier_id != other]
    assert decide(session, only.classifier_id)
    assert "learnt on vectors of another@1" in decisions(session)[0].reason
    with pytest.raises(ArtefactError, match="another@1"):
        promote(session, other)


def test_students_of_two_embedders_are_compared_each_by_its_own_vectors(session: Session) -> None:
    first, texts = current_id(session), [document.text_hash for document in session.store.sample_texts(first=120)]
    other = further_student(session, "other", embedder_id="another@1")
    with pytest.raises(StudentError, match=r"^0 documents that neither .* have a label; expected at least 20"):
        compare(session, other, first)
    session.store.save_vectors("another@1", texts, session.store.vectors(TinyEmbedder.embedder_id, texts))
    found = compare(session, other, first)
    assert (found.n, found.gain, found.p_value) == (len(held_out_texts(session)), 0.0, 1.0)


def test_too_few_documents_that_neither_learnt_from_let_the_new_one_in(session: Session) -> None:
    first = current_id(session)
    second = further_student(session, "second", mistaken=True, settings={"held_out": 0.01, "seed": 42})
    with pytest.raises(StudentError, match=r"documents that neither .* learnt from have a label; expected at least 20"):
        compare(session, first, second)
    assert decide(session, second), "what one has learnt from proves nothing of it"
    assert decisions(session)[0].reason.startswith("The two could not be compared: ")


def test_documents_count_that_were_held_out_from_both_whatever_the_settings_were(session: Session) -> None:
    first = current_id(session)
    shares = {"held_out": 0.9, "seed": session.project.seed}
    second = further_student(session, "second", settings=shares)
    assert compare(session, first, second).n == len(held_out_texts(session))
    both = {seed: [text for text in held_out_texts(session) if held_out(text, share=0.9, seed=seed)] for seed in range(20)}
    seed = next(seed for seed, texts in both.items() if 20 <= len(texts) < len(held_out_texts(session)))
    third = further_student(session, "third", settings=shares | {"seed": seed})
    assert compare(session, first, third).n == len(both[seed])


def test_what_people_said_goes_before_what_the_teacher_said(session: Session) -> None:
    first, texts = current_id(session), held_out_texts(session)
    other = further_student(session, "other", mistaken=True)
    student = session.store.student(first)
    predicted = session.store.predictions(first)
    following = load_current_student(session).categories
    person = Annotator("annotator:p", "human", "", "", {})
    labels = [
        Label(text, student.taxonomy_id, person.annotator_id, following[(following.index(predicted[text]) + 1) % len(following)], None, None)
        for text in texts[2:]
    ]
    session.store.save([person, *labels, Label(texts[0], student.taxonomy_id, person.annotator_id, None, None, None)])
    found = compare(session, first, other)
    assert found.judge == f"the teacher's labels ({len(texts) - 2} of them known)"
    assert found.n == len(texts) - 1, "of one they said that nothing fits"
    assert (found.only_new, found.old < 0.1) == (len(texts) - 2, True), "the mistaken one is right by what people said"


@pytest.mark.parametrize(("known", "judge"), [(200, "known labels"), (0, "the teacher's labels")])
def test_gold_labels_are_right_where_the_project_lets_them_be_used(
    make_project: MakeProject, copied: Path, known: int, judge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stages.promotion.FEWEST_KNOWN", 20)
    with tiny_session(make_project(annotation={"sample": 60, "reordered": 0, "known": known}), copied) as session:
        other = further_student(session, "other")
        assert compare(session, current_id(session), other).judge == "the teacher's labels", "the gold labels are no names of categories"
        with session.store.writer() as connection:
            for topic, name in NAMES.items():
                connection.execute("update documents set gold = ? where gold = ?", [name, topic])
        assert compare(session, current_id(session), other).judge == judge


def test_rolling_back_twice_goes_back_two_students(session: Session) -> None:
    first = current_id(session)
    second, third = further_student(session, "second"), further_student(session, "third")
    promote(session, second)
    promote(session, third)
    assert used_before(session) == [first, second]
    assert roll_back(session) == Promotion(second, third, "", True, "person", "rolled back")
    assert roll_back(session).classifier_id == first
    with pytest.raises(StudentError, match=f"no other student in use before {first}"):
        roll_back(session)
    promote(session, third)
    assert roll_back(session).classifier_id == first, "a promotion is undone as well"


def test_a_run_after_rolling_back_keeps_what_was_chosen_and_scores_nothing_again(session: Session) -> None:
    first, second = current_id(session), further_student(session, "second", mistaken=True)
    before = shown(session)
    promote(session, second)
    assert list(shown(session).values()).count(None) == 60, "it has predicted nothing yet"
    assert (run_stage("classifier", session).made, run_stage("predictions", session).made) == (0, 120)
    assert current_id(session) == second
    assert shown(session) != before
    roll_back(session)
    assert shown(session) == before, "the views show the other one's predictions at once"
    assert (run_stage("classifier", session).made, run_stage("predictions", session).made) == (0, 0)
    assert current_id(session) == first
    assert said(session) == []


def test_a_student_that_is_newer_than_the_choice_of_a_person_is_judged_by_the_rule(session: Session) -> None:
    first, second = current_id(session), further_student(session, "second")
    promote(session, second)
    assert not decide(session, first), "it was there when the person chose"
    assert decide(session, further_student(session, "third"))


@pytest.mark.parametrize("wanted", ["student:none", "student:first"])
def test_what_cannot_be_taken_into_use_is_said(session: Session, wanted: str) -> None:
    first = current_id(session)
    with pytest.raises((StoreError, StudentError), match=r"There is no classifier|is in use already"):
        promote(session, first if wanted == "student:first" else wanted)
    with pytest.raises(StudentError, match="is one student; name two"):
        compare(session, first, first)


def test_facets_are_decided_apart(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(facets={"urgency": {"use_case": "how soon is an answer needed", "size": 3}}), copied) as session:
        view, own = session.view("urgency"), current_id(session)
        taxonomy = replace(session.store.taxonomy(session.store.current("taxonomy_id") or ""), taxonomy_id="tax:urgency", facet="urgency")
        session.store.save([taxonomy])
        view.store.mark_current(taxonomy_id=taxonomy.taxonomy_id)
        urgent, further = (further_student(session, name, taxonomy_id=taxonomy.taxonomy_id) for name in ("urgent", "further"))
        assert decide(view, urgent)
        assert [(one.facet, one.reason) for one in decisions(view)] == [("urgency", "It is the first one.")]
        promote(view, further)
        assert (current_id(session), current_id(view)) == (own, further)
        assert [student.classifier_id for student in view.store.students()] == [further, urgent]
        assert [student.classifier_id for student in session.store.students()] == [own]
        assert (used_before(session), used_before(view)) == ([], [urgent])
        assert roll_back(view).facet == "urgency"
        with pytest.raises(StudentError, match="no other student"):
            roll_back(session)
