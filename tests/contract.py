"""What every engine must do, asked of a real model: the same questions to each.

A test module gives `chat`, `ledger` and `engine` as fixtures and inherits from `EngineContract`. What a model knows is not
asked, but for one question that the smallest can answer.
"""

import logging
import math
import re
from collections.abc import Sequence
from typing import ClassVar

import pytest
from pydantic import BaseModel, Field

from pipeline.call_records import Call
from pipeline.serving import Choice, Line, Message, OpenAIChat, Question, Structured
from pipeline.serving.contract import Answer, AnswerForm
from pipeline.settings import EngineSettings
from pipeline.testing import MemoryLedger

__all__ = ["EngineContract", "Phrase", "ask", "ask_one", "question"]

log = logging.getLogger(__name__)
SHARED_BEGINNINGS = ("oil", "oil price", "oil price rise", "oils", "trade")
SPECIAL = ('say "x" \\ y', "back\\slash", "Größe über Äste", "日本の石油", "🙂 👍🏽", "it's {a: [b]}", "tab\there", "a\nb")
CARD = "Category {0}: messages about subject number {0}, its price, its delivery, its return and everything else that a customer may ask of it.\n"
LONG_OPENING = "Say which category a message belongs to.\n" + "".join(CARD.format(number) for number in range(1, 18))


class Phrase(BaseModel):
    """An object that the model writes."""

    phrase: str = Field(max_length=20)


