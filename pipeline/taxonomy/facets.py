"""The use case as a question that is asked of each text, with examples: written once by the generator, open to a person's edit.

Where labels are not topics, the question is worth more than anything else: what kind of answer a question asks for is
not what it is about.
"""

from collections.abc import Sequence

from pipeline.answers import FacetAnswer
from pipeline.fitting import fit_texts
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Facet, FacetExample, FacetSource
from pipeline.serving.contract import Chat, Question, Structured
from pipeline.settings import Project
from pipeline.text import content_words, tidy_phrase

__all__ = ["SHOWN", "facet_id", "write_facet"]

SHOWN = 8  # texts shown to the generator: enough to see what they are like
ROUNDS = 3
LONGEST = 4  # words of an answer
ENOUGH = 3  # examples of four whose answers are kinds


def facet_id(name: str, project: Project, model: str) -> str:
    """Hash what determines a facet, apart from the texts shown: a corpus that grows keeps its question."""
    given = [project.taxonomy.question, [example.model_dump() for example in project.taxonomy.examples]]
    return content_id("facet", [name, project.use_case, project.taxonomy.language, load_prompt("facet").fingerprint, model, given])


def write_facet(name: str, texts: Sequence[str], *, chat: Chat, project: Project) -> Facet:
    """Ask the generator for the question and its examples; what the project file says of them stands.

    Examples whose answer repeats another's are left out. A generator that cannot do it leaves the use case as the question.
    """
    key = facet_id(name, project, chat.model)
    question, examples = project.taxonomy.question, [FacetExample(text=one.text, answer=one.answer) for one in project.taxonomy.examples]
    if question and examples:
        return Facet(key, name, project.use_case, question, tuple(examples), "user")
    answer = _ask(texts, chat=chat, project=project)
    written = _distinct([FacetExample(text=one.text, answer=tidy_phrase(one.answer)) for one in answer.examples]) if answer else []
    source: FacetSource = "user" if question else "generator" if answer else "use_case"
    asked = question or (answer.question.strip() if answer else _as_question(project.use_case))
    return Facet(key, name, project.use_case, asked, tuple(examples or written), source)


def _ask(texts: Sequence[str], *, chat: Chat, project: Project) -> FacetAnswer | None:
    prompt = load_prompt("facet")
    messages = fit_texts(
        lambda shown: prompt.render(use_case=project.use_case, language=_language(project), texts=shown),
        [" ".join(text.split()[:20]) for text in texts[:SHOWN]],
        chat=chat,
        max_tokens=prompt.about.max_tokens,
    )
    best: FacetAnswer | None = None
    for round_ in range(ROUNDS):
        question = Question("facet", prompt.fingerprint, messages, Structured(FacetAnswer), prompt.about.max_tokens, 0.3 * round_, seed=round_)
        answer = next(iter(chat.ask([question]))).value
        if isinstance(answer, FacetAnswer) and content_words(answer.question) and (best is None or _general(answer) > _general(best)):
            best = answer
        if best is not None and _general(best) >= ENOUGH:
            break
    return best


def _general(answer: FacetAnswer) -> int:
    """Count the different answers that say more than the words of their texts: those are kinds, and not parts of one text."""
    return len({tidy_phrase(one.answer) for one in answer.examples if not content_words(one.answer) <= content_words(one.text)})


def _distinct(examples: Sequence[FacetExample]) -> list[FacetExample]:
    """Keep the first example of each answer, without answers longer than the question asks for."""
    first = {answer: example for example in reversed(examples) if (answer := tidy_phrase(example["answer"])) and len(answer.split()) <= LONGEST}
    return list(first.values())[::-1]


def _as_question(use_case: str) -> str:
    return use_case[:1].upper() + use_case[1:].rstrip("?. ") + "?"


def _language(project: Project) -> str:
    return "English" if project.taxonomy.language == "document" else project.taxonomy.language
