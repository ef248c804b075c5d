"""Tells people what wants a look: in the log always, and in the project's file and to its webhook where these are given.

Telling never raises: where the disk is full or the webhook is down, that is told in the log, and the other ways are used all the same.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from pipeline.settings import Project

__all__ = ["Alert", "tell"]

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
LONGEST_SECONDS = 12.0  # after which nothing is tried again: whoever tells is given a minute
PAUSES = (0.5, 2.0)  # seconds before the webhook is tried again
TRY_AGAIN = 500  # status from which, and at TOO_MANY, trying again may help
TOO_MANY = 429


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Alert:
    """One thing that wants a look, in words and in parts."""

    kind: Literal["run_failed", "check_failed"]
    project: str
    message: str
    run_id: str = ""
    job: str = ""
    partitions: Sequence[str] = ()
    stages: Sequence[Mapping[str, str]] = ()  # those that failed: stage and message
    about: Mapping[str, Any] = field(default_factory=dict)
    link: str | None = None  # to the run in the UI
    at: str = field(default_factory=_now)

    def as_json(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)


def tell(alerts: Sequence[Alert], project: Project) -> list[str]:
    """Tell some alerts of one project in every way that it gives.

    :return: what could not be told and why, in words; it has been logged as well.
    """
    for alert in alerts:
        log.warning("%s: %s", alert.project, alert.message)
    troubles = [trouble for trouble in (_to_file(alerts, project), _to_webhook(alerts, project)) if trouble is not None]
    for trouble in troubles:
        log.error("%s", trouble)
    return troubles


def _to_file(alerts: Sequence[Alert], project: Project) -> str | None:
    """Add one line for each to the project's file, whole, though others add to it at the same time."""
    if project.alerts.file is None or not alerts:
        return None
    path = project.folder / Path(project.alerts.file).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)  # freed when the file is closed
            size = handle.seek(0, os.SEEK_END)
            lines = "".join(alert.as_json() + "\n" for alert in alerts).encode("utf-8", "replace")
            if handle.write(lines) != len(lines):
                handle.truncate(size)  # no half line is left for the next one to be added to
                return f"Alerts could not be added to {path}: the disk is full. Free space; they are in the log."
    except OSError as error:
        return f"Alerts could not be added to {path}: {error}. Check alerts.file and the disk; they are in the log."
    return None


def _to_webhook(alerts: Sequence[Alert], project: Project) -> str | None:
    """Send each as JSON, again after a pause where that may help; the address is never told, as it may hold a secret."""
    address, name = project.alerts.webhook, project.alerts.webhook_env
    if address is None or not alerts:
        return None
    headers = {"Content-Type": "application/json"}
    if name is not None:
        token = os.environ.get(name)
        if not token:
            return f"No alert was sent: alerts.webhook_env names {name}, which is not set. Set it where Dagster's daemon runs."
        headers["Authorization"] = f"Bearer {token}"
    until = time.monotonic() + LONGEST_SECONDS
    for place, alert in enumerate(alerts):
        if (trouble := _sent(address, alert.as_json(), headers, until)) is not None:
            left = len(alerts) - place
            return (
                f"The webhook at {_host(address)} did not take {left} of {len(alerts)} alerts: {trouble}. Check alerts.webhook; they are in the log."
            )
    return None


def _sent(address: str, body: str, headers: Mapping[str, str], until: float) -> str | None:
    """Send one alert; say what went wrong in the end."""
    for pause in (*PAUSES, None):
        found, again = _post(address, body, headers)
        if not found:
            return None
        if not again or pause is None or time.monotonic() + pause > until:
            break
        time.sleep(pause)
    return found


def _post(address: str, body: str, headers: Mapping[str, str]) -> tuple[str, bool]:
    """Send it once; say what went wrong, "" where nothing did, and whether trying again may help."""
    try:
        status = httpx.post(address, content=body.encode("utf-8", "replace"), headers=headers, timeout=TIMEOUT_SECONDS).status_code
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):  # the last where the token has what a header cannot hold
        return "its address or its token cannot be used", False
    except httpx.TimeoutException:
        return f"it did not answer within {TIMEOUT_SECONDS:g} s", True
    except httpx.HTTPError as error:
        return f"{type(error).__name__}", True
    return ("", False) if httpx.codes.is_success(status) else (f"it answered {status}", status >= TRY_AGAIN or status == TOO_MANY)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "its address"
    except ValueError:
        return "its address"
