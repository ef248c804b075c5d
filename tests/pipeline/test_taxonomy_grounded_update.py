"""A model that places new phrases in the categories there are: what it answers is checked, told back to it, and kept as far as it is valid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.languages import other_language
from pipeline.records import Category, Summary, Taxonomy
from pipeline.serving.contract import Answer, Question
from pipeline.settings import Project
from pipeline.taxonomy.citations import items, judge
from pipeline.taxonomy.grounded import update_grounded
from pipeline.taxonomy.sample import make_sample
from pipeline.taxonomy.versions import Version
from pipeline.taxonomy_answers import GroupAnswer
from pipeline.testing import ScriptedChat
from tests.grounding import EMBEDDER, GROUPS, RULES, SAMPLE, Reply, edits, generated, groups, members, sample_of, sized, told


def parent_of(project: Project) -> Taxonomy:
    return generated(project, [groups(GROUPS)])[0].taxonomy


NEW = {"lost parcel": 2, "tax return": 4, "tax form": 1, "wrong password": 1}
JOINED = make_sample(
    [
        Summary(text, "spec", shown, phrase, False)
        for part in (SAMPLE, sample_of(NEW, at=100))
        for text, shown, phrase in zip(part.hashes, part.texts, part.phrases, strict=True)
    ],
    embedder=EMBEDDER,
)
TAXES = {"kind": "add", "covers": [1, 3], "name": "Taxes", "description": "Returns and forms."}


def updated(project: Project, reply: Reply, *, parent: Taxonomy | None = None, start: int = len(SAMPLE)) -> tuple[Version, list[Question]]:
    chat = ScriptedChat(reply)
    about = {"chat": chat, "embedder": EMBEDDER, "project": project, "version_id": "tax:2"}
    return update_grounded(parent or parent_of(project), JOINED, start=start, **about), chat.questions  # type: ignore[arg-type]


def test_an_update_places_what_fits_and_edits_for_what_does_not(a_project: Project) -> None:
    project = sized(a_project, 2, 6)
    version, questions = updated(project, [edits(TAXES, C1=[2], C3=[4])])
    shown = told(questions[0])
    assert "C1 Parcels: All about Parcels.\n  Phrases: 5. late parcel (6), 6. lost parcel (5)\nC2 Refunds" in shown
    assert "New phrases:\n1. tax return (4)\n2. lost parcel (2)\n3. tax form (1)\n4. wrong password (1)\n" in shown
    assert shown.endswith("Place all 4. In the end there may be 2 to 6 categories.")
    assert members(version, JOINED)["Taxes"] == {"tax return", "tax form"}
    assert version.taxonomy.rating == pytest.approx(3 / 8)
    assert version.measures[0].value == 1.0
    assert [(change.kind, change.after) for change in version.changes] == [("move", "Parcels"), ("move", "Logins"), ("add", "Taxes")]
    assert (version.taxonomy.step, version.taxonomy.parent_id, version.taxonomy.note) == (1, "tax:1", "")
    kept = {category.category_id: category.name for category in version.taxonomy.categories}
    assert all(kept[category.category_id] == category.name for category in parent_of(project).categories)


def test_refused_edits_are_told_and_in_the_end_noted(a_project: Project) -> None:
    project = sized(a_project, 2, 6)
    bad = edits({"kind": "merge", "category": "C9", "into": "C1"}, TAXES | {"name": "Other"}, C1=[2], C3=[4])
    version, questions = updated(project, [bad, edits(TAXES, C1=[2], C3=[4])])
    assert "- merge C9 into C1: there is no category 'C9'; there are C1, C2, C3, C4." in told(questions[1])
    assert "- add 'Other': it is a catch-all." in told(questions[1])
    assert version.taxonomy.note == ""
    stubborn, questions = updated(project, lambda _: bad)
    assert len(questions) == 6
    assert "merge C9 into C1" in stubborn.taxonomy.note
    assert stubborn.taxonomy.rating == pytest.approx(3 / 8)
    assert stubborn.measures[0].value == pytest.approx(27 / 32), "what is uncited waits for the next minibatch"


def test_too_few_categories_and_numbers_left_out_are_told_once(a_project: Project) -> None:
    version, questions = updated(sized(a_project, 6, 8), lambda _: edits(C1=[2]), parent=parent_of(sized(a_project, 4, 8)))
    assert len(questions) == 2
    assert "There are 4 categories then, and at least 6 are needed: add some." in told(questions[1])
    assert 'No valid category covers 1 "tax return", 3 "tax form", 4 "wrong password".' in told(questions[1])
    assert len(version.taxonomy.categories) == 4


@pytest.mark.parametrize("reply", ["no json", Answer("truncated", error="cut off")])
def test_an_update_without_a_usable_answer_leaves_the_version_as_it_is_and_says_why(a_project: Project, reply: "str | Answer") -> None:
    project = sized(a_project, 2, 6)
    version, questions = updated(project, lambda _: reply)
    assert len(questions) == 2
    assert version.changes == ()
    assert version.taxonomy.rating is None
    assert "no answer that could be used" in version.taxonomy.note
    assert version.taxonomy.names() == parent_of(project).names()


def test_where_all_is_cited_nothing_is_asked(a_project: Project) -> None:
    project = sized(a_project, 2, 6)
    whole = parent_of(project)
    version = update_grounded(whole, SAMPLE, start=10, chat=ScriptedChat([]), embedder=EMBEDDER, project=project, version_id="tax:2")
    assert (version.taxonomy.rating, version.changes) == (1.0, ())


def test_the_rating_counts_new_documents_only(a_project: Project) -> None:
    project = sized(a_project, 2, 6)
    some = generated(project, [groups({"Parcels": [1, 2], "Refunds": [3, 4], "Logins": [5]})])[0].taxonomy
    version, questions = updated(project, [edits(C1=[1, 2, 3], C2=[4, 5, 6, 7])], parent=some)
    assert "locked account (2)" in told(questions[0]), "what no category cited comes again"
    assert version.taxonomy.rating == 1.0
    assert version.measures[0].value == 1.0


def test_from_a_persons_categories_the_whole_minibatch_is_an_update(a_project: Project) -> None:
    given_ = Taxonomy(
        "tax:0", "given", 0, None, "x", "tnt", (Category("cat:p", "Parcels", "Parcels.", status="locked"), Category("cat:r", "Refunds", "R."))
    )
    replies = [edits({"kind": "rename", "category": "C1", "name": "Post"}, C1=[1, 2], C2=[3, 4, 5, 6, 7, 8]), edits(C1=[1, 2], C2=[3, 4, 5, 6, 7, 8])]
    version, questions = generated(sized(a_project, 2, 4), replies, parent=given_)
    assert "rename C1 to 'Post': 'Parcels' is locked, and only a person may change it." in told(questions[1])
    assert {category.category_id: len(category.members) for category in version.taxonomy.categories} == {"cat:p": 11, "cat:r": 13}
    assert version.taxonomy.rating == 1.0


NAMES = st.sampled_from(["Parcels", "parcel", "The Parcels", "Other", "Refunds", "Money Back", "", "Logins", "Shop", "Часы", "General Things"])
ANSWER = st.lists(st.builds(GroupAnswer, covers=st.lists(st.integers(-2, 11), max_size=8), name=NAMES, description=st.just("All.")), max_size=12)


@given(ANSWER, st.integers(1, 4), st.integers(0, 3))
def test_whatever_is_answered_what_is_kept_is_valid(found: list[GroupAnswer], fewest: int, more: int) -> None:
    listed = items(SAMPLE, range(len(SAMPLE)))
    judged = judge(found, listed, fewest=fewest, most=fewest + more, rules=RULES)
    numbers = [number for cited in judged.kept for number in cited.numbers]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= set(range(1, 9))
    assert all(cited.numbers for cited in judged.kept)
    assert len(judged.kept) <= fewest + more
    names = [cited.name for cited in judged.kept]
    assert all(RULES.refuse(name, "All.", taken=names[:place]) is None for place, name in enumerate(names))
    assert judged.violations or (fewest <= len(names) and set(numbers) == {number for group in found for number in group.covers})


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("Late Parcels. Parcels that are late.", "English", None),
        ("Late Parcels. Parcels that are late.", "German", "English"),
        ("Verspätete Pakete und die Zustellung von Sendungen", "English", "German"),
        ("Verspätete Pakete und die Zustellung von Sendungen", "german", None),
        ("Поздние посылки", "English", "Cyrillic script"),
        ("Поздние посылки", "Russian", None),
        ("遅延", "Japanese", None),
        ("late parcels", "Japanese", "Latin script"),
        ("Wi-Fi", "German", None),
        ("Late Parcels. Parcels that are late.", "Klingon", None),
        ("", "English", None),
        ("123", "Russian", None),
    ],
)
def test_a_text_is_in_another_language_only_where_that_is_clear(text: str, wanted: str, found: str | None) -> None:
    assert other_language(text, wanted) == found
