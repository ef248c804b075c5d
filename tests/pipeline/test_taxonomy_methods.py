"""The other methods: clusters with contrasted names, and topics read document by document."""

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.corpora import SOURCES, find_corpora, read_corpus, what_is_missing
from bench.rivals import PYTHON, bertopic_labels, kmeans_labels, kmeans_size, scores
from pipeline.errors import TaxonomyError
from pipeline.ids import text_hash
from pipeline.records import Summary, Taxonomy
from pipeline.serving.contract import Choice, Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.clusters import generate_clusters
from pipeline.taxonomy.sample import Sample, make_sample
from pipeline.taxonomy.topics import NEW_TOPIC, QUIET, SHOWN, generate_topics
from pipeline.taxonomy.versions import Version
from pipeline.testing import MemoryLedger, ScriptedChat
from tests.tiny import NAMES, RecordedChat, TinyEmbedder, topic_of

WORDS = {"delivery": "late parcel", "payment": "invoice refund", "account": "login password", "store": "opening hours"}
EMBEDDER = TinyEmbedder()
Reply = Callable[[Question], str]


def make(counts: dict[str, int], phrases: dict[str, str] = WORDS) -> Sample:
    """Make a sample of so many documents a topic."""
    rows = [(f"my {WORDS[topic]} number{place} {topic}", phrases[topic]) for topic, count in counts.items() for place in range(count)]
    return make_sample([Summary(text_hash(text), "spec", text, phrase, False) for text, phrase in rows], embedder=EMBEDDER)


def of_texts(texts: list[str]) -> Sample:
    return make_sample([Summary(text_hash(text), "spec", text, "small talk", False) for text in texts], embedder=EMBEDDER)


FOUR = make({"delivery": 12, "payment": 10, "account": 9, "store": 8})
EMPTY = FOUR.head(0)


def category_json(name: str, description: str = "What belongs here.") -> str:
    return json.dumps({"name": name, "description": description})


def sized(project: Project, low: int, high: int) -> Project:
    bounds = {"size": {"min": low, "max": high}}
    return Project.model_validate(project.model_dump() | {"taxonomy": project.taxonomy.model_dump() | bounds})


def cited(taxonomy: Taxonomy) -> list[str]:
    return [text for category in taxonomy.categories for text in category.members]


def own_part(question: Question) -> str:
    """Give what a naming question shows of the cluster itself."""
    return question.messages[-1].content.split("It is not about")[0]


def knowing_namer(question: Question) -> str:
    topic = topic_of(own_part(question))
    return category_json(NAMES[topic] if topic else "Small Talk")


def clusters(project: Project, sample: Sample = FOUR, reply: Any = knowing_namer, **more: Any) -> tuple[Version, list[Question]]:
    chat = ScriptedChat(reply)
    return generate_clusters(sample, chat=chat, embedder=EMBEDDER, project=project, version_id="tax:clusters", **more), chat.questions


@pytest.mark.parametrize("more", [{"size": 4}, {"algorithm": "hdbscan"}])
def test_each_cluster_is_a_category_with_its_own_documents(a_project: Project, more: dict[str, Any]) -> None:
    version, _ = clusters(a_project, **more)
    found = {category.name: len(category.members) for category in version.taxonomy.categories}
    assert found == {"Late Parcels": 12, "Refunds and Invoices": 10, "Login Trouble": 9, "Opening Hours": 8}
    assert (version.taxonomy.method, version.taxonomy.stage, version.taxonomy.taxonomy_id) == ("clusters", "generate", "tax:clusters")
    assert [change.kind for change in version.changes] == ["add"] * 4


def test_clusters_come_from_the_texts_and_not_from_the_phrases(a_project: Project) -> None:
    """Two topics share one phrase here: by the vectors of text and phrase they are one group."""
    misled = make({"delivery": 12, "payment": 12}, {"delivery": "small talk", "payment": "small talk"})
    blurred = replace(misled, vectors=np.ones_like(misled.vectors) / misled.vectors.shape[1] ** 0.5)
    version, _ = clusters(a_project, blurred, size=2)
    assert {category.name: len(category.members) for category in version.taxonomy.categories} == {"Late Parcels": 12, "Refunds and Invoices": 12}


