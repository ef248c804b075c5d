"""Each kind of mistake is told from the others by planted cases, and pairs are confused only where chance does not explain it."""

from typing import Any

import pytest

from pipeline.evaluation import GoldDoubt, Witness, confused_pairs, gold_categories, sort_mistakes
from pipeline.mistake_records import Mistake

NAMES = {"c1": "One", "c2": "Two", "c3": "Three"}
RIGHT = GoldDoubt(0.97, False, "One", 0.9, [("x", "One")] * 5)  # gold says One, and all agree


def sort_one(witness: Witness, doubt: GoldDoubt = RIGHT, *, student: str | None = "c2", gold: str = "One", words: int = 12) -> Mistake:
    (found,) = sort_mistakes(
        "teacher", {"t": witness}, others={"student": {"t": Witness(student, 0.9)}} if student else {}, gold={"t": gold, "u": "Two", "v": "Three"},
        doubts={"t": doubt}, names=NAMES, words={"t": words}, evaluation_id="eval:1",
    )  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("gold wrong", {"witness": Witness("c2", 0.9), "doubt": GoldDoubt(0.03, True, "Two", 0.9, [("x", "Two")] * 5)}),
        ("gold wrong", {"witness": Witness("c2", 0.9), "doubt": GoldDoubt(0.03, True, "Three", 0.4, [("x", "Two")] * 3 + [("y", "One")] * 2)}),
        ("several right", {"witness": Witness("c2", 0.5, {"c2": 0.5, "c1": 0.4})}),
        ("several right", {"witness": Witness("c2", 0.9, also=("c1",))}),
        ("several right", {"witness": Witness("c3", 0.9), "gold": '["One","Two"]'}),
        ("document unclear", {"witness": Witness("c2", 0.4), "words": 2}),
        ("document unclear", {"witness": Witness("c2", 0.3), "doubt": GoldDoubt(0.6, False, "Three", 0.35, [])}),
        ("model slip", {"witness": Witness("c2", 0.4, {"c2": 0.4, "c1": 0.1})}),
        ("model slip", {"witness": Witness("c2", 0.9, votes=("c1",))}),
        ("label wrong", {"witness": Witness("c2", 0.95)}),
        ("label wrong", {"witness": Witness("c2", 0.95), "words": 2}),
        ("label wrong", {"witness": Witness("c2", 0.95), "student": "c1"}),
        ("label wrong", {"witness": Witness("c2", 0.9), "doubt": GoldDoubt(0.03, True, "Three", 0.9, [("x", "Three")] * 5)}),
        ("document unclear", {"witness": Witness(None, None), "doubt": GoldDoubt(0.9, False, "One", 0.4, [])}),
    ],
)
def test_the_first_rule_that_holds_says_the_kind(kind: str, parts: dict[str, Any]) -> None:
    found = sort_one(**parts)
    assert found.kind == kind
    assert {"probability", "gold_probability", "others", "votes", "neighbours", "gold_quality", "expected"} <= set(found.evidence)


def test_a_right_label_is_no_mistake_and_one_of_several_gold_labels_is_right() -> None:
    said = {"t": Witness("c1", 0.9), "u": Witness("c2", 0.9)}
    found = sort_mistakes(
        "student", said, others={}, gold={"t": "One", "u": '["One","Two"]', "v": "Three"}, doubts={}, names=NAMES, words={}, evaluation_id="eval:1"
    )
    assert found == []


def test_planted_wrong_gold_is_ranked_before_plain_mistakes() -> None:
    gold = dict.fromkeys(("a", "b", "c"), "One") | {"x": "Two", "y": "Three"}
    doubts = {"a": RIGHT, "b": GoldDoubt(0.01, True, "Two", 0.95, [("n", "Two")] * 5), "c": RIGHT}
    said = {"a": Witness("c2", 0.6), "b": Witness("c2", 0.9), "c": Witness("c2", 0.8)}
    found = sort_mistakes("teacher", said, others={}, gold=gold, doubts=doubts, names=NAMES, words={}, evaluation_id="eval:1")
    assert [(one.text_hash, one.kind, one.rank) for one in found] == [("b", "gold wrong", 1), ("c", "label wrong", 2), ("a", "label wrong", 3)]
    assert found[0].suspicion == pytest.approx(0.99)


