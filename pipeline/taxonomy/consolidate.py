"""Consolidation: no two categories that a reader would take for one.

Near-equal categories are found by their names, by code. Whether two of them are one is not asked (a small model says yes
to most pairs, whatever they are) but tried: the model sorts some documents of both by their names and descriptions.
Where it cannot, nobody will label by them, and they are merged; where merging would leave too few, one is renamed.
"""

from dataclasses import dataclass, field

from pipeline.embedding import Embedder
from pipeline.fitting import shown_hashes
from pipeline.prompts import load_prompt
from pipeline.serving.contract import Choice, Question
from pipeline.taxonomy.naming import AlikeNames, Namer, alike_names
from pipeline.taxonomy.versions import Draft
from pipeline.text import cut_words, name_key

__all__ = ["settle"]

SHOWN, WORDS = 5, 40  # documents of each category that are sorted, and words shown of each
TOLD_APART = 0.7  # share of them that must come out right


@dataclass
class _Settling:
    """What has been tried in one consolidation."""

    draft: Draft
    namer: Namer
    renamed: set[str] = field(default_factory=set)
    apart: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def may_merge(self) -> bool:
        """Say whether one category less is still enough."""
        return len(self.draft.categories) > self.namer.project.taxonomy.size.min


def settle(draft: Draft, namer: Namer, *, embedder: Embedder) -> None:
    """Rename and merge until no two names say the same and no two like categories are beyond telling apart.

    Where merging would leave fewer categories than are wanted, and where two names only share a word, both stay after one
    renaming. Locked and frozen categories are never renamed and never merged into another one.
    """
    trying = _Settling(draft, namer)
    while any(_settled(trying, pair) for pair in alike_names(draft.names(), embedder=embedder)):
        pass


def _settled(trying: _Settling, pair: AlikeNames) -> bool:
    """Do what there is to do about a pair; False where nothing is left to do."""
    draft = trying.draft
    larger, smaller = _by_size(draft, pair)
    if draft.categories[smaller].kept:
        return False
    kept, gone = draft.categories[larger].name, draft.categories[smaller].name
    one = pair.same or (pair.alike and not _told_apart(trying, larger, smaller))
    if one and trying.may_merge and (pair.same or smaller in trying.renamed):
        draft.merge(smaller, larger, f"its name {gone!r} says the same as {kept!r}{_how(trying, kept, gone)}")
        return True
    may_help = one or not pair.alike  # a pair that is told apart is left as it is, one that shares a word gets another try
    return may_help and smaller not in trying.renamed and _rename(trying, smaller, kept, gone, alike=one)


def _rename(trying: _Settling, smaller: str, kept: str, gone: str, *, alike: bool) -> bool:
    draft, namer = trying.draft, trying.namer
    trying.renamed.add(smaller)
    named = namer.rename(draft.groups[smaller], refused=gone, taken=draft.names(but=smaller), reason=f"too much like {kept}")
    if named.by_model or alike:  # a name that only shares a word with another one still says more than a phrase
        draft.rename(smaller, named.name, named.description, f"{gone!r} is too much like {kept!r}; {named.reason}")
    return True


def _told_apart(trying: _Settling, larger: str, smaller: str) -> bool:
    """Try whether the model sorts documents of both the way they are grouped; remembered by the two names."""
    pair = (trying.draft.categories[larger], trying.draft.categories[smaller])
    names = (pair[0].name, pair[1].name)
    if name_key(names[0]) == name_key(names[1]):
        return False
    if names not in trying.apart:
        prompt, namer = load_prompt("tell_apart"), trying.namer
        about = {"question": namer.sample.question or namer.project.use_case, "categories": pair}
        shown = [
            (category.name, text)
            for key, category in zip((larger, smaller), pair, strict=True)
            for text in namer.sample.spread_texts(trying.draft.groups[key], SHOWN)
        ]
        answers = namer.chat.ask(
            Question(
                namer.purpose,
                prompt.fingerprint,
                prompt.render(text=cut_words(text, WORDS)[0], **about),
                Choice(names),
                prompt.about.max_tokens,
                texts=shown_hashes([text]),
            )
            for _, text in shown
        )
        right = [answer.text == name for answer, (name, _) in zip(answers, shown, strict=True) if answer.outcome == "ok"]
        trying.apart[names] = sum(right) / len(right) if right else 1.0
    return trying.apart[names] >= TOLD_APART


def _how(trying: _Settling, kept: str, gone: str) -> str:
    share = trying.apart.get((kept, gone))
    return "" if share is None else f", and {share:.0%} of documents of both are sorted right by them"


def _by_size(draft: Draft, pair: AlikeNames) -> tuple[str, str]:
    """Give the category that stays and the one that may go: kept ones stay, then the larger one does."""
    keys = list(draft.categories)
    found = sorted((keys[pair.first], keys[pair.second]), key=lambda key: (not draft.categories[key].kept, -len(draft.groups[key])))
    return found[0], found[1]
