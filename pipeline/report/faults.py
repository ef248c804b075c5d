"""Where labels fail, worst first: pairs that are taken for one another, parts of the corpus, categories."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.records import Evaluation
from pipeline.report.contents import Confusion, Contents
from pipeline.report.quality import quality
from pipeline.report.words import cut, per_cent

__all__ = ["Fault", "Mixture", "documents_of", "errors_of", "faults", "in_place", "mixtures", "paired", "part_name", "worst_slice"]

NAME = 60  # characters of a name within a sentence
MUCH_WORSE = "_much_worse"  # how the metric of a warning ends
NONE = "(none)"


@dataclass(frozen=True)
class Fault:
    """One place where labels fail, as the end of a sentence, with the documents it costs and the share of all errors that they are."""

    kind: str
    sentence: str
    documents: int
    of_errors: float
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Mixture:
    """A category that is broader than the known labels, with those it holds, the largest first."""

    label: str
    parts: Sequence[Confusion]

    @property
    def beside(self) -> int:
        """Count the documents that are not of its largest known label."""
        return sum(part.n for part in self.parts[1:])


def documents_of(count: int) -> str:
    """Write a number of documents."""
    return f"{count:,} document" if count == 1 else f"{count:,} documents"


def part_name(slice_: str) -> str:
    """Write a part of the corpus as the end of "where"."""
    for sign, said in (("words<=", "at most "), ("words>", "more than "), ("words ", "")):
        if slice_.startswith(sign):
            return f"a document has {said}{slice_.removeprefix(sign)} words"
    name, equals, value = slice_.partition("=")
    return cut(f"{'the ' if name == 'label' else ''}{name} is {value}" if equals else slice_, NAME)


def paired(contents: Contents) -> dict[str, str]:
    """Pair each known label with the category that stands for it: the same name, or the best one-to-one match."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if contents.same_names:
        return {one.truth: one.truth for one in contents.confusions}
    truths = sorted({one.truth for one in contents.confusions})
    labels = sorted({one.label for one in contents.confusions if one.label})
    table = np.zeros((len(truths), len(labels)))
    for one in contents.confusions:
        if one.label:
            table[truths.index(one.truth), labels.index(one.label)] = one.n
    rows, columns = linear_sum_assignment(-table)
    return {truths[row]: labels[column] for row, column in zip(rows, columns, strict=True) if table[row, column] > 0}


def in_place(contents: Contents) -> set[tuple[str, str]]:
    """Give the pairs of known label and category that belong together.

    Where names differ, lists may be finer or coarser than one another: a known label belongs to the category that holds most of it, and to
    those of which it is the largest part.
    """
    right = set(paired(contents).items())
    if contents.same_names:
        return right
    given = [one for one in contents.confusions if one.label]
    for side in ("truth", "label"):
        best: dict[str, Confusion] = {}
        for one in given:
            name = getattr(one, side)
            if name not in best or one.n > best[name].n:
                best[name] = one
        right |= {(one.truth, one.label) for one in best.values()}
    return right


def mixtures(contents: Contents) -> list[Mixture]:
    """List the categories that hold several known labels whole, the largest first; none where names are the same."""
    if contents.same_names:
        return []
    right, parts = in_place(contents), dict[str, list[Confusion]]()
    for one in contents.confusions:
        if (one.truth, one.label) in right:
            parts.setdefault(one.label, []).append(one)
    found = [Mixture(label, tuple(sorted(of_one, key=lambda one: -one.n))) for label, of_one in parts.items() if len(of_one) > 1]
    return sorted(found, key=lambda one: (-one.beside, one.label))


def errors_of(contents: Contents) -> list[Confusion]:
    """List what is confused, the most frequent first."""
    right = in_place(contents)
    wrong = [one for one in contents.confusions if (one.truth, one.label) not in right]
    return sorted(wrong, key=lambda one: (-one.n, one.truth, one.label))


def faults(contents: Contents) -> list[Fault]:
    """List where labels fail, what costs most first; a part of the corpus comes first where it is clearly worse."""
    return [*_of_parts(contents), *sorted(_of_pairs(contents), key=lambda fault: -fault.documents)]


def worst_slice(contents: Contents) -> tuple[Evaluation, Evaluation] | None:
    """Give the part of the corpus that is much worse than the rest, as the evaluation warns of, with the figure of the whole."""
    found = quality(contents)
    if found is None:
        return None
    whole = found.figure
    for warning in sorted((one for one in contents.figures if one.metric.endswith(MUCH_WORSE)), key=lambda one: one.value):
        for one in contents.figures:
            same = (one.subject, f"{one.metric}{MUCH_WORSE}", one.slice, one.judge) == (warning.subject, warning.metric, warning.slice, warning.judge)
            if same and (one.subject, one.metric) == (whole.subject, whole.metric):
                return one, whole
    return None


def _of_parts(contents: Contents) -> Iterator[Fault]:
    worst = worst_slice(contents)
    if worst is not None:
        part, whole = worst
        said = f"where {part_name(part.slice)} ({per_cent(part.value)} of {part.n:,} against {per_cent(whole.value)})"
        yield Fault("slice", said, round(part.n * (1 - part.value)), 0.0, (part.slice,))


def _of_pairs(contents: Contents) -> Iterator[Fault]:
    wrong, n = errors_of(contents), sum(one.n for one in contents.confusions)
    total = sum(one.n for one in wrong)
    sizes = Counter[str]()
    for one in contents.confusions:
        sizes[one.truth] += one.n
    verb = "goes to" if contents.truth == "gold" else "becomes, with the student,"
    for one in wrong:
        label = cut(one.label or NONE, NAME)
        said = f"where “{cut(one.truth, NAME)}” {verb} “{label}” ({one.n:,} of its {sizes[one.truth]:,}, {per_cent(one.n / total)} of the errors)"
        if one.n >= 2 and n:
            yield Fault("pair", said, one.n, one.n / total, (one.truth, one.label))