def confused(one_way: int, other_way: int) -> dict[str, tuple[str, str]]:
    """Give label and right category: 60 texts of each of three categories, of which the first two are taken for one another."""
    found: dict[str, tuple[str, str]] = {}
    for truth, other, wrong in (("c1", "c2", one_way), ("c2", "c1", other_way), ("c3", "c1", 1)):
        found |= {f"{truth}-{n:02}": (other if n < wrong else truth, truth) for n in range(60)}
    return found


def pairs_of(rows: dict[str, tuple[str, str]]) -> dict[tuple[str, str], Any]:
    found = confused_pairs({text: row[0] for text, row in rows.items()}, {text: row[1] for text, row in rows.items()})
    return {(pair.category_id, pair.other_id): pair for pair in found}


def test_a_planted_pair_is_found_first_with_the_texts_that_show_it() -> None:
    found = pairs_of(confused(12, 9))
    pair = found["c1", "c2"]
    assert next(iter(found)) == ("c1", "c2")
    assert (pair.confusions, pair.n, pair.both_ways, len(pair.texts)) == (21, 120, True, 21)
    assert not found["c1", "c3"].clear


def test_a_pair_that_is_confused_one_way_has_no_unclear_definition() -> None:
    assert not pairs_of(confused(15, 0))["c1", "c2"].clear


def test_labels_by_lot_confuse_no_pair_more_than_chance() -> None:
    import numpy as np

    random, ids = np.random.default_rng(5), [f"c{n}" for n in range(8)]
    rows = {f"t{n}": (str(random.choice(ids)), ids[n % 8]) for n in range(800)}
    found = pairs_of(rows).values()
    assert sum(pair.clear for pair in found) <= 1
    assert sum(pair.confusions for pair in found) == sum(label != truth for label, truth in rows.values())


def test_where_a_pair_is_unclear_its_mistakes_are_of_the_definition() -> None:
    rows = confused(25, 22) | {f"d{n}": ("c4", "c4") for n in range(40)} | {f"e{n}": ("c3" if n < 20 else "c5", "c5") for n in range(40)}
    names = NAMES | {"c4": "Four", "c5": "Five"}
    gold = {text: names[truth] for text, (_, truth) in rows.items()}
    said = {text: Witness(label, 0.95) for text, (label, _) in rows.items()}
    found = sort_mistakes("teacher", said, others={}, gold=gold, doubts={}, names=names, words={}, evaluation_id="eval:1")
    kinds = {one.text_hash: one.kind for one in found}
    assert kinds["c1-00"] == kinds["c2-00"] == "definition unclear"
    assert kinds["e0"] == "label wrong"


def test_gold_names_that_are_no_categories_are_matched_and_a_coarser_taxonomy_makes_no_mistakes_by_that() -> None:
    labels: dict[str, str | None] = {f"t{n}": "k1" if n < 20 else "k2" for n in range(30)}
    gold = {f"t{n}": "alarm" if n < 9 else "clock" if n < 20 else "music" for n in range(30)}
    stands_for = gold_categories(labels, gold, {"k1": "Time", "k2": "Songs"})
    assert stands_for == {"alarm": ("k1",), "clock": ("k1",), "music": ("k2",)}
    found = sort_mistakes(
        "teacher", {text: Witness(label, 0.9) for text, label in labels.items()}, others={}, gold=gold, doubts={},
        names={"k1": "Time", "k2": "Songs"}, words={}, evaluation_id="eval:1",
    )  # fmt: skip
    assert found == []


def test_a_finer_taxonomy_than_gold_makes_no_mistakes_by_that() -> None:
    labels: dict[str, str | None] = {f"t{n}": "k1" if n < 12 else "k2" if n < 20 else "k3" for n in range(40)}
    gold = {f"t{n}": "iot" if n < 19 else "music" for n in range(40)}
    assert gold_categories(labels, gold, {})["iot"] == ("k1", "k2"), "lights and coffee are both of the house"
    said = {text: Witness(label, 0.9) for text, label in labels.items()}
    found = sort_mistakes("teacher", said, others={}, gold=gold, doubts={}, names={}, words={}, evaluation_id="eval:1")
    assert [one.text_hash for one in found] == ["t19"]