def test_the_question_shows_the_cluster_and_contrasts_the_nearest_other_one(a_project: Project) -> None:
    near = [
        "late parcel courier a",
        "late parcel courier b",
        "late parcel van c",
        "late parcel van d",
        "opening hours sunday e",
        "opening hours sunday f",
    ]
    _, questions = clusters(a_project, of_texts(near), [category_json(name) for name in ("Couriers", "Vans", "Sundays")], size=3)
    first = next(question for question in questions if "van" in own_part(question))
    assert "small talk (2)" in own_part(first)
    contrast = first.messages[-1].content.split("It is not about")[1]
    assert "courier" in contrast
    assert "sunday" not in contrast
    assert isinstance(first.form, Structured)


def test_a_refused_name_is_asked_for_again_with_the_reason(a_project: Project) -> None:
    said: dict[str, list[str]] = {"delivery": ["Other", "Late Parcels"]}

    def reply(question: Question) -> str:
        topic = topic_of(own_part(question)) or ""
        return category_json(said[topic].pop(0)) if said.get(topic) else knowing_namer(question)

    version, questions = clusters(a_project, reply=reply, size=4)
    again = questions[4:]
    assert len(again) == 1
    assert "Refused: Other (it is a catch-all)" in again[0].messages[-1].content
    assert "Late Parcels" in version.taxonomy.names()


def test_of_two_like_names_the_larger_cluster_keeps_its_own(a_project: Project) -> None:
    def reply(question: Question) -> str:
        if topic_of(own_part(question)) != "store":
            return knowing_namer(question)
        return category_json("Opening Hours" if "too much like" in question.messages[-1].content else "The Late Parcel")

    version, questions = clusters(a_project, reply=reply, size=4)
    assert sorted(version.taxonomy.names()) == sorted(NAMES.values())
    assert "Refused: The Late Parcel (too much like Late Parcels" in questions[-1].messages[-1].content


@pytest.mark.parametrize("reply", [category_json("Parcels"), "no json", category_json("Other"), category_json("x" * 41)])
def test_a_model_that_always_says_the_same_still_leaves_different_names_and_the_change_says_why(a_project: Project, reply: str) -> None:
    version, questions = clusters(a_project, reply=lambda _: reply, size=4)
    names = [name.casefold() for name in version.taxonomy.names()]
    assert len(set(names)) == 4
    assert len(questions) <= 16
    assert len({question.key("m") for question in questions}) == len(questions), "an equal question would be answered by the ledger"
    fallen = [change.reason for change in version.changes if "most frequent phrase" in change.reason]
    assert len(fallen) >= 3
    assert all("was refused" in reason for reason in fallen)


def test_clusters_that_nothing_names_get_numbers(a_project: Project) -> None:
    nameless = make({"delivery": 6, "store": 6}, dict.fromkeys(WORDS, "other"))
    version, _ = clusters(a_project, nameless, lambda _: "no json", size=2)
    assert sorted(version.taxonomy.names()) == ["Cluster 1", "Cluster 2"]


def test_noise_is_cited_by_no_cluster_and_counted_in_the_note(a_project: Project) -> None:
    talk = ["kettle soup garden", "violin bridge", "salt window tiger granite"]
    wide, noisy = TinyEmbedder(width=4096), of_texts([*FOUR.texts, *talk])
    chat = ScriptedChat(knowing_namer)
    version = generate_clusters(noisy, chat=chat, embedder=wide, project=a_project, version_id="tax:clusters", algorithm="hdbscan")
    assert not {text_hash(text) for text in talk} & set(cited(version.taxonomy))
    assert len(cited(version.taxonomy)) == len(set(cited(version.taxonomy))) == len(FOUR)
    assert version.taxonomy.note.endswith("4 clusters, 3 documents in none")


@pytest.mark.parametrize(("texts", "count"), [(["one parcel"], 1), (["my parcel is late"] * 10, 1), (["a parcel", "a refund"], 2)])
def test_there_are_never_more_clusters_than_distinct_texts(a_project: Project, texts: list[str], count: int) -> None:
    version, questions = clusters(a_project, of_texts(texts), lambda question: category_json(f"Name {len(own_part(question))}"), size=4)
    assert len(version.taxonomy.categories) == count
    if count == 1:
        assert "It is not about: small" not in questions[0].messages[-1].content


def test_the_exact_size_of_the_project_is_the_number_of_clusters(a_project: Project) -> None:
    version, _ = clusters(sized(a_project, 3, 3))
    assert len(version.taxonomy.categories) == 3
    with pytest.raises(TaxonomyError, match=r"taxonomy\.size is 4 to 6; give an exact size, or use HDBSCAN"):
        clusters(sized(a_project, 4, 6))


