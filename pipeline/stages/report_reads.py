"""The questions that a report puts to the tables; each is answered from one state of them, and from rows alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.records import Evaluation
from pipeline.report import Asked, Branch, Confusion, Example, FacetPart, Mistake, Spent, TieBreaker, Timed
from pipeline.settings import Project
from pipeline.trust_records import CurvePoint, Drift

__all__ = [
    "Ask", "branches", "confusions", "curves", "documents_by_labeller", "drift", "facets", "figures", "forecast", "mistake_kinds", "mistakes",
    "pointers", "prompts", "spent", "tables_there", "tie_breakers", "timed", "unlabelled",
]  # fmt: skip

Ask = Callable[..., Sequence[tuple[Any, ...]]]  # SQL and its values to rows
LONGEST = 320  # characters of a text that are shown
MANY = 10_000_000  # documents of a forecast
WORST = 20  # mistakes that are shown
POINTERS = "select key, value from current"
TABLES = "select table_name from information_schema.tables"
FIGURES = """
select evaluation_id, subject, metric, slice, value, low, high, n, judge from evaluations where evaluation_id = ? order by subject, slice, metric
"""
CURVES = "select subject_id, curve, position, x, y, n, low, high from curves where subject_id = ? order by curve, position"
TREE = "select category_id, name, description, depth, documents from taxonomy_tree"
MEANS = "select category_id, mean_probability from label_counts where category_id is not null"
EXAMPLE_ROWS = """
with drawn as (
    select unnest(arg_min(doc_id, hash(text_hash || doc_id), 4)) as doc_id from labelled_documents where category_id is not null group by category_id
)
select category_id, left(text, ?), probability, labelled_by from labelled_documents join drawn using (doc_id)
order by category_id, hash(text_hash || doc_id)
"""
BY = "select coalesce(labelled_by, ''), count(*) from labelled_documents where category_id is not null group by all order by count(*) desc"
UNLABELLED = "select reason, count(*) from unlabelled_documents group by all order by count(*) desc, reason"
CONFUSIONS = """
select truth, label, n from confusions where evaluation_id = ? and subject = ? and judge = ? order by truth, label
"""
DRIFT = """
select classifier_id, part, documents, before, distance, distance_by_chance, changes, strangers, strangers_before, strangers_by_chance,
    probability, probability_before, agreement, judged, inputs
from drift where classifier_id = ? order by part
"""
SPENT = """
select purpose, model, sum(calls)::bigint, sum(failed_calls)::bigint, sum(tokens_in)::bigint, sum(tokens_cached)::bigint, sum(tokens_out)::bigint,
    sum(seconds), sum(cost)
