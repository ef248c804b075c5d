"""The tree of named errors.

LinnaeusError
├── ProjectError            the project file: every mistake at once, before any model call
├── CorpusError             the corpus cannot be read, or holds too little to work on
├── WeightsError            model weights missing, damaged or not to be had
├── EngineError             the model server cannot be started or reached
│   └── EngineGoneError          it answered before and does not any more
├── BudgetReachedError      the run has spent what it may: what is finished is kept
├── ExamFailedError         a model failed what its role needs, and the project refuses to run with it
├── PromptError             a prompt file or its variables are wrong
├── TaxonomyError           no valid taxonomy could be made
│   └── TaxonomyFileError        a file of categories: every mistake at once, before anything is changed
├── TrainingError           the labels do not allow a student to be trained
├── ArtefactError           a stored student is damaged or does not belong here
├── EndpointError           the address of the HTTP endpoint cannot be had
├── ExportError             an export cannot be written where or as it was asked for
├── ReviewError             a review sheet cannot be made, or a filled one cannot be read
├── StudentError            a student cannot be found, compared or taken into use
├── SupervisionError        Dagster's processes cannot be kept running, or are kept by another process
└── StoreError              the DuckDB file cannot be opened, locked or written
    └── StoreLockedError         another process held the writer's lock for too long

A row that cannot be used is not an error but a `Reject`; a question that the model fails is a `Failure`.
Each message says what was found, what was expected and what to do.

    try:
        run(project)
    except LinnaeusError as error:
        print(error)
"""

__all__ = [
    "ArtefactError",
    "BudgetReachedError",
    "CorpusError",
    "EndpointError",
    "EngineError",
    "EngineGoneError",
    "ExamFailedError",
    "ExportError",
    "LinnaeusError",
    "ProjectError",
    "PromptError",
    "ReviewError",
    "StoreError",
    "StoreLockedError",
    "StudentError",
    "SupervisionError",
    "TaxonomyError",
    "TaxonomyFileError",
    "TrainingError",
    "WeightsError",
]


class LinnaeusError(Exception):
    """Stop the run with a message for the person who started it."""


class ProjectError(LinnaeusError):
    """Report every mistake of a project file."""


class CorpusError(LinnaeusError):
    """Report a corpus that cannot be read or holds too little."""


class WeightsError(LinnaeusError):
    """Report weights that are missing, damaged or not to be had."""


class EngineError(LinnaeusError):
    """Report a model server that cannot be started or reached."""


class EngineGoneError(EngineError):
    """Report a model server that answered before and does not any more."""


class BudgetReachedError(LinnaeusError):
    """Report that a run has spent what it may."""


class ExamFailedError(LinnaeusError):
    """Report a model that failed what its role needs."""


class PromptError(LinnaeusError):
    """Report a prompt file or variables that are wrong."""


class TaxonomyError(LinnaeusError):
    """Report that no valid taxonomy could be made."""


class TaxonomyFileError(TaxonomyError):
    """Report every mistake of a taxonomy file."""


class TrainingError(LinnaeusError):
    """Report labels from which no student can be trained."""


class ArtefactError(LinnaeusError):
    """Report a stored student that is damaged or does not belong here."""


class StudentError(LinnaeusError):
    """Report a student that cannot be found, compared or taken into use."""


class SupervisionError(LinnaeusError):
    """Report processes of Dagster that cannot be kept running."""


class EndpointError(LinnaeusError):
    """Report an address that the HTTP endpoint cannot listen on."""


class ReviewError(LinnaeusError):
    """Report a review sheet that cannot be made or read."""


class ExportError(LinnaeusError):
    """Report an export that cannot be written where or as it was asked for."""


class StoreError(LinnaeusError):
    """Report a DuckDB file that cannot be opened or written."""


class StoreLockedError(StoreError):
    """Report that another process held the writer's lock for too long."""
