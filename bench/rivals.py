"""The rivals of the taxonomy benchmark that need no language model: BERTopic and k-means on the same vectors.

Each gives a label for every document of a corpus. BERTopic is no dependency of the project: it runs in a child process, in
the Python that LINNAEUS_BERTOPIC_PYTHON names, on vectors handed over as a file, so that the embedder is the same.

`rivals.py --data FOLDER --out FILE` prints a table and writes its figures as JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # the child process has neither this project nor what it needs
    from corpora import Corpus

__all__ = ["PYTHON", "Found", "bertopic_labels", "kmeans_labels", "kmeans_size", "scores"]

Matrix = npt.NDArray[np.float32]
Labels = list[str | None]  # a label a document, None where the rival put it in no topic
PYTHON = "LINNAEUS_BERTOPIC_PYTHON"
SIZES = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120)  # that k-means chooses from
JUDGED = 2000  # documents that the silhouette of each of them is measured on
SEEDS = (1, 2, 3)
METRICS = ("ari", "nmi", "p1", "topics", "outliers")


@dataclass(frozen=True)
class Found:
    """BERTopic's labels: with its outliers in no topic, and with each outlier in the topic whose embedding is nearest."""

    as_found: Labels
    filled: Labels


def kmeans_labels(vectors: Matrix, size: int, seed: int) -> Labels:
    """Cluster by k-means, the best of ten starts."""
    from sklearn.cluster import KMeans

    return [str(place) for place in KMeans(size, n_init=10, random_state=seed).fit_predict(vectors)]


