"""Measures how fast labels come beside asking for JSON with a rationale: the same documents' corpus, model and server, in turn in one run.

`label_speed.py --data FOLDER [--documents N --block N --engine JSON]` labels blocks of ag_news documents that no answer is kept of,
and prints documents a second and generated tokens a document of both.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from bench.corpora import add_data_option, add_engine_option, read_corpus
from bench.label_sets import read_label_set, taxonomy_of
from pipeline.annotation import annotate, llm_annotator
from pipeline.engine_settings import EngineSettings
from pipeline.ids import text_hash
from pipeline.records import Document
from pipeline.serving.contract import Chat, Message, Question, Structured
from pipeline.serving.engines import open_chat
from pipeline.settings import Project
from pipeline.testing import MemoryLedger

MOST = 120  # tokens that an answer with its rationale may take
CORPUS = "ag_news"


class Reasoned(BaseModel):
    """What is often asked for: the reason first, then the label."""

    rationale: str
    label: str


def main(options: argparse.Namespace) -> None:
    """Take turns: ours, theirs, theirs, ours."""
    corpus = read_corpus(options.data, CORPUS)
    ledger = MemoryLedger()
    texts = iter(corpus.texts[-options.documents :])
    taxonomy = taxonomy_of(read_label_set(CORPUS), corpus.use_case)
    project = Project.model_validate({"name": "speed", "use_case": corpus.use_case, "corpus": {"path": CORPUS, "format": "hub"}})
    with open_chat(EngineSettings(**options.engine), ledger=ledger, run_id="bench", on_status=print) as chat:

        def ours(block: Sequence[str]) -> None:
            documents = [Document(text, text_hash(text), text, CORPUS) for text in block]
            list(annotate(documents, taxonomy=taxonomy, annotator=llm_annotator(project, chat.model), chat=chat, project=project))

        turns: dict[str, Callable[[Sequence[str]], None]] = {"ours": ours, "json": lambda block: _reasoned(block, chat, project.use_case)}
        seconds, tokens, count = dict.fromkeys(turns, 0.0), dict.fromkeys(turns, 0), dict.fromkeys(turns, 0)
        for who in itertools.cycle(["ours", "json", "json", "ours"]):
            block = list(itertools.islice(texts, options.block))
            if not block:
                break
            began, calls = time.monotonic(), len(ledger.calls)
            turns[who](block)
            seconds[who] += time.monotonic() - began
            tokens[who] += sum(call.tokens_out or 0 for call in ledger.calls[calls:])
            count[who] += len(block)
    for who in turns:
        print(f"{who:<6}{count[who] / seconds[who]:.3f} documents/s, {tokens[who] / count[who]:.1f} tokens generated a document, n = {count[who]}")
    print(f"ratio {count['ours'] / seconds['ours'] / (count['json'] / seconds['json']):.2f}")


def _reasoned(block: Sequence[str], chat: Chat, use_case: str) -> None:
    names = "\n".join(f"- {entry.name}: {entry.description}" for entry in read_label_set(CORPUS))
    ask = 'Give a short rationale, then the label that fits best, as JSON: {"rationale": ..., "label": ...}'
    system = Message("system", f"You label texts: {use_case}\nLabels:\n{names}\n{ask}")
    questions = [Question("json", "bench", (system, Message("user", text)), Structured(Reasoned), MOST) for text in block]
    list(chat.ask(questions))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    add_engine_option(parser)
    parser.add_argument("--block", type=int, default=20, help="documents of a turn")
    parser.add_argument("--documents", type=int, default=160, help="documents in all; half of them each")
    main(parser.parse_args())
