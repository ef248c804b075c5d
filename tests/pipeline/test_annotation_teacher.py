"""The teacher's labels: worked out of scores by hand-checked rules, with probabilities that known labels or agreement vouch for."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation import Grounds, Judgement, rule_hints, scored_probabilities, teach, teacher_annotator, unsure_texts
from pipeline.annotation.teacher import CROSS, SHARPNESS
from pipeline.choosing import LEANING, NONE_AT, NONE_FITS, mean_scores
from pipeline.records import Annotator, Label

NONE = NONE_FITS.category_id
CATEGORIES = ["cat:a", "cat:b"]
LLM = Annotator("annotator:llm", "llm", "m", "p", {})


def scored(name: str, annotator: str = "annotator:llm", **probabilities: float) -> Label:
    scores = {f"cat:{key}" if key != "none" else NONE: math.log(value) for key, value in probabilities.items()}
    best = max(scores, key=lambda key: scores[key])
    return Label(f"text:{name}", "tax:1", annotator, None if best == NONE else best, None, scores)


def taught(labels: list[Label], grounds: Grounds | None = None, *, abstain: float | None = None) -> list[Label]:
    grounds = grounds or Grounds()
    annotator = teacher_annotator(LLM, labels, grounds, manner=Judgement(abstain), seed=1)
    return list(teach(labels, grounds, categories=CATEGORIES, annotator=annotator, manner=Judgement(abstain), seed=1).labels)


def exponentials(scores: Mapping[str, float] | None) -> dict[str, float]:
    return {key: math.exp(value) for key, value in (scores or {}).items()}


def test_the_leaning_is_the_mean_score_of_each_category() -> None:
    means = mean_scores(label.scores or {} for label in (scored("1", a=0.8, b=0.1, none=0.1), scored("2", a=0.2, b=0.4, none=0.4)))
    assert means["cat:a"] == pytest.approx((math.log(0.8) + math.log(0.2)) / 2)
    assert means["cat:b"] == pytest.approx((math.log(0.1) + math.log(0.4)) / 2)
    assert mean_scores([]) == {}


def test_a_label_of_a_case_worked_by_hand() -> None:
    labels = [scored("1", a=0.5, b=0.4, none=0.1), scored("2", a=0.72, b=0.1, none=0.18)]
    found = taught(labels)[0]
    mean = {"a": math.sqrt(0.5 * 0.72), "b": math.sqrt(0.4 * 0.1)}
    a, b = 0.5 / mean["a"] ** LEANING, 0.4 / mean["b"] ** LEANING
    assert found.category_id == "cat:b", "the model leans to a, so that 0.4 for b says more than 0.5 for a"
    assert found.probability == pytest.approx(0.9 * b / (a + b), rel=1e-6)
    assert found.calibration == "uncalibrated"
    assert found.scores is not None
    assert math.exp(found.scores[NONE]) == pytest.approx(0.1)


def likes(*cosines: tuple[float, float]) -> dict[str, np.ndarray]:
    return {f"text:{place}": np.array(pair) for place, pair in enumerate(cosines, start=1)}


def test_likeness_to_the_cards_counts_by_how_often_it_agrees_with_the_votes() -> None:
    labels = [scored("1", a=0.6, b=0.3, none=0.1), scored("2", a=0.3, b=0.6, none=0.1)]
    mean = math.sqrt(0.6 * 0.3) ** LEANING  # the same for both categories, so that it falls out
    agreeing = taught(labels, Grounds(cards=likes((0.5, 0.3), (0.2, 0.4))))[0]
    usual = 0.35 * LEANING
    odds = (0.6 / mean) / (0.3 / mean) * math.exp(SHARPNESS * 1.0 * ((0.5 - usual) - (0.3 - usual)))
    assert agreeing.probability == pytest.approx(0.9 * odds / (1 + odds), rel=1e-6)
    half = taught(labels, Grounds(cards=likes((0.5, 0.3), (0.4, 0.3))))[0]
    assert (half.probability or 1) < (agreeing.probability or 0)
    contradicting = taught(labels, Grounds(cards=likes((0.2, 0.5), (0.5, 0.2))))
    assert [label.scores for label in contradicting] == [label.scores for label in taught(labels)], "a card that never agrees says nothing"


def test_likeness_that_is_not_known_of_every_text_is_left_out() -> None:
    labels = [scored("1", a=0.6, b=0.3, none=0.1), scored("2", a=0.3, b=0.6, none=0.1)]
    assert taught(labels, Grounds(cards=likes((0.9, 0.1)))) == taught(labels)


def test_what_makes_the_likeness_makes_another_teacher() -> None:
    labels = [scored("1", a=0.6, b=0.3, none=0.1)]
    one, other = (teacher_annotator(LLM, labels, Grounds(cards_by=by), manner=Judgement(), seed=1) for by in ("one", "other"))
    assert one.annotator_id != other.annotator_id


SCORES = st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3).map(lambda values: [value / sum(values) for value in values])


@given(st.lists(SCORES, min_size=1, max_size=8))
@settings(deadline=None)
def test_probabilities_sum_to_one_and_the_label_is_the_best_of_them(rows: list[list[float]]) -> None:
    labels = [scored(str(place), a=row[0], b=row[1], none=row[2]) for place, row in enumerate(rows)]
    for before, after in zip(labels, taught(labels), strict=True):
        probabilities = exponentials(after.scores)
        assert sum(probabilities.values()) == pytest.approx(1.0)
        assert probabilities[NONE] == pytest.approx(exponentials(before.scores)[NONE])
        if probabilities[NONE] < NONE_AT:
            assert after.category_id in CATEGORIES
            assert after.probability == pytest.approx(max(probabilities["cat:a"], probabilities["cat:b"]))
        else:
            assert (after.category_id, after.reason) == (None, "none_fits")
            assert after.probability == pytest.approx(probabilities[NONE])


@pytest.mark.parametrize(("none", "category"), [(0.49, "cat:a"), (0.51, None), (1.0, None)])
def test_no_category_is_given_from_one_half_on(none: float, category: str | None) -> None:
    rest = max(1 - none, 1e-300)
    others = [scored(str(number), a=0.5, b=0.4, none=0.1) for number in range(20)]
    found = taught([scored("x", a=max(rest * 0.9, 1e-300), b=max(rest * 0.1, 1e-300), none=none), *others])[0]
    assert found.category_id == category
    assert found.probability is not None
    assert math.isfinite(found.probability)


def test_a_label_without_scores_keeps_its_category_and_has_no_probability() -> None:
    plain = Label("text:1", "tax:1", "annotator:llm", "cat:a", None)
    for labels in ([plain], [plain, scored("2", a=0.9, b=0.05, none=0.05)]):
        found = taught(labels)[0]
        assert (found.category_id, found.probability, found.scores) == ("cat:a", None, None)


def test_an_unsure_label_is_withheld_with_its_reason_and_keeps_its_scores() -> None:
    labels = [scored(str(number), a=0.5 + 0.01 * number, b=0.49 - 0.01 * number, none=0.01) for number in range(3)]
    for found in taught(labels, abstain=0.95):
        assert (found.category_id, found.probability, found.reason) == (None, None, "unsure")
        assert found.scores


def test_a_student_that_never_saw_the_label_turns_a_close_one() -> None:
    labels = [scored(str(number), a=0.5, b=0.45, none=0.05) for number in range(5)]
    cross = {"text:0": np.log([0.05, 0.95])}
    found = taught(labels, Grounds(cross=cross))
    assert [label.category_id for label in found[:2]] == ["cat:b", "cat:a"]
    a, b = 0.5 / 0.5**LEANING * 0.05**CROSS, 0.45 / 0.45**LEANING * 0.95**CROSS
    assert found[0].probability == pytest.approx(0.95 * b / (a + b), rel=1e-6)


def test_votes_are_averaged_and_what_their_order_leans_to_is_taken_out() -> None:
    labels = [scored("1", a=0.5, b=0.49, none=0.01), scored("2", a=0.6, b=0.39, none=0.01)]
    vote = [scored("1", "annotator:vote", a=0.2, b=0.79, none=0.01), scored("2", "annotator:vote", a=0.8, b=0.19, none=0.01)]
    found = taught(labels, Grounds(votes=[vote]))
    alone = taught(labels)
    assert found[0].category_id == "cat:b"
    assert (found[1].probability or 0) > (alone[1].probability or 0), "the vote is surer of a, beyond what it leans to"


def test_what_was_not_offered_is_never_chosen_and_has_no_share() -> None:
    offered = Label("text:1", "tax:1", "annotator:llm", "cat:b", None, {"cat:b": math.log(0.3), NONE: math.log(0.3)})
    found = taught([offered, scored("2", a=0.98, b=0.01, none=0.01)])[0]
    assert found.category_id == "cat:b"
    assert exponentials(found.scores)["cat:a"] < 1e-6


def test_two_hundred_known_labels_make_over_confident_scores_honest() -> None:
    random = np.random.default_rng(0)
    labels, known = [], {}
    for number in range(1200):
        truth = int(random.integers(2))
        shown = truth if random.random() < 0.7 else 1 - truth  # right 70 times in 100, and 97 % sure of it
        probabilities = [0.97, 0.02] if shown == 0 else [0.02, 0.97]
        labels.append(scored(str(number), a=probabilities[0], b=probabilities[1], none=0.01))
        if number < 200:
            known[f"text:{number}"] = (CATEGORIES[truth],)
    found = taught(labels, Grounds(known=known))
    assert found[500].calibration in {"temperature", "platt"}
    right = np.mean([label.category_id in known[label.text_hash] for label in found[:200]])
    assert np.mean([label.probability for label in found[200:]]) == pytest.approx(right, abs=0.03), "as often as the known ones are right"


def test_a_teacher_is_another_annotator_for_other_grounds() -> None:
    labels = [scored("1", a=0.5, b=0.4, none=0.1)]
    first = teacher_annotator(LLM, labels, Grounds(), manner=Judgement(), seed=1)
    assert first == teacher_annotator(LLM, labels, Grounds(), manner=Judgement(), seed=1)
    others = [
        teacher_annotator(LLM, [scored("1", a=0.6, b=0.3, none=0.1)], Grounds(), manner=Judgement(), seed=1),
        teacher_annotator(LLM, labels, Grounds(known={"text:1": ("cat:a",)}), manner=Judgement(), seed=1),
        teacher_annotator(LLM, labels, Grounds(crossed_by="student:1"), manner=Judgement(), seed=1),
        teacher_annotator(LLM, labels, Grounds(hints={"text:1": np.log([0.5, 0.5])}), manner=Judgement(), seed=1),
        teacher_annotator(LLM, labels, Grounds(), manner=Judgement(0.5), seed=1),
        teacher_annotator(LLM, labels, Grounds(), manner=Judgement(several=True), seed=1),
    ]
    assert len({one.annotator_id for one in [first, *others]}) == 7


def test_the_least_sure_texts_come_first_and_those_that_nothing_fits_are_left_out() -> None:
    labels = [scored("sure", a=0.98, b=0.01, none=0.01), scored("close", a=0.7, b=0.29, none=0.01), scored("none", a=0.1, b=0.1, none=0.8)]
    assert unsure_texts(labels, categories=CATEGORIES, below=0.8) == ["text:close"]
    assert set(scored_probabilities(labels, Grounds(), CATEGORIES)) == {"text:sure", "text:close"}


def test_a_rule_counts_by_how_often_it_is_right() -> None:
    labels = [scored(str(number), a=0.9, b=0.05, none=0.05) for number in range(20)]
    good = [Label(f"text:{number}", "tax:1", "rule:good", "cat:a", None) for number in range(20)]
    bad = [Label(f"text:{number}", "tax:1", "rule:bad", "cat:b", None) for number in range(20)]
    hints = rule_hints(labels, [*good[:20], *bad[:10]], categories=CATEGORIES)
    ratio = {text: row[0] - row[1] for text, row in hints.items()}
    assert ratio["text:15"] == pytest.approx(math.log(24 / 1))
    assert ratio["text:0"] == pytest.approx(math.log(24 / 1) - math.log((4 / 15) / (11 / 15)))
    assert rule_hints(labels, [], categories=CATEGORIES) == {}
