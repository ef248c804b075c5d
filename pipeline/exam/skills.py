"""What the exam looks at, how much of it is enough, and what each role needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.call_records import ExamResult
from pipeline.exam.paper import load_paper
from pipeline.settings import Role

__all__ = ["NEEDS", "SKILLS", "Skill", "carries"]


@dataclass(frozen=True)
class Skill:
    """One skill: the share of its questions from which it counts as passed, and what suffers without it."""

    name: str
    needed: float
    suffers: str


SKILLS: Mapping[str, Skill] = {
    skill.name: skill
    for skill in (
        # A bad object is asked for again, so that one in six costs time and no rows.
        Skill("format", 0.8, "summaries and category names will be missing or wrong (stages summaries, generated_taxonomy)"),
        # Sizes are also kept by code, which cuts and merges; a model that goes over every other time leaves that to chance.
        Skill("cap", 0.65, "the taxonomy will not keep to its size by itself (stages generated_taxonomy, updated_taxonomy)"),
        # Nothing mends a name in another language afterwards.
        Skill("language", 0.8, "names and phrases will come in other languages than taxonomy.language (stages summaries, generated_taxonomy)"),
        # Clear texts: whoever errs on more than a quarter of these labels real ones hardly better than by chance.
        Skill("choice", 0.75, "labels will be wrong on texts that are clear (stage annotations)"),
        # Two of three: well above the fifth that guessing gives, with room for one lapse at each place.
        Skill("long_prompt", 0.65, "long documents and large taxonomies will not be read to the end (stages summaries, annotations)"),
        # A label that changes with the order of the categories is noise that calibration cannot take out.
        Skill("stability", 0.75, "labels will depend on the order of the categories (stage annotations)"),
        # No role needs it: it says who groups. The shorter list alone is enough for a model to group by itself.
        Skill("group", 0.5, "the vectors will group and the model will name (stages generated_taxonomy, updated_taxonomy)"),
    )
}
NEEDS: Mapping[Role, tuple[str, ...]] = {
    "generator": ("format", "cap", "language", "long_prompt"),
    "annotator": ("choice", "long_prompt", "stability"),
}


def carries(results: Iterable[ExamResult]) -> int:
    """Say how many phrases a model can group in one question: as many as in the longest list it has passed; 0 where vectors must group."""
    passed = next((result.passed for result in results if result.skill == "group"), 0)
    return (0, *(len(item.group_of) for item in load_paper().group))[passed]
