"""How good each annotator is: its labels held against what the others agree on without it.

An annotator would agree with itself in a consensus that holds its own vote, so that each one is left out in turn. One that
is flagged is no judge of the others either: the worst is taken off the panel, and the rest are judged again. Of two annotators
that differ both are flagged, because nothing shows which of them is wrong. The others err as well, so that the accuracy
found is as a rule below the true one; it ranks annotators, and is no substitute for known labels.

An annotator that errs at random is unreliable, and costs nothing but votes. One that is systematically wrong, malicious or
with another idea of the categories, is told apart: its labels would be right under other names.
"""

from collections.abc import Mapping, Sequence

from pipeline.annotation.flags import Comparison, flag_of
from pipeline.annotation.panel import Panel, panel_of
from pipeline.annotation.votes import Consensus, consensus_of
from pipeline.intervals import wilson
from pipeline.records import Label
from pipeline.trust_records import AnnotatorQuality

__all__ = ["annotator_quality"]

NO_NAMES: Mapping[str, str] = {}
Known = dict[frozenset[str], Mapping[str, int]]  # what some annotators agree on, by who they are


def annotator_quality(
    consensus: Consensus, votes: Sequence[Label], *, taxonomy_id: str, judge: str = "the other annotators", names: Mapping[str, str] = NO_NAMES
) -> list[AnnotatorQuality]:
    """Measure each annotator on the texts that others labelled as well; one that shares none with anybody is left out.

    :param consensus: of the same votes; tells the categories, whom to trust and which are rules.
    :param names: category names by id, for the words of the flags.
    """
    panel = panel_of(votes, consensus.categories)
    flags: dict[str, str] = {}
    known: Known = {}
    while True:
        compared = {annotator: _compared(annotator, panel, flags, consensus, known) for annotator in panel.said}
        worst = _worst(compared, panel.without(flags), consensus.trusted, names)
        if not worst:
            break
        flags |= worst
    return [_quality(comparison, taxonomy_id, judge, flags.get(annotator, "")) for annotator, comparison in compared.items() if comparison.shared]


def _compared(annotator: str, panel: Panel, flags: Mapping[str, str], consensus: Consensus, known: Known) -> Comparison:
    """Hold an annotator against the others that are not flagged, or against all others where that leaves none."""
    others = panel.without({annotator, *flags})
    if not others.said:
        others = panel.without({annotator})
    members = frozenset(others.said)
    if members not in known:
        found = consensus_of(others, trusted=consensus.trusted, rules=consensus.rules)
        places = {option: place for place, option in enumerate(panel.options)}
        known[members] = {text: places[label.option] for text, label in found.labels.items()}
    return Comparison(annotator, panel.said[annotator], known[members])


def _worst(compared: Mapping[str, Comparison], present: Panel, trusted: frozenset[str], names: Mapping[str, str]) -> dict[str, str]:
    """Give the flag of the worst annotator present; of the last two, those of one kind.

    A trusted one that says different things comes after all that are not trusted: most of those may be wrong together.
    """
    if len(present.said) < 2:
        return {}  # nobody is left to judge it by
    found = {annotator: flag_of(compared[annotator], panel=present, names=names) for annotator in present.said}
    order = sorted(((flag.kind > 0 and annotator in trusted, flag.kind), flag.kappa, annotator) for annotator, flag in found.items() if flag)
    alike = [annotator for kind, _, annotator in order if kind == order[0][0]]
    return {annotator: flag.words for annotator in (alike if len(present.said) == 2 else alike[:1]) if (flag := found[annotator])}


def _quality(comparison: Comparison, taxonomy_id: str, judge: str, flag: str) -> AnnotatorQuality:
    n = len(comparison.shared)
    low, high = wilson(comparison.accuracy, n)
    return AnnotatorQuality(taxonomy_id, comparison.annotator, comparison.accuracy, low, high, n, judge, flag)
