"""Compares a GPU with the processors beside it: how fast a sentence model reads, how long a fine-tuned student learns, and whether both agree.

`devices.py --data FOLDER [--count N --labels N --judged N]`. Each device works in a process of its own, in turns; the processors' does not
see the GPU. Texts are cut to 30 words for the rates; the student learns from gold labels of hwu64 and is judged on others.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.corpora import Corpus, add_data_option, find_corpora, read_corpus, what_is_missing
from pipeline.embedding import SentenceEmbedder
from pipeline.intervals import wilson

CORPORA, TAUGHT = ("hwu64", "ag_news", "banking77", "trec_questions"), "hwu64"
WORDS, WARM = 30, 256
DEVICES: Mapping[str, Mapping[str, str]] = {"gpu": {}, "processors": {"CUDA_VISIBLE_DEVICES": ""}}


def main(options: argparse.Namespace) -> None:
    """Let both devices work, and compare what they made."""
    there, missing = find_corpora(options.data, CORPORA)
    print(what_is_missing(options.data, missing), flush=True)
    if TAUGHT not in there or not _has_gpu():
        print("nothing is compared: " + ("there is no GPU that torch can use" if TAUGHT in there else f"{TAUGHT} is not there"))
        return
    with TemporaryDirectory() as folder:
        found = {name: _elsewhere(name, options, Path(folder) / f"{name}.npz") for name in DEVICES}
        for name, one in found.items():
            right, judged = int(one["right"]), options.judged
            lower, upper = wilson(right / judged, judged)
            print(
                f"{name} ({one['device']}): {one['rate']:,.0f} texts a second (n = {options.count});"
                f" a fine-tuned student of {options.labels} labels in {one['taught']:.1f} s,"
                f" accuracy {right / judged:.3f} ({lower:.3f} to {upper:.3f}, n = {judged}, gold)"
            )
        made = [np.load(Path(folder) / f"{name}.npz") for name in DEVICES]
    cosines = (made[0]["vectors"] * made[1]["vectors"]).sum(axis=1)
    print(f"the same text on both: cosine {cosines.min():.6f} at least, {np.median(cosines):.6f} in the median")
    print(f"the students agree on {np.mean(made[0]['predicted'] == made[1]['predicted']):.3f} of {options.judged}")


def _elsewhere(name: str, options: argparse.Namespace, kept: Path) -> dict[str, Any]:
    """Work in a process of its own."""
    sizes = [f"--{what}={getattr(options, what)}" for what in ("count", "labels", "judged")]
    command = [sys.executable, "-m", "bench.devices", "--data", str(options.data), *sizes, "--kept", str(kept)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **DEVICES[name]})
    return dict(json.loads(done.stdout.splitlines()[-1]))


def work(options: argparse.Namespace) -> None:
    """Embed, teach and judge on the device that torch finds; keep what came out, and print what it took."""
    from pipeline.students.fine_tuned import FineTuned

    corpora = [read_corpus(options.data, name) for name in find_corpora(options.data, CORPORA)[0]]
    texts = _texts(corpora, options.count)
    embedder = SentenceEmbedder()
    embedder.embed(texts[:WARM])
    began = time.perf_counter()
    vectors = embedder.embed(texts)
    rate = len(texts) / (time.perf_counter() - began)
    corpus = next(one for one in corpora if one.name == TAUGHT)
    rows, gold = np.array(corpus.texts, dtype=object)[:, None], np.array(corpus.gold)
    learnt, judged = slice(0, options.labels), slice(options.labels, options.labels + options.judged)
    began = time.perf_counter()
    student = FineTuned().fit(rows[learnt], gold[learnt])
    taught = time.perf_counter() - began
    predicted = student.predict(rows[judged])
    np.savez(options.kept, vectors=vectors, predicted=predicted.astype(str))
    right = int(np.sum(predicted == gold[judged]))
    print(json.dumps({"device": _named(str(embedder.model.device)), "rate": rate, "taught": taught, "right": right}))


def _texts(corpora: list[Corpus], count: int) -> list[str]:
    words = [text.split() for corpus in corpora for text in corpus.texts]
    return [" ".join((words[place % len(words)] * WORDS)[:WORDS]) for place in range(count)]


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _named(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device.startswith("cuda") else f"{torch.get_num_threads()} threads"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--count", type=int, default=20_000, help="texts to embed")
    parser.add_argument("--labels", type=int, default=1_000, help="gold labels to learn from")
    parser.add_argument("--judged", type=int, default=1_000, help="further documents to judge the student on")
    parser.add_argument("--kept", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    work(given) if given.kept else main(given)
