"""Takes in what people answered: all of it is checked before any of it is kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ReviewError
from pipeline.evaluation.review_checks import Asked, Checked, Fault, Given, check_answers
from pipeline.exports import RawAnswer, unescaped
from pipeline.records import Reject, Taxonomy
from pipeline.review_records import Rating, ReviewSheet
from pipeline.settings import Project
from pipeline.stages.people import keep_rater_quality
from pipeline.stages.review_export import present_taxonomy
from pipeline.stages.review_reading import FilledSheet, read_sheet
from pipeline.stages.reviews import carried_into, settle_people
from pipeline.store import Store

__all__ = ["FileReport", "ImportReport", "import_sheets"]

STAGE = "review"  # of the rejects
TAG = "sheet:"


@dataclass
class FileReport:
    """What became of one file."""

    file: str
    encoding: str | None
    rows: int
    accepted: int = 0
    empty: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def refused(self) -> dict[str, int]:
        """Count what was refused, by reason."""
        return dict(Counter(fault.reason for fault in self.faults))


@dataclass(frozen=True)
class ImportReport:
    """What became of all files."""

    files: Sequence[FileReport]
    changed: int  # answers that are new or say something else than before
    removed: int  # answers whose cells are empty now
    by_text: int
    said_twice: int
    missing: Mapping[tuple[str, str], int]  # rows of a sheet that its rater has not answered yet, by sheet and rater
    notes: Sequence[str] = ()


def import_sheets(
    store: Store, project: Project, files: Sequence[Path], *, rater: str | None = None, sheet: str | None = None, encoding: str | None = None
) -> ImportReport:
    """Read filled sheets, keep the answers that can be kept, and turn the others away with reasons; the same files change nothing.

    An answer takes the place of what the same rater said of the same text on the same sheet, and an empty cell removes it. Rows that a
    file lacks leave what was said as it is.

    :param rater: who filled them in, where the sheets do not say.
    :param sheet: beginning of the id of the sheet, where the files do not say.
    :raises ReviewError: where a file is no sheet, or it cannot be known whose or which one it is; nothing is kept then.
    """
    present, sheets = present_taxonomy(store), {one.sheet_id: one for one in store.review_sheets()}
    if not sheets:
        raise ReviewError("No sheet was ever exported for this taxonomy; `linnaeus review export` writes one.")
    filled = [read_sheet(path, encoding=encoding) for path in dict.fromkeys(files)]
    reports = {one.name: FileReport(one.name, one.encoding, len(one.answers) + len(one.broken)) for one in filled}
    faults = [Fault(one.name, row.position, *(row.error or ("unreadable", "")), row.raw) for one in filled for row in one.broken]
    by_sheet: dict[str, list[Given]] = {}
    for one in filled:
        for answer in one.answers:
            key = _sheet_of(one, answer, sheets, sheet)
            if key is None:
                faults.append(Fault(one.name, answer.position, "unknown_sheet", f"there is no sheet {answer.sheet_id!r} in this project", answer.raw))
            else:
                by_sheet.setdefault(key, []).append(_given(one, answer, _rater_of(one, answer, rater)))
    notes = list[str]()
    checked = {key: check_answers(given, _asked(store, sheets[key], present, notes)) for key, given in by_sheet.items()}
    faults += [fault for one in checked.values() for fault in one.faults]
    changed, removed = _keep(store, checked, faults, list(reports))
    if changed or removed:
        settle_people(store, present)
        keep_rater_quality(store, project, present)
    store.publish()
    _count(reports, by_sheet, faults)
    return ImportReport(
        list(reports.values()), changed, removed, sum(one.by_text for one in checked.values()), sum(one.said_twice for one in checked.values()),
        _missing(store, by_sheet), notes,
    )  # fmt: skip


def _sheet_of(file: FilledSheet, answer: RawAnswer, sheets: Mapping[str, ReviewSheet], wanted: str | None) -> str | None:
    """Find the sheet of an answer; None where it names one that there is not."""
    named = answer.sheet_id or wanted
    if named:
        found = [key for key in sheets if key.removeprefix(TAG).startswith(named.removeprefix(TAG))]
        return found[0] if len(found) == 1 else None
    if len(sheets) > 1:
        raise ReviewError(
            f"Row {answer.position} of {file.path} names no sheet, and there are {len(sheets)}; say which with --sheet, as {next(iter(sheets))}."
        )
    return next(iter(sheets))


def _rater_of(file: FilledSheet, answer: RawAnswer, wanted: str | None) -> str:
    found = wanted or answer.rater
    if not found and answer.labels:
        raise ReviewError(f"Row {answer.position} of {file.path} does not say who filled it in; name the rater with --rater.")
    return found


def _given(file: FilledSheet, answer: RawAnswer, rater: str) -> Given:
    def spellings(cell: str) -> list[str]:
        return list(dict.fromkeys([cell, unescaped(cell)]))

    texts = spellings(answer.text) if answer.text is not None else []
    labels = [spellings(label) for label in answer.labels]
    documents = spellings(answer.document) if answer.document else []
    return Given(file.name, file.sha256, answer.position, rater, documents, texts, labels, unescaped(answer.comment), answer.raw)


def _asked(store: Store, sheet: ReviewSheet, present: Taxonomy, notes: list[str]) -> Asked:
    """Gather what a sheet asked, and say where the taxonomy has moved on since."""
    before = store.taxonomy(sheet.taxonomy_id)
    carried = carried_into(store, before, present)
    if before.taxonomy_id != present.taxonomy_id:
        lost = f", and {len(carried.lost)} are lost: {'; '.join(carried.lost.values())}" if carried.lost else ""
        notes.append(
            f"The taxonomy has moved on since sheet {sheet.sheet_id} was written: {len(carried.kept)} of its categories are still there{lost}."
        )
    items = {item.text_hash: item for item in store.review_items(sheet.sheet_id)}
    texts = store.plain_texts(store.active_hashes(list(items)))
    return Asked(sheet.sheet_id, items, texts, before.leaves, carried.lost)


def _keep(store: Store, checked: Mapping[str, Checked], faults: Sequence[Fault], sources: Sequence[str]) -> tuple[int, int]:
    """Keep what is new, remove what was emptied, and keep the faults as rejects."""
    known = {(one.sheet_id, one.rater, one.text_hash): one for one in store.ratings()}
    made = [one for found in checked.values() for one in found.ratings if not _is_kept(known.get((one.sheet_id, one.rater, one.text_hash)), one)]
    gone: dict[tuple[str, str], set[str]] = {}
    for key, found in checked.items():
        for rater, text in found.empty:
            if (key, rater, text) in known:
                gone.setdefault((key, rater), set()).add(text)
    with store.writer():
        store.save(made)
        for (key, rater), texts in gone.items():
            store.remove_ratings(key, rater, texts)
        for source in sources:
            rejects = [Reject(STAGE, one.reason, one.message, one.raw, one.source, one.position) for one in faults if one.source == source]
            store.replace_rejects(STAGE, source, list({one.position: one for one in rejects}.values()))
    return len(made), sum(map(len, gone.values()))


def _is_kept(known: Rating | None, one: Rating) -> bool:
    """Say whether the tables hold an answer already, from whatever file."""
    return known is not None and (known.category_id, known.also, known.comment) == (one.category_id, one.also, one.comment)


def _count(reports: Mapping[str, FileReport], by_sheet: Mapping[str, Sequence[Given]], faults: Sequence[Fault]) -> None:
    for fault in faults:
        reports[fault.source].faults.append(fault)
    refused = {(fault.source, fault.position) for fault in faults}
    for given in by_sheet.values():
        for one in given:
            if (one.source, one.position) not in refused:
                reports[one.source].accepted += bool(one.labels)
                reports[one.source].empty += not one.labels


def _missing(store: Store, by_sheet: Mapping[str, Sequence[Given]]) -> dict[tuple[str, str], int]:
    """Count for each sheet and rater of these files what is still to be answered."""
    rated: dict[str, set[str]] = {}
    for one in store.ratings():
        rated.setdefault(one.rater, set()).add(one.text_hash)
    found = {}
    for key, given in by_sheet.items():
        items = store.review_items(key)
        for rater in sorted({one.rater for one in given if one.rater}):
            left = [item for item in items if (rater in item.raters or not item.raters) and item.text_hash not in rated.get(rater, set())]
            found[key, rater] = len(left)
    return found
