"""From the project's settings to the candidates that are tried."""

from collections.abc import Sequence
from typing import Any

from pipeline.student_settings import FRACTIONS, StudentSettings
from pipeline.students.choice import Candidate
from pipeline.students.fitting import Voice

__all__ = ["candidates_of", "features_of"]

# How much a voice counts beside the others before labels have a say: found on four corpora with gold labels (bench/README.md).
USUAL = {"embedding": 1.0, "words": 0.5, "characters": 0.5, "cards": 0.2, "metadata": 0.3}
USUAL_MEANS = 0.4
WORDS_PENALTY = 10.0  # C of the voices beside the embedding's: from 3 to 30 it makes no difference, and takes most of the time
NAMES = {"hidden": "hidden_layer_sizes"}  # scikit-learn's own names of parameters


def candidates_of(students: Sequence[StudentSettings], *, unlabelled: bool = True) -> list[Candidate]:
    """Make a candidate of each student's settings, in their order, each with a name of its own.

    :param unlabelled: whether there are unlabelled documents to learn from.
    """
    found: list[Candidate] = []
    for settings in students:
        widened = settings.widened if settings.unlabelled else "none"
        # Spreading weak labels over the labelled documents alone still mends some, which one voice among others may do.
        voices = _voices(settings, widened) if settings.kind == "voices" else (_single(settings, widened if unlabelled else "none"),)
        name = _name(settings, voices)
        same = sum(one.name == name or one.name.startswith(f"{name} (") for one in found)
        found.append(Candidate(f"{name} ({same + 1})" if same else name, voices))
    return found


def features_of(students: Sequence[StudentSettings]) -> set[str]:
    """Name all features that any of the students looks at."""
    return {feature for candidate in candidates_of(students) for voice in candidate.voices for feature in voice.features}


def _voices(settings: StudentSettings, widened: str) -> tuple[Voice, ...]:
    penalties = {feature: settings.penalties if feature == "embedding" else (WORDS_PENALTY,) for feature in settings.features}
    shifts = [("shift", values) for name, values in settings.grid.items() if name == "shift"]
    voices = [
        Voice(feature, "cards", ("cards",), usual=USUAL["cards"])
        if feature == "cards"
        else Voice(
            feature, "logistic_regression", (feature,), chosen=(("C", penalties[feature]), *shifts), usual=USUAL[feature], mixes=settings.mixes
        )
        for feature in settings.features
    ]
    if "embedding" in settings.features and settings.widened != "none":
        voices.append(Voice("means", "class_means", ("embedding",), widened, usual=USUAL_MEANS))
    return tuple(voices)


def _single(settings: StudentSettings, widened: str) -> Voice:
    chosen: dict[str, tuple[Any, ...]] = {"C": settings.penalties} if settings.kind == "logistic_regression" else {}
    for name, values in settings.grid.items():
        numbers = values if name in FRACTIONS else tuple(int(value) for value in values)
        chosen[NAMES.get(name, name)] = tuple((size,) for size in numbers) if name == "hidden" else numbers
    mixes = settings.mixes if settings.kind == "logistic_regression" else 0
    return Voice(settings.kind, settings.kind, settings.features, widened, tuple(sorted(chosen.items())), mixes=mixes)


def _name(settings: StudentSettings, voices: Sequence[Voice]) -> str:
    rare = [*["shifted"] * ("shift" in settings.grid), *["mixes"] * any(voice.mixes for voice in voices)]
    if settings.kind == "voices":
        return "voices: " + ", ".join([*(voice.name for voice in voices), *rare])
    only = voices[0]
    features = () if only.features in (("embedding",), ("text",)) else only.features
    return ", ".join([settings.kind, *features, *([only.widened] * (only.widened != "none")), *rare])
