"""Measures the taxonomy that is induced, on gold-labelled corpora, with the embedded model: three candidates, and the one selected.

The steps are those of a run: the facet's question, a phrase a sampled document, three candidates with other orders and
seeds, their review, the selection on documents that made none of them. All other documents are then assigned as a student
learns it: the groups spread over the vectors of all texts (`pipeline.students.spread`). With the size asked for, names
change no group, so that there the groups alone are made; with the size chosen, the whole induction is run.

`taxonomy.py --data FOLDER --state FOLDER --out FILE` prints each taxonomy and a table and writes the figures as JSON. Answers
are kept in the state folder, so that a second run asks nothing.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from corpora import Corpus, add_data_option, find_corpora, read_corpus, what_is_missing
from rivals import Labels, kmeans_labels, scores

from pipeline.embedding import SentenceEmbedder
from pipeline.engine_settings import EngineSettings
from pipeline.ids import text_hash
from pipeline.records import Document, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.serving.engines import open_chat
from pipeline.settings import MAIN, Project
from pipeline.store import Store, StoreLedger
from pipeline.students import TrainingSet, spread
from pipeline.taxonomy import Sample, describe, induction, make_sample, measure_candidates, select, summarise, write_facet
from pipeline.taxonomy.agreement import stability
from pipeline.taxonomy.candidates import measure
from pipeline.taxonomy.grouping import group

SEEDS = (0, 1, 2)
CAP = 100  # most categories where the size is chosen
VALIDATION = 40  # documents
Matrix = npt.NDArray[np.float32]


def main(options: argparse.Namespace) -> None:
    """Measure each corpus that is there."""
    names, missing = find_corpora(options.data, options.corpora)
    print(what_is_missing(options.data, missing))
    store, embedder = Store.open(options.state), SentenceEmbedder("all-minilm-l6-v2")
    results: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in names:
        corpus = read_corpus(options.data, name)
        run_id = f"{name}-{time.time():.0f}"
        with open_chat(EngineSettings(), ledger=StoreLedger(store), run_id=run_id, on_status=print) as chat:
            results[name] = _measured(corpus, embedder, chat, options)
        results[name]["tokens_of_this_run"] = _tokens(store, run_id)
        options.out.write_text(json.dumps(results, indent=1))
        _show(corpus, results[name])


def _measured(corpus: Corpus, embedder: SentenceEmbedder, chat: Chat, options: argparse.Namespace) -> dict[str, Any]:
    vectors = _vectors(corpus, embedder, options.state)
    project, sample = _sampled(corpus, vectors, embedder, chat, options.sample)
    place = {text_hash(text): number for number, text in enumerate(corpus.texts)}
    asked: list[dict[str, float]] = []
    rival: list[dict[str, float]] = []
    for seed in SEEDS:
        groups = group(_ordered(sample, seed), corpus.size, seed=seed)
        labels = {_ordered(sample, seed).hashes[index]: str(number) for number, found in enumerate(groups) for index in found.indices}
        asked.append(scores(corpus.gold, _assigned(labels, place, vectors)))
        rival.append(scores(corpus.gold, kmeans_labels(vectors, corpus.size, seed)))
    candidates = [_candidate(sample, seed, embedder, chat, project) for seed in SEEDS]
    texts = corpus.texts[options.sample : options.sample + VALIDATION] or corpus.texts[-VALIDATION:]
    about: dict[str, Any] = {"sample": sample, "chat": chat, "embedder": embedder, "project": project}
    alone = [measure(candidate, texts, **about) for candidate in candidates]
    measures = [[*own, *stable] for own, stable in zip(alone, stability(candidates), strict=True)]
    if options.judge:
        measures = measure_candidates(candidates, texts, **about)
    number, why = select(candidates, measures)
    chosen = [scores(corpus.gold, _assigned(_members(candidate), place, vectors)) | {"size": len(candidate.categories)} for candidate in candidates]
    final = candidates[number]
    if options.cards:
        final = describe(final, sample, chat=chat, embedder=embedder, project=project, version_id="bench").taxonomy
    topics = _topics(sample.part(range(min(options.topics, len(sample)))), embedder, chat, project) if options.topics else None
    read = {} if topics is None else {"topics": [scores(corpus.gold, _assigned(_members(topics), place, vectors))], "topics_found": _told(topics)}
    return {
        "documents": len(corpus), "sample": len(sample), "true_size": corpus.size, "asked": asked, "kmeans": rival, "chosen": chosen,
        "selected": number, "why": why, "measures": [[[one.metric, one.value, one.n] for one in of_one] for of_one in measures],
        "question": sample.question, "guide": final.guide, "categories": _told(final), **read,
    }  # fmt: skip


def _topics(sample: Sample, embedder: SentenceEmbedder, chat: Chat, project: Project) -> Taxonomy:
    """Read the documents one by one, as TopicGPT does, with the same model."""
    own = project.model_copy(update={"taxonomy": project.taxonomy.model_copy(update={"method": "topics"})})
    return induction(own, 0).generate(sample, parent=None, chat=chat, embedder=embedder, project=own, version_id="topics").taxonomy


def _told(taxonomy: Taxonomy) -> list[list[Any]]:
    return [[one.name, one.description, len(one.members), list(one.cues), list(one.exclusions)] for one in taxonomy.categories]


def _tokens(store: Store, run_id: str) -> list[Any]:
    """Sum up what one run asked, by purpose: calls, prompt tokens, those of them that were cached, generated tokens."""
    sql = "select purpose, count(*), sum(tokens_in)::int, sum(tokens_cached)::int, sum(tokens_out)::int from llm_calls where run_id = ? group by all"
    return [list(row) for row in store.rows(sql, [run_id])]


def _vectors(corpus: Corpus, embedder: SentenceEmbedder, folder: Path) -> Matrix:
    """Embed all documents once."""
    path = folder / f"{corpus.name}.npy"
    if not path.exists():
        np.save(path, embedder.embed(corpus.texts))
    return np.asarray(np.load(path))


def _sampled(corpus: Corpus, vectors: Matrix, embedder: SentenceEmbedder, chat: Chat, count: int) -> tuple[Project, Sample]:
    """Ask the facet's question of the first documents."""
    settings = {"taxonomy": {"size": {"min": 2, "max": CAP}}, "annotation": {"max_words": 100}, "corpus": {"path": corpus.name, "format": "hub"}}
    project = Project.model_validate({"name": corpus.name, "use_case": corpus.use_case, **settings})
    documents = [Document(key, text_hash(text), text, corpus.name) for key, text in zip(corpus.ids[:count], corpus.texts, strict=False)]
    facet = write_facet(MAIN, [document.text for document in documents[:8]], chat=chat, project=project)
    summaries = [summary for outcome in summarise(documents, facets=[facet], chat=chat, project=project) for summary in outcome.records]
    return project, make_sample(summaries, embedder=embedder, neighbours=vectors, question=facet.question)


