"""What a run would do, said before it runs: calls, tokens, time and money, stage by stage, and what stops at the budget.

A plan is stored, so that it can be held against what the run then did (view `plan_against_run`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.annotation import windows_of
from pipeline.call_records import PlannedStage
from pipeline.corpus import make_documents, read_rows
from pipeline.prompts import load_prompt
from pipeline.records import Document
from pipeline.stages.annotations import expected_calls
from pipeline.stages.asking import annotation_sample, current_taxonomy
from pipeline.stages.candidates import candidate_numbers, minibatch_starts
from pipeline.stages.kept import kept_taxonomy
from pipeline.stages.lengths import Lengths, measure_lengths
from pipeline.stages.overview import plan_comparison
from pipeline.stages.pace import TURN, Pace, Shape, characters_a_token
from pipeline.stages.plan_counts import Count, expected_alone, judged_counts, missing_alone, ties
from pipeline.stages.probe import AskingStage, Probe, pending_of, run_probe, unanswered
from pipeline.stages.rivals import untold_texts
from pipeline.stages.session import ROLE_OF, Session
from pipeline.stages.written import missing_examples
from pipeline.taxonomy import facet_id

__all__ = ["Cap", "Plan", "plan"]

LOOK = 500  # documents looked at to learn how long they are
FRAME = 6  # tokens of the delimiters around a document
NAMED_TEXT, CLUSTER_TEXT = 6, 10  # texts shown of each group, and of each cluster of the baseline
CATEGORY = 70  # characters of a category's line, where the taxonomy is not known yet
ASKING = (
    "facets", "summaries", "generated_taxonomy", "updated_taxonomy", "reviewed_taxonomy", "selected_taxonomy", "taxonomy", "annotations",
    "written_examples", "definition_checks", "repeated_labels", "baseline", "judgements", "mistakes",
)  # fmt: skip
RARE_SHARE = 0.25  # of the categories, that have few labels, where there are no labels yet
WRITTEN = "each is written, then labelled; "
BEYOND = "one question a document, and some in another order or as votes; "
CARD_QUESTIONS = 6  # about one category
CHECKS_EACH = 12  # questions about one definition, whose prompts begin alike
# Rows a second of what asks no model, where no run has told.
ASSUMED = {"documents": 20_000.0, "embeddings": 300.0, "classifier": 0.12}


@dataclass(frozen=True)
class Cap:
    """One cap of the budget beside what is planned; `stage` is where it stops the run, after about `rows` of the stage's rows."""

    name: str
    allowed: float
    planned: float
    stage: str | None = None
    rows: int = 0


@dataclass(frozen=True)
class Plan:
    """What is planned, what it rests on, and how the last plan fared."""

    plan_id: str
    stages: tuple[PlannedStage, ...]
    probe: Probe | None
    caps: tuple[Cap, ...]
    last: tuple[dict[str, object], ...]
    lengths: Lengths | None = None


def plan(session: Session, *, probing: bool = True) -> Plan:
    """Count what is missing, estimate what making it takes, and store the estimate.

    :param probing: ask the questions of the first 20 documents now; otherwise no model is asked, started or fetched.
    :raises EngineError: when the probe cannot ask the model.
    """
    last = tuple(plan_comparison(session.store))
    probe = run_probe(session) if probing else None
    looked, total, note = _documents(session)
    counts, shapes = _counts(session, total), _shapes(session, looked, total, characters_a_token(probe))
    pace = Pace(session, probe, shapes)
    stages = [_unasked(session, "documents", total, note), _unasked(session, "embeddings", _missing_vectors(session, total))]
    stages += [_asked(session, stage, count, pace) for stage, count in counts.items()]
    stages.append(_unasked(session, "classifier", int(any(count.rows for count in counts.values()))))
    session.store.save(stages)
    session.store.publish()
    lengths = measure_lengths(session, looked, characters_a_token=characters_a_token(probe), counting=probe is not None)
    return Plan(session.run_id, tuple(stages), probe, tuple(_caps(session, stages)), last, lengths)


def _documents(session: Session) -> tuple[list[Document], int, str]:
    """Give some documents and the number there are: from the tables, or from a first look at the corpus."""
    counts = session.store.counts()
    if counts["texts"]:
        return session.store.sample_texts(first=LOOK), counts["texts"], ""
    looked: list[Document] = []
    total = 0
    for batch in make_documents(read_rows(session.project), session.project):
        looked += batch.documents[: LOOK - len(looked)]
        total += len(batch.documents)
    return looked, total, "counted from the corpus, duplicates included; "


