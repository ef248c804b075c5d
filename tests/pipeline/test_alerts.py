"""Alerts reach the file and the webhook, and whoever tells them goes on where one of these is down."""

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline import alerts
from pipeline.alerts import Alert, tell
from pipeline.schedule_settings import AlertSettings
from pipeline.settings import Project
from pipeline.testing_server import WireReply, serve_script

ALERT = Alert("run_failed", "tiny", "The run failed. größer", "r1", "tiny", ("2026-01-01",), ({"stage": "labels", "message": "gone"},))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "PAUSES", (0.01, 0.01))


def with_alerts(project: Project, folder: Path, **given: Any) -> Project:
    return project.model_copy(update={"alerts": AlertSettings(**given), "folder": folder})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_alert_is_a_line_of_a_file_whose_folder_is_made(a_project: Project, tmp_path: Path) -> None:
    project = with_alerts(a_project, tmp_path, file="told/alerts.jsonl")
    assert tell([ALERT], project) == []
    assert tell([ALERT, ALERT], project) == []
    found = lines(tmp_path / "told" / "alerts.jsonl")
    assert len(found) == 3
    assert (found[0]["message"], found[0]["partitions"]) == ("The run failed. größer", ["2026-01-01"])
    assert found[0]["stages"] == [{"stage": "labels", "message": "gone"}]


def test_lines_of_many_at_once_stay_whole(a_project: Project, tmp_path: Path) -> None:
    project = with_alerts(a_project, tmp_path, file="alerts.jsonl")
    long = Alert("check_failed", "tiny", "x" * 20_000)
    threads = [threading.Thread(target=tell, args=([long] * 3, project)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path / "alerts.jsonl")) == 24


def test_a_file_that_cannot_be_written_is_told_and_the_webhook_is_asked_all_the_same(a_project: Project, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no folder")
    with serve_script() as server:
        server.script = lambda request, number: WireReply(200)
        troubles = tell([ALERT], with_alerts(a_project, tmp_path, file="taken/alerts.jsonl", webhook=f"{server.address}/hook"))
        assert [request["run_id"] for request in server.requests] == ["r1"]
    assert len(troubles) == 1
    assert "could not be added" in troubles[0]


def test_the_webhook_gets_the_token_of_the_environment(a_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "secret")
    with serve_script() as server:
        server.script = lambda request, number: WireReply(204)
        project = with_alerts(a_project, tmp_path, webhook=f"{server.address}/hook", webhook_env="HOOK_TOKEN")
        assert tell([ALERT], project) == []
        assert server.keys == ["Bearer secret"]
        monkeypatch.delenv("HOOK_TOKEN")
        assert "HOOK_TOKEN, which is not set" in tell([ALERT], project)[0]
        assert len(server.requests) == 1


@pytest.mark.parametrize(("statuses", "asked", "troubles"), [([503, 200], 2, 0), ([429, 500, 200], 3, 0), ([500] * 9, 3, 1), ([404] * 9, 1, 1)])
def test_a_webhook_is_tried_again_where_that_may_help(a_project: Project, tmp_path: Path, statuses: list[int], asked: int, troubles: int) -> None:
    with serve_script() as server:
        server.script = lambda request, number: WireReply(statuses[number - 1])
        assert len(tell([ALERT], with_alerts(a_project, tmp_path, webhook=f"{server.address}/hook"))) == troubles
        assert len(server.requests) == asked


def test_a_webhook_that_is_down_loses_no_line_and_is_told_without_its_address(
    a_project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serve_script() as server:
        address = f"{server.address}/hook/s3cret"
    with caplog.at_level(logging.WARNING):
        troubles = tell([ALERT, ALERT], with_alerts(a_project, tmp_path, file="alerts.jsonl", webhook=address))
    assert len(lines(tmp_path / "alerts.jsonl")) == 2
    assert "127.0.0.1 did not take 2 of 2 alerts: ConnectError" in troubles[0]
    assert "s3cret" not in caplog.text
    assert "The run failed." in caplog.text


def test_a_webhook_that_hangs_is_given_up_in_time(a_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(alerts, "LONGEST_SECONDS", 0.3)
    with serve_script() as server:
        server.script = lambda request, number: WireReply(200, seconds=1.0)
        troubles = tell([ALERT] * 20, with_alerts(a_project, tmp_path, webhook=f"{server.address}/hook"))
        assert len(server.requests) <= 2
    assert "did not take 20 of 20 alerts: it did not answer within 0.2 s" in troubles[0]


@pytest.mark.parametrize("address", ["nowhere", "ftp://127.0.0.1/x", "http://[", "http://127.0.0.1:99999/"])
def test_an_address_that_is_none_is_told(a_project: Project, tmp_path: Path, address: str) -> None:
    assert len(tell([ALERT], with_alerts(a_project, tmp_path, webhook=address))) == 1


def test_without_alerts_in_the_project_only_the_log_is_told(a_project: Project, tmp_path: Path) -> None:
    assert tell([ALERT], with_alerts(a_project, tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
