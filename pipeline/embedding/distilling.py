"""Makes a static embedder of a sentence model: a vector for each token, kept in the user's cache.

Model2Vec's recipe: each token of the vocabulary is read by itself; the common part of all is taken out; frequent tokens count less
(smooth inverse frequency, Arora et al., ICLR 2017), by their rank, since a vocabulary is sorted by frequency. The result lies in
model2vec's own format. Its library does the same in `model2vec.distill`, which asks for an older transformers than ours.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.embedding.contract import Matrix
from pipeline.embedding.encoder import SentenceEmbedder
from pipeline.errors import WeightsError
from pipeline.ids import content_id

__all__ = ["find_static", "make_static", "static_identity"]

log = logging.getLogger(__name__)
RECIPE = 1  # raise it whenever other vectors would come out of the same weights
FREQUENT = 2e-4  # how common a token is that counts half
NO_TEXT = re.compile(r"\[\w+\]")  # tokens as [CLS] and [unused7]
NOTE = "made.json"


def static_identity(source: SentenceEmbedder) -> str:
    """Hash what determines the vectors: the model they are made of, the recipe, and the library.

    :raises WeightsError: the library is not installed.
    """
    try:
        version = importlib.metadata.version("model2vec")
    except importlib.metadata.PackageNotFoundError as error:
        raise WeightsError("Static embeddings need the package model2vec, which is not installed. Install it: pip install model2vec.") from error
    about = {"source": source.embedder_id, "recipe": [RECIPE, FREQUENT], "model2vec": version}
    return content_id("static", about).partition(":")[2][:12]


def find_static(folder: Path, source: SentenceEmbedder) -> Path | None:
    """Find what was made of the source, whole and undamaged; None where it would have to be made."""
    made = folder / static_identity(source)
    try:
        noted = json.loads((made / NOTE).read_text(encoding="utf-8"))
        whole = noted["files"] == _hashes(made) and noted["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return made if whole else None


def make_static(folder: Path, source: SentenceEmbedder) -> Path:
    """Give the folder of the static model, making it where it is missing or damaged; one process makes it, and others wait.

    :param folder: where all that was ever made of this source lies.
    :raises WeightsError: the folder cannot be written, or the source's weights are not to be had.
    """
    if found := find_static(folder, source):
        return found
    try:
        with _locked(folder):
            return find_static(folder, source) or _make(folder, source)
    except OSError as error:
        raise WeightsError(f"The static embedder cannot be written to {folder}: {error}. Set LINNAEUS_CACHE to a folder that can.") from error


def _make(folder: Path, source: SentenceEmbedder) -> Path:
    log.info("Making the static embedder of %s, once; it takes about a minute", source.name)
    made = folder / static_identity(source)
    with tempfile.TemporaryDirectory(prefix=".make-", dir=folder) as name:
        fresh = Path(name) / "model"
        _write(fresh, source)
        note = {"source": source.embedder_id, "recipe": [RECIPE, FREQUENT], "files": _hashes(fresh)}
        (fresh / NOTE).write_text(json.dumps(note), encoding="utf-8")
        if made.exists():
            log.warning("%s is damaged and is made again", made)
            shutil.rmtree(made)
        os.replace(fresh, made)
    return made


def _write(folder: Path, source: SentenceEmbedder) -> None:
    from model2vec.persistence import save_pretrained
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(source.model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    config: Any = {"model_type": "model2vec", "architectures": ["StaticModel"], "tokenizer_name": source.name, "normalize": True}
    config |= {"sif_coefficient": FREQUENT, "apply_pca": None, "hidden_dim": source.width, "max_length": None}
    vectors = _token_vectors(source, tokenizer.get_vocab()).astype(np.float16)
    save_pretrained(folder, embeddings=vectors, tokenizer=tokenizer, config=config, create_model_card=False)


def _token_vectors(source: SentenceEmbedder, vocabulary: dict[str, int]) -> Matrix:
    """Give a vector for each token; those that stand for no text have zeros."""
    tokens = sorted(number for token, number in vocabulary.items() if not NO_TEXT.fullmatch(token))
    alone = source.embed_tokens(tokens)
    shares = 1.0 / np.arange(2, len(tokens) + 2)
    weights = FREQUENT / (FREQUENT + shares / shares.sum())
    vectors = np.zeros((max(vocabulary.values()) + 1, alone.shape[1]), dtype=np.float32)
    vectors[tokens] = (alone - alone.mean(axis=0)) * weights[:, None]
    return vectors


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != NOTE)
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
