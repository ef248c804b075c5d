"""The report is one page that needs nothing else, shows every text as text, and says of what is missing how to get it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.report import Confusion, Contents, Example, FacetPart, Mistake, TieBreaker, render_report
from pipeline.report.metric_names import METRICS, metric
from pipeline.report.parts import balance, bars, grid, metric_rows
from pipeline.report.words import duration, evidence_words, per_cent
from pipeline.settings import load_project
from pipeline.stages import Session
from pipeline.stages.forgetting import find, forget
from pipeline.stages.report import report, write_report
from tests.reported import branch, contents, everything, figure
from tests.tiny import write_project

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = "</style><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)> {{ 7*7 }} &amp; \" ' `"
SECTIONS = ("verdict", "categories", "quality", "probabilities", "confusions", "mistakes", "drift", "cost", "data", "provenance")


class Page(HTMLParser):
    """Reads a page: its tags with their attributes, its text, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open, self.crossed = "", list[str](), list[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and not self.rawdata[self.rawdata.find("<") :].startswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["title"]):
            self.text += data


def page_of(told: Contents) -> Page:
    page = Page(render_report(told))
    assert page.crossed == []
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert [one for one in ids if one in SECTIONS] == list(SECTIONS)
    assert {attrs["href"] for tag, attrs in page.tags if tag == "a"} == {f"#{name}" for name in SECTIONS}
    return page


BARE = contents(branches=(), labelled_by={}, curves=())
MANY = tuple(branch(f"Category number {place} with a rather long name that goes on", 1000 - place) for place in range(150))
WRONG = Mistake("teacher", "label_wrong", HOSTILE, "Refunds", HOSTILE, 0.8, 0.9, "{}")


@pytest.mark.parametrize(
    "told",
    [
        everything(), contents(), BARE, contents(branches=(branch("Only", 10),)), contents(branches=MANY),
        replace(everything(), facets=(FacetPart("urgency", "how urgent", (branch("Now", 3), branch("Later", 0))),)),
        replace(everything(), mistakes=(WRONG,), mistake_kinds={"label_wrong": 1, "odd": 2}, tie_breakers=(TieBreaker("a", "b", 1, 2, HOSTILE),)),
        contents(branches=(branch("x" * 300, 3, examples=(Example("y" * 4000, 1.0, "human"),)),)),
        contents(figure(0.0, 0.0, 0.0, n=0), figure(-0.2, -0.4, 0.1, metric="ari"), figure(7.0, None, None, metric="k_error")),
        contents(truth="gold", confusions=tuple(Confusion(f"a{x}", f"b{y}", 1) for x in range(40) for y in range(40))),
    ],
)  # fmt: skip
def test_whatever_is_there_or_missing_makes_a_whole_page(told: Contents) -> None:
    page = page_of(told)
    assert not re.search(r"\b(None|nan|inf)\b", page.text)
    assert page.text.count("\n") > 20


def test_a_text_is_shown_as_text_wherever_it_comes_from() -> None:
    named = branch(HOSTILE, 5, description=HOSTILE, examples=(Example(HOSTILE, 0.5, "student"),))
    told = replace(
        everything(), project="shop", use_case=HOSTILE, branches=(named,), facets=(FacetPart("f", HOSTILE, (named,)),), mistakes=(WRONG,),
        confusions=(Confusion(HOSTILE, HOSTILE, 3), Confusion(HOSTILE, "", 3)), tie_breakers=(TieBreaker(HOSTILE, "b", 1, 2, HOSTILE),),
        figures=(figure(0.5, 0.4, 0.6, judge=HOSTILE), figure(0.1, 0.0, 0.2, slice_=f"a={HOSTILE}"), figure(0.1, metric=HOSTILE, subject=HOSTILE)),
        drift=[replace(part, part=HOSTILE) for part in everything().drift],
        nutrition=replace(everything().nutrition, licence=HOSTILE, limits=HOSTILE, sources=(HOSTILE,), languages={HOSTILE: 1}, rejected={HOSTILE: 1}),
    )  # fmt: skip
    page = page_of(told)
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & {tag for tag, _ in page.tags}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert [tag for tag, _ in page.tags].count("style") == 1
    assert "{{ 7*7 }}" in page.text
    assert "49" not in re.findall(r"alert\(2\)> (\S+)", page.text)


def test_the_page_asks_for_nothing() -> None:
    html = render_report(everything())
    assert "default-src 'none'" in html
    named = [(name, attrs[name] or "") for _, attrs in Page(html).tags for name in attrs]
    assert [pair for pair in named if pair[0] in {"src", "srcset", "action", "data"} or (pair[0] == "href" and pair[1][:1] != "#")] == []
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        (BARE, "linnaeus run shop"),
        (contents(), "corpus.gold"),
        (contents(), "evaluation: {slices: [language]}"),
        (contents(), "corpus.licence"),
        (contents(), "corpus.detect_language"),
        (contents(), "Parts come of partitions".lower()),
    ],
)
def test_what_is_missing_says_how_to_get_it(told: Contents, hint: str) -> None:
    assert hint in " ".join(page_of(told).text.split())


