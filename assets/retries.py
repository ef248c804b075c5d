"""What Dagster does where a step could not be finished."""

import dagster as dg

from pipeline.errors import EngineError, LinnaeusError, StoreError

__all__ = ["failure"]

PASSING = (EngineError, StoreError)  # a server that is being restarted, a disk that is being cleared
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 300.0  # seconds before a stage is tried again


def failure(context: dg.OpExecutionContext | dg.AssetExecutionContext, error: LinnaeusError, retries: int) -> Exception:
    """Try again where waiting may help; what is finished is not done twice. The message says what a person can do."""
    if isinstance(error, PASSING) and context.retry_number < retries:
        pause = min(FIRST_PAUSE * 3**context.retry_number, LONGEST_PAUSE)
        context.log.warning(f"{error} Trying again in {pause:g} s ({context.retry_number + 1} of {retries}).")
        return dg.RetryRequested(max_retries=retries, seconds_to_wait=pause)
    return dg.Failure(description=str(error), allow_retries=False)