def test_what_cannot_be_clustered_is_refused_with_the_numbers(a_project: Project) -> None:
    with pytest.raises(TaxonomyError, match="0 summarised documents"):
        clusters(a_project, EMPTY, size=2)
    with pytest.raises(TaxonomyError, match="no 5 alike among 3 documents"):
        clusters(a_project, of_texts(["soup", "tree", "moon"]), algorithm="hdbscan")


def text_of(question: Question) -> str:
    """Give the document that a question shows."""
    return question.messages[-1].content.split("<text>")[-1].removesuffix("</text>")


def options_of(question: Question) -> tuple[str, ...]:
    return question.form.options if isinstance(question.form, Choice) else ()


def is_merging(question: Question) -> bool:
    return "two topics" in options_of(question)


def is_reading(question: Question) -> bool:
    return isinstance(question.form, Structured) or NEW_TOPIC.name in options_of(question)


def knowing_reader(question: Question) -> str:
    """Choose the topic that a text is about, a new one where none listed is, and never call two topics one."""
    if is_merging(question):
        return "two topics"
    topic = topic_of(text_of(question))
    if isinstance(question.form, Structured):
        return category_json(NAMES[topic] if topic else "Small Talk")
    fitting = [option for option in options_of(question) if topic and topic_of(option) == topic]
    return [*fitting, options_of(question)[-1]][0]


def topics(project: Project, sample: Sample = FOUR, reply: Any = knowing_reader) -> tuple[Version, list[Question]]:
    chat = ScriptedChat(reply)
    return generate_topics(sample, chat=chat, embedder=EMBEDDER, project=project, version_id="tax:topics"), chat.questions


def test_what_is_chosen_from_several_is_put_alone_against_a_new_topic(a_project: Project) -> None:
    def unwilling(question: Question) -> str:
        """Never say of several topics that none fits, as a small model does."""
        several = NEW_TOPIC.name in options_of(question) and len(options_of(question)) > 2
        chosen = knowing_reader(question)
        return options_of(question)[0] if several and chosen == NEW_TOPIC.name else chosen

    version, _ = topics(a_project, reply=unwilling)
    assert sorted(version.taxonomy.names()) == sorted(NAMES.values())


@pytest.mark.parametrize(("probability", "count"), [(0.86, 1), (0.84, 2)])
def test_a_probable_new_topic_counts_as_chosen(a_project: Project, probability: float, count: int) -> None:
    def reply(question: Question) -> str:
        return knowing_reader(question) if isinstance(question.form, Structured) else options_of(question)[0]

    sample = make({"delivery": 1, "store": 1})
    chat = ScriptedChat(reply, probability=probability)
    generate_topics(sample, chat=chat, embedder=EMBEDDER, project=a_project, version_id="tax:topics")
    assert sum(isinstance(question.form, Structured) for question in chat.questions) == count


def test_a_topic_is_made_for_the_first_document_that_none_fits(a_project: Project) -> None:
    version, questions = topics(a_project)
    found = {category.name: len(category.members) for category in version.taxonomy.categories}
    assert found == {"Late Parcels": 12, "Refunds and Invoices": 10, "Login Trouble": 9, "Opening Hours": 8}
    assert sum(isinstance(question.form, Structured) for question in questions) == 4
    assert (version.taxonomy.method, version.taxonomy.taxonomy_id) == ("topics", "tax:topics")
    assert version.taxonomy.note == "read 39 of 39 documents, all of them; 4 topics found, 4 kept"


def test_the_choice_is_between_the_topics_so_far_and_a_new_one(a_project: Project) -> None:
    _, questions = topics(a_project, make({"delivery": 2, "store": 1}))
    assert isinstance(questions[0].form, Structured), "there is nothing to choose from for the first document"
    assert questions[1].form == Choice(("Late Parcels", NEW_TOPIC.name))
    assert f"- {NEW_TOPIC.name}: {NEW_TOPIC.description}" in questions[1].messages[-1].content
    new = questions[3]
    assert isinstance(new.form, Structured)
    assert "Topics so far: Late Parcels\n" in new.messages[-1].content
    assigned = [question for question in questions[4:] if not is_merging(question)]
    assert {question.form for question in assigned} == {Choice(("Late Parcels", "Opening Hours"))}, "no new topic when documents are assigned"


