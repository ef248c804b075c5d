"""What the columns of a corpus say of a document beside its text: its title, its language, when it was written."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus import read_time
from pipeline.errors import CorpusError
from pipeline.ids import text_hash
from pipeline.store import Store
from tests.corpora import faults, read, texts

LAWS = settings(max_examples=40, deadline=None)
DAY = datetime(2026, 1, 31)
MORNING = datetime(2026, 1, 31, 8, 30)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-01-31", DAY),
        ("20260131", DAY),
        (20260131, DAY),
        ("2026-01", datetime(2026, 1, 1)),
        ("2026", datetime(2026, 1, 1)),
        (2026, datetime(2026, 1, 1)),
        ("2026-01-31T08:30:00Z", MORNING),
        ("2026-01-31 08:30", MORNING),
        ("2026-01-31 08:30:00 UTC", MORNING),
        ("2026-01-31T09:30:00+01:00", MORNING),
        ("2026-01-31T08:30:00.123456789Z", MORNING.replace(microsecond=123456)),
        ("Sat, 31 Jan 2026 09:30:00 +0100", MORNING),
        ("31 Jan 2026 08:30:00 GMT", MORNING),
        (1769848200, MORNING),
        (1769848200.5, MORNING.replace(microsecond=500000)),
        (" 1769848200 ", MORNING),
        (1769848200000, MORNING),
        ("1769848200000000", MORNING),
        (1769848200000000000, MORNING),
        (date(2026, 1, 31), DAY),
        (MORNING, MORNING),
        (datetime(2026, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=1))), MORNING),
        ("", None), ("  ", None), (None, None), (float("nan"), None),
    ],
)  # fmt: skip
def test_a_time_is_read_in_utc_from_whatever_says_it(given: object, meant: datetime | None) -> None:
    assert read_time(given) == meant


@pytest.mark.parametrize(
    "given",
    [
        "soon",
        "31/01/2026",
        "2026-13-01",
        "2026-02-30",
        "20261301",
        0,
        -5,
        12345,
        1e30,
        float("inf"),
        True,
        ["2026"],
        "1.5.2026",
        "Sat, 99 Jan 2026 x",
    ],
)
def test_what_is_no_time_is_refused_with_what_was_expected(given: object) -> None:
    with pytest.raises(ValueError, match=r"is no time; expected a time as 2026-01-31T09:30:00\+01:00, a date as 2026-01-31, or seconds since 1970"):
        read_time(given)


@LAWS
@given(
    st.datetimes(datetime(1974, 1, 1), datetime(2200, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))])),
    st.sampled_from([datetime.isoformat, lambda time: time.timestamp(), lambda time: str(time.timestamp()), lambda time: time]),
)
def test_law_however_a_time_is_written_the_same_is_read(time: datetime, write: Callable[[datetime], object]) -> None:
    found = read_time(write(time))
    assert found is not None
    assert abs(found - time.astimezone(UTC).replace(tzinfo=None)) < timedelta(milliseconds=1)


@LAWS
@given(st.text() | st.binary() | st.floats() | st.integers())
def test_law_a_time_is_read_or_refused_and_never_breaks(value: Any) -> None:
    try:
        found = read_time(value)
    except ValueError:
        return
    assert found is None or found.tzinfo is None


def test_title_language_and_time_become_columns_of_a_document(tmp_path: Path) -> None:
    content = (
        "id,subject,body,lang,at\n1,Parcel, where is it,en,2026-01-31\n2,,no title,,\n3,Only a title,,de,1769848200\n4,,,en,\n5,Late,soon,en,soon\n"
    )
    documents, rejects = read(tmp_path, "a.csv", content, id="id", text="body", title="subject", language="lang", time="at")
    assert [(one.text, one.title, one.body, one.language, one.written_at) for one in documents] == [
        ("Parcel\n\n where is it", "Parcel", " where is it", "en", DAY),
        ("no title", None, "no title", None, None),
        ("Only a title", "Only a title", "", "de", MORNING),
    ]
    assert documents[0].text_hash == text_hash("Parcel where is it")
    assert faults(rejects) == [("empty_text", 5), ("bad_time", 6)]
    assert rejects[1].message.startswith("column 'at': 'soon' is no time; expected")
    assert "'body': 'soon'" in rejects[1].record


def test_another_title_is_another_text(tmp_path: Path) -> None:
    rows = "title,text\nRefund,the parcel is late\nQuestion,the parcel is late\n"
    documents, _ = read(tmp_path, "a.csv", rows, title="title")
    assert len({one.text_hash for one in documents}) == len({one.doc_id for one in documents}) == 2
    without, _ = read(tmp_path, "a.csv")
    assert len({one.text_hash for one in without}) == 1


def test_columns_that_the_file_lacks_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"Missing columns 'subject', 'lang', 'at' in a\.csv; found 'text', 'x'"):
        read(tmp_path, "a.csv", "text,x\none,1\n", title="subject", language="lang", time="at")


def test_typed_times_of_parquet_are_read(tmp_path: Path) -> None:
    times = {
        "zoned": pa.array([MORNING], pa.timestamp("us", tz="Europe/Berlin")), "nanoseconds": pa.array([MORNING], pa.timestamp("ns")),
        "day": pa.array([date(2026, 1, 31)]), "text": pa.array(["one"]), "title": pa.array([17]),
    }  # fmt: skip
    pq.write_table(pa.table(times), tmp_path / "a.parquet")
    found = {column: read(tmp_path, "a.parquet", time=column, title="title")[0][0] for column in ("zoned", "nanoseconds", "day")}
    assert {column: document.written_at for column, document in found.items()} == {"zoned": MORNING, "nanoseconds": MORNING, "day": DAY}
    assert texts([found["day"]]) == ["17\n\none"]


def test_the_store_keeps_what_was_read_and_takes_what_is_read_later(tmp_path: Path) -> None:
    keys = {"id": "id", "title": "title", "language": "language", "time": "time", "metadata": ("id",)}
    header = "id,title,text,language,time\n"
    first, _ = read(tmp_path, "a.csv", f"{header}1,Parcel,where is it,en,2026-01-31\n2,,plain,,\n", **keys)
    later, _ = read(tmp_path, "a.csv", f"{header}1,Parcel,where is it,fr,2026-01-31T08:30Z\n2,,plain,,\n", **keys)
    store = Store.open(tmp_path / "state")
    for number, documents in enumerate((first, later), start=1):
        store.save_documents(documents, seed=1, seen_at=datetime(2026, 2, number, tzinfo=UTC))
        assert {one.doc_id: one for one in store.sample_texts(9)} == {one.doc_id: one for one in documents}
    rows = store.rows("select title, substr(text, length(title) + 3), language, written_at from documents order by doc_id")
    assert rows == [("Parcel", "where is it", "fr", MORNING), (None, None, None, None)]
