"""Rules are checked before they are used, see one document each, and reach nothing else."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.rules import apply_rules, rule_annotator
from pipeline.errors import ProjectError
from pipeline.ids import text_hash
from pipeline.records import Category, Document, Failure, Taxonomy
from pipeline.rules import LoadedRule, load_rules
from pipeline.rules.sql import BATCH, check_condition
from pipeline.settings import RuleSettings

PLACES = (
    Category("cat:a", "Late Parcels", "a"),
    Category("cat:b", "Refunds", "b"),
    Category("cat:c", "Money", "c"),
    Category("cat:d", "Invoices", "d", parent_id="cat:c"),
)
TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", PLACES)


def document(text: str, **metadata: object) -> Document:
    return Document(f"d:{text}", text_hash(text), text, "mail", metadata)


def sql(condition: str, category: str = "Refunds", name: str = "one") -> RuleSettings:
    return RuleSettings(name=name, category=category, sql=condition)


def python(place: str, name: str = "one") -> RuleSettings:
    return RuleSettings(name=name, python=place)


def loaded(folder: Path, *rules: RuleSettings) -> Sequence[LoadedRule]:
    return load_rules(rules, folder)


def mistake(folder: Path, *rules: RuleSettings) -> str:
    with pytest.raises(ProjectError) as caught:
        load_rules(rules, folder)
    return str(caught.value)


def write(folder: Path, source: str, file: str = "mine.py") -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("text ilike '%REFUND%'", [True, False, False]),
        ("words between 2 and 3", [True, True, False]),
        ("metadata->>'channel' = 'app'", [False, True, False]),
        ("source = 'mail' and doc_id like 'd:%'", [True, True, True]),
        ("text ilike '%refund%' -- or anything else", [True, False, False]),
        ("regexp_matches(text, '^a refund') or (words > 3)", [True, False, True]),
        ("case when words > 3 then true end", [False, False, True]),
        ("list_contains(['hello'], split_part(text, ' ', 1))", [False, True, False]),
        ("null::boolean", [False, False, False]),
    ],
)
def test_an_sql_rule_gives_its_category_where_its_condition_holds(tmp_path: Path, condition: str, expected: list[bool]) -> None:
    (rule,) = loaded(tmp_path, sql(condition))
    documents = [document("a refund please"), document("hello there", channel="app"), document("where is my parcel", channel=None)]
    assert rule.apply(documents) == ["Refunds" if holds else None for holds in expected]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("text ilike", "syntax error at or near"),
        ("nonsense > 1", 'Referenced column "nonsense" not found'),
        ("gold = 'Refunds'", 'Referenced column "gold" not found'),
        ("words", "gives BIGINT where a condition is expected"),
        ("text", "gives VARCHAR"),
        ("null", "where a condition is expected"),
        ("*", "STAR expression"),
        ("columns(*)", "where a condition is expected"),
        ("true, false", "single expression"),
        ("true as x", "syntax error"),
        ("true;", "no condition"),
        ("true; drop table documents", "no condition"),
        ("true) or (true", "syntax error"),
        ("true from documents", "no condition"),
        ("true where false", "no condition"),
        ("words > 1 order by 1", "no condition"),
        ("true union select true", "no condition"),
        ("count(*) > 1", "aggregates"),
        ("row_number() over () = 1", "window functions"),
        ("unnest([true])", "UNNEST"),
        ("text = ?", "parameter"),
        ("exists (select 1)", "a query of its own"),
        ("words > (select 1)", "a query of its own"),
        ("text in (select content from read_text('/etc/passwd'))", "no condition|a query of its own"),
        ("exists (from read_csv('/etc/passwd'))", "no condition|a query of its own"),
        ("read_text('/etc/passwd') is not null", "table function"),
        ("random() < 0.5", "uses random"),
        ("main.random() < 0.5", "uses random"),
        ("uuid()::varchar < text", "uses uuid"),
        ("now() > timestamp '2020-01-01'", "uses now"),
        ("current_date > date '2020-01-01'", "uses current_date"),
        ("sleep_ms(1) is null", "uses sleep_ms"),
        ("current_setting('threads') = '1'", "uses current_setting"),
    ],
)
def test_sql_that_is_not_one_condition_on_one_document_is_refused(condition: str, told: str) -> None:
    with pytest.raises(ProjectError) as caught:
        check_condition(condition)
    message = str(caught.value)
    assert any(part in message for part in told.split("|")), message
    assert repr(condition) in message
    assert "LINE" not in message, "the statement around the condition is not the user's"


def test_a_document_that_the_condition_cannot_work_with_fails_alone(tmp_path: Path) -> None:
    (rule,) = loaded(tmp_path, sql("(metadata->>'stars')::int < 3"))
    documents = [document(f"text {place}", stars="1" if place % 2 else "5") for place in range(7)]
    documents[2] = document("text 2", stars="many")
    answers = rule.apply(documents)
    failure = answers.pop(2)
    assert isinstance(failure, Failure)
    assert (failure.text_hash, failure.reason, failure.attempts) == (text_hash("text 2"), "rule_error", 1)
    assert "many" in failure.message
    assert answers == [None, "Refunds", "Refunds", None, "Refunds", None]


def test_an_sql_rule_can_neither_write_nor_fill_the_memory(tmp_path: Path) -> None:
    (rule,) = loaded(tmp_path, sql("length(repeat(text, 1000000000)) > 5"))
    before = sorted(os.listdir(tmp_path))
    (answer,) = rule.apply([document("ten letters")])
    assert isinstance(answer, Failure)
    assert sorted(os.listdir(tmp_path)) == before


def test_an_sql_rule_answers_in_order_over_more_than_one_batch(tmp_path: Path) -> None:
    (rule,) = loaded(tmp_path, sql("text like '%7'"))
    documents = [document(f"number {place}") for place in range(BATCH + 13)]
    assert rule.apply(documents) == ["Refunds" if place % 10 == 7 else None for place in range(BATCH + 13)]


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=30)
def test_no_text_is_taken_for_sql_by_accident(condition: str) -> None:
    """Whatever is written there either is refused with a message or holds or does not hold for a document."""
    try:
        (rule,) = load_rules([RuleSettings(name="one", category="Refunds", sql=f"text = '{condition}'")], Path())
    except (ProjectError, ValueError):
        return
    (answer,) = rule.apply([document("x")])
    assert answer in {None, "Refunds"} or isinstance(answer, Failure)


def test_a_python_rule_is_called_with_the_text_and_its_metadata(tmp_path: Path) -> None:
    write(tmp_path, "def refunds(text, metadata):\n    metadata['seen'] = True\n    return 'Refunds' if metadata.get('paid') else None\n")
    (rule,) = loaded(tmp_path, python("mine.py:refunds"))
    paid = document("a", paid=True)
    assert rule.apply([paid, document("b")]) == ["Refunds", None]
    assert paid.metadata == {"paid": True}, "a rule gets a copy"
    assert not (tmp_path / "__pycache__").exists()


def test_a_python_file_may_hold_classes_and_lie_in_a_folder_below(tmp_path: Path) -> None:
    source = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Sign:
    word: str

def refunds(text: str, metadata: dict, sign=Sign("refund")) -> str | None:
    return "Refunds" if sign.word in text else None
"""
    write(tmp_path, source, "rules/mine.py")
    (rule,) = loaded(tmp_path, python("rules/mine.py:refunds"))
    assert rule.apply([document("my refund"), document("hello")]) == ["Refunds", None]