def test_reading_stops_when_the_last_documents_brought_no_new_topic(a_project: Project) -> None:
    sample = make({"delivery": QUIET + 1, "store": 1})
    version, questions = topics(sized(a_project, 2, 6), sample)
    assert sum(is_reading(question) for question in questions) == QUIET + 1
    assert version.taxonomy.names() == ["Late Parcels"]
    assert version.taxonomy.note.startswith(f"read {QUIET + 1} of {QUIET + 2} documents, stopped after {QUIET} documents without a new topic")
    assert len(cited(version.taxonomy)) == len(sample), "what was not read is assigned all the same"
    later = make({"delivery": QUIET, "store": 1})
    assert len(topics(a_project, later)[0].taxonomy.categories) == 2


def test_a_new_name_that_says_what_a_topic_says_goes_to_that_topic(a_project: Project) -> None:
    names = iter(["Late Parcels", "The Late Parcel", "Opening Hours"])

    def reply(question: Question) -> str:
        return category_json(next(names)) if isinstance(question.form, Structured) else options_of(question)[-1]

    sample = of_texts(["one parcel", "two parcels", "three doors"])
    version, _ = topics(a_project, sample, reply)
    added = [change.after for change in version.changes if change.kind == "add"]
    assert added == ["Late Parcels", "Opening Hours"]
    read = next(change for change in version.changes if change.kind == "move")
    assert (read.after, read.reason) == ("Late Parcels", "2 of the documents read are about it")


@pytest.mark.parametrize("name", ["Other", "New Topic", "What the Customer Writes", "one two three four five six"])
def test_a_name_that_is_none_makes_no_topic(a_project: Project, name: str) -> None:
    def reply(question: Question) -> str:
        naming = isinstance(question.form, Structured) and topic_of(text_of(question)) == "delivery"
        return category_json(name) if naming else knowing_reader(question)

    version, _ = topics(a_project, reply=reply)
    added = [change.after for change in version.changes if change.kind == "add"]
    assert added == ["Refunds and Invoices", "Login Trouble", "Opening Hours"]


def test_the_word_news_is_a_topic(a_project: Project) -> None:
    version, _ = topics(a_project, of_texts(["late news"]), [category_json("News")])
    assert version.taxonomy.names() == ["News"]


def alike_reader(answer: str) -> Reply:
    """Make two topics of late parcels, by who brings them, and give one answer whenever two topics are compared."""

    def reply(question: Question) -> str:
        if is_merging(question):
            return answer
        who = next((name for name in ("Courier Parcels", "Mail Parcels") if name.split()[0].lower() in text_of(question)), None)
        if who is None:
            return knowing_reader(question)
        if isinstance(question.form, Structured):
            return category_json(who, "Late parcel of the courier or the mail.")
        return who if who in options_of(question) else options_of(question)[-1]

    return reply


ALIKE = of_texts([f"courier parcel {n}" for n in range(6)] + [f"mail parcel {n}" for n in range(4)] + [f"opening hours {n}" for n in range(5)])


def test_like_topics_are_merged_into_the_larger_where_the_model_says_they_are_one(a_project: Project) -> None:
    version, _ = topics(sized(a_project, 2, 6), ALIKE, alike_reader("one topic"))
    (merged,) = [change for change in version.changes if change.kind == "merge"]
    assert (merged.before, merged.after) == ("Mail Parcels", "Courier Parcels")
    assert "Mail Parcels" not in version.taxonomy.names()
    kept, _ = topics(sized(a_project, 2, 6), ALIKE, alike_reader("two topics"))
    assert {"Mail Parcels", "Courier Parcels"} <= set(kept.taxonomy.names())
    few, _ = topics(sized(a_project, 3, 6), ALIKE, alike_reader("one topic"))
    assert "Mail Parcels" in few.taxonomy.names(), "merging stops at the smallest number"


def test_only_topics_that_are_near_are_compared(a_project: Project) -> None:
    _, questions = topics(sized(a_project, 2, 6), ALIKE, alike_reader("two topics"))
    compared = [question.messages[-1].content for question in questions if is_merging(question)]
    assert len(compared) == 1
    assert "Opening Hours" not in compared[0]


def test_topics_of_less_than_one_document_in_a_hundred_are_dropped(a_project: Project) -> None:
    rare = make({"account": 1, "delivery": 45, "payment": 45, "store": 45})  # a new topic soon enough for reading to go on
    version, _ = topics(sized(a_project, 2, 6), rare)
    dropped = [change for change in version.changes if change.kind == "drop"]
    assert [change.before for change in dropped] == ["Login Trouble"]
    assert dropped[0].reason == "1 of the 136 documents read are about it, fewer than 1%"
    kept, _ = topics(sized(a_project, 4, 6), rare)
    assert "Login Trouble" in kept.taxonomy.names(), "the smallest number of topics stays"


