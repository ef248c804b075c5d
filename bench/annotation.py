"""Measures labels on gold-labelled corpora, given their label sets with short descriptions, with the embedded model.

Each corpus is a project of its own, run by the stages up to `labels`; beside it the plain prompt is asked: the names in a list,
a JSON answer, no descriptions. All documents are counted: one without a valid label is wrong.

`annotation.py --data FOLDER --state FOLDER --out FILE [--documents N --plain N --engine JSON --corpora NAME ...]` prints a table and writes the
figures as JSON. Answers are kept in the state folder, so that a second run asks nothing.
"""

import argparse
import csv
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel

from bench.corpora import Corpus, add_data_option, add_engine_option, read_corpus
from bench.label_sets import read_label_set
from bench.multi_corpora import read_languages, read_multi
from pipeline.annotation import Grounds, Judgement, scored_probabilities, teach, teacher_annotator
from pipeline.evaluation import calibration_figures, chance_calibration_error, reliability_points, risk_coverage_points, set_figures, share
from pipeline.evaluation.pictures import calibration_picture
from pipeline.gold import join_gold
from pipeline.ids import text_hash
from pipeline.records import Label
from pipeline.serving.contract import Answer, Message, Question, Structured
from pipeline.settings import load_project
from pipeline.stages import STAGES, Session, run_stage
from pipeline.stages.asking import annotation_sample, current_taxonomy
from pipeline.stages.labels import grounds_of

SINGLE = ("ag_news", "trec_questions", "sib200", "hwu64", "banking77")
MULTI = ("goemotions", "reuters21578")
LANGUAGES = ("en", "de", "fr", "ar", "zh", "sw")
KNOWN = 200  # gold labels that calibration may see
REPEATS = 5  # choices of these
Rows = list[dict[str, Any]]


class Named(BaseModel):
    """What the plain prompt asks for."""

    label: str


class NamedList(BaseModel):
    """What the plain prompt asks for where several labels apply."""

    labels: list[str]


def main(options: argparse.Namespace) -> None:
    """Measure each corpus."""
    results: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.corpora or [*SINGLE, *MULTI, "languages"]:
        results[name] = _measured(name, options)
        options.out.write_text(json.dumps(results, indent=1))
        print(f"\n{name}\n" + "\n".join(f"  {key:<28}{value}" for key, value in results[name].items()), flush=True)


def _measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    rows, use_case, label_set = _rows(name, options)
    project = _project(name, rows, use_case, label_set, options)
    began = time.monotonic()
    with Session(load_project(project), folder=options.state / "runs" / name) as session:
        for stage in list(STAGES)[: list(STAGES).index("labels") + 1]:
            run_stage(stage, session)
        seconds = time.monotonic() - began
        asked = [document.text_hash for document in annotation_sample(session)]
        gold = {text_hash(row["text"]): set(row["labels"]) for row in rows}
        found = _ours(session, asked, gold)
        plain = _plain(session, rows[: options.plain], [entry.name for entry in read_label_set(label_set)], multi=name in MULTI)
        found |= {"seconds": round(seconds), "model": session.model_of("annotator")} | _spent(session)
        if name == "languages":
            found |= _by_language(session, rows, gold)
    return found | _compared(session, plain, gold, asked, multi=name in MULTI)


def _rows(name: str, options: argparse.Namespace) -> tuple[Rows, str, str]:
    """Give the documents with the names of their labels, the use case and the label set."""
    if name == "languages":
        parallel = read_languages(options.data, LANGUAGES)
        names = {entry.gold: entry.name for entry in read_label_set("sib200")}
        columns = zip(parallel.ids, parallel.texts, parallel.gold, parallel.languages, strict=True)
        rows = [{"id": key, "text": text, "labels": [names[gold]], "lang": language} for key, text, gold, language in columns]
        return rows[: options.documents], parallel.use_case, "sib200"
    names = {entry.gold: entry.name for entry in read_label_set(name)}
    corpus: Any = read_multi(options.data, name) if name in MULTI else read_corpus(options.data, name)
    gold: Sequence[Sequence[str]] = [[label] for label in corpus.gold] if isinstance(corpus, Corpus) else corpus.gold
    rows = [{"id": i, "text": text, "labels": [names[one] for one in labels]} for i, text, labels in zip(corpus.ids, corpus.texts, gold, strict=True)]
    return rows[: options.documents], corpus.use_case, name


