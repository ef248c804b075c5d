"""Tests take turns: many side by side, and one that has to be alone with nobody, not even with those that come while it waits."""

import fcntl
import threading
import time
from pathlib import Path

from tests.turns import turn


def is_closed(gate: Path) -> bool:
    with gate.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_who_waits_to_be_alone_comes_before_those_who_come_later(tmp_path: Path) -> None:
    order: list[str] = []

    def take(name: str, *, alone: bool) -> None:
        with turn(tmp_path, alone=alone):
            order.append(f"{name} begins")
            time.sleep(0.05)
            order.append(f"{name} ends")

    with turn(tmp_path, alone=False), turn(tmp_path, alone=False):
        single = threading.Thread(target=take, args=["single"], kwargs={"alone": True})
        single.start()
        while not is_closed(tmp_path / "gate"):
            time.sleep(0.01)
        late = threading.Thread(target=take, args=["late"], kwargs={"alone": False})
        late.start()
        late.join(0.2)
        order.append("the others end")
    single.join()
    late.join()
    assert order == ["the others end", "single begins", "single ends", "late begins", "late ends"]
