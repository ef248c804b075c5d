"""Measures serving: what the pipeline costs beside a bare loop, what it can do at most, and what prefix caching saves.

python bench/serving.py instant     200,000 calls to a server that answers at once: calls a second, and memory
python bench/serving.py embedded    the stage `annotations` beside a bare loop on the embedded engine
python bench/serving.py vllm        the same on vLLM (LINNAEUS_VLLM_PYTHON and LINNAEUS_BENCH_MODEL name them)
python bench/serving.py prefix      prompt tokens computed for a document beside a taxonomy of about 2,000 tokens
"""

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from pipeline.annotation import annotate, llm_annotator
from pipeline.choosing import NONE_FITS
from pipeline.engine_settings import EngineSettings
from pipeline.ids import text_hash
from pipeline.prompts import load_prompt
from pipeline.records import Category, Document, Taxonomy
from pipeline.serving import Choice, Message, open_chat
from pipeline.serving.dialects import dialect_of
from pipeline.serving.engines import make_servers
from pipeline.serving.processes import free_port
from pipeline.serving.sending import first_limit
from pipeline.serving.wire import Request, request_body
from pipeline.settings import Project
from pipeline.stages import Session, run_stage
from pipeline.store import Store, StoreLedger
from pipeline.testing import MemoryLedger

ROOT = Path(__file__).resolve().parent.parent
CALLS, EACH = 200_000, 20_000
BLOCK, BLOCKS = 180, 4  # documents of a block; every other block goes to the bare loop
NAMES = "Music|Alarm|Weather|Calendar|Shopping List|Lighting|Transport|Cooking|News|Email|Date and Time|Audio Volume|Social Media|Play Games".split(
    "|"
)


