"""What an endpoint answers with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.students import TextClassifier, TextPrediction

__all__ = ["Scored", "Served"]


@dataclass(frozen=True)
class Served:
    """A student with its embedder, and what is known of the categories beside their names, by id."""

    classifier: TextClassifier
    descriptions: Mapping[str, str] = field(default_factory=dict)

    @property
    def card(self) -> Mapping[str, Any]:
        """Give the student's card."""
        return self.classifier.student.card


@dataclass(frozen=True)
class Scored:
    """The predictions of one request, and which student has made them."""

    classifier_id: str
    predictions: list[TextPrediction]
