"""Categories with odd names are options like any other, and a name that cannot be one is refused where a taxonomy enters."""

import json
import math
import re
from itertools import permutations
from pathlib import Path

import pytest

from pipeline.annotation import annotate, llm_annotator
from pipeline.choosing import NONE_FITS
from pipeline.corpus import RawRow, make_documents
from pipeline.errors import TaxonomyFileError
from pipeline.ids import text_hash
from pipeline.prompts import as_data
from pipeline.records import Category, Document, Label, Taxonomy
from pipeline.serving.answers import Reply, Token, option_scores, read_answer
from pipeline.serving.contract import Chat, Choice, Question
from pipeline.serving.dialects import dialect_of, gbnf_choice
from pipeline.settings import Project
from pipeline.taxonomy.editing import why_no_name
from pipeline.taxonomy.naming import why_refused
from pipeline.taxonomy_files import read_taxonomy, write_taxonomy
from pipeline.testing import ScriptedChat

LONG = ("Requests about parcels that were sent to a wrong address, came back and were sent again, " * 4)[:299] + "!"
CASE = ("Apple", "apple", "APPLE")
ENTERING = (
    'Refunds, "late" ones', "it's; that's (and so on)", '"', '\\"', "back\\slash", "\\n", "C:\\new\\x41", LONG, LONG[:-1] + "?", "Oil", "Oil price",
    "Oil price index", "Oil prices", "Refund", "Erstattung", "返金", "返品", "استرداد المال",
    "החזר", "Cafe\u0301", "क्षमा", "\U0001f44d", "\U0001f44d\U0001f3fd good", "\U0001f469\u200d\U0001f467", "100 %", "null",
    "-", "- a: b", "{{ name }}", "{% raw %}", "<b>", "[INST]", "<|im_end|>", "</text>", "$1", "None", "No", "a | b", "::=", "root", "[a-z]+", "(?!x)",
    "%s",
)  # fmt: skip
NAMES = (*ENTERING, *CASE)
TAXONOMY = Taxonomy(
    "tax:1", "given", 0, None, "what", "given", tuple(Category(f"cat:{place}", name, "Some texts.") for place, name in enumerate(NAMES))
)
OPTIONS = (*NAMES, NONE_FITS.name)
LITERAL = r'"(?:[^"\\]|\\.)*"'


def label(project: Project, chat: Chat, taxonomy: Taxonomy, count: int) -> list[Label]:
    documents = [Document(f"d:{number}", text_hash(f"text {number}"), f"text {number}", "x") for number in range(count)]
    annotator = llm_annotator(project, "scripted")
    outcomes = list(annotate(documents, taxonomy=taxonomy, annotator=annotator, chat=chat, project=project))
    assert [failure for outcome in outcomes for failure in outcome.failures] == []
    return [record for outcome in outcomes for record in outcome.records]


def short(name: str) -> str:
    return ascii(name)[:20]


# --- labels


def test_each_odd_name_is_an_option_and_becomes_the_label(a_project: Project) -> None:
    chat = ScriptedChat(list(NAMES))
    records = label(a_project, chat, TAXONOMY, len(NAMES))
    assert [record.category_id for record in records] == [category.category_id for category in TAXONOMY.categories]
    assert {len(record.scores or {}) for record in records} == {len(OPTIONS)}
    form = chat.questions[0].form
    assert isinstance(form, Choice)
    assert form.options == OPTIONS
    assert all(f"- {as_data(name)}: Some texts.\n" in chat.questions[0].messages[0].content for name in NAMES)


def test_a_name_that_is_nearly_another_one_is_not_that_one(a_project: Project) -> None:
    documents = [Document("d", text_hash(name), name, "x") for name in ("oil", "Oil pric", "apples", "refund", "Caf\u00e9", "\\N", LONG[:-1])]
    chat = ScriptedChat(lambda question: question.messages[-1].content.removeprefix("<text>").removesuffix("</text>"))
    (outcome,) = annotate(documents, taxonomy=TAXONOMY, annotator=llm_annotator(a_project, "m"), chat=chat, project=a_project)
    assert outcome.records == []
    assert {failure.reason for failure in outcome.failures} == {"not_an_option"}
    assert len(outcome.failures) == len(documents)