def main() -> None:
    """Run the benchmark that is named."""
    runs = {
        "instant": instant,
        "embedded": lambda: beside_a_bare_loop(EngineSettings()),
        "vllm": lambda: beside_a_bare_loop(_vllm()),
        "prefix": prefix,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in runs:
        sys.exit(__doc__)
    runs[sys.argv[1]]()


def instant() -> None:
    """Ask an instant server by the step `annotate`, ledger in DuckDB and all, and print rate and memory as it goes."""
    port = free_port(None)
    with subprocess.Popen([sys.executable, str(ROOT / "bench/instant_server.py"), str(port)]) as server, tempfile.TemporaryDirectory() as folder:
        time.sleep(1.0)
        engine = EngineSettings(kind="vllm", model="instant", base_url=(f"http://127.0.0.1:{port}/v1",))
        project, taxonomy = _project(Path(folder), [], engine, sample=10), _taxonomy(NAMES)
        store = Store.open(Path(folder) / "store")
        annotator = llm_annotator(project, "instant")
        print(f"{'calls':>9}{'calls/s':>9}{'over all':>10}{'resident MB':>13}{'in flight':>11}")
        began = mark = time.monotonic()
        done = 0
        with open_chat(engine, ledger=StoreLedger(store), run_id="bench") as chat:
            for outcome in annotate(_Documents(CALLS), taxonomy=taxonomy, annotator=annotator, chat=chat, project=project):
                assert not outcome.failures
                done += len(outcome.records)
                if done // EACH > (done - len(outcome.records)) // EACH:
                    now, memory = time.monotonic(), psutil.Process().memory_info().rss / 1e6
                    print(
                        f"{done:>9}{EACH / (now - mark):>9.0f}{done / (now - began):>10.0f}{memory:>13.0f}{chat.measured().in_flight:>11.1f}",
                        flush=True,
                    )
                    mark = now
        rows = store.rows("select count(*), count(distinct call_key) from llm_calls")[0]
        print(f"{CALLS / (time.monotonic() - began):.0f} calls/s over {rows[0]} calls, {rows[1]} keys in the ledger")
        server.terminate()


def beside_a_bare_loop(engine: EngineSettings) -> None:
    """Label blocks of documents in turn by the stage and by a bare loop of the identical requests at the same concurrency."""
    texts = [document["text"] for document in _hwu64(BLOCK * BLOCKS + 10)]
    blocks = [texts[10 + BLOCK * n : 10 + BLOCK * (n + 1)] for n in range(BLOCKS)]
    # stage, bare, bare, stage, ...: what drifts on the machine meets both alike
    staged = [block for number, block in enumerate(blocks) if number % 4 in {0, 3}]
    bare = [block for number, block in enumerate(blocks) if number % 4 in {1, 2}]
    taxonomy, seconds, work = _taxonomy(NAMES), {"stage": 0.0, "bare": 0.0}, {"stage": 0.0, "bare": 0.0}
    (server,) = make_servers(engine, on_status=print)
    address = server.start()
    concurrency = first_limit(engine)
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder), texts[:10] + [text for block in staged for text in block], engine, sample=10)
        store = Path(folder) / "store"
        asyncio.run(_bare(address, engine, project, taxonomy, texts[:8], concurrency))  # neither pays for the prompt's opening
        turns: Iterator[str] = itertools.islice(itertools.cycle(["stage", "bare", "bare", "stage"]), BLOCKS)
        count = 0
        for turn in turns:
            before = sum(psutil.Process().cpu_times()[:2])
            if turn == "stage":
                count += 1
                seconds["stage"] += _stage(
                    project.model_copy(update={"annotation": project.annotation.model_copy(update={"sample": BLOCK * count})}), store, taxonomy
                )
            else:
                seconds["bare"] += asyncio.run(_bare(address, engine, project, taxonomy, bare.pop(0), concurrency))
            work[turn] += sum(psutil.Process().cpu_times()[:2]) - before
            print(turn, {name: round(value, 1) for name, value in seconds.items()}, flush=True)
        calls = Store.open(store).rows("select count(*), count(*) filter (where outcome = 'ok') from llm_calls")[0]
    server.stop()
    n = BLOCK * BLOCKS // 2
    rates = {name: n / value for name, value in seconds.items()}
    print(f"\n{engine.kind} {engine.model}, {concurrency} in flight, n = {n} documents each; the stage made {calls[0]} calls, {calls[1]} of them ok")
    print(f"processor time of the client for a document: bare {1000 * work['bare'] / n:.1f} ms, stage {1000 * work['stage'] / n:.1f} ms")
    print(f"bare loop {rates['bare']:.3f}/s   stage {rates['stage']:.3f}/s   ratio {rates['stage'] / rates['bare']:.3f}")


def prefix() -> None:
    """Label documents under a long taxonomy on the embedded engine, and print what of each prompt was computed."""
    names = [f"{first} {second}" for first in NAMES for second in ("Questions", "Orders", "Complaints", "Thanks")]
    taxonomy, engine = _taxonomy(names, words=22), EngineSettings()
    ledger = MemoryLedger()
    texts = [row["text"] for row in _hwu64(60)]
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder), texts, engine, sample=60)
        documents = [_document(text) for text in texts]
        with open_chat(engine, ledger=ledger, run_id="bench", on_status=print) as chat:
            static = engine.context_tokens - 24 - (chat.room(_turns(project, taxonomy, ""), 24) or 0)
            began = time.monotonic()
            for _ in annotate(documents, taxonomy=taxonomy, annotator=llm_annotator(project, chat.model), chat=chat, project=project):
                pass
            seconds = time.monotonic() - began
    calls = [call for call in ledger.calls if call.outcome == "ok"]
    own = [call.tokens_in - static for call in calls]
    computed = [call.tokens_in - call.tokens_cached for call in calls]
    above = [made - mine for made, mine in zip(computed, own, strict=True)]
    print(f"static part {static} tokens; n = {len(calls)} documents in {seconds:.0f} s; own tokens: mean {statistics.mean(own):.1f}, most {max(own)}")
    print(f"first document: {computed[0]} computed; later ones above their own: mean {statistics.mean(above[1:]):.1f}, most {max(above[1:])}")


