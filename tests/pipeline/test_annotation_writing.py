"""Examples of rare categories: one question each, the same question each time, and nothing that failed passes for a text."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation import Subject, example_documents, judge_examples, wanted_examples, write_examples
from pipeline.ids import text_hash
from pipeline.prompts import load_prompt
from pipeline.records import Category, Document, Failure, Label, Outcome
from pipeline.serving.contract import Answer, Line, Question
from pipeline.settings import Project
from pipeline.student_records import WrittenExample
from pipeline.testing import ScriptedChat

CATEGORY = Category("cat:a", "Late Parcels", "Parcels that come late.")
SHOWN = tuple(Document(f"d{place}", text_hash(text), text, "x") for place, text in enumerate(["where is my parcel", "parcel two days late"]))
OTHERS = [f"other text {place}" for place in range(10)]
SUBJECTS = {"cat:a": Subject(CATEGORY, SHOWN, OTHERS)}


def written(
    project: Project, replies: Sequence[str | Answer], *, subjects: dict[str, Subject] = SUBJECTS
) -> tuple[list[WrittenExample], list[Question]]:
    chat = ScriptedChat(list(replies))
    wanted = wanted_examples("tax:1", list(subjects), len(replies), project=project, model=chat.model)
    made = [one for batch in write_examples(wanted, subjects, taxonomy_id="tax:1", chat=chat, project=project) for one in batch]
    return made, chat.questions


def test_each_example_is_one_warm_question_with_a_seed_and_neighbours_of_its_own(a_project: Project) -> None:
    made, questions = written(a_project, ["the courier never came", "no sign of my package", "still waiting for it"])
    assert [one.text for one in made] == ["the courier never came", "no sign of my package", "still waiting for it"]
    assert [one.attempt for one in made] == [0, 1, 2]
    assert len({question.seed for question in questions}) == len({question.messages[-1].content for question in questions}) == 3
    assert all(question.temperature == load_prompt("example").about.temperature > 0 for question in questions)
    assert all(question.form == Line() and question.purpose == "write" for question in questions)
    assert len({question.messages[:-1] for question in questions}) == 1, "what all have in common comes first, and is computed once"
    last = questions[1].messages[-1].content
    assert "Late Parcels (Parcels that come late.)" in last
    assert all(document.text in last for document in SHOWN)
    assert [text for text in OTHERS if f"- {text}\n" in last] == OTHERS[4:8]
    assert made[0].shown == tuple(document.text_hash for document in SHOWN)
    assert made[0].text_hash == text_hash("the courier never came")


def test_the_same_examples_are_asked_for_in_the_same_words(a_project: Project) -> None:
    first, second = (written(a_project, ["one text", "another text"])[1] for _ in range(2))
    assert [question.key("m") for question in first] == [question.key("m") for question in second]


def test_a_category_without_documents_is_written_for_by_its_description_alone(a_project: Project) -> None:
    made, questions = written(a_project, ["my parcel is late"], subjects={"cat:a": Subject(CATEGORY)})
    assert made[0].text == "my parcel is late" and made[0].shown == ()
    assert questions[0].messages[-1].content.endswith("Category: Late Parcels (Parcels that come late.)\nNew text:")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ('"where did it go?"', "where did it go?"),
        ("- where did it go?", "where did it go?"),
        ("New text: “where did it go?”", "where did it go?"),
        ('it\'s "late" again', 'it\'s "late" again'),
        ('"late" is not the word, it is "lost"', 'late" is not the word, it is "lost'),
    ],
)
def test_what_a_model_puts_around_a_text_is_taken_away(a_project: Project, reply: str, text: str) -> None:
    assert written(a_project, [reply])[0][0].text == text


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Where is  my PARCEL", "copy"),
        ("other text 7", "copy"),
        ('""', "empty"),
        ("   ", "empty"),
        (Answer("truncated", error="too long"), "truncated"),
        (Answer("refused", error="no"), "refused"),
    ],
)
def test_what_is_no_new_text_is_a_row_with_the_reason(a_project: Project, reply: str | Answer, reason: str) -> None:
    (one,), _ = written(a_project, [reply])
    assert (one.text, one.text_hash, one.reason) == (None, None, reason)


@pytest.mark.parametrize("outcome", ["timeout", "server_error"])
def test_what_failed_on_the_way_is_no_row_so_that_it_is_asked_again(a_project: Project, outcome: str) -> None:
    made, _ = written(a_project, ["a text", Answer(outcome, error="gone"), "another text"])  # type: ignore[arg-type]
    assert [one.attempt for one in made] == [0, 2]


@given(st.integers(0, 5), st.integers(0, 5), st.lists(st.sampled_from("abc"), unique=True, max_size=3))
@settings(max_examples=30, deadline=None)
def test_more_examples_leave_the_ids_of_the_first_ones_alone(a_project: Project, few: int, more: int, categories: list[str]) -> None:
    def ids(count: int, model: str = "m", taxonomy: str = "tax:1") -> set[str]:
        return {one.example_id for one in wanted_examples(taxonomy, categories, count, project=a_project, model=model)}

    assert len(ids(few)) == few * len(categories)
    assert ids(few) <= ids(few + more)
    assert not ids(few) & (ids(few, model="other") | ids(few, taxonomy="tax:2"))


def test_another_use_case_or_seed_makes_other_examples(a_project: Project) -> None:
    projects = [a_project, a_project.model_copy(update={"seed": 1}), a_project.model_copy(update={"use_case": "another one"})]
    assert len({wanted_examples("tax:1", ["a"], 1, project=project, model="m")[0].example_id for project in projects}) == 3


def example(number: int, text: str | None) -> WrittenExample:
    return WrittenExample(f"example:{number}", "tax:1", "cat:a", number, "m", "p", text, None if text is None else text_hash(text))


def test_equal_texts_are_labelled_once_and_all_get_what_the_annotator_says() -> None:
    examples = [example(0, "one"), example(1, "two"), example(2, "one"), example(3, None), example(4, "three"), example(5, "four")]
    documents = example_documents(examples)
    assert [document.text for document in documents] == ["one", "two", "three", "four"]
    label = Label(text_hash("one"), "tax:1", "ann", "cat:a", None)
    none = replace(label, text_hash=text_hash("two"), category_id=None, reason="none_fits")
    failed = [Failure(text_hash("three"), "truncated", "", 3), Failure(text_hash("four"), "timeout", "", 3)]
    found = [one for batch in judge_examples(examples[:3] + examples[4:], [Outcome([label, none]), Outcome([], failed)], "ann") for one in batch]
    said = {one.attempt: (one.annotated_id, one.reason, one.annotator_id) for one in found}
    assert said == {0: ("cat:a", None, "ann"), 2: ("cat:a", None, "ann"), 1: (None, "none_fits", "ann"), 4: (None, "truncated", "ann")}
