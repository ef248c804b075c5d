"""The labelling guide: what a person reads who labels by the taxonomy, in Markdown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.answers import TieBreakAnswer
from pipeline.choosing import NONE_FITS
from pipeline.fitting import fit_texts, shown_hashes
from pipeline.languages import other_language
from pipeline.prompts import Prompt, load_prompt
from pipeline.records import Category
from pipeline.serving.contract import Chat, Message, Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.cards_contrast import Contrast
from pipeline.taxonomy.cards_wording import Wording, taxonomy_language, wording
from pipeline.text import ELLIPSIS, content_words, cut_words

__all__ = ["CUES", "TieBreaker", "break_ties", "own_cues", "tie_clauses", "write_guide"]

PURPOSE = "describe"
CUES = 3  # of each category, shown to the model
QUOTED_WORDS = 30  # of a document in the guide
LONGEST = 16  # words of each half of a tie-breaker
LITTLE_WORDS = content_words("it about ask asks be been done give given made make say says something text user")  # that tell nothing apart
DEEPEST = 6  # levels of headings in Markdown
MARKS = re.compile(r"[\\`*<]|\b_|_\b|(?<!\w)_|_(?!\w)|\](?=[(\[])|^[#>+-]|^\d+(?=[.)])")  # that mean something where they stand


@dataclass(frozen=True)
class TieBreaker:
    """How to decide between two categories, in one line of Markdown that has both names; `by_model` where the model told them apart."""

    first: str
    second: str
    line: str
    by_model: bool


def break_ties(contrast: Contrast, categories: Mapping[str, Category], *, chat: Chat, project: Project) -> list[TieBreaker]:
    """Ask for each confusable pair what tells the two apart; where the answer will not do, their cues or descriptions say it."""
    prompt, language = load_prompt("tie_break"), taxonomy_language(project.taxonomy.language)
    pairs = [(categories[pair.first], categories[pair.second]) for pair in contrast.pairs]
    pairs = [(first, second) for first, second in pairs if first.name != second.name]
    answers = chat.ask([_question(pair, contrast, prompt, chat=chat, language=language) for pair in pairs])
    return [_tie_breaker(*pair, answer.value, contrast, language) for pair, answer in zip(pairs, answers, strict=True)]


def write_guide(categories: Mapping[str, Category], contrast: Contrast, ties: Sequence[TieBreaker], *, project: Project) -> str:
    """Write the guide: the question and the rules, a card for each category, and the tie-breakers.

    :param categories: by id, each before those below it.
    """
    words = wording(taxonomy_language(project.taxonomy.language))
    rules = "\n".join(f"{number}. {rule}" for number, rule in enumerate(words.rules, 1)).format(none=NONE_FITS.name)
    asked = words.question.format(question=_plain(contrast.sample.question)) if contrast.sample.question else ""
    opening = "  \n".join(filter(None, [words.use_case.format(use_case=_plain(project.use_case)), asked]))  # two spaces break the line
    parts = [f"# {words.guide}", opening, rules, f"## {words.categories}"]
    for key, depth in _with_depth(categories):
        parts += _card(categories[key], min(DEEPEST, 3 + depth), categories, contrast, words)
    if ties:
        parts += [f"## {words.tie_breakers}", "\n".join(f"- {_torn(tie, words)} {tie.line}" for tie in ties)]
    return "\n\n".join(parts) + "\n"


def _question(pair: tuple[Category, Category], contrast: Contrast, prompt: Prompt, *, chat: Chat, language: str) -> Question:
    """Show of each category its surest cues, a clear text and one that is close to the other."""
    keys = [category.category_id for category in pair]
    sides = [_shown(contrast, key, other) for key, other in (keys, keys[::-1])]
    abouts = [{"name": category.name, "about": list(category.cues[:CUES]) or [category.description]} for category in pair]

    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        parts = (texts[: len(sides[0])], texts[len(sides[0]) :])
        return prompt.render(language=language, sides=[{**about, "texts": part} for about, part in zip(abouts, parts, strict=True)])

    shown = [text for side in sides for text in side]
    messages = fit_texts(render, shown, chat=chat, max_tokens=prompt.about.max_tokens)
    about, form = prompt.about, Structured(TieBreakAnswer)
    return Question(PURPOSE, prompt.fingerprint, messages, form, about.max_tokens, about.temperature, texts=shown_hashes(shown))


def _shown(contrast: Contrast, key: str, other: str) -> list[str]:
    clear = contrast.examples(key, 1)
    return [contrast.sample.texts[index] for index in (*clear, *contrast.close_members(key, other, 1, but=clear))]


def _tie_breaker(first: Category, second: Category, answer: object, contrast: Contrast, language: str) -> TieBreaker:
    words = wording(language)
    clauses = tie_clauses(answer, first, second, language)
    if by_model := bool(clauses) and contrast.tell_apart(clauses, first.category_id, second.category_id):
        sides = [words.does.format(name=_bold(one.name), clause=_plain(clause)) for one, clause in zip((first, second), clauses, strict=True)]
    elif all(cues := [own_cues(first, second), own_cues(second, first)]):
        sides = [words.says.format(name=_bold(one.name), cues=_plain(words.listed(own))) for one, own in zip((first, second), cues, strict=True)]
    else:
        sides = [words.means.format(name=_bold(one.name), description=_plain(one.description).rstrip(" .") or ELLIPSIS) for one in (first, second)]
    return TieBreaker(first.name, second.name, f"{'; '.join(sides)}.", by_model)


def own_cues(category: Category, other: Category) -> list[str]:
    """List the first cues of a category that another does not have."""
    return [cue for cue in category.cues if cue not in other.cues][:CUES]


def tie_clauses(answer: object, first: Category, second: Category, language: str) -> list[str]:
    """Read what is said of each; nothing where the two do not differ, are names, only repeat them, or are in another language."""
    if not isinstance(answer, TieBreakAnswer):
        return []
    clauses = [" ".join(clause.split()).strip(" .;") for clause in (answer.first, answer.second)]
    tellings = [content_words(clause) - content_words(f"{first.name} {second.name}") - LITTLE_WORDS for clause in clauses]
    if tellings[0] == tellings[1] or not all(tellings) or any(len(clause.split()) > LONGEST for clause in clauses):
        return []
    named = any(one.name.casefold() in clause.casefold() for one in (first, second) for clause in clauses)
    return [] if named or other_language(" ".join(clauses), language) else clauses


def _with_depth(categories: Mapping[str, Category]) -> Iterator[tuple[str, int]]:
    depths: dict[str, int] = {}
    for key, category in categories.items():
        depths[key] = depths.get(category.parent_id or "", -1) + 1
        yield key, depths[key]


def _card(category: Category, level: int, categories: Mapping[str, Category], contrast: Contrast, words: Wording) -> list[str]:
    examples = [_quote(text, words) for key in category.examples if (text := contrast.text(key))]
    misses = [f"{_quote(text, words)} {_elsewhere(key, categories, contrast, words)}" for key in category.near_misses if (text := contrast.text(key))]
    rows = {words.cues: " · ".join(map(_plain, category.cues)), words.examples: " · ".join(examples)}
    rows |= {words.near_miss: " · ".join(misses), words.exclusions: " ".join(map(_plain, category.exclusions))}
    head = [f"{'#' * level} {_plain(category.name)}", *filter(None, [_plain(category.description)])]
    lines = "\n".join(f"- **{title}:** {row.strip()}" for title, row in rows.items() if row)
    return [*head, *filter(None, [lines])]


def _elsewhere(text_hash: str, categories: Mapping[str, Category], contrast: Contrast, words: Wording) -> str:
    key, cited = contrast.home(text_hash) or ("", False)
    return f"({(words.belongs_in if cited else words.nearer_to).format(name=_plain(categories[key].name))})" if key else ""


def _quote(text: str, words: Wording) -> str:
    shown, cut = cut_words(text, QUOTED_WORDS)
    return words.quoted.format(text=_plain(f"{shown} {ELLIPSIS}" if cut else shown))


def _torn(tie: TieBreaker, words: Wording) -> str:
    return words.torn.format(first=_plain(tie.first), second=_plain(tie.second))


def _bold(name: str) -> str:
    return f"**{_plain(name)}**"


def _plain(text: str) -> str:
    """Bring a text into one line without a meaning in Markdown."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return MARKS.sub(r"\\\g<0>", " ".join(printable.split()))
