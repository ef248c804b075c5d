"""Labels are categories of the taxonomy or none, with probabilities worked out of measured scores."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation import annotate, calibrate, held_out, leaning, llm_annotator, teacher_annotator
from pipeline.annotation.calibrate import NONE_AT, WEIGHT
from pipeline.choosing import NONE_FITS, none_probability
from pipeline.ids import order_key, text_hash
from pipeline.records import Annotator, Category, Document, Label, Taxonomy
from pipeline.serving.contract import Answer, Choice
from pipeline.settings import Project
from pipeline.testing import ScriptedChat

TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", (Category("cat:a", "Late Parcels", "a"), Category("cat:b", "Refunds", "b")))
NONE = NONE_FITS.category_id


def document(text: str) -> Document:
    return Document(f"d:{text}", text_hash(text), text, "x")


def scored(name: str, **probabilities: float) -> Label:
    scores = {f"cat:{key}" if key != "none" else NONE: math.log(value) for key, value in probabilities.items()}
    best = max(scores, key=lambda key: scores[key])
    return Label(f"text:{name}", "tax:1", "annotator:llm", None if best == NONE else best, None, scores)


def test_a_text_gets_the_category_that_the_model_names_and_its_scores(a_project: Project) -> None:
    chat = ScriptedChat(["Refunds", "None of these"], probability=0.8)
    annotator = llm_annotator(a_project, "scripted")
    (outcome,) = annotate([document("money"), document("moon")], taxonomy=TAXONOMY, annotator=annotator, chat=chat, project=a_project)
    money, moon = outcome.records
    assert (money.category_id, money.probability, money.annotator_id) == ("cat:b", None, annotator.annotator_id)
    assert money.scores is not None
    assert {key: round(math.exp(value), 3) for key, value in money.scores.items()} == {"cat:a": 0.1, "cat:b": 0.8, NONE: 0.1}
    assert moon.category_id is None
    form = chat.questions[0].form
    assert isinstance(form, Choice)
    assert form.options == ("Late Parcels", "Refunds", "None of these")


def test_what_the_model_answers_wrongly_is_a_failure_and_no_label(a_project: Project) -> None:
    replies: list[str | Answer] = ["Refunds", "Refund", Answer("timeout", error="too slow", attempts=3)]
    annotator = llm_annotator(a_project, "scripted")
    documents = [document(text) for text in ("one", "two", "three")]
    (outcome,) = annotate(documents, taxonomy=TAXONOMY, annotator=annotator, chat=ScriptedChat(replies), project=a_project)
    assert [record.text_hash for record in outcome.records] == [text_hash("one")]
    assert [(failure.text_hash, failure.reason, failure.attempts) for failure in outcome.failures] == [
        (text_hash("two"), "not_an_option", 1),
        (text_hash("three"), "timeout", 3),
    ]
    assert outcome.counts() == {"records": 1, "failed_not_an_option": 1, "failed_timeout": 1}


def test_a_long_text_is_cut_and_marked(a_project: Project) -> None:
    text = " ".join(f"word{number}" for number in range(400))
    chat = ScriptedChat(["Refunds"])
    (outcome,) = annotate([document(text)], taxonomy=TAXONOMY, annotator=llm_annotator(a_project, "m"), chat=chat, project=a_project)
    assert outcome.records[0].truncated
    assert "word300" not in chat.questions[0].messages[-1].content


@pytest.mark.parametrize(
    ("answer", "probability"),
    [
        (Answer("ok", text="Refunds"), 0.0),
        (Answer("ok", text="None of these"), 1.0),
        (Answer("ok", text="Refunds", scores={"Refunds": math.log(0.7), "None of these": math.log(0.3)}), 0.3),
    ],
)
def test_the_probability_that_nothing_fits_comes_from_the_scores_or_the_answer(answer: Answer, probability: float) -> None:
    assert none_probability(answer) == pytest.approx(probability)


def test_the_leaning_is_the_mean_score_of_each_category() -> None:
    means = leaning([scored("1", a=0.8, b=0.1, none=0.1), scored("2", a=0.2, b=0.4, none=0.4), Label("t", "tax:1", "x", "cat:a", None)])
    assert means["cat:a"] == pytest.approx((math.log(0.8) + math.log(0.2)) / 2)
    assert means["cat:b"] == pytest.approx((math.log(0.1) + math.log(0.4)) / 2)
    assert leaning([]) == {}


def test_calibration_of_a_case_worked_by_hand() -> None:
    label = scored("1", a=0.5, b=0.4, none=0.1)
    means = {"cat:a": math.log(0.6), "cat:b": math.log(0.2), NONE: math.log(0.2)}
    teacher = teacher_annotator(llm_annotator_for_test(), means)
    (found,) = calibrate([label], means=means, annotator=teacher)
    a, b = 0.5 / 0.6**WEIGHT, 0.4 / 0.2**WEIGHT
    assert found.category_id == "cat:b", "the model leans to a, so that 0.4 for b says more than 0.5 for a"
    assert found.probability == pytest.approx(0.9 * b / (a + b))
    assert found.annotator_id == teacher.annotator_id
    assert found.scores is not None
    assert math.exp(found.scores[NONE]) == pytest.approx(0.1)


def llm_annotator_for_test() -> Annotator:
    return Annotator("annotator:llm", "llm", "m", "p", {})


SCORES = st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3).map(lambda values: [value / sum(values) for value in values])


@given(st.lists(SCORES, min_size=1, max_size=8))
@settings(deadline=None)
def test_calibrated_scores_sum_to_one_and_the_label_is_the_best_of_them(rows: list[list[float]]) -> None:
    labels = [scored(str(place), a=row[0], b=row[1], none=row[2]) for place, row in enumerate(rows)]
    means = leaning(labels)
    for before, after in zip(labels, calibrate(labels, means=means, annotator=teacher_annotator(llm_annotator_for_test(), means)), strict=True):
        probabilities = exponentials(after.scores)
        assert sum(probabilities.values()) == pytest.approx(1.0)
        assert probabilities[NONE] == pytest.approx(exponentials(before.scores)[NONE])
        if probabilities[NONE] < NONE_AT:
            assert after.category_id in {"cat:a", "cat:b"}
            assert after.probability == pytest.approx(max(probabilities["cat:a"], probabilities["cat:b"]))
        else:
            assert after.category_id is None
            assert after.probability == pytest.approx(probabilities[NONE])


def exponentials(scores: Mapping[str, float] | None) -> dict[str, float]:
    return {key: math.exp(value) for key, value in (scores or {}).items()}


@pytest.mark.parametrize(("none", "category"), [(0.49, "cat:a"), (0.51, None), (1.0, None)])
def test_no_category_is_given_from_one_half_on(none: float, category: str | None) -> None:
    rest = max(1 - none, 1e-300)
    label = scored("1", a=rest * 0.9, b=max(rest * 0.1, 1e-300), none=none)
    means = {"cat:a": 0.0, "cat:b": 0.0, NONE: 0.0}
    (found,) = calibrate([label], means=means, annotator=llm_annotator_for_test())
    assert found.category_id == category
    assert found.probability is not None
    assert math.isfinite(found.probability)


def test_a_label_without_scores_keeps_its_category_and_has_no_probability() -> None:
    plain = Label("text:1", "tax:1", "annotator:llm", "cat:a", None)
    (found,) = calibrate([plain], means={}, annotator=teacher_annotator(llm_annotator_for_test(), {}))
    assert (found.category_id, found.probability, found.scores) == ("cat:a", None, None)


def test_a_teacher_is_another_annotator_for_other_leanings() -> None:
    llm = llm_annotator_for_test()
    assert teacher_annotator(llm, {"cat:a": -1.0}).annotator_id == teacher_annotator(llm, {"cat:a": -1.0}).annotator_id
    assert teacher_annotator(llm, {"cat:a": -1.0}).annotator_id != teacher_annotator(llm, {"cat:a": -1.1}).annotator_id


def test_an_annotator_is_named_by_all_that_determines_its_labels(a_project: Project) -> None:
    other = Project.model_validate(a_project.model_dump() | {"use_case": "another"})
    ids = {llm_annotator(a_project, "m").annotator_id, llm_annotator(a_project, "n").annotator_id, llm_annotator(other, "m").annotator_id}
    assert len(ids) == 3


@given(st.text(min_size=1, max_size=10), st.integers(0, 9), st.floats(0.05, 0.9))
def test_a_text_keeps_its_side_and_a_larger_share_only_adds(text: str, seed: int, share: float) -> None:
    side = held_out(text, share=share, seed=seed)
    assert side == held_out(text, share=share, seed=seed)
    if side:
        assert held_out(text, share=share + 0.05, seed=seed)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
def test_about_the_wanted_share_is_held_out_of_any_part_of_the_order(share: float) -> None:
    texts = sorted((text_hash(f"text {number}") for number in range(4000)), key=lambda text: order_key(text, 42))
    for part in (texts, texts[:1000], texts[1000:2000], texts[3000:]):
        found = sum(held_out(text, share=share, seed=42) for text in part) / len(part)
        assert found == pytest.approx(share, abs=0.05)
