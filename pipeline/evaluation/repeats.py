"""Whether an annotator says the same again where nothing changed that should matter: how texts are reworded for it, and how often labels flip."""

from collections.abc import Callable, Mapping, Sequence

from pipeline.evaluation.judged import Finding, Labels
from pipeline.evaluation.metrics import Figure
from pipeline.ids import content_id
from pipeline.intervals import wilson
from pipeline.records import Annotator

__all__ = ["AGAIN", "METHOD", "ORDER", "REWORDINGS", "flip_findings", "repeat_annotator"]

AGAIN, ORDER = "again", "order"  # the same question with another seed; the categories the other way round
ENDINGS = ".!?…\u3002\uff01\uff1f"  # the last three as Chinese and Japanese write them
METHOD = 1  # raise it whenever a text comes out otherwise


def _cased(text: str) -> str:
    """Write it in small letters; one that is so already with a capital at its beginning."""
    return text.lower() if text.lower() != text else text[:1].upper() + text[1:]


def _punctuated(text: str) -> str:
    """Take the marks off its end; set a full stop where there is none."""
    bare = text.rstrip().rstrip(ENDINGS)
    return bare if bare and bare != text.rstrip() else f"{text.rstrip()}."


# Each by a name of its own: a document is given one of them in turn.
REWORDINGS: Mapping[str, Callable[[str], str]] = {
    "case": _cased,
    "punctuation": _punctuated,
    "space": lambda text: f"\n  {text}  \n",
    "greeting": lambda text: f"Hello, {text}",
}


def repeat_annotator(annotator: Annotator, kind: str) -> Annotator:
    """Describe an annotator that is asked again in one way, as one of its own: its labels teach nobody and are shown to nobody as labels."""
    settings = {"repeats": annotator.annotator_id, "kind": kind, "method": METHOD}
    return Annotator(content_id("annotator", ["repeat", settings]), "repeat", annotator.model, annotator.prompt, settings)


def flip_findings(first: Labels, repeats: Mapping[str, Labels], names: Mapping[str, str], *, judge: str) -> list[Finding]:
    """Measure the share of labels that come out otherwise: by kind of repeat, over all kinds, and over all kinds by category of the first label.

    Where a document was asked again in several ways, over all kinds it counts once, with the share of its repeats that flip. That none fits
    is a label too. The intervals are Wilson's at the number of documents.

    :param repeats: by kind; texts that the first labels lack are left out.
    """
    flips: dict[str, dict[str, bool]] = {
        kind: {text: label != first[text] for text, label in sorted(labels.items()) if text in first} for kind, labels in repeats.items()
    }
    found = [_finding(f"kind={kind}", list(map(float, of_kind.values())), judge) for kind, of_kind in flips.items() if of_kind]
    reworded = [float(flip) for kind in REWORDINGS for flip in flips.get(kind, {}).values()]
    found += [_finding("kind=wording", reworded, judge)] if reworded else []
    by_text: dict[str, list[bool]] = {}
    for of_kind in flips.values():
        for text, flip in of_kind.items():
            by_text.setdefault(text, []).append(flip)
    shares = {text: sum(some) / len(some) for text, some in sorted(by_text.items())}
    found += [_finding("all", list(shares.values()), judge)] if shares else []
    for category, name in names.items():
        of_category = [share for text, share in shares.items() if first[text] == category]
        found += [_finding(f"category={name}", of_category, judge)] if of_category else []
    return found


def _finding(slice_: str, flips: Sequence[float], judge: str) -> Finding:
    value, n = sum(flips) / len(flips), len(flips)
    return Finding("annotator", "flip_rate", slice_, Figure(value, *wilson(value, n), n), judge)
