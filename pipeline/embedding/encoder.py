"""A sentence-transformers model on this machine. Torch loads with the first text that is embedded.

On a processor each core works on batches of its own: threads that share one batch wait for one another at every operation, a
hundred times a batch, and where something else runs beside them they mostly wait. Small batches of texts of one length keep
what is computed in a core's own cache. A GPU takes large batches, and the cores cut the next ones into tokens while it computes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

__all__ = ["SentenceEmbedder", "even_batches", "on_all_cores"]

T = TypeVar("T")
Made = TypeVar("Made")
Ints = npt.NDArray[np.int64]

READ = 1200  # characters from which a longer text is no more work: the model has cut it by then
BATCH_CHARACTERS = 1500  # about 350 tokens, whose widest layer fits the cache of one core
MOST_IN_BATCH = 32
TOKENS_IN_BATCH = 128
ON_GPU_CHARACTERS, MOST_ON_GPU = 50_000, 512
BESIDE_GPU = 4  # threads that feed one; more wait for one another


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

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """Give what cuts texts into tokens, of which the model reads the first 256: a copy, because others set theirs at each call."""
        from tokenizers import Tokenizer

        made: Tokenizer = Tokenizer.from_str(self.model.tokenizer.backend_tokenizer.to_str())
        made.enable_truncation(self.model.max_seq_length)
        made.no_padding()
        return made

    def read_tokens(self, texts: Sequence[str]) -> "Mapping[str, torch.Tensor]":
        """Cut texts into tokens as the model's own `preprocess` does, in a quarter of its time."""
        import torch

        found = [one.ids for one in self.tokenizer.encode_batch(list(texts))]
        ids = np.full((len(found), max(map(len, found))), self.model.tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(found):
            ids[row, : len(one)], mask[row, : len(one)] = one, 1
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return {name: torch.from_numpy(array).to(self.model.device) for name, array in arrays.items()}

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; only the first 256 tokens of a text count."""
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        heads = [text[:LONGEST_TEXT] for text in texts]
        found = np.empty((len(heads), self.width), dtype=np.float32)
        for places, rows in self.by_batches(heads, lambda places: self._read([heads[place] for place in places])):
            found[places] = rows
        return unit_rows(found)

    def by_batches(self, texts: Sequence[str], work: Callable[[list[int]], Made]) -> Iterator[tuple[list[int], Made]]:
        """Work on texts in batches that suit the device, and give the places of each with what was made of it."""
        on_gpu = self.model.device.type != "cpu"
        batches = list(even_batches(texts, workers=cores(), on_gpu=on_gpu))
        yield from zip(batches, on_all_cores(work, batches, most=BESIDE_GPU if on_gpu else None), strict=True)

    def embed_tokens(self, tokens: Sequence[int]) -> Matrix:
        """Read each token of the vocabulary as a text of its own, and give the mean of what the model makes of it, of any length."""
        rows = np.asarray(tokens).reshape(-1, 1)
        model_tokens = self.model.tokenizer
        first, last = (np.full_like(rows, special) for special in (model_tokens.cls_token_id, model_tokens.sep_token_id))
        batches = np.array_split(np.hstack([first, rows, last]), max(1, len(rows) // TOKENS_IN_BATCH))
        return np.concatenate(list(on_all_cores(self._read_tokens, batches)))

    def _read(self, batch: list[str]) -> Matrix:
        found: Matrix = self.model(dict(self.read_tokens(batch)))["sentence_embedding"].cpu().numpy()
        return found

    def _read_tokens(self, batch: Ints) -> Matrix:
        import torch

        ids = torch.from_numpy(batch).to(self.model.device)
        features = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
        found: Matrix = self.model[0](features)["token_embeddings"].mean(dim=1).cpu().numpy()
        return found


def on_all_cores(work: Callable[[T], Made], batches: Sequence[T], *, most: int | None = None) -> Iterator[Made]:
    """Give the work done on each batch, in order: each core, or so many at most, takes up one batch after another."""
    import torch

    def alone(batch: T) -> Made:
        torch.set_num_threads(1)  # of this thread
        with torch.inference_mode():
            return work(batch)

    with ThreadPoolExecutor(max(1, min(most or cores(), cores(), len(batches)))) as pool:
        yield from pool.map(alone, batches)


def even_batches(texts: Sequence[str], *, workers: int, on_gpu: bool = False) -> Iterator[list[int]]:
    """Part texts into batches of about the same work, the longest first; there is one for each worker where the texts suffice."""
    characters, most = (ON_GPU_CHARACTERS, MOST_ON_GPU) if on_gpu else (BATCH_CHARACTERS, MOST_IN_BATCH)
    lengths = [min(len(text), READ) for text in texts]
    order = sorted(range(len(texts)), key=lambda place: -lengths[place])
    share = -(-len(texts) // workers)
    start = 0
    while start < len(order):
        fitting = characters // max(1, lengths[order[start]])
        size = max(1, min(fitting, most, share))
        yield order[start : start + size]
        start += size
