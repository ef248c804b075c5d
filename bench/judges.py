"""Measures what a judge is worth: texts of a gold-labelled corpus with their right label and with a wrong one, half of each.

`judges.py --data FOLDER --state FOLDER` asks the embedded model; `--engine JSON` another one, with the keys of `engine`. The wrong label
is the one that the text's embedding is nearest to beside the right one, as a labeller errs. Answers are kept in the state folder.
"""

import argparse
import time
from pathlib import Path

from bench.corpora import add_data_option, add_engine_option, read_corpus
from bench.label_sets import category_id, read_label_set, taxonomy_of
from pipeline.corpus_settings import CorpusSettings
from pipeline.embedding import open_embedder
from pipeline.engine_settings import EngineSettings
from pipeline.evaluation import Bench, Verdicts, ask_judge, judge_findings, planned_judgements, trust_findings, trust_level
from pipeline.evaluation.judged import Finding
from pipeline.ids import text_hash
from pipeline.judgement_records import Judgement
from pipeline.serving.engines import open_chat
from pipeline.settings import Project
from pipeline.store import Store, StoreLedger

CORPORA = ("hwu64", "ag_news")
SHOWN = ("judged_accuracy_random", "judged_accuracy_hard", "relevance", "position_consistency", "judge_accuracy", "judge_kappa", "position_bias")


def main(options: argparse.Namespace) -> None:
    """Judge each corpus and print its table."""
    for name in options.corpora or CORPORA:
        _measure(name, options)


def _measure(name: str, options: argparse.Namespace) -> None:
    corpus = read_corpus(options.data, name)
    texts = {text_hash(text): (text, gold) for text, gold in zip(corpus.texts[: options.texts], corpus.gold, strict=False)}
    taxonomy = taxonomy_of(read_label_set(name), corpus.use_case)
    leaves, embedder = taxonomy.leaves, open_embedder("all-minilm-l6-v2")
    words = embedder.embed([f"{leaf.name}: {leaf.description}" for leaf in leaves])
    near = embedder.embed([text for text, _ in texts.values()]) @ words.T
    right = {one: category_id(gold) for one, (_, gold) in texts.items()}
    given = dict(right)
    for place, one in enumerate(texts):  # every second label is wrong
        if place % 2:
            order = [leaves[number].category_id for number in (-near[place]).argsort()]
            given[one] = next(other for other in order if other != right[one])
    placed = {one: (taxonomy.taxonomy_id, label) for one, label in given.items()}
    truth = {one: (taxonomy.taxonomy_id, label) for one, label in right.items()}
    engine = EngineSettings(**options.engine)
    project = Project(name="judges", use_case=corpus.use_case, corpus=CorpusSettings(path="unread.jsonl"), engine=engine)
    benches = {taxonomy.taxonomy_id: Bench(taxonomy, words @ words.T)}
    began = time.monotonic()
    rows: list[Judgement] = []
    store = Store.open(options.state)
    with open_chat(engine, ledger=StoreLedger(store), run_id="judges", log_folder=options.state) as chat:
        asked, controls = {one: [label] for one, label in placed.items()}, {one: [label] for one, label in truth.items()}
        planned = planned_judgements(asked, controls, benches, model=chat.model, project=project)
        for batch in ask_judge(planned, {one: text for one, (text, _) in texts.items()}, benches, chat=chat, project=project):
            rows += batch
    verdicts = Verdicts.from_judgements("judge", rows)
    found = judge_findings({"labels": placed}, verdicts)
    found += trust_findings(verdicts, {one: [label] for one, label in placed.items()}, {"gold labels": truth}, resamples=1000, seed=1)
    _print(name, found, calls=len(rows), seconds=time.monotonic() - began)
    plain = [one.verdict is True for one in rows if one.question == "against_hard" and truth[one.text_hash][1] == one.category_id]
    print(f"  single answers for the right label: {sum(plain)} of {len(plain)}")


def _print(name: str, found: list[Finding], *, calls: int, seconds: float) -> None:
    print(f"{name}: {calls} questions, {seconds:.0f} s")
    for one in found:
        if one.metric in SHOWN:
            figure = one.figure
            trust = f", {trust_level(figure)}" if one.metric == "judge_kappa" else ""
            print(f"  {one.metric}: {figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f}, n {figure.n}{trust})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    add_engine_option(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder of answers")
    parser.add_argument("--texts", type=int, default=40, help="texts of each corpus")
    main(parser.parse_args())
