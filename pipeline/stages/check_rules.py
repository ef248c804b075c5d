"""What a check is: a claim about a stage's rows with its thresholds, what was found, and what to do where it does not hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.settings import Project
from pipeline.stages.session import Session

__all__ = ["Finding", "Rule", "percent"]


@dataclass(frozen=True)
class Finding:
    """Whether a claim holds, what was found in words, and the figures behind it, by name."""

    passed: bool
    said: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """A claim about a stage's rows; one that blocks and does not hold stops the stages after it, any other is a warning.

    `expected` names thresholds of the project's section `checks` in braces; `remedy` says what a person can do.
    """

    name: str
    expected: str
    remedy: str
    test: Callable[[Session], Finding]
    blocking: bool = False

    def expectation(self, project: Project) -> str:
        """Say what is expected, with the project's thresholds."""
        return self.expected.format(**{name: percent(share) for name, share in project.checks.model_dump().items()})


def percent(share: float) -> str:
    """Write a share as a person reads it, to a tenth of a percent."""
    return f"{round(100 * share, 1):g} %"
