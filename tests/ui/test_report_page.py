"""The report in a browser: nothing leaves, nothing overflows, everything can be read, and it prints."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import Confusion, Example, Mistake, render_report
from pipeline.settings import load_project
from pipeline.stages.report import write_report
from pipeline.store import Store
from tests.reported import branch, contents, everything, figure
from tests.tiny import run_all, tiny_rows, tiny_session, write_project

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = os.environ.get("LINNAEUS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.ui, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; LINNAEUS_CHROMIUM names one")]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
LARGEST = 3_000_000
PHONE, DESK = 360, 1280
Open = Callable[..., Any]
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
PAGES = {
    "everything": everything(),
    "bare": contents(branches=(), labelled_by={}),
    "long": replace(
        everything(), project="p" * 40, use_case=LONG, branches=(branch(LONG, 9, description=LONG, examples=(Example(LONG * 4, 0.5, "student"),)),),
        confusions=tuple(Confusion(f"{LONG}{row}", f"{LONG}{column}", row + column) for row in range(30) for column in range(30)),
        mistakes=(Mistake("teacher", "label wrong", LONG, LONG, LONG, 0.5, 0.5),), figures=(figure(0.5, 0.4, 0.6, judge=LONG, slice_=LONG),),
    ),
    "arabic": replace(everything(), use_case="ما موضوع الرسالة", branches=tuple(branch(f"تصنيف {place}", place) for place in range(1, 150))),
}  # fmt: skip
# Each text that is seen, with its colour and that of what lies behind it, by the formula of WCAG 2.
CONTRAST = """
() => {
  const parsed = text => {
    const found = text.match(/color\\(srgb ([\\d.]+) ([\\d.]+) ([\\d.]+)(?: \\/ ([\\d.]+))?\\)/);
    if (found) return [255 * found[1], 255 * found[2], 255 * found[3], found[4] === undefined ? 1 : +found[4]];
    const parts = text.match(/[\\d.]+/g).map(Number);
    return [parts[0], parts[1], parts[2], parts[3] === undefined ? 1 : parts[3]];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(part => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return [255, 255, 255, 1];
  };
  const worst = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.getClientRects().length || element.closest("title")) continue;
    const style = getComputedStyle(element);
    const ink = parsed(element.closest("svg") ? style.fill : style.color);
    if (ink[3] < 0.01) continue;  // a cell of zero says nothing
    const [one, two] = [light(ink), light(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) worst.push([ratio.toFixed(2), element.outerHTML.slice(0, 90)]);
  }
  return worst;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a page of some width and colour scheme, and note what it asks for and complains of."""
    contexts = []

    def opening(html: str, *, width: int = DESK, scheme: str = "light") -> tuple[Any, list[str]]:
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme))
        page, noted = contexts[-1].new_page(), list[str]()
        page.on("console", lambda message: noted.append(message.text))
        page.on("pageerror", lambda error: noted.append(str(error)))
        page.on("request", lambda request: noted.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        return page, noted

    yield opening
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", list(PAGES))
def test_nothing_leaves_and_nothing_overflows(name: str, width: int, open_page: Open) -> None:
    page, noted = open_page(render_report(PAGES[name]), width=width)
    assert noted == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = "[...document.querySelectorAll('section, h1, h2, h3, p, li, dd, summary, figure')]"
    assert page.evaluate(f"{inside}.filter(one => one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.outerHTML.slice(0, 80))") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["everything", "bare", "long"])
def test_every_text_stands_out_by_light_and_by_dark(name: str, scheme: str, open_page: Open) -> None:
    page, _ = open_page(render_report(PAGES[name]), scheme=scheme)
    assert page.evaluate(CONTRAST) == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(251, 251, 249)"
    assert dark == (scheme == "dark")


def test_pictures_say_what_they_show(open_page: Open) -> None:
    page, _ = open_page(render_report(PAGES["everything"]))
    told = page.evaluate("[...document.querySelectorAll('svg[role=img]')].map(one => one.getAttribute('aria-label'))")
    assert len(told) == 5
    assert all(len(one) > 20 for one in told)


def test_it_prints(open_page: Open, tmp_path: Path) -> None:
    page, _ = open_page(render_report(PAGES["everything"]))
    printed = page.pdf(path=str(tmp_path / "page.pdf"), format="A4")
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page/") + printed.count(b"/Type /Page ") >= 1


def test_the_page_of_ten_thousand_documents_is_small(tmp_path: Path, open_page: Open) -> None:
    rows = [row | {"id": f"{row['id']}-{copy}", "text": f"{row['text']} number {copy}"} for copy in range(84) for row in tiny_rows()]
    project = load_project(write_project(tmp_path, rows))
    with tiny_session(project, tmp_path / "state") as session:
        run_all(session, until="report")
        session.store.publish()
    size = write_report(Store.open(tmp_path / "state"), project, tmp_path / "big.html")
    assert len(rows) > 10_000
    assert size < LARGEST
    page, noted = open_page((tmp_path / "big.html").read_text(encoding="utf-8"), width=PHONE)
    assert noted == []
    assert "10,080" in page.inner_text("header")
