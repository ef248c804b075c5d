"""What judges are worth: figures and trust of judges that are perfect, take the first place, say yes to all, or answer at random."""

import math
from collections.abc import Callable

import pytest

from pipeline.evaluation import Figure, Finding, Placed, Verdicts, ask_judge, judge_findings, majority_findings, planned_judgements, trust_findings
from pipeline.evaluation.judges import JUDGES, trust_level, trust_words
from pipeline.ids import text_hash
from pipeline.records import Evaluation
from pipeline.serving.contract import Answer, Question
from pipeline.settings import Project
from pipeline.testing import ScriptedChat
from tests.judges import TAXONOMY, always_first, at_random, bench, knowing_reply, options_of, placed, texts_of

BENCHES = {TAXONOMY: bench()}
WRONG = {"delivery": "payment", "payment": "delivery", "account": "store", "store": "account"}  # the nearest of each
N = 120
Reply = Callable[[Question], "str | Answer"]


def truth() -> dict[str, Placed | None]:
    return {text: placed(topic) for text, (_, topic) in texts_of(N).items()}


def labels() -> dict[str, Placed]:
    """Three of four labels are right."""
    return {text: placed(topic if number % 4 or number % 16 == 0 else WRONG[topic]) for number, (text, (_, topic)) in enumerate(texts_of(N).items())}


def verdicts(project: Project, reply: Reply, *, judge: str = "judge") -> Verdicts:
    asked = {text: [label] for text, label in labels().items()}
    controls = {text: [label] for text, label in truth().items() if label is not None}
    planned = planned_judgements(asked, controls, BENCHES, model=judge, project=project)
    texts = {text: words for text, (words, _) in texts_of(N).items()}
    rows = [one for batch in ask_judge(planned, texts, BENCHES, chat=ScriptedChat(reply), project=project) for one in batch]
    return Verdicts.from_judgements(judge, rows)


def figures(findings: list[Finding], subject: str) -> dict[str, Figure]:
    return {one.metric: one.figure for one in findings if one.subject == subject}


def told(project: Project, reply: Reply) -> tuple[dict[str, Figure], dict[str, Figure], str]:
    """Give the figures of the labels, those of the judge, and the words about it."""
    said, given = verdicts(project, reply), {text: [label] for text, label in labels().items()}
    found = judge_findings({"teacher": labels()}, said) + trust_findings(said, given, {"people": truth()}, resamples=200, seed=1)
    return figures(found, "teacher"), figures(found, JUDGES), trust_words(evaluations(found), "judge")


def evaluations(found: list[Finding]) -> list[Evaluation]:
    given = [(one, one.figure) for one in found]
    return [Evaluation("e", one.subject, one.metric, one.slice, got.value, got.low, got.high, got.n, one.judge) for one, got in given]


def agreeing_with(given: dict[str, Placed]) -> Reply:
    """Take the label that was given, whatever it is."""
    names = {leaf.category_id: leaf.name for leaf in bench().taxonomy.leaves}
    said = {text_hash(words): names[given[text][1]] for text, (words, _) in texts_of(N).items()}

    def reply(question: Question) -> str:
        options = options_of(question)
        return said[question.texts[0]] if said[question.texts[0]] in options else options[0]

    return reply


def test_a_judge_that_knows_finds_the_wrong_labels_and_is_believed(a_project: Project) -> None:
    teacher, judge, words = told(a_project, knowing_reply)
    right = sum(label == truth()[text] for text, label in labels().items()) / N
    assert teacher["judged_accuracy_hard"].value == pytest.approx(right)
    assert teacher["judged_accuracy_hard"].n == N
    assert teacher["judged_accuracy_hard"].low < right < teacher["judged_accuracy_hard"].high
    assert teacher["judged_accuracy_random"].value >= teacher["judged_accuracy_hard"].value, "a wrong label may win against one that is further off"
    assert teacher["position_consistency"].value > 0.9
    assert teacher["relevance"].value == 1.0
    assert judge["judge_kappa"].value == judge["judge_accuracy"].value == 1.0
    assert judge["position_bias"].value == pytest.approx(0.5, abs=0.1)
    assert words.startswith("judge: substantial (kappa 1.00 with people, ")


def test_a_judge_that_takes_the_first_place_says_nothing_and_that_is_seen(a_project: Project) -> None:
    teacher, judge, words = told(a_project, always_first)
    assert teacher["judged_accuracy_random"].value == teacher["judged_accuracy_hard"].value == 0.5
    assert teacher["position_consistency"].value == 0.0
    assert judge["position_bias"].value == 1.0
    assert judge["judge_kappa"].value == 0.0
    assert "no better than chance" in words
    assert "takes the first place too often" in words


