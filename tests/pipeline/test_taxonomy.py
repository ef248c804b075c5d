"""Summaries, samples and groups: what the taxonomy is made from."""

from typing import Any

import numpy as np
import pytest

from pipeline.ids import text_hash
from pipeline.prompts import load_prompt
from pipeline.records import Document, Facet, FacetExample, Summary
from pipeline.serving.contract import Line
from pipeline.settings import Project, SizeRange
from pipeline.taxonomy import Group, Sample, make_sample, summarise, summary_spec
from pipeline.taxonomy.grouping import close_groups, group, nearest, outliers, regroup
from pipeline.taxonomy.sizing import choose_size
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, knowing_reply, tiny_rows

SHORT = "My parcel is late"
LONG = " ".join(["My parcel is late and the courier does not answer."] * 5)


FACET = Facet("facet:1", "main", "what is it about", "What is it about?", (FacetExample(text="where is my box", answer="late parcel"),), "generator")
MOOD = Facet("facet:2", "mood", "how do they feel", "Which feeling is it?", (FacetExample(text="hooray", answer="joy"),), "user")


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
    (outcome,) = summarise([document(SHORT)], facets=[FACET], chat=chat, project=a_project)
    assert outcome.records == [Summary(text_hash(SHORT), summary_spec(a_project, "scripted"), SHORT, "late parcel", False)]
    assert isinstance(chat.questions[0].form, Line)
    assert chat.questions[0].prompt == load_prompt("phrase").fingerprint
    assert [turn.content for turn in chat.questions[0].messages[1:]] == ["<text>where is my box</text>", "late parcel", f"<text>{SHORT}</text>"]


def test_a_long_text_gets_phrase_and_summary_in_one_line(a_project: Project) -> None:
    chat = ScriptedChat(["Late Parcel | Parcel late, and | so on."])
    (outcome,) = summarise([document(LONG)], facets=[FACET], chat=chat, project=a_project)
    assert [(record.summary, record.phrase) for record in outcome.records] == [("Parcel late, and | so on.", "late parcel")]
    assert chat.questions[0].prompt == load_prompt("summarise").fingerprint


def test_a_long_text_without_a_summary_is_represented_by_its_beginning(a_project: Project) -> None:
    (outcome,) = summarise([document(LONG)], facets=[FACET], chat=ScriptedChat(["late parcel"]), project=a_project)
    assert outcome.records[0].summary == " ".join(LONG.split()[:40])


@pytest.mark.parametrize(
    ("text", "reply", "summary"), [(SHORT, "late parcel | anger", SHORT), (LONG, "late parcel | anger | It is late.", "It is late.")]
)
def test_the_phrases_of_all_facets_come_from_one_call(make_project: Any, text: str, reply: str, summary: str) -> None:
    project = make_project(facets={"mood": {"use_case": "how do they feel"}})
    chat = ScriptedChat([reply])
    (outcome,) = summarise([document(text)], facets=[FACET, MOOD], chat=chat, project=project)
    specs = [summary_spec(project, "scripted"), summary_spec(project, "scripted", facet="mood")]
    assert [(one.summary_spec, one.phrase, one.summary) for one in outcome.records] == list(
        zip(specs, ["late parcel", "anger"], [summary] * 2, strict=True)
    )
    assert "Which feeling is it? (such as: joy)" in chat.questions[0].messages[0].content


def test_a_text_that_lacks_the_phrase_of_a_facet_is_a_failure(make_project: Any) -> None:
    project = make_project(facets={"mood": {"use_case": "how do they feel"}})
    (outcome,) = summarise([document(SHORT)], facets=[FACET, MOOD], chat=ScriptedChat(["late parcel"]), project=project)
    assert (outcome.records, [failure.reason for failure in outcome.failures]) == ([], ["empty"])


def test_a_text_that_is_cut_for_the_model_is_marked(a_project: Project) -> None:
    text = " ".join(f"word{number}" for number in range(400))
    chat = ScriptedChat(["many words | words"])
    (outcome,) = summarise([document(text)], facets=[FACET], chat=chat, project=a_project)
    assert outcome.records[0].truncated
    assert "word299" in chat.questions[0].messages[-1].content
    assert "word300" not in chat.questions[0].messages[-1].content