def _stage(project: Project, store: Path, taxonomy: Taxonomy) -> float:
    with Session(project, folder=store) as session:
        if not session.store.counts()["texts"]:
            run_stage("documents", session)
        session.store.save([taxonomy])
        session.store.mark_current(taxonomy_id=taxonomy.taxonomy_id)
        began = time.monotonic()
        report = run_stage("annotations", session)
        assert report.made == BLOCK, report
        return time.monotonic() - began


async def _bare(address: str, engine: EngineSettings, project: Project, taxonomy: Taxonomy, texts: Sequence[str], concurrency: int) -> float:
    """Send requests as fast as a semaphore allows, and read nothing but the body."""
    form = Choice(tuple(category.name for category in [*taxonomy.categories, NONE_FITS]))
    name, dialect = make_servers(engine)[0].model_name, dialect_of(engine.kind)
    requests = [Request(_turns(project, taxonomy, text), form, load_prompt("annotate").about.max_tokens, 0.0, project.seed) for text in texts]
    bodies = [request_body(request, model=name, dialect=dialect, logprobs=dialect.top_logprobs) for request in requests]
    places = asyncio.Semaphore(concurrency)
    timeout = aiohttp.ClientTimeout(total=engine.timeout_seconds)
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}, timeout=timeout) as session:

        async def one(body: bytes) -> None:
            async with places, session.post(f"{address}/chat/completions", data=body) as reply:
                assert reply.status == 200
                await reply.read()

        began = time.monotonic()
        await asyncio.gather(*(one(body) for body in bodies))
        return time.monotonic() - began


def _turns(project: Project, taxonomy: Taxonomy, text: str) -> tuple[Message, ...]:
    return load_prompt("annotate").render(use_case=project.use_case, categories=[*taxonomy.categories, NONE_FITS], text=text)


class _Documents(Sequence[Document]):
    """Documents made as they are read, so that memory shows what the client keeps."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if place >= self._count:
            raise IndexError(place)
        return _document(f"wake me up at seven with something by the band number {place} please")


def _document(text: str) -> Document:
    return Document(doc_id=text, text_hash=text_hash(text), text=text, source="bench", metadata={}, gold=None)


def _taxonomy(names: Sequence[str], words: int = 8) -> Taxonomy:
    categories = tuple(
        Category(f"category:{n}", name, " ".join(f"{name} and what belongs to it".split() * words)[: 6 * words]) for n, name in enumerate(names)
    )
    return Taxonomy("taxonomy:bench", "review", 0, None, "what does the user want", "bench", categories)


def _project(folder: Path, texts: Sequence[str], engine: EngineSettings, *, sample: int) -> Project:
    (folder / "texts.csv").write_text("text\n" + "".join(f'"{text}"\n' for text in texts), encoding="utf-8")
    return Project.model_validate(
        {
            "name": "bench", "use_case": "what does the user want the assistant to do", "folder": folder,
            "corpus": {"path": "texts.csv"}, "engine": engine.model_dump(), "taxonomy": {"sample": 10}, "annotation": {"sample": sample},
        }
    )  # fmt: skip


def _hwu64(count: int) -> list[dict[str, Any]]:
    import json

    lines = (ROOT / "projects/data/hwu64.jsonl").read_text(encoding="utf-8").splitlines()
    return list({row["text"]: row for row in map(json.loads, lines)}.values())[:count]


def _vllm() -> EngineSettings:
    model = os.environ.get("LINNAEUS_BENCH_MODEL") or sys.exit("LINNAEUS_BENCH_MODEL must name the model, or the folder, that vLLM is to serve.")
    arguments = tuple((os.environ.get("LINNAEUS_BENCH_ARGUMENTS") or "--dtype bfloat16 --enforce-eager").split())
    return EngineSettings(kind="vllm", model=model, arguments=arguments, concurrency=8)


if __name__ == "__main__":
    main()
