"""Taxonomy files that are wrong: every mistake is said at once, with what to do, and nothing is fetched."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import TaxonomyFileError
from pipeline.taxonomy_files import read_taxonomy, write_taxonomy
from tests.taxonomy_texts import EDITED, PREFIXES, RDF, mistakes, read

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