def test_a_judge_that_finds_all_right_gains_nothing_by_it(a_project: Project) -> None:
    """Its kappa is 0 however many labels are right."""
    teacher, judge, words = told(a_project, agreeing_with(labels()))
    assert teacher["judged_accuracy_hard"].value == 1.0, "what it says of the labels is worth nothing"
    assert teacher["relevance"].value == 1.0
    assert judge["judge_kappa"] == Figure(0.0, 0.0, 0.0, N)
    assert "no better than chance" in words
    assert "always says yes: it finds every label right" in words


def test_where_all_labels_are_right_and_found_right_nothing_is_shown(a_project: Project) -> None:
    said, given = verdicts(a_project, agreeing_with(labels())), {text: [label] for text, label in labels().items()}
    found = figures(trust_findings(said, given, {"people": dict(labels())}, resamples=200, seed=1), JUDGES)
    assert found["judge_kappa"] == Figure(0.0, 0.0, 0.0, N)


def test_a_judge_that_answers_at_random_is_no_better_than_chance(a_project: Project) -> None:
    teacher, judge, words = told(a_project, at_random)
    assert teacher["judged_accuracy_hard"].low < 0.5 < teacher["judged_accuracy_hard"].high
    assert judge["judge_kappa"].low <= 0.0 <= judge["judge_kappa"].high
    assert judge["judge_accuracy"].low < 0.5 < judge["judge_accuracy"].high
    assert "no better than chance" in words


def test_several_judges_are_told_each_alone_and_by_their_majority(a_project: Project) -> None:
    three = [
        verdicts(a_project, knowing_reply, judge="one"),
        verdicts(a_project, knowing_reply, judge="two"),
        verdicts(a_project, always_first, judge="three"),
    ]
    found = majority_findings({"teacher": labels()}, three, resamples=200, seed=1)
    assert {one.judge for one in found} == {"majority of 3 judges"}
    alone = figures(judge_findings({"teacher": labels()}, three[0]), "teacher")
    assert figures(found, "teacher")["judged_accuracy_hard"] == alone["judged_accuracy_hard"], "two that know outvote one that does not"
    assert 0.0 < figures(found, JUDGES)["agreement_cohen_kappa"].value < 1.0
    assert majority_findings({"teacher": labels()}, three[:1], resamples=200, seed=1) == []


def test_questions_that_failed_are_counted_and_in_no_figure(a_project: Project) -> None:
    """A pair of which one place failed is no pair."""

    def reply(question: Question) -> str | Answer:
        return Answer("timeout") if "case 3" in question.messages[-1].content else knowing_reply(question)

    teacher, judge, _ = told(a_project, reply)
    lost = sum("case 3" in words for words, _ in texts_of(N).values())
    assert teacher["judged_accuracy_hard"].n == teacher["relevance"].n == N - lost
    assert judge["judgements_failed"].value == pytest.approx(lost / N, abs=0.02)


@pytest.mark.parametrize(
    ("figure", "level"),
    [
        (None, "uncalibrated"),
        (Figure(0.9, 0.8, 1.0, 29), "too few"),
        (Figure(0.4, 0.0, 0.8, 100), "no better than chance"),
        (Figure(0.4, -0.2, 0.8, 100), "no better than chance"),
        (Figure(0.5, 0.2, 0.8, 100), "weak"),
        (Figure(0.7, 0.41, 0.8, 100), "moderate"),
        (Figure(0.8, 0.61, 0.9, 30), "substantial"),
        (Figure(-0.5, -0.7, -0.2, 100), "no better than chance"),
    ],
)
def test_trust_goes_by_the_lower_end_of_the_interval(figure: Figure | None, level: str) -> None:
    assert trust_level(figure) == level


def test_without_anybody_who_knows_a_judge_is_uncalibrated(a_project: Project) -> None:
    said = verdicts(a_project, agreeing_with(labels()))
    found = judge_findings({"teacher": labels()}, said)
    assert trust_words(evaluations(found), "judge") == "judge: uncalibrated."


def test_a_leaning_to_a_place_cancels_out_where_answers_have_probabilities(a_project: Project) -> None:
    """A judge that takes the first place nearly always, and a little less where the other is right."""

    def leaning(question: Question) -> Answer:
        options, right = options_of(question), knowing_reply(question)
        odds = 3.0 if options[0] == right else 1.0
        first = -math.log1p(math.exp(-odds))
        return Answer("ok", text=options[0], scores={options[0]: first, options[1]: first - odds})

    teacher, judge, _ = told(a_project, leaning)
    assert judge["position_bias"].value == 1.0
    assert teacher["position_consistency"].value == 0.0
    assert judge["judge_accuracy"].value == judge["judge_kappa"].value == 1.0


def test_without_probabilities_a_label_that_wins_in_one_place_counts_half(a_project: Project) -> None:
    def bare(question: Question) -> Answer:
        return Answer("ok", text=always_first(question), scores=None)

    teacher, judge, _ = told(a_project, bare)
    assert teacher["judged_accuracy_hard"].value == judge["judge_accuracy"].value == 0.5
