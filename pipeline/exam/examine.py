"""Building the tasks of each skill from the paper, and marking what comes back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from pipeline.exam.forms import FORMS, CategoryNames, Groups
from pipeline.exam.marking import in_language, right_object, well_grouped, within_cap
from pipeline.exam.paper import CapItem, FormatItem, LanguageItem, load_paper
from pipeline.ids import content_id, order_key
from pipeline.languages import own_words
from pipeline.prompts import load_prompt
from pipeline.serving.contract import Answer, AnswerForm, Choice, Line, Question, Structured

__all__ = ["Task", "exam_id", "in_turn", "long_text", "marks", "tasks_of", "turned"]

METHOD = "exam-2"  # version of how questions are built and marked
LONG_CHARACTERS = 7500  # 1,500 to 2,000 tokens of English, by model
CHARACTERS_A_TOKEN = 4  # of English, at least
PROMPTS = ("exam_cap", "exam_choice", "exam_format", "exam_group", "exam_guide", "exam_language")


@dataclass(frozen=True)
class Task:
    """What is marked as one question, and how; stability asks twice. One that is `harder` is lost where those before it are."""

    questions: tuple[Question, ...]
    passes: Callable[[Sequence[Answer]], bool]
    harder: bool = False


def exam_id(context_tokens: int) -> str:
    """Hash the questions as they are for an engine with this context, and how they are marked."""
    prompts = [load_prompt(name).fingerprint for name in PROMPTS]
    words = {language: sorted(own) for language, own in own_words().items()}
    return content_id("exam", [METHOD, load_paper().model_dump(mode="json"), words, prompts, _long_characters(context_tokens)])


def tasks_of(skill: str, *, context_tokens: int, seed: int) -> list[Task]:
    """Build the tasks of a skill; half of a small context is the longest text there is."""
    return list(TASKS[skill](_long_characters(context_tokens), seed))


def marks(tasks: Sequence[Task], answers: Iterable[Answer]) -> list[bool]:
    """Say which tasks were passed, from the answers to all their questions in order."""
    source = iter(answers)
    passed: list[bool] = []
    for task in tasks:
        own = [next(source) for _ in task.questions]
        right = all(answer.outcome == "ok" for answer in own) and task.passes(own)
        passed.append(right and (all(passed) or not task.harder))
    return passed


def in_turn(tasks: Sequence[Task]) -> list[list[Task]]:
    """Part tasks into those that are asked at once; a part is worth asking where all before it was passed."""
    parts: list[list[Task]] = []
    for task in tasks:
        if task.harder or not parts:
            parts.append([])
        parts[-1].append(task)
    return parts


def turned(options: Sequence[str]) -> tuple[str, ...]:
    """Give options in another order, in which each has another place."""
    half = len(options) // 2
    return (*options[half:], *options[:half])


def long_text(characters: int, insertions: Mapping[str, float]) -> str:
    """Give at most so many characters of filler, with sentences inserted at their places: 0 at the start, 1 at the end."""
    sentences: list[str] = []
    length = 0
    for sentence in load_paper().filler.strip().replace(". ", ".\n").split("\n"):
        length += len(sentence) + 1
        if length > characters:
            break
        sentences.append(sentence)
    places = [(round(place * len(sentences)), sentence) for sentence, place in insertions.items()]
    for place, sentence in sorted(places, reverse=True):  # from the end, so that the places before stay what they are
        sentences.insert(place, sentence)
    return " ".join(sentences)


def _format(_: int, seed: int) -> Iterator[Task]:
    for item in load_paper().format:
        fields = list(load_paper().forms[item.form].items())
        question = _question("exam_format", Structured(FORMS[item.form]), seed, fields=fields, text=item.text)
        yield Task((question,), lambda answers, item=item: _facts_right(answers[0].value, item))  # type: ignore[misc]


def _cap(_: int, seed: int) -> Iterator[Task]:
    for item in load_paper().cap:
        question = _question("exam_cap", Structured(CategoryNames), seed, phrases=list(item.phrases.items()), most=item.most)
        yield Task((question,), lambda answers, item=item: _few_enough(answers[0].value, item))  # type: ignore[misc]


def _language(_: int, seed: int) -> Iterator[Task]:
    for item in load_paper().language:
        question = _question("exam_language", Line(), seed, language=item.language, text=item.text)
        yield Task((question,), lambda answers, item=item: _spoken(answers[0].text, item))  # type: ignore[misc]


def _choice(_: int, seed: int) -> Iterator[Task]:
    for item in load_paper().choice:
        yield _label(item.text, item.options, item.right, seed)


def _long_prompt(characters: int, seed: int) -> Iterator[Task]:
    paper = load_paper()
    for item in paper.long_text:
        yield _label(long_text(characters, {item.telling: item.place}), item.options, item.right, seed)
    guide = long_text(characters, {rule: place / (len(paper.rules) - 1) for place, rule in enumerate(paper.rules)})
    for message in paper.long_guide:
        question = _question("exam_guide", Choice(paper.desks), seed, guide=guide, options=paper.desks, text=message.text)
        yield Task((question,), _chose(message.right))


def _stability(_: int, seed: int) -> Iterator[Task]:
    for item in load_paper().choice:
        first, second = (_choose(item.text, options, seed) for options in (item.options, turned(item.options)))
        yield Task((first, second), lambda answers: answers[0].text == answers[1].text)


def _group(_: int, seed: int) -> Iterator[Task]:
    prompt = load_prompt("exam_group")
    for place, item in enumerate(load_paper().group):
        topics = sorted(item.group_of, key=lambda phrase: order_key(phrase, seed))
        longest = min(prompt.about.max_tokens, 4 * len(topics) + 20 * item.most + 40)
        messages = prompt.render(topics=topics, most=item.most)
        question = Question("exam", prompt.fingerprint, messages, Structured(Groups), longest, seed=seed)
        gold = [item.group_of[topic] for topic in topics]
        yield Task((question,), lambda answers, item=item, gold=gold: _together(answers[0].value, item.most, gold), harder=place > 0)  # type: ignore[misc]


TASKS: Mapping[str, Callable[[int, int], Iterator[Task]]] = {
    "format": _format, "cap": _cap, "language": _language, "choice": _choice, "long_prompt": _long_prompt, "stability": _stability,
    "group": _group,
}  # fmt: skip


def _label(text: str, options: tuple[str, ...], right: str, seed: int) -> Task:
    return Task((_choose(text, options, seed),), _chose(right))


def _choose(text: str, options: tuple[str, ...], seed: int) -> Question:
    return _question("exam_choice", Choice(options), seed, options=options, text=text)


def _question(name: str, form: AnswerForm, seed: int, **inputs: object) -> Question:
    prompt = load_prompt(name)
    return Question("exam", prompt.fingerprint, prompt.render(**inputs), form, prompt.about.max_tokens, seed=seed)


def _chose(right: str) -> Callable[[Sequence[Answer]], bool]:
    return lambda answers: answers[0].text == right


def _facts_right(value: BaseModel | None, item: FormatItem) -> bool:
    return value is not None and right_object(value.model_dump(), item.right)


def _few_enough(value: BaseModel | None, item: CapItem) -> bool:
    return isinstance(value, CategoryNames) and within_cap(value.categories, most=item.most, phrases=list(item.phrases))


def _together(value: BaseModel | None, most: int, gold: Sequence[str]) -> bool:
    if not isinstance(value, Groups):
        return False
    found = value.categories
    return well_grouped([group.covers for group in found], [group.name for group in found], most=most, gold=gold)


def _spoken(text: str | None, item: LanguageItem) -> bool:
    return text is not None and in_language(text, item.language)


def _long_characters(context_tokens: int) -> int:
    return min(LONG_CHARACTERS, context_tokens * CHARACTERS_A_TOKEN // 2)
