"""The method `topics`: read document by document, as TopicGPT does (Pham et al., NAACL 2024), with questions for a small model.

Generation: the model chooses for each document one of the topics so far or a new one, which it then names. Refinement:
topics that say the same are merged, rare ones are dropped. Assignment: each document of the sample is given a topic. Each
question depends on the answers before it and on nothing else, so that a run that was killed finds its way by the ledger.

What differs from TopicGPT: a closed choice comes first and only a new topic is written; what is chosen from several is put
to the model once more, alone against a new topic, since a small model hardly ever says of a list that nothing on it fits;
two topics are merged under the name of the larger one, where TopicGPT lets the model write one; no topics are given to start from.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.answers import CategoryAnswer
from pipeline.embedding import Embedder, Matrix
from pipeline.errors import TaxonomyError
from pipeline.fitting import DocumentPrompt, ask_posed
from pipeline.prompts import load_prompt
from pipeline.records import Category
from pipeline.serving.contract import Answer, Chat, Choice, Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.naming import alike_names, why_refused
from pipeline.taxonomy.sample import Group, Sample
from pipeline.taxonomy.versions import Draft, Version
from pipeline.text import content_words, name_key, tidy_description

__all__ = ["NEW_TOPIC", "TOPICS_PROMPTS", "generate_topics"]

TOPICS_PROMPTS = ("topic", "topic_new", "topic_merge")  # what the versions of this method are made with
NEW_TOPIC = Category("new", "A new topic", "None of the topics above fits the text.")
QUIET = 50  # documents without a new topic after which reading stops
NOT_FITTING = 0.15  # probability of "a new topic" beside one topic from which it counts as chosen
SHOWN = 40  # topics in one question; of more, those nearest to the text
MERGE_FROM = 0.5  # cosine of name and description from which TopicGPT has the model say whether to merge two topics
MERGE_NEAREST = 3  # topics that each one is compared with, at most
RAREST = 0.01  # share of the documents read that a topic needs, as in TopicGPT
SAME, DIFFERENT = "one topic", "two topics"


def generate_topics(sample: Sample, *, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    """Make a taxonomy of topics.

    There are at most `taxonomy.size.max`: the rarest beyond are dropped. Fewer than `taxonomy.size.min` are left only
    where the model brought no more, or gave some of them no document.

    :raises TaxonomyError: where there is no document, or the model names no topic.
    """
    if not len(sample):
        raise TaxonomyError(
            "There are 0 summarised documents to read topics from and at least 1 is needed. Add documents, or see why none was summarised."
        )
    draft = Draft(version_id, sample)
    reading = _Reading(draft, chat, embedder, project)
    read = reading.read()
    if not draft.categories:
        raise TaxonomyError(f"The model named no topic for {read} documents; the last answer was {reading.last}. Try a stronger generator.")
    brought = len(draft.categories)
    reading.merge()
    _drop_rare(draft, project)
    reading.assign()
    stop = f"stopped after {QUIET} documents without a new topic" if read < len(sample) else "all of them"
    note = f"read {read} of {len(sample)} documents, {stop}; {brought} topics found, {len(draft.categories)} kept"
    return draft.finish("generate", use_case=project.use_case, method="topics", note=note)


@dataclass
class _Reading:
    """A draft in the making, with everything a question needs and a vector a topic."""

    draft: Draft
    chat: Chat
    embedder: Embedder
    project: Project
    last: str = "none"
    vectors: dict[str, Matrix] = field(default_factory=dict)
    prompts: dict[tuple[str, ...], DocumentPrompt] = field(default_factory=dict)  # by the names of the topics offered

    def read(self) -> int:
        """Read documents until the last ones brought no new topic, and count those that were read."""
        found: dict[str, list[int]] = {}
        quiet = read = 0
        for index, text in enumerate(self.draft.sample.texts):
            if quiet == QUIET:
                break
            before = len(self.draft.categories)
            if key := self._topic_of(index, text):
                found.setdefault(key, []).append(index)
            quiet = 0 if len(self.draft.categories) > before else quiet + 1
            read += 1
        for key, indices in found.items():
            if len(indices) > 1:
                self.draft.cite(key, indices, f"{len(indices)} of the documents read are about it")
        return read

    def merge(self) -> None:
        """Ask of the topics most alike whether they are one, and merge the smaller into the larger one."""
        draft, fewest = self.draft, self.project.taxonomy.size.min
        for one, other in self._near_pairs():
            if len(draft.categories) <= fewest:
                return
            if one not in draft.categories or other not in draft.categories:
                continue
            larger, smaller = sorted((one, other), key=lambda key: -len(draft.groups[key]))
            if self._is_one(larger, smaller):
                draft.merge(smaller, larger, f"the model says that it is one topic with {draft.categories[larger].name!r}")

    def assign(self) -> None:
        """Give each document of the sample a topic; one that got no answer stays where the reading put it."""
        draft = self.draft
        given: dict[str, list[int]] = {key: [] for key in draft.categories}
        for index, key in enumerate(self._assigned()):
            if key is not None:
                given[key].append(index)
        for key, indices in given.items():
            if indices:
                draft.cite(key, indices, f"the model gave it {len(indices)} documents")
        for key in [key for key in draft.categories if not len(draft.groups[key])]:
            draft.drop(key, "the model gave it no document")

    def _topic_of(self, index: int, text: str) -> str | None:
        """Find the topic of a document, a new one where the model says so; None where it gives no usable answer."""
        keys = self._shown(text)
        by_name = {self.draft.categories[key].name: key for key in keys}
        if not keys:
            return self._new_topic(index, text, [])
        answer = self._ask(keys, text)
        if len(keys) > 1 and answer.text in by_name:
            answer = self._ask([by_name[answer.text]], text)
        if answer.outcome == "ok" and _is_new(answer):
            return self._new_topic(index, text, list(by_name))
        self.last = answer.outcome
        return by_name.get(answer.text or "")

    def _ask(self, keys: Sequence[str], text: str) -> Answer:
        offered = [*(self.draft.categories[key] for key in keys), NEW_TOPIC]
        return next(ask_posed([self._choice(offered).pose(text)], self.chat))[0]

    def _new_topic(self, index: int, text: str, taken: list[str]) -> str | None:
        answer, _ = next(ask_posed([self._writing(taken).pose(text)], self.chat))
        self.last = f"{answer.text!r}" if answer.text else answer.outcome
        if not isinstance(answer.value, CategoryAnswer):
            return None
        name, description = " ".join(answer.value.name.split()), tidy_description(answer.value.description)
        if why_refused(name, use_case=self.project.use_case) or content_words(name) == content_words(NEW_TOPIC.name):
            return None
        vector = self.embedder.embed([f"{name}. {description}"])[0]
        if (known := self._known(name, vector)) is not None:
            return known
        key = self.draft.add(name, description, Group((index,)), "named by the model from a document that no topic so far fitted")
        self.vectors[key] = vector
        return key

    def _known(self, name: str, vector: Matrix) -> str | None:
        """Find the topic whose name is one with a new name to a reader."""
        names = {key: category.name for key, category in self.draft.categories.items()}
        equal = [key for key, other in names.items() if name_key(other) == name_key(name)]
        keys = equal or self._nearest(vector)
        pairs = alike_names([*(names[key] for key in keys), name], embedder=self.embedder) if keys else []
        return next((keys[pair.first] for pair in pairs if pair.same and pair.second == len(keys)), None)

    def _shown(self, text: str) -> list[str]:
        if len(self.draft.categories) <= SHOWN:
            return list(self.draft.categories)
        return self._nearest(self.embedder.embed([text])[0])

    def _nearest(self, vector: Matrix) -> list[str]:
        """List the topics nearest to a vector, in the order in which they came: a list that changes little is computed once."""
        keys = list(self.draft.categories)
        likeness = np.array([float(self.vectors[key] @ vector) for key in keys])
        return [keys[place] for place in sorted(np.argsort(-likeness, kind="stable")[:SHOWN])]

    def _near_pairs(self) -> list[tuple[str, str]]:
        keys = list(self.draft.categories)
        matrix = np.stack([self.vectors[key] for key in keys])
        likeness = matrix @ matrix.T
        np.fill_diagonal(likeness, -1.0)
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :MERGE_NEAREST]
        pairs = {(min(one, int(other)), max(one, int(other))) for one in range(len(keys)) for other in nearest[one]}
        close = sorted((pair for pair in pairs if likeness[pair] >= MERGE_FROM), key=lambda pair: (-likeness[pair], pair))
        return [(keys[one], keys[other]) for one, other in close]

    def _is_one(self, larger: str, smaller: str) -> bool:
        prompt = load_prompt("topic_merge")
        first, second = self.draft.categories[larger], self.draft.categories[smaller]
        messages = prompt.render(use_case=self.project.use_case, first=first, second=second)
        question = Question("generate", prompt.fingerprint, messages, Choice((SAME, DIFFERENT)), prompt.about.max_tokens, seed=self.project.seed)
        return next(iter(self.chat.ask([question]))).text == SAME

    def _assigned(self) -> Iterator[str | None]:
        """Give the topic of each document in order."""
        texts, keys = self.draft.sample.texts, {category.name: key for key, category in self.draft.categories.items()}
        if len(keys) == 1:
            yield from list(keys.values()) * len(texts)
            return
        posed = (self._choice([self.draft.categories[key] for key in self._shown(text)]).pose(text) for text in texts)
        for answer, _ in ask_posed(posed, self.chat):
            yield keys.get(answer.text or "")

    def _choice(self, topics: Sequence[Category]) -> DocumentPrompt:
        names = tuple(topic.name for topic in topics)
        if names not in self.prompts:
            about = {"use_case": self.project.use_case, "categories": list(topics)}
            form, prompt = Choice(names), load_prompt("topic")
            self.prompts[names] = DocumentPrompt(prompt, form, purpose="generate", chat=self.chat, project=self.project, **about)
        return self.prompts[names]

    def _writing(self, taken: Sequence[str]) -> DocumentPrompt:
        language = "English" if self.project.taxonomy.language == "document" else self.project.taxonomy.language
        about = {"use_case": self.project.use_case, "language": language, "taken": list(taken)}
        form, prompt = Structured(CategoryAnswer), load_prompt("topic_new")
        return DocumentPrompt(prompt, form, purpose="generate", chat=self.chat, project=self.project, **about)


def _is_new(answer: Answer) -> bool:
    return answer.text == NEW_TOPIC.name or (answer.scores is not None and math.exp(answer.scores[NEW_TOPIC.name]) >= NOT_FITTING)


def _drop_rare(draft: Draft, project: Project) -> None:
    """Drop the topics that fewer than one document in a hundred read is about, and the rarest beyond the largest number."""
    bounds, read = project.taxonomy.size, sum(len(found) for found in draft.groups.values())
    for key in sorted(draft.groups, key=lambda key: len(draft.groups[key])):
        count = len(draft.groups[key])
        rare = count < RAREST * read and len(draft.categories) > bounds.min
        if rare or len(draft.categories) > bounds.max:
            why = f"fewer than {RAREST:.0%}" if rare else f"the fewest of more than {bounds.max} topics"
            draft.drop(key, f"{count} of the {read} documents read are about it, {why}")
