"""A student labels texts where nothing is installed but what the how-to page names, with nothing of Dagster, a store or a language model."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from model2vec.persistence import save_pretrained
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sklearn.pipeline import Pipeline
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from pipeline.embedding import SentenceEmbedder, StaticEmbedder
from pipeline.embedding.distilling import NOTE, static_identity
from pipeline.students import fit_certainty, fit_novelty, save_student
from pipeline.students.estimators import make_estimator
from pipeline.students.features import feature_step
from pipeline.students.inputs import Inputs
from pipeline.students.voices import Voices
from tests.fitted import ABOUT, CATEGORIES, WORDS, example_texts, fitted_student, fitted_voice

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "how-to" / "train-a-student.md").read_text(encoding="utf-8")
TEXTS = ["courier delivery late", "invoice refund", "locked account password"]
OWN = ("pipeline.stages", "pipeline.store", "pipeline.serving", "pipeline.corpus", "pipeline.cli", "pipeline.endpoint", "pipeline.settings")
# Refuses every import but those of the standard library, this package without the parts above, and the packages of some distributions.
BARE = f"""
import sys

class Bar:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if name in {OWN} or (top not in allowed and not top.startswith("_sysconfigdata")):  # which is of the standard library
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

allowed = {{*sys.stdlib_module_names, *sys.argv[2].split(","), "pipeline"}}
sys.meta_path.insert(0, Bar())
from pipeline.students import load

found = load(sys.argv[1]).predict(sys.argv[3:], top=2)
print(*(one.category_id for one in found))
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def listed(what: str) -> list[str]:
    """Give the distributions that the page says to install for something."""
    (found,) = re.findall(rf"pip install ([^#\n]*?) *# for {what}$", PAGE, flags=re.MULTILINE)
    return str(found).split()


def with_requirements(distributions: Sequence[str]) -> set[str]:
    """Give distributions with all that pip installs beside them."""
    found, left = set[str](), [canonicalize_name(name) for name in distributions]
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            needed = [Requirement(line) for line in metadata.requires(name) or ()]
            left += [canonicalize_name(one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def modules_of(distributions: Sequence[str]) -> set[str]:
    """Give the top-level modules that are there after some distributions were installed."""
    there = with_requirements(distributions)
    return {module for module, owners in metadata.packages_distributions().items() if any(canonicalize_name(one) in there for one in owners)}


def labelled(folder: Path, distributions: Sequence[str], cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BARE, str(folder), ",".join(sorted(modules_of(distributions))), *TEXTS]
    environment = os.environ | {"LINNAEUS_CACHE": str(cache)}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, timeout=120)


@pytest.fixture
def static(tmp_path: Path) -> StaticEmbedder:
    """The static embedder with vectors of nothing but the examples' words, as if they had been made of the sentence model."""
    source, folder = SentenceEmbedder("all-minilm-l6-v2"), tmp_path / "weights" / "all-minilm-l6-v2-static"
    made = folder / static_identity(source)
    words = ["[UNK]", *" ".join(WORDS).split()]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.random.default_rng(1).normal(size=(len(words), source.width)).astype(np.float16)
    save_pretrained(made, embeddings=vectors, tokenizer=tokenizer, config={"model_type": "model2vec", "normalize": True}, create_model_card=False)
    files = {str(file.relative_to(made)): hashlib.sha256(file.read_bytes()).hexdigest() for file in made.rglob("*") if file.is_file()}
    (made / NOTE).write_text(json.dumps({"files": files}), encoding="utf-8")
    return StaticEmbedder(cache=tmp_path)


def save_static_student(folder: Path, embedder: StaticEmbedder) -> None:
    """Save a student of embedding, words and cards that says how sure it is."""
    texts, truth = example_texts(12), np.repeat(np.arange(3), 12)
    inputs = Inputs(embedder.embed(texts), texts)
    steps = feature_step(["embedding", "words", "cards"], cards=embedder.embed(WORDS))
    voice = Pipeline([("features", steps), ("classifier", make_estimator("logistic_regression", {}, seed=1))]).fit(inputs, truth)
    model = Voices([voice], [1.5], np.arange(3))
    model.novelty = fit_novelty(inputs.vectors, seed=1).as_arrays()
    certainty, _ = fit_certainty(model.decision_function(inputs), np.eye(3)[truth], known=np.ones(36, dtype=bool), level=0.9, risk=0.1, seed=1)
    about = {**ABOUT, "embedder": embedder.name, "embedder_id": embedder.embedder_id, "certainty": certainty.as_settings()}
    save_student(folder, model, about)


def test_a_student_of_words_needs_what_the_page_names_for_any(tmp_path: Path) -> None:
    save_student(tmp_path / "student", fitted_student(fitted_voice("logistic_regression", ["words"])), ABOUT)
    named = listed("any student")
    done = labelled(tmp_path / "student", named, tmp_path)
    assert done.returncode == 0, done.stderr
    said, loaded = done.stdout.splitlines()
    assert said.split() == CATEGORIES
    for name in named:
        assert modules_of([name]) & set(loaded.split()), f"{name} is not needed"
    assert "pandas" not in loaded.split()


def test_one_of_static_embeddings_needs_model2vec_beside(tmp_path: Path, static: StaticEmbedder) -> None:
    save_static_student(tmp_path / "student", static)
    named = [*listed("any student"), *listed("one of all-minilm-l6-v2-static")]
    assert named[-1] == "model2vec"
    done = labelled(tmp_path / "student", named, tmp_path)
    assert done.returncode == 0, done.stderr
    said, loaded = done.stdout.splitlines()
    assert said.split() == CATEGORIES
    assert {"model2vec", "tokenizers", "sklearn"} < set(loaded.split())
    assert not {"torch", "sentence_transformers", "transformers", "httpx", "dagster", "duckdb"} & set(loaded.split())
    without = labelled(tmp_path / "student", listed("any student"), tmp_path)
    assert without.returncode != 0
    assert "model2vec" in without.stderr


def test_where_torch_is_missing_it_is_said_what_to_install(tmp_path: Path) -> None:
    embedder = SentenceEmbedder("all-minilm-l6-v2")
    save_student(tmp_path / "student", fitted_student(), {**ABOUT, "embedder": embedder.name, "embedder_id": embedder.embedder_id})
    assert listed("one of all-minilm-l6-v2") == ["sentence-transformers", "torch"]
    done = labelled(tmp_path / "student", listed("any student"), tmp_path)
    assert "WeightsError: The weights of all-minilm-l6-v2 are read with sentence-transformers and torch, and torch is not installed" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "student"], "and nothing was fetched"
