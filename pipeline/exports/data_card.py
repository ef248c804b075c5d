"""The data card of a `datasets` folder: what is in it, who labelled it, how good that is and where it ends, in Markdown with YAML on top."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.exports.dataset_folder import Written
from pipeline.exports.subject import Subject
from pipeline.markdown import escape_markdown, markdown_table
from pipeline.records import Evaluation

__all__ = ["Labeller", "Provenance", "data_card", "size_category"]

CODE = re.compile(r"^[a-z]{2,3}(?=$|-)")  # ISO 639
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"), (10**8, "10M<n<100M"))
FEW = 10  # documents of a category, below which it is named as a limit
NAMED = 12  # categories named in a sentence at most
WHOLE = frozenset({"all", "held_out", "sample"})  # slices of figures that are about the whole


@dataclass(frozen=True)
class Labeller:
    """Who gave labels of one kind: a model, a student, people."""

    kind: str  # as in `labelled_by`
    who: str  # a name with its version, short
    more: str = ""  # what else is to be said of it
    prompt: str | None = None  # fingerprint


@dataclass(frozen=True)
class Provenance:
    """Where the labels come from and how they were measured, as far as it is known."""

    labellers: Sequence[Labeller] = ()
    figures: Sequence[Evaluation] = ()
    last_run: str | None = None  # day of the last run, UTC
    uncalibrated: bool = False  # whether the model's probabilities were fitted on no known label
    test_share: float = 0.0
    seed: int = 0
    license: str | None = None


def data_card(subject: Subject, names: Mapping[str, str], written: Written, provenance: Provenance) -> str:
    """Write the card of a folder."""
    parts = [
        ["---", yaml.safe_dump(_front(subject, written, provenance), sort_keys=False, allow_unicode=True, width=150).rstrip(), "---"],
        _opening(subject, written, provenance),
        _labels(subject, names, written),
        _labellers(written, provenance),
        _figures(provenance),
        ["## Limits", "", *(f"- {escape_markdown(one)}" for one in _limits(names, written, provenance))],
        ["## Load it", "", "```python", "from datasets import load_dataset", "", 'dataset = load_dataset("path/of/this/folder")', "```"],
    ]  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def size_category(rows: int) -> str:
    """Name the class of a data set's size."""
    return next((name for most, name in SIZES if rows < most), "100M<n<1B")


def _front(subject: Subject, written: Written, provenance: Provenance) -> dict[str, Any]:
    """Say what programs read of a card; what is not known is left out, but for the licence."""
    codes = {found[0] for language in written.languages if (found := CODE.match(language.lower()))}
    by_people = written.labelled_by["human"] > 0
    by_machine = any(count for by, count in written.labelled_by.items() if by not in {None, "human"})
    return {
        **({"language": sorted(codes)} if codes else {}),
        "license": provenance.license or "unknown",
        "annotations_creators": ["machine-generated"] * by_machine + ["expert-generated"] * by_people or ["no-annotation"],
        "task_categories": ["text-classification"],
        "size_categories": [size_category(sum(written.splits.values()))],
        "pretty_name": subject.project if subject.facet == "main" else f"{subject.project}: {subject.facet}",
        "tags": ["linnaeus"],
        "dataset_info": {
            "features": list(written.features),
            "splits": [{"name": split, "num_bytes": written.sizes[split], "num_examples": count} for split, count in written.splits.items()],
        },
        "configs": [
            {"config_name": "default", "data_files": [{"split": split, "path": f"data/{split}.parquet"} for split in written.splits]}
        ],
    }  # fmt: skip


def _opening(subject: Subject, written: Written, provenance: Provenance) -> list[str]:
    said = {
        "taxonomy": subject.taxonomy.taxonomy_id if subject.taxonomy else None,
        "last run of the project": provenance.last_run,
        "documents": ", ".join(f"{split}: {count}" for split, count in written.splits.items()),
        "languages": ", ".join(f"{language}: {count}" for language, count in written.languages.most_common(NAMED)),
        "licence of the texts": provenance.license or "unknown: nobody said it when this was written",
    }
    items = [f"- {name}: {escape_markdown(value)}" for name, value in said.items() if value]
    return [f"# {escape_markdown(subject.project)}", "", f"Each text with the answer to: {escape_markdown(subject.use_case)}", "", *items]


def _labels(subject: Subject, names: Mapping[str, str], written: Written) -> list[str]:
    described = {category.category_id: category.description for category in subject.categories}
    splits = list(written.splits)
    rows = [
        [place, name, described.get(category_id, ""), *(written.labels[split, category_id] for split in splits if split != "unlabelled")]
        for place, (category_id, name) in enumerate(names.items())
    ]
    heads = ["label", "name", "what belongs here", *(split for split in splits if split != "unlabelled")]
    return ["## Labels", "", *markdown_table(heads, rows)] if rows else []


def _labellers(written: Written, provenance: Provenance) -> list[str]:
    known = {one.kind: one for one in provenance.labellers}
    rows = []
    for kind, count in sorted(written.labelled_by.items(), key=lambda pair: -pair[1]):
        one = known.get(kind or "")
        who = f"{one.who} ({one.more})" if one and one.more else one.who if one else ""
        rows.append([kind or "nobody", count, who, one.prompt if one else ""])
    return ["## How it was labelled", "", *markdown_table(["labelled_by", "documents", "who", "prompt"], rows)] if rows else []


def _figures(provenance: Provenance) -> list[str]:
    rows = [
        [one.subject, one.metric, one.slice, f"{one.value:.3f}", _interval(one), one.n, one.judge]
        for one in provenance.figures if one.slice in WHOLE
    ]  # fmt: skip
    heads = ["labels of", "metric", "documents", "value", "95 % interval", "n", "judged by"]
    return ["## Figures", "", *markdown_table(heads, rows)] if rows else []


def _limits(names: Mapping[str, str], written: Written, provenance: Provenance) -> Iterator[str]:
    labelled = sum(count for by, count in written.labelled_by.items() if by is not None)
    people = written.labelled_by["human"]
    yield f"People gave {people} of {labelled} labels; machines gave the others, and nobody has looked at them all."
    if not any(one.metric in {"accuracy", "exact_accuracy"} for one in provenance.figures):
        yield "No figure compares these labels with known ones: how often they are right is not known."
    if provenance.uncalibrated:
        yield "The probabilities of the model were fitted on no known label: take them as an order, not as shares that are right."
    if written.splits.get("test"):
        yield (
            f"About {provenance.test_share:.0%} of the documents are in the split test, by a hash of what near copies have in common and the seed"
            f" {provenance.seed}. Its labels come from the same hands as those of train: a score on them says how well a model copies"
            " these labels, not how often it is right."
        )
    if missing := written.splits.get("unlabelled"):
        yield f"{missing} documents have no label; they are in the split unlabelled."
    counts = {one: sum(count for (_, category), count in written.labels.items() if category == one) for one in names}
    if few := [f"{names[one]} ({count})" for one, count in counts.items() if count < FEW]:
        more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
        yield f"Fewer than {FEW} documents, in {len(few)} of {len(names)} categories: {', '.join(few[:NAMED])}{more}."


def _interval(one: Evaluation) -> str:
    return "" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"
