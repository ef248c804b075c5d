"""A corpus read in bulk beside the same read row by row, and texts that are hard to read."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pipeline.corpus import RawRow, corpus_files, documents_table, make_documents, read_in_bulk, read_rows
from pipeline.corpus.columns import key_of
from pipeline.corpus.read import read_file
from pipeline.corpus.sampling import sample_rows
from pipeline.corpus.stretches import COLUMNAR
from pipeline.errors import CorpusError
from pipeline.records import Reject
from pipeline.settings import CorpusSettings, Project

LAWS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Row = dict[str, Any]
SAMPLES = st.sampled_from([None, None, {"share": 0.5}, {"rows": 5, "seed": 3}])
WORDS = st.sampled_from(
    ["card", "arrived", "the", "Überweisung", "नमस्ते", "e\u0301", "日本語", "ﬁne", "\u212b", 'he "said"', "a\\b", "1", "[x]", "{", "}:", ","]
)
SPACES = st.sampled_from([" ", " ", " ", "  ", "\t", "\n", "\u00a0", "\u3000", "\x85", "\x1c", "\r\n"])
TEXTS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=6).map(" ".join),
    st.tuples(st.lists(WORDS, max_size=4), SPACES, SPACES).map(lambda made: made[1] + made[2].join(made[0]) + made[1]),
    st.text(max_size=20),
)


def project(path: Path, **keys: Any) -> Project:
    parts = keys.pop("partitions", None)
    return Project(name="p", use_case="what", corpus=CorpusSettings(path=path.name, **keys), partitions=parts, folder=path.parent)


Result = tuple[list[Row], list[Reject]] | str


def one_by_one(of: Project) -> Result:
    files, kind = corpus_files(of), of.corpus_format

    def every() -> Iterable[RawRow]:
        return chain.from_iterable(read_file(path, name, kind, of.corpus) for name, path in files.items())

    if kind in COLUMNAR:
        rows: Iterable[RawRow] = read_rows(of)
    else:
        rows = sample_rows(every, of.corpus.sample, lambda row: key_of(row, of.corpus)) if of.corpus.sample else every()
    try:
        batches = list(make_documents(rows, of))
    except CorpusError as error:
        return str(error)
    documents = [one for batch in batches for one in batch.documents]
    return in_order(documents_table(documents, of.seed).to_pylist()), [one for batch in batches for one in batch.rejects]


def in_order(rows: Iterable[Row]) -> list[Row]:
    places = [(row["source"].rpartition(":"), row) for row in rows]
    return [row for _, row in sorted(places, key=lambda one: (one[0][0], int(one[0][2])))]


def in_bulk(of: Project) -> Result:
    try:
        batches = list(read_in_bulk(of))
    except CorpusError as error:
        return str(error)
    return in_order(row for batch in batches for row in batch.documents.to_pylist()), [one for batch in batches for one in batch.rejects]


def check(of: Project) -> Result:
    found, expected = in_bulk(of), one_by_one(of)
    if of.corpus.sample is None or not isinstance(expected, str):  # row by row, columns are looked for in the rows of the sample alone
        assert found == expected
    return found
