"""Taxonomy files: what is written is what is read, in every format."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.ids import text_hash
from pipeline.records import Category, Taxonomy
from pipeline.taxonomy_files import MOST_CATEGORIES, read_taxonomy, tidied, write_taxonomy
from pipeline.taxonomy_files.delimited import join_values, split_values
from pipeline.taxonomy_files.tidy import tidy_name, tidy_text
from pipeline.text import name_key
from tests.taxonomy_texts import EDITED, ENDINGS, PREFIXES, RDF, of, read, write

ODD = [
    'Refunds, "fees"; and \'more\'', "No", "null", "~", "2024", "- a", "a: b # c", "=1+1", "'=1+1", "'", '"', "a\tb", "😀 \U0001f469\u200d\U0001f467",
    "x" * 300, "a | b", "\\", "]]>", "&amp;", "<b>", "text:0123456789abcdef0123456789abcdef", "\x85x\u2028y", "\ufeffz", "a ; b", "%41", "\uff46",
    "e\u0301", "{{ x }}", "*x", "&x", "!x", "? x", '"""', '\\"""',
]  # fmt: skip
words = st.text(max_size=40) | st.sampled_from(ODD)
prose = words | st.lists(words, max_size=4).map("\n".join)
iris = st.text("abcXYZ09-._~:/?#@!$&()*+,;=%", min_size=1, max_size=20).map("https://example.org/".__add__)
hashes = st.integers(0, 5).map(lambda number: f"text:{number:032x}")


def seen(name: str) -> str:
    """Give what a reader sees of a name."""
    return name_key(tidy_name(name))


@st.composite
def taxonomies(draw: st.DrawFn) -> tuple[Taxonomy, dict[str, str]]:
    """Make any tree of categories, with the texts that its examples may be shown by."""
    names = draw(
        st.lists(words.filter(lambda name: name_key(tidy_name(name))), min_size=2, max_size=6, unique_by=lambda name: name_key(tidy_name(name)))
    )
    keys = st.text(max_size=12) | st.sampled_from([*ODD, *map(tidy_name, names)]) | iris
    ids = draw(st.lists(keys.map(tidy_name).filter(bool), min_size=len(names), max_size=len(names), unique=True))
    texts = {text_hash(text): text for text in [*draw(st.lists(prose, max_size=4)), "long " * draw(st.integers(0, 400))]}
    lists = st.lists(prose, max_size=4).map(tuple)
    shown = st.lists(st.sampled_from(sorted(texts)) | hashes, max_size=4).map(tuple)
    categories = [
        Category(
            ids[place], name, draw(prose), ids[draw(st.integers(0, place - 1))] if place and draw(st.booleans()) else None, (), draw(lists),
            draw(lists), draw(shown), draw(shown), draw(st.sampled_from(["open", "seed", "locked", "frozen"])),
        )
        for place, name in enumerate(names)
    ]  # fmt: skip
    return Taxonomy("tax:1", "given", 0, None, draw(words), "given", tuple(draw(st.permutations(categories)))), texts


@pytest.mark.parametrize("ending", ENDINGS)
@settings(deadline=None, max_examples=60)
@given(made=taxonomies())
@example(made=(of(*(Category(f"c{place}", name, name, None, (), (name,), (name, "b", "a")) for place, name in enumerate(ODD))), {}))
def test_what_is_written_is_read(ending: str, made: tuple[Taxonomy, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    taxonomy, texts = made
    path = tmp_path_factory.getbasetemp() / f"law.{ending}"
    write_taxonomy(taxonomy, path, texts)
    found = read_taxonomy(path)
    assert found.categories == tidied(taxonomy.categories)
    assert all(text_hash(text) == key and tidy_text(texts[key]) == text for key, text in found.texts.items())


@given(st.lists(prose.map(tidy_text).filter(bool), unique=True))
@example(['"a"; b', '"', "a\n;b"])
def test_values_of_a_cell_are_taken_apart_as_they_were_put_together(values: list[str]) -> None:
    assert [tidy_text(value) for value in split_values(join_values(values)) if tidy_text(value)] == values


@pytest.mark.parametrize(
    ("cell", "values"),
    [("a;b ; c", ["a", "b ", " c"]), ("; a ;", [" a "]), ('"a; b" ; c', ["a; b", " c"]), ('"he said" no; c', ['"he said" no', " c"]), ("", [])],
)
def test_a_cell_is_read_as_a_person_means_it(cell: str, values: list[str]) -> None:
    assert split_values(cell) == values


def test_tidying_twice_is_tidying_once_and_leaves_ordinary_words_alone() -> None:
    category = Category("c", "Late Parcels", "Parcels that\ncome late.", None, ("text:1",), ("late", "where is"), ("lost ones",))
    assert tidied([category]) == (category,)
    untidy = replace(category, name=" Late\n Parcels ", description="a\r\nb\x00", cues=("late ", "late", ""))
    assert tidied(tidied([untidy])) == tidied([untidy]) == (replace(category, description="a\nb", cues=("late",)),)


@pytest.mark.parametrize("ending", ENDINGS)
def test_two_thousand_categories_are_written_and_read(ending: str, tmp_path: Path) -> None:
    taxonomy = of(
        *(
            Category(f"cat:{place}", f"Name {place}", f"About {place}.", f"cat:{place // 20}" if place >= 20 else None)
            for place in range(MOST_CATEGORIES)
        )
    )
    write_taxonomy(taxonomy, tmp_path / f"many.{ending}", {})
    assert read_taxonomy(tmp_path / f"many.{ending}").categories == tidied(taxonomy.categories)


HAND_WRITTEN = {
    "csv": 'Name;Parent;Cues\nBilling;;\nRefunds;billing;"money back; ""paid; twice"""\n',
    "yaml": "- name: Billing\n  children:\n    - name: Refunds\n      cues: [money back, 'paid; twice']\n",
    "json": '[{"name": "Billing"}, {"name": "Refunds", "parent": "Billing", "cues": ["money back", "paid; twice"]}]',
    "ttl": PREFIXES + '[] a skos:Concept ; skos:prefLabel "Billing"@en, "Zahlung"@de ; skos:narrower [ a skos:Concept ; '
    'skos:prefLabel "Erstattung"@de, "Refunds"@en ; skos:altLabel "money back"@en, "paid; twice", "Geld"@de ] .',
    "rdf": f'{RDF}<skos:Concept><skos:prefLabel>Billing</skos:prefLabel><skos:narrower><skos:Concept><skos:prefLabel>Refunds</skos:prefLabel>'
    "<skos:altLabel>money back</skos:altLabel><skos:altLabel>paid; twice</skos:altLabel></skos:Concept></skos:narrower></skos:Concept></rdf:RDF>",
    "jsonld": json.dumps(
        {
            "@context": {"skos": "http://www.w3.org/2004/02/skos/core#"}, "@type": "skos:Concept", "skos:prefLabel": "Refunds",
            "skos:altLabel": ["money back", "paid; twice"], "skos:broader": {"@type": "skos:Concept", "skos:prefLabel": "Billing"},
        }
    ),
}  # fmt: skip


