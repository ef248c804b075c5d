"""The model card: what a student is, what it learnt from, how good it is and where it ends, in Markdown (Mitchell et al., FAccT 2019).

Only facts that are handed in are said; the limits are worked out from them. A fact that is not known leaves its line out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.markdown import escape_markdown
from pipeline.students.choice import Choice

__all__ = ["chosen_facts", "escape_markdown", "model_card"]

Facts = Mapping[str, Any]
FEW = 10  # labels of a category, below which it is named as a limit
NAMED = 12  # categories named in a sentence at most
CONFUSIONS = 15  # rows of that table at most
WIDE = 0.15  # width of an interval that is called wide
TEACHER = "the teacher"
WRITTEN = "A model wrote texts for categories with few labels. They are synthetic, and nothing is measured on them."


def chosen_facts(choice: Choice) -> dict[str, Any]:
    """Give what a card says of how a student was chosen: `voices`, `trials` and `reason`."""
    kept = ("name", "kind", "features", "widened")
    voices = zip(choice.candidate.voices, choice.settings, choice.weights, strict=True)
    return {
        "voices": [{**{key: getattr(voice, key) for key in kept}, "settings": settings, "weight": weight} for voice, settings, weight in voices],
        "trials": [{**vars(trial), "chosen": trial.candidate == choice.candidate.name} for trial in choice.trials],
        "reason": choice.reason,
    }


def model_card(about: Facts) -> str:
    """Write a student's card in Markdown.

    Known facts, beside those that `artefact.NEEDED` names: `project`, `use_case`, `languages` (share of the documents by name),
    `labels_from` (documents by source), `teacher`, `data` (counts by name), `labels_per_category` and `predicted_per_category` (in the
    order of the categories), `metrics` (each with metric, value, low, high, n, judge and perhaps slice), `trials` and `reason` as
    `chosen_facts` gives them, `written_examples` (at least a `reason`), `confusions` (each with truth, predicted, n), `calibration`,
    `conformal`, `thresholds` and `novelty` (figures by name), `embedder_limits` (sentences), `libraries` and `sha256`.
    """
    parts = [
        ["---", "library_name: scikit-learn", "pipeline_tag: text-classification", "tags: [linnaeus, skops]", "---"],
        _title(about), _labels(about), _data(about), _metrics(about), _trials(about), _written(about), _confusions(about),
        _figures("Calibration", about.get("calibration"), "How far its probabilities are from how often it is right."),
        _figures("Conformal sets", about.get("conformal"), "Sets of categories that hold the right one with the promised probability."),
        _figures("Thresholds", about.get("thresholds"), "From which probability on it answers; below, it abstains."),
        _figures("Novelty", about.get("novelty"), "How unlike what it learnt from a text may be."),
        _limits(about), _usage(about), _versions(about),
    ]  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _title(about: Facts) -> list[str]:
    lines = [f"# {escape_markdown(about.get('project') or 'Text classifier')}", ""]
    lines += [f"It answers for each text: {escape_markdown(about['use_case'])}", ""] if about.get("use_case") else []
    voices, categories = about.get("voices", ()), about.get("categories", ())
    if categories:
        lines.append(f"A text classifier with {len(categories)} categories{_made_of(voices)}.")
    lines += [
        "",
        *_items(
            {
                "classifier": about.get("classifier_id"),
                "taxonomy": about.get("taxonomy_id"),
                "embedder": about.get("embedder_id"),
                "fine-tuned encoder": _encoder(about.get("encoder")),
                "sha256 of model.skops": about.get("sha256"),
            }
        ),
    ]
    return lines


def _encoder(encoder: Facts | None) -> str | None:
    if not encoder:
        return None
    return f"{encoder['base']} with its last layers changed, as they lie in encoder.safetensors (sha256 {encoder['sha256']})"


def _made_of(voices: Sequence[Facts]) -> str:
    if not voices:
        return ""
    said = [f"{voice['kind']} on {', '.join(voice['features'])} (weight {_number(voice['weight'])})" for voice in voices]
    one = "its classifier is" if len(voices) == 1 else "the log-probabilities of its classifiers are added up, each with its weight:"
    return f"; {one} " + escape_markdown("; ".join(said))


def _labels(about: Facts) -> list[str]:
    ids, names, parents = (about.get(key, ()) for key in ("categories", "names", "parents"))
    labels, predicted = about.get("labels_per_category"), about.get("predicted_per_category")
    heads = ["category", *["above it"] * any(parents), "id", *["labels"] * bool(labels), *["predicted"] * bool(predicted)]
    rows = []
    for place, (category_id, name) in enumerate(zip(ids, names, strict=True)):
        path = [" / ".join(parents[place])] if any(parents) else []
        rows.append([name, *path, category_id, *(counts[place] for counts in (labels, predicted) if counts)])
    return _section("Labels", _table(heads, rows))


def _data(about: Facts) -> list[str]:
    lines = _items({"labelled documents it learnt from": about.get("trained_on"), **about.get("data", {})})
    sources = about.get("labels_from", {})
    lines += _items({"labels from": ", ".join(f"{source}: {_number(count)}" for source, count in sources.items()), "teacher": about.get("teacher")})
    lines += _items({"languages": _shares(about.get("languages", {})), "hash of the training ids": about.get("training_ids_hash")})
    return _section("Data", lines)


def _metrics(about: Facts) -> list[str]:
    rows = [
        [one["metric"], one.get("slice", ""), one["value"], _interval(one), one.get("n", ""), one.get("judge", "")]
        for one in about.get("metrics", ())
    ]
    return _section("Metrics", _table(["metric", "documents", "value", "95 % interval", "n", "judged by"], rows))


def _trials(about: Facts) -> list[str]:
    heads = ["candidate", "agreement with unseen labels", "95 % interval", "n", "macro-F1", "log loss", "seconds", "chosen"]
    rows = [
        [
            one["candidate"],
            one["agreement"],
            _interval(one),
            one["n"],
            one.get("macro_f1"),
            one["log_loss"],
            f"{one['seconds']:.1f}",
            "yes" if one.get("chosen") else "",
        ]
        for one in about.get("trials", ())
    ]
    reason = [escape_markdown(about["reason"])] if about.get("reason") else []
    return _section("Choice", [*reason, *[""] * bool(reason and rows), *_table(heads, rows)])


def _written(about: Facts) -> list[str]:
    written = about.get("written_examples")
    return _section("Written examples", [WRITTEN, "", escape_markdown(written["reason"])]) if written else []


def _confusions(about: Facts) -> list[str]:
    most = sorted(about.get("confusions", ()), key=lambda one: -one["n"])[:CONFUSIONS]
    return _section("Most frequent confusions", _table(["right", "predicted", "n"], [[one["truth"], one["predicted"], one["n"]] for one in most]))


def _figures(title: str, figures: Facts | None, said: str) -> list[str]:
    lines = _items(dict(_flat(figures or {})))
    return _section(title, [said, "", *lines]) if lines else []


def _limits(about: Facts) -> list[str]:
    names = list(about.get("names", ()))
    said = []
    if names:
        said.append(f"It gives every text one of its {len(names)} categories, even where none of them fits: look at the probability as well.")
    said += [*_scarce(about, names), *_measured(about)]
    if languages := about.get("languages"):
        said.append(f"It learnt from texts in {_shares(languages)}; how it does in other languages is not known.")
    features = {feature for voice in about.get("voices", ()) for feature in voice["features"]}
    if "metadata" in features:
        said.append("It looks at columns beside the text, and needs them for each text that it labels.")
    if features & {"words", "characters"} and not features & {"embedding", "cards"}:
        said.append("It looks at words alone: a text that says the same in words it has not met is a stranger to it.")
    if "text" in features:
        said.append("It reads the first 256 tokens of a text, and learnt from the first 128; its encoder knows English best.")
    said += [str(sentence) for sentence in about.get("embedder_limits", ())]
    if version := about.get("libraries", {}).get("scikit-learn"):
        said.append(f"It loads with scikit-learn {'.'.join(version.split('.')[:2])} alone.")
    return _section("Limits", [f"- {escape_markdown(sentence)}" for sentence in said])


def _scarce(about: Facts, names: list[str]) -> Iterable[str]:
    """Say which categories it hardly knows or never gives."""
    if (trained_on := about.get("trained_on")) and names:
        yield f"It learnt from {trained_on} labelled documents, about {trained_on / len(names):.0f} for each category."
    labels, predicted = about.get("labels_per_category", ()), about.get("predicted_per_category", ())
    if few := [f"{name} ({_number(count)})" for name, count in zip(names, labels, strict=bool(labels)) if count < FEW]:
        yield f"Fewer than {FEW} labels, in {len(few)} of {len(names)} categories: {_some(few)}."
    if never := [name for name, count in zip(names, predicted, strict=bool(predicted)) if not count]:
        yield f"Never predicted among {_number(sum(predicted))} documents: {_some(never)}."


def _measured(about: Facts) -> Iterable[str]:
    """Say how far the figures can be trusted."""
    metrics = about.get("metrics", ())
    if not metrics:
        yield "It has not been measured on documents kept from it."
        return
    if {one.get("judge") for one in metrics} == {TEACHER}:
        yield "Its figures compare it with its teacher, not with people: where the teacher is wrong, they do not show it."
    if wide := [one["metric"] for one in metrics if _interval(one) and one["high"] - one["low"] > WIDE]:
        yield f"Known only roughly, as few documents were measured: {_some(list(dict.fromkeys(wide)))}."


def _usage(about: Facts) -> list[str]:
    metadata = any("metadata" in voice["features"] for voice in about.get("voices", ()))
    call = 'classifier.predict(["a text"], metadata=[{}], top=3)' if metadata else 'classifier.predict(["a text"], top=3)'
    code = ["```python", "from pipeline.students import load", 'classifier = load("path/of/this/folder")', f"print({call})", "```"]
    return _section("How to use it", code)


def _versions(about: Facts) -> list[str]:
    return _section("Made with", _items({**about.get("libraries", {}), "seed": about.get("seed")}))


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines] if lines else []


def _items(facts: Facts) -> list[str]:
    return [f"- {escape_markdown(name)}: {escape_markdown(_number(value))}" for name, value in facts.items() if value not in (None, "")]


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lay rows out as a table without the columns that are empty in all of them."""
    kept = [place for place in range(len(heads)) if any(row[place] not in (None, "") for row in rows)]
    lines = [[escape_markdown("" if row[place] is None else _number(row[place])) for place in kept] for row in rows]
    body = ["| " + " | ".join(cells) + " |" for cells in [[heads[place] for place in kept], ["---"] * len(kept), *lines]]
    return body if rows else []


def _flat(figures: Facts, before: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}, ")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield f"{before}{name}", ", ".join(map(_number, value))
        else:
            yield f"{before}{name}", value


def _interval(one: Facts) -> str:
    return "" if one.get("low") is None or one.get("high") is None else f"{_number(one['low'])} to {_number(one['high'])}"


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _shares(parts: Facts) -> str:
    return ", ".join(f"{name} ({share:.0%})" for name, share in sorted(parts.items(), key=lambda part: -part[1]))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
