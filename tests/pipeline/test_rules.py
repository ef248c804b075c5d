"""Rules label by SQL: what they are given, what is refused before anything runs, and what becomes of what they say."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.rules import apply_rules, rule_annotator
from pipeline.errors import ProjectError
from pipeline.ids import text_hash
from pipeline.records import Document, Failure
from pipeline.rules import load_rules
from pipeline.rules.sql import BATCH, check_condition
from pipeline.settings import RuleSettings
from tests.ruled import TAXONOMY, document, loaded, mistake, python, sql, write


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