def _counts(session: Session, total: int) -> dict[str, Count]:
    """Count the questions of each stage that asks a model."""
    project, kept = session.project, kept_taxonomy(session)
    sample, wanted = min(total, project.taxonomy.sample), min(total, project.annotation.sample)
    compared = project.corpus.gold is not None and project.evaluation.baseline
    if kept is not None:
        sampled = [document.text_hash for document in annotation_sample(session)]
        labels = _missing(session, "annotations", sampled)
        if labels.rows and (more := expected_calls(session, labels.rows)):
            labels = Count(labels.rows, labels.calls + more, labels.note + BEYOND)
        clusters = len(kept.categories) if compared and session.store.current("baseline_id") is None else 0
        untold = len(untold_texts(session)) if compared else 0
        return dict.fromkeys(ASKING, Count(0, 0)) | {
            "annotations": labels,
            "written_examples": _written(session, labels.rows),
            **missing_alone(session),
            "baseline": Count(clusters + untold, clusters + untold),
            "mistakes": ties(session),
            "judgements": judged_counts(session, wanted, unlabelled=labels.rows),
        }
    size, passes, facets = _most_categories(session, total), len(candidate_numbers(session)), len(project.facet_names)
    starts = minibatch_starts(session, sample)
    later, hashes = sample - min(sample, starts.step), session.store.sample_hashes(first=sample)
    names, judged = passes * size * facets, project.taxonomy.validation * passes * facets
    unwritten, more = _unwritten(session), expected_calls(session, wanted)
    told = min(wanted, project.evaluation.told_sample)
    return {
        "facets": Count(unwritten, unwritten, "one question a facet, and more where its examples are no kinds; "),
        "summaries": _missing(session, "summaries", hashes) if hashes and not unwritten else Count(sample, sample),
        "generated_taxonomy": Count(passes * facets, names, "one question a group, and more where a name is refused; "),
        "updated_taxonomy": Count(
            passes * facets * (len(starts) - 1), passes * facets * later, "at most one question a document after the first minibatch; "
        ),
        "reviewed_taxonomy": Count(passes * facets, names // 4, "some names asked again; "),
        "selected_taxonomy": Count(facets, judged if passes > 1 else 0, "one question a document and candidate, and the judge's; "),
        "taxonomy": Count(facets, CARD_QUESTIONS * size * facets if project.taxonomy.cards else 0, f"about {CARD_QUESTIONS} questions a category; "),
        "annotations": Count(wanted * facets, round((wanted + more) * facets * _windows(session)), BEYOND if more else ""),
        "written_examples": _expected_examples(session, size * facets),
        **expected_alone(project, size, documents=total, labelled=wanted, facets=facets),
        "baseline": Count(size + told, size + told, "one question a category, as many as there are groups, and one a document with the gold names; ")
        if compared
        else Count(0, 0),
        "mistakes": ties(session),
        "judgements": judged_counts(session, wanted, unlabelled=wanted),
    }


def _windows(session: Session) -> float:
    """Estimate how many windows of a document are asked about."""
    texts = session.store.sample_texts(first=LOOK)
    return sum(len(windows_of(one.text, session.project.annotation)[0]) for one in texts) / len(texts) if texts else 1.0


def _missing(session: Session, stage: AskingStage, hashes: list[str]) -> Count:
    pending = pending_of(session, stage, hashes)
    calls = unanswered(session, stage, pending)
    return Count(len(pending), calls, f"{len(pending) - calls} of {len(pending)} answers are in the ledger; " if calls < len(pending) else "")


def _written(session: Session, unlabelled: int) -> Count:
    """Count the examples of rare categories that are missing: exactly where all labels are there."""
    if not session.project.rare.written:
        return Count(0, 0)
    if unlabelled or not session.store.current("teacher_annotator_id"):
        return _expected_examples(session, len(current_taxonomy(session).leaves))
    unwritten, unjudged = missing_examples(session)
    return Count(unwritten + unjudged, 2 * unwritten + unjudged, WRITTEN)


def _expected_examples(session: Session, categories: int) -> Count:
    """Guess how many examples of rare categories there will be."""
    count = session.project.rare.written * round(RARE_SHARE * categories)
    return Count(count, 2 * count, f"{WRITTEN}{RARE_SHARE:.0%} of the categories taken as rare; ") if count else Count(0, 0)


def _unwritten(session: Session) -> int:
    """Count the facets whose question is still to be written."""
    project, model = session.whole, session.model_of("generator")
    return sum(session.store.find_facet(facet_id(name, project.facet(name), model)) is None for name in project.facet_names)


def _most_categories(session: Session, total: int) -> int:
    return min(session.project.taxonomy.size.max, max(session.project.taxonomy.size.min, min(total, session.project.taxonomy.sample) // 12))


def _shapes(session: Session, looked: list[Document], total: int, per_token: float) -> dict[str, Shape]:
    """Estimate the tokens of each stage's questions from the prompts and the documents."""
    project = session.project
    most = 12 * project.annotation.max_words
    length = sum(min(len(document.text), most) for document in looked) / max(1, len(looked)) / per_token

    def fixed(name: str) -> float:
        turns = load_prompt(name).turns
        return TURN * len(turns) + sum(len(turn.body) for turn in turns) / per_token

    short = 2 * sum(document.words <= 2 * project.taxonomy.summary_words for document in looked) >= len(looked)
    kept = kept_taxonomy(session)
    named = [len(category.name) + len(category.description) for category in kept.leaves] if kept else []
    lines = named or [CATEGORY] * _most_categories(session, total)
    options = fixed("annotate") + sum(lines) / per_token
    return {
        "facets": Shape(fixed("facet"), FRAME + 8 * min(length, 30.0), 110.0),
        "summaries": Shape(fixed("phrase"), FRAME + length, 4.0) if short else Shape(fixed("summarise"), FRAME + length, 32.0),
        "generated_taxonomy": Shape(fixed("name_category"), FRAME + 40 + NAMED_TEXT * min(length, 60.0), 27.0),
        "updated_taxonomy": Shape(options, FRAME + min(length, 60.0), 3.0),
        "reviewed_taxonomy": Shape(fixed("rename_category"), FRAME + 40 + NAMED_TEXT * min(length, 60.0), 27.0),
        "selected_taxonomy": Shape(options, FRAME + min(length, 60.0), 3.0),
        "taxonomy": Shape(fixed("tell_apart"), FRAME + min(length, 60.0), 8.0),
        "annotations": Shape(options, FRAME + length, 3.0),
        "written_examples": Shape(fixed("example"), FRAME + 8 * min(length, 40.0), min(length, 60.0)),
        "judgements": Shape(fixed("judge_label"), FRAME + 2 * CATEGORY / per_token + length, 3.0),
        "definition_checks": Shape(fixed("definition_check"), FRAME + length + fixed("definition_check") / CHECKS_EACH, 1.0),
        "repeated_labels": Shape(options, FRAME + length, 3.0),
        "mistakes": Shape(fixed("tie_break"), FRAME + 4 * min(length, 60.0), 40.0),
        "baseline": Shape(fixed("name_cluster"), FRAME + CLUSTER_TEXT * min(length, 60.0), 40.0),
    }


def _missing_vectors(session: Session, total: int) -> int:
    known = session.store.counts()["texts"]
    return session.store.count_pending("embeddings", {"embedder_id": session.embedder.embedder_id}) if known else total


def _unasked(session: Session, stage: str, rows: int, note: str = "") -> PlannedStage:
    """Plan a stage that asks no model."""
    known = session.store.stage_rate(stage)
    rate = known or ASSUMED[stage]
    said = f"{rate:,.0f} a second" if rate >= 1 else f"{1 / rate:.0f} s each"
    ground = f"{said} {'in earlier runs' if known else 'assumed'}" if rows else "nothing left to make"
    return PlannedStage(session.run_id, stage, rows, 0, 0, 0, rows / rate, note=note + ground)


def _asked(session: Session, stage: str, count: Count, pace: Pace) -> PlannedStage:
    """Plan a stage that asks a model, or several judges in equal parts."""
    judges = session.project.evaluation.judges if stage == "judgements" else ()
    engines = judges or (session.project.engine_of(ROLE_OF[stage]),)
    each = [pace.of(stage, count.calls // len(engines), judge) for judge in judges] or [pace.of(stage, count.calls)]
    costs = [one.prices.cost(took.tokens_in, took.tokens_cached, took.tokens_out) for one, took in zip(engines, each, strict=True) if one.prices]
    tokens_in, tokens_out = sum(took.tokens_in for took in each), sum(took.tokens_out for took in each)
    note = count.note + "; ".join(dict.fromkeys(took.note for took in each))
    seconds, cost = sum(took.seconds for took in each), sum(costs) if costs else None
    return PlannedStage(session.run_id, stage, count.rows, count.calls, tokens_in, tokens_out, seconds, cost, note)


def _caps(session: Session, stages: list[PlannedStage]) -> Iterator[Cap]:
    """Hold the plan against each cap of the budget, in the order of the stages."""
    budget = session.project.budget
    asking = [row for row in stages if row.calls]
    after = stages[next((place for place, row in enumerate(stages) if row.calls), len(stages)) :]  # time counts from the first call
    spendings = {
        "calls": (budget.calls, [(row, float(row.calls)) for row in asking]),
        "tokens": (budget.tokens, [(row, float(row.tokens_in + row.tokens_out)) for row in asking]),
        "minutes": (budget.minutes, [(row, row.seconds / 60) for row in after]),
        "money": (budget.money, [(row, row.cost or 0.0) for row in asking]),
    }
    for name, (allowed, spent) in spendings.items():
        if allowed is not None:
            yield _cap(name, allowed, spent)


def _cap(name: str, allowed: float, spent: list[tuple[PlannedStage, float]]) -> Cap:
    planned, before = sum(amount for _, amount in spent), 0.0
    for row, amount in spent:
        if before + amount > allowed:
            return Cap(name, allowed, planned, row.stage, int(row.rows * (allowed - before) / amount))
        before += amount
    return Cap(name, allowed, planned)
