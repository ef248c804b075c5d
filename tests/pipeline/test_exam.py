"""The paper of the exam: its questions give nothing away, and an answer is marked right only where it is."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call_records import ExamResult
from pipeline.exam import NEEDS, SKILLS, carries, exam_id, in_turn, marks, tasks_of
from pipeline.exam.examine import long_text, turned
from pipeline.exam.marking import in_language, right_object, well_grouped, within_cap
from pipeline.exam.paper import load_paper
from pipeline.prompts import as_data
from pipeline.serving.contract import Answer
from pipeline.testing import ScriptedChat
from tests.exams import QUESTIONS, SENTENCES, grouped, numbered


def test_there_are_so_many_questions_and_every_skill_but_the_switch_is_needed_by_some_role() -> None:
    assert {skill: len(tasks_of(skill, context_tokens=4096, seed=0)) for skill in SKILLS} == QUESTIONS
    assert sum(QUESTIONS.values()) == 42
    assert {skill for skills in NEEDS.values() for skill in skills} == set(SKILLS) - {"group"}


def test_no_question_gives_its_answer_away_by_its_place_or_its_words() -> None:
    paper = load_paper()
    items = [(item.options, item.text, item.right) for item in paper.choice] + [(item.options, item.telling, item.right) for item in paper.long_text]
    assert len({options.index(right) for options, _, right in items}) >= 4
    assert all(options[0] != right for options, _, right in items), "who always takes the first passes nothing"
    assert all(right.casefold() not in text.casefold() for _, text, right in items)
    assert all(item.right in paper.desks[1:] for item in paper.long_guide)
    assert [item.place for item in paper.long_text] == [0.0, 0.5, 1.0]
    answering = [next(rule for rule in paper.rules if item.right in rule) for item in paper.long_guide]
    assert [paper.rules.index(rule) for rule in answering] == [0, len(paper.rules) // 2, len(paper.rules) - 1]


def test_the_data_comes_to_the_model_as_it_is_written() -> None:
    paper = load_paper()
    texts = [item.text for group in (paper.format, paper.language, paper.choice, paper.long_guide) for item in group]
    topics = [topic for item in paper.group for topic in item.group_of]
    assert all(as_data(text) == text for text in (*texts, *topics, *paper.rules, paper.filler))


@pytest.mark.parametrize("context", [512, 1024, 4096, 32_768])
def test_long_questions_fit_the_context_and_are_long_where_there_is_room(context: int) -> None:
    tasks = tasks_of("long_prompt", context_tokens=context, seed=0)
    lengths = [sum(len(message.content) for message in task.questions[0].messages) for task in tasks]
    room = (context - tasks[0].questions[0].max_tokens) * 3.4  # characters; the two built-in models have 4.6 a token
    assert max(lengths) <= room
    assert min(lengths) >= min(context * 1.8, 7000)


def test_another_context_or_another_question_is_another_exam() -> None:
    assert exam_id(4096) == exam_id(32_768)
    assert exam_id(4096) != exam_id(1024)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=9, unique=True))
def test_turning_moves_every_option_and_loses_none(options: list[str]) -> None:
    moved = turned(options)
    assert sorted(moved) == sorted(options)
    assert all(before != after for before, after in zip(options, moved, strict=True))


@given(st.integers(500, 9000), st.floats(0, 1))
def test_the_telling_sentence_is_in_a_long_text_once_and_in_its_place(characters: int, place: float) -> None:
    text = long_text(characters, {"Here I am!": place})
    assert text.count("Here I am!") == 1
    assert len(text) <= characters + len("Here I am!") + 1
    rest = text.replace("Here I am!", "")
    assert abs(text.index("Here I am!") / max(1, len(rest)) - place) < 0.2


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ({"item": "Boxes of PRINTER  paper", "quantity": 12, "urgent": True}, True),
        ({"item": "printer paper", "quantity": 12, "urgent": True}, True),
        ({"item": "printer papers", "quantity": 12, "urgent": True}, False),
        ({"item": "printer paper", "quantity": 11, "urgent": True}, False),
        ({"item": "printer paper", "quantity": 12, "urgent": False}, False),
        ({"item": "printer paper", "quantity": True, "urgent": 1}, False),
        ({"item": "please send us twelve boxes of printer paper", "quantity": 12, "urgent": True}, False),
        ({"item": "printer paper", "quantity": 12}, False),
        ({}, False),
    ],
)
def test_an_object_is_right_when_every_field_is(found: dict[str, Any], right: bool) -> None:
    assert right_object(found, {"item": "printer paper", "quantity": 12, "urgent": True}) is right


@pytest.mark.parametrize(
    ("names", "good"),
    [
        (["Delays", "Tickets"], True),
        (["Delays", "Tickets", "Comfort"], True),
        (["Delays", "Tickets", "Comfort", "Staff"], False),
        (["Transport"], False),
        ([], False),
        (["Delays", "delays "], False),
        (["Delays", "..."], False),
        (["late tram", "Crowded bus"], False),
        (["late tram", "Tickets"], True),
    ],
)
def test_categories_are_few_distinct_words_of_their_own(names: list[str], good: bool) -> None:
    assert within_cap(names, most=3, phrases=["late tram", "crowded bus"]) is good


@given(st.lists(st.text(), max_size=12), st.integers(2, 6))
def test_no_list_over_the_cap_and_none_with_a_repeated_name_passes(names: list[str], most: int) -> None:
    if within_cap(names, most=most, phrases=[]):
        assert 2 <= len(names) <= most
        assert not within_cap([*names, names[0]], most=most + 1, phrases=[])
        assert not within_cap(names, most=len(names) - 1, phrases=[])


GOLD = ["tea"] * 5 + ["rain"] * 5


@pytest.mark.parametrize(
    ("covers", "names", "good"),
    [
        ([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], ["Tea", "Rain"], True),
        ([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], ["Tea", "tea."], False),
        ([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], ["Tea", ""], False),
        ([[1, 2, 3, 4], [6, 7, 8, 9, 10]], ["Tea", "Rain"], True),
        ([[1, 2, 3, 4], [6, 7, 8, 9]], ["Tea", "Rain"], False),
        ([[1, 2, 3, 4, 5, 6, 7], [8, 9, 10]], ["Tea", "Rain"], True),
        ([[1, 2, 3, 4, 5, 6, 7, 8], [9, 10]], ["Tea", "Rain"], False),
        ([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [6, 7, 8, 9, 10]], ["Tea", "Rain"], False),
        ([[1, 2, 3], [4, 5], [6, 7, 8], [9, 10]], ["Tea", "Herbs", "Rain", "Hail"], False),
        ([list(range(1, 11))], ["All"], False),
        ([[1, 2, 3, 4, 5, 99, 0, -1], [6, 7, 8, 9, 10]], ["Tea", "Rain"], True),
        ([], [], False),
    ],
)
def test_a_grouping_is_good_when_it_is_small_and_distinct_and_whole_and_pure(covers: list[list[int]], names: list[str], good: bool) -> None:
    assert well_grouped(covers, names, most=3, gold=GOLD) is good


@given(st.lists(st.lists(st.integers(-2, 12), max_size=12), max_size=5))
def test_no_grouping_in_one_category_passes_and_the_order_of_numbers_does_not_matter(covers: list[list[int]]) -> None:
    names = [f"Name {place}" for place in range(len(covers))]
    good = well_grouped(covers, names, most=4, gold=GOLD)
    assert not good or len(covers) > 1
    assert good == well_grouped([own[::-1] for own in covers], names, most=4, gold=GOLD)


def test_the_lists_to_be_grouped_are_thirty_and_a_hundred_and_fifty_topics_in_a_mixed_order() -> None:
    short, long = load_paper().group
    assert [(len(item.group_of), len(item.groups), item.most) for item in (short, long)] == [(30, 8, 8), (150, 18, 18)]
    assert min(len(topics) for item in (short, long) for topics in item.groups.values()) >= 3
    for item, task in zip((short, long), tasks_of("group", context_tokens=4096, seed=0), strict=True):
        order = [item.group_of[topic] for topic in numbered(task.questions[0])]
        assert sum(one == other for one, other in itertools.pairwise(order)) < len(order) / 5


def test_the_longer_list_is_asked_alone_and_lost_with_the_shorter_one() -> None:
    tasks = tasks_of("group", context_tokens=4096, seed=0)
    assert in_turn(tasks) == [[tasks[0]], [tasks[1]]]
    others = tasks_of("cap", context_tokens=4096, seed=0)
    assert in_turn(others) == [others]
    answers = list(ScriptedChat(grouped).ask(task.questions[0] for task in tasks))
    assert marks(tasks, answers) == [True, True]
    assert marks(tasks, [answers[0], Answer("truncated")]) == [True, False]
    assert marks(tasks, [Answer("truncated"), answers[1]]) == [False, False]
    assert tasks[0].questions[0].max_tokens <= 320, "a model that cannot do it must not take minutes to show it"


@pytest.mark.parametrize(("passed", "phrases"), [(0, 0), (1, 30), (2, 150)])
def test_a_model_carries_as_many_phrases_as_the_longest_list_it_has_passed(passed: int, phrases: int) -> None:
    others = [ExamResult("e", "m", skill, 6, 6, 0.5, None) for skill in ("cap", "format")]
    assert carries([*others, ExamResult("e", "m", "group", passed, 2, 0.5, None)]) == phrases
    assert carries(others) == 0, "who was not examined does not group"


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_in_its_own_language_and_in_no_other(language: str) -> None:
    assert [wanted for wanted in SENTENCES if in_language(SENTENCES[language], wanted)] == [language]


@pytest.mark.parametrize(
    "text",
    [
        "", "lorem ipsum", "123", "OK",
        "Duas alunas encontraram no sótão um mapa que não era conhecido e mostra um túnel.",
        "De bakker sluit in het najaar omdat niemand het wil overnemen en dat is voor de buurt niet goed.",
        "Вода піднялася, та міст як дорога був закритий, що його не видно.",
    ],
)  # fmt: skip
def test_what_is_in_no_language_of_the_exam_is_taken_for_none(text: str) -> None:
    assert not any(in_language(text, language) for language in SENTENCES)


def test_half_an_answer_in_another_language_does_not_pass() -> None:
    assert not in_language(f"{SENTENCES['English']} {SENTENCES['German']}", "German")


def test_a_failed_answer_passes_nothing() -> None:
    for skill in SKILLS:
        tasks = tasks_of(skill, context_tokens=4096, seed=0)
        assert not any(marks(tasks, [Answer("truncated")] * sum(len(task.questions) for task in tasks)))
