"""What a step shares with those of other runs, of which Dagster lets one at a time."""

from pipeline.settings import Project
from pipeline.stages import ROLE_OF

__all__ = ["pool_of"]


def pool_of(project: Project, stage: str) -> str:
    """Name what a stage shares: its model server, or the tables of its project."""
    if stage not in ROLE_OF:
        return f"store_{project.name}"
    engine = project.engine_of(ROLE_OF[stage])
    where = "_".join(engine.base_url) or ("embedded" if engine.kind == "embedded" else engine.model)
    return "model_" + "".join(letter if letter.isalnum() else "_" for letter in where)