def test_no_more_topics_are_kept_than_are_wanted(a_project: Project) -> None:
    version, _ = topics(sized(a_project, 2, 3))
    assert sorted(version.taxonomy.names()) == ["Late Parcels", "Login Trouble", "Refunds and Invoices"]
    (dropped,) = [change for change in version.changes if change.kind == "drop"]
    assert (dropped.before, dropped.reason) == ("Opening Hours", "8 of the 39 documents read are about it, the fewest of more than 3 topics")
    assert len(cited(version.taxonomy)) == len(FOUR)


def fresh_names() -> Iterator[str]:
    letters = "bdfgklmnprstvz"
    return (f"{a}u{b}o{c}" for a in letters for b in letters for c in letters)


def test_a_model_that_always_makes_a_new_topic_is_shown_the_nearest_ones_and_keeps_the_size(a_project: Project) -> None:
    names = fresh_names()

    def reply(question: Question) -> str:
        return category_json(next(names).title(), "Kind of its own.") if isinstance(question.form, Structured) else options_of(question)[-1]

    sample = of_texts([f"word{number} thing{number}" for number in range(SHOWN + 20)])
    version, questions = topics(sized(a_project, 2, 6), sample, reply)
    assert max(len(options_of(question)) for question in questions) == SHOWN + 1
    assert len(version.taxonomy.categories) <= 6
    assert version.taxonomy.note.startswith(f"read {SHOWN + 20} of {SHOWN + 20}")


@pytest.mark.parametrize(
    "reply",
    [
        lambda _: "no json",
        lambda _: category_json("Other"),
    ],
)
def test_a_model_that_names_nothing_is_refused_with_what_it_said(a_project: Project, reply: Reply) -> None:
    with pytest.raises(TaxonomyError, match=r"named no topic for 39 documents; the last answer was .*Try a stronger generator"):
        topics(a_project, reply=reply)
    with pytest.raises(TaxonomyError, match="0 summarised documents"):
        topics(a_project, EMPTY)


def test_an_answer_that_failed_leaves_the_document_where_the_reading_put_it(a_project: Project) -> None:
    def reply(question: Question) -> str:
        return knowing_reader(question) if is_reading(question) or is_merging(question) else "none of the options"

    version, _ = topics(a_project, reply=reply)
    assert len(cited(version.taxonomy)) == len(FOUR)


def test_a_topic_that_is_given_no_document_is_dropped(a_project: Project) -> None:
    def reply(question: Question) -> str:
        return knowing_reader(question) if is_reading(question) or is_merging(question) else options_of(question)[0]

    version, _ = topics(a_project, reply=reply)
    assert version.taxonomy.names() == ["Late Parcels"]
    assert len(cited(version.taxonomy)) == len(FOUR)
    reasons = [change.reason for change in version.changes if change.kind == "drop"]
    assert reasons == ["the model gave it no document"] * 3


def test_a_killed_run_asks_only_what_it_has_not_asked(a_project: Project) -> None:
    ledger = MemoryLedger()
    whole = RecordedChat(ScriptedChat(knowing_reader), MemoryLedger())
    version = generate_topics(FOUR, chat=whole, embedder=EMBEDDER, project=a_project, version_id="tax:topics")

    def dying(question: Question) -> str:
        if len(ledger.calls) == 20:
            raise KeyboardInterrupt
        return knowing_reader(question)

    with pytest.raises(KeyboardInterrupt):
        generate_topics(FOUR, chat=RecordedChat(ScriptedChat(dying), ledger), embedder=EMBEDDER, project=a_project, version_id="tax:topics")
    resumed = RecordedChat(ScriptedChat(knowing_reader), ledger)
    again = generate_topics(FOUR, chat=resumed, embedder=EMBEDDER, project=a_project, version_id="tax:topics")
    assert again == version
    assert resumed.asked == whole.asked - 20


