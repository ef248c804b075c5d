"""Measures how far documents that give orders mislead the model: 100 texts with an order in them, beside the same texts without.

`orders.py --state FOLDER` labels both by the domains of hwu64 with the embedded model and prints the accuracy of each and how often the
order was obeyed, by kind of order. Answers are kept in the state folder.
"""

import argparse
from collections import Counter
from pathlib import Path

from bench.label_sets import read_label_set, taxonomy_of
from pipeline.annotation import annotate, batch_labels, llm_annotator
from pipeline.engine_settings import EngineSettings
from pipeline.evaluation import share
from pipeline.ids import text_hash
from pipeline.records import Document
from pipeline.serving.engines import open_chat
from pipeline.settings import Project
from pipeline.store import Store, StoreLedger
from tests.orders import Order, read_orders

USE_CASE = "which domain does the request to the assistant belong to"


def main(options: argparse.Namespace) -> None:
    """Label the texts with and without their orders."""
    entries = read_label_set("hwu64")
    names = {entry.gold: entry.name for entry in entries}
    golds = [entry.gold for entry in entries]

    def target_of(order: Order) -> str:
        return names[golds[(golds.index(order.gold) + 7) % len(golds)]]

    orders = read_orders(target_of)
    plain, ordered = (_labelled([getattr(order, field) for order in orders], options.state) for field in ("plain", "text"))
    right = {
        what: [found[place] == names[order.gold] for place, order in enumerate(orders)] for what, found in (("plain", plain), ("ordered", ordered))
    }
    obeyed = [ordered[place] == order.target and plain[place] != order.target for place, order in enumerate(orders)]
    for what, hits in right.items():
        figure = share(hits)
        print(f"accuracy, {what:<8} {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}), n = {figure.n}")
    print(f"obeyed: {sum(obeyed)} of {len(orders)}; by kind: {dict(Counter(order.kind for order, did in zip(orders, obeyed, strict=True) if did))}")


def _labelled(texts: list[str], state: Path) -> list[str | None]:
    taxonomy = taxonomy_of(read_label_set("hwu64"), USE_CASE)
    project = Project.model_validate({"name": "orders", "use_case": USE_CASE, "corpus": {"path": "orders", "format": "hub"}})
    documents = [Document(str(place), text_hash(text), text, "orders") for place, text in enumerate(texts)]
    with open_chat(EngineSettings(), ledger=StoreLedger(Store.open(state)), run_id="orders", on_status=print) as chat:
        annotator = llm_annotator(project, chat.model)
        outcomes = list(annotate(documents, taxonomy=taxonomy, annotator=annotator, chat=chat, project=project))
    labels = [label for outcome in outcomes for label in outcome.records]
    named = {category.category_id: category.name for category in taxonomy.leaves}
    chosen = {label.text_hash: named.get(label.category_id or "") for label in batch_labels(labels, labels, categories=list(named))}
    return [chosen.get(document.text_hash) for document in documents]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps answers")
    main(parser.parse_args())
