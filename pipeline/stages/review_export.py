"""Chooses documents for people to label, and writes the sheets."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.choosing import NONE_FITS
from pipeline.errors import ReviewError
from pipeline.evaluation.people import differing
from pipeline.evaluation.review_sample import draw, plan_sample, rater_order, share_out
from pipeline.exports import ANSWERS, ReviewFormat, Subject, check_place, sheet_name, write_guide, write_label_list, write_sheet
from pipeline.ids import content_id
from pipeline.quoting import MARK, WHOLE, Quotations, bare_letters
from pipeline.records import Taxonomy
from pipeline.review_records import ReviewDesign, ReviewItem, ReviewSheet
from pipeline.settings import MAIN, Project
from pipeline.stages.reviews import People, people_of
from pipeline.store import Store
from pipeline.store.review_rows import Labelled
from pipeline.text import ELLIPSIS

__all__ = ["ExportedSheets", "SheetWish", "export_sheets", "frame_of", "present_taxonomy"]

UNLABELLED = "none"  # stratum of texts without a label
QUOTES = '"\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u2039\u203a\u300c\u300d'
USUAL_WIDTH, USUAL_QUEUE = 0.05, 100


@dataclass(frozen=True)
class SheetWish:
    """What is wanted of a sheet."""

    source: Literal["sample", "review_queue"] = "sample"
    adjudicate: bool = False
    raters: Sequence[str] = ()
    overlap: float = 1.0
    kind: ReviewFormat = "csv"
    count: int | None = None
    half_width: float | None = None
    least: int = 2
    seed: int | None = None  # the project's when absent
    teach: bool = False
    also: bool = False


@dataclass(frozen=True)
class ExportedSheets:
    """What was written."""

    sheet: ReviewSheet
    files: Sequence[Path]
    rows: Mapping[str, int]  # of each rater's sheet
    answered: int  # rows left out, since the rater has answered them on another sheet
    words: str


@dataclass(frozen=True)
class _Choice:
    design: ReviewDesign
    items: Sequence[tuple[str, str | None, float | None]]  # text, stratum, weight
    population: int
    words: str
    expected: float | None = None
    half_width: float | None = None


def export_sheets(store: Store, project: Project, wish: SheetWish, *, target: Path, replacing: bool = False) -> ExportedSheets:
    """Choose documents, keep the choice, and write a sheet for each rater; the same wish gives the same sheets as long as the labels stay.

    :raises ReviewError: where there is nothing to choose from.
    :raises ExportError: where the place holds something that is not to be replaced.
    """
    present = present_taxonomy(store)
    raters = list(wish.raters)
    places = {rater: sheet_name(target, rater) for rater in raters or [""]}
    beside = [target.with_suffix(".labels.csv"), target.with_suffix(".guide.md")]
    for place in places.values():
        check_place(place, folder=wish.kind != "csv", replacing=replacing)
    for place in beside:
        check_place(place, folder=False, replacing=True)
    people = people_of(store, present)
    seed = project.seed if wish.seed is None else wish.seed
    frame = frame_of(store, present)
    if wish.adjudicate:
        choice = _adjudicated(people, wish)
    else:
        choice = _queued(store, wish) if wish.source == "review_queue" else _sampled(store, frame, present, wish, seed)
    sheet, items = _sheet_of(choice, frame, present, store.facet or MAIN, wish, seed)
    texts = store.plain_texts([item.text_hash for item in items])
    subject = Subject(
        project=project.name, facet=sheet.facet, use_case=project.facet(sheet.facet).use_case, taxonomy=_blind(present, texts.values()),
        none_name=NONE_FITS.name, several=wish.also or project.annotation.mode == "all",
    )  # fmt: skip
    with store.writer():
        if sheet.sheet_id not in {one.sheet_id for one in store.review_sheets()}:
            store.save([sheet, *items])
    answered = {(one.rater, one.text_hash) for one in people.ratings} if not wish.adjudicate else set()
    shown = _answers(people, present) if wish.adjudicate else None
    rows = {rater: _rows(sheet, items, rater, texts, answered, shown) for rater in places}
    for rater, place in places.items():
        mark = {"sheet": sheet.sheet_id, "rater": rater}
        write_sheet(place, rows[rater], kind=wish.kind, subject=subject, replacing=replacing, mark=mark)
    write_label_list(beside[0], subject, replacing=True)
    write_guide(beside[1], subject, replacing=True)
    store.publish()
    left_out = sum((rater, item.text_hash) in answered for rater in raters for item in items if rater in item.raters)
    return ExportedSheets(sheet, [*places.values(), *beside], {rater: len(own) for rater, own in rows.items()}, left_out, choice.words)


def present_taxonomy(store: Store) -> Taxonomy:
    """Give the taxonomy that people label by.

    :raises ReviewError: where there is none yet.
    """
    found = store.current("taxonomy_id")
    if found is None:
        raise ReviewError("There is no taxonomy yet, and people label by its categories; run the project first.")
    return store.taxonomy(found)


def frame_of(store: Store, present: Taxonomy) -> dict[str, Labelled]:
    """Give every distinct active text with the label that it has apart from what people say."""
    student = store.current("classifier_id")
    fits = student is not None and store.student(student).taxonomy_id == present.taxonomy_id
    pointers = {
        "taxonomy": present.taxonomy_id, "teacher": store.current("teacher_annotator_id"), "cascade": store.current("cascade_annotator_id"),
        "shared": store.current("shared_annotator_id"), "student": student if fits else None,
    }  # fmt: skip
    return {one.text_hash: one for one in store.labelled_texts(pointers)}


def _sampled(store: Store, frame: Mapping[str, Labelled], present: Taxonomy, wish: SheetWish, seed: int) -> _Choice:
    """Draw from each predicted category, texts left out that people taught with."""
    taught = set(store.human_labels(present.taxonomy_id)) - store.reserved_texts()
    strata: dict[str, list[str]] = {}
    for text, one in frame.items():
        if text not in taught:
            strata.setdefault(one.category_id or UNLABELLED, []).append(text)
    if not strata:
        raise ReviewError("There is no text to draw from that people have not taught with.")
    sure = [one.probability for one in frame.values() if one.probability is not None]
    expected = sum(sure) / len(sure) if sure else None
    width = wish.half_width if wish.count is not None else wish.half_width or USUAL_WIDTH
    try:
        plan = plan_sample(
            {stratum: len(texts) for stratum, texts in strata.items()}, half_width=width, count=wish.count, expected=expected, least=wish.least
        )
    except ValueError as error:
        raise ReviewError(str(error)) from error
    drawn = draw(strata, plan.allocation, seed=seed)
    items = [(one.text_hash, one.stratum, one.weight) for one in drawn]
    return _Choice("sample", items, plan.population, plan.words, plan.expected, plan.half_width)


def _queued(store: Store, wish: SheetWish) -> _Choice:
    """Take the most doubtful first, texts left out that are kept for evaluation."""
    kept_out = store.reserved_texts()
    with store.snapshot() as copy:
        if store.facet:
            copy.as_of_facet(store.facet)
        waiting = [row[0] for row in copy.rows("select text_hash from review_queue")]
    texts = [text for text in dict.fromkeys(waiting) if text not in kept_out]
    chosen = texts[: wish.count or USUAL_QUEUE]
    if not chosen:
        raise ReviewError("The review queue is empty: people have labelled every document, or it is kept for evaluation.")
    words = f"the {len(chosen)} most doubtful of {len(texts)} texts; as they were not drawn at random, no accuracy can be estimated from them"
    return _Choice("queue", [(text, None, None) for text in chosen], len(texts), words)


def _adjudicated(people: People, wish: SheetWish) -> _Choice:
    """Take what raters differ on, those without a majority first."""
    texts = differing(people.verdicts)
    if not texts:
        raise ReviewError("Raters differ on no text that has not been settled; there is nothing to adjudicate.")
    undecided = sum(not people.verdicts[text].decided for text in texts)
    chosen = texts[: wish.count]
    words = f"{len(chosen)} of {len(texts)} texts on which raters differ, {undecided} of them without a majority"
    return _Choice("adjudicate", [(text, None, None) for text in chosen], len(texts), words)


def _sheet_of(
    choice: _Choice, frame: Mapping[str, Labelled], present: Taxonomy, facet: str, wish: SheetWish, seed: int
) -> tuple[ReviewSheet, list[ReviewItem]]:
    raters, there = tuple(wish.raters), [one for one in choice.items if one[0] in frame]
    who = share_out([text for text, _, _ in there], raters, overlap=wish.overlap, seed=seed)
    teaches = choice.design == "queue" or (choice.design == "sample" and wish.teach)
    about = [present.taxonomy_id, facet, choice.design, teaches, raters, wish.overlap, seed, sorted(there)]
    sheet_id = content_id("sheet", about)
    sheet = ReviewSheet(
        sheet_id, present.taxonomy_id, facet, choice.design, teaches, raters, wish.overlap, seed, choice.population, len(there), choice.half_width,
        choice.expected,
    )  # fmt: skip
    items = [ReviewItem(sheet_id, text, frame[text].doc_id, stratum, weight, who[text]) for text, stratum, weight in there]
    return sheet, items


def _rows(
    sheet: ReviewSheet,
    items: Sequence[ReviewItem],
    rater: str,
    texts: Mapping[str, str],
    answered: Set[tuple[str, str]],
    shown: Mapping[str, str] | None,
) -> list[dict[str, Any]]:
    """Write the rows of one rater in an order of their own, those left out that they have answered before."""
    wanted = {item.text_hash: item for item in items if rater in item.raters or not rater}
    order = [text for text in rater_order(list(wanted), sheet.sheet_id, rater, seed=sheet.seed) if (rater, text) not in answered]
    name = f"{sheet.sheet_id}/{rater}" if rater else sheet.sheet_id
    return [
        {"sheet": name, "row": row, "doc_id": wanted[text].doc_id, "text_hash": text, "text": texts[text]}
        | ({} if shown is None else {ANSWERS: shown[text]})
        for row, text in enumerate(order, start=1)
    ]


def _blind(present: Taxonomy, texts: Iterable[str]) -> Taxonomy:
    """Take out of what is said of the categories whatever quotes a text that is to be labelled."""
    shown = list(texts)
    quotations, short = Quotations(shown), [re.escape(text) for text in shown if len(bare_letters(text)) < WHOLE]
    quoted = re.compile(rf"(?<=[{QUOTES}])(?:{'|'.join(short)})(?=[{QUOTES}])", re.IGNORECASE) if short else None

    def unquoted(words: str) -> str:
        found = quotations.blank(words).replace(MARK, ELLIPSIS)
        return quoted.sub(ELLIPSIS, found) if quoted else found

    categories = [
        replace(one, description=unquoted(one.description), cues=[*map(unquoted, one.cues)], exclusions=[*map(unquoted, one.exclusions)])
        for one in present.categories
    ]
    return replace(present, guide=unquoted(present.guide), categories=tuple(categories))


def _answers(people: People, present: Taxonomy) -> dict[str, str]:
    """Say what raters said of each text, without who."""
    names: dict[str | None, str] = {one.category_id: one.name for one in present.categories} | {None: NONE_FITS.name}
    said: dict[str, Counter[str]] = {}
    for one in people.ratings:
        said.setdefault(one.text_hash, Counter())[names[one.category_id]] += 1
    return {text: " / ".join(f"{name} ({count})" for name, count in sorted(counts.items())) for text, counts in said.items()}