def test_a_python_rule_that_raises_fails_for_that_text_alone(tmp_path: Path) -> None:
    source = """
import sys
def one(text, metadata):
    if text == "exit":
        sys.exit(1)
    return ["Refunds", 3, None][int(text)]
"""
    write(tmp_path, source)
    (rule,) = loaded(tmp_path, python("mine.py:one"))
    answers = rule.apply([document(text) for text in ("0", "exit", "words", "1", "2", "9")])
    assert (answers[0], answers[4]) == ("Refunds", None)
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    assert [(failure.text_hash, failure.reason) for failure in failures] == [
        (text_hash("exit"), "rule_error"), (text_hash("words"), "rule_error"), (text_hash("1"), "not_an_option"), (text_hash("9"), "rule_error"),
    ]  # fmt: skip
    assert "ValueError: invalid literal for int() with base 10: 'words' (mine.py, line 6)" in failures[1].message
    assert "answers 3 (int)" in failures[2].message


@pytest.mark.parametrize(
    ("source", "place", "told"),
    [
        ("", "mine.py", "file.py:function is expected"),
        ("", "mine:one", "file.py:function is expected"),
        ("", "mine.py:not a name", "file.py:function is expected"),
        ("", "other.py:one", "there is no file {folder}/other.py (Python files in {folder}: mine.py)"),
        ("def two(text, metadata): ...", "mine.py:one", "{folder}/mine.py has no function one (there: two); expected def one(text, metadata)"),
        ("from json import dumps", "mine.py:one", "(there: none)"),
        ("one = 3", "mine.py:one", "is of type int, and no function"),
        ("def one(text): ...", "mine.py:one", "cannot be called with a text and its metadata: too many positional arguments"),
        ("def one(text, metadata, more): ...", "mine.py:one", "missing a required argument: 'more'"),
        ("async def one(text, metadata): ...", "mine.py:one", "is async or a generator"),
        ("def one(text, metadata):\n    yield 'Refunds'", "mine.py:one", "is async or a generator"),
        (
            "def one(text, metadata)\n    return None",
            "mine.py:one",
            "{folder}/mine.py cannot be loaded: SyntaxError: expected ':' (mine.py, line 1) (line 1)",
        ),
        ("import nothing_of_that_name", "mine.py:one", "ModuleNotFoundError: No module named 'nothing_of_that_name' (mine.py, line 1)"),
        ("raise SystemExit(2)", "mine.py:one", "SystemExit: 2 (mine.py, line 1)"),
    ],
)
def test_a_python_rule_that_cannot_be_loaded_says_where_and_what_was_expected(tmp_path: Path, source: str, place: str, told: str) -> None:
    write(tmp_path, source)
    assert told.format(folder=tmp_path) in mistake(tmp_path, python(place))