def _project(name: str, rows: Rows, use_case: str, label_set: str, options: argparse.Namespace) -> Path:
    """Write a project that labels these documents under a given label set."""
    folder = options.state / "projects"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.jsonl").open("w") as file:
        file.writelines(json.dumps({"id": row["id"], "text": row["text"], "gold": join_gold(row["labels"])}) + "\n" for row in rows)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "description"), *((entry.name, entry.description) for entry in read_label_set(label_set))])
    settings = {
        "name": name, "use_case": use_case, "corpus": {"path": f"{name}.jsonl", "id": "id", "gold": "gold"},
        "taxonomy": {"method": "given", "seeds": f"{name}.csv", "sample": 10, "validation": 10, "cards": False, "passes": 1},
        "annotation": {"sample": len(rows), "max_words": 100, "shortlist_tokens": 2000, "known": 0, "mode": "all" if name in MULTI else "primary"},
        "students": [{"penalties": [1.0, 3.0, 10.0]}], "engine": options.engine,
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


def _ours(session: Session, asked: list[str], gold: dict[str, set[str]]) -> dict[str, Any]:
    present = current_taxonomy(session)
    names = {category.category_id: category.name for category in present.leaves}
    raw = session.store.labels(present.taxonomy_id, session.store.current("llm_annotator_id") or "")
    made = session.store.labels(present.taxonomy_id, session.store.current("teacher_annotator_id") or "")
    scored = scored_probabilities(raw, Grounds(), list(names))
    batch = {text: names[list(names)[int(row.argmax())]] for text, row in scored.items()}
    accuracy = {
        "raw": {label.text_hash: names.get(label.category_id or "") for label in raw},
        "without leaning": batch,
        "teacher": {label.text_hash: names.get(label.category_id or "") for label in made},
    }
    valid = sum(label.category_id is None or label.category_id in names for label in raw)
    found: dict[str, Any] = {"documents": len(asked), "answered": len(raw), "valid": valid}
    for what, labels in accuracy.items():
        hits = [labels.get(text) in gold[text] for text in asked]
        found[f"accuracy, {what}"] = _said(share(hits))
    sure = [label for label in made if label.probability is not None and label.category_id is not None]
    right = [names[label.category_id or ""] in gold[label.text_hash] for label in sure]
    figures = calibration_figures([label.probability for label in sure], right, resamples=500, seed=42)
    return found | {f"uncalibrated {name}": _said(figure) for name, figure in figures.items()} | _calibrated(session, raw, gold, names)


def _by_language(session: Session, rows: Rows, gold: dict[str, set[str]]) -> dict[str, str]:
    present = current_taxonomy(session)
    names = {category.category_id: category.name for category in present.leaves}
    made = session.store.labels(present.taxonomy_id, session.store.current("teacher_annotator_id") or "")
    labels = {label.text_hash: names.get(label.category_id or "") for label in made}
    hits: dict[str, list[bool]] = {}
    for row in rows:
        hits.setdefault(row["lang"], []).append(labels.get(text_hash(row["text"])) in gold[text_hash(row["text"])])
    return {f"accuracy, teacher, {language}": _said(share(of_language)) for language, of_language in hits.items()}


def _calibrated(session: Session, raw: list[Label], gold: dict[str, set[str]], names: dict[str, str]) -> dict[str, Any]:
    """Calibrate on 200 known labels and measure on all others, for several choices of the 200."""
    present, grounds = current_taxonomy(session), grounds_of(session, current_taxonomy(session), raw)
    ids, errors, chance, methods, sets = {name: key for key, name in names.items()}, [], [], [], []
    for seed in range(REPEATS):
        order = np.random.default_rng(seed).permutation(len(raw))
        known = {raw[place].text_hash: tuple(ids[one] for one in sorted(gold[raw[place].text_hash])) for place in order[:KNOWN]}
        own = Grounds(votes=grounds.votes, cards=grounds.cards, cross=grounds.cross, known=known)
        llm = session.store.annotator(raw[0].annotator_id)
        annotator = teacher_annotator(llm, raw, own, manner=Judgement(several=True), seed=seed)
        taught = teach(raw, own, categories=list(names), annotator=annotator, manner=Judgement(several=True), seed=seed)
        rest = [label for label in taught.labels if label.text_hash not in known and label.category_id and label.probability is not None]
        right = [names[label.category_id or ""] in gold[label.text_hash] for label in rest]
        errors.append(calibration_figures([label.probability for label in rest], right, resamples=200, seed=seed))
        if seed == 0:
            _draw(session.folder / "calibration.png", [label.probability for label in rest], right)
        chance.append(chance_calibration_error([label.probability for label in rest], seed=seed).value)
        methods.append(taught.confidence.method)
        sets.append(_sets(taught.labels, known, gold, names))
    said = {f"calibrated {key}": _spread([one[key].value for one in errors]) for key in errors[0]} | {"ece by chance": _spread(chance)}
    together = {key: _spread([one[key] for one in sets]) for key in sets[0]} if any(len(labels) > 1 for labels in gold.values()) else {}
    return said | {"calibrated by": " ".join(methods), "categories": len(present.leaves)} | together


def _draw(path: Path, probabilities: Sequence[float | None], right: Sequence[bool]) -> None:
    points = [*reliability_points("bench", probabilities, right), *risk_coverage_points("bench", probabilities, right)]
    path.write_bytes(calibration_picture([replace(point, curve=f"{point.curve} teacher, 200 known") for point in points]))


def _sets(labels: Sequence[Label], known: Any, gold: dict[str, set[str]], names: dict[str, str]) -> dict[str, float]:
    """Score the sets of all labels of the documents that taught nothing."""
    rest = [label for label in labels if label.text_hash not in known and label.scores is not None]
    found = [{names[one] for one in [label.category_id, *label.also] if one} for label in rest]
    figures = set_figures([gold[label.text_hash] for label in rest], found, resamples=100, seed=42)
    return {name: figure.value for name, figure in figures.items()}


def _plain(session: Session, rows: Rows, names: list[str], *, multi: bool) -> dict[str, set[str]]:
    """Ask the plain prompt: names in a list, a JSON answer."""
    listed = "\n".join(f"- {name}" for name in names)
    ask = 'Give all labels that apply, as JSON: {"labels": [...]}' if multi else 'Give the label that fits best, as JSON: {"label": ...}'
    system = Message("system", f"You label texts: {session.project.use_case}\nLabels:\n{listed}\n{ask}")
    form = Structured(NamedList if multi else Named)
    texts = [" ".join(row["text"].split()[:100]) for row in rows]
    questions = [Question("plain", "bench", (system, Message("user", text)), form, 60) for text in texts]
    answers = session.annotator.ask(questions)
    return {text_hash(row["text"]): _names(answer) for row, answer in zip(rows, answers, strict=True)}


def _names(answer: Answer) -> set[str]:
    if isinstance(answer.value, NamedList):
        return set(answer.value.labels)
    return {answer.value.label} if isinstance(answer.value, Named) else set()


def _compared(session: Session, plain: dict[str, set[str]], gold: dict[str, set[str]], asked: list[str], *, multi: bool) -> dict[str, Any]:
    known = [text for text in plain if text in set(asked)]
    if multi:
        figures = set_figures([gold[text] for text in known], [plain[text] for text in known], resamples=200, seed=42)
        return {f"plain {name}": _said(figure) for name, figure in figures.items()}
    present = current_taxonomy(session)
    names = {category.category_id: category.name for category in present.leaves}
    made = session.store.labels(present.taxonomy_id, session.store.current("teacher_annotator_id") or "")
    ours = {label.text_hash: names.get(label.category_id or "") for label in made}
    hits = np.array([[plain[text] <= gold[text] and bool(plain[text]), ours.get(text) in gold[text]] for text in known], dtype=float)
    invalid = sum(not plain[text] or not plain[text] <= set(names.values()) for text in known)
    draws = np.random.default_rng(42).integers(0, len(hits), (1000, len(hits)))
    gains = (hits[draws, 1] - hits[draws, 0]).mean(axis=1)
    gain = f"{(hits[:, 1] - hits[:, 0]).mean():+.3f} ({np.quantile(gains, 0.025):+.3f} to {np.quantile(gains, 0.975):+.3f}), n = {len(hits)}"
    return {"accuracy, plain prompt": _said(share([bool(hit) for hit in hits[:, 0]])), "plain, invalid": invalid, "gain over plain": gain}


def _spent(session: Session) -> dict[str, Any]:
    sql = "select purpose, count(*), avg(tokens_in - tokens_cached), avg(tokens_out) from llm_calls group by all"
    return {
        f"tokens a call, {row[0]}": f"{row[2]:.1f} computed, {row[3]:.1f} generated, n = {row[1]}"
        for row in session.store.rows(sql)
        if row[0] in {"annotate", "plain"}
    }


def _said(figure: Any) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}), n = {figure.n}"


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f} over {len(values)} choices)"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    add_engine_option(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps answers and tables")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the figures")
    parser.add_argument("--documents", type=int, default=500, help="documents of each corpus")
    parser.add_argument("--plain", type=int, default=500, help="of them that the plain prompt is asked about as well")
    return parser.parse_args()


if __name__ == "__main__":
    main(_options())
