"""What is noted is never lost: not by `kill -9`, not by a cut line, and never counted twice."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call_records import Call
from pipeline.store import Store, StoreLedger
from pipeline.store.journal import Journal, left_behind

ROOT = Path(__file__).parents[2]
CALL = Call(
    "k", "r", "p", "m", "q", 1, 1, 0, 1, 1.0, "stop", "ok", None, '{"text":"Größe \\u2028","scores":null}', None, parameters={"max_tokens": 3}
)
NOTING = """
import sys, time
from dataclasses import replace
from pathlib import Path
from pipeline.store import Store, StoreLedger
from tests.pipeline.test_journal import CALL
ledger = StoreLedger(Store.open(Path(sys.argv[1])))
ledger.record([replace(CALL, call_key="recorded")])
for number in range(30):
    ledger.note(replace(CALL, call_key=f"noted {number}"))
ledger.note(replace(CALL, call_key="recorded"))
sys.stdout.write("noted\\n"); sys.stdout.flush(); time.sleep(600)
"""


def keys(store: Store) -> list[str]:
    return [row[0] for row in store.rows("select call_key from llm_calls order by call_key")]


def test_what_a_killed_process_noted_is_recorded_by_the_next_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with subprocess.Popen([sys.executable, "-c", NOTING, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "noted\n"
        store = Store.open(folder)
        assert StoreLedger(store).recover() == 0, "it is alive, and its notes are its own"
        os.kill(process.pid, signal.SIGKILL)
    assert StoreLedger(store).recover() == 30
    assert StoreLedger(store).recover() == 0
    assert keys(store) == sorted(["recorded", *(f"noted {number}" for number in range(30))])
    assert not list((folder / "journal").iterdir())


def test_an_answer_that_was_only_noted_is_found(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    journal = Journal(tmp_path / "journal")
    journal.note(CALL)
    assert journal._lock is not None
    journal._lock.release()  # as the kernel does for the dead
    assert StoreLedger(store).find(["k"]) == {"k": CALL.answer}


def test_a_line_that_was_cut_costs_itself_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(tmp_path)
    journal.note(CALL)
    journal.note(replace(CALL, call_key="cut"))
    assert journal._lock is not None
    os.ftruncate(journal._lock.descriptor, os.fstat(journal._lock.descriptor).st_size - 9)
    journal._lock.release()
    with left_behind(tmp_path) as calls:
        assert calls == [CALL]
    assert "Line 2" in caplog.text


def test_an_error_while_recording_keeps_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.note(CALL)
    assert journal._lock is not None
    journal._lock.release()
    with pytest.raises(OSError, match="disk"), left_behind(tmp_path):
        raise OSError("disk full")
    with left_behind(tmp_path) as calls:
        assert calls == [CALL]


def test_cleared_notes_are_gone_and_the_empty_file_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.note(CALL)
    journal.clear()
    journal.note(replace(CALL, call_key="later"))
    journal.clear()
    journal.close()
    assert not list(tmp_path.iterdir())
    journal.note(CALL)
    journal.close()
    with left_behind(tmp_path) as calls:
        assert calls == [CALL]


@given(st.text(), st.text(), st.floats(allow_nan=False))
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, error: str, raw: str, cost: float) -> None:
    folder = tmp_path_factory.mktemp("journal")
    call = replace(CALL, error=error, raw=raw, cost=cost)
    journal = Journal(folder)
    journal.note(call)
    journal.close()
    with left_behind(folder) as calls:
        assert calls == [call]