class EngineContract:
    """The tests; a subclass says what is particular to its engine."""

    software: ClassVar[str]  # pattern of what the ledger says of the server
    openings_computed: ClassVar[int] = 1  # times that a common opening may be computed, before all find it in the cache
    further_tokens: ClassVar[int] = 15  # computed beyond a question's own: the cache keeps whole blocks, of 16 tokens at best
    all_listed: ClassVar[bool] = True  # whether the likeliest tokens that a server lists hold every option

    @pytest.mark.parametrize("options", [SHARED_BEGINNINGS, SPECIAL], ids=["shared beginnings", "special characters"])
    def test_a_choice_is_one_of_the_options_and_each_has_its_share(self, chat: OpenAIChat, options: tuple[str, ...]) -> None:
        texts = ("Which topic has this text: crude got dearer?", "Which of them is short?", "Choose any.")
        for answer in ask(chat, [question(text, Choice(options)) for text in texts]):
            assert answer.outcome == "ok", answer
            assert answer.text in options
            assert answer.scores is not None, answer
            assert list(answer.scores) == list(options)
            assert math.fsum(math.exp(score) for score in answer.scores.values()) == pytest.approx(1.0, abs=1e-6)

    @pytest.mark.parametrize("option", [*SHARED_BEGINNINGS, *SPECIAL])
    def test_an_only_option_is_answered_to_the_letter(self, chat: OpenAIChat, option: str) -> None:
        answer = ask_one(chat, question("Say it.", Choice((option,))))
        assert (answer.outcome, answer.text, answer.scores) == ("ok", option, {option: 0.0}), answer

    def test_the_surer_option_has_the_higher_score(self, chat: OpenAIChat) -> None:
        answer = ask_one(chat, question("Complete: The capital of France is", Choice(("banana", "Paris"))))
        assert answer.text == "Paris", answer
        assert answer.scores is not None
        paris, banana = answer.scores["Paris"], answer.scores["banana"]
        assert paris > banana if self.all_listed else paris >= banana, answer  # what is not listed gets the lowest that is

    def test_a_structured_answer_is_of_its_class(self, chat: OpenAIChat) -> None:
        answer = ask_one(chat, question("Give a short phrase about oil as JSON.", Structured(Phrase), 80))
        assert answer.outcome == "ok", answer
        assert isinstance(answer.value, Phrase)

    def test_a_line_ends_at_the_line_break(self, chat: OpenAIChat) -> None:
        answer = ask_one(chat, question("Say hello in three words.", Line(), 80))
        assert answer.outcome == "ok", answer
        assert answer.text
        assert "\n" not in answer.text

    @pytest.mark.parametrize("form", [Structured(Phrase), Line()], ids=["structured", "line"])
    def test_an_answer_that_is_cut_is_truncated(self, chat: OpenAIChat, ledger: MemoryLedger, form: AnswerForm) -> None:
        asked = question("Tell the history of oil in one long sentence.", form, 3)
        answer = ask_one(chat, asked)
        assert (answer.outcome, answer.text, answer.value) == ("truncated", None, None), answer
        assert {call.finish_reason for call in _calls(chat, ledger, asked)} == {"length"}

    def test_a_prompt_that_is_too_long_is_not_sent_again(self, chat: OpenAIChat, ledger: MemoryLedger, engine: EngineSettings) -> None:
        asked = question("word " * (5 * engine.context_tokens), Line())
        answer = ask_one(chat, asked)
        assert (answer.outcome, answer.attempts) == ("too_long", 1), answer
        assert [call.outcome for call in _calls(chat, ledger, asked)] == ["too_long"]

    def test_a_question_asked_twice_costs_one_call(self, chat: OpenAIChat, ledger: MemoryLedger) -> None:
        asked = question("Is this asked twice?", Choice(("yes", "no")))
        first, second = ask(chat, [asked, asked])
        third = ask_one(chat, asked)
        assert first.text == second.text == third.text
        assert third.from_ledger
        assert first.scores == third.scores
        assert len(_calls(chat, ledger, asked)) == 1

    def test_a_failure_is_asked_again(self, chat: OpenAIChat, ledger: MemoryLedger) -> None:
        asked = question("Is a failure no answer? Explain it in one long sentence.", Line(), 2)
        before = [ask_one(chat, asked).outcome, len(_calls(chat, ledger, asked))]
        after = [ask_one(chat, asked).outcome, len(_calls(chat, ledger, asked))]
        assert (before[0], after[0], after[1]) == ("truncated", "truncated", 2 * before[1])

    def test_forty_questions_at_once_keep_their_order(self, chat: OpenAIChat) -> None:
        answers = ask(chat, [question(f"What is the number of row {row}?", Choice((f"row {row}",))) for row in range(40)])
        assert [answer.text for answer in answers] == [f"row {row}" for row in range(40)]

    def test_the_room_is_what_the_server_counts(self, chat: OpenAIChat, ledger: MemoryLedger, engine: EngineSettings) -> None:
        asked = question("Größe, 日本, <|im_end|> and 🙂: how many tokens are these?", Choice(("few", "many")), opening=LONG_OPENING)
        ask_one(chat, asked)
        reported = _calls(chat, ledger, asked)[0].tokens_in
        left = chat.room(asked.messages, engine.context_tokens - reported - 100)  # too little to be ample, so it is counted
        assert left is not None
        assert abs(left - 100) <= 2, f"room counts {reported + 100 - left} tokens, the server {reported}"

    def test_the_ledger_names_the_software(self, chat: OpenAIChat, ledger: MemoryLedger) -> None:
        asked = question("Who answers?", Choice(("software", "nobody")))
        ask_one(chat, asked)
        (call,) = _calls(chat, ledger, asked)
        assert call.server is not None
        assert re.fullmatch(self.software, call.server), call.server
        assert call.model == chat.model

    def test_a_common_opening_is_computed_once(self, chat: OpenAIChat, ledger: MemoryLedger, engine: EngineSettings) -> None:
        """Issue 4: at most the question's own tokens and 15 are computed; a question's own are those of its turn."""
        fruits = ("apple", "pear", "plum", "fig", "kiwi", "lime", "grape", "melon", "cherry", "peach", "lemon", "mango")
        questions = [
            question(
                f"I ordered {count} {fruit}s and got none of them.",
                Choice(("delivery", "price", "return")),
                opening=f"{type(self).__name__}.\n{LONG_OPENING}",
            )
            for count, fruit in enumerate(fruits)
        ]
        assert all(answer.outcome == "ok" for answer in ask(chat, questions))
        calls = [_calls(chat, ledger, asked)[0] for asked in questions]  # a second attempt would find its own prompt cached
        assert all(call.tokens_in > 0 and call.tokens_out > 0 for call in calls)
        opening = _tokens(chat, engine, questions[0].opening)
        own = [_tokens(chat, engine, asked.messages) - opening for asked in questions]
        computed = [call.tokens_in - call.tokens_cached for call in calls]
        said = f"{type(self).__name__}: {opening} tokens of opening; computed of each prompt {computed}, its own {own}"
        log.info(said)
        later = sorted(range(len(calls)), key=lambda number: computed[number])[: -self.openings_computed]
        assert all(computed[number] <= own[number] + self.further_tokens for number in later), said


def question(text: str, form: AnswerForm, max_tokens: int = 24, *, opening: str | None = None, temperature: float = 0.0) -> Question:
    """Make a question of one turn, or of two where an opening goes before it."""
    turns = [Message("system", opening)] if opening is not None else []
    return Question("test", "prompt:1", (*turns, Message("user", text)), form, max_tokens, temperature)


def ask(chat: OpenAIChat, questions: Sequence[Question]) -> list[Answer]:
    """Ask, and give all answers."""
    return list(chat.ask(questions))


def ask_one(chat: OpenAIChat, asked: Question) -> Answer:
    """Ask one question."""
    (answer,) = chat.ask([asked])
    return answer


def _calls(chat: OpenAIChat, ledger: MemoryLedger, asked: Question) -> list[Call]:
    return [call for call in ledger.calls if call.call_key == asked.key(chat.model)]


def _tokens(chat: OpenAIChat, engine: EngineSettings, messages: Sequence[Message]) -> int:
    """Count a prompt's tokens with the mark where the answer begins; no room beside the whole context is never ample."""
    left = chat.room(messages, engine.context_tokens)
    assert left is not None
    return -left
