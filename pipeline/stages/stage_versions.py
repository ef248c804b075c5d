"""What makes a stage's rows, hashed: the prompts it asks with, the settings it reads, the models and the numbers of its methods.

Dagster shows an asset as out of date where this differs from what made its rows. What a stage reads of the rows of another is
not in it: that one's new rows are news enough. The rows themselves hang on ids of their own, which say more.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from pipeline.annotation.teacher import METHOD as TEACHING
from pipeline.annotation.votes import METHOD as VOTING
from pipeline.annotation.writing import METHOD as WRITING
from pipeline.corpus_settings import CorpusSettings
from pipeline.evaluation.definition_checks import METHOD as CHECKING
from pipeline.evaluation.definition_design import METHOD as DESIGNING
from pipeline.evaluation.judged import METHOD as EVALUATING
from pipeline.evaluation.judging import METHOD as JUDGING
from pipeline.evaluation.judging import PROMPTS as JUDGE_PROMPTS
from pipeline.evaluation.mistakes import METHOD as SORTING
from pipeline.evaluation.repeats import METHOD as REPEATING
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.settings import Project, Role
from pipeline.students import METHOD as TRAINING
from pipeline.taxonomy.versions import METHOD as INDUCING
from pipeline.taxonomy.versions import PROMPTS as INDUCTION
from pipeline.weights import known_weights

__all__ = ["SETTINGS", "STAGE_PROMPTS", "WITHOUT_ROWS", "stage_version"]

LENGTH = 16  # characters of a version
OF_DAYS = "schedule.timezone"  # days are those of a time zone
ANNOTATION = ("annotate", "dictated")
TAXONOMY_STAGES = ("generated_taxonomy", "updated_taxonomy", "reviewed_taxonomy", "selected_taxonomy", "taxonomy")

# The prompts of each stage that asks a model. A version of a taxonomy is made anew where any prompt of induction changes.
STAGE_PROMPTS: Mapping[str, tuple[str, ...]] = {
    "facets": ("facet",),
    "summaries": ("phrase", "summarise"),
    **dict.fromkeys(TAXONOMY_STAGES, (*INDUCTION, "dictated")),
    "annotations": (*ANNOTATION, "evidence", "rationale"),
    "written_examples": ("example", *ANNOTATION),
    "cascade": ANNOTATION,
    "definition_checks": ("definition_check",),
    "repeated_labels": ANNOTATION,
    "baseline": ("name_cluster", *ANNOTATION),
    "mistakes": ("tie_break",),
    "judgements": (*JUDGE_PROMPTS, "dictated"),
}
QUESTIONS = ("use_case", "taxonomy.language", "taxonomy.question", "taxonomy.examples", "facets.*.use_case", "facets.*.question", "facets.*.examples")
CUT = ("annotation.max_words", "annotation.long_documents", "annotation.windows")
SHOWN = ("use_case", "facets.*.use_case", *CUT)
SAMPLE = (
    "taxonomy.sample",
    "annotation.sample",
    "annotation.selection",
    "annotation.held_out",
    "partitions.labelled",
    "corpus.near_duplicates",
    "seed",
)
# The settings that each stage reads, as places in the project file; * stands for each name there is.
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "documents": ("corpus", "seed", "partitions.by", "partitions.column", "partitions.start", OF_DAYS),
    "embeddings": ("embedder_name",),
    "facets": QUESTIONS,
    "summaries": (*QUESTIONS, *SHOWN, "taxonomy.sample", "taxonomy.summary_words", "corpus.near_duplicates"),
    **dict.fromkeys(TAXONOMY_STAGES, (*SHOWN, "taxonomy", "facets", "embedder_name", "seed")),
    "annotations": (
        *SHOWN, *SAMPLE, "annotation.levels", "annotation.shortlist", "annotation.shortlist_tokens", "annotation.recall", "annotation.demonstrations",
        "annotation.known", "annotation.evidence", "annotation.rationale", "annotation.votes", "annotation.reordered", "annotation.unsure",
        "annotation.rules", "embedder_name",
    ),
    "labels": (*SAMPLE, "annotation.abstain", "annotation.mode", "annotation.known", "annotation.rules", "student", "embedder_name"),
    "written_examples": (*SHOWN, "rare", "taxonomy.language", "seed", "embedder_name"),
    "classifier": (
        "students", "chosen_by", "label_noise", "certainty", "rare.least", "rare.fewest", "annotation.mode", "annotation.held_out",
        "annotation.known", "corpus.near_duplicates", "seed", "embedder_name",
    ),
    "predictions": (),  # all of it is in the student
    "cascade": (*SHOWN, "annotation.promise", "annotation.sample", "seed", "embedder_name"),
    "definition_checks": (*CUT, *SAMPLE, "evaluation.definition_sample", "embedder_name"),
    "repeated_labels": (*SHOWN, *SAMPLE, "evaluation.repeat_sample", "embedder_name"),
    "baseline": (*SHOWN, *SAMPLE, "taxonomy.language", "annotation.known", "evaluation.baseline", "evaluation.told_sample", "embedder_name"),
    "mistakes": ("taxonomy.language", "annotation.known", "annotation.held_out", "embedder_name", "seed"),
    "judgements": (
        "use_case", *SHOWN[2:], "evaluation.judge_models", "evaluation.judge_sample", "evaluation.judge_repeats", "annotation.held_out",
        "annotation.sample", "embedder_name", "seed",
    ),
    "evaluation": (
        "evaluation.resamples", "evaluation.slices", "evaluation.definition_sample", "evaluation.repeat_sample",
        "annotation.held_out", "annotation.mode", "annotation.known", "seed",
    ),
    "report": ("name", "use_case", "facets.*.use_case", "corpus.licence", "corpus.limits"),
}  # fmt: skip
# What changes no row; of an engine, only the identity of its model does.
WITHOUT_ROWS = frozenset({"name", "engine", "generator", "annotator", "exam", "budget", "schedule", "alerts", "owners", "checks", "folder"})
TOLD = {"licence", "limits"}  # keys of corpus that are for people alone
ROLES_OF: Mapping[str, tuple[Role, ...]] = {
    **dict.fromkeys(("facets", "summaries", *TAXONOMY_STAGES, "mistakes"), ("generator",)),
    "baseline": ("generator", "annotator"),
    "annotations": ("annotator",),
    "written_examples": ("generator", "annotator"),
    "cascade": ("annotator", "generator"),
    "definition_checks": ("annotator",),
    "repeated_labels": ("annotator",),
    "judgements": ("annotator",),
}
METHODS: Mapping[str, tuple[int | str, ...]] = {
    **dict.fromkeys(TAXONOMY_STAGES, (INDUCING,)),
    "labels": (TEACHING, VOTING, TRAINING),
    "written_examples": (WRITING,),
    "classifier": (TRAINING,),
    "definition_checks": (CHECKING, DESIGNING),
    "repeated_labels": (REPEATING,),
    "judgements": (JUDGING,),
    "evaluation": (EVALUATING,),
    "mistakes": (SORTING,),
}
# Stages that a project may do without: whatever else changes then makes no row.
NOTHING_TO_DO: Mapping[str, Callable[[Project], bool]] = {
    "written_examples": lambda project: not project.rare.written,
    "cascade": lambda project: project.annotation.promise is None,
    "definition_checks": lambda project: not project.evaluation.definition_sample,
    "repeated_labels": lambda project: not project.evaluation.repeat_sample,
    "judgements": lambda project: not project.evaluation.judge_sample,
    "baseline": lambda project: project.corpus.gold is None or not project.evaluation.baseline,
}


def stage_version(project: Project, stage: str) -> str:
    """Hash what determines a stage's rows beside the rows that it reads."""
    if stage in NOTHING_TO_DO and NOTHING_TO_DO[stage](project):
        return _short([stage, "nothing to do"])
    prompts = [load_prompt(name).fingerprint for name in STAGE_PROMPTS.get(stage, ()) if name not in _unasked(project)]
    places = [place for place in SETTINGS[stage] if place != OF_DAYS or project.partitions is not None]
    settings = {place: _plain(_at(project, place.split("."))) for place in places}
    models = {role: _identity(project, role) for role in ROLES_OF.get(stage, ())}
    return _short([stage, prompts, settings, models, list(METHODS.get(stage, ())), _files(project, stage)])


