"""A sentence model whose last layers learn to tell categories apart, while those below stay as they are.

What the lower layers make of a text is computed once a fit, so that an epoch costs no more than reading the texts anew. All of it runs on
one core, so that the same texts, targets and seed give the same model on one machine. What is learnt is kept in part, at a point between the
model that was and the one that is: it forgets less of what it knew and copies fewer of a weak teacher's errors (Wortsman et al., CVPR 2022).
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.embedding.contract import LONGEST_TEXT, Matrix, unit_rows
from pipeline.embedding.encoder import SentenceEmbedder
from pipeline.weights import known_weights

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

__all__ = ["Head", "Readings", "Tuned", "TunedEmbedder", "base_id", "base_sha256", "layer_names", "read_below", "tune"]

Ints = npt.NDArray[np.intp]
Halves = npt.NDArray[np.float16]

BASE = "all-minilm-l6-v2"
ALL_LAYERS = 6
PARTS = (
    *(f"attention.self.{name}" for name in ("query", "key", "value")),
    *("attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"),
)  # of a layer
TOKENS = 128  # of a text, that the layers learn from: memory stays below 100 kB a text
BATCH, POOL = 16, 8  # texts in a step; batches among which texts are sorted by length
RATE, HEAD_RATE, DECAY = 1e-4, 1e-3, 0.01
WARM_UP = 0.1  # share of the steps in which the rates rise
LONGEST_STEP = 1.0  # length to which gradients are cut
KEPT = 0.7  # of what is learnt


@dataclass(frozen=True, eq=False)
class Head:
    """A linear layer over vectors of length 1: weights (k, d) and bias (k,)."""

    weights: Matrix
    bias: Matrix


@dataclass(frozen=True, eq=False)
class Readings:
    """What the untouched model makes of texts: vectors (n, d) of length 1, and of the first texts what comes out of the layers below."""

    vectors: Matrix
    states: Sequence[Halves]  # (tokens, d) each


@dataclass(frozen=True, eq=False)
class Tuned:
    """What was learnt: the values of the changed layers by name, and the head."""

    changed: Mapping[str, Matrix]
    head: Head


def base_id() -> str:
    """Name the model that all tuned ones start from, as an embedder."""
    return SentenceEmbedder(BASE).embedder_id


def base_sha256() -> str:
    """Give the sha256 of the weights that all tuned models start from."""
    return known_weights()[BASE].sha256


def layer_names(layers: int) -> set[str]:
    """Name all arrays that the last layers consist of."""
    return {f"{place}.{part}.{kind}" for place in range(ALL_LAYERS - layers, ALL_LAYERS) for part in PARTS for kind in ("weight", "bias")}


class TunedEmbedder(SentenceEmbedder):
    """The base model with its last layers exchanged.

    :param changed: values by name, as `Tuned` holds them.
    """

    def __init__(self, changed: Mapping[str, Matrix], *, cache: Path | None = None) -> None:
        """Remember the layers; the model is loaded with the first text."""
        super().__init__(BASE, cache=cache)
        self._changed = changed

    @property
    def embedder_id(self) -> str:
        """Name the model that it was; its vectors are no other embedder's, and are not stored."""
        return f"{super().embedder_id}+tuned"

    @cached_property
    def model(self) -> "SentenceTransformer":
        """Give the model, which shares the lower layers with all others in this process.

        :raises RuntimeError: where an array has another shape than the base model's.
        """
        import torch

        model = _opened(self.cache, len({name.partition(".")[0] for name in self._changed}))
        values = {name: torch.from_numpy(np.array(value)) for name, value in self._changed.items()}
        model[0].model.encoder.layer.load_state_dict(values, strict=False)
        return model


def read_below(texts: Sequence[str], *, layers: int, states: int, cache: Path | None = None) -> Readings:
    """Read texts with the untouched model, and keep what comes out below its last layers for the first `states` texts."""
    import torch

    base = _base(cache)
    model = base.model
    bert, heads = model[0].model, [text[:LONGEST_TEXT] for text in texts]
    lower, upper = bert.encoder.layer[: ALL_LAYERS - layers], bert.encoder.layer[ALL_LAYERS - layers :]

    def read(places: list[int]) -> tuple[Matrix, list[Halves]]:
        features = base.read_tokens([heads[place] for place in places])
        ids, mask = features["input_ids"], features["attention_mask"]
        hidden = _through(lower, bert.embeddings(input_ids=ids), mask)
        lengths = mask.sum(dim=1).clamp(max=TOKENS).tolist()
        kept = [
            hidden[row, :length].to(torch.float16).cpu().numpy().copy() if place < states else np.zeros((0, 0), dtype=np.float16)
            for row, (place, length) in enumerate(zip(places, lengths, strict=True))
        ]
        return _pooled(_through(upper, hidden, mask), mask).cpu().numpy(), kept

    vectors = np.empty((len(heads), SentenceEmbedder.width), dtype=np.float32)
    found: list[Halves] = [np.zeros((0, 0), dtype=np.float16)] * len(heads)
    for places, (rows, kept) in base.by_batches(heads, read):
        vectors[places] = rows
        for place, state in zip(places, kept, strict=True):
            found[place] = state
    return Readings(unit_rows(vectors), found[:states])


