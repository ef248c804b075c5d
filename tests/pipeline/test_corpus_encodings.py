"""A file in another encoding is read where it says so, and refused with a guess where it does not; a few broken lines are rejects."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.corpus.encodings import guess_encoding
from pipeline.corpus.rows import read_lines
from pipeline.errors import CorpusError
from tests.corpora import COMPRESSIONS, faults, project, read, texts

LAWS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GERMAN = [f"Die Lieferung Nummer {number} für Frau Müller ist zu spät in der Straße angekommen" for number in range(30)]
RUSSIAN = [f"Заказ номер {number} до сих пор не пришёл, где моя посылка" for number in range(30)]
JAPANESE = [f"注文番号{number}の荷物がまだ届いていません。確認してください" for number in range(30)]


@LAWS
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=20), max_size=5), st.sampled_from(["utf-16", "utf-32"]))
def test_law_a_byte_order_mark_is_enough(tmp_path: Path, lines: list[str], encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("".join(line + "\n" for line in lines).encode(encoding))
    assert [line.text for line in read_lines(path)] == [line + "\n" for line in lines]


@pytest.mark.parametrize(("encoding", "lines"), [("cp1252", GERMAN), ("koi8_r", RUSSIAN), ("shift_jis", JAPANESE), ("utf-16-le", GERMAN)])
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".txt", ".txt.gz"])
def test_a_named_encoding_is_read(tmp_path: Path, encoding: str, lines: list[str], ending: str) -> None:
    as_written = {".csv": "id,text\n{}", ".jsonl": "{}"}.get(ending, "{}")
    line = {".csv": '{0},"{1}"\n', ".jsonl": '{{"id": {0}, "text": "{1}"}}\n'}.get(ending, "{1}\n")
    content = as_written.format("".join(line.format(number, text) for number, text in enumerate(lines))).encode(encoding)
    packed = COMPRESSIONS[".gz"](content) if ending.endswith(".gz") else content
    documents, rejects = read(tmp_path, f"a{ending}", packed, encoding=encoding)
    assert (texts(documents), rejects) == (lines, [])


@pytest.mark.parametrize(("encoding", "lines"), [("cp1252", GERMAN), ("cp1251", RUSSIAN), ("koi8_r", RUSSIAN), ("shift_jis", JAPANESE)])
def test_another_encoding_is_refused_with_the_one_that_it_looks_like(tmp_path: Path, encoding: str, lines: list[str]) -> None:
    content = "".join(f"{line}\n" for line in lines).encode(encoding)
    with pytest.raises(CorpusError, match=r"a\.txt is not in UTF-8: 30 of the first 30 lines hold other bytes\.") as caught:
        read(tmp_path, "a.txt", content)
    assert f"It looks like {encoding}, in which the first of them reads '{lines[0][:60]}" in str(caught.value)
    assert f"Set corpus.encoding: {encoding} in the project file" in str(caught.value)
    assert texts(read(tmp_path, "a.txt", encoding=encoding)[0]) == lines


def test_utf_16_without_a_mark_is_refused_with_its_name(tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(CorpusError, match=f"Set corpus.encoding: {encoding}"):
            read(tmp_path, "a.csv", "id,text\n1,one\n".encode(encoding))


def test_a_few_broken_lines_of_many_are_rejects(tmp_path: Path) -> None:
    lines = [b"plain words"] * 100
    lines[7], lines[50], lines[93] = (b"f\xfcr mich",) * 3
    documents, rejects = read(tmp_path, "a.txt", b"\n".join(lines))
    assert len(documents) == 97
    assert faults(rejects) == [("undecodable_bytes", 8), ("undecodable_bytes", 51), ("undecodable_bytes", 94)]


def test_who_names_utf8_has_every_broken_line_set_aside(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.txt", "\n".join([*GERMAN, "plain"]).encode("cp1252"), encoding="utf-8")
    assert (texts(documents), len(rejects)) == (["plain"], 30)


def test_bytes_that_a_named_encoding_does_not_have_cost_their_row(tmp_path: Path) -> None:
    documents, rejects = read(tmp_path, "a.csv", b"id,text\n1,caf\xe9\n2,ca\x81f\n3,tea\n", encoding="cp1252")
    assert texts(documents) == ["café", "tea"]
    assert [(one.reason, one.position, one.message) for one in rejects] == [
        ("undecodable_bytes", 3, "holds bytes that are not cp1252, shown as \\xff")
    ]
    odd = "one\ntwo\n".encode("utf-16") + b"\x00\xdc\x0a\x00" + "four\n".encode("utf-16-le")
    documents, rejects = read(tmp_path, "b.txt", odd)
    assert (texts(documents), faults(rejects)) == (["one", "two", "four"], [("undecodable_bytes", 3)])


def test_a_folder_of_texts_in_another_encoding_is_refused_and_one_such_file_is_a_reject(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, text in enumerate(GERMAN):
        (folder / f"{number:02}.txt").write_bytes(text.encode("cp1252" if number == 3 else "utf-8"))
    documents, rejects = read(tmp_path, "folder")
    assert (len(documents), [reject.source for reject in rejects]) == (29, ["03.txt"])
    for number, text in enumerate(GERMAN):
        (folder / f"{number:02}.txt").write_text(text, encoding="cp1252")
    with pytest.raises(CorpusError, match=r"folder is not in UTF-8: 30 of the first 30 files .*Set corpus\.encoding: cp1252"):
        read(tmp_path, "folder")
    assert texts(read(tmp_path, "folder", encoding="cp1252")[0]) == GERMAN


def test_what_is_no_text_is_said_to_look_like_none(tmp_path: Path) -> None:
    assert guess_encoding([bytes(range(128, 256)) * 40, bytes(range(256)) * 40]) is None
    with pytest.raises(CorpusError, match=r"look like no encoding of text\. Check corpus\.path and corpus\.format"):
        read(tmp_path, "a.txt", bytes([*range(1, 10), *range(11, 256), 10]) * 40)


def test_an_encoding_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    for encoding in ("latin-99", "hex"):
        with pytest.raises(ValidationError, match="no encoding that Python reads"):
            project(tmp_path, "a.csv", encoding=encoding)
