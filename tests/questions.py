"""The questions of docs/sql.md, as the page has them."""

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["PAGE", "QUESTIONS", "Question", "asked_of"]

PAGE = (Path(__file__).parent.parent / "docs" / "sql.md").read_text(encoding="utf-8")
QUESTION = re.compile(
    r"^### (?P<title>.+)\n(?:(?!###).*\n)*?```sql\n(?P<sql>(?:(?!```).*\n)+)```\n\nThe (?P<whose>demo|shop):\n\n(?P<answer>(?:\|.*\n)+)", re.MULTILINE
)


class Question(NamedTuple):
    """A heading, its statement, whose answer is shown, and the answer as a table."""

    title: str
    sql: str
    whose: str
    answer: str

    @property
    def columns(self) -> list[str]:
        return [cell.strip() for cell in self.answer.splitlines()[0].strip("|").split("|")]

    @property
    def link(self) -> str:
        anchor = re.sub(r"[^\w -]", "", self.title.lower()).replace(" ", "-")
        return f"[{self.title}](../sql.md#{anchor})"


QUESTIONS = [Question(**found.groupdict()) for found in QUESTION.finditer(PAGE)]


def asked_of() -> dict[str, list[str]]:
    """Give links to the questions, by the views and tables that they are asked of."""
    found: dict[str, list[str]] = {}
    for question in QUESTIONS:
        for name in sorted(set(re.findall(r"\b(?:from|join) (\w+)", question.sql))):
            found.setdefault(name, []).append(question.link)
    return found