def kmeans_size(vectors: Matrix, seed: int, sizes: Sequence[int] = SIZES) -> int:
    """Choose k-means' number of clusters as is usual, by the best mean silhouette (cosine)."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    judged = np.random.default_rng(seed).permutation(len(vectors))[:JUDGED]
    possible = [size for size in sizes if size < len(judged)]
    places = [KMeans(size, n_init=2, random_state=seed).fit_predict(vectors) for size in possible]
    silhouettes = [silhouette_score(vectors[judged], found[judged], metric="cosine") for found in places]
    return possible[int(np.argmax(silhouettes))]


def bertopic_labels(texts: Sequence[str], vectors: Matrix, *, size: int | None, seed: int) -> Found:
    """Run BERTopic with its own settings, UMAP seeded; its own number of topics, or `size` of them.

    BERTopic counts its outliers as one topic more, so that it is asked for one more. Where it finds fewer topics than
    `size`, it gives those.
    """
    return _bertopic(texts, vectors, [(seed, size)])[0]


def _bertopic(texts: Sequence[str], vectors: Matrix, asked: Sequence[tuple[int, int | None]]) -> list[Found]:
    """Answer several (seed, size) in one child process, which spares compiling UMAP anew each time."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "job.json").write_text(json.dumps({"texts": list(texts), "asked": list(asked)}), encoding="utf-8")
        np.save(Path(folder) / "vectors.npy", vectors)
        command = [os.environ.get(PYTHON, sys.executable), str(Path(__file__).resolve()), "--job", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["nothing on its standard error"]
            raise RuntimeError(f"BERTopic ended with exit status {done.returncode}: {last[0]}. {PYTHON} must name a Python that has it.")
        answers = json.loads((Path(folder) / "labels.json").read_text(encoding="utf-8"))
    return [Found(_named(answer["as_found"]), _named(answer["filled"])) for answer in answers]


def scores(gold: Sequence[str], found: Labels) -> dict[str, float]:
    """Measure ARI, NMI, P1 and the number of topics; the documents in no topic are one cluster, which matches no gold label in P1."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    from pipeline.evaluation.metrics import clustering_scores

    named = ["" if label is None else label for label in found]
    return {
        "ari": float(adjusted_rand_score(gold, named)),
        "nmi": float(normalized_mutual_info_score(gold, named)),
        "p1": clustering_scores(gold, found)["harmonic_purity"],
        "topics": float(len(set(found) - {None})),
        "outliers": sum(label is None for label in found) / len(found),
    }


def _named(places: Sequence[int]) -> Labels:
    return [None if place == -1 else str(place) for place in places]


def _work(folder: Path) -> None:
    """Run BERTopic on what lies in a folder; only this part needs the package."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    vectors = np.load(folder / "vectors.npy")
    answers = [_fit(job["texts"], vectors, size=size, seed=seed) for seed, size in job["asked"]]
    (folder / "labels.json").write_text(json.dumps(answers), encoding="utf-8")


def _fit(texts: list[str], vectors: Matrix, *, size: int | None, seed: int) -> dict[str, list[int]]:
    from bertopic import BERTopic  # type: ignore[import-not-found]
    from umap import UMAP  # type: ignore[import-not-found]

    umap = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", low_memory=False, random_state=seed)  # its defaults
    model = BERTopic(umap_model=umap)
    found, _ = model.fit_transform(texts, vectors)
    outliers = int(-1 in found)
    if size is not None and len(set(found)) > size + outliers:
        found = model.reduce_topics(texts, nr_topics=size + outliers).topics_
    filled = model.reduce_outliers(texts, found, strategy="embeddings", embeddings=vectors) if outliers else found
    return {"as_found": [int(place) for place in found], "filled": [int(place) for place in filled]}


def _measure(corpus: "Corpus", vectors: Matrix, seeds: Sequence[int]) -> dict[str, list[dict[str, float]]]:
    """Measure every rival with every seed, at the number of gold labels and at its own."""
    runs: dict[str, list[dict[str, float]]] = {}
    asked = [(seed, size) for seed in seeds for size in (corpus.size, None)]
    for (seed, size), found in zip(asked, _bertopic(corpus.texts, vectors, asked), strict=True):
        k = "true k" if size else "own k"
        clusters = kmeans_labels(vectors, size or kmeans_size(vectors, seed), seed)
        for rival, labels in (("k-means", clusters), ("BERTopic as found", found.as_found), ("BERTopic, outliers placed", found.filled)):
            runs.setdefault(f"{rival}, {k}", []).append(scores(corpus.gold, labels))
    return runs


def _summary(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    functions: dict[str, Callable[[list[float]], Any]] = {"mean": np.mean, "min": min, "max": max}
    return {metric: {name: round(float(function([run[metric] for run in runs])), 4) for name, function in functions.items()} for metric in METRICS}


def _print(name: str, table: Mapping[str, Mapping[str, Mapping[str, float]]], corpus: "Corpus") -> None:
    print(f"\n{name}: {len(corpus)} documents, {corpus.size} gold labels\n{'rival':<36}" + "".join(f"{metric:>22}" for metric in METRICS))
    for rival, figures in table.items():
        cells = (f"{figures[metric]['mean']:.3f} [{figures[metric]['min']:.3f} {figures[metric]['max']:.3f}]" for metric in METRICS)
        print(f"{rival:<36}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def main(options: argparse.Namespace) -> None:
    """Measure the rivals on the corpora that are found, and write the figures after each corpus."""
    from corpora import find_corpora, read_corpus, what_is_missing

    from pipeline.embedding import SentenceEmbedder

    names, missing = find_corpora(options.data, options.corpora)
    results: dict[str, Any] = {"missing": missing, "seeds": list(options.seeds)}
    for name in names:
        corpus = read_corpus(options.data, name)
        stored = options.vectors / f"{name}.npy" if options.vectors else None
        vectors = np.load(stored) if stored and stored.exists() else SentenceEmbedder().embed(corpus.texts)
        if len(vectors) != len(corpus):
            sys.exit(f"{stored} holds {len(vectors)} vectors and {name} {len(corpus)} documents; delete the file to have them made anew.")
        runs = _measure(corpus, vectors, options.seeds)
        results[name] = {
            "documents": len(corpus),
            "size": corpus.size,
            "rivals": {rival: _summary(found) for rival, found in runs.items()},
            "runs": runs,
        }
        _print(name, results[name]["rivals"], corpus)
        if options.out:
            options.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if missing:
        print(f"\n{what_is_missing(options.data, missing)}")


def _options() -> argparse.Namespace:
    from corpora import add_data_option

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--vectors", type=Path, help="folder of <name>.npy in the order of the corpus; embedded when absent")
    parser.add_argument("--out", type=Path, help="file for the figures as JSON")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        _work(Path(sys.argv[2]))
    else:
        main(_options())
