"""Labelling functions: a person's own rules, in SQL or Python, that give a document a category or say nothing."""

from pipeline.rules.contract import LoadedRule, RuleAnswer
from pipeline.rules.load import load_rules

__all__ = ["LoadedRule", "RuleAnswer", "load_rules"]
