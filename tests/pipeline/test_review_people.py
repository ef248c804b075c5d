"""What people's answers prove: known kappas come back, evaluation stays apart from teaching, and differences can be settled."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluation.agreement import agreement_figures
from pipeline.evaluation.people import consensus, differing
from pipeline.evaluation.review_estimate import matched_share
from pipeline.review_records import Rating
from pipeline.stages import Session, open_session, run_stage
from pipeline.stages.known import known_labels
from pipeline.stages.people import look_at_people
from pipeline.stages.reviews import PEOPLE
from tests.reviewed import Review, erring, read_sheet, topic_label, write_sheet
from tests.tiny import NAMES

RATES = {"anna": 0.05, "ben": 0.15, "carla": 0.3}


@pytest.fixture(name="review")
def _review(at_home: Path) -> Review:
    return Review(at_home)


@pytest.fixture(name="session")
def _session(review: Review) -> Iterator[Session]:
    with open_session(review.project) as session:
        yield session


def expected_kappa(one: float, other: float, shares: Mapping[str, float]) -> float:
    """Give Cohen's kappa of two raters who err at known rates, evenly over the other labels, by the shares of the right labels."""
    others = len(shares) - 1
    agreed = (1 - one) * (1 - other) + one * other / others
    said = [[share * (1 - rate) + (1 - share) * rate / others for share in shares.values()] for rate in (one, other)]
    chance = sum(a * b for a, b in zip(*said, strict=True))
    return (agreed - chance) / (1 - chance)


def present(review: Review) -> Any:
    return review.store.taxonomy(review.store.current("taxonomy_id") or "")


def test_raters_who_err_at_known_rates_give_the_kappas_that_follow(review: Review) -> None:
    with review.store.writer() as connection:  # four topics only, so that errors are even over all answers
        connection.execute("update documents set active = false where split_part(doc_id, '-', 1) not in ('delivery', 'payment', 'account', 'store')")
    review.whole(RATES, count=110)
    found = look_at_people(review.store, review.project, present(review))
    texts = {item.text_hash: item.doc_id for item in review.store.review_items(found.people.sheets[0].sheet_id)}
    right = [doc_id.split("-")[0] for doc_id in texts.values()]
    shares = {topic: right.count(topic) / len(right) for topic in NAMES}
    said: dict[str, dict[str, str | None]] = {}
    for one in found.people.ratings:
        said.setdefault(one.rater, {})[one.text_hash] = one.category_id
    wanted = []
    for pair in combinations(RATES, 2):
        wanted.append(expected_kappa(RATES[pair[0]], RATES[pair[1]], shares))
        figures = {one.metric: one.figure for one in agreement_figures({rater: said[rater] for rater in pair}, resamples=500, seed=1)}
        assert figures["cohen_kappa"].low <= wanted[-1] <= figures["cohen_kappa"].high, pair
    together = {one.metric: one.figure for one in found.agreement}
    assert together["cohen_kappa"].low <= sum(wanted) / 3 <= together["cohen_kappa"].high
    assert together["cohen_kappa"].n == len(texts) == 110
    assert {one.label for one in found.by_label} == set(NAMES.values())
    flags = dict(
        review.store.rows("select settings ->> 'name', flag from annotator_quality join annotators using (annotator_id) where kind = 'human'")
    )
    assert flags["anna"] == flags["ben"] == ""
    assert flags["carla"].startswith("agrees with the others less than they do among themselves")


def test_a_rater_who_always_says_the_same_is_flagged_and_not_refused(review: Review) -> None:
    made = review.write(raters=("anna", "ben", "carla"), count=40)
    for rater, path in zip(RATES, made.files, strict=False):
        review.fill(path, (lambda _: "Late Parcels") if rater == "ben" else topic_label)
    assert [one.refused for one in review.take(*made.files[:3]).files] == [{}, {}, {}]
    flags = dict(
        review.store.rows("select settings ->> 'name', flag from annotator_quality join annotators using (annotator_id) where kind = 'human'")
    )
    assert flags == {"anna": "", "ben": "always says 'Late Parcels'", "carla": ""}


