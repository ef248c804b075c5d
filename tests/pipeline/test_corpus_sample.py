"""A sample of a corpus depends on its documents and the seed alone."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.corpus import RawRow
from pipeline.corpus.sampling import HASHES, sample_rows, threshold_of
from pipeline.corpus_settings import SampleSettings
from pipeline.errors import ProjectError
from pipeline.settings import load_project
from tests.corpora import faults, project, read, texts

LAWS = settings(max_examples=40, deadline=None)
IDS = st.lists(st.integers(0, 60).map(str), max_size=60)
WANTED = st.builds(SampleSettings, rows=st.integers(1, 30), seed=st.integers(0, 5)) | st.builds(
    SampleSettings, share=st.floats(0.01, 0.99), seed=st.integers(0, 5)
)


def sampled(ids: list[str], wanted: SampleSettings) -> list[str]:
    rows = [RawRow("f", number, {"id": one}) for number, one in enumerate(ids)]
    return [(row.values or {})["id"] for row in sample_rows(lambda: rows, wanted, lambda values: values["id"])]


@LAWS
@given(IDS, WANTED, st.randoms(use_true_random=False))
def test_law_the_order_of_rows_changes_nothing(ids: list[str], wanted: SampleSettings, chance: random.Random) -> None:
    found = sampled(ids, wanted)
    mixed = chance.sample(ids, len(ids))
    assert sorted(sampled(mixed, wanted)) == sorted(found)
    assert found == [one for one in ids if one in found]  # in their order, and of duplicates all or none


@LAWS
@given(IDS, IDS, WANTED)
def test_law_a_growing_corpus_keeps_its_sample(ids: list[str], more: list[str], wanted: SampleSettings) -> None:
    before, after = set(sampled(ids, wanted)), set(sampled([*more, *ids], wanted))
    assert after & set(ids) <= before  # nothing that was out comes in
    if wanted.share is not None:
        assert after & set(ids) == before


@LAWS
@given(IDS, st.integers(1, 70), st.integers(0, 5))
def test_law_so_many_documents_as_wanted_or_all_there_are(ids: list[str], rows: int, seed: int) -> None:
    assert len(set(sampled(ids, SampleSettings(rows=rows, seed=seed)))) == min(rows, len(set(ids)))


@LAWS
@given(st.lists(st.integers(0, 99)), st.integers(1, 40))
def test_law_the_threshold_is_that_of_sorting(places: list[int], count: int) -> None:
    least = sorted(set(places))[:count]
    assert threshold_of(places, count) == (HASHES if len(least) < count else least[-1] + 1)


def test_another_seed_is_another_sample_of_the_right_size() -> None:
    ids = [f"doc {number}" for number in range(20_000)]
    found = [set(sampled(ids, SampleSettings(share=0.1, seed=seed))) for seed in (1, 2)]
    assert all(1800 < len(one) < 2200 for one in found)
    assert 120 < len(found[0] & found[1]) < 280  # a tenth of a tenth


def test_a_sample_of_files_does_not_depend_on_how_they_are_parted(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}"} for number in range(300)] * 2
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for part, name in ((rows[400:], "1.jsonl"), (rows[:400], "2.jsonl")):
        (tmp_path / f"part{name}").write_text("".join(json.dumps(row) + "\n" for row in part))
    for sample in ({"rows": 50, "seed": 3}, {"share": 0.2, "seed": 3}):
        whole, parted = read(tmp_path, "all.jsonl", sample=sample)[0], read(tmp_path, "part*.jsonl", sample=sample)[0]
        assert {one.doc_id for one in whole} == {one.doc_id for one in parted}
        assert len(whole) == 2 * len({one.text_hash for one in whole})
    assert len(read(tmp_path, "all.jsonl", sample={"rows": 50})[0]) == 100


def test_what_cannot_be_used_is_set_aside_whether_in_the_sample_or_not(tmp_path: Path) -> None:
    lines = [json.dumps({"id": number, "text": f"text {number}"}) for number in range(100)]
    content = "\n".join([*lines[:50], "{broken", '{"text": "no id"}', *lines[50:]])
    documents, rejects = read(tmp_path, "a.jsonl", content, id="id", sample={"rows": 5})
    assert len(texts(documents)) == 5
    assert faults(rejects) == [("broken_json", 51), ("missing_id", 52)]


def test_a_sample_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for wrong in ({}, {"rows": 5, "share": 0.5}, {"share": 1.0}, {"rows": 0}):
        with pytest.raises(ValidationError):
            SampleSettings(**wrong)
    with pytest.raises(ValidationError, match="not both"):
        project(tmp_path, "a.csv", sample={"rows": 5}, limit=5)
    (tmp_path / "a.csv").write_text("text\n")
    (tmp_path / "p.yaml").write_text("name: p\nuse_case: what\ncorpus: {path: a.csv, sample: {rows: 5}}\npartitions: {by: batch}\n", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"corpus\.sample\.rows is taken from the whole corpus, .*give corpus\.sample\.share"):
        load_project(tmp_path / "p.yaml")