def test_what_the_model_cannot_summarise_is_recorded_as_a_failure(a_project: Project) -> None:
    chat = ScriptedChat(["late parcel", "", "...", "  |  x"])
    outcomes = list(summarise([document(text) for text in (SHORT, "second", "third", LONG)], facets=[FACET], chat=chat, project=a_project))
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    assert sum(len(outcome.records) for outcome in outcomes) == 1
    assert [(failure.text_hash, failure.reason) for failure in failures] == [(text_hash(text), "empty") for text in ("second", "third", LONG)]
    assert all(failure.message for failure in failures)


def test_summaries_come_in_batches_so_that_a_killed_run_loses_few(a_project: Project) -> None:
    chat = ScriptedChat(knowing_reply)
    stream = summarise([document(f"parcel {number}") for number in range(40)], facets=[FACET], chat=chat, project=a_project)
    assert len(next(stream).records) == 16
    assert len(chat.questions) <= 17
    assert [len(outcome.records) for outcome in stream] == [16, 8]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"use_case": "another"}, False),
        ({"seed": 7}, True),
        ({"taxonomy": {"summary_words": 9}}, False),
        ({"taxonomy": {"question": "Which product is it about?"}}, False),
        ({"taxonomy": {"passes": 9}}, True),
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


@pytest.mark.parametrize(("documents", "bounds", "size"), [(60, (4, 4), 4), (10, (8, 20), 2), (60, (12, 12), 12), (30, (9, 9), 6)])
def test_an_exact_size_is_kept_as_far_as_there_are_five_documents_a_category(documents: int, bounds: tuple[int, int], size: int) -> None:
    assert choose_size(tiny_sample(documents), SizeRange(min=bounds[0], max=bounds[1]), seed=1) == (size, [])


def test_the_size_chosen_is_that_of_clear_groups_and_comes_with_its_curve() -> None:
    centres = np.eye(6, 24)
    rows = np.repeat(centres, 30, axis=0) + np.random.default_rng(5).normal(0, 0.05, (180, 24))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    names = tuple(f"t{place}" for place in range(180))
    size, curve = choose_size(Sample(names, names, names, vectors), SizeRange(min=2, max=30), seed=1)
    assert size == 6
    assert min(curve, key=lambda point: point[1])[0] == 6
    assert [at for at, _ in curve] == sorted({at for at, _ in curve})


def test_a_small_sample_of_vague_groups_is_not_found_to_be_two() -> None:
    """In ten dimensions the same mixture costs more than 120 documents can pay, and two groups are found."""
    rows = np.repeat(np.eye(4, 96), 30, axis=0) + np.random.default_rng(5).normal(0, 0.25, (120, 96))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    names = tuple(f"t{place}" for place in range(120))
    assert choose_size(Sample(names, names, names, vectors), SizeRange(min=2, max=30), seed=1)[0] == 4


def test_moving_documents_starts_from_the_groups_and_loses_none() -> None:
    sample = tiny_sample()
    right = {str(place): found for place, found in enumerate(group(sample, 4, seed=1))}
    wrong = {**right, "0": Group(right["0"].indices + right["1"].indices[:2]), "1": Group(right["1"].indices[2:])}
    moved = regroup(sample, wrong)
    assert {key: set(found.indices) for key, found in moved.items()} == {key: set(found.indices) for key, found in right.items()}
    assert regroup(sample, {"only": right["0"]}) == {"only": right["0"]}


def test_each_document_goes_to_the_centre_it_is_most_like() -> None:
    sample = tiny_sample()
    groups = group(sample, 4, seed=1)
    centres = np.stack([sample.centre(found) for found in groups])
    found = nearest(sample, range(60), centres)
    assert {place: set(indices) for place, indices in found.items()} == {place: set(one.indices) for place, one in enumerate(groups)}


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
