"""Summaries, samples and groups: what the taxonomy is made from."""

from typing import Any

import numpy as np
import pytest

from pipeline.ids import text_hash
from pipeline.prompts import load_prompt
from pipeline.records import Document, Summary
from pipeline.serving.contract import Line, Structured
from pipeline.settings import Project, SizeRange
from pipeline.taxonomy import Group, Sample, make_sample, summarise, summary_spec
from pipeline.taxonomy.grouping import close_groups, first_size, group, outliers
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, knowing_reply, tiny_rows

SHORT = "My parcel is late"
LONG = " ".join(["My parcel is late and the courier does not answer."] * 4)


def document(text: str) -> Document:
    return Document(f"d:{text[:9]}", text_hash(text), text, "x")


def sample_of(texts: list[str], phrases: list[str]) -> Sample:
    summaries = [Summary(text_hash(text), "spec", text, phrase, False) for text, phrase in zip(texts, phrases, strict=True)]
    return make_sample(summaries, embedder=TinyEmbedder())


def tiny_sample(count: int = 60) -> Sample:
    rows = tiny_rows()[:count]
    phrases = {"delivery": "late parcel", "payment": "invoice refund", "account": "login password", "store": "opening hours"}
    return sample_of([row["text"] for row in rows], [phrases[row["topic"]] for row in rows])


def test_a_short_text_is_its_own_summary_and_only_its_phrase_is_asked_for(a_project: Project) -> None:
    chat = ScriptedChat(["Late Parcel."])
    (outcome,) = summarise([document(SHORT)], chat=chat, project=a_project)
    assert outcome.records == [Summary(text_hash(SHORT), summary_spec(a_project, "scripted"), SHORT, "late parcel", False)]
    assert isinstance(chat.questions[0].form, Line)
    assert chat.questions[0].prompt == load_prompt("phrase").fingerprint


def test_a_long_text_is_summarised_as_an_object(a_project: Project) -> None:
    chat = ScriptedChat(['{"summary": " Parcel late. ", "phrase": "Late Parcel"}'])
    (outcome,) = summarise([document(LONG)], chat=chat, project=a_project)
    assert [(record.summary, record.phrase) for record in outcome.records] == [("Parcel late.", "late parcel")]
    assert isinstance(chat.questions[0].form, Structured)


def test_a_text_that_is_cut_for_the_model_is_marked(a_project: Project) -> None:
    text = " ".join(f"word{number}" for number in range(400))
    chat = ScriptedChat(['{"summary": "words", "phrase": "many words"}'])
    (outcome,) = summarise([document(text)], chat=chat, project=a_project)
    assert outcome.records[0].truncated
    assert "word299" in chat.questions[0].messages[-1].content
    assert "word300" not in chat.questions[0].messages[-1].content


def test_what_the_model_cannot_summarise_is_recorded_as_a_failure(a_project: Project) -> None:
    chat = ScriptedChat(["late parcel", "", "...", '{"summary": "x"}'])
    outcomes = list(summarise([document(text) for text in (SHORT, "second", "third", LONG)], chat=chat, project=a_project))
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    assert sum(len(outcome.records) for outcome in outcomes) == 1
    assert [(failure.text_hash, failure.reason) for failure in failures] == [
        (text_hash("second"), "empty"),
        (text_hash("third"), "empty"),
        (text_hash(LONG), "wrong_schema"),
    ]
    assert all(failure.message for failure in failures)


def test_summaries_come_in_batches_so_that_a_killed_run_loses_few(a_project: Project) -> None:
    chat = ScriptedChat(knowing_reply)
    stream = summarise([document(f"parcel {number}") for number in range(40)], chat=chat, project=a_project)
    assert len(next(stream).records) == 16
    assert len(chat.questions) <= 17
    assert [len(outcome.records) for outcome in stream] == [16, 8]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"use_case": "another"}, False),
        ({"seed": 7}, False),
        ({"taxonomy": {"summary_words": 9}}, False),
        ({"taxonomy": {"language": "German"}}, False),
        ({"annotation": {"max_words": 50}}, False),
        ({"annotation": {"sample": 11}}, True),
        ({"evaluation": {"resamples": 500}}, True),
        ({"name": "other"}, True),
    ],
)
def test_a_summary_is_made_anew_exactly_when_what_makes_it_changes(a_project: Project, change: dict[str, Any], same: bool) -> None:
    assert (summary_spec(changed(a_project, change), "m") == summary_spec(a_project, "m")) is same
    assert summary_spec(a_project, "m") != summary_spec(a_project, "n")


def changed(project: Project, change: dict[str, Any]) -> Project:
    whole = project.model_dump()
    for key, value in change.items():
        whole[key] = {**whole[key], **value} if isinstance(value, dict) else value
    return Project.model_validate(whole)


def test_a_sample_holds_columns_of_one_length_and_unit_vectors() -> None:
    sample = tiny_sample(20)
    assert len(sample) == len(sample.texts) == len(sample.phrases) == len(sample.vectors) == 20
    assert np.linalg.norm(sample.vectors, axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    assert len(sample.head(7)) == 7
    assert sample.seen[0] == (sample.hashes[0], sample.phrases[0])


def test_a_group_counts_its_phrases_and_spreads_its_texts() -> None:
    sample = sample_of(["a one", "a two", "b three", "a four"], ["x", "x", "y", "x"])
    whole = Group((2, 0, 1, 3))
    assert sample.counted_phrases(whole, 5) == [("x", 3), ("y", 1)]
    assert sample.counted_phrases(whole, 1) == [("x", 3)]
    assert sample.spread_texts(whole, 2) == ["b three", "a two"]
    assert sample.spread_texts(Group((3,)), 6) == ["a four"]


@pytest.mark.parametrize(
    ("documents", "bounds", "size"), [(240, (8, 20), 20), (120, (8, 20), 10), (60, (8, 20), 8), (10, (8, 20), 5), (60, (5, 5), 5), (4, (3, 3), 2)]
)
def test_the_first_size_is_within_its_bounds_and_leaves_enough_documents(documents: int, bounds: tuple[int, int], size: int) -> None:
    assert first_size(documents, SizeRange(min=bounds[0], max=bounds[1])) == size


def test_groups_hold_every_document_once_largest_first() -> None:
    sample = tiny_sample()
    groups = group(sample, 4, seed=1)
    assert sorted(index for found in groups for index in found.indices) == list(range(60))
    assert [len(found) for found in groups] == sorted((len(found) for found in groups), reverse=True)
    assert all(len({sample.phrases[index] for index in found.indices}) == 1 for found in groups)
    assert [found.indices for found in groups] == [found.indices for found in group(sample, 4, seed=1)]


def test_an_outlier_is_what_lies_far_from_its_group() -> None:
    sample = sample_of([f"my parcel is late {n}" for n in range(12)] + ["kettle soup garden"], ["late parcel"] * 12 + ["cooking"])
    assert outliers(sample, sample.ranked(range(13))) == {12}


@pytest.mark.parametrize(("smallest", "sizes"), [(3, [5, 4]), (5, [5]), (6, [])])
def test_close_documents_make_groups_of_a_least_size(smallest: int, sizes: list[int]) -> None:
    texts = [f"late parcel {n}" for n in range(5)] + [f"opening hours {n}" for n in range(4)] + ["soup", "tree"]
    sample = sample_of(texts, ["late parcel"] * 5 + ["opening hours"] * 4 + ["soup recipe", "old oak"])
    found = close_groups(sample, list(range(11)), likeness=0.4, smallest=smallest)
    assert [len(one) for one in found] == sizes
    assert close_groups(sample, [1], likeness=0.4, smallest=1) == []