@given(st.lists(st.sampled_from(["late parcel", "invoice refund", "login password", "opening hours", "soup"]), min_size=1, max_size=12), st.data())
@settings(max_examples=15, deadline=None)
def test_whatever_the_model_answers_each_document_is_in_one_category_at_most(a_project: Project, words: list[str], data: st.DataObject) -> None:
    sample = of_texts(sorted({f"{word} {place}" for place, word in enumerate(words)}))

    def reply(question: Question) -> str:
        if isinstance(question.form, Choice):
            return data.draw(st.sampled_from([*question.form.options, "nonsense"]))
        return data.draw(st.sampled_from([category_json(name) for name in ("Late Parcels", "Refunds", "Parcels", "Other", "Soups")] + ["{"]))

    for method in (
        lambda chat: generate_clusters(sample, chat=chat, embedder=EMBEDDER, project=a_project, version_id="tax:law", size=3),
        lambda chat: generate_topics(sample, chat=chat, embedder=EMBEDDER, project=a_project, version_id="tax:law"),
    ):
        try:
            taxonomy = method(ScriptedChat(reply)).taxonomy
        except TaxonomyError:
            continue
        names = [name.casefold() for name in taxonomy.names()]
        assert len(names) == len(set(names)) <= a_project.taxonomy.size.max
        assert len(cited(taxonomy)) == len(set(cited(taxonomy)))
        assert set(cited(taxonomy)) <= set(sample.hashes)
        assert all(category.members for category in taxonomy.categories)


def write_corpus(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    with gzip.open(folder / f"{SOURCES[name].file}.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def test_a_benchmark_says_plainly_which_corpora_it_did_not_find(tmp_path: Path) -> None:
    write_corpus(tmp_path, "hwu64", [])
    found, missing = find_corpora(tmp_path, ["sib200", "hwu64"])
    assert (found, missing) == (["hwu64"], ["sib200"])
    assert what_is_missing(tmp_path, missing) == f"Not found in {tmp_path}, and so not measured: sib200 (sib200_multilingual.jsonl.gz)."
    assert what_is_missing(tmp_path, []) == ""
    assert len(find_corpora(tmp_path)[1]) == len(SOURCES) - 1
    with pytest.raises(KeyError, match="no corpus is called snips; the corpora are ag_news"):
        find_corpora(tmp_path, ["snips"])


@pytest.mark.parametrize(
    ("name", "row", "gold"),
    [
        ("hwu64", {"labels": ["alarm_set"], "parents": ["alarm > alarm_set"]}, "alarm"),
        ("trec_questions", {"labels": ["HUM:ind"]}, "HUM"),
        ("reuters21578", {"labels": ["grain", "wheat"]}, "grain"),
        ("sib200", {"labels": ["geography"], "lang": "en"}, "geography"),
    ],
)
def test_a_corpus_holds_each_text_once_with_its_one_gold_label(tmp_path: Path, name: str, row: dict[str, Any], gold: str) -> None:
    rows = [{"id": str(place), "text": f"text {place % 6}", **row} for place in range(9)]
    foreign = [{"id": "10", "text": "texte", **row, "lang": "fr"}] if name == "sib200" else []
    write_corpus(tmp_path, name, rows + foreign)
    corpus = read_corpus(tmp_path, name)
    assert sorted(corpus.texts) == [f"text {place}" for place in range(6)]
    assert corpus.texts != tuple(sorted(corpus.texts)), "the order is shuffled"
    assert corpus == read_corpus(tmp_path, name), "and the same each time"
    assert set(corpus.gold) == {gold}
    assert (len(corpus), corpus.size) == (6, 1)


def test_the_rivals_are_scored_as_the_methods_are() -> None:
    vectors = FOUR.vectors[:22]  # twelve about parcels, ten about refunds
    gold = ["parcel"] * 12 + ["refund"] * 10
    assert scores(gold, kmeans_labels(vectors, 2, seed=1)) == {"ari": 1.0, "nmi": 1.0, "p1": 1.0, "topics": 2.0, "outliers": 0.0}
    assert kmeans_size(vectors, seed=1, sizes=(2, 3, 5, 40)) == 2
    some = scores(gold, [*["x"] * 12, *["y"] * 5, *[None] * 5])
    assert some["p1"] == pytest.approx((12 + 10 * 2 * 5 / 15) / 22)
    assert (some["topics"], some["outliers"]) == (2.0, 5 / 22)


def test_a_python_without_bertopic_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, sys.executable)
    with pytest.raises(RuntimeError, match=f"No module named 'bertopic'. {PYTHON} must name a Python that has it"):
        bertopic_labels(["one", "two"], FOUR.vectors[:2], size=None, seed=1)
