"""Linnaeus: unlabelled text in; a taxonomy, labels with probabilities, a small classifier and SQL tables out.

The package holds all logic and never imports Dagster. Its layers point one way: records (`records`, `ids`, `errors`,
`settings`, `text`), services with all I/O (`prompts`, `weights`, `serving`, `embedding`, `store`), steps that are pure
given their arguments (`corpus`, `taxonomy`, `annotation`, `students`, `evaluation`), and the shells `cli` and `assets`.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
