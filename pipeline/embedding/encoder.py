"""A sentence-transformers model on this machine. Torch loads with the first text that is embedded.

On a processor each core works on batches of its own: threads that share one batch wait for one another at every operation, a
hundred times a batch, and where something else runs beside them they mostly wait. Small batches of texts of one length keep
what is computed in a core's own cache.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.embedding.contract import LONGEST_TEXT, Matrix, cores, unit_rows
from pipeline.errors import WeightsError
from pipeline.weights import fetch_weights, known_weights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["SentenceEmbedder", "even_batches", "on_all_cores"]

T = TypeVar("T")
Made = TypeVar("Made")
Ints = npt.NDArray[np.int64]

READ = 1200  # characters from which a longer text is no more work: the model has cut it by then
BATCH_CHARACTERS = 1500  # about 350 tokens, whose widest layer fits the cache of one core
MOST_IN_BATCH = 32
TOKENS_IN_BATCH = 128
BATCH_ON_GPU = 64


class SentenceEmbedder:
    """A sentence-transformers model whose weights come from the package registry.

    :param name: a name that `pipeline.weights` knows.
    """

    width = 384

    def __init__(self, name: str = "all-minilm-l6-v2", *, cache: Path | None = None, progress: Callable[[int, int], None] | None = None) -> None:
        """Remember what to load; loading waits for the first text."""
        self.name, self.cache, self.progress = name, cache, progress

    @property
    def embedder_id(self) -> str:
        """Name the model and its weights."""
        return f"{self.name}@{known_weights()[self.name].sha256[:12]}"

    @cached_property
    def model(self) -> "SentenceTransformer":
        """Give the model itself, fetched and loaded when it is first asked for.

        :raises WeightsError: the weights are not to be had, or the packages that read them are not installed.
        """
        try:
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        except ModuleNotFoundError as error:
            raise WeightsError(
                f"The weights of {self.name} are read with sentence-transformers and torch, and {error.name} is not installed."
                " Install both: pip install sentence-transformers torch."
            ) from error
        folder = fetch_weights(self.name, cache=self.cache, progress=self.progress)
        logging.disable_progress_bar()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return SentenceTransformer(str(folder), device=device, local_files_only=True).eval()

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; only the first 256 tokens of a text count."""
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        heads = [text[:LONGEST_TEXT] for text in texts]
        if self.model.device.type != "cpu":
            vectors = self.model.encode(heads, batch_size=BATCH_ON_GPU, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
            return np.asarray(vectors, dtype=np.float32)
        batches = list(even_batches(heads, workers=cores()))
        found = np.empty((len(heads), self.width), dtype=np.float32)
        for places, rows in zip(batches, on_all_cores(self._read, [[heads[place] for place in places] for places in batches]), strict=True):
            found[places] = rows
        return unit_rows(found)

    def embed_tokens(self, tokens: Sequence[int]) -> Matrix:
        """Read each token of the vocabulary as a text of its own, and give the mean of what the model makes of it, of any length."""
        rows = np.asarray(tokens).reshape(-1, 1)
        model_tokens = self.model.tokenizer
        first, last = (np.full_like(rows, special) for special in (model_tokens.cls_token_id, model_tokens.sep_token_id))
        batches = np.array_split(np.hstack([first, rows, last]), max(1, len(rows) // TOKENS_IN_BATCH))
        return np.concatenate(list(on_all_cores(self._read_tokens, batches)))

    def _read(self, batch: list[str]) -> Matrix:
        found: Matrix = self.model(self.model.preprocess(batch))["sentence_embedding"].numpy()
        return found

    def _read_tokens(self, batch: Ints) -> Matrix:
        import torch

        ids = torch.from_numpy(batch).to(self.model.device)
        features = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
        found: Matrix = self.model[0](features)["token_embeddings"].mean(dim=1).cpu().numpy()
        return found


def on_all_cores(work: Callable[[T], Made], batches: Sequence[T]) -> Iterator[Made]:
    """Give the work done on each batch, in order: each core takes up one batch after another."""
    import torch

    def alone(batch: T) -> Made:
        torch.set_num_threads(1)  # of this thread
        with torch.inference_mode():
            return work(batch)

    with ThreadPoolExecutor(max(1, min(cores(), len(batches)))) as pool:
        yield from pool.map(alone, batches)


def even_batches(texts: Sequence[str], *, workers: int) -> Iterator[list[int]]:
    """Part texts into batches of about the same work, the longest first; there is one for each worker where the texts suffice."""
    lengths = [min(len(text), READ) for text in texts]
    order = sorted(range(len(texts)), key=lambda place: -lengths[place])
    share = -(-len(texts) // workers)
    start = 0
    while start < len(order):
        fitting = BATCH_CHARACTERS // max(1, lengths[order[start]])
        size = max(1, min(fitting, MOST_IN_BATCH, share))
        yield order[start : start + size]
        start += size
