"""The label sets of the labelling benchmark are sound, and the corpora that they are for are read as they say."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.label_sets import PARENTS, LabelEntry, label_set_names, read_label_set, taxonomy_of
from bench.multi_corpora import MULTI, read_languages, read_multi
from pipeline.choosing import NONE_FITS

SIZES = {
    "ag_news": 4,
    "banking77": 77,
    "goemotions": 28,
    "hwu64": 18,
    "hwu64_intents": 64,
    "reuters21578": 117,
    "sib200": 7,
    "trec_fine": 50,
    "trec_questions": 6,
}
MOST_WORDS = {"name": 4, "description": 14}


def repeated(values: Sequence[str]) -> list[str]:
    return sorted({value for value in values if values.count(value) > 1})


def write_rows(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def test_there_is_a_set_for_each_corpus() -> None:
    assert label_set_names() == sorted(SIZES)
    with pytest.raises(KeyError, match="no label set is called snips; the label sets are ag_news, banking77"):
        read_label_set("snips")


@pytest.mark.parametrize("name", SIZES)
def test_labels_are_given_in_as_many_categories_as_the_corpus_has(name: str) -> None:
    entries = read_label_set(name)
    taxonomy = taxonomy_of(entries, "what is it")
    assert len(taxonomy.leaves) == SIZES[name]
    assert (taxonomy.stage, taxonomy.use_case, len(taxonomy.categories)) == ("given", "what is it", len(entries))
    assert [category.category_id for category in taxonomy.categories] == [f"gold:{entry.gold}" for entry in entries]
    assert taxonomy_of(read_label_set(name), "what is it") == taxonomy
    assert taxonomy_of(entries, "something else").taxonomy_id != taxonomy.taxonomy_id


@pytest.mark.parametrize("name", SIZES)
def test_the_labels_of_a_set_can_be_told_apart(name: str) -> None:
    entries = read_label_set(name)
    assert repeated([entry.gold for entry in entries]) == []
    assert repeated([entry.description.casefold() for entry in entries]) == []
    assert repeated([NONE_FITS.name.casefold(), *(entry.name.casefold() for entry in entries)]) == []


@pytest.mark.parametrize("name", SIZES)
def test_names_and_descriptions_are_short_and_plain(name: str) -> None:
    for entry in read_label_set(name):
        for part, most in MOST_WORDS.items():
            text = getattr(entry, part)
            assert isinstance(text, str)
            assert text == " ".join(text.split()) and text[0].isupper(), entry
            assert 1 <= len(text.split()) <= most, entry
            assert not set(text) & set('_<>"|{}'), entry
        assert entry.description.endswith("."), entry


@pytest.mark.parametrize("name", SIZES)
def test_the_parents_are_those_of_the_upper_set_and_each_has_a_child(name: str) -> None:
    entries = read_label_set(name)
    above = read_label_set(PARENTS[name]) if name in PARENTS else []
    assert entries[: len(above)] == above
    assert {entry.parent for entry in above} <= {None}
    assert {entry.parent for entry in entries[len(above) :]} - {None} == {entry.gold for entry in above}
    assert all(entry.parent for entry in entries[len(above) :]) or not above


def test_a_taxonomy_without_its_upper_level_is_refused() -> None:
    with pytest.raises(ValueError, match="the 1 entries lack 1 that they name as parents: HUM; give the upper level as well"):
        taxonomy_of([LabelEntry("HUM:ind", "Individual person", "The name of one person.", "HUM")], "what is asked for")


@pytest.mark.parametrize("name", MULTI)
def test_a_document_has_all_its_labels_and_a_text_is_kept_once(tmp_path: Path, name: str) -> None:
    rows = [{"id": place, "text": f"text {place % 6}", "labels": [f"label {place % 6}", "both", "both"]} for place in range(9)]
    write_rows(tmp_path, name, rows)
    corpus = read_multi(tmp_path, name)
    assert sorted(corpus.texts) == [f"text {place}" for place in range(6)]
    assert corpus.texts != tuple(sorted(corpus.texts)), "the order is shuffled"
    assert corpus == read_multi(tmp_path, name), "and the same each time"
    assert corpus.gold == tuple((text.replace("text", "label"), "both") for text in corpus.texts)
    assert [f"text {int(key) % 6}" for key in corpus.ids] == list(corpus.texts)
    with pytest.raises(KeyError, match="no corpus with several labels is called snips"):
        read_multi(tmp_path, "snips")


def test_translations_follow_one_another_and_a_sentence_that_lacks_one_is_left_out(tmp_path: Path) -> None:
    places = [("en", place) for place in range(5)] + [("sw", place) for place in range(4)] + [("fr", place) for place in range(5)]
    rows = [
        {"id": f"{lang}{place}", "text": f"{lang} {place}", "labels": ["travel"], "lang": lang, "meta": {"parallel_id": place}}
        for lang, place in places
    ]
    write_rows(tmp_path, "sib200_multilingual", rows)
    corpus = read_languages(tmp_path, ("sw", "en"))
    assert corpus.languages == ("sw", "en") * 4
    assert corpus.parallel_ids[::2] == corpus.parallel_ids[1::2] != ("0", "1", "2", "3")
    assert sorted(corpus.parallel_ids[::2]) == ["0", "1", "2", "3"]
    assert [f"{lang} {place}" for lang, place in zip(corpus.languages, corpus.parallel_ids, strict=True)] == list(corpus.texts)
    assert (len(corpus), set(corpus.gold)) == (8, {"travel"})
    with pytest.raises(KeyError, match="no sentence is in yo; the languages are en, fr, sw"):
        read_languages(tmp_path, ("en", "yo"))
