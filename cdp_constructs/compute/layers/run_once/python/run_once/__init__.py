"""Does work once for each id, however often it is asked for; Powertools' idempotency with the table of a pattern.

    from run_once import run_once

    def handler(event, context):
        register_lambda_context(context)
        return run_once(event["order"], lambda: charge(event))

``IdempotentFunction`` wraps a handler by ``run_once.request.handler``, and ``ScheduledFunction`` by
``run_once.schedule.handler``, so that it is called once for each request, or each time of the schedule. What works on
batches calls ``run_once`` for each record.

Work that fails is forgotten, and done by the next attempt. Work whose process dies is done again once the time of that
invocation is over: give the id to what you call, or let what you write depend on it, and its effect is there once.
``POWERTOOLS_IDEMPOTENCY_DISABLED=true`` turns it off, for tests of your own.
"""

from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyKeyError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from .work import AlreadyRunningError, register_lambda_context, run_alone, run_once

__all__ = [
    "AlreadyRunningError",
    "IdempotencyAlreadyInProgressError",
    "IdempotencyKeyError",
    "IdempotencyPersistenceLayerError",
    "IdempotencyValidationError",
    "register_lambda_context",
    "run_alone",
    "run_once",
]
