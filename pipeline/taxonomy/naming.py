"""Names and descriptions for groups of documents: asked of the model, checked by code, asked again with the reason.

A name that is refused in every round is replaced by the group's most frequent phrase, and the change's reason says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.answers import CategoryAnswer
from pipeline.embedding import Embedder
from pipeline.fitting import fit_texts, shown_hashes
from pipeline.prompts import Prompt, load_prompt
from pipeline.serving.contract import Chat, Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.sample import Group, Sample
from pipeline.text import content_words, name_key, tidy_description

__all__ = ["CATCH_ALL", "GENERIC_WORDS", "PROMPT_WORDS", "AlikeNames", "Named", "Namer", "alike_names", "why_refused"]

PHRASES, TEXTS = 12, 6  # shown of each group: what a 1.5 B model reads without losing the thread
ROUNDS = 4
LONGEST_NAME = 5  # words
CATCH_ALL = content_words("other general miscellaneous misc various unknown none uncategorised uncategorized rest everything anything")
PROMPT_WORDS = frozenset("text topic group category item request query heading name document message user taxonomy label".split())
GENERIC_WORDS = frozenset("management service planning control information activity support help request task issue question".split())
SAME_NAME = 0.8  # cosine of two names from which they are one name to a reader
ALIKE = 0.62  # and from which a reader would ask what tells them apart


@dataclass(frozen=True)
class Named:
    """A name and description with how they came about, and whether the model gave them."""

    name: str
    description: str
    reason: str
    by_model: bool = True


@dataclass(frozen=True)
class AlikeNames:
    """Two names by their places in a list.

    `same` where nothing tells them apart, `alike` where a reader would ask what does; otherwise they share a telling word.
    """

    first: int
    second: int
    likeness: float
    same: bool

    @property
    def alike(self) -> bool:
        """Say whether the categories may be one."""
        return self.same or self.likeness >= ALIKE


def why_refused(name: str, *, use_case: str, taken: Sequence[str] = ()) -> str | None:
    """Say why a name is no name for a category, or None where it is one."""
    words = content_words(name)
    if not words:
        return "it says nothing"
    if len(name.split()) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} words"
    if words & CATCH_ALL:
        return "it is a catch-all"
    if words <= PROMPT_WORDS | content_words(use_case):
        return "it only repeats the question"
    if name_key(name) in {name_key(other) for other in taken}:
        return "taken by another group"
    return None


def alike_names(names: Sequence[str], *, embedder: Embedder) -> list[AlikeNames]:
    """List the pairs of names that are one to a reader, or close, or share a telling word, the most alike first."""
    vectors = embedder.embed(names)
    likeness = vectors @ vectors.T
    pairs = []
    for second in range(len(names)):
        for first in range(second):
            same = bool(likeness[first, second] >= SAME_NAME) or content_words(names[first]) == content_words(names[second])
            shared = (content_words(names[first]) & content_words(names[second])) - GENERIC_WORDS
            if same or shared or likeness[first, second] >= ALIKE:
                pairs.append(AlikeNames(first, second, 1.0 if same else float(likeness[first, second]), same=same))
    return sorted(pairs, key=lambda pair: -pair.likeness)


@dataclass(frozen=True)
class Namer:
    """Asks for names, with everything a question needs but the group."""

    sample: Sample
    chat: Chat
    project: Project
    purpose: str

    def name(self, groups: Sequence[Group], *, taken: Sequence[str] = ()) -> list[Named]:
        """Name groups, each on its own; two groups may get one name, which the caller settles."""
        prompt = load_prompt("name_category")
        answers = self.chat.ask(self._question(prompt, found, round_=0) for found in groups)
        return [
            self._accept(answer.value) or self.rename(found, refused=self._text(answer.value), taken=taken)
            for found, answer in zip(groups, list(answers), strict=True)
        ]

    def rename(self, found: Group, *, refused: str, taken: Sequence[str], reason: str | None = None) -> Named:
        """Find another name for one group, telling the model why the last one was refused."""
        prompt = load_prompt("rename_category")
        why = reason or why_refused(refused, use_case=self.project.use_case, taken=taken) or "the answer could not be read"
        for round_ in range(1, ROUNDS):
            question = self._question(prompt, found, round_=round_, refused=refused, reason=why, taken=list(taken))
            answer = next(iter(self.chat.ask([question])))
            if accepted := self._accept(answer.value, taken=taken):
                return accepted
            refused = self._text(answer.value)
            why = why_refused(refused, use_case=self.project.use_case, taken=taken) or "the answer could not be read"
        return self._fall_back(found, taken, f"the model's name {refused!r} was refused: {why}")

    def _question(self, prompt: Prompt, found: Group, *, round_: int, **more: object) -> Question:
        language = "English" if self.project.taxonomy.language == "document" else self.project.taxonomy.language
        asked = self.sample.question or self.project.use_case
        about = {"use_case": self.project.use_case, "question": asked, "language": language, **more}
        phrases, spread = self.sample.counted_phrases(found, PHRASES), self.sample.spread_texts(found, TEXTS)
        messages = fit_texts(
            lambda texts: prompt.render(phrases=phrases, texts=texts, **about),
            spread,
            chat=self.chat,
            max_tokens=prompt.about.max_tokens,
        )
        form, seed = Structured(CategoryAnswer), self.project.seed + round_
        temperature = prompt.about.temperature + 0.1 * max(0, round_ - 1)
        return Question(self.purpose, prompt.fingerprint, messages, form, prompt.about.max_tokens, temperature, seed, shown_hashes(spread))

    def _accept(self, value: object, *, taken: Sequence[str] = ()) -> Named | None:
        if not isinstance(value, CategoryAnswer) or why_refused(value.name.strip(), use_case=self.project.use_case, taken=taken):
            return None
        return Named(" ".join(value.name.split()), tidy_description(value.description), "named by the model from its phrases and texts")

    def _text(self, value: object) -> str:
        return value.name if isinstance(value, CategoryAnswer) else "(no answer)"

    def _fall_back(self, found: Group, taken: Sequence[str], why: str) -> Named:
        for phrase, _ in self.sample.counted_phrases(found, len(found)):
            if why_refused(phrase, use_case=self.project.use_case, taken=taken) is None:
                return Named(phrase.title(), f"Texts about {phrase}.", f"named after its most frequent phrase; {why}", by_model=False)
        number = next(number for number in range(1, len(taken) + 2) if f"Group {number}" not in taken)
        return Named(f"Group {number}", "Texts that no phrase names.", f"left without a name; {why}", by_model=False)
