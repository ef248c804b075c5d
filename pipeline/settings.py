"""The project file: one typed YAML file in `projects/` says everything a run depends on.

Unknown keys are refused and every mistake is listed at once, before anything is read or asked. Paths are relative to
the project file. Keys of servers are never written here: `engine.key_env` names the environment variable.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, StringConstraints, ValidationError, field_validator, model_validator

from pipeline.annotation_settings import AnnotationSettings, PromiseSettings, RuleSettings
from pipeline.corpus_settings import CorpusSettings, DialectSettings, Place, SampleSettings, format_of, missing_files
from pipeline.document_settings import NearSettings
from pipeline.embedder_settings import EmbedderName, EmbedderSettings, read_embedder
from pipeline.engine_settings import BudgetSettings, EngineSettings, PriceSettings, Settings, Text
from pipeline.errors import ProjectError
from pipeline.evaluation_settings import EvaluationSettings, JudgeSettings
from pipeline.schedule_settings import AlertSettings, CheckSettings, Owner, PartitionSettings, ScheduleSettings
from pipeline.student_settings import CertaintySettings, RareSettings, StudentSettings, usual_students
from pipeline.taxonomy_settings import FacetExampleSettings, FacetSettings, SizeRange, TaxonomySettings

__all__ = [
    "ASIDE",
    "MAIN",
    "NAME",
    "ROLES",
    "AlertSettings",
    "AnnotationSettings",
    "BudgetSettings",
    "CertaintySettings",
    "CheckSettings",
    "CorpusSettings",
    "DialectSettings",
    "EmbedderSettings",
    "EngineSettings",
    "EvaluationSettings",
    "FacetExampleSettings",
    "FacetSettings",
    "JudgeSettings",
    "PartitionSettings",
    "PriceSettings",
    "Project",
    "PromiseSettings",
    "RareSettings",
    "Role",
    "RuleSettings",
    "SampleSettings",
    "ScheduleSettings",
    "SizeRange",
    "StudentSettings",
    "TaxonomySettings",
    "explained_keys",
    "load_project",
]

Role = Literal["generator", "annotator"]  # what a model is asked for: the taxonomy, or the labels
ROLES: tuple[Role, ...] = ("generator", "annotator")
NAME = r"^[a-z][a-z0-9_]{0,39}$"
MAIN = "main"  # the facet of the project's own use case
ASIDE = "proposal"  # no facet, but where a proposed taxonomy is made beside those in use
Name = Annotated[str, StringConstraints(pattern=NAME)]
Engine = TypeVar("Engine", bound=EngineSettings)


class Project(Settings):
    """One project: a corpus, a use case and how to work on them."""

    name: Name = Field(description="Name of the project: lower case, digits and _; also the name of its Dagster group.")
    use_case: Text = Field(description="The question that the labels answer, as: what does the customer want")
    corpus: CorpusSettings
    engine: EngineSettings = EngineSettings()
    generator: EngineSettings | None = Field(None, description="Another engine for the taxonomy, with the keys of engine; engine when absent.")
    annotator: EngineSettings | None = Field(None, description="Another engine for the labels, with the keys of engine; engine when absent.")
    exam: Literal["off", "warn", "refuse"] = Field("warn", description="What a run does where a model failed what its role needs (`linnaeus exam`).")
    budget: BudgetSettings = BudgetSettings()
    embedder: EmbedderName | EmbedderSettings = Field(
        "all-minilm-l6-v2",
        description="Sentence embedder for grouping and for the students: all-minilm-l6-v2, which reads 256 tokens of a text, the faster "
        "all-minilm-l6-v2-static, all-minilm-l6-v2-windows, which reads all of it, or a server's {model, base_url, key_env}.",
    )
    taxonomy: TaxonomySettings = TaxonomySettings()
    facets: Mapping[Name, FacetSettings] = Field(
        {}, description="Further taxonomies on the same corpus, each with its use case, as {urgency: {use_case: ...}}."
    )
    annotation: AnnotationSettings = AnnotationSettings()
    students: tuple[StudentSettings, ...] = Field(
        default_factory=usual_students, min_length=1, description="Which classifiers are tried; the best one labels the corpus."
    )
    chosen_by: Literal["agreement", "macro_f1"] = Field(
        "agreement",
        description="What decides among students, on labels that they have not seen: agreement with them, or macro-F1, in which rare categories "
        "count as much as frequent ones.",
    )
    label_noise: Literal["ignore", "try"] = Field(
        "ignore",
        description="What is done about doubtful labels: nothing, or, with try, fewer of them where students then predict unseen labels better.",
    )
    rare: RareSettings = RareSettings()
    certainty: CertaintySettings = CertaintySettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    partitions: PartitionSettings | None = Field(
        None, description="Parts of the corpus that are read and labelled each by itself, as {by: day, column: created_at, start: 2026-01-31}."
    )
    schedule: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()
    owners: tuple[Owner, ...] = Field((), description="Who looks after the project: e-mail addresses, or teams as team:support.")
    checks: CheckSettings = CheckSettings()
    seed: int = Field(42, description="Seed of every random choice.")
    folder: Path = Field(Path(), exclude=True, description="Folder of the project file; filled in by load_project.")

    @field_validator("embedder", mode="before")
    @classmethod
    def _known_embedder(cls, given: object) -> object:
        return read_embedder(given)

    @model_validator(mode="after")
    def _files_beside_the_project(self) -> "Project":
        for section in ("engine", "generator", "annotator"):
            engine: EngineSettings | None = getattr(self, section)
            if engine is not None:
                object.__setattr__(self, section, _with_files_of(engine, self.folder))
        judges = tuple(_with_files_of(judge, self.folder) for judge in self.evaluation.judges)
        object.__setattr__(self, "evaluation", self.evaluation.model_copy(update={"judges": judges}))
        return self

    @model_validator(mode="after")
    def _samples_that_arriving_files_do_not_change(self) -> "Project":
        if self.partitions is not None and self.corpus.sample is not None and self.corpus.sample.rows is not None:
            raise ValueError(
                "corpus.sample.rows is taken from the whole corpus, and partitions are read one by one; give corpus.sample.share, as 0.1"
            )
        return self

    @model_validator(mode="after")
    def _facets_of_their_own(self) -> "Project":
        if taken := [name for name in (MAIN, ASIDE) if name in self.facets]:
            raise ValueError(f"facets holds {', '.join(taken)}, which Linnaeus uses itself; give the facet another name")
        return self

    @model_validator(mode="after")
    def _prices_where_money_is_capped(self) -> "Project":
        engines = [*map(self.engine_of, ROLES), *self.evaluation.judges]
        if self.budget.money is not None and any(engine.prices is None for engine in engines):
            raise ValueError("budget.money is set, but an engine has no prices; give engine.prices, as {input: 0.15, output: 0.6}")
        return self

    @model_validator(mode="after")
    def _slices_by_columns_that_are_kept(self) -> "Project":
        known = {*self.corpus.metadata, *(["language"] if self.corpus.language or self.corpus.detect_language else [])}
        if missing := [column for column in self.evaluation.slices if column not in known]:
            raise ValueError(f"evaluation.slices names {', '.join(missing)}, which corpus.metadata does not keep; add what is missing there")
        return self

    def facet(self, name: str) -> "Project":
        """Give the project as one facet sees it: with its use case and what it says of its taxonomy."""
        if name == MAIN:
            return self
        facet = self.facets[name]
        changes = {"question": facet.question, "examples": facet.examples, "seeds": facet.seeds, "size": facet.size or self.taxonomy.size}
        return self.model_copy(update={"use_case": facet.use_case, "taxonomy": self.taxonomy.model_copy(update=changes)})

    @property
    def facet_names(self) -> tuple[str, ...]:
        """Name the facets, the project's own use case first."""
        return (MAIN, *self.facets)

    def engine_of(self, role: Role) -> EngineSettings:
        """Give the engine of a role: its own section, or `engine`."""
        return (self.generator if role == "generator" else self.annotator) or self.engine

    @property
    def embedder_name(self) -> str:
        """Name the embedder; a served one by its model, wherever it is served."""
        return self.embedder if isinstance(self.embedder, str) else f"{self.embedder.model}@served"

    @property
    def student(self) -> StudentSettings:
        """Give the first student, whose penalties and folds serve the quick ones that stand beside the labels."""
        return self.students[0]

    @property
    def corpus_places(self) -> tuple[Place, ...]:
        """Give the paths and patterns of the corpus."""
        return tuple(Place(one, self.folder) for one in self.corpus.paths)

    @property
    def corpus_path(self) -> Path:
        """Give the corpus path; of a pattern, or of several paths, the folder that all files lie below."""
        first, *others = self.corpus_places
        if not others:
            return first.base
        bases = [place.base if place.is_pattern or place.path.is_dir() else place.base.parent for place in (first, *others)]
        return Path(os.path.commonpath([base.absolute() for base in bases]))

    @property
    def corpus_format(self) -> str:
        """Give the corpus format, taken from the ending of the first path, or of the first file that it finds, where it is `auto`."""
        if self.corpus.format != "auto":
            return self.corpus.format
        first, *others = self.corpus_places
        known = (format_of(path) for path in [first.given, *(first.matches() if first.is_pattern else ())])
        return next(filter(None, known), "text" if others or first.is_pattern or first.path.is_dir() else "hub")


