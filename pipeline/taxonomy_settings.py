"""What a project file says of its taxonomies: `taxonomy`, and one section of `facets` for each further one."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.engine_settings import Settings, Text

__all__ = ["FacetExampleSettings", "FacetSettings", "SizeRange", "TaxonomySettings"]


class SizeRange(Settings):
    """How few and how many categories are wanted."""

    min: int = Field(ge=2, le=200)
    max: int = Field(ge=2, le=200)

    @model_validator(mode="after")
    def _ordered(self) -> "SizeRange":
        if self.min > self.max:
            raise ValueError(f"taxonomy size: min {self.min} is larger than max {self.max}")
        return self


def _as_range(size: Any) -> Any:
    """Read an exact number as a range."""
    return {"min": size, "max": size} if isinstance(size, int) and not isinstance(size, bool) else size


Size = Annotated[SizeRange, BeforeValidator(_as_range)]


class FacetExampleSettings(Settings):
    """A text, and the answer that the question should get."""

    text: Text
    answer: Text


class TaxonomySettings(Settings):
    """How the categories are found."""

    size: Size = Field(SizeRange(min=8, max=20), description="Number of categories: an exact number, or {min, max} to choose within.")
    sample: int = Field(300, ge=10, description="Documents the categories are induced from.")
    minibatch: int | None = Field(
        None,
        ge=10,
        description="Documents of one step: the first makes, each further one updates; what the method carries when absent.",
    )
    summary_words: int = Field(20, ge=5, le=200, description="Longest summary; texts up to twice as long are their own summary.")
    language: Text = Field("English", description="Language of phrases, names and descriptions; document: that of each text, names in English.")
    method: Literal["tnt", "clusters", "topics", "given"] = Field(
        "tnt",
        description="tnt: this package's own. clusters: k-means, named. topics: document by document. given: the file of seeds.",
    )
    question: Text | None = Field(None, description="The question asked of each text; written by the generator from use_case when absent.")
    examples: tuple[FacetExampleSettings, ...] = Field(
        (), max_length=8, description="Texts with their answers, shown with the question: {text, answer}."
    )
    passes: int = Field(3, ge=1, le=20, description="Taxonomies made side by side, in other orders and with other seeds; the best is kept.")
    validation: int = Field(60, ge=10, description="Documents that make no category and choose among the passes.")
    grouping: Literal["auto", "vectors", "model"] = Field(
        "auto", description="Who groups a minibatch: the vectors, or a model that is strong enough; auto goes by `linnaeus exam`."
    )
    depth: int = Field(1, ge=1, le=5, description="Levels of categories.")
    children: Size = Field(SizeRange(min=2, max=8), description="Number of categories below each category of the level above.")
    seeds: Text | None = Field(None, description="File of categories to start from (CSV, YAML, JSON or SKOS), relative to this file.")
    cards: bool = Field(True, description="Write cues, exclusions and a labelling guide for the final categories.")

    @model_validator(mode="after")
    def _file_where_given(self) -> "TaxonomySettings":
        if self.method == "given" and self.seeds is None:
            raise ValueError("taxonomy.method is 'given' but taxonomy.seeds is missing; name the file that holds the categories")
        return self


class FacetSettings(Settings):
    """Another taxonomy on the same corpus."""

    use_case: Text = Field(description="The question that its labels answer.")
    question: Text | None = Field(None, description="As taxonomy.question, for this facet.")
    examples: tuple[FacetExampleSettings, ...] = Field((), max_length=8, description="As taxonomy.examples, for this facet.")
    size: Size | None = Field(None, description="As taxonomy.size, for this facet; the same when absent.")
    seeds: Text | None = Field(None, description="As taxonomy.seeds, for this facet.")
