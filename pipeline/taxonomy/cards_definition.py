"""Definitions: written by the model against the nearest sibling, refused by code, and kept where they help to choose.

What is measured is what a definition is for. Texts of a category and of its sibling, none of them shown to the writer, are
put to the model as a choice between the two names, with the old description and with the new one. The new one is kept
where the right names get more probability, or as much as by a description that code refuses. One that already tells all
texts apart is left as it is.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.fitting import DocumentPrompt, fit_texts, shown_hashes
from pipeline.languages import other_language
from pipeline.prompts import Prompt, load_prompt
from pipeline.records import Measure
from pipeline.serving.contract import Answer, Chat, Choice, Line, Question
from pipeline.settings import Project
from pipeline.taxonomy.cards_contrast import Contrast
from pipeline.taxonomy.cards_cues import words_of
from pipeline.taxonomy.cards_wording import taxonomy_language, wording
from pipeline.taxonomy.figures import mean_of, share_of
from pipeline.taxonomy.naming import PROMPT_WORDS
from pipeline.text import content_words, cut_words, tidy_description

__all__ = ["Definer", "Definitions", "gains_of", "why_unfit"]

PURPOSE = "describe"
PHRASES, BESIDE_PHRASES, TEXTS = 8, 3, 2  # shown to the writer
SHOWN_WORDS = 40  # of each text
TRIED = 2  # texts of each side that a definition is tried on
WORTH = 0.02  # mean gain in probability from which a new definition takes the place of one that will do
RIGHT = 0.5  # probability of the right name from which a text is told apart
LONGEST, LONGEST_LINE = 24, 200  # words, characters
TOO_OFTEN = 3  # times that a definition may not say a word
ECHO = 4  # words in a row that a definition may not share with the prompt, the use case or a single text

Trial = tuple[str, str]  # the category whose definition is tried, and the sibling it is tried against


@dataclass(frozen=True)
class Definitions:
    """The description of each category, with what was measured of those that were tried.

    :param before: probability of the right name for each text of a trial, with the descriptions as they were; None unanswered.
    :param after: the same with a new definition of one of the two, by the category that it is of.
    """

    texts: Mapping[str, str]
    before: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    after: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    written: int = 0
    kept: int = 0

    def measures(self, taxonomy_id: str, judge: str) -> list[Measure]:
        """Give the figures: how well the categories were told apart, and what each new definition changed."""
        told_apart = [value for values in self.before.values() for value in values if value is not None]
        gains = {key: gain for key, values in self.after.items() if (gain := gains_of(self.before[key], values))}
        found = mean_of(taxonomy_id, "told_apart", told_apart, judge=judge)
        if gains:
            means = [sum(values) / len(values) for values in gains.values()]
            found.append(Measure(taxonomy_id, "definition_gain", sum(means) / len(means), len(means), judge=judge))
        found += [
            Measure(taxonomy_id, f"definition_gain:{key}", sum(values) / len(values), len(values), judge=judge) for key, values in gains.items()
        ]
        return [*found, *share_of(taxonomy_id, "definitions_kept", self.kept, self.written, judge=judge)]


def why_unfit(
    line: str, *, name: str, use_case: str, language: str, beside: str = "", known: Iterable[str] = (), echoes: Iterable[str] = ()
) -> str | None:
    """Say why a line is no definition of a category, or None where it is one.

    :param beside: the name of the category beside it.
    :param known: what the category is about; a banned word that is in it is none.
    :param echoes: texts that a definition must not repeat: the prompt, and the documents shown with it.
    """
    words, telling = words_of(line), content_words(line)
    if not telling or telling <= content_words(name) or telling <= content_words(beside):
        return "it says no more than a name"
    if len(words) > LONGEST:
        return f"it is longer than {LONGEST} words"
    if found := sorted((set(words) & set(wording(language).banned.split())) - {word for text in (name, *known) for word in words_of(text)}):
        return f"it speaks of {' and '.join(found)}"
    if any(sum(word in content_words(said) for said in words) >= TOO_OFTEN for word in telling):
        return "it says one thing over and over"
    if telling <= PROMPT_WORDS | content_words(use_case) | content_words(name):
        return "it only repeats the question"
    if any(_share(words, words_of(text)) for text in (use_case, *echoes)):
        return "it repeats what it was shown"
    strange = other_language(line, language)
    return f"it is in another language ({strange})" if strange else None


def gains_of(before: Sequence[float | None], after: Sequence[float | None]) -> list[float]:
    """Give what each text gained that was answered both times."""
    return [new - old for old, new in zip(before, after, strict=True) if old is not None and new is not None]


@dataclass(frozen=True)
class Definer:
    """Writes definitions, with everything a question needs but the category."""

    contrast: Contrast
    chat: Chat
    project: Project

    def define(self) -> Definitions:
        """Write the definitions that are missing, unfit or do not tell a category from its sibling; keep those that help."""
        old = {key: category.description for key, category in self.contrast.categories.items()}
        trials = {key: trial for key in old if (trial := self._trial(key))}
        before = self._judge({key: (trial, old) for key, trial in trials.items()})
        unsure = {key for key, values in before.items() if any(value is not None and value < RIGHT for value in values)}
        changeable = [key for key in old if self._may_write(key)]
        unfit = {key for key in changeable if self._why_unfit(key, old[key])}
        new = self._write([key for key in changeable if key in unsure | unfit])
        after = self._judge({key: (trials[key], old | {key: text}) for key, text in new.items() if key in trials})
        gains = {key: gains_of(before[key], after[key]) for key in after}
        kept = {key: text for key, text in new.items() if not old[key] or _mean(gains.get(key, [])) >= (0 if key in unfit else WORTH)}
        named = {key: self._from_phrases(key) for key in old if not old[key] and key not in kept and len(self.contrast.groups[key])}
        return Definitions(old | named | kept, before, after, len(new), len(kept))

    def _may_write(self, key: str) -> bool:
        category = self.contrast.categories[key]
        return len(self.contrast.groups[key]) > 0 and not (category.kept and category.description)

    def _trial(self, key: str) -> Trial | None:
        """Give the sibling that a leaf with members is easily mixed up with, if there is one that has another name."""
        beside, categories = self._beside(key), self.contrast.categories
        if beside is None or not self.contrast.confusable(key, beside) or categories[beside].name == categories[key].name:
            return None
        return key, beside

    def _judge(self, trials: Mapping[str, tuple[Trial, Mapping[str, str]]]) -> dict[str, list[float | None]]:
        """Ask about the texts of trials, each with its descriptions; two trials may share a question, which is asked once."""
        posed = {key: self._questions(trial, described) for key, (trial, described) in trials.items()}
        asked = list(dict.fromkeys(question for questions in posed.values() for question, _ in questions))
        answers = dict(zip(asked, self.chat.ask(asked), strict=True))
        return {key: [_probability(answers[question], name) for question, name in questions] for key, questions in posed.items()}

    def _questions(self, trial: Trial, described: Mapping[str, str]) -> list[tuple[Question, str]]:
        """Pose the choice between two categories for texts of both, each with the right name."""
        categories = self.contrast.categories
        pair = [key for key in categories if key in trial]  # in the taxonomy's order, so that both ask the same
        options = [{"name": categories[key].name, "description": described[key]} for key in pair]
        form = Choice(tuple(option["name"] for option in options))
        prompt = DocumentPrompt(load_prompt("card_check"), form, purpose=PURPOSE, chat=self.chat, project=self.project, categories=options)
        sides = [self.contrast.close_members(key, other, TRIED, but=self._shown(key)) for key, other in (pair, pair[::-1])]
        right = [(index, option["name"]) for option, side in zip(options, sides, strict=True) for index in side]
        texts = [(self.contrast.sample.texts[index], name) for index, name in right] if all(sides) else []
        posed = [(prompt.pose(cut_words(text, SHOWN_WORDS)[0], of=shown_hashes([text])), name) for text, name in texts]
        return [(one.question, name) for one, name in posed if one.question is not None]

    def _write(self, keys: Sequence[str]) -> dict[str, str]:
        prompt = load_prompt("card_definition")
        answers = self.chat.ask([self._definition_question(prompt, key) for key in keys])
        lines = {key: _tidy(answer.text) for key, answer in zip(keys, answers, strict=True) if answer.text}
        return {key: line for key, line in lines.items() if self._why_unfit(key, line, prompt) is None}

    def _definition_question(self, prompt: Prompt, key: str) -> Question:
        contrast = self.contrast
        beside = self._beside(key)
        about = {
            "use_case": self.project.use_case,
            "language": taxonomy_language(self.project.taxonomy.language),
            "name": contrast.categories[key].name,
            "phrases": contrast.sample.counted_phrases(contrast.groups[key], PHRASES),
            "beside": contrast.categories[beside].name if beside else "",
            "beside_phrases": [phrase for phrase, _ in contrast.sample.counted_phrases(contrast.groups[beside], BESIDE_PHRASES)] if beside else [],
        }
        texts = [contrast.sample.texts[index] for index in self._shown(key)]
        messages = fit_texts(lambda shown: prompt.render(texts=shown, **about), texts, chat=self.chat, max_tokens=prompt.about.max_tokens)
        limits = prompt.about
        return Question(PURPOSE, prompt.fingerprint, messages, Line(), limits.max_tokens, limits.temperature, texts=shown_hashes(texts))

    def _beside(self, key: str) -> str | None:
        """Give the nearest sibling that has members."""
        return next((other for other in self.contrast.siblings(key)[:1] if other in self.contrast.centres), None)

    def _shown(self, key: str) -> list[int]:
        """Give the members that the writer sees: clear ones."""
        return self.contrast.examples(key, TEXTS)

    def _why_unfit(self, key: str, line: str, prompt: Prompt | None = None) -> str | None:
        contrast, shown, beside = self.contrast, self._shown(key), self._beside(key)
        echoes = [turn.body for turn in prompt.turns[:-1]] if prompt else []
        return why_unfit(
            line,
            name=contrast.categories[key].name,
            use_case=self.project.use_case,
            language=taxonomy_language(self.project.taxonomy.language),
            beside=contrast.categories[beside].name if beside else "",
            known=[phrase for phrase, _ in contrast.sample.counted_phrases(contrast.groups[key], PHRASES)],
            echoes=[*echoes, *(contrast.sample.texts[index] for index in shown)],
        )

    def _from_phrases(self, key: str) -> str:
        """Describe a category that has no description, and got none, by its most frequent phrases."""
        phrases = [phrase for phrase, _ in self.contrast.sample.counted_phrases(self.contrast.groups[key], 3) if phrase]
        line = ", ".join(phrases)
        return tidy_description(line[:1].upper() + line[1:]) if phrases else ""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _tidy(line: str) -> str:
    """Bring a definition into one line, without the parts of a list that say nothing new."""
    said: set[str] = set()
    kept: list[str] = []
    for part in tidy_description(line, LONGEST_LINE).rstrip(".").split(", "):
        if not kept or content_words(part) - said:
            kept.append(part)
        said |= content_words(part)
    return f"{', '.join(kept)}."


def _probability(answer: Answer, name: str) -> float | None:
    if answer.outcome != "ok":
        return None
    return math.exp(answer.scores[name]) if answer.scores is not None else float(answer.text == name)


def _share(words: Sequence[str], others: Sequence[str]) -> bool:
    """Say whether two texts share so many words in a row."""
    runs = [{tuple(text[place : place + ECHO]) for place in range(len(text) - ECHO + 1)} for text in (words, others)]
    return not runs[0].isdisjoint(runs[1])
