"""Rules as annotators: what a person's labelling functions say, as labels like any other's."""

from collections.abc import Sequence
from difflib import get_close_matches

from pipeline.ids import content_id
from pipeline.records import Annotator, Document, Failure, Label, Outcome, Taxonomy
from pipeline.rules import LoadedRule, RuleAnswer

__all__ = ["apply_rules", "rule_annotator"]


def rule_annotator(rule: LoadedRule) -> Annotator:
    """Describe a rule as an annotator; its id is the hash of what the rule does, so that a renamed rule keeps its labels."""
    settings = {"rule": rule.name, "fingerprint": rule.fingerprint}
    return Annotator(content_id("annotator", ["rule", rule.fingerprint]), "rule", None, None, settings)


def apply_rules(documents: Sequence[Document], *, rules: Sequence[LoadedRule], taxonomy: Taxonomy) -> Outcome[Label]:
    """Apply each rule to each text; where a rule says nothing there is no label, and no probability is known of any.

    Of documents with the same text the first is shown to the rules, since a text has one label of an annotator.

    :return: labels, and failures where a rule went wrong (`rule_error`) or named no category that labels are given in (`not_an_option`).
    """
    texts = list({document.text_hash: document for document in reversed(documents)}.values())[::-1]
    ids = {category.name: category.category_id for category in taxonomy.leaves}
    records: list[Label] = []
    failures: list[Failure] = []
    for rule in rules:
        annotator_id = rule_annotator(rule).annotator_id
        for document, answer in zip(texts, rule.apply(texts), strict=True):
            if isinstance(answer, str) and answer in ids:
                records.append(Label(document.text_hash, taxonomy.taxonomy_id, annotator_id, ids[answer], None))
            elif answer is not None:
                failures.append(_failure(document, rule, answer, list(ids)))
    return Outcome(records, failures)


def _failure(document: Document, rule: LoadedRule, answer: RuleAnswer, names: list[str]) -> Failure:
    if isinstance(answer, Failure):
        return answer
    close = get_close_matches(str(answer), names, n=3) or names[:3]
    message = f"rule {rule.name} answers {answer!r:.200}, and the exact name of one of {len(names)} categories is expected, as: {', '.join(close)}"
    return Failure(document.text_hash, "not_an_option", message, 1)
