"""Calls the handler once for each time of a schedule, and alone: the entry of ``ScheduledFunction``."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from .records import count
from .work import AlreadyRunningError, register_lambda_context, run_alone, run_once
from .wrapped import wrapped

__all__ = ["handler"]

logger = Logger()
_handler = wrapped()


def handler(event: Any, context: LambdaContext) -> Any:
    """Call the handler, unless it was called for this time before, or still runs for another one.

    A call by hand, whose event has no ``scheduled_time``, runs once for its request id, and alone.
    """
    register_lambda_context(context)
    told = event.get("scheduled_time") if isinstance(event, dict) else None
    scheduled = told if isinstance(told, str) and told else None

    def run() -> Any:
        try:
            return run_alone("run", lambda: _handler(event, context))
        except AlreadyRunningError:
            logger.warning("Skipped: the run before it has not ended", scheduled_time=scheduled)
            count("SkippedRuns")
            return {"skipped": scheduled}

    return run_once(scheduled or context.aws_request_id, run)
