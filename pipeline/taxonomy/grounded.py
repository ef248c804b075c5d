"""Stages 2 and 3 by a model that groups by itself: numbered, counted phrases, categories that cite before they are named, edits.

What the model answers is checked by code. A wrong answer goes back to it with all that is wrong, a little warmer each time;
in the end what is valid of the best answer is kept. What no category cites comes again with the next minibatch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.embedding import Embedder
from pipeline.errors import TaxonomyError
from pipeline.prompts import load_prompt
from pipeline.records import Category, Measure, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project, SizeRange
from pipeline.taxonomy.citations import Cited, Item, NameRules, Violation, coverage, items, judge, little_cited, names_language
from pipeline.taxonomy.edits import Editor
from pipeline.taxonomy.figures import share_of
from pipeline.taxonomy.repairing import Asking
from pipeline.taxonomy.sample import Sample
from pipeline.taxonomy.versions import Draft, Version
from pipeline.taxonomy_answers import EditsAnswer, GroupsAnswer, edits_form, groups_form
from pipeline.text import tidy_description

__all__ = ["MOST_PHRASES", "generate_grounded", "minibatch_bounds", "update_grounded"]

MOST_PHRASES = 150  # in one question: what the exam asks for
MEMBERS = 6  # phrases shown of each category that is there
NAMED = 4  # phrases named in a reason


@dataclass(frozen=True)
class _Generated:
    kept: tuple[Cited, ...]
    violations: tuple[Violation, ...]
    covered: float


@dataclass(frozen=True)
class _Updated:
    draft: Draft
    editor: Editor
    violations: tuple[Violation, ...]
    covered: float


@dataclass(frozen=True)
class _Shown:
    """What an update shows: new phrases, and some of the phrases of each category, all numbered in one list."""

    new: tuple[Item, ...]
    members: tuple[tuple[Item, ...], ...]  # of each category

    @property
    def listed(self) -> tuple[Item, ...]:
        return (*self.new, *(item for own in self.members for item in own))

    def of(self, place: int) -> list[tuple[int, str, int]]:
        """Number the phrases of one category."""
        before = len(self.new) + sum(map(len, self.members[:place]))
        return [(before + number, item.phrase, len(item)) for number, item in enumerate(self.members[place], 1)]


def generate_grounded(
    sample: Sample, *, parent: Taxonomy | None = None, chat: Chat, embedder: Embedder, project: Project, version_id: str, phrases: int = MOST_PHRASES
) -> Version:
    """Make the first version from the first minibatch, by one question: group all phrases, and name each group.

    With a parent, whose categories a person gave, it is the parent's update with the whole minibatch.

    :param phrases: the most that are asked for at once, the most frequent ones; the others come with the next minibatch.
    :raises TaxonomyError: when there is nothing to group, or nothing valid comes.
    """
    if parent is not None:
        return update_grounded(parent, sample, start=0, chat=chat, embedder=embedder, project=project, version_id=version_id, phrases=phrases)
    listed = items(sample, range(len(sample)))[:phrases]
    if len(listed) < 2:
        raise TaxonomyError(
            f"There are {len(sample)} documents with {len(listed)} phrases, and grouping needs at least 2 different ones."
            " Add documents, or set taxonomy.question to one that tells them apart."
        )
    asking = _ask_for_groups(listed, sample, chat, project)
    while not asking.fits and len(listed) > 2:
        listed = listed[: len(listed) * 2 // 3]
        asking = _ask_for_groups(listed, sample, chat, project)
    bounds, rules = minibatch_bounds(len(listed), project.taxonomy.size), NameRules.of(project, embedder)

    def tried(answer: GroupsAnswer) -> _Generated:
        found = judge(answer.categories, listed, fewest=bounds[0], most=bounds[1], rules=rules)
        return _Generated(found.kept, found.violations, coverage(listed, {number for cited in found.kept for number in cited.numbers}))

    best, said = asking.best(tried)
    if best is None or not best.kept:
        raise TaxonomyError(
            f"The generator {chat.model} found no valid category for {len(listed)} phrases. Wrong with its last answer: {' '.join(said)[:1000]}"
            " Set taxonomy.grouping to vectors, or another generator.model."
        )
    draft = Draft(version_id, sample)
    for cited in best.kept:
        own = [listed[number - 1] for number in cited.numbers]
        group = sample.ranked([index for item in own for index in item.indices])
        draft.add(cited.name, tidy_description(cited.description), group, f"{len(group)} documents with the phrases {_named(own)}")
    return draft.finish("generate", use_case=project.use_case, measures=_coverage(draft), note=_note(best.violations))


def update_grounded(
    parent: Taxonomy, sample: Sample, *, start: int, chat: Chat, embedder: Embedder, project: Project, version_id: str, phrases: int = MOST_PHRASES
) -> Version:
    """Update a version with the minibatch that begins at `start`, and with all that no category cites yet, by one question.

    The rating of the new version is the share of the minibatch that the model places in categories of its parent. Where no
    answer can be used, the version is as its parent is, and its note says why.

    :param phrases: the most that are asked for at once, the most frequent ones; the others come with the next minibatch.
    """
    before = Draft.from_taxonomy(version_id, parent, sample)
    uncited = before.uncited()
    if not uncited:
        rating = 1.0 if start < len(sample) else None
        return before.finish("update", use_case=project.use_case, rating=rating, measures=_coverage(before))
    shown = _shown(before, parent, items(sample, uncited)[:phrases])
    asking = _ask_for_edits(shown, parent, sample, chat, project)
    while not asking.fits and len(shown.new) > 1:
        shown = _Shown(shown.new[: len(shown.new) * 2 // 3], tuple(own[: len(own) // 2] for own in shown.members))
        asking = _ask_for_edits(shown, parent, sample, chat, project)
    rules = NameRules.of(project, embedder)
    best, said = asking.best(lambda answer: _edited(answer, shown, parent, sample, version_id, project.taxonomy.size, rules))
    if best is None:
        note = f"The generator gave no answer that could be used: {' '.join(said)[:1000]}"
        return before.finish("update", use_case=project.use_case, measures=_coverage(before), note=note)
    rating = _rating(before, shown, best.editor, start)
    return best.draft.finish("update", use_case=project.use_case, rating=rating, measures=_coverage(best.draft), note=_note(best.violations))


def minibatch_bounds(phrases: int, size: SizeRange) -> tuple[int, int]:
    """Say how few and how many categories to ask for: what is wanted, as far as there are two phrases for each."""
    most = min(size.max, phrases, max(size.min, phrases // 2))
    return max(1, min(size.min, phrases // 2, most)), most


def _ask_for_groups(listed: Sequence[Item], sample: Sample, chat: Chat, project: Project) -> Asking:
    prompt = load_prompt("generate")
    fewest, most = minibatch_bounds(len(listed), project.taxonomy.size)
    about = _about(sample, project) | {"fewest": fewest, "most": most, "phrases": _counted(listed)}
    longest = min(prompt.about.max_tokens, 40 + 5 * len(listed) + 60 * most)  # numbers, and what a category takes beside them
    form = groups_form(len(listed), most)
    return Asking(chat, prompt, "generate", form, lambda attempts: prompt.render(attempts=attempts, **about), longest, project.seed)


def _ask_for_edits(shown: _Shown, parent: Taxonomy, sample: Sample, chat: Chat, project: Project) -> Asking:
    prompt, size, handles = load_prompt("update"), project.taxonomy.size, _handles(parent)
    existing = [
        {"handle": handle, "name": category.name, "description": category.description, "phrases": shown.of(place)}
        for place, (handle, category) in enumerate(handles.items())
    ]
    about = _about(sample, project) | {"fewest": size.min, "most": size.max, "existing": existing, "phrases": _counted(shown.new)}
    longest = min(prompt.about.max_tokens, 400 + 6 * len(shown.new) + 20 * len(handles))  # some edits, numbers, and a line a category
    form = edits_form(len(shown.listed), tuple(handles))
    return Asking(chat, prompt, "update", form, lambda attempts: prompt.render(attempts=attempts, **about), longest, project.seed)


def _edited(answer: EditsAnswer, shown: _Shown, parent: Taxonomy, sample: Sample, version_id: str, size: SizeRange, rules: NameRules) -> _Updated:
    """Do to a new draft what an answer asks for, and list what could not be done."""
    draft = Draft.from_taxonomy(version_id, parent, sample)
    handles = {handle: category.category_id for handle, category in _handles(parent).items()}
    editor = Editor(draft, shown.listed, handles, size, rules)
    editor.apply(answer)
    left = set(draft.uncited()) - editor.covered
    cited = {number for number, item in enumerate(shown.new, 1) if left.isdisjoint(item.indices)}
    violations = [Violation("refused_edit", f"{refusal}.") for refusal in editor.refused]
    if editor.size < size.min:
        violations.append(Violation("too_few", f"There are {editor.size} categories then, and at least {size.min} are needed: add some."))
    if found := little_cited(shown.new, cited):
        violations.append(found)
    return _Updated(draft, editor, tuple(violations), coverage(shown.new, cited))


def _shown(draft: Draft, parent: Taxonomy, new: tuple[Item, ...]) -> _Shown:
    """List what there is, without the phrases of frozen categories, which no edit may move."""
    return _Shown(
        new,
        tuple(
            () if category.status == "frozen" else items(draft.sample, draft.groups[category.category_id].indices)[:MEMBERS]
            for category in parent.leaves
        ),
    )


def _handles(parent: Taxonomy) -> dict[str, Category]:
    return {f"C{place}": category for place, category in enumerate(parent.leaves, 1)}


def _rating(before: Draft, shown: _Shown, editor: Editor, start: int) -> float | None:
    """Give the share of the minibatch that had a category before; None where nothing of it was asked."""
    uncited, asked = set(before.uncited()), {index for item in shown.new for index in item.indices}
    minibatch = [index for index in range(start, len(before.sample)) if index not in uncited or index in asked]
    had_one = [index for index in minibatch if index not in uncited or index in editor.covered]
    return len(had_one) / len(minibatch) if minibatch else None


def _about(sample: Sample, project: Project) -> dict[str, object]:
    return {"use_case": project.use_case, "question": sample.question or project.use_case, "language": names_language(project)}


def _counted(listed: Sequence[Item]) -> list[tuple[str, int]]:
    return [(item.phrase, len(item)) for item in listed]


def _named(own: Sequence[Item]) -> str:
    named = ", ".join(item.phrase for item in own[:NAMED])
    return f"{named} and {len(own) - NAMED} more" if len(own) > NAMED else named


def _coverage(draft: Draft) -> list[Measure]:
    count = len(draft.sample)
    return share_of(draft.taxonomy_id, "citation_coverage", count - len(draft.uncited()), count, judge="citations")


def _note(violations: Sequence[Violation]) -> str:
    """Say what was left as it is."""
    return f"Left of the model's answer: {' '.join(violation.message for violation in violations)}"[:1000] if violations else ""