def test_the_spaces_around_a_name_are_kept(a_project: Project) -> None:
    spaced = Taxonomy("tax:1", "given", 0, None, "what", "given", (Category("cat:a", " Refund ", ""), Category("cat:b", "\u3000Oil", "")))
    assert [record.category_id for record in label(a_project, ScriptedChat([" Refund ", "\u3000Oil"]), spaced, 2)] == ["cat:a", "cat:b"]
    answer = read_answer(Choice((" Refund ", "Oil")), Reply(" Refund ", tokens=tokens(b" Refund ", 3)))
    assert (answer.outcome, answer.text) == ("ok", " Refund ")
    assert set(answer.scores or {}) == {" Refund ", "Oil"}


def test_there_is_room_for_the_longest_name(a_project: Project) -> None:
    asked: list[Question] = []
    label(a_project, ScriptedChat(lambda question: asked.append(question) or NONE_FITS.name), TAXONOMY, 1)  # type: ignore[func-returns-value]
    assert asked[0].max_tokens >= 60, "300 letters of English are about that many tokens"


# --- the wire


def tokens(spelled: bytes, size: int) -> tuple[Token, ...]:
    """Cut an answer into tokens that are nearly sure, as no tokenizer would, through the middle of characters."""
    pieces = [spelled[start : start + size] for start in range(0, len(spelled), size)]
    return tuple(Token(piece, math.log(0.9), ((piece, math.log(0.9)), (b"\xff", math.log(1e-6)))) for piece in [*pieces, b""])


@pytest.mark.parametrize("name", OPTIONS, ids=short)
@pytest.mark.parametrize("size", [1, 5, 400])
def test_an_answer_is_read_as_the_name_it_is_and_every_name_gets_a_score(name: str, size: int) -> None:
    answer = read_answer(Choice(OPTIONS), Reply(name, "stop", tokens=tokens(name.encode(), size)))
    assert (answer.outcome, answer.text) == ("ok", name)
    assert answer.scores is not None
    assert list(answer.scores) == list(OPTIONS)
    assert math.fsum(map(math.exp, answer.scores.values())) == pytest.approx(1)
    assert max(answer.scores, key=lambda option: (answer.scores or {})[option]) == name


@pytest.mark.parametrize("name", OPTIONS, ids=short)
@pytest.mark.parametrize("escaped", [False, True])
def test_an_answer_in_json_is_read_as_the_name_it_is(name: str, escaped: bool) -> None:
    text = json.dumps({"label": name}, ensure_ascii=escaped)
    answer = read_answer(Choice(OPTIONS), Reply(text, "stop", tokens=tokens(text.encode(), 4)), wrapped=True)
    assert (answer.outcome, answer.text) == ("ok", name)
    assert answer.scores is not None
    assert max(answer.scores, key=lambda option: (answer.scores or {})[option]) == name


@pytest.mark.parametrize(("first", "second"), list(permutations(("Oil", "Oil price", "Oil price index"), 2)))
def test_a_name_and_one_that_begins_with_it_share_the_probability_of_what_they_share(first: str, second: str) -> None:
    """The chosen one is followed to its end, and where the two part ways the token that was seen has nine tenths."""
    scores = option_scores(tokens(first.encode(), 3), (first, second), chosen=first)
    assert scores is not None
    assert math.exp(scores[first]) > 0.99
    unsure = [Token(b"Oil", 0.0, ((b"Oil", 0.0),)), Token(b"", math.log(0.6), ((b"", math.log(0.6)), (b" price", math.log(0.3))))]
    shared = option_scores(unsure, ("Oil", "Oil price", "Oil price index"), chosen="Oil")
    assert shared is not None
    assert math.exp(shared["Oil"]) == pytest.approx(2 / 3)
    assert math.exp(shared["Oil price"]) == pytest.approx(math.exp(shared["Oil price index"]))


def options_of(grammar: str) -> list[str]:
    """Read the options of a grammar as llama.cpp reads its literals."""
    assert re.fullmatch(rf"root ::= {LITERAL}(?: \| {LITERAL})*", grammar, re.DOTALL)
    escapes = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]"}

    def character(found: re.Match[str]) -> str:
        return chr(int(found[1][1:], 16)) if found[1][0] == "x" else escapes[found[1]]

    return [re.sub(r"\\(x[0-9A-F]{2}|.)", character, literal[1:-1]) for literal in re.findall(LITERAL, grammar, re.DOTALL)]


def test_a_grammar_of_llama_cpp_allows_exactly_the_names() -> None:
    assert options_of(gbnf_choice(OPTIONS)) == list(OPTIONS)
    controls = [chr(code) for code in range(1, 0x20)] + ["\x7f", "a\x1b[0mb", "\u2028"]
    assert options_of(gbnf_choice(controls)) == controls, "no name that enters holds them, and a facet's value might"