def test_figures_stand_with_interval_n_and_judge_and_baselines_after_the_labels() -> None:
    told = contents(figure(0.5, 0.45, 0.55, subject="majority"), figure(0.9, 0.86, 0.93), figure(0.8, 0.7, 0.9, metric="macro_f1", n=1234))
    first, second = metric_rows(told)
    assert [line.subject for line in first.lines] == ["Student", "Always the largest"]
    assert (first.lines[0].value, first.lines[0].ends, first.lines[0].judge) == ("90.0 %", "86.0 to 93.0", "gold labels")
    assert second.lines[0].n == 1234
    assert "1,234" in page_of(told).text


def test_a_metric_that_nobody_has_named_bears_its_own_name() -> None:
    assert metric("brand_new").title == "Brand new"
    assert metric("gain_over_tfidf").title == "Gain over: tf-idf student"
    assert metric("agreement_gain_over_majority").title == "Agreement: gain over: always the largest"
    assert metric("accuracy_much_worse").title == "Accuracy, matched: much worse"
    assert metric("mcnemar_p_random").title == "McNemar's p: at random"
    assert all(known.asks.endswith((".", "?")) and known.title for known in METRICS.values())


def test_confusions_stand_on_the_diagonal_where_names_differ() -> None:
    found = grid(
        contents(
            confusions=(Confusion("money", "B", 9), Confusion("money", "A", 1), Confusion("post", "A", 8), Confusion("post", "", 2)), truth="gold"
        )
    )
    assert found is not None
    assert [name for name, *_ in found.rows] == ["money", "post"]
    assert list(found.columns) == ["B", "A", "(none)"]
    assert [[kind for *_, kind in cells] for *_, cells in found.rows] == [["hit", "wrong", "wrong"], ["wrong", "hit", "wrong"]]
    assert (found.right, found.n) == (17, 20)


def test_a_branch_counts_what_lies_below_it() -> None:
    tree = (branch("Money", 1, is_leaf=False), branch("Refunds", 6, depth=1), branch("Fees", 3, depth=1), branch("Parcels", 10))
    assert [round(share, 2) for _, share, _ in bars(tree)] == [0.5, 0.3, 0.15, 0.5]


@pytest.mark.parametrize(("counts", "even"), [([5, 5], 1.0), ([10, 0], 0.0), ([3], None), ([], None), ([0, 0], None)])
def test_balance_is_one_where_all_are_alike(counts: list[int], even: float | None) -> None:
    assert balance(counts) == (None if even is None else pytest.approx(even))


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100 %"), (0.0, "0 %"), (0.9999, ">99.9 %"), (0.0001, "<0.1 %"), (0.5, "50.0 %"), (0.123, "12.3 %")]
)
def test_all_and_none_are_said_only_where_they_are(share: float, text: str) -> None:
    assert per_cent(share) == text


def test_a_time_is_written_as_one_reads_it() -> None:
    assert [duration(seconds) for seconds in (1.5, 600, 7200, 900_000, 1e9)] == ["1.5 s", "10.0 min", "2.0 h", "10.4 days", "31.7 years"]


def test_the_report_of_a_run_says_what_the_tables_say(finished_session: Session, tmp_path: Path) -> None:
    size = write_report(finished_session.store, finished_session.project, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert size == (tmp_path / "page.html").stat().st_size < 200_000
    text = " ".join(page.text.split())
    assert "120 documents bear one of 4 categories" in text
    for name in ("Late Parcels", "Refunds and Invoices", "k-means, named", "the teacher", "tiny.jsonl (120)", "hashed-words@1", "eval:"):
        assert name in text
    evaluations = finished_session.store.evaluations()
    assert text.count("gold labels") >= len({(one.subject, one.metric) for one in evaluations if one.judge == "gold labels"})


def test_the_stage_writes_the_page_once_and_asks_no_model(copied: Path, workspace: Path) -> None:
    project = load_project(write_project(workspace))
    for expected in (1, 0):
        with Session(project, folder=copied, run_id=f"run-{expected}") as session:  # without a chat: a question would start a server
            assert report(session) == (expected, 1)
    first = (copied / "report.html").read_bytes()
    with Session(project.model_copy(update={"use_case": "who writes"}), folder=copied) as session:
        assert report(session) == (1, 1)
    assert (copied / "report.html").read_bytes() != first
    assert sorted(path.name for path in copied.glob("*.part*")) == []


def test_a_store_without_the_rows_of_a_run_has_a_report(make_project: object, tmp_path: Path) -> None:
    project = make_project()  # type: ignore[operator]
    with Session(project, folder=tmp_path / "empty") as session:
        assert report(session) == (1, 1)
    assert "No document has a label yet" in (tmp_path / "empty" / "report.html").read_text(encoding="utf-8")


def test_a_page_that_quotes_goes_with_what_is_forgotten(copied: Path, workspace: Path) -> None:
    with Session(load_project(write_project(workspace)), folder=copied) as session:
        report(session)
        (doc_id,) = session.store.rows("select doc_id from documents limit 1")[0]
        forget(session.store, find(session.store, ids=[doc_id]))
        assert not (copied / "report.html").exists()
        assert report(session) == (1, 1)
        assert session.store.rows("select path, bytes from reports") == [("report.html", (copied / "report.html").stat().st_size)]


def test_the_evidence_of_a_mistake_is_what_documents_like_it_are_known_as() -> None:
    near = [["text:a", "cooking"], ["text:b", "takeaway"], ["text:c", "cooking"]]
    assert evidence_words(json.dumps({"neighbours": near})) == "2 of the 3 most alike are known as “cooking”"
    assert evidence_words("") == evidence_words('{"votes": []}') == ""
