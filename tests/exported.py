"""A store whose rows are as awkward to export as rows get, and exports of it."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export_settings import ExportSettings
from pipeline.ids import text_hash
from pipeline.records import Annotator, Category, Label, Student
from pipeline.settings import CorpusSettings, FacetSettings, Project
from pipeline.stages.exporting import Exported, export
from pipeline.store import Store
from tests.stored import MORNING, make_document, make_taxonomy

__all__ = ["TEXTS", "awkward_store", "export_to", "exporting_project", "view_rows"]

TEXTS = {
    "human": 'says "no", thrice,\nin two lines',
    "none": "\u200bnothing fits\r\nhere",
    "teacher": "=1+1, formula",
    "student": "größe 漢字 😀 <b>&amp;</b>",
    "nobody": "'single' \\ and\ttab",
    "copy": 'says "no", thrice,\nin two lines',
}
METADATA: dict[str, dict[str, Any]] = {
    "human": {"Channel": "mail, post", "stars": 5, "vip": True, "text": "clash", "tags": ["a", "b"]},
    "none": {"Channel": "", "stars": 0, "score": 0.5},
    "teacher": {"Channel": "@chat", "stars": None},
    "student": {"Channel": "a/b=c %", "stars": 3, "vip": False},
    "nobody": {},
    "copy": {"Channel": "mail, post"},
}


def awkward_store(folder: Path) -> Store:
    """Keep six documents: by a person, by a person that no category fits, by the teacher, by the student, by nobody, and a copy of the first."""
    store = Store.open(folder)
    documents = [make_document(key, text, metadata=METADATA[key], gold="Known, label" if key == "human" else None) for key, text in TEXTS.items()]
    store.save_documents(documents, seed=1, seen_at=MORNING)
    hashes = {key: text_hash(text) for key, text in TEXTS.items()}
    urgency = (Category("cat:u", "Urgent", "Now"), Category("cat:l", "Later", "Some day"))
    store.save([make_taxonomy("t1", guide="Say what it is about."), make_taxonomy("t2", facet="urgency", categories=urgency)])
    store.save(
        [Annotator("ann", "human", None, None, {}), Annotator("llm", "llm", "model-x", "prompt:1", {}), Annotator("best", "teacher", "m", "p", {})]
    )
    store.save([Label(hashes["human"], "t1", "ann", "cat:c", None), Label(hashes["none"], "t1", "ann", None, None)])
    store.save([Label(hashes["teacher"], "t1", "best", "cat:a", 0.9, also=("cat:c",), evidence="=1+1", calibration="platt, uncalibrated")])
    store.save([Label(hashes["student"], "t2", "best", "cat:l", 0.8)])
    store.save([Student("student:1", "t1", "best", "e", "p", "s", {"candidate": "words"}, {}, 3)])
    store.save_predictions("student:1", [hashes[key] for key in ("human", "teacher", "student")], ["cat:a", "cat:c", "cat:a"], np.full(3, 0.625))
    store.mark_current(taxonomy_id="t1", teacher_annotator_id="best", llm_annotator_id="llm", classifier_id="student:1")
    store.of_facet("urgency").mark_current(taxonomy_id="t2", teacher_annotator_id="best")
    store.publish()
    return store


def exporting_project(**changes: Any) -> Project:
    corpus = CorpusSettings(path="x.csv", metadata=("Channel", "stars", "vip", "text", "tags", "score"))
    facets = {"urgency": FacetSettings(use_case="how soon")}
    return Project(name="mine", use_case="what is it about", corpus=corpus, facets=facets, **changes)


def export_to(store: Store, target: Path, *, replacing: bool = False, project: Project | None = None, **wishes: Any) -> Exported:
    """Export to a place under the settings that are named."""
    return export(store, project or exporting_project(), ExportSettings(to=str(target), **wishes), target=target, replacing=replacing)


def view_rows(store: Store, columns: str = "*") -> list[dict[str, Any]]:
    """Give the rows of labelled_documents as the view has them, by id."""
    names, rows = store.query(f"select {columns} from labelled_documents order by doc_id")  # noqa: S608 - names of tests
    return [dict(zip(names, row, strict=True)) for row in rows]