def test_every_dialect_spells_exactly_the_names() -> None:
    form = Choice(OPTIONS)
    assert options_of(dialect_of("embedded").arguments(form, max_tokens=8)["grammar"]) == list(OPTIONS)
    assert json.loads(json.dumps(dialect_of("vllm").arguments(form, max_tokens=8)))["structured_outputs"]["choice"] == list(OPTIONS)
    schema = json.loads(json.dumps(dialect_of("url").arguments(form, max_tokens=8)))["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == list(OPTIONS)
    assert len({Choice((name, "x")) for name in NAMES}) == len(NAMES)


# --- where a taxonomy enters


def read_names(folder: Path, *names: str) -> list[str]:
    path = folder / "given.json"
    path.write_text(json.dumps([{"name": name} for name in names]), encoding="utf-8")
    return [category.name for category in read_taxonomy(path, refuse=why_no_name).categories]


@pytest.mark.parametrize("ending", ["csv", "yaml", "json", "ttl"])
def test_odd_names_enter_by_a_file_as_they_are(ending: str, tmp_path: Path) -> None:
    categories = TAXONOMY.categories[: len(ENTERING)]
    path = tmp_path / f"given.{ending}"
    write_taxonomy(Taxonomy("tax:1", "given", 0, None, "what", "given", categories), path, {})
    assert sorted(category.name for category in read_taxonomy(path).categories) == sorted(ENTERING)


def test_spaces_around_a_name_and_control_characters_do_not_enter(tmp_path: Path) -> None:
    assert read_names(tmp_path, "  Refund\n", "\u3000Oil\t price ", "\x1b[1mBold\x07\x00") == ["Refund", "Oil price", "[1mBold"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("", "Oil"), "entry 1: has no name"),
        ((" \t\n\u3000", "Oil"), "entry 1: has no name"),
        (("\x00\x07", "Oil"), "entry 1: has no name"),
        (CASE, "entry 2 (apple): the name is that of entry 1 (Apple) too; labels are chosen by name, so each must be another one"),
        (("Oil price", " Oil  price\n"), "entry 2 (Oil price): the name is that of entry 1 (Oil price) too"),
        (("Oil", "O\x07il"), "entry 2 (Oil): the name is that of entry 1 (Oil) too"),
        (("stra\u00dfe", "STRASSE"), "entry 2 (STRASSE): the name is that of entry 1"),
        ((NONE_FITS.name.upper(), "Oil"), "it is what a text gets that fits no category"),
    ],
)
def test_a_name_that_cannot_be_told_from_another_or_from_nothing_is_refused(names: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(TaxonomyFileError, match=re.escape(said)):
        read_names(tmp_path, *names)


@pytest.mark.parametrize(
    "names", [("Caf\u00e9", "Cafe\u0301"), ("\u200b", "Oil"), ("Oil\u200b", "Oil"), ("Oil\x7f", "Oil"), ("\x9b", "Oil")], ids=[*"12345"]
)
def test_a_name_that_looks_like_another_or_like_nothing_is_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(TaxonomyFileError):
        read_names(tmp_path, *names)


@pytest.mark.parametrize("name", ["", " ", "\x00", "\u200b", "\u0301", "...", "REFUND", "refund "])
def test_a_generated_name_that_says_nothing_or_is_taken_is_refused(name: str) -> None:
    assert why_refused(name.strip(), use_case="what is it about", taken=["Refund"]) in {"it says nothing", "taken by another group"}


def test_a_generated_name_that_looks_like_one_that_is_taken_is_refused() -> None:
    assert why_refused("Cafe\u0301", use_case="what is it about", taken=["Caf\u00e9"]) == "taken by another group"


# --- documents with nothing in them


def test_documents_of_nothing_are_rejects_and_are_asked_of_nobody(a_project: Project) -> None:
    nothing = ["", " ", "\n\t\r\n", "\u3000\u00a0\u2003", "\x00\x00", None]
    rows = [
        RawRow("f", number, {"id": str(number), "text": text, "topic": ""}) for number, text in enumerate([*nothing, "where is my parcel"], start=1)
    ]
    (batch,) = make_documents(rows, a_project)
    assert [document.text for document in batch.documents] == ["where is my parcel"]
    assert [(reject.reason, reject.position) for reject in batch.rejects] == [*(("empty_text", place) for place in range(1, 6)), ("missing_text", 6)]
    chat = ScriptedChat(["Oil"])
    (outcome,) = annotate(batch.documents, taxonomy=TAXONOMY, annotator=llm_annotator(a_project, "m"), chat=chat, project=a_project)
    assert len(chat.questions) == len(outcome.records) == 1
