"""Reads the rules of a project file, so that every mistake in them is known before any model is called."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import ProjectError
from pipeline.rules.contract import LoadedRule
from pipeline.rules.functions import load_function
from pipeline.rules.sql import SqlRule, check_condition
from pipeline.settings import RuleSettings

__all__ = ["load_rules"]


def load_rules(settings: Sequence[RuleSettings], folder: Path) -> list[LoadedRule]:
    """Load and check rules in order; Python files are run once to be loaded.

    :param folder: of the project file; a rule's Python file lies in it or below it, never outside.
    :raises ProjectError: with every mistake of every rule.
    """
    rules: list[LoadedRule] = []
    mistakes: list[str] = []
    for rule in settings:
        try:
            rules.append(_load(rule, folder))
        except ProjectError as error:
            mistakes.append(f"rule {rule.name}: {error}")
    mistakes += _repeated(rules)
    if mistakes:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}"
        raise ProjectError(f"annotation.rules has {count}:\n" + "\n".join(f"  - {mistake}" for mistake in mistakes))
    return rules


def _load(rule: RuleSettings, folder: Path) -> LoadedRule:
    if rule.python is not None:
        return load_function(rule.name, rule.python, folder)
    if rule.sql is None or rule.category is None:
        raise ProjectError("it has neither sql with a category nor python; give one of the two")
    check_condition(rule.sql)
    return SqlRule(rule.name, rule.category, rule.sql)


def _repeated(rules: Sequence[LoadedRule]) -> list[str]:
    """Find rules with one content: they would be one annotator that votes twice."""
    first: dict[str, str] = {}
    return [
        f"rule {rule.name}: it is the same as rule {first[rule.fingerprint]}; leave one of the two out"
        for rule in rules
        if first.setdefault(rule.fingerprint, rule.name) != rule.name
    ]
