"""Calls the handler once for each request: the entry of ``IdempotentFunction``."""

import os
from typing import Any

from aws_lambda_powertools.utilities.jmespath_utils import query
from aws_lambda_powertools.utilities.typing import LambdaContext

from .work import register_lambda_context, run_once
from .wrapped import wrapped

__all__ = ["handler"]

_handler = wrapped()
_KEY = os.environ.get("RUN_ONCE_KEY_PATH")
_VALIDATED = os.environ.get("RUN_ONCE_VALIDATION_PATH")


def handler(event: Any, context: LambdaContext) -> Any:
    """Call the handler, or return what it returned before.

    A batch of a queue or a stream is no request: Lambda delivers its records again in other batches. The handler gets
    it as it is, and calls ``run_once`` for each record.
    """
    register_lambda_context(context)
    if _is_batch(event):
        return _handler(event, context)
    # The retries of an asynchronous invocation have its request id.
    identity = context.aws_request_id if _KEY is None else query(data=event, envelope=_KEY)
    validated = None if _VALIDATED is None else query(data=event, envelope=_VALIDATED)
    return run_once(identity, lambda: _handler(event, context), validated=validated)


def _is_batch(event: Any) -> bool:
    records = event.get("Records") if isinstance(event, dict) else None
    first = records[0] if isinstance(records, list) and records else None
    return isinstance(first, dict) and "eventSourceARN" in first