@pytest.mark.parametrize("place", ["../mine.py:one", "{outside}/mine.py:one", "link.py:one", "below/../../mine.py:one"])
def test_a_python_rule_outside_the_project_folder_is_refused(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "projects"
    (folder / "below").mkdir(parents=True)
    outside = write(tmp_path, "raise AssertionError('it was run')")
    (folder / "link.py").symlink_to(outside)
    assert "lies outside" in mistake(folder, python(place.format(outside=tmp_path)))


def test_every_mistake_of_every_rule_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "def one(text, metadata): ...")
    rules = [
        sql("text ilike", name="first"),
        python("mine.py:two", name="second"),
        python("mine.py:one", name="third"),
        sql("words > 1", name="fourth"),
    ]
    message = mistake(tmp_path, *rules)
    assert message.startswith("annotation.rules has 2 mistakes:\n  - rule first: ")
    assert "\n  - rule second: " in message
    assert "third" not in message


def test_two_rules_with_one_content_are_refused(tmp_path: Path) -> None:
    rules = [sql("words > 1", name="first"), sql("words > 1", name="second"), sql("words > 1", "Late Parcels", name="third")]
    assert "rule second: it is the same as rule first" in mistake(tmp_path, *rules)
    assert "third" not in mistake(tmp_path, *rules)


def test_a_rule_is_another_annotator_when_what_it_does_changes_and_not_when_it_is_renamed(tmp_path: Path) -> None:
    first, renamed = loaded(tmp_path, sql("words > 1"))[0], loaded(tmp_path, sql("words > 1", name="other"))[0]
    others = [loaded(tmp_path, sql("words > 2"))[0], loaded(tmp_path, sql("words > 1", "Late Parcels"))[0]]
    write(tmp_path, "def one(text, metadata): ...\ndef two(text, metadata): ...")
    others += loaded(tmp_path, python("mine.py:one"), python("mine.py:two", name="two"))
    write(tmp_path, "LIMIT = 3\ndef one(text, metadata): ...\ndef two(text, metadata): ...")
    others += loaded(tmp_path, python("mine.py:one"))
    assert rule_annotator(first).annotator_id == rule_annotator(renamed).annotator_id
    assert rule_annotator(first).kind == "rule"
    assert len({rule_annotator(rule).annotator_id for rule in [first, *others]}) == 6


def test_what_a_rule_says_is_a_label_without_probability_and_silence_is_no_row(tmp_path: Path) -> None:
    (rule,) = loaded(tmp_path, sql("text ilike '%refund%'"))
    documents = [document("a refund"), document("hello"), Document("d:2", text_hash("a refund"), "a  refund", "mail")]
    outcome = apply_rules(documents, rules=[rule], taxonomy=TAXONOMY)
    (label,) = outcome.records
    assert (label.text_hash, label.taxonomy_id, label.annotator_id) == (text_hash("a refund"), "tax:1", rule_annotator(rule).annotator_id)
    assert (label.category_id, label.probability, label.reason, label.scores) == ("cat:b", None, None, None)
    assert not outcome.failures


@pytest.mark.parametrize("answer", ["refunds", "Refunds ", "Refund", "Money", "None of these", "", "cat:b"])
def test_an_answer_that_is_not_exactly_a_category_to_label_by_is_a_failure(tmp_path: Path, answer: str) -> None:
    write(tmp_path, f"def one(text, metadata):\n    return {answer!r}")
    rules = loaded(tmp_path, python("mine.py:one"), sql("true", name="two"))
    outcome = apply_rules([document("a")], rules=rules, taxonomy=TAXONOMY)
    assert [label.category_id for label in outcome.records] == ["cat:b"], "the other rule goes on"
    (failure,) = outcome.failures
    assert (failure.text_hash, failure.reason) == (text_hash("a"), "not_an_option")
    assert f"rule one answers {answer!r}" in failure.message
    assert "one of 3 categories" in failure.message


def test_failures_of_a_rule_are_kept_beside_its_labels(tmp_path: Path) -> None:
    write(tmp_path, "def one(text, metadata):\n    return {'a': 'Refunds'}[text]")
    outcome = apply_rules([document("a"), document("b")], rules=loaded(tmp_path, python("mine.py:one")), taxonomy=TAXONOMY)
    assert outcome.counts() == {"records": 1, "failed_rule_error": 1}
