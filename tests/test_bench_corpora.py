"""The benchmarks' corpora hold each text once, and rivals are scored as the methods are."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.corpora import SOURCES, find_corpora, read_corpus, what_is_missing
from bench.rivals import PYTHON, bertopic_labels, kmeans_labels, kmeans_size, scores
from tests.clusters import FOUR


def write_corpus(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    with gzip.open(folder / f"{SOURCES[name].file}.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def test_a_benchmark_says_plainly_which_corpora_it_did_not_find(tmp_path: Path) -> None:
    write_corpus(tmp_path, "hwu64", [])
    found, missing = find_corpora(tmp_path, ["sib200", "hwu64"])
    assert (found, missing) == (["hwu64"], ["sib200"])
    assert what_is_missing(tmp_path, missing) == f"Not found in {tmp_path}, and so not measured: sib200 (sib200_multilingual.jsonl.gz)."
    assert what_is_missing(tmp_path, []) == ""
    assert len(find_corpora(tmp_path)[1]) == len(SOURCES) - 1
    with pytest.raises(KeyError, match="no corpus is called snips; the corpora are ag_news"):
        find_corpora(tmp_path, ["snips"])


@pytest.mark.parametrize(
    ("name", "row", "gold"),
    [
        ("hwu64", {"labels": ["alarm_set"], "parents": ["alarm > alarm_set"]}, "alarm"),
        ("trec_questions", {"labels": ["HUM:ind"]}, "HUM"),
        ("reuters21578", {"labels": ["grain", "wheat"]}, "grain"),
        ("sib200", {"labels": ["geography"], "lang": "en"}, "geography"),
    ],
)
def test_a_corpus_holds_each_text_once_with_its_one_gold_label(tmp_path: Path, name: str, row: dict[str, Any], gold: str) -> None:
    rows = [{"id": str(place), "text": f"text {place % 6}", **row} for place in range(9)]
    foreign = [{"id": "10", "text": "texte", **row, "lang": "fr"}] if name == "sib200" else []
    write_corpus(tmp_path, name, rows + foreign)
    corpus = read_corpus(tmp_path, name)
    assert sorted(corpus.texts) == [f"text {place}" for place in range(6)]
    assert corpus.texts != tuple(sorted(corpus.texts)), "the order is shuffled"
    assert corpus == read_corpus(tmp_path, name), "and the same each time"
    assert set(corpus.gold) == {gold}
    assert (len(corpus), corpus.size) == (6, 1)


def test_the_rivals_are_scored_as_the_methods_are() -> None:
    vectors = FOUR.vectors[:22]  # twelve about parcels, ten about refunds
    gold = ["parcel"] * 12 + ["refund"] * 10
    assert scores(gold, kmeans_labels(vectors, 2, seed=1)) == {"ari": 1.0, "nmi": 1.0, "p1": 1.0, "topics": 2.0, "outliers": 0.0}
    assert kmeans_size(vectors, seed=1, sizes=(2, 3, 5, 40)) == 2
    some = scores(gold, [*["x"] * 12, *["y"] * 5, *[None] * 5])
    assert some["p1"] == pytest.approx((12 + 10 * 2 * 5 / 15) / 22)
    assert (some["topics"], some["outliers"]) == (2.0, 5 / 22)


def test_a_python_without_bertopic_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, sys.executable)
    with pytest.raises(RuntimeError, match=f"No module named 'bertopic'. {PYTHON} must name a Python that has it"):
        bertopic_labels(["one", "two"], FOUR.vectors[:2], size=None, seed=1)