@pytest.mark.parametrize("ending", HAND_WRITTEN)
def test_a_file_written_by_hand_needs_no_ids(ending: str, tmp_path: Path) -> None:
    billing, refunds = read(tmp_path, ending, HAND_WRITTEN[ending]).categories
    assert (billing.name, billing.parent_id, refunds.name, refunds.parent_id) == ("Billing", None, "Refunds", billing.category_id)
    assert refunds.cues == ("money back", "paid; twice")
    assert billing.category_id.startswith("cat:")
    again = read(tmp_path, "csv", "name,parent,description\nRefunds,Billing,other words\nBILLING,,\n").categories
    assert [category.category_id for category in again] == [billing.category_id, refunds.category_id]


def test_an_id_made_from_a_name_is_never_that_of_another_category(tmp_path: Path) -> None:
    made = read(tmp_path, "csv", "name\nRefunds\nFees\n").categories[0].category_id
    renamed = read(tmp_path, "csv", f"id,name\n{made},Money Back\n,Refunds\n").categories
    assert len({category.category_id for category in renamed}) == 2
    before = of(Category(made, "Money Back", ""), Category("c2", "Fees", ""))
    beside = read(tmp_path, "csv", "name\nRefunds\nFees\n", before=before).categories
    assert beside[0].category_id not in {made, "c2"}
    assert beside[1].category_id == "c2"


def test_what_a_file_has_no_word_for_stays_as_it_was(tmp_path: Path) -> None:
    for ending, text in {"csv": "name\nBilling\nrefunds\nFees\n", "yaml": "- name: Billing\n  children: [refunds]\n- name: Fees\n"}.items():
        billing, refunds, fees = read(tmp_path, ending, text, before=EDITED).categories
        assert billing == EDITED.categories[0]
        assert refunds == replace(EDITED.categories[1], name="refunds")
        assert (fees.description, fees.status, fees.parent_id) == ("", "open", None)
    emptied = read(tmp_path, "csv", "id,name,cues,parent\nc1,Billing,,\nc2,Refunds,,\n", before=EDITED).categories
    assert [(category.cues, category.parent_id, category.status) for category in emptied] == [((), None, "locked"), ((), None, "open")]