def _ordered(sample: Sample, seed: int) -> Sample:
    return sample if not seed else sample.part([int(place) for place in np.random.default_rng([42, seed]).permutation(len(sample))])


def _candidate(sample: Sample, seed: int, embedder: SentenceEmbedder, chat: Chat, project: Project) -> Taxonomy:
    own, ordered = project.model_copy(update={"seed": project.seed + seed}), _ordered(sample, seed)
    way = induction(own, 0)
    first = way.generate(ordered, parent=None, chat=chat, embedder=embedder, project=own, version_id=f"generate-{seed}").taxonomy
    assert way.review is not None
    return way.review(first, ordered, chat=chat, embedder=embedder, project=own, version_id=f"review-{seed}").taxonomy


def _members(taxonomy: Taxonomy) -> dict[str, str]:
    return {text: category.category_id for category in taxonomy.categories for text in category.members}


def _assigned(labels: Mapping[str, str], place: Mapping[str, int], vectors: Matrix) -> Labels:
    """Assign all documents by what the grouped ones say and by how the others lie around them."""
    rows = np.array([place[text] for text in labels])
    others = np.setdiff1d(np.arange(len(vectors)), rows)
    groups = sorted(set(labels.values()))
    known = np.eye(len(groups))[[groups.index(label) for label in labels.values()]]
    spread_out = spread(TrainingSet(tuple(groups), vectors[rows], known, vectors[others])).argmax(axis=1)
    assigned = np.empty(len(vectors), dtype=int)
    assigned[np.concatenate([rows, others])] = spread_out
    return [groups[group] for group in assigned]


def _show(corpus: Corpus, found: Mapping[str, Any]) -> None:
    print(f"\n{corpus.name}: {corpus.use_case} (n = {len(corpus)}, sample {found['sample']}); asked: {found['question']}")
    for name, description, members, cues, _ in found["categories"]:
        print(f"  {name:<32}{members:>5}  {description}  [{', '.join(cues[:4])}]")
    print(f"  {found['why']}")
    for name, _, members, *_ in found.get("topics_found", []):
        print(f"  topic {name:<32}{members:>5}")
    measured = {"asked size": "asked", "k-means on text, asked size": "kmeans", "chosen size": "chosen", "topics, document by document": "topics"}
    for what, key in measured.items():
        print(f"  {what:<30}{_ranges(found[key])}" if key in found else f"  {what:<30}not measured")


def _ranges(runs: Sequence[Mapping[str, float]]) -> str:
    """Give each metric's mean over the seeds with its lowest and highest value."""
    parts = []
    for metric in ("ari", "nmi", "p1", "topics"):
        values = [run[metric] for run in runs]
        parts.append(f"{metric} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
    return "  ".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps answers and vectors")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the figures")
    parser.add_argument("--judge", action="store_true", help="let the judge choose among the candidates as well")
    parser.add_argument("--cards", action="store_true", help="write the cards and the guide of the selected one")
    parser.add_argument("--topics", type=int, default=0, help="documents of the sample that a TopicGPT-like run reads one by one")
    parser.add_argument("--sample", type=int, default=600, help="documents that are asked about")
    return parser.parse_args()


if __name__ == "__main__":
    main(_options())
