"""The static embedder is made once, of the model that is there, and means what model2vec would."""

import logging
import shutil
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import model2vec.persistence
import numpy as np
import pytest
from model2vec import StaticModel
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

from pipeline.embedding import Matrix, SentenceEmbedder, StaticEmbedder
from pipeline.embedding.distilling import find_static, make_static, static_identity
from pipeline.embedding.static import _parts
from pipeline.embedding.words import WordTokens
from pipeline.errors import WeightsError
from tests.tiny import tiny_rows

WORDS = ["the", "a", "parcel", "late", "refund", "money", "login", "pass", "##word", "##s", ".", ",", "[", "]"]
TEXTS = [row["text"] for row in tiny_rows()]


class TinySource(SentenceEmbedder):
    """A sentence model of 16 values and random weights, which is read like the real one."""

    width = 16
    embedder_id = "tiny@1"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.read = 0

    @cached_property
    def model(self) -> SentenceTransformer:
        return SentenceTransformer(str(self.folder), device="cpu", local_files_only=True).eval()

    def embed_tokens(self, tokens: Any) -> Matrix:
        self.read += 1
        return super().embed_tokens(tokens)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny_model")
    vocabulary = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_position_embeddings=64
    )
    import torch

    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(vocab={token: number for number, token in enumerate(vocabulary)}).save_pretrained(folder / "bert")
    whole = [Transformer(str(folder / "bert")), Pooling(16), Normalize()]
    SentenceTransformer(modules=whole, device="cpu").save(str(folder / "whole"))
    return folder / "whole"


@pytest.fixture
def source(tiny_model: Path) -> TinySource:
    return TinySource(tiny_model)


@pytest.fixture(scope="module")
def static() -> StaticEmbedder:
    """The real one: made in the user's cache where it is not there yet, which takes up to a minute."""
    return StaticEmbedder()


def test_token_vectors_are_centred_weighed_by_their_rank_and_nothing_for_what_is_no_text(source: TinySource, tmp_path: Path) -> None:
    model = StaticModel.from_pretrained(make_static(tmp_path, source))
    first = 6  # of the tokens that stand for text
    assert not model.embedding[:first].any()
    alone = source.embed_tokens(range(first, first + len(WORDS)))
    shares = 1 / np.arange(2, len(WORDS) + 2)
    weights = 2e-4 / (2e-4 + shares / shares.sum())
    assert np.allclose(model.embedding[first:], (alone - alone.mean(axis=0)) * weights[:, None], rtol=2e-3, atol=1e-6)
    assert (np.diff(weights) > 0).all()


def test_a_token_is_read_between_the_marks_of_a_text(source: TinySource) -> None:
    import torch

    with torch.inference_mode():
        read = source.model[0](source.model.preprocess(["parcel"]))["token_embeddings"].mean(dim=1).numpy()
    place = source.model.tokenizer.convert_tokens_to_ids("parcel")
    assert np.abs(source.embed_tokens([place]) - read).max() < 1e-6


def test_it_is_made_once_and_always_the_same(source: TinySource, tmp_path: Path) -> None:
    made = make_static(tmp_path / "one", source)
    assert make_static(tmp_path / "one", source) == find_static(tmp_path / "one", source) == made
    assert source.read == 1
    again = make_static(tmp_path / "two", source)
    for file in made.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted([made.name, "lock"])


