"""What a project leaves out of its student's lesson: categories with too few labels; and what it sends back, labels that are doubted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import TrainingError
from pipeline.settings import Project
from pipeline.stages import run_stage
from pipeline.stages.learning import lesson_of, material_of
from pipeline.stages.promotion import load_stored_student, promote
from pipeline.testing import ScriptedChat
from tests.tiny import tiny_session

MakeProject = Callable[..., Project]


def test_a_category_below_the_fewest_is_neither_learnt_nor_given(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        before = lesson_of(session)
        counts = Counter(label.category_id for label in before.taught).most_common()
        (rarest, few), (_, next_few) = counts[-1], counts[-2]
        assert few < next_few, "the tiny corpus has one rarest category"
    with tiny_session(make_project(rare={"fewest": few + 1}), copied, chat=ScriptedChat([])) as session:
        lesson = lesson_of(session)
        assert lesson.classifier_id != before.classifier_id
        assert rarest not in {leaf.category_id for leaf in lesson.leaves} and len(lesson.leaves) == len(before.leaves) - 1
        material = material_of(session, lesson)
        assert len(material.labelled) == len(before.taught) - few
        assert not {label.text_hash for label in before.taught if label.category_id == rarest} & set(lesson.more), "nor learnt from as strangers"
        run_stage("classifier", session)
        student = load_stored_student(session, lesson.classifier_id)
        assert sorted(student.card["categories"]) == sorted(leaf.category_id for leaf in lesson.leaves)
        assert student.probabilities(material.labelled).shape == (len(material.labelled), len(lesson.leaves))


def test_as_many_as_there_are_leave_nothing_out(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        before = lesson_of(session)
        few = min(Counter(label.category_id for label in before.taught).values())
    with tiny_session(make_project(rare={"fewest": few}), copied, chat=ScriptedChat([])) as session:
        assert lesson_of(session).classifier_id == before.classifier_id, "nothing is trained again"


def test_where_nothing_is_left_the_setting_is_named(make_project: MakeProject, copied: Path) -> None:
    with (
        tiny_session(make_project(rare={"fewest": 1000}), copied, chat=ScriptedChat([])) as session,
        pytest.raises(TrainingError, match=r"4 categories are left out for having fewer labels than rare\.fewest"),
    ):
        run_stage("classifier", session)


def test_labels_that_students_doubt_wait_for_a_person(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(label_noise="try"), copied, chat=ScriptedChat([])) as session:
        lesson = lesson_of(session)
        leaves = [leaf.category_id for leaf in lesson.leaves]
        wrong = list(lesson.taught)[:4]
        for label in wrong:
            other = leaves[(leaves.index(label.category_id or "") + 1) % len(leaves)]
            session.store.save([replace(label, category_id=other, scores=None)])
        run_stage("classifier", session)
        new = lesson_of(session).classifier_id
        if session.store.current("classifier_id") != new:
            promote(session, new)
        doubted = dict(session.store.rows("select text_hash, quality from doubts where classifier_id = ?", [new]))
        queue = dict(session.store.rows("select text_hash, reason from review_queue"))
    assert doubted and set(doubted) <= {label.text_hash for label in wrong}, "what was made wrong, and nothing else"
    assert all(0 <= quality < 0.5 for quality in doubted.values())
    assert {text for text, reason in queue.items() if reason == "doubtful label"} == set(doubted)
