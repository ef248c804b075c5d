"""The parts of a project file that say when it runs by itself: its partitions, its schedule, its limits, and who is told."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from pipeline.engine_settings import Settings, Text

__all__ = ["AlertSettings", "CheckSettings", "Owner", "PartitionSettings", "ScheduleSettings"]

Share = Annotated[float, Field(ge=0, le=1)]
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
NAMES: Mapping[str, tuple[str, ...]] = {
    "month": ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of the week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
OWNER = re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z|]{2,7}\b|team:.+")  # what Dagster takes for one
PART = re.compile(r"^(\*|(?P<low>\w+)(-(?P<high>\w+))?)(/(?P<step>[1-9]\d*))?$")


def _cron(given: str) -> str:
    parts = given.lower().split()
    if len(parts) != len(FIELDS):
        raise ValueError("is no cron line; give five fields: minute, hour, day of the month, month, day of the week, as 0 3 * * *")
    for part, (name, least, most) in zip(parts, FIELDS, strict=True):
        if not all(_is_field(one, name, least, most) for one in part.split(",")):
            raise ValueError(f"has the {name} {part!r}; expected numbers from {least} to {most}, as 5, 1-5, */2 or *")
    return given


def _is_field(part: str, name: str, least: int, most: int) -> bool:
    found = PART.match(part)
    if found is None:
        return False
    named = NAMES.get(name, ())
    given = [end for end in (found["low"], found["high"]) if end is not None]
    ends = [int(end) if end.isdigit() else named.index(end) if end in named else most + 1 for end in given]
    return all(least <= end <= most for end in ends) and ends == sorted(ends)


def _zone(given: str) -> str:
    try:
        ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is no time zone; give one as UTC or Europe/Berlin") from error
    return given


def _owner(given: str) -> str:
    if not OWNER.fullmatch(given):
        raise ValueError("is no owner; give an e-mail address, or a team as team:support")
    return given


Cron = Annotated[Text, AfterValidator(_cron)]
Owner = Annotated[Text, AfterValidator(_owner)]


class PartitionSettings(Settings):
    """How the documents are parted, so that each part can be read and labelled by itself."""

    by: Literal["day", "batch"] = Field("day", description="day: by the day of each document; batch: by the file that it came in.")
    column: Text | None = Field(
        None,
        description="Column with the day or time of a document; without one the first date in the name of its file counts, as in 2026-01-31.jsonl.",
    )
    start: date | None = Field(None, description="First day; documents of earlier days go to rejects.")
    labelled: int = Field(
        0, ge=0, description="Documents of each partition that the model labels beside annotation.sample, to see whether students drift."
    )

    @model_validator(mode="after")
    def _days_begin(self) -> "PartitionSettings":
        if self.by == "day" and self.start is None:
            raise ValueError("partitions by day need a first day; give start, as 2026-01-01")
        if self.by == "batch" and (self.column or self.start):
            raise ValueError("partitions by batch are files; leave column and start out")
        return self


class ScheduleSettings(Settings):
    """When a project runs by itself; nothing does that is not given."""

    timezone: Annotated[Text, AfterValidator(_zone)] = Field("UTC", description="Time zone of the cron lines and of the days.")
    label: Cron | None = Field(None, description="Cron line by which new documents are labelled, as 0 3 * * *.")
    evaluate: Cron | None = Field(None, description="Cron line by which a student is trained anew and measured, as 0 5 * * 1.")
    propose: Cron | None = Field(None, description="Cron line by which a new taxonomy is proposed, never put in place, as 0 6 1 * *.")
    started: bool = Field(True, description="Whether all this runs as soon as Dagster does; false waits until it is turned on in the UI.")
    arrivals: bool = Field(False, description="Label files as they arrive in the folder of the corpus.")
    settle_seconds: int = Field(30, ge=0, description="Seconds for which a file must not have changed before it counts as whole.")
    days: int = Field(31, ge=1, le=400, description="Days back that are looked through for documents that came late or failed.")
    max_minutes: int | None = Field(None, ge=1, description="Minutes after which a run is ended; what is done is kept, and the next one goes on.")
    retries: int = Field(
        2, ge=0, le=10, description="Times that a stage is tried again after its model server or its disk failed, with growing pauses."
    )


class AlertSettings(Settings):
    """Who is told of runs that failed and of checks that want a look; the log always is."""

    file: Text | None = Field(None, description="File of JSON lines beside this one, to which each alert is added.")
    webhook: Text | None = Field(None, description="Address to which each alert is sent as JSON (POST).")
    webhook_env: Text | None = Field(None, description="Environment variable with a token that is sent as Authorization: Bearer.")


class CheckSettings(Settings):
    """Figures from which checks warn."""

    rejected: Share = Field(0.05, description="Largest share of the rows read that could not be used.")
    summarised: Share = Field(0.9, description="Least share of the sample that has a summary.")
    cited: Share = Field(0.9, description="Least share of the sample that a category of the taxonomy cites.")
    covered: Share = Field(0.9, description="Least share of the labelled documents that a category fits.")
    other: Share = Field(0.1, description="Largest share of the labelled documents that none of the categories fits.")
    failed: Share = Field(0.05, description="Largest share of the documents asked about that the model gave no valid answer for.")
    gap: Share = Field(0.1, description="Largest share of the documents that no definition fits; the lower end of the interval counts.")
    overlap: Share = Field(0.5, description="Largest share of the documents that several definitions fit; the lower end of the interval counts.")
    flipped: Share = Field(0.1, description="Largest share of labels that come out otherwise when asked again; the lower end of the interval counts.")
    agreement: Share = Field(0.5, description="Least agreement of the student with the teacher on held-out documents.")
    calibration: Share = Field(0.15, description="Largest calibration error (ECE) of the student.")
    abstained: Share = Field(0.5, description="Largest share of the documents that the student abstains on.")
    drift: Share = Field(0.2, description="Largest change of a partition's labels against those before, as total variation distance.")
    strangers: Share = Field(0.2, description="Largest share of a partition's documents that look like nothing the student learnt from.")