def _unasked(project: Project) -> set[str]:
    """Name the prompts that this project asks nothing with."""
    wanted = project.annotation
    return set() if wanted.evidence and wanted.rationale else {"rationale"} if wanted.evidence else {"evidence", "rationale"}


def _at(section: Any, place: list[str]) -> Any:
    """Give what is at a place of the project file; None where a section above it is left out."""
    if not place or section is None:
        return section
    if place[0] == "*":
        return {name: _at(one, place[1:]) for name, one in sorted(section.items())}
    return _at(getattr(section, place[0]), place[1:])


def _plain(value: Any) -> Any:
    """Write settings as JSON can."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude=TOLD if isinstance(value, CorpusSettings) else None)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _identity(project: Project, role: Role) -> str:
    """Name the model of a role, with the weights where these are known; nothing is fetched for it."""
    engine = project.engine_of(role)
    weights = known_weights().get(engine.model) if engine.kind == "embedded" else None
    return engine.model if weights is None else f"{weights.name}@{weights.sha256[:12]}"


def _files(project: Project, stage: str) -> dict[str, str]:
    """Hash the files that a stage reads beside the corpus: seeds of taxonomies, and labelling functions; missing ones are told by the stage."""
    names: list[str] = []
    if stage in TAXONOMY_STAGES:
        names += [project.taxonomy.seeds or "", *(facet.seeds or "" for facet in project.facets.values())]
    if stage in {"annotations", "labels"}:
        names += [(rule.python or "").partition(":")[0] for rule in project.annotation.rules]
    paths = {name: project.folder / name for name in names if name}
    return {name: content_id("file", path.read_bytes().hex()) for name, path in paths.items() if path.is_file()}


def _short(made_of: list[Any]) -> str:
    return content_id("stage", made_of).rpartition(":")[2][:LENGTH]
