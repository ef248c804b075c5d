"""The model card says what is known, in Markdown that shows every name as it is, and nothing that is not known."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.students.card import chosen_facts, escape_markdown, model_card
from pipeline.students.choice import Candidate, Choice, Trial
from pipeline.students.fitting import Voice
from tests.fitted import ABOUT

TEXTS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text that is drawn builds tables
TRIAL = Trial("logistic_regression", 0.812, 0.78, 0.84, 500, 0.9, 0.742, 3.25, {"embedding": {"C": 3.0}})
CHOICE = Choice(
    candidate=Candidate("voices: embedding, words", (Voice("embedding", "logistic_regression"), Voice("words", "logistic_regression", ("words",)))),
    settings=({"C": 1.0}, {"C": 3.0}),
    weights=(1.2, 0.4),
    unseen=np.zeros((0, 3)),
    trials=(TRIAL, replace(TRIAL, candidate="voices: embedding, words", agreement=0.85)),
    reason="voices: embedding, words: the teacher holds 0.850 (0.820 to 0.880, n = 500) of its predictions of unseen labels right.",
)
WHOLE: dict[str, Any] = {
    **ABOUT,
    **chosen_facts(CHOICE),
    "project": "shop_2026",
    "use_case": "what does the customer want?",
    "labels_from": {"teacher": 30, "human": 6},
    "teacher": "qwen3-4b-instruct, prompt annotate",
    "data": {"documents of the corpus": 9700, "held out": 300},
    "labels_per_category": [20, 13, 3],
    "predicted_per_category": [200, 100, 0],
    "metrics": [
        {"metric": "accuracy", "slice": "held out", "value": 0.8123, "low": 0.77, "high": 0.85, "n": 300, "judge": "gold labels"},
        {"metric": "macro_f1", "slice": "language=de", "value": 0.5, "low": 0.3, "high": 0.7, "n": 12, "judge": "gold labels"},
    ],
    "confusions": [{"truth": "Refunds", "predicted": "Late Parcels", "n": 4}, {"truth": "Login | Trouble", "predicted": "Refunds", "n": 9}],
    "calibration": {"expected calibration error": 0.031, "n": 300},
    "conformal": {"promised": 0.9, "covered": {"share": 0.912, "interval": [0.87, 0.94]}},
    "thresholds": {"abstains below": 0.31},
    "novelty": {"quantile": 0.95, "threshold": 0.42},
    "languages": {"german": 0.03, "english": 0.97},
    "embedder_limits": ["Only the first 256 tokens of a text count."],
    "libraries": {"python": "3.11.7", "scikit-learn": "1.9.1"},
    "sha256": "ab" * 32,
}


def section(card: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=\n\n## |\Z)", card, re.DOTALL | re.MULTILINE)
    return found.group(1).strip() if found else ""


def rows(card: str, title: str) -> list[list[str]]:
    lines = [line for line in section(card, title).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [cells[0], *cells[2:]] if cells else []


def test_the_whole_card_says_what_it_is_and_what_it_answers() -> None:
    card = model_card(WHOLE)
    assert card.startswith("---\nlibrary_name: scikit-learn\n")
    assert "\n# shop\\_2026\n" in card
    assert "It answers for each text: what does the customer want?" in card
    assert (
        "with 3 categories; the log-probabilities of its classifiers are added up, each with its weight: logistic\\_regression on embedding" in card
    )
    assert [line for line in card.splitlines() if line.startswith("## ")] == [
        "## Labels", "## Data", "## Metrics", "## Choice", "## Most frequent confusions", "## Calibration", "## Conformal sets", "## Thresholds",
        "## Novelty", "## Limits", "## How to use it", "## Made with",
    ]  # fmt: skip


def test_tables_have_the_facts_in_their_columns() -> None:
    card = model_card(WHOLE)
    assert rows(card, "Labels") == [
        ["category", "above it", "id", "labels", "predicted"],
        ["Late Parcels", "Shop", "cat:a", "20", "200"],
        ["Refunds", "Shop / Money", "cat:b", "13", "100"],
        ["Login \\| Trouble", "", "cat:c", "3", "0"],
    ]
    assert rows(card, "Metrics")[1:] == [
        ["accuracy", "held out", "0.812", "0.770 to 0.850", "300", "gold labels"],
        ["macro\\_f1", "language=de", "0.500", "0.300 to 0.700", "12", "gold labels"],
    ]
    assert rows(card, "Choice")[1:] == [
        ["logistic\\_regression", "0.812", "0.780 to 0.840", "500", "0.742", "0.900", "3.2", ""],
        ["voices: embedding, words", "0.850", "0.780 to 0.840", "500", "0.742", "0.900", "3.2", "yes"],
    ]
    assert "the teacher holds 0.850" in section(card, "Choice")
    assert rows(card, "Most frequent confusions")[1:] == [["Login \\| Trouble", "Refunds", "9"], ["Refunds", "Late Parcels", "4"]]
    assert "- covered, share: 0.912\n- covered, interval: 0.870, 0.940" in section(card, "Conformal sets")
    assert "- labels from: teacher: 30, human: 6\n" in section(card, "Data")
    assert "- languages: english (97%), german (3%)\n" in section(card, "Data")


def test_limits_are_worked_out_from_the_facts() -> None:
    said = section(model_card(WHOLE), "Limits").splitlines()
    assert said == [
        "- It gives every text one of its 3 categories, even where none of them fits: look at the probability as well.",
        "- It learnt from 36 labelled documents, about 12 for each category.",
        "- Fewer than 10 labels, in 1 of 3 categories: Login \\| Trouble (3).",
        "- Never predicted among 300 documents: Login \\| Trouble.",
        "- Known only roughly, as few documents were measured: macro\\_f1.",
        "- It learnt from texts in english (97%), german (3%); how it does in other languages is not known.",
        "- Only the first 256 tokens of a text count.",
        "- It loads with scikit-learn 1.9 alone.",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": []}, "- It has not been measured on documents kept from it."),
        ({"metrics": [{"metric": "agreement", "value": 0.9, "n": 9, "judge": "the teacher"}]}, "- Its figures compare it with its teacher, not with"),
        ({"voices": [{"kind": "x", "features": ["metadata"], "weight": 1}]}, "- It looks at columns beside the text, and needs them"),
        ({"voices": [{"kind": "x", "features": ["words"], "weight": 1}]}, "- It looks at words alone"),
    ],
)
def test_a_limit_is_named_where_it_holds_and_only_there(changes: dict[str, Any], said: str) -> None:
    assert said in section(model_card({**WHOLE, **changes}), "Limits")
    assert said not in section(model_card(WHOLE), "Limits")


def test_the_way_to_use_it_has_metadata_where_it_needs_them() -> None:
    assert "metadata" not in section(model_card(WHOLE), "How to use it")
    with_columns = {**WHOLE, "voices": [{"kind": "x", "features": ["metadata"], "weight": 1}]}
    assert "metadata=[{}]" in section(model_card(with_columns), "How to use it")


def test_what_is_not_known_is_not_said() -> None:
    assert [line for line in model_card({}).splitlines() if line.startswith("## ")] == ["## Limits", "## How to use it"]
    assert "None" not in model_card({key: None if key in {"use_case", "teacher", "project"} else value for key, value in WHOLE.items()})
    without = ("use_case", "teacher", "languages", "confusions", "trials", "reason", "calibration", "conformal", "labels_per_category")
    for left_out in without:
        card = model_card({key: value for key, value in WHOLE.items() if key != left_out})
        assert len(card.splitlines()) < len(model_card(WHOLE).splitlines()) or left_out == "labels_per_category"
    unknown = {"metric": "accuracy", "value": 0.9, "low": None, "high": None, "n": 4, "judge": "gold labels"}
    assert rows(model_card({**WHOLE, "metrics": [unknown]}), "Metrics") == [
        ["metric", "value", "n", "judged by"],
        ["accuracy", "0.900", "4", "gold labels"],
    ]


@given(st.lists(st.text(max_size=30).map("x".__add__), min_size=3, max_size=3))
@TEXTS
def test_any_name_stays_in_its_cell(names: list[str]) -> None:
    for cells in rows(model_card({**WHOLE, "names": names}), "Labels"):
        assert len(cells) == 5


@given(st.text())
@TEXTS
def test_escaped_text_is_one_line_and_can_be_read_back(text: str) -> None:
    escaped = escape_markdown(text)
    assert len(escaped.splitlines()) <= 1
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped) == re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+", " ", text).strip()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a | b", r"a \| b"),
        ("<script>", r"\<script\>"),
        ("[x](http://y)", r"\[x\](http://y)"),
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("-0.5", "-0.5"),
        ("0.75", "0.75"),
        ("---", r"\---"),
        ("a\nb\u2028c", "a b c"),
        ("# x", r"\# x"),
    ],
)
def test_what_markdown_would_read_as_its_own_is_escaped(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped
