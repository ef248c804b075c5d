"""The baselines that a model is asked for: names of k-means clusters, as TnT-LLM compares itself with (section 4.1), and told gold names."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from pipeline.answers import CategoryAnswer
from pipeline.choosing import NONE_FITS
from pipeline.embedding import Matrix
from pipeline.fitting import fit_texts
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Category, Document, Taxonomy
from pipeline.serving.contract import Chat, Question, Structured
from pipeline.settings import Project

__all__ = ["baseline_id", "cluster_baseline", "told_taxonomy"]

TEXTS = 10  # texts of a cluster shown to the model


def baseline_id(documents: Sequence[Document], size: int, *, project: Project, model: str) -> str:
    """Hash what determines the baseline."""
    about = [load_prompt("name_cluster").fingerprint, model, project.use_case, project.taxonomy.language, project.embedder_name, project.seed]
    return content_id("tax", ["clusters", [document.text_hash for document in documents], size, about])


def cluster_baseline(documents: Sequence[Document], vectors: Matrix, *, size: int, chat: Chat, project: Project) -> Taxonomy:
    """Cluster the documents and have the model name each cluster from the texts nearest its centre."""
    taxonomy_id = baseline_id(documents, size, project=project, model=chat.model)
    size = min(size, len(np.unique(vectors, axis=0)))
    places = KMeans(size, n_init=10, random_state=project.seed).fit_predict(vectors)
    clusters = [_nearest_first(vectors, np.flatnonzero(places == place)) for place in range(size)]
    prompt = load_prompt("name_cluster")
    questions = (
        Question(
            "baseline",
            prompt.fingerprint,
            fit_texts(
                lambda texts: prompt.render(use_case=project.use_case, language=project.taxonomy.language, texts=texts),
                [documents[index].text for index in cluster[:TEXTS]],
                chat=chat,
                max_tokens=prompt.about.max_tokens,
            ),
            Structured(CategoryAnswer),
            prompt.about.max_tokens,
            seed=project.seed,
            texts=tuple(documents[index].text_hash for index in cluster[:TEXTS]),
        )
        for cluster in clusters
    )
    categories = []
    for number, (cluster, reply) in enumerate(zip(clusters, chat.ask(questions), strict=True), start=1):
        named = reply.value if isinstance(reply.value, CategoryAnswer) else CategoryAnswer(name=f"Cluster {number}", description=reply.outcome)
        members = tuple(documents[index].text_hash for index in cluster)
        categories.append(Category(content_id("cat", [taxonomy_id, number]), named.name, named.description, members=members))
    return Taxonomy(taxonomy_id, "baseline", 0, None, project.use_case, "clusters", tuple(categories))


def told_taxonomy(names: Sequence[str], *, project: Project) -> tuple[Taxonomy, dict[str, str]]:
    """Make a taxonomy of the gold names alone, and say which category stands for which name; underscores become spaces where no two names meet.

    With it the annotator is told what all names are, never which document has which: what it gets wrong is no fault of the taxonomy.
    """
    names = sorted(set(names))
    shown = [" ".join(name.replace("_", " ").split()) or name for name in names]
    shown = shown if len({one.casefold() for one in shown} - {NONE_FITS.name.casefold()}) == len(names) else names
    taxonomy_id = content_id("tax", ["told names", names, project.use_case])
    categories = tuple(Category(content_id("cat", [taxonomy_id, name]), one, "") for name, one in zip(names, shown, strict=True))
    taxonomy = Taxonomy(taxonomy_id, "baseline", 0, None, project.use_case, "told names", categories)
    return taxonomy, {category.category_id: name for category, name in zip(categories, names, strict=True)}


def _nearest_first(vectors: Matrix, indices: npt.NDArray[np.intp]) -> list[int]:
    likeness = vectors[indices] @ vectors[indices].mean(axis=0)
    return [int(index) for index in indices[np.argsort(-likeness, kind="stable")]]
