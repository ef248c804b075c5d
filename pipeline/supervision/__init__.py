"""Keeps the commands of a Dagster installation running on one machine: logs, restarts, a clean stop, and nothing orphaned."""

from pipeline.supervision.commands import dagster_parts, liveness_command, write_workspace_file
from pipeline.supervision.liveness import Finding, how_it_lives
from pipeline.supervision.parts import Part
from pipeline.supervision.patience import Deaths, Patience
from pipeline.supervision.place import Place, PlaceRecord
from pipeline.supervision.signals import Told, told_to_stop
from pipeline.supervision.supervisor import Supervisor
from pipeline.supervision.up import keep_up

__all__ = [
    "Deaths",
    "Finding",
    "Part",
    "Patience",
    "Place",
    "PlaceRecord",
    "Supervisor",
    "Told",
    "dagster_parts",
    "how_it_lives",
    "keep_up",
    "liveness_command",
    "told_to_stop",
    "write_workspace_file",
]
