"""Texts become vectors: the same ones as the library's, whatever stands beside a text; and embedders are opened by their names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.embedder_settings import EmbedderSettings, read_embedder
from pipeline.embedding import SentenceEmbedder, StaticEmbedder, open_embedder
from pipeline.embedding.contract import unit_rows
from pipeline.embedding.encoder import even_batches
from pipeline.embedding.served import ServedEmbedder
from pipeline.errors import ProjectError
from pipeline.settings import Project
from pipeline.stages import Session
from tests.tiny import tiny_rows

TEXTS = [*(row["text"] for row in tiny_rows()[:40]), "", " ", "word " * 3000, "caf\u00e9 \u2603 \U0001f600", "a"]
SERVED = {"model": "bge-m3", "base_url": "http://127.0.0.1:8000/v1", "key_env": "EMBEDDER_KEY"}


@pytest.fixture(scope="module")
def sentence() -> SentenceEmbedder:
    return SentenceEmbedder()


def test_vectors_are_those_of_the_library(sentence: SentenceEmbedder) -> None:
    ours = sentence.embed(TEXTS)
    alone = sentence.model.encode(TEXTS, show_progress_bar=False)
    assert (ours.shape, ours.dtype) == ((len(TEXTS), 384), np.float32)
    assert np.abs(ours - alone).max() < 1e-5
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)


def test_rows_are_in_the_order_of_the_texts_and_do_not_depend_on_what_stands_beside_them(sentence: SentenceEmbedder) -> None:
    together = sentence.embed(TEXTS)
    backwards = sentence.embed(TEXTS[::-1])[::-1]
    assert np.abs(together - backwards).max() < 1e-5
    assert np.abs(together[3] - sentence.embed([TEXTS[3]])[0]).max() < 1e-5
    assert sentence.embed([]).shape == (0, 384)


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize(("on_gpu", "most"), [(False, 1500), (True, 50_000)])
@pytest.mark.parametrize("lengths", [[], [0], [5000], [0, 0, 0], [10] * 100, list(range(300)), [4000, 1] * 20])
def test_every_text_is_in_one_batch_with_texts_of_its_length(lengths: list[int], workers: int, on_gpu: bool, most: int) -> None:
    batches = list(even_batches(["x" * length for length in lengths], workers=workers, on_gpu=on_gpu))
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * min(lengths[batch[0]], 1200) <= most for batch in batches)
    assert len(batches) >= min(workers, len(lengths))


def test_a_row_of_zeros_still_gets_a_length() -> None:
    assert np.allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0.5**0.5, 0.5**0.5]])
    assert unit_rows(np.zeros((0, 3))).shape == (0, 3)
    assert unit_rows(np.zeros((2, 0))).shape == (2, 0)


def test_an_embedder_is_opened_by_its_name_or_its_section() -> None:
    assert isinstance(open_embedder("all-minilm-l6-v2"), SentenceEmbedder)
    assert isinstance(open_embedder("all-minilm-l6-v2-static"), StaticEmbedder)
    for setting in (SERVED, EmbedderSettings.model_validate(SERVED)):
        opened = open_embedder(setting)
        assert isinstance(opened, ServedEmbedder)
        assert opened.embedder_id == "bge-m3@served"
    ids = {open_embedder(name).embedder_id for name in ("all-minilm-l6-v2", "all-minilm-l6-v2-static")}
    assert {one.split("@")[0] for one in ids} == {"all-minilm-l6-v2", "all-minilm-l6-v2-static"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "minilm",
            r"no embedder is called so; there are all-minilm-l6-v2, all-minilm-l6-v2-static, all-minilm-l6-v2-windows,"
            r" and a server's \{model, base_url, key_env\}",
        ),
        (7, "no embedder is called so"),
        (None, "no embedder is called so"),
        (["all-minilm-l6-v2"], "no embedder is called so"),
        ({"model": "m"}, "base_url: Field required"),
        (
            {"model": " ", "base_url": "localhost:8000", "size": 3},
            r"model: .*at least 1.*; base_url: is no address.*; size: unknown key",
        ),
    ],
)
def test_what_is_no_embedder_is_refused_with_every_mistake(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_embedder(given)


def test_a_project_names_its_embedder_or_its_server(make_project: Callable[..., Project]) -> None:
    assert (make_project().embedder, make_project().embedder_name) == ("all-minilm-l6-v2", "all-minilm-l6-v2")
    assert make_project(embedder="all-minilm-l6-v2-static").embedder_name == "all-minilm-l6-v2-static"
    served = make_project(embedder=SERVED)
    assert isinstance(served.embedder, EmbedderSettings)
    assert served.embedder_name == make_project(embedder=SERVED | {"base_url": "https://elsewhere/v1"}).embedder_name == "bge-m3@served"
    assert open_embedder(served.model_dump(mode="json")["embedder"]).embedder_id == served.embedder_name  # as a card keeps it
    with pytest.raises(ProjectError, match=r"  - embedder: no embedder is called so; .* \(found 'word2vec'\)"):
        make_project(embedder="word2vec")
    with pytest.raises(ProjectError, match=r"1 mistake:\n  - embedder: model: Field required; color: unknown key; the keys here are model,"):
        make_project(embedder={"base_url": "http://x", "color": 1})


def test_a_session_opens_the_embedder_of_its_project(make_project: Callable[..., Project]) -> None:
    with Session(make_project(embedder=SERVED | {"key_env": None})) as session:
        assert isinstance(session.embedder, ServedEmbedder)
        assert session.embedder is session.embedder
