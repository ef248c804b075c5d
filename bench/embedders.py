"""Compares the embedders on gold-labelled corpora: documents a second, and what a classifier learns from the vectors of each.

The sentence model is timed beside `SentenceTransformer.encode` alone, in turn, on texts of 30 words; so is the static one, first
with no word known to it and then with all. Accuracy is that of a balanced logistic regression on 1,000 gold labels.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from bench.corpora import Corpus, add_data_option, find_corpora, read_corpus, what_is_missing
from pipeline.embedding import Embedder, SentenceEmbedder, StaticEmbedder
from pipeline.intervals import wilson

CORPORA = ("hwu64", "trec_questions", "ag_news", "banking77")
WORDS, LABELS, PENALTY = 30, 1000, 10.0


def main() -> None:
    """Print the rates, then the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--rounds", type=int, default=4, help="rounds of the timing: encode, ours, ours, encode")
    parser.add_argument("--count", type=int, default=200, help="texts the sentence model is timed on, each time")
    parser.add_argument("--judged", type=int, default=1000, help="documents of each corpus that accuracy is measured on; 0 for the rates alone")
    arguments = parser.parse_args()
    there, missing = find_corpora(arguments.data, arguments.corpora or CORPORA)
    print(what_is_missing(arguments.data, missing), flush=True)
    corpora = [read_corpus(arguments.data, name) for name in there]
    sentence = SentenceEmbedder()
    texts = _cut(corpora)
    if texts:
        _print_sentence_rates(sentence, texts[: arguments.count], rounds=arguments.rounds)
        _print_static_rates(texts, rounds=arguments.rounds)
    if arguments.judged:
        _print_accuracies(corpora, [sentence, StaticEmbedder()], judged=arguments.judged)


def _cut(corpora: Sequence[Corpus]) -> list[str]:
    """Cut the longer texts to the number of words that rates are told for."""
    parted = (text.split() for corpus in corpora for text in corpus.texts)
    return [" ".join(words[:WORDS]) for words in parted if len(words) >= WORDS]


def _rate(work: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _print_sentence_rates(sentence: SentenceEmbedder, texts: list[str], *, rounds: int) -> None:
    sentence.embed(texts[:8])
    tokens = np.mean([len(ids) for ids in sentence.model.tokenizer(texts)["input_ids"]])
    threads = torch.get_num_threads()

    def bare() -> object:
        torch.set_num_threads(threads)
        return sentence.model.encode(texts, show_progress_bar=False)

    alone, ours = [], []
    for _ in range(rounds):
        for work, rates in ((bare, alone), (lambda: sentence.embed(texts), ours), (lambda: sentence.embed(texts), ours), (bare, alone)):
            rates.append(_rate(work, len(texts)))
    each = f"{len(texts)} texts of {WORDS} words ({tokens:.0f} tokens), {2 * rounds} times each"
    print(f"documents/s of {sentence.name}, {each}; median (lowest to highest)")
    print(f"  SentenceTransformer.encode  {_spread(alone)}\n  ours                        {_spread(ours)}")
    pairs = [mine / theirs for mine, theirs in zip(ours, alone, strict=True)]
    print(f"  ratio                       {np.median(pairs):.2f} ({min(pairs):.2f} to {max(pairs):.2f})", flush=True)


def _print_static_rates(texts: list[str], *, rounds: int) -> None:
    first, again = [], []
    for _ in range(rounds):
        static = StaticEmbedder()
        static.embed(["load"])
        first.append(_rate(lambda: static.embed(texts), len(texts)))  # noqa: B023
        again.append(_rate(lambda: static.embed(texts), len(texts)))  # noqa: B023
    print(f"documents/s of {static.name}, {len(texts)} texts of {WORDS} words, {rounds} times each; median (lowest to highest)")
    print(f"  no word known before        {_spread(first)}\n  the same texts again        {_spread(again)}", flush=True)


def _spread(rates: Sequence[float]) -> str:
    return f"{np.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


def _print_accuracies(corpora: Sequence[Corpus], embedders: Sequence[Embedder], *, judged: int) -> None:
    print(f"accuracy of a balanced logistic regression (C = {PENALTY:g}) on {LABELS:,} gold labels, with 95 % intervals")
    for corpus in corpora:
        kept = slice(0, LABELS + judged)
        gold, texts = np.array(corpus.gold[kept]), corpus.texts[kept]
        for embedder in embedders:
            share = _accuracy(embedder, texts, gold)
            low, high = wilson(share, len(gold) - LABELS)
            print(f"  {corpus.name:<16}{embedder.embedder_id:<40}{share:.3f} ({low:.3f} to {high:.3f}), n = {len(gold) - LABELS}", flush=True)


def _accuracy(embedder: Embedder, texts: Sequence[str], gold: np.ndarray) -> float:
    vectors = embedder.embed(texts)
    model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000).fit(vectors[:LABELS], gold[:LABELS])
    return float((model.predict(vectors[LABELS:]) == gold[LABELS:]).mean())


if __name__ == "__main__":
    main()