def tune(
    states: Sequence[Halves], targets: npt.NDArray[np.float64], start: Head, *, layers: int, epochs: int, seed: int, cache: Path | None = None
) -> Tuned:
    """Teach the last layers and the head to give each text its target.

    :param states: as `read_below` kept them, with as many layers above.
    :param targets: (n, k), rows that sum to how much a text counts.
    :param start: the head to begin with, fitted on the vectors of the untouched model.
    """
    with ThreadPoolExecutor(1) as alone:  # whose number of threads is its own
        return alone.submit(_tuned, states, targets, start, layers, epochs, seed, cache).result()


def _tuned(states: Sequence[Halves], targets: npt.NDArray[np.float64], start: Head, layers: int, epochs: int, seed: int, cache: Path | None) -> Tuned:
    import torch

    torch.set_num_threads(1)  # of this thread
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _opened(cache, layers)
        learning: Any = model[0].model.encoder.layer[ALL_LAYERS - layers :].train()
        head = torch.nn.Linear(start.weights.shape[1], len(start.bias)).to(model.device)
        head.load_state_dict({"weight": torch.from_numpy(start.weights), "bias": torch.from_numpy(start.bias)})
        values = [*learning.parameters(), *head.parameters()]
        before = [value.detach().clone() for value in values]
        _teach(learning, head, states, torch.as_tensor(targets / targets.sum(axis=1).mean(), dtype=torch.float32), epochs, seed)
        with torch.no_grad():
            for old, value in zip(before, values, strict=True):
                value.copy_(old + KEPT * (value - old))
    names = model[0].model.encoder.layer.state_dict()
    changed = {name: names[name].cpu().numpy() for name in sorted(layer_names(layers))}
    return Tuned(changed, Head(*(value.detach().cpu().numpy() for value in (head.weight, head.bias))))


def _teach(learning: Any, head: Any, states: Sequence[Halves], targets: "torch.Tensor", epochs: int, seed: int) -> None:
    import torch

    steps = [batch for epoch in range(epochs) for batch in _shuffled([len(state) for state in states], seed + epoch)]
    upper, last = list(learning.parameters()), list(head.parameters())
    groups = [{"params": upper, "lr": RATE}, {"params": last, "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY)
    rising = max(1, round(WARM_UP * len(steps)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (step + 1) / rising if step < rising else (len(steps) - step) / max(1, len(steps) - rising)
    )
    for places in steps:
        hidden, mask = _padded([states[place] for place in places], head.weight.device)
        logits = head(_pooled(_through(learning, hidden, mask), mask))
        loss = -(targets[places].to(logits.device) * logits.log_softmax(dim=1)).sum() / len(places)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*upper, *last], LONGEST_STEP)
        optimizer.step()
        schedule.step()


def _shuffled(lengths: Sequence[int], seed: int) -> Iterator[list[int]]:
    """Part texts into batches in an order drawn by lot, with texts of about one length in each."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), BATCH * POOL):
        pool = sorted(order[start : start + BATCH * POOL].tolist(), key=lambda place: lengths[place])
        batches += [pool[at : at + BATCH] for at in range(0, len(pool), BATCH)]
    yield from (batches[place] for place in random.permutation(len(batches)))


def _padded(states: Sequence[Halves], device: Any) -> tuple["torch.Tensor", "torch.Tensor"]:
    import torch

    longest = max(map(len, states))
    hidden, mask = np.zeros((len(states), longest, states[0].shape[1]), dtype=np.float32), np.zeros((len(states), longest), dtype=np.int64)
    for row, state in enumerate(states):
        hidden[row, : len(state)] = state
        mask[row, : len(state)] = 1
    return torch.from_numpy(hidden).to(device), torch.from_numpy(mask).to(device)


def _through(layers: Any, hidden: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    import torch

    hiding = (1.0 - mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(hidden.dtype).min
    for layer in layers:
        hidden = layer(hidden, hiding)
    return hidden


def _pooled(hidden: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    import torch

    part = mask[:, :, None].to(hidden.dtype)
    return torch.nn.functional.normalize((hidden * part).sum(dim=1) / part.sum(dim=1).clamp(min=1.0), dim=1)


def _opened(cache: Path | None, layers: int) -> "SentenceTransformer":
    """Copy the base model's last layers, and share all else."""
    base = _base(cache).model
    bert = base[0].model
    shared = [bert.embeddings, base.tokenizer, *bert.encoder.layer[: ALL_LAYERS - layers]]
    return copy.deepcopy(base, {id(part): part for part in shared})


@lru_cache(maxsize=1)
def _base(cache: Path | None) -> SentenceEmbedder:
    return SentenceEmbedder(BASE, cache=cache)