def test_what_lay_below_a_category_that_goes_lies_below_what_is_left(tmp_path: Path) -> None:
    before = of(*EDITED.categories, Category("c4", "Card Refunds", "", "c2"))
    found = read(tmp_path, "csv", "name\nBilling\nCard Refunds\n", before=before).categories
    assert [(category.category_id, category.parent_id) for category in found] == [("c1", None), ("c4", "c1")]


def test_a_parent_may_still_be_called_by_the_name_it_had(tmp_path: Path) -> None:
    found = read(tmp_path, "csv", "id,name,parent\nc1,Money,\nc2,Refunds,Billing\n", before=EDITED).categories
    assert [(category.name, category.parent_id) for category in found] == [("Money", None), ("Refunds", "c1")]


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("csv", "id,name,parent,merged_into,split_from\nc1,Billing,,,\nc2,Refunds,,c3,\nc3,Parcels,,Billing,\n,Invoices,,,billing\n"),
        ("yaml", "- {id: c1, name: Billing}\n- {id: c2, name: Refunds, merged_into: Parcels}\n- {id: c3, name: Parcels, merged_into: c1}\n"
         "- {name: Invoices, split_from: Billing}\n"),
        ("ttl", PREFIXES + "@prefix dc: <http://purl.org/dc/terms/> . @prefix l: <urn:linnaeus:> .\n"
         '<urn:linnaeus:category:c1> a skos:Concept ; skos:prefLabel "Billing" . <urn:linnaeus:category:c2> a skos:Concept ; skos:prefLabel "Refunds" ; '  # noqa: E501 - one file on one line
         'dc:isReplacedBy <urn:linnaeus:category:c3> . <urn:linnaeus:category:c3> a skos:Concept ; skos:prefLabel "Parcels" ; dc:isReplacedBy "Billing" . '  # noqa: E501 - one file on one line
         '[] a skos:Concept ; skos:prefLabel "Invoices" ; <urn:linnaeus:term:splitFrom> <urn:linnaeus:category:c1> .'),
    ],
)  # fmt: skip
def test_a_file_says_what_is_merged_and_split(ending: str, text: str, tmp_path: Path) -> None:
    found = read(tmp_path, ending, text, before=EDITED)
    assert [category.name for category in found.categories] == ["Billing", "Invoices"]
    assert found.merged == {"c2": "c1", "c3": "c1"}
    assert found.split == {found.categories[1].category_id: "c1"}
    alone = read(tmp_path, ending, text)
    assert [category.name for category in alone.categories] == ["Billing", "Invoices"]
    done = of(*found.categories)
    again = read(tmp_path, ending, text, before=done)
    assert (again.merged, again.split, len(again.notes)) == ({}, {}, 2)
    assert "there is no such category to merge any more" in again.notes[0]


def test_examples_are_shown_by_their_texts_and_found_by_their_hashes(tmp_path: Path) -> None:
    short, long = "I was charged  twice", "word " * 400
    texts = {text_hash(text): text for text in (short, long)}
    taxonomy = of(Category("c1", "Billing", "", examples=tuple(texts), near_misses=("text:" + "f" * 32,)), Category("c2", "Parcels", ""))
    for ending in ENDINGS:
        path = tmp_path / f"x.{ending}"
        write_taxonomy(taxonomy, path, texts)
        spelled = path.read_text(encoding="utf-8")
        assert short in spelled
        assert f"{text_hash(long)} word word" in spelled
        assert long not in spelled
        assert read_taxonomy(path).texts == {text_hash(short): short}


def test_a_spreadsheet_takes_no_cell_of_ours_for_a_formula(tmp_path: Path) -> None:
    taxonomy = of(Category("=c", "+A", '=HYPERLINK("x")', cues=("@x",)), Category("c2", "-B", "", "=c"))
    write_taxonomy(taxonomy, tmp_path / "x.csv", {})
    lines = (tmp_path / "x.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert lines == ['\'=c,\'+A,"\'=HYPERLINK(""x"")",,open,\'@x,,,,,', "c2,'-B,,'+A,open,,,,,,"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "yaml", "old")
    write_taxonomy(EDITED, path, {})
    assert path.read_text(encoding="utf-8").startswith("# One entry for each category")
    assert [file.name for file in tmp_path.iterdir()] == ["categories.yaml"]
