"""Taxonomy files: what is written is what is read, in every format, and every mistake of a file is said at once."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import TaxonomyFileError
from pipeline.ids import text_hash
from pipeline.records import Category, Taxonomy
from pipeline.taxonomy.editing import why_no_name
from pipeline.taxonomy_files import MOST_CATEGORIES, TaxonomyFile, read_taxonomy, tidied, write_taxonomy
from pipeline.taxonomy_files.delimited import join_values, split_values
from pipeline.taxonomy_files.tidy import tidy_name, tidy_text
from pipeline.text import name_key

ENDINGS = ["csv", "yaml", "json", "ttl", "rdf", "jsonld"]
PREFIXES = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n@prefix : <https://example.org/> .\n"
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">'
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


def of(*categories: Category) -> Taxonomy:
    return Taxonomy("tax:1", "given", 0, None, "what is it about", "given", categories)


def write(folder: Path, ending: str, text: str | bytes) -> Path:
    path = folder / f"categories.{ending}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def read(folder: Path, ending: str, text: str | bytes, **options: Any) -> TaxonomyFile:
    return read_taxonomy(write(folder, ending, text), **options)


def mistakes(folder: Path, ending: str, text: str | bytes, **options: Any) -> str:
    with pytest.raises(TaxonomyFileError) as caught:
        read(folder, ending, text, refuse=why_no_name, **options)
    assert f"categories.{ending}" in str(caught.value)
    return str(caught.value)


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


FIVE_THOUSAND = {
    "csv": "name\n" + "".join(f"n{number}\n" for number in range(5000)),
    "yaml": "".join(f"- name: n{number}\n  parent: nobody\n" for number in range(5000)),
    "json": json.dumps([{"name": f"n{number}"} for number in range(5000)]),
    "ttl": PREFIXES + "".join(f':n{number} a skos:Concept ; skos:prefLabel "n{number}" .\n' for number in range(5000)),
}


@pytest.mark.parametrize("ending", FIVE_THOUSAND)
def test_too_many_categories_are_refused_with_what_to_do(ending: str, tmp_path: Path) -> None:
    said = mistakes(tmp_path, ending, FIVE_THOUSAND[ending])
    assert "holds 5,000 categories, and at most 2,000 can be labelled; keep its upper levels" in said
    assert "nobody" not in said


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


EDITED = of(
    Category("c1", "Billing", "About money.", status="locked", cues=("invoice",)),
    Category("c2", "Refunds", "Money back.", "c1", examples=("text:" + "0" * 32,)),
    Category("c3", "Parcels", "Things sent."),
)


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


WRONG = """\
id,name,parent,status,merged_into,split_from
c1,Billing,Refunds,open,,
c2,Refunds,Billing,openn,,
c2,refunds,,open,,
c4,,,open,,
c5,Other,,open,,
c6,Parcels,Nobody,open,,
c7,Fees,,open,Nothing,
c8,Late Fees,Fees,open,,
c9,Lost,,open,Found,
c10,Found,,open,Lost,
c11,None of these,,open,,Nowhere
"""
ALL_WRONG = [
    "has 12 mistakes",
    "line 4 (refunds): the id 'c2' is that of line 3 (Refunds) too; leave it out for a new category",
    "line 4 (refunds): the name is that of line 3 (Refunds) too",
    "line 5: has no name",
    "line 6 (Other): it is a catch-all",
    "line 7 (Parcels): its parent 'Nobody' is not in the file",
    "line 9 (Late Fees): its parent 'Fees' is merged into 'Nothing'",
    "line 2 (Billing): lies below itself: Billing > Refunds > Billing",
    "line 8 (Fees): merged_into names 'Nothing', which is not in the file",
    "line 10 (Lost): is merged into itself: Lost > Found > Lost",
    "line 12 (None of these): split_from names 'Nowhere'",
    "line 12 (None of these): it is what a text gets that fits no category",
    "line 3 (Refunds): status 'openn' is none; expected one of open, seed, locked, frozen",
]


def test_every_mistake_of_a_file_is_said_at_once(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "csv", WRONG, before=EDITED)
    assert [mistake for mistake in ALL_WRONG if mistake not in said] == [], said
    assert said.count("\n") == 12


@pytest.mark.parametrize(
    ("ending", "text", "expected"),
    [
        ("csv", "", "is no CSV of categories: its first line must name columns (id, name, description, parent"),
        ("csv", "{'a': 1}\n", "is no CSV of categories"),
        ("csv", "name,descripton\nA,a\nB,b\n", "line 1: unknown column 'descripton'; did you mean 'description'?"),
        ("csv", "id,description\n1,a\n2,b\n", "line 1: there is no column 'name'"),
        ("csv", "name,name\nA,a\nB,b\n", "line 1: the column 'name' is there 2 times"),
        ("csv", "name,description\nA,a,b,c\nB,b\n", "line 2: 4 cells where the first line names 2 columns"),
        ("csv", 'name\nA\n"B\n', "is not valid CSV at line 3"),
        ("csv", f"name\n{'x' * 200_000}\nB\n", "line 2: a cell of 200,000 characters, and at most 131,072 are read"),
        ("csv", "name\nA\n", "needs at least 2 categories, and the file has 1"),
        ("csv", b"PK\x03\x04\xff\xfe\x00", "is not UTF-8: line 1 holds the byte 0xff. Save it as UTF-8"),
        ("csv", "name\nMüll\n".encode("latin-1"), "is not UTF-8: line 2 holds the byte 0xfc"),
        ("csv", "name\nA\nB\n".encode("utf-16"), "is in UTF-16, and UTF-8 was expected"),
        ("yaml", "", "categories: a list of categories was expected, and this is empty"),
        ("yaml", "name,parent\nA,B\n", "categories: a list of categories was expected, and this is \"name,parent A,B\""),
        ("yaml", "categories:\n- name: A\n  nam: B\n- 5\n- [x]\nfoo: 1\n", "line 2: unknown key 'nam'; did you mean 'name'?"),
        ("yaml", "categories:\n- name: A\n- [x]\nfoo: 1\n", "unknown key 'foo'"),
        ("yaml", "- name: A\n- [x]\n", "categories: a category was expected, as a mapping with a name, and this is a list"),
        ("yaml", "- name: A\n  name: B\n- name: C\n", "line 1: the key 'name' is there 2 times"),
        ("yaml", "- name: [A]\n- name: B\n", "line 1: name must be text, and is a list"),
        ("yaml", "- name: A\n  cues: {a: b}\n- name: B\n", "line 1: cues must be a list of texts, and is a mapping"),
        ("yaml", "- name: A\n  children:\n  - {name: B, parent: A}\n", "line 3: lies below another category and names a parent"),
        ("yaml", "- name: A\n  children: B\n", "line 1, children: a list of categories was expected"),
        ("yaml", "a: [b\n", "is not valid YAML"),
        ("yaml", "--- []\n--- []\n", "is not valid YAML"),
        ("yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "line 2: uses the alias *a; write out what it stands for"),
        ("yaml", "[" * 500, "nested more than 20 levels deep"),
        ("yaml", "[" * 50_000, "nest"),
        ("yaml", "- name: A\n" + "".join(f"{'  ' * n}  children:\n{'  ' * n}  - name: n{n}\n" for n in range(25)), "nested more than 20 levels deep"),
        ("csv", "name,parent\nn0,\n" + "".join(f"n{n},n{n - 1}\n" for n in range(1, 1900)), "lie 1900 levels deep; more than 20 cannot be labelled"),
        ("json", "", "is not valid JSON"),
        ("json", "name,parent\n", "is not valid JSON"),
        ("json", "[" * 100_000, "is not valid JSON"),
        ("json", '{"@graph": []}', "is JSON-LD; give it the ending .jsonld"),
        ("json", '[{"name": 5}, {"name": "B"}]', "entry 1: name must be text, and is 5"),
        ("json", '[{"name": "A", "cues": ["a", 1]}, {"name": "B"}]', "entry 1: cues must be a list of texts, and is a list with something else than text in it"),  # noqa: E501 - one file on one line
        ("json", '[{"name": "A", "name": "C"}, {"name": "B"}]', "entry 1: the key 'name' is there 2 times"),
        ("ttl", f"{RDF}</rdf:RDF>", "is not valid Turtle"),
        ("ttl", "", "holds no skos:Concept"),
        ("ttl", PREFIXES + ':a a skos:Concept ; skos:prefLabel "A" . :b a skos:Concept ; skos:prefLabel "B" . :c a skos:Concept ; skos:prefLabel "C" ; '  # noqa: E501 - one file on one line
         "skos:broader :a, :b .", "https://example.org/c: lies below 2 concepts (https://example.org/a, https://example.org/b); name one"),
        ("ttl", PREFIXES + ':a a skos:Concept ; skos:prefLabel "A" ; skos:broader :z . :b a skos:Concept ; skos:prefLabel "B" .',
         "https://example.org/a (A): its parent 'https://example.org/z' is not in the file"),
        ("ttl", PREFIXES + ":a a skos:Concept . :b a skos:Concept .", "https://example.org/a: has no name"),
        ("rdf", PREFIXES, "is not valid RDF/XML"),
        ("rdf", f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>{RDF}</rdf:RDF>', "entity that is made of other entities"),  # noqa: E501 - one file on one line
        ("rdf", f'<!DOCTYPE r [<!ENTITY % a "x"><!ENTITY % b "%a;">]>{RDF}</rdf:RDF>', "entity that is made of other entities"),
        ("jsonld", "{", "is not valid JSON"),
        ("jsonld", "[" * 100_000, "is not valid JSON"),
        ("jsonld", '{"@context": 5}', "is not valid JSON-LD"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_with_what_to_do(ending: str, text: str | bytes, expected: str, tmp_path: Path) -> None:
    said = mistakes(tmp_path, ending, text)
    assert " ".join(expected.split()) in " ".join(said.split())


def test_only_some_of_very_many_mistakes_are_listed(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "csv", "name\n" + "Same\n" * 500)
    assert "has 499 mistakes" in said
    assert "and 459 more" in said


@pytest.mark.parametrize("name", ["categories.txt", "categories", "categories.xlsx"])
def test_an_ending_that_says_no_format_is_refused(name: str, tmp_path: Path) -> None:
    for act in (lambda path: read_taxonomy(path), lambda path: write_taxonomy(EDITED, path, {})):
        with pytest.raises(TaxonomyFileError, match=r"expected one of \.csv, \.yaml"):
            act(tmp_path / name)


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "nowhere.csv", tmp_path / "folder.csv"):
        with pytest.raises(TaxonomyFileError, match="There is no taxonomy file"):
            read_taxonomy(path)
    with pytest.raises(TaxonomyFileError, match="cannot be written"):
        write_taxonomy(EDITED, tmp_path / "nowhere" / "x.csv", {})
    with pytest.raises(TaxonomyFileError, match="cannot be written"):
        write_taxonomy(EDITED, tmp_path / "folder.csv", {})
    assert list(tmp_path.iterdir()) == [tmp_path / "folder.csv"]
    assert "larger than 8 MB" in mistakes(tmp_path, "yaml", b"#" * 8_000_001)


@pytest.fixture(name="site")
def _site() -> Iterator[tuple[str, list[str]]]:
    """A server of this machine that notes what it is asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("rdf", f'<?xml version="1.0"?><!DOCTYPE r SYSTEM "SITE/r.dtd">{RDF}</rdf:RDF>'),
        ("rdf", f'<!DOCTYPE r [<!ENTITY x SYSTEM "SITE/x">]>{RDF}<skos:Concept><skos:prefLabel>&x;</skos:prefLabel></skos:Concept></rdf:RDF>'),
        ("rdf", f'<!DOCTYPE r [<!ENTITY % x PUBLIC "x" "SITE/x"> %x;]>{RDF}</rdf:RDF>'),
        ("jsonld", '{"@context": "SITE/context", "@type": "Concept"}'),
        ("jsonld", '{"@context": [{"a": "b:"}, "SITE/context"]}'),
        ("jsonld", '{"@context": {"@import": "SITE/context"}}'),
        ("jsonld", '[{"a": {"@context": {"b": {"@id": "b:", "@context": "SITE/context"}}}}]'),
    ],
)
def test_nothing_is_fetched(ending: str, text: str, site: tuple[str, list[str]], tmp_path: Path) -> None:
    said = mistakes(tmp_path, ending, text.replace("SITE", site[0]))
    assert "not fetched" in said
    assert site[1] == []


def test_names_of_other_places_are_no_reason_to_fetch_them(site: tuple[str, list[str]], tmp_path: Path) -> None:
    text = (
        PREFIXES
        + "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n<SITE/o> a owl:Ontology ; owl:imports <SITE/other> .\n"
        + "".join(f'<SITE/{name}> a skos:Concept ; skos:prefLabel "{name}" ; skos:exactMatch <SITE/elsewhere> .\n' for name in "ab")
    )
    found = read(tmp_path, "ttl", text.replace("SITE", site[0]))
    assert [category.category_id for category in found.categories] == [f"{site[0]}/a", f"{site[0]}/b"]
    assert site[1] == []


def test_entities_that_only_shorten_names_are_read(tmp_path: Path) -> None:
    text = f'<!DOCTYPE r [<!ENTITY ex "https://example.org/">]>{RDF}' + "".join(
        f'<skos:Concept rdf:about="&ex;{name}"><skos:prefLabel>{name}</skos:prefLabel></skos:Concept>' for name in "ab"
    )
    assert [category.category_id for category in read(tmp_path, "rdf", text + "</rdf:RDF>").categories] == [
        "https://example.org/a",
        "https://example.org/b",
    ]


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
