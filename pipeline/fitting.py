"""Making prompts fit: a document is cut by the project's policy, then to the model's context, and the cut is told.

A token of a byte-level vocabulary is at least one byte of UTF-8. So the room that a prompt leaves without its document,
less the bytes of the document, is room that is certainly there: the server is asked once a prompt, and again only for the
documents for which this bound does not suffice.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.ids import text_hash
from pipeline.prompts import Prompt, as_data
from pipeline.serving.contract import Answer, AnswerForm, Chat, Choice, Message, Question
from pipeline.settings import AnnotationSettings, Project
from pipeline.text import cut_words

__all__ = ["DocumentPrompt", "Fitted", "Posed", "Window", "ask_posed", "fit_texts", "open_place", "shown_hashes"]

Messages = tuple[Message, ...]
SLACK = 16  # tokens by which text around a document may be split otherwise than without it
CAUTION = 0.95  # of the part that would fit if every character took as many tokens as the mean does
PLACE = "\ufdd0document\ufdd0"  # noncharacters: no document of a corpus holds them
AS_DATA = "{{ text | data }}"
SHOWN_WORDS = (40, 20, 10, 5, 2)  # of each of several texts in one prompt: the first number that fits


@dataclass(frozen=True)
class Fitted:
    """A prompt that fits, and whether a part of its text is missing; without messages where nothing of the text fits."""

    messages: Messages | None
    text: str = ""
    truncated: bool = True


@dataclass(frozen=True)
class Posed:
    """A question about a document, or the answer that stands in for one that cannot be asked."""

    question: Question | None
    truncated: bool
    instead: Answer | None = None


class Window:
    """The room for one document that a prompt leaves in a model's context."""

    def __init__(self, render: Callable[[str], Messages], *, chat: Chat, max_tokens: int, policy: AnnotationSettings) -> None:
        """Keep what a prompt needs; the server is asked about it with the first document."""
        self._render = render
        self._chat = chat
        self._max_tokens = max_tokens
        self._policy = policy
        self._bytes = 0
        self._left: int | None = None
        self._measured = False

    @property
    def left(self) -> int | None:
        """Give the tokens left for a document; negative where the prompt alone does not fit, None where the server counts none."""
        if not self._measured:
            empty = self._render("")
            self._bytes, self._left = _size(empty), self._chat.room(empty, self._max_tokens)
            self._measured = True
        return self._left

    def fit(self, text: str) -> Fitted:
        """Cut a text by the policy, and further where the context needs it."""
        shown, cut = cut_words(text, self._policy.max_words, self._policy.long_documents)
        messages = self._render(shown)
        short = self._short(messages)
        return Fitted(messages, shown, cut) if short <= 0 else self._cut_further(" ".join(text.split()), len(shown), short)

    def _short(self, messages: Messages) -> int:
        """Give the tokens by which a prompt is too long; 0 or less where it fits."""
        left = self.left
        if left is None:
            return 0
        short = _size(messages) - self._bytes + SLACK - left
        return short if short <= 0 else -(self._chat.room(messages, self._max_tokens) or 0)

    def _cut_further(self, text: str, characters: int, short: int) -> Fitted:
        left, length = self.left or 0, characters
        while left > 0:
            characters = min(int(CAUTION * length * left / (left + short)), characters * 9 // 10)
            shown, cut = cut_words(text, self._policy.max_words, self._policy.long_documents, characters=characters)
            if not shown:
                break
            messages, length = self._render(shown), len(shown)
            short = self._short(messages)
            if short <= 0:
                return Fitted(messages, shown, cut)
        return Fitted(None)


class DocumentPrompt:
    """A prompt filled in but for its document: makes a question of each document that fits."""

    def __init__(self, prompt: Prompt, form: AnswerForm, *, purpose: str, chat: Chat, project: Project, **inputs: Any) -> None:
        """Fill in all inputs but `text`."""
        self._prompt, self._form, self._purpose, self._seed = prompt, form, purpose, project.seed
        self._longest = max(prompt.about.max_tokens, _bytes_of_options(form))
        self._window = Window(open_place(prompt, **inputs), chat=chat, max_tokens=self._longest, policy=project.annotation)

    def pose(self, text: str, form: AnswerForm | None = None, *, of: Sequence[str] = ()) -> Posed:
        """Ask about a text, cut where it is too long; `form` takes the place of the prompt's own.

        :param of: hashes of the documents that are shown; that of the text when empty.
        """
        fitted, prompt = self._window.fit(text), self._prompt
        if fitted.messages is None:
            return Posed(None, truncated=True, instead=Answer("too_long", error=self._too_long(), attempts=0))
        shown = tuple(of) or shown_hashes([text])
        question = Question(self._purpose, prompt.fingerprint, fitted.messages, form or self._form, self._longest, seed=self._seed, texts=shown)
        return Posed(question, fitted.truncated)

    def _too_long(self) -> str:
        left = self._window.left or 0
        found = f"is {-left} tokens longer than the context even without a document" if left < 0 else f"leaves {left} tokens for a document"
        return f"the prompt {self._prompt.name} with {self._longest} tokens for its answer {found}; raise engine.context_tokens"


def _bytes_of_options(form: AnswerForm) -> int:
    """Give the bytes of the longest option, quotes included: a token is at least one byte, so that so many always suffice."""
    return max((len(option.encode("utf-8", "surrogatepass")) + 2 for option in form.options), default=0) if isinstance(form, Choice) else 0


def open_place(prompt: Prompt, **inputs: Any) -> Callable[[str], Messages]:
    """Fill in a prompt but for its text, and give a function that puts a text in: what is the same for all documents is rendered once."""
    turns = prompt.render(text=PLACE, **inputs)
    places = [number for number, turn in enumerate(turns) for _ in range(turn.content.count(PLACE))]
    at = places[0] if places == [len(turns) - 1] and AS_DATA in prompt.turns[-1].body else None
    before, _, after = turns[at].content.partition(PLACE) if at is not None else ("", "", "")
    if at is None or not before or not after:  # rendering strips a turn, and so would strip a text at its edge
        return lambda text: prompt.render(text=text, **inputs)
    role, above, below = turns[at].role, turns[:at], turns[at + 1 :]
    return lambda text: (*above, Message(role, f"{before}{as_data(text)}{after}"), *below)


def ask_posed(posed: Iterable[Posed], chat: Chat) -> Iterator[tuple[Answer, bool]]:
    """Ask what can be asked, and give for each in order the answer and whether only a part of the document was shown."""
    waiting: deque[Posed] = deque()

    def questions() -> Iterator[Question]:
        for one in posed:
            waiting.append(one)
            if one.question is not None:
                yield one.question

    for answer in chat.ask(questions()):
        while (first := waiting.popleft()).instead is not None:
            yield first.instead, first.truncated
        yield answer, first.truncated
    yield from ((one.instead, one.truncated) for one in waiting if one.instead is not None)


def shown_hashes(texts: Iterable[str]) -> tuple[str, ...]:
    """Hash the texts that a question shows, each once, as documents are."""
    return tuple(dict.fromkeys(map(text_hash, texts)))


def fit_texts(render: Callable[[Sequence[str]], Messages], texts: Sequence[str], *, chat: Chat, max_tokens: int) -> Messages:
    """Show so many words of each text, 40 at most, that the prompt fits; with two words of each it is as it is."""
    for words in SHOWN_WORDS:
        messages = render([" ".join(cut_words(text, words)[0].split()) for text in texts])
        room = chat.room(messages, max_tokens)
        if room is None or room >= 0:
            break
    return messages


def _size(messages: Messages) -> int:
    """Count the bytes of a prompt; half characters, which UTF-8 lacks, count three."""
    return sum(len(message.content) if message.content.isascii() else len(message.content.encode("utf-8", "surrogatepass")) for message in messages)
