"""The partitions of a project as Dagster knows them, and which of them a run is about."""

from collections.abc import Collection

import dagster as dg

from pipeline.settings import Project

__all__ = ["END", "PARTED", "START", "batches_name", "partitions_of", "range_tags", "run_partitions"]

# Stages whose rows hang on single documents; taxonomy, student and evaluation are about all of them.
PARTED = frozenset({"documents", "embeddings", "annotations", "labels", "predictions"})
ONE, START, END = "dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def batches_name(project: Project) -> str:
    """Name the set of batches of a project in the Dagster instance."""
    return f"{project.name}_batches"


def partitions_of(project: Project) -> dg.PartitionsDefinition[str] | None:
    """Give the partitions of a project; None where it has none. The present day is one, though it is not over."""
    parted = project.partitions
    if parted is None:
        return None
    if parted.by == "batch" or parted.start is None:
        return dg.DynamicPartitionsDefinition(name=batches_name(project))
    return dg.DailyPartitionsDefinition(parted.start.isoformat(), timezone=project.schedule.timezone, end_offset=1)


def run_partitions(project: Project, run: dg.DagsterRun, instance: dg.DagsterInstance) -> tuple[str, ...]:
    """Give the partitions that a run is about, whatever the asset; none where it is about all documents."""
    tags = run.tags
    if START in tags and END in tags:
        keys = _keys(project, instance)
        return tuple(keys[keys.index(tags[START]) : keys.index(tags[END]) + 1])
    return (tags[ONE],) if ONE in tags else ()


def range_tags(project: Project, instance: dg.DagsterInstance, names: Collection[str]) -> dict[str, str]:
    """Give the tags by which a run is about some partitions and all between them; none where the project has none of these.

    Each partition of a run costs Dagster some writes a stage, so that a run names those that it is about.
    """
    if project.partitions is not None and project.partitions.by == "batch":
        instance.add_dynamic_partitions(batches_name(project), sorted(names))
    keys = [key for key in _keys(project, instance) if key in names]
    return {START: keys[0], END: keys[-1]} if keys else {}


def _keys(project: Project, instance: dg.DagsterInstance) -> list[str]:
    definition = partitions_of(project)
    return list(definition.get_partition_keys(dynamic_partitions_store=instance)) if definition is not None else []
