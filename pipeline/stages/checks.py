"""The checks of each stage: what must hold of its rows, and what a person should be warned of; any shell can run them."""

from collections.abc import Mapping

from pipeline.stages import PER_FACET, figure_checks, row_checks, taxonomy_checks
from pipeline.stages.check_rules import Finding, Rule
from pipeline.stages.drift_checks import DRIFT_CHECKS
from pipeline.stages.judgement_checks import JUDGEMENT_CHECKS
from pipeline.stages.mistake_checks import MISTAKE_CHECKS
from pipeline.stages.session import Session

__all__ = ["CHECKS", "Rule", "examine"]

RENAME = "Rename or merge one of them: linnaeus taxonomy export, then apply."
SPOILT = "The tables were changed by hand or by an interrupted copy; see docs/how-to/resume-and-recover.md and run the stage again."
MORE_LABELS = "Raise annotation.sample, or look at the candidates and at the categories that are mixed up (linnaeus students show)."
CHECKS: Mapping[str, tuple[Rule, ...]] = {
    "documents": (
        Rule(
            "ids_are_unique", "No two active documents have one id.",
            "Give corpus.id a column that is unique, or leave it out so that ids are made from the content.", row_checks.ids_are_unique, True,
        ),
        Rule(
            "few_rejects", "At most {rejected} of the rows that were read cannot be used.",
            "Look at the table rejects, correct the corpus or corpus.text and corpus.format, and run again.", row_checks.few_rejects,
        ),
    ),
    "embeddings": (
        Rule(
            "every_text_has_a_vector", "Every distinct text has a vector.", "Run the stage again; where the embedder is served, look at its server.",
            row_checks.vectors_are_complete, True,
        ),
    ),
    "facets": (
        Rule(
            "questions_are_written", "Each facet has a question with examples.",
            "Write the question yourself: taxonomy.question and taxonomy.examples.", row_checks.questions_are_written,
        ),
    ),
    "summaries": (
        Rule(
            "most_are_summarised", "At least {summarised} of the sample has a summary.",
            "Look at the table failures; another model, a larger engine.context_tokens or a smaller annotation.max_words may help. Then run again.",
            figure_checks.most_are_summarised,
        ),
    ),
    "generated_taxonomy": (
        Rule("first_names_differ", "No two categories have one name.", RENAME, row_checks.distinct_names("generated_taxonomy_id"), True),
    ),
    "updated_taxonomy": (
        Rule("updated_names_differ", "No two categories have one name.", RENAME, row_checks.distinct_names("updated_taxonomy_id"), True),
    ),
    "reviewed_taxonomy": (
        Rule("reviewed_names_differ", "No two categories have one name.", RENAME, row_checks.distinct_names("reviewed_taxonomy_id"), True),
    ),
    "selected_taxonomy": (
        Rule(
            "fits_the_use_case", "The corpus has to do with the use case.", "Check use_case, corpus.path and corpus.text.",
            figure_checks.fits_the_use_case,
        ),
    ),
    "taxonomy": (
        Rule(
            "cites_most_documents", "Categories cite at least {cited} of the sample.",
            "Raise taxonomy.size.max or taxonomy.sample, or add what is missing: linnaeus taxonomy export, then apply.",
            figure_checks.cites_most_documents,
        ),
    ),
    "annotations": (
        Rule("labels_exist", "Every label is a category of its taxonomy.", SPOILT, row_checks.labels_exist, True),
        Rule(
            "few_answers_fail", "At most {failed} of the documents asked about have no valid answer.",
            "Look at the table failures and at the model server's log; what failed is asked again by the next run.", figure_checks.few_answers_fail,
        ),
    ),
    "labels": (
        Rule("teacher_labels_exist", "Every label is a category of its taxonomy.", SPOILT, row_checks.labels_exist, True),
        Rule(
            "most_are_covered", "At least {covered} of the labelled documents have a category.",
            "Look at documents without one (labelled_documents where category is null); add a category, or lower annotation.abstain.",
            figure_checks.most_are_covered,
        ),
        Rule(
            "few_fit_nothing", "At most {other} of the labelled documents fit none of the categories.",
            "The taxonomy lacks something: raise taxonomy.size.max, or add a category with linnaeus taxonomy export, then apply.",
            figure_checks.few_fit_nothing,
        ),
    ),
    "written_examples": (
        Rule(
            "examples_are_no_documents", "No text that a model wrote has a label or a prediction.", SPOILT,
            row_checks.examples_are_no_documents, True,
        ),
    ),
    "classifier": (
        Rule(
            "artefact_is_whole", "The files of the student in use have the checksum of its row.",
            "Run the stage classifier again, which trains it anew, or go back: linnaeus students rollback.", row_checks.artefact_is_whole, True,
        ),
        Rule(
            "beats_the_majority", "The student agrees with its teacher more than one answer for all would.", MORE_LABELS,
            figure_checks.beats_the_majority,
        ),
    ),
    "predictions": (
        Rule(
            "everything_is_predicted", "Every document has a prediction.", "Run the stages embeddings and predictions again.",
            row_checks.everything_is_predicted, True,
        ),
        Rule(
            "predictions_exist", "Every prediction is a category of the student's taxonomy.", SPOILT, row_checks.predictions_exist, True,
        ),
        Rule(
            "few_abstained", "The student abstains on at most {abstained} of the documents.", f"{MORE_LABELS} Or allow more errors: certainty.risk.",
            figure_checks.few_abstained,
        ),
        *DRIFT_CHECKS,
    ),
    "cascade": (
        Rule(
            "promise_is_kept", "Where an accuracy is promised, some of the student's labels keep it.",
            "Raise annotation.promise.checks, or promise a lower accuracy.", figure_checks.promise_is_kept,
        ),
    ),
    "definition_checks": (
        Rule(
            "few_gaps", "Some definition fits all but at most {gap} of the documents.",
            "The taxonomy lacks something, or a definition is too narrow: read the documents that none fits (docs/how-to/judge-a-taxonomy.md).",
            taxonomy_checks.few_gaps,
        ),
        Rule(
            "little_overlap", "Several definitions fit at most {overlap} of the documents.",
            "Tell the categories apart in their descriptions, or merge them: linnaeus taxonomy export, then apply.", taxonomy_checks.little_overlap,
        ),
    ),
    "repeated_labels": (
        Rule(
            "labels_hold", "At most {flipped} of the labels come out otherwise when asked again.",
            "Ask for votes (annotation.votes), or take a larger model: what flips is a guess.", taxonomy_checks.labels_hold,
        ),
    ),
    "baseline": (
        Rule(
            "same_size", "The baseline has as many clusters as the taxonomy has categories.", "Run the stage baseline again.", row_checks.same_size,
        ),
    ),
    "judgements": JUDGEMENT_CHECKS,
    "evaluation": (
        Rule(
            "not_below_the_baseline", "The student's ARI and NMI are not below the baseline's.",
            "Ask whether gold labels answer the use case; if they do, look at the taxonomy and raise annotation.sample.",
            figure_checks.not_below_the_baseline,
        ),
        Rule(
            "agrees_with_the_teacher", "The student agrees with the teacher on at least {agreement} of the held-out documents.", MORE_LABELS,
            figure_checks.agrees_with_the_teacher,
        ),
        Rule(
            "probabilities_hold", "The student's calibration error (ECE) is at most {calibration}, or no more than chance.",
            "Give known labels of more documents (corpus.gold, annotation.known), and do not rely on a threshold until then.",
            figure_checks.probabilities_hold,
        ),
        Rule(
            "no_part_is_much_worse", "No part of the corpus (language, length, time, rare labels, evaluation.slices) is much worse than the rest.",
            "Look at that part's documents. Label more of them, describe its categories better, or do not use these labels for it.",
            figure_checks.no_part_is_much_worse,
        ),
    ),
    "mistakes": MISTAKE_CHECKS,
    "report": (
        Rule(
            "page_is_small", "The report is there, and at most 3 MB.", "Run the stage again; where the page is larger, tell us what it holds.",
            row_checks.page_is_small,
        ),
    ),
}  # fmt: skip


def examine(rule: Rule, stage: str, session: Session) -> Finding:
    """Test a rule; of what is done once a facet, for each, where it has to hold for all."""
    with session.store.reader():  # opened once for all that a rule looks up
        if stage not in PER_FACET or len(session.project.facet_names) == 1:
            return rule.test(session)
        found = {facet: rule.test(session.view(facet)) for facet in session.project.facet_names}
    said = "; ".join(f"{facet}: {one.said}" for facet, one in found.items())
    figures = {f"{name}_of_{facet}": figure for facet, one in found.items() for name, figure in one.figures.items()}
    return Finding(all(one.passed for one in found.values()), said, figures)