def test_what_measures_does_not_teach_and_what_teaches_does_not_measure(review: Review, session: Session) -> None:
    sheet = review.write("measure.csv", raters=("anna",), count=30)
    review.fill(sheet.files[0])
    review.take(sheet.files[0])
    measuring = {item.text_hash for item in review.store.review_items(sheet.sheet.sheet_id)}
    assert not measuring & known_labels(session, present(review)).keys()
    queue = review.write("teach.csv", raters=("anna",), source="review_queue", count=25)
    review.fill(queue.files[0])
    review.take(queue.files[0])
    teaching = {item.text_hash for item in review.store.review_items(queue.sheet.sheet_id)}
    known = known_labels(session, present(review))
    assert teaching <= known.keys()
    assert not measuring & known.keys()
    found = look_at_people(review.store, review.project, present(review))
    assert found.sheet is not None
    assert found.sheet.sheet_id == sheet.sheet.sheet_id
    assert {one.figure.n for one in found.findings if (one.subject, one.metric) == ("labels", "exact_accuracy")} == {30}
    assert not {item.text_hash for item in review.store.review_items(review.write("again.csv", count=95).sheet.sheet_id)} & teaching


def test_known_gold_of_a_document_that_measures_teaches_nothing_either(review: Review, session: Session) -> None:
    """The tiny corpus knows its topics by other names; under these names its gold labels would be known."""
    with review.store.writer() as connection:
        for topic, name in NAMES.items():
            connection.execute("update documents set gold = ? where gold = ?", [name, topic])
        connection.execute("update documents set gold = null where gold not in (select unnest(?))", [list(NAMES.values())])
    before = known_labels(session, present(review))
    assert before
    review.write(count=60)
    after = known_labels(session, present(review))
    assert after.keys() == before.keys() - review.store.reserved_texts() != before.keys()


def test_an_evaluation_tells_what_people_say_and_is_made_once(review: Review, session: Session) -> None:
    run_stage("evaluation", session)
    sheet = review.write(raters=("anna", "ben"), count=40)
    for path in sheet.files[:2]:
        review.fill(path)
    review.take(*sheet.files[:2])
    assert run_stage("evaluation", session).made > 0
    rows = review.store.rows("select subject, metric, slice, value, low, high, n, judge from evaluations where judge = 'people (2 raters)'")
    figures = {row[:3]: row[3:] for row in rows}
    value, low, high, n, _ = figures["student", "exact_accuracy", "people"]
    assert low <= value <= high
    assert n == 40
    assert {"labels", "teacher", "student", "baseline", "raters"} == {subject for subject, _, _ in figures}
    assert figures["raters", "raw_agreement", "all"][0] == 1.0
    assert ("raters", "fleiss_kappa", "label=Late Parcels") in figures
    assert run_stage("evaluation", session).made == 0


def test_the_weighted_accuracy_is_that_of_the_corpus(review: Review) -> None:
    """With everything on the sheet it is the very share, and with a part of it the interval holds it."""
    truth = [
        (category or "None of these") == topic_label({"document": doc_id})
        for doc_id, category in review.store.rows("select doc_id, category from labelled_documents")
    ]
    figures = {}
    for count in (60, 120):
        sheet = review.write(raters=("anna",), count=count).files[0]
        review.fill(sheet)
        review.take(sheet)
        found = look_at_people(review.store, review.project, present(review)).findings
        figures[count] = next(one.figure for one in found if (one.subject, one.metric) == ("labels", "exact_accuracy"))
    assert figures[60].low <= sum(truth) / len(truth) <= figures[60].high
    assert figures[120].value == pytest.approx(sum(truth) / len(truth))
    assert figures[120].low == figures[120].high


def test_a_larger_sheet_asks_only_for_what_is_new(review: Review) -> None:
    first = review.write("a.csv", raters=("anna",), count=30)
    review.fill(first.files[0])
    review.take(first.files[0])
    second = review.write("b.csv", raters=("anna",), count=50)
    assert (second.sheet.size, second.answered, second.rows) == (50, 30, {"anna": 20})
    asked = [{row["document"] for row in read_sheet(made.files[0])} for made in (first, second)]
    assert not asked[0] & asked[1]


