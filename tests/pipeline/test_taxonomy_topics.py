"""The method topics reads document by document, and what it asks depends on the answers before alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TaxonomyError
from pipeline.serving.contract import Choice, Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.clusters import generate_clusters
from pipeline.taxonomy.sample import Sample
from pipeline.taxonomy.topics import NEW_TOPIC, QUIET, SHOWN, generate_topics
from pipeline.taxonomy.versions import Version
from pipeline.testing import MemoryLedger, ScriptedChat
from tests.clusters import EMBEDDER, EMPTY, FOUR, category_json, cited, make, of_texts, sized
from tests.tiny import NAMES, RecordedChat, topic_of

Reply = Callable[[Question], str]


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