from cost group by all order by sum(tokens_in) desc, purpose
"""
TIMED = """
select stage, (counts ->> 'made')::bigint, seconds from stage_runs where (counts ->> 'made')::bigint > 0 and status <> 'failed' and stage <> 'report'
qualify row_number() over (partition by stage order by started_at desc) = 1 order by started_at
"""
ANNOTATED = """
select (counts ->> 'made')::bigint, seconds, (counts ->> 'tokens_in')::bigint + (counts ->> 'tokens_out')::bigint, run_id from stage_runs
where stage = 'annotations' and (counts ->> 'made')::bigint > 0 and (counts ->> 'calls')::bigint > 0 order by started_at desc limit 1
"""
MONEY = "select sum(cost) from stage_serving where stage = 'annotations' and run_id = ?"
PROMPTS = "select distinct purpose, prompt from llm_calls where prompt is not null and prompt <> '' order by all"
FACET_TREE = """
select categories.category_id, categories.name, categories.description, categories.parent_id, coalesce(counted.documents, 0), counted.probability
from categories left join (
    select category_id, count(*) as documents, avg(probability) as probability from facet_labels where facet = ? group by category_id
) as counted using (category_id) where categories.taxonomy_id = ? order by categories.position
"""
KINDS = "select kind, count(*) from mistakes where evaluation_id = ? and subject = ? group by kind order by count(*) desc, kind"
MISTAKES = """
select m.subject, m.kind, left(texts.text, ?), c.name, m.gold, m.probability, m.suspicion, m.evidence::varchar from mistakes m
left join (select text_hash, arg_min(text, doc_id) as text from documents group by text_hash) as texts using (text_hash)
left join categories c on c.category_id = m.category_id and c.taxonomy_id = (select value from current where key = 'taxonomy_id')
where m.evaluation_id = ? and m.subject = ? order by m.rank, m.text_hash limit ?
"""
TIES = """
select one.name, two.name, t.confusions, t.n, t.sentence from tie_breakers t
join categories one on one.category_id = t.category_id and one.taxonomy_id = (select value from current where key = 'taxonomy_id')
join categories two on two.category_id = t.other_id and two.taxonomy_id = (select value from current where key = 'taxonomy_id')
where t.evaluation_id = ? and t.sentence <> '' order by t.confusions desc, one.name
"""


def pointers(ask: Ask) -> dict[str, str]:
    """Give what is current, by name."""
    return dict(ask(POINTERS))


def tables_there(ask: Ask) -> set[str]:
    """Name the tables and views that there are; those of a later version may be missing."""
    return {row[0] for row in ask(TABLES)}


def figures(ask: Ask, evaluation_id: str) -> list[Evaluation]:
    """Give the figures of an evaluation."""
    return [Evaluation(*row) for row in ask(FIGURES, [evaluation_id])]


def curves(ask: Ask, evaluation_id: str) -> list[CurvePoint]:
    """Give the curves of an evaluation."""
    return [CurvePoint(*row) for row in ask(CURVES, [evaluation_id])]


def branches(ask: Ask) -> list[Branch]:
    """Give the categories of the current taxonomy in tree order, each with a few documents drawn at random, the same ones each time."""
    rows, means = ask(TREE), dict[str, float | None](ask(MEANS))
    shown: dict[str, list[Example]] = {}
    for category_id, text, probability, labelled_by in ask(EXAMPLE_ROWS, [LONGEST]):
        shown.setdefault(category_id, []).append(Example(text, probability, labelled_by))
    depths = [row[3] for row in rows]
    return [
        Branch(key, name, description, depth, documents, means.get(key), shown.get(key, ()), is_leaf=below <= depth)
        for (key, name, description, depth, documents), below in zip(rows, [*depths[1:], 0], strict=False)
    ]


def facets(ask: Ask, project: Project, current: Mapping[str, str]) -> list[FacetPart]:
    """Give the taxonomies of the further facets with the documents that their students put there."""
    found = []
    for name in project.facets:
        if taxonomy_id := current.get(f"{name}/taxonomy_id"):
            rows = ask(FACET_TREE, [name, taxonomy_id])
            found.append(FacetPart(name, project.facet(name).use_case, _in_order(rows, None, 0)))
    return found


def _in_order(rows: Sequence[tuple[Any, ...]], parent: str | None, depth: int) -> list[Branch]:
    found = []
    for category_id, name, description, above, documents, probability in rows:
        if above == parent:
            below = _in_order(rows, category_id, depth + 1)
            found += [Branch(category_id, name, description, depth, documents, probability, is_leaf=not below), *below]
    return found


def documents_by_labeller(ask: Ask) -> dict[str, int]:
    """Count the documents with a category by who gave it."""
    return dict(ask(BY))


def unlabelled(ask: Ask) -> dict[str, int]:
    """Count the documents without a category by reason."""
    return dict(ask(UNLABELLED))


def confusions(ask: Ask, evaluation_id: str, subject: str, judge: str) -> list[Confusion]:
    """Count distinct texts by what the judge calls them and by their label."""
    return [Confusion(*row) for row in ask(CONFUSIONS, [evaluation_id, subject, judge])]


def drift(ask: Ask, classifier_id: str) -> list[Drift]:
    """Give how each part of the corpus differs from those before it, in the order of their names."""
    found = []
    for row in ask(DRIFT, [classifier_id]):
        changes = {key: (was, now) for key, (was, now) in json.loads(row[6] or "{}").items()}
        found.append(Drift(*[*row[:6], changes, *row[7:]]))
    return found


def spent(ask: Ask) -> list[Spent]:
    """Sum up what each model was asked for each purpose, over all runs."""
    return [Spent(*row) for row in ask(SPENT)]


def timed(ask: Ask) -> list[Timed]:
    """Give the time that each stage took when it last made anything."""
    return [Timed(*row) for row in ask(TIMED)]


def forecast(ask: Ask, took: Sequence[Timed]) -> dict[str, dict[str, float]]:
    """Say what ten million more documents would take, by who labels them, at the pace of the runs so far."""
    pace = {one.stage: one.seconds / one.made for one in took}
    found: dict[str, dict[str, float]] = {}
    if {"embeddings", "predictions"} <= pace.keys():
        found["student"] = {"seconds": (pace["embeddings"] + pace["predictions"]) * MANY}
    for made, seconds, tokens, run_id in ask(ANNOTATED):
        found["annotator"] = {"seconds": seconds / made * MANY, "tokens": tokens / made * MANY}
        for (money,) in ask(MONEY, [run_id]):
            found["annotator"] |= {} if money is None else {"money": money / made * MANY}
    return found


def prompts(ask: Ask) -> list[Asked]:
    """List the prompts that were used, by purpose."""
    return [Asked(*row) for row in ask(PROMPTS)]


def mistake_kinds(ask: Ask, evaluation_id: str, subject: str) -> dict[str, int]:
    """Count the mistakes of one subject by kind."""
    return dict(ask(KINDS, [evaluation_id, subject]))


def mistakes(ask: Ask, evaluation_id: str, subject: str) -> list[Mistake]:
    """Give the worst mistakes of one subject."""
    return [Mistake(*[*row[:-1], row[-1] or ""]) for row in ask(MISTAKES, [LONGEST, evaluation_id, subject, WORST])]


def tie_breakers(ask: Ask, evaluation_id: str) -> list[TieBreaker]:
    """Give the sentences that would tell categories apart, those most often confused first."""
    return [TieBreaker(*row) for row in ask(TIES, [evaluation_id])]
