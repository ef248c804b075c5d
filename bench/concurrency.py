"""Measures what the flow of calls finds by itself beside fixed numbers of calls in flight, on a server that runs.

`concurrency.py --data FOLDER --engine JSON [--documents N]` labels a block of ag_news documents for each limit, no document twice, and
prints labels a second and the most calls that were in flight.
"""

import argparse
import time

from bench.corpora import add_data_option, add_engine_option, read_corpus
from bench.label_sets import read_label_set, taxonomy_of
from pipeline.annotation import annotate, llm_annotator
from pipeline.engine_settings import EngineSettings
from pipeline.ids import text_hash
from pipeline.records import Document
from pipeline.serving.engines import open_chat
from pipeline.settings import Project
from pipeline.testing import MemoryLedger

CORPUS = "ag_news"
LIMITS = (16, None, 64, None, 256)  # None: found by watching the server


def main(options: argparse.Namespace) -> None:
    """Label a block at each limit, after one that warms the server up."""
    corpus = read_corpus(options.data, CORPUS)
    taxonomy = taxonomy_of(read_label_set(CORPUS), corpus.use_case)
    project = Project.model_validate({"name": "speed", "use_case": corpus.use_case, "corpus": {"path": CORPUS, "format": "hub"}})
    for turn, limit in enumerate((16, *LIMITS)):
        block = corpus.texts[turn * options.documents : (turn + 1) * options.documents]
        documents = [Document(text, text_hash(text), text, CORPUS) for text in block]
        engine = EngineSettings(**{**options.engine, "concurrency": limit})
        with open_chat(engine, ledger=MemoryLedger(), run_id="bench", on_status=print) as chat:
            began = time.monotonic()
            list(annotate(documents, taxonomy=taxonomy, annotator=llm_annotator(project, chat.model), chat=chat, project=project))
            seconds, measured = time.monotonic() - began, chat.measured()
        if turn:
            said = limit or "found"
            print(f"in flight {said!s:<6}{len(documents) / seconds:8.1f} labels/s, at most {measured.most_in_flight} at once, n = {len(documents)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    add_engine_option(parser)
    parser.add_argument("--documents", type=int, default=800, help="documents of each block")
    main(parser.parse_args())