def _with_files_of(engine: Engine, folder: Path) -> Engine:
    """Resolve the files that an engine names against the project file's folder, where they are there."""
    found: dict[str, str] = {}
    if engine.kind == "embedded" and (beside := folder / Path(engine.model).expanduser()).suffix == ".gguf" and beside.exists():
        found["model"] = str(beside)
    if engine.ca_file and (certificate := folder / Path(engine.ca_file).expanduser()).exists():
        found["ca_file"] = str(certificate)
    return engine.model_copy(update=found) if found else engine


def load_project(path: Path) -> Project:
    """Read and check a project file.

    :raises ProjectError: with every mistake of the file, one a line.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(f"There is no project file {path}. `linnaeus init` writes one.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ProjectError(f"{path} must hold a mapping of keys, and holds {type(raw).__name__}. `linnaeus init` writes one to start from.")
    mistakes: list[str] = []
    project: Project | None = None
    if "folder" in raw:
        mistakes.append("folder: unknown key")
        raw = {key: value for key, value in raw.items() if key != "folder"}
    try:
        project = Project.model_validate({**raw, "folder": path.resolve().parent})
    except ValidationError as error:
        mistakes += [_describe(mistake) for mistake in _causes(error)]
    mistakes += missing_files(raw.get("corpus"), path.resolve().parent)
    if mistakes or project is None:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}"
        raise ProjectError(f"{path} has {count}:\n" + "\n".join(f"  - {mistake}" for mistake in mistakes))
    return project


def _causes(error: ValidationError) -> Iterator[Any]:
    """Leave out that a list is too short where it is so only because one of its items is wrong."""
    places = [mistake["loc"] for mistake in error.errors()]
    for mistake in error.errors():
        depth = len(mistake["loc"])
        if mistake["type"] != "too_short" or not any(len(place) > depth and place[:depth] == mistake["loc"] for place in places):
            yield mistake


def _describe(mistake: Any) -> str:
    place = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        return f"{place}: unknown key; the keys here are {', '.join(_keys_beside(mistake['loc']))}"
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "string_pattern_mismatch":
        message = "must be lower-case letters, digits and _, starting with a letter"
    found = "" if mistake["type"] == "missing" or isinstance(mistake["input"], dict) else f" (found {mistake['input']!r})"
    return f"{place}: {message}{found}" if place else f"{message}{found}"


def _keys_beside(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Project
    for part in location[:-1]:
        sections: dict[str, type[BaseModel]] = {
            "corpus": CorpusSettings, "dialect": DialectSettings, "sample": SampleSettings, "near_duplicates": NearSettings,
            "engine": EngineSettings, "generator": EngineSettings, "annotator": EngineSettings,
            "prices": PriceSettings, "budget": BudgetSettings, "taxonomy": TaxonomySettings, "size": SizeRange,
            "annotation": AnnotationSettings, "promise": PromiseSettings, "rules": RuleSettings, "students": StudentSettings,
            "rare": RareSettings, "certainty": CertaintySettings, "evaluation": EvaluationSettings, "judges": JudgeSettings,
            "partitions": PartitionSettings,
            "schedule": ScheduleSettings, "alerts": AlertSettings, "checks": CheckSettings,
        }  # fmt: skip
        model = sections.get(str(part), model)
    return [key for key in model.model_fields if key != "folder"]


def explained_keys(model: type[BaseModel] = Project) -> Iterator[tuple[str, str]]:
    """List every key of a section with its description, in order."""
    for key, definition in model.model_fields.items():
        if key != "folder":
            yield key, definition.description or (definition.annotation.__doc__ or "" if definition.annotation else "")
