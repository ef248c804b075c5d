"""The Dagster UI as a person uses it: Chromium, `linnaeus up`, the embedded model, and 40 real documents of three days."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipeline.supervision import Place

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.ui
log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = os.environ.get("LINNAEUS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SCREENSHOTS = ROOT / ".linnaeus" / "screenshots"
DAYS = [(datetime.now(UTC).date() - timedelta(days=back)).isoformat() for back in (3, 2, 1)]
LONG = 900.0  # seconds: two slow cores
RUNS = "{ runsOrError(limit: 50) { ... on Runs { results { runId status jobName startTime creationTime } } } }"
GROUP = "/locations/linnaeus/asset-groups/assistant/lineage"


def wait_for(found: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.5)
    return value


class Site:
    """The UI in a browser, and the questions that a browser asks, asked directly where a page need not be read."""

    def __init__(self, address: str, page: Any, workspace: Path) -> None:
        self.address, self.page, self.workspace = address, page, workspace

    def ask(self, query: str) -> dict[str, Any]:
        with httpx.Client(trust_env=False, timeout=60.0) as client:
            return dict(client.post(f"{self.address}/graphql", json={"query": query}).json()["data"])

    def is_up(self) -> bool:
        """Say whether the server answers and has loaded the definitions."""
        try:
            return bool(self.ask("{ assetNodes { id } }")["assetNodes"])
        except httpx.TransportError:
            return False

    def runs(self) -> list[dict[str, Any]]:
        return list(self.ask(RUNS)["runsOrError"]["results"])

    def open(self, path: str, until: str) -> None:
        self.page.goto(self.address + path)
        self.page.get_by_text(until).first.wait_for(timeout=60_000)
        self.page.wait_for_timeout(1500)

    def shoot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=True)

    def launch_all(self, button: str) -> None:
        """Press a button that materialises, choose every partition, and launch."""
        self.page.get_by_role("button", name=button).first.click()
        self.page.get_by_role("button", name="All", exact=True).last.click()  # the page below may have one, too
        self.page.get_by_role("button", name="Launch backfill").or_(self.page.get_by_role("button", name="Launch run")).first.click()
        self.page.wait_for_timeout(2000)

    def finished(self, seconds: float = LONG) -> list[dict[str, Any]]:
        """Wait until no run is queued or going and the backfills are over, and give all runs."""
        going = {"QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"}
        backfills = "{ partitionBackfillsOrError(limit: 10) { ... on PartitionBackfills { results { status } } } }"

        def over() -> bool:
            open_ones = [one for one in self.ask(backfills)["partitionBackfillsOrError"]["results"] if one["status"] == "REQUESTED"]
            return not open_ones and not [run for run in self.runs() if run["status"] in going]

        self.page.goto("about:blank")  # a graph that is drawn anew each second takes the model a quarter of two cores
        wait_for(over, "the end of all runs", seconds)
        return self.runs()


def drop(workspace: Path, day: str, rows: list[dict[str, Any]], more: str = "") -> None:
    folder = workspace / "projects" / "drops"
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"id": row["id"], "text": row["text"], "at": day}) + "\n" for row in rows)
    (folder / f"{day}.jsonl").write_text(lines + more, encoding="utf-8")


def write_workspace(workspace: Path) -> None:
    rows = [json.loads(line) for line in (ROOT / "projects" / "data" / "hwu64.jsonl").read_text(encoding="utf-8").splitlines()[:40]]
    for day, first in zip(DAYS, (0, 14, 28), strict=True):
        drop(workspace, day, rows[first : first + 14])
    project = {
        "name": "assistant", "use_case": "what does the user want the assistant to do", "exam": "off",
        "corpus": {"path": "drops", "format": "jsonl", "id": "id"},
        "taxonomy": {"size": {"min": 3, "max": 5}, "sample": 20, "passes": 1, "validation": 10},
        "annotation": {"sample": 30, "held_out": 0.3, "reordered": 0}, "evaluation": {"resamples": 100, "baseline": False},
        "partitions": {"by": "day", "column": "at", "start": DAYS[0]},
        "schedule": {"label": "* * * * *", "started": False},
    }  # fmt: skip
    (workspace / "projects" / "assistant.yaml").write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
    (workspace / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; install one, or name it in LINNAEUS_CHROMIUM")
    workspace = tmp_path_factory.mktemp("ui")
    write_workspace(workspace)
    place = Place(workspace / ".linnaeus")
    around = {**os.environ, "LINNAEUS_HOME": str(workspace), "LINNAEUS_STATE": str(workspace / ".linnaeus")}
    around.pop("LINNAEUS_DAGSTER_STATE", None)
    process = subprocess.Popen([sys.executable, "-m", "pipeline.cli", "up", "--port", "0"], cwd=ROOT, env=around)
    try:
        record = wait_for(lambda: place.is_taken() and place.read(), "the start")
        with playwright.sync_playwright() as chromium:
            browser = chromium.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1500, "height": 950})
            page.set_default_timeout(30_000)
            site = Site(record.address, page, workspace)
            wait_for(site.is_up, "the definitions")
            yield site
            browser.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_the_graph_is_materialised_and_explains_itself(site: Site) -> None:
    site.open(GROUP, "Materialize all")
    site.page.get_by_text("evaluation").first.wait_for()
    site.shoot("1-graph")
    clicked = time.time()
    site.launch_all("Materialize all")
    wait_for(lambda: any(run["startTime"] for run in site.runs()), "the first run")
    log.info("from click to first run: %.1f s", min(run["startTime"] for run in site.runs() if run["startTime"]) - clicked)
    runs = site.finished()
    assert {run["status"] for run in runs} == {"SUCCESS"}, runs
    log.info("%d runs, all done %.0f s after the click", len(runs), time.time() - clicked)
    site.open(GROUP, "Materialize all")
    site.page.wait_for_timeout(4000)
    site.shoot("2-materialised")


def test_metadata_shows_tables_and_plots(site: Site) -> None:
    site.open("/assets/assistant/labels?view=overview", "Metadata")
    site.page.get_by_text("label_histogram").first.scroll_into_view_if_needed()
    site.shoot("3-labels")
    site.page.get_by_text("Show markdown", exact=False).first.click()
    site.page.wait_for_timeout(1500)
    site.shoot("4-a-table-or-plot")


def test_three_days_are_filled_back(site: Site) -> None:
    before = {run["runId"] for run in site.runs()}
    site.open("/assets/assistant/predictions?view=overview", "Description")
    site.launch_all("Materialize")
    new = [run for run in site.finished() if run["runId"] not in before]
    assert new and {run["status"] for run in new} == {"SUCCESS"}
    site.open("/assets/assistant/predictions?view=partitions", DAYS[0])
    site.shoot("5-backfill")


def test_planted_bad_data_makes_a_check_fail_with_what_to_do(site: Site) -> None:
    drop(site.workspace, DAYS[2], [{"id": f"bad{number}", "text": "where is my parcel"} for number in range(2)], more="{broken\n" * 30)
    site.open("/assets/assistant/documents?view=overview", "Description")
    site.launch_all("Materialize")
    site.finished()
    site.open("/assets/assistant/documents?view=checks", "few_rejects")
    site.page.get_by_text("few_rejects").first.click()
    site.page.get_by_text("30 of 60 rows rejected").first.wait_for()
    site.shoot("6-failed-check")


def test_a_schedule_that_is_turned_on_ticks(site: Site) -> None:
    site.open("/locations/linnaeus/schedules/assistant_label_schedule", "assistant_label_schedule")
    site.page.locator("label:has(input[type=checkbox])").first.click()
    selector = 'repositoryName: "__repository__", repositoryLocationName: "linnaeus", name: "assistant_label_schedule"'
    ticks = "{ instigationStateOrError(instigationSelector: {" + selector + "}) { ... on InstigationState { status ticks(limit: 5) { status } } } }"
    found = wait_for(lambda: site.ask(ticks)["instigationStateOrError"].get("ticks"), "a tick", 150.0)
    assert found[0]["status"] in {"SUCCESS", "SKIPPED", "STARTED"}
    site.page.wait_for_timeout(3000)
    site.shoot("7-schedule")
    site.page.locator("label:has(input[type=checkbox])").first.click()
    site.finished()


def test_a_run_is_cancelled_and_keeps_what_is_done(site: Site) -> None:
    path = site.workspace / "projects" / "assistant.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("what does the user want the assistant to do", "which part of daily life is it about"))
    before = {run["runId"] for run in site.runs()}
    site.open("/assets/assistant/facets?view=overview", "Description")
    clicked = time.time()
    site.page.get_by_role("button", name="Materialize").first.click()
    (run,) = wait_for(lambda: [one for one in site.runs() if one["runId"] not in before and one["status"] == "STARTED"], "the run", 120.0)
    log.info("from click to a run of one asset: %.1f s", run["startTime"] - clicked)
    site.open(f"/runs/{run['runId']}", "Terminate")
    site.page.wait_for_timeout(3000)  # the model is at work on the question
    site.page.get_by_role("button", name="Terminate").first.click()
    site.page.get_by_role("button", name="Terminate").last.click()
    asked = time.monotonic()
    wait_for(lambda: next(one for one in site.runs() if one["runId"] == run["runId"])["status"] == "CANCELED", "the end of the cancelled run", 30.0)
    took = time.monotonic() - asked
    log.info("cancelled in %.1f s", took)
    site.page.wait_for_timeout(2000)
    site.shoot("8-cancelled")
    assert took < 10.0