def test_its_identity_is_what_it_is_made_of(source: TinySource, monkeypatch: pytest.MonkeyPatch) -> None:
    known = static_identity(source)
    assert static_identity(source) == known
    for place, value in (
        ("pipeline.embedding.distilling.FREQUENT", 1e-3), ("pipeline.embedding.distilling.RECIPE", 99),
        ("importlib.metadata.version", lambda name: "0.0.1"), ("tests.pipeline.test_embedding_static.TinySource.embedder_id", "tiny@2"),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            if place.startswith("tests."):
                patch.setattr(source, "embedder_id", value, raising=False)
            else:
                patch.setattr(place, value)
            assert static_identity(source) != known


@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "no note", "bad note"])
def test_a_damaged_one_is_made_again(source: TinySource, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    made = make_static(tmp_path, source)
    whole = (made / "model.safetensors").read_bytes()
    if damage == "cut":
        (made / "model.safetensors").write_bytes(whole[:-1])
    elif damage == "changed":
        (made / "model.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "missing":
        (made / "tokenizer.json").unlink()
    elif damage == "no note":
        (made / "made.json").unlink()
    else:
        (made / "made.json").write_text("[]", encoding="utf-8")
    assert find_static(tmp_path, source) is None
    with caplog.at_level(logging.WARNING):
        assert make_static(tmp_path, source) == made
    assert "is damaged and is made again" in caplog.text
    assert (made / "model.safetensors").read_bytes() == whole


def test_one_that_was_not_finished_leaves_nothing_behind(source: TinySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(model2vec.persistence, "save_pretrained", full)
        with pytest.raises(WeightsError, match=r"cannot be written to .*: No space left on device\. Set LINNAEUS_CACHE"):
            make_static(tmp_path, source)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    assert make_static(tmp_path, source).is_dir()


def test_a_place_that_is_no_folder_is_told(source: TinySource, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(WeightsError, match="Set LINNAEUS_CACHE to a folder that can"):
        make_static(tmp_path / "file" / "below", source)


def test_of_several_at_once_one_makes_it_and_the_others_wait(tiny_model: Path, tmp_path: Path) -> None:
    sources = [TinySource(tiny_model) for _ in range(4)]
    threads = [threading.Thread(target=make_static, args=(tmp_path, source)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(source.read for source in sources) == 1


def test_its_vectors_are_those_that_model2vec_gives(static: StaticEmbedder) -> None:
    ours = static.embed(TEXTS)
    theirs = static.model.encode(TEXTS, use_multiprocessing=False).astype(np.float32)
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert (ours.shape, ours.dtype) == ((len(TEXTS), 384), np.float32)
    assert (ours * theirs).sum(axis=1).min() > 0.9999
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert "model" not in static._source.__dict__  # the sentence model is not kept in memory


def test_texts_without_a_known_word_are_alike_and_have_a_length(static: StaticEmbedder) -> None:
    rows = static.embed(["", "  \n", "\u200b", "\U0001f9ff"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows, rows[0])
    assert static.embed([]).shape == (0, 384)


def test_vectors_do_not_depend_on_what_was_embedded_before(static: StaticEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    known = static.embed(TEXTS)
    fresh = StaticEmbedder()
    assert (fresh.embed(TEXTS[::-1])[::-1] == known).all()
    monkeypatch.setattr("pipeline.embedding.words.MOST_CHARACTERS", 300)
    monkeypatch.setattr("pipeline.embedding.static.TEXTS_AT_ONCE", 3)
    assert (StaticEmbedder().embed(TEXTS) == known).all()
    monkeypatch.setattr("pipeline.embedding.words.MOST_CHARACTERS", 10)
    assert (fresh.embed(TEXTS) == known).all()


def test_it_knows_what_texts_are_about(static: StaticEmbedder) -> None:
    money, refund, goal = static.embed(["I want my money back", "please refund the invoice", "the striker scored in the last minute"])
    assert money @ refund > money @ goal
    assert static.embed(["Parcel"])[0] @ static.embed(["parcel"])[0] > 0.9999
    longer = static.embed(["parcel " * 570 + "x" * 10, "parcel " * 570 + "x" * 10 + " football" * 500])
    assert longer[0] @ longer[1] > 0.9999  # what lies beyond 4,000 characters is not read


@pytest.mark.parametrize("lengths", [[], [1], [10] * 3000, [300_000] * 5, [1] * 1024 + [400_000] + [1] * 1025])
def test_texts_are_parted_in_order(lengths: list[int]) -> None:
    parts = list(_parts(["x" * length for length in lengths]))
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(len(lengths)))
    assert all(part.stop - part.start <= 1024 for part in parts)


def test_words_that_are_kept_are_not_parted_again(source: TinySource, tmp_path: Path) -> None:
    model = StaticModel.from_pretrained(make_static(tmp_path, source))
    asked: list[list[str]] = []

    class Counting:
        def encode_batch(self, parts: list[list[str]], **options: Any) -> Iterator[Any]:
            asked.extend(parts)
            return model.tokenizer.encode_batch(parts, **options)  # type: ignore[no-any-return]

    words = WordTokens(Counting())  # type: ignore[arg-type]
    first = words.of_texts([["late", "parcel", "passwords"], [], ["late"]])
    assert words.of_texts([["passwords", "late"]]) == [[*first[0][2:], *first[2]]]
    assert asked == [["late", "parcel", "passwords"]]
    assert first == [model.tokenizer.encode("late parcel passwords", add_special_tokens=False).ids, [], first[0][:1]]
    assert len(first[0]) == 5


def test_a_removed_cache_is_filled_again_by_the_next_start(tiny_model: Path, tmp_path: Path) -> None:
    source = TinySource(tiny_model)
    shutil.rmtree(make_static(tmp_path, source))
    assert make_static(tmp_path, TinySource(tiny_model)).is_dir()
