"""The other methods: clusters with contrasted names, and topics read document by document."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.errors import TaxonomyError
from pipeline.ids import text_hash
from pipeline.serving.contract import Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.clusters import generate_clusters
from pipeline.testing import ScriptedChat
from tests.clusters import EMPTY, FOUR, WORDS, category_json, cited, clusters, knowing_namer, make, of_texts, own_part, sized
from tests.tiny import NAMES, TinyEmbedder, topic_of


@pytest.mark.parametrize("more", [{"size": 4}, {"algorithm": "hdbscan"}])
def test_each_cluster_is_a_category_with_its_own_documents(a_project: Project, more: dict[str, Any]) -> None:
    version, _ = clusters(a_project, **more)
    found = {category.name: len(category.members) for category in version.taxonomy.categories}
    assert found == {"Late Parcels": 12, "Refunds and Invoices": 10, "Login Trouble": 9, "Opening Hours": 8}
    assert (version.taxonomy.method, version.taxonomy.stage, version.taxonomy.taxonomy_id) == ("clusters", "generate", "tax:clusters")
    assert [change.kind for change in version.changes] == ["add"] * 4


def test_clusters_come_from_the_texts_and_not_from_the_phrases(a_project: Project) -> None:
    """Two topics share one phrase here: by the vectors of text and phrase they are one group."""
    misled = make({"delivery": 12, "payment": 12}, {"delivery": "small talk", "payment": "small talk"})
    blurred = replace(misled, vectors=np.ones_like(misled.vectors) / misled.vectors.shape[1] ** 0.5)
    version, _ = clusters(a_project, blurred, size=2)
    assert {category.name: len(category.members) for category in version.taxonomy.categories} == {"Late Parcels": 12, "Refunds and Invoices": 12}


def test_the_question_shows_the_cluster_and_contrasts_the_nearest_other_one(a_project: Project) -> None:
    near = [
        "late parcel courier a",
        "late parcel courier b",
        "late parcel van c",
        "late parcel van d",
        "opening hours sunday e",
        "opening hours sunday f",
    ]
    _, questions = clusters(a_project, of_texts(near), [category_json(name) for name in ("Couriers", "Vans", "Sundays")], size=3)
    first = next(question for question in questions if "van" in own_part(question))
    assert "small talk (2)" in own_part(first)
    contrast = first.messages[-1].content.split("It is not about")[1]
    assert "courier" in contrast
    assert "sunday" not in contrast
    assert isinstance(first.form, Structured)


def test_a_refused_name_is_asked_for_again_with_the_reason(a_project: Project) -> None:
    said: dict[str, list[str]] = {"delivery": ["Other", "Late Parcels"]}

    def reply(question: Question) -> str:
        topic = topic_of(own_part(question)) or ""
        return category_json(said[topic].pop(0)) if said.get(topic) else knowing_namer(question)

    version, questions = clusters(a_project, reply=reply, size=4)
    again = questions[4:]
    assert len(again) == 1
    assert "Refused: Other (it is a catch-all)" in again[0].messages[-1].content
    assert "Late Parcels" in version.taxonomy.names()


def test_of_two_like_names_the_larger_cluster_keeps_its_own(a_project: Project) -> None:
    def reply(question: Question) -> str:
        if topic_of(own_part(question)) != "store":
            return knowing_namer(question)
        return category_json("Opening Hours" if "too much like" in question.messages[-1].content else "The Late Parcel")

    version, questions = clusters(a_project, reply=reply, size=4)
    assert sorted(version.taxonomy.names()) == sorted(NAMES.values())
    assert "Refused: The Late Parcel (too much like Late Parcels" in questions[-1].messages[-1].content


@pytest.mark.parametrize("reply", [category_json("Parcels"), "no json", category_json("Other"), category_json("x" * 41)])
def test_a_model_that_always_says_the_same_still_leaves_different_names_and_the_change_says_why(a_project: Project, reply: str) -> None:
    version, questions = clusters(a_project, reply=lambda _: reply, size=4)
    names = [name.casefold() for name in version.taxonomy.names()]
    assert len(set(names)) == 4
    assert len(questions) <= 16
    assert len({question.key("m") for question in questions}) == len(questions), "an equal question would be answered by the ledger"
    fallen = [change.reason for change in version.changes if "most frequent phrase" in change.reason]
    assert len(fallen) >= 3
    assert all("was refused" in reason for reason in fallen)


def test_clusters_that_nothing_names_get_numbers(a_project: Project) -> None:
    nameless = make({"delivery": 6, "store": 6}, dict.fromkeys(WORDS, "other"))
    version, _ = clusters(a_project, nameless, lambda _: "no json", size=2)
    assert sorted(version.taxonomy.names()) == ["Cluster 1", "Cluster 2"]


def test_noise_is_cited_by_no_cluster_and_counted_in_the_note(a_project: Project) -> None:
    talk = ["kettle soup garden", "violin bridge", "salt window tiger granite"]
    wide, noisy = TinyEmbedder(width=4096), of_texts([*FOUR.texts, *talk])
    chat = ScriptedChat(knowing_namer)
    version = generate_clusters(noisy, chat=chat, embedder=wide, project=a_project, version_id="tax:clusters", algorithm="hdbscan")
    assert not {text_hash(text) for text in talk} & set(cited(version.taxonomy))
    assert len(cited(version.taxonomy)) == len(set(cited(version.taxonomy))) == len(FOUR)
    assert version.taxonomy.note.endswith("4 clusters, 3 documents in none")


@pytest.mark.parametrize(("texts", "count"), [(["one parcel"], 1), (["my parcel is late"] * 10, 1), (["a parcel", "a refund"], 2)])
def test_there_are_never_more_clusters_than_distinct_texts(a_project: Project, texts: list[str], count: int) -> None:
    version, questions = clusters(a_project, of_texts(texts), lambda question: category_json(f"Name {len(own_part(question))}"), size=4)
    assert len(version.taxonomy.categories) == count
    if count == 1:
        assert "It is not about: small" not in questions[0].messages[-1].content


def test_the_exact_size_of_the_project_is_the_number_of_clusters(a_project: Project) -> None:
    version, _ = clusters(sized(a_project, 3, 3))
    assert len(version.taxonomy.categories) == 3
    with pytest.raises(TaxonomyError, match=r"taxonomy\.size is 4 to 6; give an exact size, or use HDBSCAN"):
        clusters(sized(a_project, 4, 6))


def test_what_cannot_be_clustered_is_refused_with_the_numbers(a_project: Project) -> None:
    with pytest.raises(TaxonomyError, match="0 summarised documents"):
        clusters(a_project, EMPTY, size=2)
    with pytest.raises(TaxonomyError, match="no 5 alike among 3 documents"):
        clusters(a_project, of_texts(["soup", "tree", "moon"]), algorithm="hdbscan")
