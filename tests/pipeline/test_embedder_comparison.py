"""Embedders are compared on a project's own labelled documents: what is drawn, what is embedded again, what is chosen."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.embedder_settings import EmbedderName
from pipeline.embedding import Embedder, Matrix
from pipeline.errors import TrainingError
from pipeline.settings import Project, load_project
from pipeline.stages import Session
from pipeline.stages.embedder_comparison import compare_project_embedders
from pipeline.stages.taught import taught_of
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, write_project

OWN, STATIC = "all-minilm-l6-v2", "all-minilm-l6-v2-static"


class Noting(TinyEmbedder):
    """Notes the texts that it is given."""

    def __init__(self, name: str = "hashed-words@1", *, width: int = 96) -> None:
        super().__init__(width=width)
        self.embedder_id = name
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.asked += texts
        return super().embed(texts)


class Senseless(Noting):
    """Gives every text the same vector."""

    def embed(self, texts: Sequence[str]) -> Matrix:
        return np.tile(super().embed(["a"]), (len(texts), 1))


class WithTwo(Session):
    """A session whose static embedder is another small one."""

    static: Embedder

    def embedder_called(self, name: EmbedderName) -> Embedder:
        return self.static if name == STATIC else super().embedder_called(name)


def opened(project: Project, embedder: Embedder, static: Embedder) -> WithTwo:
    session = WithTwo(project, chat=ScriptedChat([]), embedder=embedder)
    session.static = static
    return session


@pytest.fixture(name="session")
def _session(copied: Path, workspace: Path) -> Iterator[WithTwo]:
    """The finished tiny project, with another static embedder that no text was embedded with yet."""
    with opened(load_project(write_project(workspace)), Noting(), Noting("static@1", width=64)) as session:
        assert session.folder == copied
        yield session


def asked_of(session: WithTwo) -> tuple[list[str], list[str]]:
    return session.embedder.asked, session.static.asked  # type: ignore[attr-defined]


def test_all_embedders_are_judged_on_the_labels_that_are_not_held_out(session: WithTwo) -> None:
    found = compare_project_embedders(session)
    taught = taught_of(session)
    assert [trial.embedder_id for trial in found.choice.trials] == ["hashed-words@1", "static@1"]
    assert {trial.n for trial in found.choice.trials} == {len(taught.labels)}
    assert found.names == {"hashed-words@1": OWN, "static@1": STATIC}
    assert found.present_id == "hashed-words@1"
    assert found.is_other == (found.choice.embedder_id == "static@1")
    own = found.choice.trials[0]
    assert 0.6 < own.agreement <= 1
    assert own.low < own.agreement < own.high
    _, new = asked_of(session)
    held_out = {document.text for document in session.store.texts(taught.held_out)}
    assert held_out
    assert not held_out & set(new), "nothing held out is looked at"
    assert compare_project_embedders(session).choice.trials[0].agreement == own.agreement


def test_stored_vectors_are_read_and_new_ones_stored(session: WithTwo) -> None:
    taught = [label.text_hash for label in taught_of(session).labels]
    before = session.store.vectors("hashed-words@1", taught)
    first = compare_project_embedders(session, timed=7)
    own, static = asked_of(session)
    assert len(own) == 1 + 7, "one to load it, and a fresh part to time it on"
    assert len(static) == 1 + len(taught)
    assert np.array_equal(session.store.vectors("hashed-words@1", taught), before)
    texts = [document.text for document in session.store.texts(taught)]
    assert np.array_equal(session.store.vectors("static@1", taught), Noting(width=64).embed(texts))
    static.clear()
    again = compare_project_embedders(session, timed=7)
    assert len(static) == 1 + 7
    assert [trial.agreement for trial in again.choice.trials] == [trial.agreement for trial in first.choice.trials]


def test_what_is_partly_stored_is_filled_in_where_it_belongs(session: WithTwo) -> None:
    whole = compare_project_embedders(session).choice.trials[1]
    taught = [label.text_hash for label in taught_of(session).labels]
    expected = session.store.vectors("static@1", taught)
    with session.store.writer() as connection:
        connection.execute("delete from embeddings where embedder_id = 'static@1' and text_hash in (select unnest(?))", [taught[1::3]])
    found = compare_project_embedders(session).choice.trials[1]
    assert np.array_equal(session.store.vectors("static@1", taught), expected)
    assert (found.agreement, found.n) == (whole.agreement, whole.n)


def test_no_more_documents_are_embedded_than_asked_for_and_the_same_each_time(session: WithTwo) -> None:
    taught = taught_of(session)
    first = compare_project_embedders(session, most=24)
    drawn = set(asked_of(session)[1])
    assert {trial.n for trial in first.choice.trials} == {24}
    assert len(drawn) == 24
    first_labelled = {document.text for document in session.store.texts([label.text_hash for label in taught.labels[:24]])}
    assert drawn != first_labelled, "drawn, not the first ones"
    asked_of(session)[1].clear()
    compare_project_embedders(session, most=24)
    assert set(asked_of(session)[1]) == drawn


def test_an_embedder_that_sees_nothing_is_not_chosen(session: WithTwo) -> None:
    session.static = Senseless("static@1", width=64)
    found = compare_project_embedders(session)
    own, static = found.choice.trials
    assert static.high < own.low
    assert (found.choice.embedder_id, found.is_other) == ("hashed-words@1", False)


def test_an_embedder_behind_a_server_is_compared_with_those_of_this_machine(copied: Path, workspace: Path) -> None:
    served = {"model": "bge", "base_url": "http://127.0.0.1:9/v1"}

    class WithThree(WithTwo):
        def embedder_called(self, name: EmbedderName) -> Embedder:
            return Noting("sentences@1") if name == OWN else super().embedder_called(name)

    with WithThree(load_project(write_project(workspace, embedder=served)), chat=ScriptedChat([]), embedder=Noting("bge@served")) as session:
        session.static = Noting("static@1", width=64)
        found = compare_project_embedders(session)
    assert found.names == {"sentences@1": OWN, "static@1": STATIC, "bge@served": "bge@served"}
    assert len(found.choice.trials) == 3
    assert found.present_id == "bge@served"


def test_without_labels_it_says_which_run_makes_them(copied: Path, workspace: Path) -> None:
    project = load_project(write_project(workspace, facets={"urgency": {"use_case": "how urgent"}}))
    with opened(project, Noting(), Noting("static@1")) as session:
        with pytest.raises(TrainingError, match=r"Project tiny has no labels yet.*linnaeus run tiny"):
            compare_project_embedders(session.view("urgency"))
        assert asked_of(session) == ([], [])


def test_with_too_few_labels_it_says_how_many_there_are(copied: Path, workspace: Path) -> None:
    project = load_project(write_project(workspace, annotation={"sample": 60, "reordered": 0, "held_out": 0.5}))
    with opened(project, Noting(), Noting("static@1")) as session:
        with session.store.writer() as connection:
            keep = [label.text_hash for label in taught_of(session).labels[:3]]
            connection.execute("delete from labels where text_hash not in (select unnest(?))", [keep])
        with pytest.raises(TrainingError, match=r"at least 10 labelled documents.*project tiny has 3 of \d.*annotation\.sample"):
            compare_project_embedders(session)
