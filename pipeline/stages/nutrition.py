"""What the data set is made of, counted from the tables: source, size, language, copies, lengths, labels, licence and limits."""

from typing import Any

from pipeline.report import Nutrition
from pipeline.settings import Project
from pipeline.stages.report_reads import Ask

__all__ = ["nutrition"]

BINS = (0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560)
COUNTS = """
select count(*) filter (where active), count(distinct text_hash) filter (where active), count(*) filter (where not active),
    strftime(min(written_at) filter (where active), '%Y-%m-%d %H:%M'), strftime(max(written_at) filter (where active), '%Y-%m-%d %H:%M')
from documents
"""
FILES = """
select regexp_replace(source, ':[0-9]+$', '') as file, count(*) from documents where active group by file order by count(*) desc, file limit ?
"""
WORDS = """
select min(words), quantile_cont(words, 0.25), median(words), avg(words), quantile_cont(words, 0.75), max(words) from documents where active
"""
LENGTHS = "select list_sum([(words >= bound)::int for bound in ?]) as bin, count(*) from documents where active group by bin order by bin"
REJECTED = "select reason, count(*) from rejects group by reason order by count(*) desc, reason"
LANGUAGES = "select coalesce(language, ''), count(*) from document_languages group by all order by count(*) desc, 1"
LOOKED = "select count(*) from current where key = 'near_spec'"
NEAR = "select count(distinct doc_id) from near_copies"
GOLD = "select gold, count(*) from documents where active and gold is not null group by gold order by count(*) desc, gold"
QUARTERS = ("fewest", "a quarter below", "median", "mean", "a quarter above", "most")
MOST_FILES = 12


def nutrition(ask: Ask, project: Project) -> Nutrition:
    """Describe the data set."""
    documents, texts, inactive, first, last = ask(COUNTS)[0]
    found = ask(FILES, [MOST_FILES + 1])
    files = [f"{name} ({count:,})" for name, count in sorted(found[:MOST_FILES])] + ["and more"] * (len(found) > MOST_FILES)
    looked = ask(LOOKED)[0][0]
    corpus = project.corpus
    return Nutrition(
        sources=files or [corpus.where], documents=documents, texts=texts, inactive=inactive, rejected=dict(ask(REJECTED)),
        languages=_languages(ask, project), near_copies=ask(NEAR)[0][0] if looked else None,
        words=dict(zip(QUARTERS, ask(WORDS)[0], strict=True)) if documents else {}, lengths=_lengths(ask), first=first, last=last,
        gold=dict(ask(GOLD)), licence=corpus.licence, limits=corpus.limits,
    )  # fmt: skip


def _languages(ask: Ask, project: Project) -> dict[str, int]:
    """Count documents by language where anybody named or looked for it."""
    return dict(ask(LANGUAGES)) if project.corpus.language or project.corpus.detect_language else {}


def _lengths(ask: Ask) -> list[tuple[int, int, int]]:
    """Count documents by their number of words, in bins that double."""
    counted: dict[Any, int] = dict(ask(LENGTHS, [list(BINS)]))
    ends = (*BINS[1:], 0)
    last = max((int(place) for place in counted), default=0)
    return [(BINS[place], ends[place], counted.get(place + 1, 0)) for place in range(last)]
