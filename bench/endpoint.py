"""Times `linnaeus serve`: requests of one text each from one client and from 32 at once, and requests of 64 texts.

Learns two students from the demo's known labels, a logistic regression on MiniLM's vectors and one on words, serves each from its
folder in a process of its own, and asks from this one, on the same cores.
"""

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import numpy as np
from sklearn.pipeline import Pipeline

from pipeline.embedding import SentenceEmbedder
from pipeline.students import Inputs, fit_certainty, fit_novelty, save_student
from pipeline.students.estimators import make_estimator
from pipeline.students.features import feature_step
from pipeline.students.voices import Voices

ROOT = Path(__file__).resolve().parent.parent
LEARNT, UNSEEN, CLIENTS, TRIALS = 600, 400, 32, 3
ALONE, TOGETHER, FULL = 100, 320, 5  # requests a trial


def main() -> None:
    """Print each trial of each student."""
    rows = [json.loads(line) for line in (ROOT / "projects" / "data" / "hwu64.jsonl").read_text(encoding="utf-8").splitlines()]
    print(f"texts a second, and median milliseconds to an answer; {ALONE}, {TOGETHER} and {FULL * 64} texts a trial")
    for feature in ("embedding", "words"):
        with tempfile.TemporaryDirectory() as folder:
            learn(rows[: LEARNT + UNSEEN], Path(folder), feature)
            serve(Path(folder), [row["text"] for row in rows[LEARNT + UNSEEN :]], feature)


def serve(folder: Path, texts: Sequence[str], feature: str) -> None:
    """Start a server, measure and stop it."""
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--student", str(folder), "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        address = server.stderr.readline().split()[-1]
        server.stderr.readline()  # that it has loaded
        asyncio.run(measure(address, texts, feature))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def learn(rows: Sequence[dict[str, str]], folder: Path, feature: str) -> None:
    """Save a student with all that it can say."""
    embedder = SentenceEmbedder()
    names = sorted({row["domain"] for row in rows})
    places = np.array([names.index(row["domain"]) for row in rows])
    inputs = Inputs(embedder.embed([row["text"] for row in rows]), [row["text"] for row in rows])
    first, rest = inputs.take(np.arange(LEARNT)), inputs.take(np.arange(LEARNT, len(rows)))
    voice = Pipeline([("features", feature_step([feature])), ("classifier", make_estimator("logistic_regression", {"C": 3.0}, seed=1))])
    model = Voices([voice.fit(first, places[:LEARNT])], [1.0], np.arange(len(names)))
    model.novelty = fit_novelty(first.vectors, seed=1).as_arrays()
    unseen, truth = model.decision_function(rest), np.eye(len(names))[places[LEARNT:]]
    certainty, _ = fit_certainty(unseen, truth, known=np.ones(len(truth), dtype=bool), level=0.9, risk=0.1, seed=1)
    about = {
        "classifier_id": "student:bench", "taxonomy_id": "tax:bench", "categories": names, "names": names, "parents": [[] for _ in names],
        "embedder": embedder.name, "embedder_id": embedder.embedder_id, "voices": [], "trained_on": LEARNT, "training_ids_hash": "bench", "seed": 1,
        "certainty": certainty.as_settings(),
    }  # fmt: skip
    save_student(folder, model, about)


async def measure(address: str, texts: Sequence[str], feature: str) -> None:
    """Alternate the three ways to ask."""
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(address, connector=connector) as session:
        print(f"{feature:<11}{'one client':>12}{f'{CLIENTS} clients':>12}{'ratio':>7}{'64 a request':>14}{'ms alone':>10}{f'ms of {CLIENTS}':>10}")
        for trial in range(1, TRIALS + 1):
            alone, slow = await ask(session, [[text] for text in texts[:ALONE]], 1)
            many, slower = await ask(session, [[text] for text in texts[:TOGETHER]], CLIENTS)
            full, _ = await ask(session, [list(texts[start : start + 64]) for start in range(0, FULL * 64, 64)], 1)
            print(f"{trial:<11}{alone:>12.0f}{many:>12.0f}{many / alone:>7.1f}{full:>14.0f}{1000 * slow:>10.1f}{1000 * slower:>10.1f}")
        found = (await (await session.get("/metrics")).text()).splitlines()
        print("\n".join(line for line in found if line.startswith(("linnaeus_texts", "linnaeus_batches", "linnaeus_scoring"))))


async def ask(session: aiohttp.ClientSession, requests: Sequence[list[str]], clients: int) -> tuple[float, float]:
    """Send requests from so many clients, each one after another; give texts a second and the median seconds to an answer."""
    waiting, seconds = iter(requests), []

    async def client() -> None:
        for texts in waiting:
            began = time.monotonic()
            async with session.post("/predict", json={"texts": texts}) as response:
                assert len((await response.json())["predictions"]) == len(texts)
            seconds.append(time.monotonic() - began)

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(clients)))
    return sum(map(len, requests)) / (time.monotonic() - began), float(np.median(seconds))


if __name__ == "__main__":
    main()