def test_differences_are_settled_on_a_sheet_of_their_own(review: Review) -> None:
    made = review.write(raters=("anna", "ben"), count=40)
    for rater, path in zip(("anna", "ben"), made.files, strict=False):
        review.fill(path, erring(0.4 if rater == "ben" else 0.0, rater))
    review.take(*made.files[:2])
    before = look_at_people(review.store, review.project, present(review))
    open_ones = differing(before.people.verdicts)
    assert open_ones
    assert not any(before.people.verdicts[text].decided for text in open_ones), "two raters who differ have no majority"
    sheet = review.write("settle.csv", adjudicate=True, raters=("carla",))
    rows = read_sheet(sheet.files[0])
    assert len(rows) == len(open_ones)
    assert all(row["answers"].count("(1)") == 2 and not any(rater in row["answers"] for rater in ("anna", "ben")) for row in rows)
    review.fill(sheet.files[0])
    review.take(sheet.files[0])
    after = look_at_people(review.store, review.project, present(review))
    assert all(one.decided for one in after.people.verdicts.values())
    assert sum(one.adjudicated for one in after.people.verdicts.values()) == len(open_ones)
    assert [one.figure for one in after.agreement] == [one.figure for one in before.agreement], "who settles is no rater"
    people = {
        doc_id: category for doc_id, category in review.store.rows("select doc_id, category from labelled_documents where labelled_by = 'human'")
    }
    assert all((people[row["document"]] or "None of these") == topic_label(row) for row in rows)


def rating(text: str, rater: str, category: str | None, *also: str) -> Rating:
    return Rating("sheet:1", text, rater, category, also, "", 1, "f", "s")


def test_the_consensus_is_what_more_say_than_anything_else() -> None:
    said = [rating("t1", rater, category) for rater, category in (("a", "x"), ("b", "x"), ("c", "y"))]
    said += [rating("t2", rater, category) for rater, category in (("a", "x"), ("b", None), ("c", "y"))]
    said += [rating("t3", rater, None) for rater in "abc"] + [rating("t4", "a", "x", "z"), rating("t4", "b", "z", "x"), rating("t4", "c", "x", "q")]
    found = consensus(said)
    assert [(found[text].category_id, found[text].decided) for text in ("t1", "t2", "t3", "t4")] == [
        ("x", True),
        (None, False),
        (None, True),
        ("x", True),
    ]
    assert found["t4"].also == ("z",)
    assert differing(found) == ["t2", "t1", "t4"]
    settled = consensus(said, [rating("t2", "d", "y")])
    assert (settled["t2"].category_id, settled["t2"].adjudicated) == ("y", True)
    assert differing(settled) == ["t1", "t4"]


def test_people_are_one_voice_however_often_they_are_asked(review: Review) -> None:
    review.whole(RATES, count=40)
    review.whole({"anna": 0.0}, count=60)
    counts = dict(
        review.store.rows("select text_hash, count(*) from labels join annotators using (annotator_id) where kind = 'human' group by text_hash")
    )
    assert set(counts.values()) == {1}
    assert review.store.rows("select count(*) from labels where annotator_id = ?", [PEOPLE.annotator_id]) == [(len(counts),)]


def test_matching_by_weight_is_matching_of_copies() -> None:
    gold, found = ["a", "a", "b", "b"], ["1", "2", "2", None]
    figure = matched_share(gold, found, [3.0, 1.0, 2.0, 1.0], resamples=200, seed=1)
    assert figure.value == pytest.approx(5 / 7)
    assert figure.low <= figure.value <= figure.high


def test_status_shows_where_a_review_stands(review: Review) -> None:
    from tests.test_cli_export import run

    review.whole(RATES, count=40)
    review.write("more.csv", raters=("dora",), count=50)
    said = run("review", "status", "tiny")
    assert said.exit_code == 0, said.output
    for part in ("40 of 40", "0 of 50", "cohen kappa", "Late Parcels", "carla", "people (3 raters)"):
        assert part in said.output, part


def test_an_import_is_told_file_by_file(review: Review) -> None:
    from tests.test_cli_export import run

    sheet = review.write(raters=("anna",), count=20).files[0]
    rows = review.fill(sheet)
    write_sheet(sheet, [rows[0] | {"label": "Parcels"}, rows[1] | {"label": ""}, *rows[2:15]])
    said = run("review", "import", "tiny", str(sheet))
    assert said.exit_code == 0, said.output
    assert "there is no category 'Parcels'; the nearest names are 'Late Parcels'" in said.output
    assert "anna has 7 rows of sheet:" in said.output
    assert "13 answers are new or changed." in said.output
