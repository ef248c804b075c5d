"""A whole run leaves tables that say what it found, and nothing that is there already is ever made or asked for again."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.annotation import held_out
from pipeline.choosing import NONE_FITS
from pipeline.errors import CorpusError, EngineError, LinnaeusError, TaxonomyError, TrainingError
from pipeline.records import Taxonomy
from pipeline.serving.contract import Choice, Question
from pipeline.settings import Project
from pipeline.stages import STAGES, Report, Session, load_current_student, run_stage
from pipeline.stages.checks import CHECKS
from pipeline.stages.overview import status
from pipeline.stages.parts import parts_of
from pipeline.stages.plan import plan
from pipeline.testing import ScriptedChat
from tests.tiny import NAMES, knowing_reply, run_all, tiny_rows, tiny_session

MakeProject = Callable[..., Project]


def asked(session: Session) -> int:
    return int(session.generator.asked)  # type: ignore[attr-defined]


def made(reports: dict[str, Report]) -> int:
    return sum(report.made for report in reports.values())


def test_the_taxonomy_and_labels_are_those_the_scripted_model_knows(finished_session: Session) -> None:
    store = finished_session.store
    taxonomy = store.taxonomy(store.current("taxonomy_id") or "")
    assert sorted(taxonomy.names()) == sorted(NAMES.values())
    columns, rows = store.query("select * from labelled_documents")
    assert len(rows) == 120
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    assert all(row["category"] in NAMES.values() and 0 < row["probability"] <= 1 for row in named)
    assert {row["labelled_by"] for row in named} == {"llm", "student"}
    by_model = [row for row in named if row["labelled_by"] == "llm"]
    assert len(by_model) == 60
    right = [row["category"] == NAMES[row["doc_id"].split("-")[0]] for row in by_model]
    assert sum(right) >= 54


def test_the_views_count_every_document_once(finished_session: Session) -> None:
    query = finished_session.store.query
    assert query("select sum(documents), round(sum(share), 6) from label_counts")[1] == [(120, 1.0)]
    assert query("select sum(documents), max(depth) from taxonomy_tree")[1] == [(120, 0)]
    assert query("select sum(failed_calls) from cost")[1] == [(0,)]
    purposes = {row[0] for row in query("select purpose from cost where run_id = 'run'")[1]}
    assert purposes >= {"facet", "summarise", "generate", "update", "select", "describe", "annotate", "baseline"}
    assert query("select sum(calls) from cost")[1][0][0] == query("select count(*) from llm_calls")[1][0][0]
    assert {row[0] for row in query("select distinct annotator_kind from label_history")[1]} == {"llm", "teacher"}


def test_every_check_holds_after_a_run(finished_session: Session) -> None:
    assert set(CHECKS) == set(STAGES)
    for stage, rule in [(stage, rule) for stage, rules in CHECKS.items() for rule in rules]:
        found = rule.test(finished_session)
        assert found.passed or not rule.blocking, f"{stage}: {found.said}"
        assert found.said


def test_every_figure_has_its_n_and_interval(finished_session: Session) -> None:
    figures = finished_session.store.evaluations()
    assert len({(one.subject, one.metric, one.slice) for one in figures}) == len(figures) > 80
    tests = {one for one in figures if "mcnemar_p" in one.metric}  # a p has no interval
    assert all(one.n > 0 and one.low is not None and one.high is not None and one.low <= one.high for one in figures if one not in tests)


def test_a_second_run_asks_nothing_and_makes_nothing(finished: tuple[Project, Path]) -> None:
    project, root = finished
    folder = root / ".linnaeus" / "projects" / "tiny"
    with tiny_session(project, folder, chat=ScriptedChat([]), run_id="second") as session:
        before = {name: count for name, count in session.store.counts().items() if name not in {"stage_runs", "runs"}}
        reports = run_all(session)
        after = {name: count for name, count in session.store.counts().items() if name not in {"stage_runs", "runs"}}
    assert (asked(session), made(reports)) == (0, 0)
    assert before == after


def test_a_plan_counts_the_whole_corpus_before_and_nothing_after_a_run(make_project: MakeProject, tmp_path: Path, copied: Path) -> None:
    with tiny_session(make_project(), tmp_path / "store") as session:
        before = {row.stage: row for row in plan(session, probing=False).stages}
        assert asked(session) == 0
        assert session.store.counts()["documents"] == 0
    assert (before["documents"].rows, before["summaries"].calls, before["annotations"].calls) == (120, 60, 60)
    assert before["updated_taxonomy"].calls == 2 * 20, "for each of two candidates"
    assert before["summaries"].tokens_in > 60 * 10
    with tiny_session(make_project(), copied) as after:
        assert sum(row.calls for row in plan(after).stages) == 0


LABELS_ALONE = {"baseline": False, "resamples": 100, "judge_sample": 0, "definition_sample": 0, "repeat_sample": 0}


def test_new_documents_are_asked_about_and_old_ones_are_not(make_project: MakeProject, copied: Path, finished_session: Session) -> None:
    first = finished_session.store.current("taxonomy_id")
    new = [{"id": f"new-{n}", "text": f"The courier dropped my parcel number {n}", "topic": "delivery"} for n in (1, 2)]
    with tiny_session(make_project([*tiny_rows(), *new], evaluation=LABELS_ALONE), copied, run_id="new") as session:
        run_all(session)
        assert session.store.current("taxonomy_id") == first, "the taxonomy outlives new documents"
        assert session.store.query("select count(*) from labelled_documents where category is not null")[1] == [(122,)]
    assert asked(session) <= 3 * len(new), "a new text is summarised at most, labelled at most, and may push another into the sample"


def test_slices_are_measured_by_the_values_of_a_column(make_project: MakeProject, copied: Path) -> None:
    """The finished run does not keep the column: reading the corpus again is all that changes, and no question is asked."""
    rows = [row | {"lang": "de" if number % 3 else "fr" if number > 8 else "rare"} for number, row in enumerate(tiny_rows())]
    corpus = {"path": "data/tiny.jsonl", "id": "id", "gold": "topic", "metadata": ["lang"]}
    evaluation = {"baseline": False, "resamples": 100, "judge_sample": 0, "slices": ["lang"]}
    with tiny_session(make_project(rows, corpus=corpus, evaluation=evaluation), copied, run_id="sliced") as session:
        run_all(session)
        found = session.store.query("select slice, metric, n from evaluations where slice like 'lang=%' and subject = 'student'")[1]
    assert {name for name, _, _ in found} == {"lang=de", "lang=fr"}, "of a rare value no figure says anything"
    assert {n for name, metric, n in found if (name, metric) == ("lang=de", "accuracy")} == {80}
    assert asked(session) == 0


def test_texts_are_compared_by_length_time_language_and_rarity_unasked(make_project: MakeProject, copied: Path) -> None:
    rows = [
        row | {"at": f"2026-0{1 + number % 5}-11", "lang": "de" if number % 3 else "fr", "text": row["text"] + " indeed" * (number % 4)}
        for number, row in enumerate(tiny_rows())
    ]
    corpus = {"path": "data/tiny.jsonl", "id": "id", "gold": "topic", "language": "lang", "time": "at"}
    with tiny_session(make_project(rows, corpus=corpus), copied, run_id="parted") as session:
        run_stage("documents", session)
        texts = {document.text_hash: document for document in session.store.sample_texts(first=1000)}
        sizes = session.store.text_sizes(sorted(texts))
        assert {text: (size.words, size.written_at) for text, size in sizes.items()} == {text: (d.words, d.written_at) for text, d in texts.items()}
        parts = parts_of(session, texts.keys(), dict.fromkeys(texts, "frequent") | dict.fromkeys(sorted(texts)[:5], "rare"))
    assert {name: len(part) for name, part in parts.items() if name.startswith(("language", "month"))} == {
        "language=de": 80, "language=fr": 40, **{f"month=2026-0{month}": 24 for month in range(1, 6)}
    }  # fmt: skip
    assert sum(len(part) for name, part in parts.items() if name.startswith("words")) == 120
    assert parts["label=frequent"] == texts.keys() - set(sorted(texts)[:5])
    assert "label=rare" not in parts, "of fewer than ten documents no figure says anything"


def test_a_corpus_that_became_another_one_gets_another_taxonomy(make_project: MakeProject, tmp_path: Path) -> None:
    old, new = (tiny_rows()[:60], tiny_rows()[60:])
    for number, rows in enumerate((old, new)):
        with tiny_session(make_project(rows), tmp_path / "store", run_id=f"run{number}") as session:
            run_all(session, until="taxonomy")
            versions = session.store.query("select count(*) from taxonomies where stage = 'describe'")[1][0][0]
    assert versions == 2


@pytest.mark.parametrize(
    "rows", [[], [{"id": "1", "text": "only one", "topic": "x"}], [{"id": str(n), "text": "the same", "topic": "x"} for n in range(9)]]
)
def test_a_corpus_that_holds_too_little_is_refused(make_project: MakeProject, tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with tiny_session(make_project(rows), tmp_path / "store") as session, pytest.raises(CorpusError):
        run_stage("documents", session)
    stages = session.store.query("select stage, status from stage_runs")[1]
    assert stages == [("documents", "failed")]


@pytest.mark.parametrize(
    ("stage", "error"),
    [("generated_taxonomy", TaxonomyError), ("annotations", TaxonomyError), ("predictions", TrainingError), ("updated_taxonomy", TaxonomyError)],
)
def test_a_stage_before_its_time_says_which_one_is_missing(make_project: MakeProject, tmp_path: Path, stage: str, error: type[LinnaeusError]) -> None:
    with tiny_session(make_project(), tmp_path / "store") as session, pytest.raises(error, match="yet"):
        run_stage(stage, session)
    with pytest.raises(TrainingError, match="has no student yet"):
        load_current_student(session)


def test_another_use_case_makes_everything_that_hangs_on_it_again(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(use_case="which department should answer"), copied, run_id="second") as session:
        planned = {row.stage: row.calls for row in plan(session, probing=False).stages}
        reports = run_all(session, until="labels")
    assert (planned["summaries"], planned["annotations"]) == (60, 60)
    assert planned["generated_taxonomy"] > 0
    assert (reports["embeddings"].made, reports["summaries"].made, reports["taxonomy"].made, reports["annotations"].made) == (0, 60, 1, 60)


def test_a_model_that_fails_leaves_failures_and_the_next_run_asks_only_those(make_project: MakeProject, tmp_path: Path) -> None:
    def moody(question: Question) -> str:
        return "" if question.purpose == "summarise" and "invoice" in question.messages[-1].content else knowing_reply(question)

    with tiny_session(make_project(), tmp_path / "store", chat=ScriptedChat(moody)) as session:
        first = run_all(session, until="summaries")["summaries"]
        failed = session.store.count("failures")
    assert failed > 0
    assert first.total == 60 - failed
    with tiny_session(make_project(), tmp_path / "store", run_id="second") as session:
        second = run_all(session, until="summaries")["summaries"]
        assert session.store.count("failures") == 0
    assert (asked(session), second.made, second.total) == (failed, failed, 60)


def test_documents_that_fit_nothing_get_no_category_from_the_teacher(make_project: MakeProject, tmp_path: Path) -> None:
    rows = [*tiny_rows(), *({"id": f"odd-{n}", "text": f"the moon is number {n} tonight", "topic": "moon"} for n in range(12))]

    def reply(question: Question) -> str:
        is_odd = "moon" in question.messages[-1].content and isinstance(question.form, Choice)
        return NONE_FITS.name if is_odd else knowing_reply(question)

    project = make_project(rows, annotation={"sample": 132, "reordered": 0}, taxonomy={"size": {"min": 3, "max": 6}, "sample": 20, "minibatch": 20})
    with tiny_session(project, tmp_path / "store", chat=ScriptedChat(reply)) as session:
        run_all(session, until="labels")
        odd = session.store.query("select count(*) from label_history where doc_id like 'odd-%' and annotator_kind = 'teacher' and category is null")[
            1
        ]
    assert odd == [(12,)]


def results(session: Session) -> dict[str, Any]:
    store = session.store
    taxonomy: Taxonomy = store.taxonomy(store.current("taxonomy_id") or "")
    labels = store.labels(taxonomy.taxonomy_id, store.current("teacher_annotator_id") or "")
    return {"taxonomy": taxonomy, "labels": labels, "predictions": store.predictions(store.current("classifier_id") or "")}


def test_gold_labels_are_read_by_nothing_but_the_evaluation(make_project: MakeProject, tmp_path: Path, finished_session: Session) -> None:
    topics = [row["topic"] for row in tiny_rows()]
    random.Random(1).shuffle(topics)
    rows = [row | {"topic": topic} for row, topic in zip(tiny_rows(), topics, strict=True)]
    with tiny_session(make_project(rows), tmp_path / "store") as session:
        run_all(session)
        found, summary = results(session), status(session.store)
    assert found == results(finished_session)
    assert summary["evaluation"]["ari"]["value"] < 0.1 < status(finished_session.store)["evaluation"]["ari"]["value"]


def test_held_out_documents_teach_no_student(finished_session: Session) -> None:
    store, project = finished_session.store, finished_session.project
    student = store.student(store.current("classifier_id") or "")
    given = store.labels(student.taxonomy_id, student.annotator_id)
    kept = [label for label in given if held_out(label.text_hash, share=project.annotation.held_out, seed=project.seed)]
    assert 10 < len(kept) < 40
    assert student.trained_on == len(given) - len(kept)
    card = json.loads((finished_session.folder / student.path / "card.json").read_text(encoding="utf-8"))
    assert (card["classifier_id"], card["trained_on"]) == (student.classifier_id, student.trained_on)


def test_a_student_whose_files_are_gone_is_trained_again(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied) as session:
        folder = session.folder / session.store.student(session.store.current("classifier_id") or "").path
        (folder / "card.json").unlink()
        assert run_stage("classifier", session).made == 1
        assert load_current_student(session).names


def test_an_error_of_the_engine_is_recorded_and_raised(make_project: MakeProject, tmp_path: Path) -> None:
    def gone(_: Question) -> str:
        raise EngineError("the server is gone")

    with tiny_session(make_project(), tmp_path / "store", chat=ScriptedChat(gone)) as session:
        run_stage("documents", session)
        with pytest.raises(EngineError, match="the server is gone"):
            run_stage("facets", session)
        assert session.store.query("select status from stage_runs where stage = 'facets'")[1] == [("failed",)]
