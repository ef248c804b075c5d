"""Models that sit the exam: one that knows every answer, and one that knows none."""

import json

from pipeline.exam.paper import load_paper
from pipeline.serving.contract import Choice, Question

__all__ = [
    "QUESTIONS",
    "SENTENCES",
    "grouped",
    "hopeless",
    "numbered",
    "perfect",
]
QUESTIONS = {"format": 6, "cap": 6, "language": 6, "choice": 8, "long_prompt": 6, "stability": 8, "group": 2}
SENTENCES = {
    "German": "Die Bäckerei schließt im Herbst, weil sie niemand übernehmen will.",
    "French": "À partir de la semaine prochaine, la piscine ouvre à six heures pour ceux qui nagent avant le travail.",
    "Spanish": "Dos alumnos encontraron en el desván un mapa antiguo que muestra un túnel bajo la plaza.",
    "Italian": "Il mio aspirapolvere è troppo rumoroso e vorrei restituirlo perché i vicini si sono lamentati.",
    "Russian": "Вода в реке поднялась на полметра, и мост закрыт для машин.",
    "English": "A choir is looking for three more voices for its concert in December.",
}


def perfect(question: Question) -> str:
    paper, text = load_paper(), question.messages[-1].content
    name = question.prompt.split("@")[0]
    if name == "exam_format":
        return json.dumps(next(item.right for item in paper.format if item.text in text))
    if name == "exam_cap":
        return json.dumps({"categories": ["What comes often", "What comes seldom"]})
    if name == "exam_language":
        return SENTENCES[next(item.language for item in paper.language if item.text in text)]
    if name == "exam_group":
        return grouped(question)
    if name == "exam_guide":
        return next(item.right for item in paper.long_guide if item.text in text)
    short = [item.right for item in paper.choice if item.text in text]
    return short[0] if short else next(item.right for item in paper.long_text if item.telling in text)


def numbered(question: Question) -> dict[str, int]:
    """Read the numbers of a list of topics."""
    lines = [line.partition(". ") for line in question.messages[-1].content.splitlines()]
    return {topic: int(number) for number, _, topic in lines}


def grouped(question: Question) -> str:
    """Group a list of topics as its author did."""
    number = numbered(question)
    item = next(item for item in load_paper().group if set(item.group_of) == set(number))
    return json.dumps({"categories": [{"covers": [number[topic] for topic in topics], "name": name} for name, topics in item.groups.items()]})


def hopeless(question: Question) -> str:
    if isinstance(question.form, Choice):
        return question.form.options[0]
    return json.dumps({"categories": ["things"] * 12}) if question.prompt.startswith("exam_cap") else "lorem ipsum"
